//! What the summaries know: error ellipses from the Fisher information of one set of summaries after another.

use super::super::Figure;
use super::super::axis::{Axis, Panel};
use super::super::information::{Information, Known};
use super::super::label;
use super::super::svg::{BLUE, GREEN, GREY, INK, Stroke, Svg, VERMILLION, dashed, stroke};
use super::shares::shares;
use super::{LEFT, Mark, RIGHT, WIDTH, legend};
use std::f64::consts::PI;

/// Δχ² of two parameters within which lies 68.3 % of a normal distribution.
const WITHIN: f64 = 2.2977;
/// Points of an ellipse or a curve.
const POINTS: usize = 181;

/// A panel for each pair of parameters, or one with normal curves where there is one parameter.
pub(in super::super) fn information(information: &Information) -> Option<Figure> {
    let n = information.parameters.len();
    if !information.is_whole() || information.known.len() < 2 {
        return None;
    }
    let (n_panels, gap) = (n.saturating_sub(1).max(1), 14.0);
    let side = ((WIDTH - LEFT - RIGHT - gap * (n_panels as f64 - 1.0)) / n_panels as f64).clamp(110.0, 480.0);
    let width = WIDTH.max(LEFT + RIGHT + (side + gap) * n_panels as f64 - gap);
    let rows = information.known.len().div_ceil(2) as f64;
    let top = 16.0 + 26.0 * rows;
    let bottom = top + (side + gap) * n_panels as f64 - gap;
    // Beside a single panel there is room for the bars, else they stand below.
    let bars = match n_panels {
        1 => [LEFT + side + 110.0, top, width - RIGHT - LEFT - side - 110.0, side],
        _ => [LEFT, bottom + 90.0, width - LEFT - RIGHT, 220.0],
    };
    let end = if information.has_exact { bottom.max(bars[1] + bars[3]) } else { bottom };
    let mut svg = Svg::new("information", "Errors from the Fisher information", width, end + 66.0);
    let name = |i: usize| label::latex(&information.parameters[i].latex);
    let axis = |i: usize| axis(information, i);
    let lines = lines(information);
    if information.has_exact {
        shares(&mut svg, information, &lines, bars);
    }
    for row in n.min(2) - 1..n {
        for column in 0..row.max(1) {
            let at = |k: usize| (side + gap) * k as f64;
            let panel = Panel {
                x: axis(column),
                y: if n == 1 { Axis::linear(0.0, 1.08) } else { axis(row) },
                left: LEFT + at(column),
                top: top + at(row.saturating_sub(1)),
                width: side,
                height: side,
            };
            svg.clipped(panel.rectangle(), |svg| {
                for (known, line) in information.known.iter().zip(&lines) {
                    let on_page = |(x, y)| panel.point(x, y);
                    if n == 1 {
                        svg.polyline(&normal(information, known).map(on_page).collect::<Vec<_>>(), *line);
                    } else {
                        let ring = ellipse(information, known, column, row).map(on_page).collect();
                        let is_best = line.colour == BLUE;
                        svg.rings(&[ring], is_best.then_some((line.colour, 0.2)), Some(*line));
                    }
                }
                if n > 1 {
                    svg.dot(panel.point(information.theta[column], information.theta[row]), 4.0, GREY);
                }
            });
            panel.frame(&mut svg, row == n - 1, n > 1 && column == 0);
            if row == n - 1 {
                panel.x_name(&mut svg, &name(column));
            }
            if column == 0 {
                let (words, distance) = if n == 1 { (label::words("density"), 20.0) } else { (name(row), 70.0) };
                panel.y_name(&mut svg, &words, distance);
            }
        }
    }
    let entries: Vec<_> =
        information.known.iter().zip(lines).map(|(k, line)| (Mark::Line(line), k.name.replace('$', ""))).collect();
    legend(&mut svg, LEFT, 26.0, &entries);
    Some(Figure { name: "information", title: "Information", caption: caption(information), svg: svg.finish() })
}

fn caption(information: &Information) -> String {
    let left = if information.parameters.len() > 1 {
        "Ellipses enclose 68.3 % of normal distributions of covariance F⁻¹ about the fiducial point, for each pair of \
         parameters with the others left free."
    } else {
        "Normal curves of variance 1/F about the fiducial point, scaled to their peaks."
    };
    let bound = "Bars: diagonal of F (each parameter with the others known) and root of its determinant over those of \
                 the data, which no summaries exceed but by the scatter of the simulations.";
    let mut sentences = vec![left.to_owned()];
    sentences.extend(information.has_exact.then(|| bound.to_owned()));
    sentences.extend(information.sentences());
    sentences.join(" ")
}

/// The exact one black and dashed, above all; the last of the others blue and filled.
fn lines(information: &Information) -> Vec<Stroke> {
    let n = information.known.len();
    let n_others = n - usize::from(information.has_exact);
    let others = (0..n_others).map(|i| match n_others - 1 - i {
        0 => stroke(BLUE, 2.4),
        1 => dashed(VERMILLION, 2.4, "9 5"),
        _ => dashed(GREEN, 2.4, "3 5"),
    });
    others.chain(information.has_exact.then(|| dashed(INK, 2.0, "2 4"))).collect()
}

fn sd(known: &Known, n: usize, i: usize) -> f64 {
    known.covariance[i * (n + 1)].sqrt()
}

/// About the widest of the ellipses, but no wider than eight times the narrowest.
fn axis(information: &Information, i: usize) -> Axis {
    let n = information.parameters.len();
    let sds = || information.known.iter().map(|known| sd(known, n, i));
    let (least, most) = (sds().fold(f64::INFINITY, f64::min), sds().fold(0.0, f64::max));
    let half = if n == 1 { 3.0 } else { 1.1 * WITHIN.sqrt() } * most.min(8.0 * least);
    Axis::linear(information.theta[i] - half, information.theta[i] + half)
}

fn normal<'a>(information: &'a Information, known: &Known) -> impl Iterator<Item = (f64, f64)> + 'a {
    let (at, sd) = (information.theta[0], sd(known, 1, 0));
    (0..POINTS).map(move |k| {
        let z = 8.0 * k as f64 / (POINTS - 1) as f64 - 4.0;
        (at + z * sd, (-0.5 * z * z).exp())
    })
}

/// Of two parameters, by the Cholesky factor of their covariance.
fn ellipse(information: &Information, known: &Known, i: usize, j: usize) -> impl Iterator<Item = (f64, f64)> {
    let n = information.parameters.len();
    let (x, y) = (information.theta[i], information.theta[j]);
    let (a, b) = (sd(known, n, i), known.covariance[i * n + j]);
    let c = (known.covariance[j * (n + 1)] - (b / a).powi(2)).max(0.0).sqrt();
    (0..POINTS).map(move |k| {
        let (sin, cos) = (2.0 * PI * k as f64 / (POINTS - 1) as f64).sin_cos();
        let r = WITHIN.sqrt();
        (x + r * a * cos, y + r * (b / a * cos + c * sin))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::Parameter;

    #[test]
    fn an_ellipse_reaches_as_far_as_its_covariance_says() {
        let known = Known { covariance: vec![4.0, -1.8, -1.8, 1.0], ..Known::default() };
        let information = Information {
            parameters: ["a", "b"].map(|name| Parameter::new(name, name)).into(),
            theta: vec![1.0, 2.0],
            ..Information::default()
        };
        // F = C⁻¹, of determinant 1/0.76.
        let [faa, fab, fbb] = [1.0, 1.8, 4.0].map(|x| x / 0.76);
        for (x, y) in ellipse(&information, &known, 0, 1) {
            let (dx, dy) = (x - 1.0, y - 2.0);
            let chi2 = faa * dx * dx + 2.0 * fab * dx * dy + fbb * dy * dy;
            assert!((chi2 - WITHIN).abs() < 1e-9, "{chi2}");
        }
        assert!((1.0 - (-0.5 * WITHIN).exp() - 0.683).abs() < 1e-3);
    }
}
