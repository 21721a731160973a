//! The figures of a report, one file each; each is `None` where there is nothing to draw.

mod band;
mod corner;
mod cross_correlation;
mod density_maps;
mod failures;
mod fisher_convergence;
mod information;
mod map;
mod mass_function;
mod power_spectra;
mod predictive;
mod predictive_maps;
mod rounds;
mod shares;
mod slices;
mod traces;
mod training;

pub(super) use corner::corner;
pub(super) use cross_correlation::cross_correlation;
pub(super) use density_maps::density_maps;
pub(super) use failures::failures;
pub(super) use fisher_convergence::fisher_convergence;
pub(super) use information::information;
pub(super) use mass_function::mass_function;
pub(super) use power_spectra::power_spectra;
pub(super) use predictive::predictive;
pub(super) use predictive_maps::predictive_maps;
pub(super) use rounds::rounds;
pub(super) use slices::slices;
pub(super) use traces::traces;
pub(super) use training::training;

use super::axis::Panel;
use super::label;
use super::svg::{Anchor, INK, MEDIUM, Stroke, Svg, stroke};

/// The names of all figures, of which a report has some.
pub(super) const NAMES: [&str; 14] = [
    "corner",
    "training",
    "information",
    "fisher_convergence",
    "predictive_maps",
    "predictive",
    "rounds",
    "failures",
    "power_spectra",
    "cross_correlation",
    "density_maps",
    "slices",
    "mass_function",
    "traces",
];

/// Width of a figure on the page.
const WIDTH: f64 = 960.0;
/// Space left of a panel for its numbers and name.
const LEFT: f64 = 96.0;
/// Space right of a panel.
const RIGHT: f64 = 20.0;

/// One entry of a legend.
enum Mark {
    Line(Stroke),
    Dot(&'static str),
    Block(&'static str, f64),
}

/// A row of marks with their words, from `left` on; returns nothing, breaks into a new row at the right edge.
fn legend(svg: &mut Svg, left: f64, top: f64, entries: &[(Mark, String)]) {
    let (mut x, mut y) = (left, top);
    for (mark, words) in entries {
        let words = label::mixed(words);
        let wide = 40.0 + 0.5 * MEDIUM * label::text(&words).chars().count() as f64 + 24.0;
        if x > left && x + wide > WIDTH {
            (x, y) = (left, y + 24.0);
        }
        match mark {
            Mark::Line(line) => svg.line((x, y - 5.0), (x + 32.0, y - 5.0), *line),
            Mark::Dot(colour) => svg.dot((x + 16.0, y - 5.0), 5.0, colour),
            Mark::Block(colour, opacity) => svg.block(x, y - 13.0, 32.0, 16.0, colour, *opacity),
        }
        svg.text((x + 40.0, y), Anchor::Start, MEDIUM, INK, &words);
        x += wide;
    }
}

/// A curve through the values of two vectors, clipped to the panel.
fn curve(svg: &mut Svg, panel: &Panel, x: &[f64], y: &[f64], line: Stroke) {
    let points: Vec<_> = x.iter().zip(y).map(|(&x, &y)| panel.point(x, y)).collect();
    svg.clipped(panel.rectangle(), |svg| svg.polyline(&points, line));
    // A curve of one point would not be seen.
    if let [only] = points[..] {
        svg.dot(only, 4.0, line.colour);
    }
}

/// A thin line across at a value, clipped to the panel.
fn across(svg: &mut Svg, panel: &Panel, y: f64, line: Stroke) {
    let [from, to] = panel.level(y);
    svg.clipped(panel.rectangle(), |svg| svg.line(from, to, line));
}

/// Full line of the weight that data curves have.
fn solid(colour: &'static str) -> Stroke {
    stroke(colour, 2.4)
}
