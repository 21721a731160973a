//! What can be chosen about population Monte Carlo, with defaults.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Settings of the population and of the rules that end the rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Particles in the population.
    pub n_particles: usize,
    /// Simulations drawn from the prior at first; the nearest `n_particles` of them are the first population.
    /// They bound the weights: ten times `n_particles` keeps heavy tails of the posterior in place.
    pub n_initial: usize,
    /// Percentile of the population's distances that becomes ε, between 0 and 100: the others are drawn again.
    pub percentile: f64,
    /// Ends with the population within this distance, where given.
    pub epsilon: Option<f64>,
    /// Ends after a round that accepted at most this fraction of its simulations; 0 switches the rule off.
    pub min_acceptance_rate: f64,
    /// Ends before a simulation beyond this number would be run, the initial ones included.
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

impl Settings {
    /// Refuses what cannot be run, for so many parameters.
    ///
    /// # Errors
    /// Invalid input, naming the key at fault.
    pub fn check(&self, n_params: usize) -> Result<()> {
        let refuse =
            |key: &str, message: String, remedy: String| Err(Error::invalid_input(message).at_key(key).remedy(remedy));
        let least = 2 * (n_params + 1);
        if self.n_particles < least {
            let message = format!("{} particles do not span {n_params} parameters", self.n_particles);
            return refuse("n_particles", message, format!("give at least {least}, better 1000"));
        }
        if self.n_initial < self.n_particles {
            let message = format!("{} first simulations do not hold {} particles", self.n_initial, self.n_particles);
            return refuse("n_initial", message, "give at least n_particles".into());
        }
        if !(self.percentile > 0.0 && self.percentile < 100.0) {
            let message = format!("there is no percentile {}", self.percentile);
            return refuse("percentile", message, "give a number between 0 and 100, such as 75".into());
        }
        if self.epsilon.is_some_and(|epsilon| !(epsilon > 0.0 && epsilon.is_finite())) {
            let message = "no population lies within this distance".into();
            return refuse("epsilon", message, "give a finite epsilon > 0, or leave it out".into());
        }
        if !(0.0..1.0).contains(&self.min_acceptance_rate) {
            let message = format!("an acceptance rate cannot be held above {}", self.min_acceptance_rate);
            return refuse("min_acceptance_rate", message, "give a fraction from 0 to below 1, such as 0.1".into());
        }
        if self.max_simulations < self.n_initial as u64 {
            let message = format!("{} simulations do not reach past the first population", self.max_simulations);
            return refuse("max_simulations", message, "give at least n_initial".into());
        }
        Ok(())
    }
}
