//! A straight line with unit normal noise: the problem whose answer is linear algebra.

use super::Simulator;
use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::seed::Stream;
use rand_distr::{Distribution, StandardNormal};

/// d_i = slope · x_i + intercept + sd · N(0, 1) on `n_data` equally spaced points x from 0 to 10.
///
/// Fisher information about the slope alone: Σx²/sd², 3350.2 for 100 points and sd = 1.
#[derive(Clone, Debug)]
pub struct Line {
    parameters: Vec<Parameter>,
    shape: [usize; 1],
    sd: f64,
    /// Fixed where only the slope is unknown.
    known_intercept: Option<f64>,
}

impl Line {
    /// Slope unknown, intercept known.
    pub fn slope(n_data: usize, sd: f64, intercept: f64) -> Self {
        Self { parameters: vec![Parameter::new("slope", "m")], shape: [n_data], sd, known_intercept: Some(intercept) }
    }

    /// Slope and intercept unknown.
    pub fn slope_and_intercept(n_data: usize, sd: f64) -> Self {
        let parameters = vec![Parameter::new("slope", "m"), Parameter::new("intercept", "c")];
        Self { parameters, shape: [n_data], sd, known_intercept: None }
    }

    /// The points x.
    pub fn abscissae(&self) -> impl Iterator<Item = f64> {
        let steps = (self.shape[0].max(2) - 1) as f64;
        (0..self.shape[0]).map(move |i| 10.0 * i as f64 / steps)
    }
}

impl Simulator for Line {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        let intercept = self.known_intercept.unwrap_or_else(|| theta[1]);
        if !(theta[0].is_finite() && intercept.is_finite()) {
            let message = format!("no line has slope {} and intercept {intercept}", theta[0]);
            return Err(Error::simulation_failed(message).remedy("keep both finite"));
        }
        for (d, x) in data.iter_mut().zip(self.abscissae()) {
            let z: f64 = StandardNormal.sample(stream);
            *d = theta[0] * x + intercept + self.sd * z;
        }
        Ok(())
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
        self.simulate(theta, stream, data)?;
        derivative.iter_mut().zip(self.abscissae()).for_each(|(d, x)| *d = x);
        derivative.iter_mut().skip(data.len()).for_each(|d| *d = 1.0);
        Ok(())
    }

    fn exact_fisher(&self, theta: &[f64]) -> Result<Option<Matrix>> {
        let power = |k: usize| self.abscissae().map(|x| x.powi(k as i32)).sum::<f64>() / (self.sd * self.sd);
        // ∂d/∂slope = x, ∂d/∂intercept = 1.
        Ok(Some(Matrix::from_fn(theta.len(), theta.len(), |i, j| power(2 - i - j))))
    }
}
