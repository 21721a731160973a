//! Which sampler makes the steps of a block.

use super::{Info, LogDensity, MAX_STEPS, Metric, Scratch, Settings, State, hamiltonian, microcanonical};
use crate::error::Result;
use crate::seed::Stream;
use serde::{Deserialize, Serialize};

/// A sampler with its settings. A new one is one more variant, a function of the shape of [`hamiltonian::step`], and a
/// line in each method below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Sampler {
    /// Hamiltonian Monte Carlo.
    Hmc(Settings),
    /// The microcanonical sampler: MAMS, or MCLMC where it is not adjusted, which is biased.
    Microcanonical(microcanonical::Settings),
}

impl Sampler {
    /// One step. The settings must have passed [`check`](Self::check).
    pub fn step(
        &self,
        metric: &Metric,
        state: &mut State,
        target: &mut dyn LogDensity,
        scratch: &mut Scratch,
        stream: &mut Stream,
    ) -> Info {
        match self {
            Self::Hmc(settings) => hamiltonian::step(settings, metric, state, target, scratch, stream),
            Self::Microcanonical(settings) => microcanonical::step(settings, metric, state, target, scratch, stream),
        }
    }

    /// Whether the settings can be used in `dim` dimensions and this metric.
    ///
    /// # Errors
    /// Invalid input.
    pub fn check(&self, dim: usize, metric: &Metric) -> Result<()> {
        match self {
            Self::Hmc(settings) => settings.check(metric),
            Self::Microcanonical(settings) => settings.check(dim),
        }
    }

    /// A first step size, from that of the settings, and the gradients that finding it took.
    pub fn reasonable_step_size(
        &self,
        metric: &Metric,
        state: &State,
        target: &mut dyn LogDensity,
        scratch: &mut Scratch,
        stream: &mut Stream,
    ) -> (f64, usize) {
        match self {
            Self::Hmc(settings) => super::reasonable_step_size(settings, metric, state, target, scratch, stream),
            // Dual averaging finds its way from there, and `least_step_size` bounds what it costs.
            Self::Microcanonical(settings) => (settings.step_size, 0),
        }
    }

    /// The least step size that adaptation takes: with a length that is given, a shorter one makes trajectories longer.
    pub(super) fn least_step_size(&self) -> f64 {
        match self {
            Self::Hmc(_) => 0.0,
            Self::Microcanonical(settings) => settings.length / MAX_STEPS as f64,
        }
    }

    /// The step size.
    pub fn step_size(&self) -> f64 {
        match self {
            Self::Hmc(settings) => settings.step_size,
            Self::Microcanonical(settings) => settings.step_size,
        }
    }

    /// Sets the step size.
    pub fn set_step_size(&mut self, step_size: f64) {
        match self {
            Self::Hmc(settings) => settings.step_size = step_size,
            Self::Microcanonical(settings) => settings.step_size = step_size,
        }
    }

    /// The integration steps of a trajectory: most of them, or before jitter, of the microcanonical sampler.
    pub fn num_integration_steps(&self) -> usize {
        match self {
            Self::Hmc(settings) => settings.num_integration_steps,
            Self::Microcanonical(settings) => (settings.length / settings.step_size).ceil() as usize,
        }
    }

    /// The mean of ε N over ε_max N_max, under the jitter of both.
    pub fn mean_length(&self) -> f64 {
        match self {
            Self::Hmc(settings) => {
                let step_size = 1.0 - settings.step_size_jitter / (1.0 + f64::from(settings.step_size_skew));
                step_size * (1.0 - 0.5 * settings.length_jitter)
            }
            Self::Microcanonical(_) => 1.0,
        }
    }

    /// True if the draws do not follow the target, whatever their number.
    pub fn is_biased(&self) -> bool {
        matches!(self, Self::Microcanonical(settings) if settings.is_biased())
    }

    /// Sets the most integration steps of a trajectory.
    pub fn set_num_integration_steps(&mut self, n: usize) {
        match self {
            Self::Hmc(settings) => settings.num_integration_steps = n,
            Self::Microcanonical(settings) => settings.length = n as f64 * settings.step_size,
        }
    }
}
