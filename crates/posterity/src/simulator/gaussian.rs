//! Independent normal draws of unknown mean and variance, or of unknown variance alone: the test with a known answer.

use super::Simulator;
use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::seed::Stream;
use rand_distr::{Distribution, StandardNormal};

/// `n_data` independent draws of N(mean, variance).
///
/// Fisher information about (mean, variance): diag(n/variance, n/(2 variance²)); for 10 points at (0, 1) that is
/// diag(10, 5), with determinant 50 (Charnock, Lavaux, Wandelt 2018, arXiv:1802.03537).
#[derive(Clone, Debug)]
pub struct Gaussian {
    parameters: Vec<Parameter>,
    shape: [usize; 1],
    /// Fixed where only the variance is unknown.
    known_mean: Option<f64>,
}

impl Gaussian {
    /// Mean and variance unknown.
    pub fn mean_and_variance(n_data: usize) -> Self {
        let parameters = vec![Parameter::new("mean", r"\mu"), Parameter::new("variance", r"\sigma^2")];
        Self { parameters, shape: [n_data], known_mean: None }
    }

    /// Variance unknown about a known mean.
    pub fn variance(n_data: usize, mean: f64) -> Self {
        Self { parameters: vec![Parameter::new("variance", r"\sigma^2")], shape: [n_data], known_mean: Some(mean) }
    }

    fn moments(&self, theta: &[f64]) -> Result<(f64, f64)> {
        let (mean, variance) = match self.known_mean {
            Some(mean) => (mean, theta[0]),
            None => (theta[0], theta[1]),
        };
        if variance > 0.0 && variance.is_finite() && mean.is_finite() {
            Ok((mean, variance))
        } else {
            Err(Error::simulation_failed(format!("no normal distribution has mean {mean} and variance {variance}")))
        }
    }
}

impl Simulator for Gaussian {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        let (mean, variance) = self.moments(theta)?;
        let sd = variance.sqrt();
        for d in data {
            let z: f64 = StandardNormal.sample(stream);
            *d = mean + sd * z;
        }
        Ok(())
    }

    fn exact_fisher(&self, theta: &[f64]) -> Result<Option<Matrix>> {
        let variance = self.moments(theta)?.1;
        let n = self.shape[0] as f64;
        let diagonal = [n / variance, 0.5 * n / (variance * variance)];
        // Of the variance alone, where the mean is known.
        let known = diagonal.len() - theta.len();
        Ok(Some(Matrix::from_fn(theta.len(), theta.len(), |i, j| if i == j { diagonal[known + i] } else { 0.0 })))
    }

    fn has_derivative(&self) -> bool {
        true
    }

    fn simulate_with_derivative(
        &self,
        theta: &[f64],
        stream: &mut Stream,
        data: &mut [f64],
        derivative: &mut [f64],
    ) -> Result<()> {
        let (mean, variance) = self.moments(theta)?;
        let n_data = data.len();
        let sd = variance.sqrt();
        for i in 0..n_data {
            let z: f64 = StandardNormal.sample(stream);
            data[i] = mean + sd * z;
            if self.known_mean.is_none() {
                derivative[i] = 1.0;
            }
            derivative[(self.n_params() - 1) * n_data + i] = z / (2.0 * sd);
        }
        Ok(())
    }
}
