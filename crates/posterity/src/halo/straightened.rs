//! The posterior of the weights given the density in coordinates that straighten it: what chains sample.

use super::WeightsGivenDensity;
use super::weights::PRIOR_SD;
use crate::error::Result;
use crate::hmc::{LogDensity, Metric};

/// [`WeightsGivenDensity`] as a density of the coordinates x ([`super::Coordinates`]): what chains sample.
pub struct Straightened {
    /// The density of the weights.
    pub density: WeightsGivenDensity,
    weights: Vec<f64>,
    d_weights: Vec<f64>,
}

impl Straightened {
    /// The same density, in other coordinates.
    pub fn new(density: WeightsGivenDensity) -> Self {
        let dim = density.dim();
        Self { density, weights: vec![0.0; dim], d_weights: vec![0.0; dim] }
    }

    /// The weights at x, and ln of the volume element there.
    ///
    /// # Panics
    /// If the length is another.
    pub fn weights(&mut self, x: &[f64]) -> (&[f64], f64) {
        let log_volume = self.density.coordinates().weights(x, &mut self.weights);
        (&self.weights, log_volume)
    }

    /// The coordinates of weights.
    ///
    /// # Panics
    /// If the length is another.
    pub fn coordinates(&self, weights: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; weights.len()];
        self.density.coordinates().of(weights, &mut x);
        x
    }

    /// Turns the gradient of a function of the weights at x (overwritten) into that, by x, of the function plus ln of the
    /// volume element, where [`Straightened::weights`] was last asked for x.
    pub(super) fn pull_back(&self, x: &[f64], d_weights: &mut [f64], d_x: &mut [f64]) {
        self.density.coordinates().pull_back(x, &self.weights, d_weights, d_x);
    }

    /// The metric of the curvature at x, no wider than the prior.
    ///
    /// # Errors
    /// As [`Metric::of_curvature`].
    pub fn metric(&mut self, x: &[f64]) -> Result<Metric> {
        Metric::of_curvature(self, x, PRIOR_SD)
    }
}

impl LogDensity for Straightened {
    fn dim(&self) -> usize {
        self.weights.len()
    }

    fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let Self { density, weights, d_weights } = self;
        let log_volume = density.coordinates().weights(x, weights);
        let value = density.value_and_gradient(weights, d_weights);
        density.coordinates().pull_back(x, weights, d_weights, gradient);
        value + log_volume
    }
}
