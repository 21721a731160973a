//! Climbs to a maximum of a log density: limited-memory BFGS with a backtracking line search, from several starts.
//!
//! The direction is the two-loop recursion over the last 10 pairs (s, y) = (Δx, −Δ∇ ln π) with sᵀy > 0; a step is taken
//! when ln π gains 10⁻⁴ of what its slope promises, halved until then. It ends when a step's gain is below the tolerance
//! three times, or no step gains. It then climbs on in coordinates that the curvature where it stands makes round
//! ([`Metric::of_curvature`]), and again, until that gains no more: the weights of an engine are nearly degenerate, and
//! what looks like a maximum along the steep directions is none. Limits: a local maximum; the best of several starts is
//! returned. Beyond 256 coordinates the curvature is not looked at.
//!
//! Reference: Nocedal 1980, doi:10.1090/S0025-5718-1980-0572855-7.

use crate::hmc::{LogDensity, Metric, State};
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

const PAIRS: usize = 10;
/// Most coordinates of which the curvature is looked at.
const MAX_DIM: usize = 256;
/// Climbs in new coordinates, at most.
const ROUNDS: usize = 30;
/// No direction is taken to be wider than this.
const WIDEST: f64 = 10.0;

/// How to climb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Starts: the given one, and others drawn about it.
    pub n_starts: usize,
    /// Standard deviation of the other starts about the given one.
    pub spread: f64,
    /// Iterations from each start at most.
    pub n_iterations: usize,
    /// Gain of ln π below which a step counts as the end.
    pub tolerance: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_starts: 4, spread: 0.5, n_iterations: 1000, tolerance: 1e-6 }
    }
}

/// The highest state reached, from `start` and from `n_starts − 1` points drawn about it. Where ln π is not finite at
/// all starts, the state at the first is returned.
pub fn maximise(target: &mut dyn LogDensity, start: &[f64], settings: &Settings, seed: Seed) -> State {
    let mut best: Option<State> = None;
    for k in 0..settings.n_starts.max(1) {
        let mut stream = seed.label("maximise").stream(k as u64);
        let mut draw = |x: &f64| {
            let z: f64 = StandardNormal.sample(&mut stream);
            if k == 0 { *x } else { x + settings.spread * z }
        };
        let mut state = climb(target, start.iter().map(&mut draw).collect(), settings);
        for _ in 0..ROUNDS {
            let Some(next) = climb_on(target, &state, settings) else { break };
            let gain = next.log_density - state.log_density;
            state = next;
            if gain.is_nan() || gain <= settings.tolerance.max(1e-9 * state.log_density.abs()) {
                break;
            }
        }
        let rank = |state: &State| if state.log_density.is_nan() { f64::NEG_INFINITY } else { state.log_density };
        if best.as_ref().is_none_or(|b| rank(&state) > rank(b)) {
            best = Some(state);
        }
    }
    best.unwrap_or_else(|| State::new(start.to_vec(), target))
}

/// Climbs in the coordinates in which the curvature at `from` is round; none where there is no such curvature.
fn climb_on(target: &mut dyn LogDensity, from: &State, settings: &Settings) -> Option<State> {
    let dim = from.position.len();
    if dim > MAX_DIM {
        return None;
    }
    let metric = Metric::of_curvature(target, &from.position, WIDEST).ok()?;
    let mut round = Round { target, metric, origin: &from.position, x: vec![0.0; dim], gradient: vec![0.0; dim] };
    let top = climb(&mut round, vec![0.0; dim], settings);
    let state = State::new(round.at(&top.position).to_vec(), round.target);
    (state.log_density >= from.log_density).then_some(state)
}

/// A density in coordinates u, x = origin + L u.
struct Round<'a> {
    target: &'a mut dyn LogDensity,
    metric: Metric,
    origin: &'a [f64],
    x: Vec<f64>,
    gradient: Vec<f64>,
}

impl Round<'_> {
    fn at(&mut self, u: &[f64]) -> &[f64] {
        self.metric.apply(u, &mut self.x);
        self.x.iter_mut().zip(self.origin).for_each(|(x, o)| *x += o);
        &self.x
    }
}

impl LogDensity for Round<'_> {
    fn dim(&self) -> usize {
        self.x.len()
    }

    fn value_and_gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> f64 {
        self.at(u);
        let value = self.target.value_and_gradient(&self.x, &mut self.gradient);
        self.metric.apply_transposed(&self.gradient, gradient);
        value
    }
}

fn climb(target: &mut dyn LogDensity, start: Vec<f64>, settings: &Settings) -> State {
    let mut state = State::new(start, target);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    let mut small_gains = 0;
    for _ in 0..settings.n_iterations {
        if !state.log_density.is_finite() || small_gains == 3 {
            break;
        }
        let mut direction = direction(&state.gradient, &pairs);
        let mut slope = dot(&direction, &state.gradient);
        if slope.is_nan() || slope <= 0.0 {
            pairs.clear();
            direction = self::direction(&state.gradient, &pairs);
            slope = dot(&direction, &state.gradient);
        }
        let Some(next) = line_search(target, &state, &direction, slope) else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let s: Vec<f64> = next.position.iter().zip(&state.position).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = state.gradient.iter().zip(&next.gradient).map(|(a, b)| a - b).collect();
        if dot(&s, &y) > 1e-10 * (dot(&s, &s) * dot(&y, &y)).sqrt() {
            if pairs.len() == PAIRS {
                pairs.remove(0);
            }
            pairs.push((s, y));
        }
        small_gains = if next.log_density - state.log_density < settings.tolerance { small_gains + 1 } else { 0 };
        state = next;
    }
    state
}

fn line_search(target: &mut dyn LogDensity, from: &State, direction: &[f64], slope: f64) -> Option<State> {
    let mut step = 1.0;
    for _ in 0..40 {
        let position = from.position.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        let next = State::new(position, target);
        let is_gradient_finite = next.gradient.iter().all(|g| g.is_finite());
        if next.log_density >= from.log_density + 1e-4 * step * slope && is_gradient_finite {
            return Some(next);
        }
        step *= 0.5;
    }
    None
}

/// The two-loop recursion; without pairs, a step of length at most 1 uphill.
fn direction(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let Some((s, y)) = pairs.last() else {
        let norm = dot(&q, &q).sqrt().max(1.0);
        return q.into_iter().map(|g| g / norm).collect();
    };
    let scale = dot(s, y) / dot(y, y);
    let mut shares = Vec::with_capacity(pairs.len());
    for (s, y) in pairs.iter().rev() {
        let share = dot(s, &q) / dot(s, y);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    q.iter_mut().for_each(|q| *q *= scale);
    for ((s, y), share) in pairs.iter().zip(shares.iter().rev()) {
        let other = dot(y, &q) / dot(s, y);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (share - other) * s);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley in four dimensions, upside down: maximum 0 at (1, 1, 1, 1).
    struct Valley;

    impl LogDensity for Valley {
        fn dim(&self) -> usize {
            4
        }

        fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            gradient.fill(0.0);
            let mut value = 0.0;
            for i in 0..3 {
                let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
                value -= a * a + 100.0 * b * b;
                gradient[i] += 2.0 * a + 400.0 * b * x[i];
                gradient[i + 1] -= 200.0 * b;
            }
            value
        }
    }

    #[test]
    fn the_end_of_the_valley_is_found() {
        let state = maximise(&mut Valley, &[-1.2, 1.0, -0.5, 0.3], &Settings::default(), Seed::new(1));
        assert!(state.position.iter().all(|x| (x - 1.0).abs() < 1e-2), "{state:?}");
        assert!(state.log_density > -1e-5);
    }
}
