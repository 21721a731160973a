//! Coordinates of the weights in which their posterior is nearly round.
//!
//! The weights say the same in many ways: kernel and bias times a factor, and the mixture's slopes through the factor,
//! change ψ and little else; so does a shift of ψ with the mixture's biases. The posterior is a thin curved ridge along
//! both, which no constant metric straightens. In coordinates x of the same number it is nearly straight: with κ = sinh x₀
//! the kernel's weight at the centre and c = √(1 + κ²) = cosh x₀,
//!
//! - the other weights of the kernel of ℓ = 0, its bias b, and the powers a_ℓ are c x,
//! - the mixture's slopes are x/c,
//! - the mixture's biases are x − slope · softplus(b): they are what x says where ln(1 + δ + ε) is 0 all around,
//! - what is left is as it is.
//!
//! The map is smooth and one to one on all of ℝⁿ, and its volume element c^(1 + n_c − n_s), n_c weights that go with c and
//! n_s slopes, is part of the density: the posterior of the weights is the same.

use super::WeightsGivenDensity;
use super::weights::PRIOR_SD;
use crate::engine::Engine;
use crate::hmc::{LogDensity, Metric};

/// Where in the vector of weights each kind is.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates {
    /// Those that go with the scale of the kernel, its centre (weight 0) aside.
    scaled: Vec<usize>,
    bias: usize,
    /// First weight of the mixture: pairs of slope and bias from there on.
    mixture: usize,
    dim: usize,
}

impl Coordinates {
    /// Of the weights of an engine, followed by `n_mixture` of a mixture.
    pub fn new(engine: &Engine, n_mixture: usize) -> Self {
        let bias = engine.bias();
        let scaled = (1..=bias).chain(engine.powers()).collect();
        Self { scaled, bias, mixture: engine.n_weights(), dim: engine.n_weights() + n_mixture }
    }

    /// Number of weights.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Writes the weights at x; ln of the volume element there.
    ///
    /// # Panics
    /// If a length is another.
    pub fn weights(&self, x: &[f64], weights: &mut [f64]) -> f64 {
        weights.copy_from_slice(x);
        let scale = x[0].cosh();
        weights[0] = x[0].sinh();
        self.scaled.iter().for_each(|i| weights[*i] *= scale);
        let (psi, _) = softplus(weights[self.bias]);
        for pair in weights[self.mixture..].chunks_exact_mut(2) {
            pair[0] /= scale;
            pair[1] -= pair[0] * psi;
        }
        self.exponent() * scale.ln()
    }

    /// Writes the coordinates of weights.
    ///
    /// # Panics
    /// If a length is another.
    pub fn of(&self, weights: &[f64], x: &mut [f64]) {
        x.copy_from_slice(weights);
        let scale = weights[0].hypot(1.0);
        x[0] = weights[0].asinh();
        self.scaled.iter().for_each(|i| x[*i] /= scale);
        let (psi, _) = softplus(weights[self.bias]);
        for pair in x[self.mixture..].chunks_exact_mut(2) {
            pair[1] += pair[0] * psi;
            pair[0] *= scale;
        }
    }

    /// Turns the gradient of a function of the weights into that, by x, of the function plus ln of the volume element.
    fn pull_back(&self, x: &[f64], weights: &[f64], d_weights: &mut [f64], d_x: &mut [f64]) {
        let scale = x[0].cosh();
        let (psi, psi_slope) = softplus(weights[self.bias]);
        let (mut d_psi, mut d_scale) = (0.0, self.exponent() / scale);
        d_x.copy_from_slice(d_weights);
        for ((w, d), d_x) in weights[self.mixture..]
            .chunks_exact(2)
            .zip(d_weights[self.mixture..].chunks_exact(2))
            .zip(d_x[self.mixture..].chunks_exact_mut(2))
        {
            let d_slope = d[0] - d[1] * psi;
            d_psi -= d[1] * w[0];
            d_scale -= d_slope * w[0] / scale;
            d_x[0] = d_slope / scale;
        }
        d_weights[self.bias] += d_psi * psi_slope;
        for i in &self.scaled {
            d_x[*i] = d_weights[*i] * scale;
            d_scale += d_weights[*i] * x[*i];
        }
        d_x[0] = d_weights[0] * scale + d_scale * x[0].sinh();
    }

    /// The volume element is this power of c.
    fn exponent(&self) -> f64 {
        1.0 + self.scaled.len() as f64 - 0.5 * (self.dim - self.mixture) as f64
    }
}

fn softplus(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let slope = if x > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (x.max(0.0) + small.ln_1p(), slope)
}

/// [`WeightsGivenDensity`] as a density of the coordinates x: what chains sample.
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

    /// The metric of the curvature at x, no wider than the prior.
    ///
    /// # Errors
    /// As [`Metric::of_curvature`].
    pub fn metric(&mut self, x: &[f64]) -> crate::Result<Metric> {
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
