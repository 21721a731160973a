//! The proposal of a round: a mixture of normal kernels about the particles, truncated to the prior.

use super::population::Population;
use crate::error::{Error, Result};
use crate::math::{Cholesky, Matrix};
use crate::prior::Prior;
use crate::seed::Stream;
use rand::RngExt;
use rand::distr::Open01;
use rand_distr::StandardNormal;

/// Draws outside the prior in a row that end in an error: a kernel about a particle keeps a fair share inside.
const MAX_TRIES: u64 = 100_000;

/// q(θ) = Σ_j w_j N(θ | θ_j, 2 Σ) / Z inside the prior's support and 0 outside, with Σ the weighted, centred covariance of
/// the population and Z the share of the mixture inside.
pub(super) struct Mixture {
    centres: Vec<f64>,
    weights: Vec<f64>,
    cumulative: Vec<f64>,
    kernel: Cholesky,
    /// L⁻¹ θ_j, where L Lᵀ = 2 Σ: distances in kernel widths are plain ones.
    whitened: Vec<f64>,
}

impl Mixture {
    pub(super) fn new(population: &Population, n: usize) -> Result<Self> {
        let kernel = population.covariance(n).scaled(2.0).cholesky();
        let kernel = kernel.ok().filter(|factor| is_regular(factor.lower(), population, n)).ok_or_else(|| {
            Error::numerical("the particles do not span the parameters: their covariance is singular")
                .remedy("increase n_particles, or a larger epsilon; a parameter that two others determine has no place")
        })?;
        let mut whitened = population.theta.clone();
        whitened.chunks_exact_mut(n).for_each(|theta| kernel.solve_lower(theta));
        let cumulative = population
            .weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            })
            .collect();
        Ok(Self {
            centres: population.theta.clone(),
            weights: population.weights.clone(),
            cumulative,
            kernel,
            whitened,
        })
    }

    /// One draw and how many it took to fall inside the prior. A draw outside the prior is thrown away whole, particle and step: that truncates the *mixture*, whose
    /// normalisation is then one constant. A new step alone would truncate each kernel by its own.
    pub(super) fn draw(&self, prior: &Prior, stream: &mut Stream, theta: &mut [f64]) -> Result<u64> {
        let n = theta.len();
        let total = self.cumulative[self.cumulative.len() - 1];
        let mut z = vec![0.0; n];
        for tries in 1..=MAX_TRIES {
            let u = total * stream.sample::<f64, _>(Open01);
            let j = self.cumulative.partition_point(|&sum| sum < u).min(self.cumulative.len() - 1);
            z.iter_mut().for_each(|z| *z = stream.sample(StandardNormal));
            self.kernel.times_lower(&z, theta);
            theta.iter_mut().zip(&self.centres[j * n..]).for_each(|(x, centre)| *x += centre);
            if prior.contains(theta) {
                return Ok(tries);
            }
        }
        Err(Error::numerical(format!("{MAX_TRIES} proposals in a row lie outside the prior"))
            .remedy("widen the prior, or infer fewer parameters at once"))
    }

    /// ln (Z q(θ)) inside the prior.
    pub(super) fn ln_density(&self, theta: &[f64]) -> f64 {
        let n = theta.len();
        let mut x = theta.to_vec();
        self.kernel.solve_lower(&mut x);
        let mut sum = 0.0;
        for (y, w) in self.whitened.chunks_exact(n).zip(&self.weights) {
            let square: f64 = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
            sum += w * (-0.5 * square).exp();
        }
        sum.ln() - 0.5 * (n as f64 * (2.0 * std::f64::consts::PI).ln() + self.kernel.ln_det())
    }
}

/// Rounding lets a singular covariance through the factorisation: the pivots tell.
fn is_regular(lower: &Matrix, population: &Population, n: usize) -> bool {
    (0..n).all(|i| {
        let scale = population.theta.iter().skip(i).step_by(n).fold(0.0_f64, |m, x| m.max(x.abs()));
        let width = lower.row(i).iter().map(|l| l * l).sum::<f64>().sqrt();
        lower[(i, i)] > 1e-7 * width && width > 1e-14 * scale
    })
}
