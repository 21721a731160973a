//! Approximate Bayesian computation by rejection: its settings.

use serde::{Deserialize, Serialize};

/// What can be chosen about the rejection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Draws from the prior.
    pub n_simulations: u64,
    /// Largest distance accepted.
    pub epsilon: Option<f64>,
    /// Number of nearest draws accepted, instead of a distance.
    pub n_accepted: Option<usize>,
    /// Whether accepted draws are moved along a local regression on their summaries.
    pub regression_adjustment: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_simulations: 1_000_000, epsilon: None, n_accepted: None, regression_adjustment: false }
    }
}
