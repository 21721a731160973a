//! The uniform distribution on an interval.

use crate::error::{Error, Result};

/// Constant density 1/(high − low) on [low, high].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Uniform {
    /// Uniform on [low, high].
    ///
    /// # Errors
    /// Invalid input unless low < high, both finite, and so is their distance.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        if low < high && (high - low).is_finite() {
            Ok(Self { low, high })
        } else {
            Err(Error::invalid_input(format!("a uniform prior from {low} to {high} is impossible"))
                .remedy("give bounds with low < high, a finite distance apart"))
        }
    }

    pub(super) fn log_prob(&self, x: f64) -> f64 {
        if (self.low..=self.high).contains(&x) { -(self.high - self.low).ln() } else { f64::NEG_INFINITY }
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        self.low + p * (self.high - self.low)
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        ((x - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    pub(super) fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}
