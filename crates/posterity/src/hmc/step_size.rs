//! The step size: a first guess, and dual averaging to a wanted acceptance rate.
//!
//! Nesterov's dual averaging of δ − α: after step t, with x = ln ε,
//!   H ← (1 − 1/(t + t₀)) H + (δ − α_t)/(t + t₀),  x = μ − √t H/γ,  x̄ ← t^-κ x + (1 − t^-κ) x̄,
//! γ = 0.05, t₀ = 10, κ = 0.75, μ = ln 10 ε₀. Steps are taken with x; what is kept at the end is x̄.
//!
//! Limits: a chain whose step size still adapts does not keep its target: draws of the warm-up are thrown away.
//!
//! Hoffman, Gelman 2014, *The No-U-Turn Sampler*, arXiv:1111.4246.

use super::momentum::standard_normals;
use super::vector;
use super::{LogDensity, Metric, Scratch, Settings, State};
use crate::seed::Stream;
use serde::{Deserialize, Serialize};

const GAMMA: f64 = 0.05;
const T0: f64 = 10.0;
const KAPPA: f64 = 0.75;
/// Bounds of the step size: beyond them a target is broken in other ways.
const STEP_SIZES: (f64, f64) = (1e-10, 1e5);

/// Where the averaging stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DualAveraging {
    wanted: f64,
    mu: f64,
    error: f64,
    log_step_size: f64,
    log_average: f64,
    t: u64,
}

impl DualAveraging {
    /// Begins at a step size, to reach the acceptance rate `wanted`.
    pub fn new(step_size: f64, wanted: f64) -> Self {
        let x = step_size.ln();
        Self { wanted, mu: 10.0_f64.ln() + x, error: 0.0, log_step_size: x, log_average: x, t: 0 }
    }

    /// Takes the acceptance rate of one step.
    pub fn update(&mut self, acceptance_rate: f64) {
        self.t += 1;
        let t = self.t as f64;
        let weight = 1.0 / (t + T0);
        self.error = (1.0 - weight) * self.error + weight * (self.wanted - acceptance_rate);
        let (low, high) = (STEP_SIZES.0.ln(), STEP_SIZES.1.ln());
        self.log_step_size = (self.mu - t.sqrt() / GAMMA * self.error).clamp(low, high);
        let weight = t.powf(-KAPPA);
        self.log_average = weight * self.log_step_size + (1.0 - weight) * self.log_average;
    }

    /// The step size to take next.
    pub fn step_size(&self) -> f64 {
        self.log_step_size.exp()
    }

    /// The step size to keep.
    pub fn average(&self) -> f64 {
        self.log_average.exp()
    }
}

/// A step size at which one step is accepted about as often as not: doubled or halved from that of the settings until the
/// acceptance of a single step crosses 0.8. Returns it and the gradients that it took.
pub fn reasonable_step_size(
    settings: &Settings,
    metric: &Metric,
    state: &State,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
    stream: &mut Stream,
) -> (f64, usize) {
    let (mut step_size, mut n, mut grows) = (settings.step_size, 0, None);
    loop {
        scratch.begin(state);
        standard_normals(&mut scratch.momentum, stream);
        let before = 0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - state.log_density;
        n += settings.integrate((step_size, 1), metric, target, scratch);
        let after = 0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - scratch.log_density;
        // Not a number is a refusal.
        let is_accepted = before - after > 0.8_f64.ln();
        let grow = *grows.get_or_insert(is_accepted);
        let next = if grow { 2.0 * step_size } else { 0.5 * step_size };
        if grow != is_accepted {
            return (if grow { 0.5 * step_size } else { step_size }, n);
        }
        if !(STEP_SIZES.0..STEP_SIZES.1).contains(&next) {
            return (step_size, n);
        }
        step_size = next;
    }
}
