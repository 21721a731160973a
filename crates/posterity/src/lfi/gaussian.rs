//! The Gaussian approximation: its settings.

use serde::{Deserialize, Serialize};

/// What can be chosen about the Gaussian approximation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Draws wanted.
    pub n_samples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_samples: 10_000 }
    }
}
