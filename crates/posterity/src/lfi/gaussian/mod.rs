//! The Gaussian approximation of the posterior: N(theta_hat, F⁻¹) times the prior.
//!
//! p(θ|d) ∝ π(θ) exp(−½ (θ − theta_hat)ᵀ F (θ − theta_hat)).
//!
//! Normal marginals of the prior are absorbed by completing the square, so what is left is a normal distribution on a
//! box, divided by x for each log-uniform parameter. Where the box holds a fair part of it, draws are rejected into the
//! box: exact and independent. Elsewhere (an estimate far outside the prior, a prior much narrower than F⁻¹) each draw
//! is the end of its own Markov chain, from the mode on, of exact one-dimensional conditionals: a Gibbs sweep, good
//! where the box decides, and as many steps along random whitened directions, good where the correlation decides. One
//! parameter needs one step, which is exact; of several, the draws are independent and the chain's bias decays
//! geometrically in its 100 sweeps.
//!
//! Limits: it is as good as theta_hat's distribution is normal with a constant covariance; compare with
//! [`crate::lfi::pmc`]. Correlations above 0.999 *and* a corner far in the tail at once would want a longer chain.
//!
//! Reference: Charnock, Lavaux, Wandelt 2018, arXiv:1802.03537.

mod interval;

use crate::error::{Error, Result};
use crate::math::{Cholesky, Matrix};
use crate::prior::{Marginal, Prior};
use crate::reference::Reference;
use crate::samples::Samples;
use crate::seed::{Seed, Stream};
use rand::RngExt;
use rand::distr::Open01;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// References of this method.
pub const REFERENCES: [Reference; 1] = [crate::compressor::imnn::REFERENCE];

/// Draws of the pilot run that chooses between rejection and chains.
const PILOT: u64 = 1024;
/// Rejection is used if the pilot accepts at least this fraction.
const MIN_ACCEPTED: f64 = 0.02;
/// Gives up rejection for one draw; at the least fraction its probability is below 1e-170.
const MAX_TRIES: usize = 20_000;
/// Sweeps of one chain: each a Gibbs sweep and as many random directions.
const SWEEPS: usize = 100;

/// What can be chosen about the Gaussian approximation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of draws, at least 2: one has no spread.
    pub n_samples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_samples: 10_000 }
    }
}

impl Settings {
    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// Invalid input, naming the key at fault.
    pub fn check(&self) -> Result<()> {
        if self.n_samples < 2 {
            return Err(Error::invalid_input(format!("{} is too few: one draw has no spread", self.n_samples))
                .at_key("n_samples")
                .remedy("give 2 at the very least, better 10000"));
        }
        Ok(())
    }
}

/// Independent draws of N(theta_hat, F⁻¹) times the prior, of equal weight.
///
/// `theta_hat` has `n_params` values and `fisher` is `(n_params, n_params)`.
///
/// # Errors
/// Invalid input if shapes differ, theta_hat is not finite or fewer than two draws are asked for; numerical if the information
/// together with the prior's is not positive definite.
pub fn sample(theta_hat: &[f64], fisher: &Matrix, prior: &Prior, settings: &Settings, seed: Seed) -> Result<Samples> {
    let n = prior.n_params();
    settings.check()?;
    if theta_hat.len() != n || fisher.n_rows() != n || fisher.n_cols() != n {
        return Err(Error::invalid_input(format!(
            "an estimate of {} values and a Fisher matrix of {} × {} do not fit a prior of {n} parameters",
            theta_hat.len(),
            fisher.n_rows(),
            fisher.n_cols()
        )));
    }
    if theta_hat.iter().any(|x| !x.is_finite()) {
        return Err(Error::invalid_input("the estimate of the parameters is not finite")
            .remedy("look for NaN or infinite values in the observed data"));
    }
    let target = Target::new(theta_hat, fisher, prior)?;
    let accepted = (0..PILOT).filter(|&i| target.try_draw(&mut seed.label("pilot").stream(i)).is_some()).count();
    let by_rejection = n > 1 && accepted as f64 >= MIN_ACCEPTED * PILOT as f64;
    let start = target.mode();
    let draws = seed.label("draw");
    let theta: Vec<Vec<f64>> = (0..settings.n_samples as u64)
        .into_par_iter()
        .map(|i| {
            let stream = &mut draws.stream(i);
            let direct = if by_rejection { (0..MAX_TRIES).find_map(|_| target.try_draw(stream)) } else { None };
            direct.unwrap_or_else(|| target.chain(&start, stream))
        })
        .collect();
    Samples::new(prior.parameters.clone(), theta.concat(), vec![1.0; settings.n_samples])
}

/// A normal distribution on a box, times 1/x of some parameters.
struct Target {
    mean: Vec<f64>,
    precision: Matrix,
    factor: Cholesky,
    bounds: Vec<(f64, f64)>,
    over_x: Vec<bool>,
}

impl Target {
    fn new(theta_hat: &[f64], fisher: &Matrix, prior: &Prior) -> Result<Self> {
        let n = prior.n_params();
        let mut precision = fisher.clone();
        // With mean = theta_hat + shift the square is completed by P shift = Σ (mean_prior − theta_hat)/sd².
        let mut pull = Matrix::zeros(n, 1);
        for (i, marginal) in prior.marginals.iter().enumerate() {
            if let Marginal::Normal(normal) = marginal {
                let (mean, sd) = normal.mean_and_sd();
                precision[(i, i)] += 1.0 / (sd * sd);
                pull[(i, 0)] = (mean - theta_hat[i]) / (sd * sd);
            }
        }
        let factor = precision.cholesky().map_err(|_| {
            Error::numerical("the Fisher information together with the prior's is not positive definite")
                .remedy("let the summaries depend on every parameter, or give those they miss a normal prior")
        })?;
        let shift = factor.solve(&pull);
        Ok(Self {
            mean: theta_hat.iter().zip(shift.as_slice()).map(|(x, s)| x + s).collect(),
            precision,
            factor,
            bounds: prior.marginals.iter().map(Marginal::bounds).collect(),
            over_x: prior.marginals.iter().map(|m| matches!(m, Marginal::LogUniform(_))).collect(),
        })
    }

    /// A draw by rejection, if this one is accepted.
    fn try_draw(&self, stream: &mut Stream) -> Option<Vec<f64>> {
        let mut x: Vec<f64> = self.mean.iter().map(|_| stream.sample(StandardNormal)).collect();
        self.factor.solve_upper(&mut x);
        x.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x += mean);
        for ((&x, &(low, high)), &over_x) in x.iter().zip(&self.bounds).zip(&self.over_x) {
            if x < low || x > high || (over_x && stream.sample::<f64, _>(Open01) * x > low) {
                return None;
            }
        }
        Some(x)
    }

    /// Mean and standard deviation of parameter i given the others, without bounds.
    fn conditional(&self, x: &[f64], i: usize) -> (f64, f64) {
        let row = self.precision.row(i);
        let others: f64 = (0..x.len()).filter(|&j| j != i).map(|j| row[j] * (x[j] - self.mean[j])).sum();
        (self.mean[i] - others / row[i], row[i].recip().sqrt())
    }

    /// Where the normal factor is largest in the box, by coordinate ascent (it is concave: any start will do).
    fn mode(&self) -> Vec<f64> {
        let mut x: Vec<f64> = self.mean.iter().zip(&self.bounds).map(|(x, &(low, high))| x.clamp(low, high)).collect();
        for _ in 0..10 * SWEEPS {
            for i in 0..x.len() {
                x[i] = self.conditional(&x, i).0.clamp(self.bounds[i].0, self.bounds[i].1);
            }
        }
        x
    }

    fn chain(&self, start: &[f64], stream: &mut Stream) -> Vec<f64> {
        let mut x = start.to_vec();
        // One parameter: its conditional is the target.
        let sweeps = if x.len() == 1 { 1 } else { SWEEPS };
        for _ in 0..sweeps {
            for i in 0..x.len() {
                let ((mean, sd), (low, high)) = (self.conditional(&x, i), self.bounds[i]);
                x[i] = if self.over_x[i] {
                    interval::normal_over_x(mean, sd, low, high, stream)
                } else {
                    interval::normal(mean, sd, low, high, stream)
                };
            }
            if x.len() > 1 {
                (0..x.len()).for_each(|_| self.hit_and_run(&mut x, stream));
            }
        }
        x
    }

    /// One step along a random direction: exact for the normal factor, Metropolis for the factors 1/x.
    fn hit_and_run(&self, x: &mut [f64], stream: &mut Stream) {
        let mut v: Vec<f64> = x.iter().map(|_| stream.sample(StandardNormal)).collect();
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        self.factor.solve_upper(&mut v);
        // |Lᵀ v| = 1, so that the step along v is a normal draw of unit variance.
        let offset: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        let centre: f64 = -self.precision.times_vector(&offset).iter().zip(&v).map(|(p, v)| p * v).sum::<f64>();
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for ((&x, &v), &(a, b)) in x.iter().zip(&v).zip(&self.bounds) {
            if v != 0.0 {
                let (to_a, to_b) = ((a - x) / v, (b - x) / v);
                low = low.max(to_a.min(to_b));
                high = high.min(to_a.max(to_b));
            }
        }
        // Nothing but rounding can close the interval: the step has then no room.
        if low >= high {
            return;
        }
        let step = interval::normal(centre, 1.0, low, high, stream);
        let moved = |i: usize| (x[i] + step * v[i]).clamp(self.bounds[i].0, self.bounds[i].1);
        let ratio: f64 = (0..x.len()).filter(|&i| self.over_x[i]).map(|i| x[i] / moved(i)).product();
        if stream.sample::<f64, _>(Open01) < ratio {
            let y: Vec<f64> = (0..x.len()).map(moved).collect();
            x.copy_from_slice(&y);
        }
    }
}

#[cfg(test)]
mod tests;
