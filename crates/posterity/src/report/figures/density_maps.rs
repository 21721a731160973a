//! The final density's posterior mean and standard deviation beside the truth.

use super::super::Figure;
use super::super::extension::DensityMaps;
use super::super::label;
use super::super::raster::Colours;
use super::super::svg::Svg;
use super::map::{Map, Scale, colour_bar};
use super::{LEFT, RIGHT, WIDTH};

/// Two maps, or three with the truth. `None` if shapes do not fit.
pub(in super::super) fn density_maps(maps: &DensityMaps) -> Option<Figure> {
    let DensityMaps { n, box_length, thickness, truth, mean, sd } = maps;
    let map = |name, values| Map { name, n: *n, box_length: *box_length, values };
    let mut row: Vec<Map> = truth.iter().map(|truth| map("truth", truth)).collect();
    row.extend([map("posterior mean", mean), map("posterior sd", sd)]);
    if !row.iter().all(Map::is_whole) {
        return None;
    }
    let gap = 24.0;
    let count = row.len() as f64;
    let side = (WIDTH - LEFT - RIGHT - gap * (count - 1.0)) / count;
    let mut svg = Svg::new("density_maps", "Posterior of the final density", WIDTH, 40.0 + side + 142.0);
    let densities = truth.iter().flatten().chain(mean).copied();
    let density = Scale::density(densities, Colours::Field);
    let spread = Scale::density(sd.iter().copied(), Colours::Spread);
    let last = row.len() - 1;
    for (i, map) in row.iter().enumerate() {
        let scale = if i == last { &spread } else { &density };
        let panel = map.draw(&mut svg, (LEFT + (side + gap) * i as f64, 40.0), side, scale, i == 0);
        panel.x_name(&mut svg, &label::mixed("[Mpc/$h$]"));
        if i == 0 {
            panel.y_name(&mut svg, &label::mixed("[Mpc/$h$]"), 62.0);
        }
    }
    let bar = 40.0 + side + 62.0;
    let shared = side * (count - 1.0) + gap * (count - 2.0);
    colour_bar(&mut svg, (LEFT, bar), shared, &density, "$1+\\delta$");
    colour_bar(&mut svg, (LEFT + shared + gap, bar), side, &spread, "sd of $\\delta$");
    let comma = if thickness.is_empty() { "" } else { ": " };
    let beside = if truth.is_some() { ", beside the truth on the same scale" } else { "" };
    Some(Figure {
        name: "density_maps",
        title: "Final density",
        caption: format!(
            "Posterior mean and standard deviation of the density{beside}; one slice of the box{comma}{thickness}. Scales \
             are asinh, so that voids and clusters are both seen."
        ),
        svg: svg.finish(),
    })
}
