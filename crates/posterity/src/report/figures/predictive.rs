//! Data against the posterior predictive distribution, and what is left when its median is taken off.
//!
//! Quantiles at the place p (N + 1) of N sorted draws, since one more draw lies below the k-th of them with probability
//! k/(N + 1): so many data as are said are expected outside the band, whatever N. Below the first draw and above the last
//! nothing is known: with fewer than 43 draws the band is between these two.

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
    let (outside, expected) = outside(&points);
    Some(Figure {
        name: "predictive",
        title: "Data and prediction",
        caption: format!(
            "Simulations at parameters drawn from the posterior, and below the same with their median taken off. {outside} \
             of {} data lie outside the 95.4 % band, {expected:.1} are expected of so many simulations if data are \
             independent.{}{}",
            points.len(),
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
    /// That another draw is outside the outer band.
    chance_outside: f64,
}

/// Data outside the 95.4 % band, and how many are expected there.
fn outside(points: &[Point]) -> (usize, f64) {
    let found = points.iter().filter(|p| p.datum < p.quantiles[0] || p.datum > p.quantiles[4]).count();
    (found, points.iter().map(|p| p.chance_outside).sum())
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
            let at = (p * (last + 2) as f64 - 1.0).clamp(0.0, last as f64);
            let (below, above) = (column[at.floor() as usize], column[at.ceil() as usize]);
            below + (above - below) * at.fract()
        });
        let chance_outside = 2.0 * PROBABILITIES[0].max(1.0 / (last + 2) as f64);
        let error = errors.get(i).copied().filter(|e| e.is_finite()).unwrap_or(0.0);
        let is_seen = data[i].is_finite() && x[i].is_finite() && (x[i] > 0.0 || !predictive.log_abscissa);
        is_seen.then(|| Point { x: x[i], datum: data[i], error, quantiles, chance_outside })
    };
    let mut points: Vec<Point> = (0..n).filter_map(point).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    (!points.is_empty()).then_some(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn as_many_data_are_outside_as_are_expected_of_so_few_simulations() {
        let n_data = 10_000;
        let mut stream = Seed::new(1).stream(0);
        let mut normal = |n: usize| -> Vec<f64> { (0..n).map(|_| StandardNormal.sample(&mut stream)).collect() };
        for (n_draws, known) in [(20, 2.0 / 21.0), (100, 0.046)] {
            let (data, draws) = (normal(n_data), normal(n_data * n_draws));
            let points = points(&Predictive { data, draws, ..Predictive::default() }).expect("a point each");
            let (found, expected) = outside(&points);
            assert!((expected - known * n_data as f64).abs() < 1e-6, "{expected}");
            // Five standard deviations of a binomial number, about a hundred; quantiles at p (N − 1) would leave 320 and
            // 190 more outside.
            let error = (expected * (1.0 - known)).sqrt();
            assert!((found as f64 - expected).abs() < 5.0 * error, "{n_draws} draws: {found} of {expected}");
        }
    }

    #[test]
    fn one_draw_is_no_band() {
        let one = Predictive { data: vec![0.0], draws: vec![1.0], ..Predictive::default() };
        assert_eq!(outside(&points(&one).expect("a point")), (1, 1.0));
    }
}
