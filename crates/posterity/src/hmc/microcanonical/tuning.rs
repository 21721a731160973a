//! The step size and the trajectory length of the adjusted microcanonical sampler, in a given metric.
//!
//! The step size comes from dual averaging to the wanted acceptance rate. The length is the one that costs least: lengths
//! in ratios of √2 are each tried for some draws, and the cost of an independent draw is estimated from the correlation ρ
//! of successive draws, for every coordinate and for its centred square:
//!
//! cost = gradients · √(mean of ((1 + ρ)/(1 − ρ))²), 1 − ρ = E(x' − x)²/(2 Var x).
//!
//! Mean and variance are those of all trials together: where a trial is too short to see the variance, the squared jumps
//! still tell which length goes further for its gradients. The search begins at the length π/2, which is right for a Gaussian
//! that the metric makes round, and goes up and down while the cost falls. Coordinates and squares both count: half a turn
//! decorrelates neither, however well it anticorrelates the first. (The paper takes the length as a share of the
//! autocorrelation length, which depends on the first guess of the length.)
//!
//! Limits: of more than 1024 coordinates, 1024 are looked at. All this is a heuristic for efficiency; the target does not depend on it, once it is frozen. The state moves
//! on meanwhile; the metric should be that of a warm-up that is past its transient.

use super::{Settings, step};
use crate::error::{Error, Result};
use crate::hmc::{DualAveraging, LogDensity, Metric, Scratch, State};
use crate::seed::Stream;

/// Of more coordinates, as many spread evenly are looked at.
const MAX_COORDINATES: usize = 1024;

/// How the tuning goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Acceptance rate aimed at.
    pub acceptance_rate: f64,
    /// Draws to adapt the step size, before and after the choice of a length.
    pub n_step_size: usize,
    /// Draws to try each length.
    pub n_trial: usize,
    /// Most steps of a trajectory that is tried.
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
        let mut trials = vec![self.trial(&Settings { length: start, ..*settings }, tuning)];
        for (factor, end) in [(ratio, longest), (1.0 / ratio, shortest)] {
            let (mut length, mut failures) = (start, 0);
            while failures < 2 && (length * factor - end) * (factor - 1.0) <= 0.0 {
                length *= factor;
                trials.push(self.trial(&Settings { length, ..*settings }, tuning));
                failures = if cheapest(&trials) == trials.len() - 1 { 0 } else { failures + 1 };
            }
        }
        trials[cheapest(&trials)].length
    }

    fn trial(&mut self, settings: &Settings, tuning: &Tuning) -> Trial {
        let (before, n) = (self.n_gradients, tuning.n_trial);
        let stride = self.state.position.len().div_ceil(MAX_COORDINATES);
        let draw = |bench: &mut Self| {
            bench.step(settings);
            bench.state.position.iter().step_by(stride).copied().collect()
        };
        let draws = (0..n).map(|_| draw(self)).collect();
        Trial { length: settings.length, draws, gradients: (self.n_gradients - before) as f64 / n as f64 }
    }
}

/// The draws of one length, and the gradients that one took.
struct Trial {
    length: f64,
    draws: Vec<Vec<f64>>,
    gradients: f64,
}

/// The trial of least gradients for an independent draw.
fn cheapest(trials: &[Trial]) -> usize {
    let mut sums = vec![0.0; trials.len()];
    for i in 0..trials[0].draws[0].len() {
        let mut columns: Vec<Vec<f64>> =
            trials.iter().map(|trial| trial.draws.iter().map(|draw| draw[i]).collect()).collect();
        add_times(&mut columns, &mut sums);
        columns.iter_mut().flatten().for_each(|x| *x *= *x);
        add_times(&mut columns, &mut sums);
    }
    let cost = |k: usize| trials[k].gradients * sums[k].sqrt();
    (0..trials.len()).fold(0, |best, k| if cost(k) < cost(best) { k } else { best })
}

/// Centres the values of all trials together, and adds ((1 + ρ)/(1 − ρ))² of each trial to its sum.
fn add_times(columns: &mut [Vec<f64>], sums: &mut [f64]) {
    let n = columns.iter().map(Vec::len).sum::<usize>() as f64;
    let mean = columns.iter().flatten().sum::<f64>() / n;
    columns.iter_mut().flatten().for_each(|x| *x -= mean);
    let variance = columns.iter().flatten().map(|x| x * x).sum::<f64>() / n;
    for (column, sum) in columns.iter().zip(sums) {
        let jumps = column.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>();
        let jump = jumps / (column.len() as f64 - 1.0);
        // 1 − ρ; at most 2, but for the noise.
        let rest = (0.5 * jump / variance).min(1.9);
        *sum += ((2.0 - rest) / rest).powi(2);
    }
}
