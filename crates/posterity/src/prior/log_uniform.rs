//! The uniform distribution of a logarithm (Jeffreys' prior of a scale), between two bounds.

use crate::error::{Error, Result};

/// Density 1/(x ln(high/low)) on [low, high], 0 < low < high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogUniform {
    low: f64,
    high: f64,
}

impl LogUniform {
    /// Log-uniform on [low, high].
    ///
    /// # Errors
    /// Invalid input unless 0 < low < high, both finite, and so is their ratio.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        if 0.0 < low && low < high && (high / low).is_finite() {
            Ok(Self { low, high })
        } else {
            Err(Error::invalid_input(format!("a log-uniform prior from {low} to {high} is impossible"))
                .remedy("give bounds with 0 < low < high, at most a factor of 1e308 apart"))
        }
    }

    pub(super) fn log_prob(&self, x: f64) -> f64 {
        if (self.low..=self.high).contains(&x) { -x.ln() - (self.high / self.low).ln().ln() } else { f64::NEG_INFINITY }
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        (self.low * (p * (self.high / self.low).ln()).exp()).clamp(self.low, self.high)
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        ((x.max(self.low) / self.low).ln() / (self.high / self.low).ln()).clamp(0.0, 1.0)
    }

    pub(super) fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}
