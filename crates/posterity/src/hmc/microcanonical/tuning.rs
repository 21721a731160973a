//! The step size and the trajectory length of the adjusted microcanonical sampler, in a given metric.
//!
//! The step size comes from dual averaging to the wanted acceptance rate. The length is the one that costs least: lengths
//! of N steps, N in powers of √2, are each tried for some draws, and the cost of an independent draw is estimated from the
//! draws' correlation ρ at lag one, for every coordinate and for its centred square:
//!
//! cost = N · √(mean of ((1 + ρ)/(1 − ρ))²).
//!
//! The search begins at the length π/2, which is right for a Gaussian that the metric makes round, and goes up and down
//! while the cost falls. Correlations of a length cannot be seen where they exceed the trial: such lengths only lead on.
//! (The recipe of the paper, a share of the autocorrelation length, keeps the first guess where draws anticorrelate.)
//!
//! Limits: what follows is a heuristic for efficiency; the target does not depend on it, once it is frozen. The state moves
//! on meanwhile; the metric should be that of a warm-up that is past its transient.

use super::{Settings, step};
use crate::error::{Error, Result};
use crate::hmc::{DualAveraging, LogDensity, Metric, Scratch, State};
use crate::seed::Stream;

/// How the tuning goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Acceptance rate aimed at.
    pub acceptance_rate: f64,
    /// Draws to adapt the step size, before and after the choice of a length.
    pub n_step_size: usize,
    /// Draws to try each length.
    pub n_trial: usize,
    /// Most gradients of a trajectory.
    pub max_steps: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { acceptance_rate: 0.9, n_step_size: 150, n_trial: 200, max_steps: 1024 }
    }
}

/// Settings of the adjusted sampler for this target in this metric, and the number of gradients that finding them took.
/// The integrator and the jitter are those of `settings`.
///
/// # Errors
/// Invalid input: fewer than two dimensions, no draws, or an acceptance rate not between 0 and 1. Numerical: no step size is
/// accepted.
pub fn tune(
    tuning: &Tuning,
    settings: &Settings,
    metric: &Metric,
    state: &mut State,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
    stream: &mut Stream,
) -> Result<(Settings, usize)> {
    let dim = state.position.len();
    let mut tuned = Settings { step_size: 0.25, length: std::f64::consts::FRAC_PI_2, ..*settings };
    tuned.check(dim)?;
    if tuned.is_biased() {
        return Err(Error::invalid_input("an unadjusted sampler has no acceptance rate to be tuned to")
            .remedy("tune the adjusted one and use a part of its step size"));
    }
    let rate = tuning.acceptance_rate;
    if !(rate > 0.0 && rate < 1.0) || tuning.n_step_size == 0 || tuning.n_trial < 10 || tuning.max_steps == 0 {
        return Err(Error::invalid_input("a rate of acceptance outside 0 to 1, or too few draws, to tune to")
            .remedy("use a rate between 0 and 1, 1 draw for the step size and 10 for a length or more"));
    }
    let mut bench = Bench { metric, state, target, scratch, stream, n_gradients: 0 };
    bench.adapt(&mut tuned, tuning)?;

    tuned.length = bench.search(&tuned, tuning);
    bench.adapt(&mut tuned, tuning)?;
    Ok((tuned, bench.n_gradients))
}

struct Bench<'a> {
    metric: &'a Metric,
    state: &'a mut State,
    target: &'a mut dyn LogDensity,
    scratch: &'a mut Scratch,
    stream: &'a mut Stream,
    n_gradients: usize,
}

impl Bench<'_> {
    fn step(&mut self, settings: &Settings) -> f64 {
        let info = step(settings, self.metric, self.state, self.target, self.scratch, self.stream);
        self.n_gradients += info.num_integration_steps;
        info.acceptance_rate
    }

    fn adapt(&mut self, settings: &mut Settings, tuning: &Tuning) -> Result<()> {
        let mut averaging = DualAveraging::new(settings.step_size, tuning.acceptance_rate);
        for _ in 0..tuning.n_step_size {
            settings.step_size = averaging.step_size().max(settings.length / tuning.max_steps as f64);
            averaging.update(self.step(settings));
        }
        settings.step_size = averaging.average();
        if settings.step_size * 1e3 * tuning.max_steps as f64 > settings.length {
            return Ok(());
        }
        Err(Error::numerical(format!("no step size is accepted: {:.1e} and falling", settings.step_size))
            .remedy("start where the log density is finite, or warm up the metric first"))
    }

    /// The length of least cost.
    fn search(&mut self, settings: &Settings, tuning: &Tuning) -> f64 {
        let ratio = std::f64::consts::SQRT_2;
        let (shortest, longest) = (settings.step_size, settings.step_size * tuning.max_steps as f64);
        let start = settings.length.clamp(shortest, longest);
        let mut best = (start, self.cost(&Settings { length: start, ..*settings }, tuning));
        for (factor, end) in [(ratio, longest), (1.0 / ratio, shortest)] {
            let (mut length, mut failures) = (start, 0);
            while failures < 2 && (length * factor - end) * (factor - 1.0) <= 0.0 {
                length *= factor;
                let cost = self.cost(&Settings { length, ..*settings }, tuning);
                // An infinite cost is one that the trial is too short to see: further up.
                if cost < best.1 || (factor > 1.0 && !best.1.is_finite()) {
                    best = (length, cost);
                    failures = 0;
                } else {
                    failures += 1;
                }
            }
        }
        best.0
    }

    /// Gradients for an independent draw, as far as a trial can tell.
    fn cost(&mut self, settings: &Settings, tuning: &Tuning) -> f64 {
        let dim = self.state.position.len();
        let (before, n) = (self.n_gradients, tuning.n_trial);
        let mut draws = Vec::with_capacity(dim * n);
        for _ in 0..n {
            self.step(settings);
            draws.extend_from_slice(&self.state.position);
        }
        let mut sum = 0.0;
        for i in 0..dim {
            let mut column: Vec<f64> = draws.iter().skip(i).step_by(dim).copied().collect();
            let mean = column.iter().sum::<f64>() / n as f64;
            column.iter_mut().for_each(|x| *x -= mean);
            let value = time(&column);
            let mean = column.iter().map(|x| x * x).sum::<f64>() / n as f64;
            column.iter_mut().for_each(|x| *x = *x * *x - mean);
            sum += value.powi(2) + time(&column).powi(2);
        }
        let time = (0.5 * sum / dim as f64).sqrt();
        let per_draw = (self.n_gradients - before) as f64 / n as f64;
        if time * 10.0 > n as f64 { f64::INFINITY } else { time * per_draw }
    }
}

/// (1 + ρ)/(1 − ρ) at lag one of centred values.
fn time(values: &[f64]) -> f64 {
    let square: f64 = values.iter().map(|x| x * x).sum();
    let product: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum();
    if square > 0.0 { (square + product) / (square - product).max(1e-12 * square) } else { f64::INFINITY }
}
