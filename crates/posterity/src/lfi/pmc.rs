//! Population Monte Carlo: its settings.

use serde::{Deserialize, Serialize};

/// What can be chosen about population Monte Carlo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Particles of the population.
    pub n_particles: usize,
    /// Draws from the prior of which the nearest become the first population.
    pub n_initial: usize,
    /// Percentile of the distances that becomes the next epsilon.
    pub percentile: f64,
    /// Distance at which to stop.
    pub epsilon: Option<f64>,
    /// Fraction of accepted draws below which to stop.
    pub min_acceptance_rate: f64,
    /// Simulations at most.
    pub max_simulations: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            n_particles: 2000,
            n_initial: 20_000,
            percentile: 75.0,
            epsilon: None,
            min_acceptance_rate: 0.01,
            max_simulations: 5_000_000,
        }
    }
}
