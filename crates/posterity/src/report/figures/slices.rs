//! The density beside what the neural physical engine makes of it, and how the two are related.

use super::super::Figure;
use super::super::axis::{Axis, Panel};
use super::super::extension::{Relation, Slices};
use super::super::label;
use super::super::raster::Colours;
use super::super::svg::{BLUE, GREY, Stroke, Svg, VERMILLION};
use super::band::{OPACITY, bands};
use super::map::{Map, Scale, colour_bar};
use super::{LEFT, Mark, RIGHT, WIDTH, curve, legend, solid};

const PROPORTIONAL: Stroke = Stroke { colour: GREY, width: 1.6, dash: "7 5" };

/// Two maps, and below them ψ against 1 + δ. `None` if the shapes of the maps do not fit.
pub(in super::super) fn slices(slices: &Slices) -> Option<Figure> {
    let Slices { n, box_length, thickness, density, psi, halos, relation, weights_are_sampled } = slices;
    let map = |name, values| Map { name, n: *n, box_length: *box_length, values };
    let (left_map, right_map) = (map("density $1+\\delta$", density), map("engine $\\psi$", psi));
    if !left_map.is_whole() || !right_map.is_whole() {
        return None;
    }
    let gap = 34.0;
    let side = 0.5 * (WIDTH - LEFT - RIGHT - gap);
    let second = LEFT + side + gap;
    let relation = relation.as_ref().filter(|r| {
        let bins = r.density_edges.len().saturating_sub(1);
        r.psi.fits(bins)
    });
    let top = if halos.is_empty() { 40.0 } else { 66.0 };
    let below = top + side + 142.0;
    let height = if relation.is_some() { below + 34.0 + 300.0 + 62.0 } else { below };
    let mut svg = Svg::new("slices", "Slices of the density and of the engine's output", WIDTH, height);
    let scales =
        [Scale::density(density.iter().copied(), Colours::Field), Scale::linear(psi.iter().copied(), Colours::Field)];
    let panel = left_map.draw(&mut svg, (LEFT, top), side, &scales[0], true);
    svg.clipped(panel.rectangle(), |svg| {
        let place = |x: f64, y: f64| panel.point(left_map.wrapped(x), left_map.wrapped(y));
        halos.iter().for_each(|&(x, y)| svg.dot(place(x, y), 3.0, VERMILLION));
    });
    right_map.draw(&mut svg, (second, top), side, &scales[1], false).x_name(&mut svg, &label::mixed("[Mpc/$h$]"));
    panel.x_name(&mut svg, &label::mixed("[Mpc/$h$]"));
    panel.y_name(&mut svg, &label::mixed("[Mpc/$h$]"), 62.0);
    for (x, scale, name) in [(LEFT, &scales[0], "$1+\\delta$"), (second, &scales[1], "$\\psi$")] {
        colour_bar(&mut svg, (x, top + side + 62.0), side, scale, name);
    }
    if !halos.is_empty() {
        legend(&mut svg, LEFT, 24.0, &[(Mark::Dot(VERMILLION), "halos of the catalogue in the slice".to_string())]);
    }
    if let Some(relation) = relation {
        draw_relation(&mut svg, relation, below + 34.0);
    }
    let comma = if thickness.is_empty() { "" } else { ": " };
    let scatter = if *weights_are_sampled { ", and the posterior scatter of the weights" } else { "" };
    let below = match relation {
        Some(_) => format!(
            " Below, ψ against the density of its own voxel: where it rises more steeply than the dashed line, the engine \
             enhances contrast; the width of the bands is what it takes from the neighbours{scatter}."
        ),
        None => String::new(),
    };
    Some(Figure {
        name: "slices",
        title: "The density and what the engine makes of it",
        caption: format!(
            "One slice of the box{comma}{thickness}, each map on its own scale; that of the density is asinh, that of ψ \
             linear.{below}"
        ),
        svg: svg.finish(),
    })
}

fn draw_relation(svg: &mut Svg, relation: &Relation, top: f64) {
    let middle = |e: &[f64]| if e[0] > 0.0 { (e[0] * e[1]).sqrt() } else { 0.5 * e[1] };
    let x: Vec<f64> = relation.density_edges.windows(2).map(middle).collect();
    let psi = &relation.psi;
    let all = || psi.q025.iter().chain(&psi.q975).copied();
    let is_wide = psi.q50.iter().copied().fold(0.0, f64::max) > 10.0 * psi.q50.iter().copied().fold(f64::MAX, f64::min);
    let y = if is_wide && psi.q50.iter().all(|v| *v > 0.0) { Axis::log_about(all()) } else { Axis::about(all(), None) };
    let x_axis = Axis::log_about(x.iter().copied());
    let panel = Panel { x: x_axis, y, left: LEFT, top, width: WIDTH - LEFT - RIGHT, height: 300.0 };
    panel.grid(svg);
    // Through the median of the bin nearest to the mean density.
    let distance = |i: &usize| x[*i].ln().abs();
    let mean = (0..x.len()).filter(|i| x[*i] > 0.0).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    if let Some(i) = mean {
        let ends = [x[0], x[x.len() - 1]].map(|v| v.max(1e-6).ln());
        let at = |k: i32| (ends[0] + (ends[1] - ends[0]) * f64::from(k) / 200.0).exp();
        let fine: Vec<f64> = (0..=200).map(at).collect();
        let line: Vec<f64> = fine.iter().map(|v| v * psi.q50[i] / x[i]).collect();
        curve(svg, &panel, &fine, &line, PROPORTIONAL);
    }
    bands(svg, &panel, &x, psi, BLUE, true);
    panel.frame(svg, true, true);
    panel.x_name(svg, &label::mixed("density $1+\\delta$"));
    panel.y_name(svg, &label::mixed("$\\psi$"), 66.0);
    let entries = [
        (Mark::Line(solid(BLUE)), "median voxel".to_string()),
        (Mark::Block(BLUE, 0.49), "68 %".to_string()),
        (Mark::Block(BLUE, OPACITY[0]), "95 %".to_string()),
        (Mark::Line(PROPORTIONAL), "proportional to the density".to_string()),
    ];
    legend(svg, LEFT, top - 18.0, &entries);
}
