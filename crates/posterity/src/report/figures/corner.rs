//! The corner plot: every parameter against every other, all methods over each other.

use super::super::axis::{Axis, Panel, range};
use super::super::contour::Surface;
use super::super::density::{Curve, density, density_2d};
use super::super::label;
use super::super::svg::{GREY, INK, PALETTE, Stroke, Svg, dashed, stroke};
use super::super::{Figure, Report};
use super::{LEFT, Mark, RIGHT, WIDTH, legend};

/// Fractions of the mass that the two contours enclose.
const MASSES: [f64; 2] = [0.683, 0.954];
/// How the densities of the methods are told apart besides by colour; the last method's is filled and full.
const DASHES: [&str; 3] = ["9 5", "2 5", "9 4 2 4"];

/// All methods of the report that have the first method's parameters, by name.
pub(in super::super) fn corner(report: &Report) -> Option<Figure> {
    let first = &report.methods.first()?.samples;
    let n = first.n_params();
    if n == 0 {
        return None;
    }
    let draws: Vec<Draws> = report.methods.iter().enumerate().map(|(i, method)| Draws::of(report, i, method)).collect();
    let axes: Vec<Axis> = (0..n).map(|p| axis(report, &draws, p)).collect();
    let gap = if n > 4 { 10.0 } else { 14.0 };
    let full = (WIDTH - LEFT - RIGHT - gap * (n as f64 - 1.0)) / n as f64;
    // One panel alone would be too tall, many would be too small: those make the figure wider, and the page scales it.
    let side = full.clamp(110.0, 480.0);
    let width = LEFT + RIGHT + side * n as f64 + gap * (n as f64 - 1.0);
    let top = 24.0;
    let entries = entries(report, &draws);
    // With two or more parameters the upper right corner is free for the legend; with one it stands above.
    let legend_height = if n == 1 { 26.0 * entries.len() as f64 + 10.0 } else { 0.0 };
    let bottom = top + legend_height + (side + gap) * n as f64 - gap;
    let mut svg = Svg::new("corner", "Posterior densities of the parameters", width, bottom + 66.0);
    for row in 0..n {
        for column in 0..=row {
            let panel = Panel {
                x: axes[column],
                y: if row == column { Axis::linear(0.0, 1.08) } else { axes[row] },
                left: LEFT + (side + gap) * column as f64,
                top: top + legend_height + (side + gap) * row as f64,
                width: side,
                height: side,
            };
            if row == column {
                diagonal(&mut svg, &panel, report, &draws, row);
            } else {
                pair(&mut svg, &panel, report, &draws, column, row);
            }
            panel.frame(&mut svg, row == n - 1, column == 0 && row > 0);
            if row == n - 1 {
                panel.x_name(&mut svg, &label::latex(&first.parameters[column].latex));
            }
            if column == 0 && row > 0 {
                panel.y_name(&mut svg, &label::latex(&first.parameters[row].latex), 70.0);
            }
            if row == column && row == 0 {
                panel.y_name(&mut svg, &label::words("density"), 20.0);
            }
        }
    }
    let left = if n == 1 { LEFT } else { LEFT + side + gap + 24.0 };
    for (i, (mark, words)) in entries.into_iter().enumerate() {
        legend(&mut svg, left, top + 18.0 + 26.0 * i as f64, &[(mark, words)]);
    }
    let exact = report.exact.as_ref().map_or(String::new(), |e| format!(" Black: {}.", e.name));
    Some(Figure {
        name: "corner",
        title: "Parameters",
        caption: format!(
            "Contours enclose 68.3 % and 95.4 % of the posterior mass (smallest regions of the smoothed density); densities \
             on the diagonal are scaled to their peaks.{exact}"
        ),
        svg: svg.finish(),
    })
}

/// One method's draws, column by column in the order of the first method.
struct Draws {
    columns: Vec<Option<Vec<f64>>>,
    weights: Vec<f64>,
    colour: &'static str,
    is_last: bool,
    line: Stroke,
}

impl Draws {
    fn of(report: &Report, i: usize, method: &super::super::Method) -> Self {
        let column = |p: &crate::parameter::Parameter| {
            let at = method.samples.parameters.iter().position(|q| q.name == p.name)?;
            Some(method.samples.column(at))
        };
        let is_last = i + 1 == report.methods.len();
        // Counted from the last, so that the trusted method is always blue.
        let from_last = report.methods.len() - 1 - i;
        let colour = PALETTE[from_last % PALETTE.len()];
        let dash = if is_last { "" } else { DASHES[i % DASHES.len()] };
        Self {
            columns: report.methods[0].samples.parameters.iter().map(column).collect(),
            weights: method.samples.weights.clone(),
            colour,
            is_last,
            line: dashed(colour, 2.2, dash),
        }
    }
}

fn bounds(report: &Report, parameter: usize) -> (f64, f64) {
    report.bounds.get(parameter).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
}

/// About the draws of all methods and the mark, ending at the prior's ends.
fn axis(report: &Report, draws: &[Draws], parameter: usize) -> Axis {
    let mut ends = Vec::new();
    for method in draws {
        if let Some(column) = &method.columns[parameter] {
            // The range in which the density is worth seeing; far outliers would squeeze the rest.
            match density(column, &method.weights, bounds(report, parameter)) {
                Some(Curve { x, density }) => {
                    let peak = density.iter().copied().fold(0.0, f64::max);
                    let seen = x.iter().zip(&density).filter(|(_, d)| **d > 4e-3 * peak).map(|(x, _)| *x);
                    let (low, high) = range(seen);
                    ends.extend([low, high]);
                }
                None => ends.extend(column),
            }
        }
    }
    let (low, high) = range(ends.into_iter());
    let truth = report.truth.as_ref().and_then(|t| t.theta.get(parameter).copied()).filter(|t| t.is_finite());
    let (low, high) = match truth {
        // A mark far away is left out rather than the draws made small.
        Some(t) if t > low - (high - low) && t < high + (high - low) => {
            let margin = 0.04 * (high - low);
            (if t < low { t - margin } else { low }, if t > high { t + margin } else { high })
        }
        _ => (low, high),
    };
    Axis::linear(low, high)
}

fn diagonal(svg: &mut Svg, panel: &Panel, report: &Report, draws: &[Draws], parameter: usize) {
    svg.clipped(panel.rectangle(), |svg| {
        mark(svg, panel, report, Some(parameter), None);
        for method in draws {
            let Some(column) = &method.columns[parameter] else { continue };
            match density(column, &method.weights, bounds(report, parameter)) {
                Some(curve) => {
                    let points = scaled(panel, &curve);
                    if method.is_last {
                        let ends = [points[points.len() - 1], points[0]].map(|(x, _)| (x, panel.bottom()));
                        let area: Vec<_> = points.iter().copied().chain(ends).collect();
                        svg.rings(&[area], Some((method.colour, 0.2)), None);
                    }
                    svg.polyline(&points, method.line);
                }
                // All draws coincide: a spike.
                None => {
                    if let Some(x) = column.first() {
                        let [from, to] = panel.upright(*x);
                        svg.line(from, to, method.line);
                    }
                }
            }
        }
        let exact = report.exact.as_ref().and_then(|e| e.marginals.get(parameter)?.as_ref());
        if let Some(curve) = exact {
            svg.polyline(&scaled(panel, curve), stroke(INK, 1.8));
        }
    });
}

fn scaled(panel: &Panel, curve: &Curve) -> Vec<(f64, f64)> {
    let peak = curve.density.iter().copied().fold(0.0, f64::max);
    curve.x.iter().zip(&curve.density).map(|(&x, d)| panel.point(x, d / peak)).collect()
}

fn pair(svg: &mut Svg, panel: &Panel, report: &Report, draws: &[Draws], column: usize, row: usize) {
    svg.clipped(panel.rectangle(), |svg| {
        // The filled method lies below the lines of the others.
        for method in draws.iter().rev() {
            let (Some(x), Some(y)) = (&method.columns[column], &method.columns[row]) else { continue };
            match density_2d([x, y], &method.weights, [bounds(report, column), bounds(report, row)]) {
                Some(surface) => {
                    let fills = if method.is_last { [Some(0.5), Some(0.25)] } else { [None, None] };
                    contours(svg, panel, &surface, method.colour, fills, method.line);
                }
                None => {
                    let seen = x.iter().zip(y).take(200);
                    seen.for_each(|(&x, &y)| svg.dot(panel.point(x, y), 4.0, method.colour));
                }
            }
        }
        if let Some(exact) = &report.exact {
            for (_, _, surface) in exact.pairs.iter().filter(|p| (p.0, p.1) == (column, row) && p.2.is_whole()) {
                contours(svg, panel, surface, INK, [None, None], stroke(INK, 1.6));
            }
        }
        mark(svg, panel, report, Some(column), Some(row));
    });
}

fn contours(
    svg: &mut Svg,
    panel: &Panel,
    surface: &Surface,
    colour: &'static str,
    fills: [Option<f64>; 2],
    line: Stroke,
) {
    // Inner before outer in MASSES; drawn outer first.
    for (level, fill) in surface.levels(&MASSES).into_iter().zip(fills).rev() {
        let on_page = |ring: Vec<(f64, f64)>| ring.into_iter().map(|(x, y)| panel.point(x, y)).collect::<Vec<_>>();
        let rings: Vec<_> = surface.rings(level).into_iter().map(on_page).collect();
        svg.rings(&rings, fill.map(|opacity| (colour, opacity)), Some(line));
    }
}

/// Lines through the point to mark.
fn mark(svg: &mut Svg, panel: &Panel, report: &Report, x: Option<usize>, y: Option<usize>) {
    let Some(truth) = &report.truth else { return };
    let value = |p: Option<usize>| p.and_then(|p| truth.theta.get(p).copied()).filter(|v| v.is_finite());
    if let Some(x) = value(x) {
        let [from, to] = panel.upright(x);
        svg.line(from, to, TRUTH);
    }
    if let Some(y) = value(y) {
        let [from, to] = panel.level(y);
        svg.line(from, to, TRUTH);
    }
}

const TRUTH: Stroke = Stroke { colour: GREY, width: 1.4, dash: "3 4" };

fn entries(report: &Report, draws: &[Draws]) -> Vec<(Mark, String)> {
    let mut entries: Vec<(Mark, String)> = report
        .methods
        .iter()
        .zip(draws)
        .map(|(method, d)| (Mark::Line(d.line), method.name.replace('$', "")))
        .collect();
    entries.extend(report.exact.as_ref().map(|e| (Mark::Line(stroke(INK, 1.8)), e.name.replace('$', ""))));
    entries.extend(report.truth.as_ref().map(|t| (Mark::Line(TRUTH), t.name.replace('$', ""))));
    entries
}
