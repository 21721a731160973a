//! An observed field beside simulations at draws of the posterior, all on one scale.

use super::super::axis::{Axis, Panel};
use super::super::label;
use super::super::raster::{Colours, data_uri};
use super::super::svg::{Anchor, INK, LARGE, Svg};
use super::super::{Figure, PredictiveMaps};
use super::map::{Scale, colour_bar};
use super::{LEFT, RIGHT, WIDTH};

/// Maps at the most.
const MOST: usize = 3;

/// A row of maps, the observed one first. `None` if shapes do not fit or there is no draw.
pub(in super::super) fn predictive_maps(maps: &PredictiveMaps) -> Option<Figure> {
    let PredictiveMaps { size: [n_x, n_y], observed, draws, .. } = maps;
    let n_cells = n_x.checked_mul(*n_y).filter(|n| *n > 0 && *n == observed.len())?;
    if draws.is_empty() || !draws.len().is_multiple_of(n_cells) {
        return None;
    }
    let all: Vec<&[f64]> = std::iter::once(observed.as_slice()).chain(draws.chunks_exact(n_cells)).take(MOST).collect();
    let gap = 24.0;
    let width = (WIDTH - LEFT - RIGHT - gap * (MOST - 1) as f64) / MOST as f64;
    // As wide as high a cell; long strips are shown less so.
    let height = width * (*n_y as f64 / *n_x as f64).clamp(0.25, 2.5);
    let mut svg = Svg::new("predictive_maps", "Observed field and posterior predictive draws", WIDTH, height + 182.0);
    let scale = Scale::inner(all.iter().flat_map(|map| map.iter().copied()), Colours::Field);
    for (i, values) in all.iter().enumerate() {
        let [x, y] = [*n_x, *n_y].map(|n| Axis::linear(0.0, n as f64));
        let panel = Panel { x, y, left: LEFT + (width + gap) * i as f64, top: 40.0, width, height };
        // First index to the right, second upwards.
        let pixels: Vec<f64> =
            (0..n_cells).map(|k| scale.fraction(values[(k % n_x) * n_y + n_y - 1 - k / n_x])).collect();
        if let Some(uri) = data_uri(&pixels, *n_x, scale.colours) {
            svg.image(panel.rectangle(), &uri);
        }
        panel.frame(&mut svg, true, false);
        if i == 0 {
            panel.y_numbers(&mut svg, 6);
            panel.y_name(&mut svg, &label::words("cell"), 62.0);
        }
        panel.x_name(&mut svg, &label::words("cell"));
        let name = if i == 0 { "observed".to_owned() } else { format!("draw {i}") };
        svg.text((panel.left + width / 2.0, 30.0), Anchor::Middle, LARGE, INK, &label::words(&name));
    }
    let all_width = width * all.len() as f64 + gap * (all.len() - 1) as f64;
    colour_bar(&mut svg, (LEFT, height + 102.0), all_width, &scale, &maps.label);
    let space = if maps.note.is_empty() { "" } else { " " };
    Some(Figure {
        name: "predictive_maps",
        title: "The field and its predictions",
        caption: format!(
            "The observed field beside simulations at parameters drawn from the posterior, on one scale. Noise differs \
             from map to map, so that structures lie elsewhere; how large, how many and how strong they are can be \
             compared.{space}{}",
            maps.note
        ),
        svg: svg.finish(),
    })
}
