//! Nested bands of quantiles with their median.

use super::super::axis::Panel;
use super::super::extension::Band;
use super::super::svg::Svg;
use super::{curve, solid};

/// Opacity of the 95 % band, and what the 68 % band adds to it.
pub(super) const OPACITY: [f64; 2] = [0.22, 0.35];

/// The region between two curves, drawn there and back; a band of one place is given a width of its own.
pub(super) fn ring(panel: &Panel, x: &[f64], low: &[f64], high: &[f64]) -> Vec<(f64, f64)> {
    let edge = |y: &[f64]| x.iter().zip(y).map(|(&x, &y)| panel.point(x, y)).collect::<Vec<_>>();
    let (mut ring, mut back) = (edge(high), edge(low));
    if let ([top], [bottom]) = (&ring[..], &back[..]) {
        let ((x, top), (_, bottom)) = (*top, *bottom);
        return vec![(x - 20.0, top), (x + 20.0, top), (x + 20.0, bottom), (x - 20.0, bottom)];
    }
    back.reverse();
    ring.append(&mut back);
    ring
}

/// Both bands, and the median as a line where asked for; broken where a quantile is not finite. Values below the end of
/// the axis are put there, since a logarithm of 0 has no place.
pub(super) fn bands(svg: &mut Svg, panel: &Panel, x: &[f64], band: &Band, colour: &'static str, median: bool) {
    let [q025, q16, q50, q84, q975] = band.rows();
    let seen = |i: usize| x[i].is_finite() && band.rows().iter().all(|row| row[i].is_finite());
    let places: Vec<usize> = (0..x.len()).collect();
    let runs: Vec<&[usize]> = places.chunk_by(|a, b| seen(*a) == seen(*b)).filter(|run| seen(run[0])).collect();
    svg.clipped(panel.rectangle(), |svg| {
        for run in runs {
            let run = run[0]..run[run.len() - 1] + 1;
            let raised = |row: &[f64]| row[run.clone()].iter().map(|v| v.max(panel.y.low())).collect::<Vec<_>>();
            for ((low, high), opacity) in [(q025, q975), (q16, q84)].into_iter().zip(OPACITY) {
                let shape = ring(panel, &x[run.clone()], &raised(low), &raised(high));
                svg.rings(&[shape], Some((colour, opacity)), None);
            }
        }
    });
    if median {
        curve(svg, panel, x, q50, solid(colour));
    }
}
