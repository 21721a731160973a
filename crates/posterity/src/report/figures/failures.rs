//! Where in parameter space simulations failed: one histogram for each parameter.

use super::super::axis::{Axis, Panel, range};
use super::super::label;
use super::super::svg::{PALETTE, Svg};
use super::super::{Consequence, Failed, Figure};
use super::{LEFT, Mark, RIGHT, WIDTH, curve, legend, solid};
use crate::parameter::Parameter;

/// Bins across the prior.
const BINS: usize = 24;

/// Panels in rows of two, one a parameter, each over the range of its prior where that is bounded. Sets that were drawn
/// at one point have nothing to show.
pub(in super::super) fn failures(failed: &[Failed], parameters: &[Parameter], bounds: &[(f64, f64)]) -> Option<Figure> {
    let is_spread = |set: &&Failed| set.consequence == Consequence::Rejected && !set.theta.is_empty();
    let failed: Vec<&Failed> = failed.iter().filter(is_spread).collect();
    if failed.is_empty() {
        return None;
    }
    let n = parameters.len();
    let width = 0.5 * (WIDTH - 2.0 * LEFT - RIGHT);
    let rows = parameters.len().div_ceil(2);
    let mut svg = Svg::new("failures", "Simulations that failed", WIDTH, 36.0 + 330.0 * rows as f64);
    for (alpha, parameter) in parameters.iter().enumerate() {
        let column = |set: &Failed| set.theta.chunks_exact(n).map(|theta| theta[alpha]).collect::<Vec<f64>>();
        let (low, high) = match bounds.get(alpha) {
            Some((low, high)) if low.is_finite() && high.is_finite() => (*low, *high),
            _ => range(failed.iter().flat_map(|set| column(set))),
        };
        let high = if high > low { high } else { low + low.abs().max(1.0) * 1e-6 };
        let step = (high - low) / BINS as f64;
        let histogram = |set: &Failed| {
            let mut counts = [0.0; BINS];
            column(set).iter().for_each(|x| counts[(((x - low) / step) as usize).min(BINS - 1)] += 1.0);
            counts
        };
        let most = failed.iter().flat_map(|set| histogram(set)).fold(1.0, f64::max);
        let panel = Panel {
            x: Axis::linear(low, high),
            y: Axis::linear(0.0, 1.08 * most),
            left: LEFT + (width + LEFT) * (alpha % 2) as f64,
            top: 40.0 + 330.0 * (alpha / 2) as f64,
            width,
            height: 250.0,
        };
        panel.grid(&mut svg);
        for (set, colour) in failed.iter().zip(PALETTE) {
            let edges = |i: usize| [low + step * i as f64, low + step * (i + 1) as f64];
            let x: Vec<f64> = (0..BINS).flat_map(edges).collect();
            let y: Vec<f64> = histogram(set).iter().flat_map(|count| [*count; 2]).collect();
            curve(&mut svg, &panel, &x, &y, solid(colour));
        }
        panel.frame(&mut svg, true, true);
        panel.x_name(&mut svg, &label::latex(&parameter.latex));
        panel.y_name(&mut svg, &label::words("failed"), 62.0);
    }
    let entries: Vec<(Mark, String)> =
        failed.iter().zip(PALETTE).map(|(set, colour)| (Mark::Line(solid(colour)), set.name.clone())).collect();
    legend(&mut svg, LEFT, 24.0, &entries);
    Some(Figure {
        name: "failures",
        title: "Where simulations failed",
        caption: "How many failed, by parameter, of the first hundred that did; the axis is the range of the prior. A \
                  failed simulation counts as rejected: the posterior is that of a prior without the places where they \
                  always fail."
            .to_string(),
        svg: svg.finish(),
    })
}
