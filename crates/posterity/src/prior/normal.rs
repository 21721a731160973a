//! The normal distribution, where wanted truncated to an interval.

use crate::error::{Error, Result};
use crate::math::{normal_cdf, normal_quantile};

/// N(mean, sd²), restricted to [low, high] and normalised there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    sd: f64,
    low: f64,
    high: f64,
    /// Φ at the lower bound and the mass between the bounds, of |z| mirrored so that the far tail keeps its digits.
    below: f64,
    mass: f64,
    mirrored: bool,
}

impl Normal {
    /// Normal on the whole line.
    ///
    /// # Errors
    /// Invalid input unless mean and sd are finite and sd > 0.
    pub fn new(mean: f64, sd: f64) -> Result<Self> {
        Self::truncated(mean, sd, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Normal restricted to [low, high]; either bound may be infinite.
    ///
    /// # Errors
    /// Invalid input unless mean and sd are finite, sd > 0, low < high, and the interval holds more than 1e-300 of the
    /// mass.
    pub fn truncated(mean: f64, sd: f64, low: f64, high: f64) -> Result<Self> {
        if !(mean.is_finite() && sd.is_finite() && sd > 0.0) {
            return Err(Error::invalid_input(format!("a normal prior with mean {mean} and sd {sd} is impossible"))
                .remedy("give a finite mean and sd > 0"));
        }
        if low.is_nan() || high.is_nan() || low >= high {
            return Err(Error::invalid_input(format!("a normal prior truncated to {low} … {high} is impossible"))
                .remedy("give bounds with low < high"));
        }
        let mirrored = low > mean;
        let (a, b) = if mirrored { (mean - high, mean - low) } else { (low - mean, high - mean) };
        let below = normal_cdf(a / sd);
        let mass = normal_cdf(b / sd) - below;
        if mass < 1e-300 {
            return Err(Error::invalid_input(format!(
                "the interval {low} … {high} holds no mass of a normal prior with mean {mean} and sd {sd}"
            ))
            .remedy("move the bounds towards the mean"));
        }
        Ok(Self { mean, sd, low, high, below, mass, mirrored })
    }

    /// Mean and standard deviation before truncation.
    pub fn mean_and_sd(&self) -> (f64, f64) {
        (self.mean, self.sd)
    }

    pub(super) fn log_prob(&self, x: f64) -> f64 {
        if x < self.low || x > self.high || x.is_nan() {
            return f64::NEG_INFINITY;
        }
        let z = (x - self.mean) / self.sd;
        -0.5 * z * z - (self.sd * self.mass).ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        let z = if self.mirrored {
            -normal_quantile(self.below + (1.0 - p) * self.mass)
        } else {
            normal_quantile(self.below + p * self.mass)
        };
        (self.mean + self.sd * z).clamp(self.low, self.high)
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        let z = (x.clamp(self.low, self.high) - self.mean) / self.sd;
        let below = normal_cdf(if self.mirrored { -z } else { z }) - self.below;
        let fraction = (below / self.mass).clamp(0.0, 1.0);
        if self.mirrored { 1.0 - fraction } else { fraction }
    }

    pub(super) fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}
