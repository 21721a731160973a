//! Data against the posterior predictive distribution, and what is left when its median is taken off.

use super::super::axis::{Axis, Panel, range};
use super::super::label;
use super::super::svg::{BLUE, GREY, INK, Svg, dashed, stroke};
use super::super::{Figure, Predictive};
use super::band::ring;
use super::{LEFT, Mark, RIGHT, WIDTH, curve, legend, solid};

/// Probabilities of the quantiles: 95.4 % and 68.3 % central bands and the median.
const PROBABILITIES: [f64; 5] = [0.023, 0.1585, 0.5, 0.8415, 0.977];

/// Two panels over the same abscissa. `None` without data or draws, or if shapes do not fit.
pub(in super::super) fn predictive(predictive: &Predictive) -> Option<Figure> {
    let points = points(predictive)?;
    let x: Vec<f64> = points.iter().map(|p| p.x).collect();
    let x_axis = if predictive.log_abscissa {
        Axis::log_about(x.iter().copied())
    } else {
        let (low, high) = range(x.iter().copied());
        let margin = if x.len() > 1 { 0.02 * (high - low) } else { 1.0 };
        Axis::linear(low - margin, high + margin)
    };
    let all = |p: &Point| [p.quantiles[0], p.quantiles[4], p.datum - p.error, p.datum + p.error];
    let left = |p: &Point| all(p).map(|v| v - p.quantiles[2]);
    let panel = |y, top, height| Panel { x: x_axis, y, left: LEFT, top, width: WIDTH - LEFT - RIGHT, height };
    let above = panel(Axis::about(points.iter().flat_map(all), None), 40.0, 320.0);
    let below = panel(Axis::about(points.iter().flat_map(left), Some(0.0)), 380.0, 190.0);
    let mut svg = Svg::new("predictive", "Data and posterior predictive distribution", WIDTH, 632.0);
    for (p, offset) in [(&above, 0.0), (&below, 1.0)] {
        p.grid(&mut svg);
        let row = |k: usize| points.iter().map(|q| q.quantiles[k] - offset * q.quantiles[2]).collect::<Vec<_>>();
        svg.clipped(p.rectangle(), |svg| {
            for (low, high, opacity) in [(0, 4, 0.22), (1, 3, 0.35)] {
                svg.rings(&[ring(p, &x, &row(low), &row(high))], Some((BLUE, opacity)), None);
            }
        });
        curve(&mut svg, p, &x, &row(2), solid(BLUE));
        svg.clipped(p.rectangle(), |svg| {
            for q in &points {
                let y = q.datum - offset * q.quantiles[2];
                svg.line(p.point(q.x, y - q.error), p.point(q.x, y + q.error), stroke(INK, 1.4));
                svg.dot(p.point(q.x, y), 4.0, INK);
            }
        });
    }
    let [from, to] = below.level(0.0);
    svg.line(from, to, dashed(GREY, 1.2, "2 4"));
    above.frame(&mut svg, false, true);
    below.frame(&mut svg, true, true);
    above.y_name(&mut svg, &label::mixed(&predictive.data_label), 70.0);
    below.y_name(&mut svg, &label::words("residual"), 70.0);
    below.x_name(&mut svg, &label::mixed(&predictive.abscissa_label));
    let entries = [
        (Mark::Dot(INK), "data".to_string()),
        (Mark::Line(solid(BLUE)), "posterior predictive median".to_string()),
        (Mark::Block(BLUE, 0.49), "68.3 %".to_string()),
        (Mark::Block(BLUE, 0.22), "95.4 %".to_string()),
    ];
    legend(&mut svg, LEFT, 24.0, &entries);
    let outside = points.iter().filter(|p| p.datum < p.quantiles[0] || p.datum > p.quantiles[4]).count();
    Some(Figure {
        name: "predictive",
        title: "Data and prediction",
        caption: format!(
            "Simulations at parameters drawn from the posterior, and below the same with their median taken off. {outside} \
             of {} data lie outside the 95.4 % band, {:.1} are expected if data are independent.{}{}",
            points.len(),
            0.046 * points.len() as f64,
            if predictive.note.is_empty() { "" } else { " " },
            predictive.note
        ),
        svg: svg.finish(),
    })
}

struct Point {
    x: f64,
    datum: f64,
    error: f64,
    quantiles: [f64; 5],
}

/// In the order of the abscissa; data without a place on it or without a prediction are left out.
fn points(predictive: &Predictive) -> Option<Vec<Point>> {
    let Predictive { data, errors, draws, .. } = predictive;
    let n = data.len();
    let fits = |len: usize| len == n;
    let x = predictive.abscissa.clone().unwrap_or_else(|| (1..=n).map(|i| i as f64).collect());
    if n == 0
        || draws.is_empty()
        || draws.len() % n != 0
        || !fits(x.len())
        || !(errors.is_empty() || fits(errors.len()))
    {
        return None;
    }
    let point = |i: usize| {
        let mut column: Vec<f64> = draws.iter().skip(i).step_by(n).copied().filter(|d| d.is_finite()).collect();
        column.sort_by(f64::total_cmp);
        let last = column.len().checked_sub(1)?;
        let quantiles = PROBABILITIES.map(|p| {
            let at = p * last as f64;
            let (below, above) = (column[at.floor() as usize], column[at.ceil() as usize]);
            below + (above - below) * at.fract()
        });
        let error = errors.get(i).copied().filter(|e| e.is_finite()).unwrap_or(0.0);
        let is_seen = data[i].is_finite() && x[i].is_finite() && (x[i] > 0.0 || !predictive.log_abscissa);
        is_seen.then(|| Point { x: x[i], datum: data[i], error, quantiles })
    };
    let mut points: Vec<Point> = (0..n).filter_map(point).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    (!points.is_empty()).then_some(points)
}
