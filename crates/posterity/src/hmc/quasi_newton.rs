//! HMCLET: the geometry of a target learnt from its gradients, as quasi-Newton minimisers learn it.
//!
//! Between two points s = Δθ and y = Δ∇V know the Hessian H of the potential V = −ln π along one direction, H s ≈ y. The
//! update of Broyden, Fletcher, Goldfarb and Shanno makes an estimate B of H⁻¹ agree, B y = s, and keeps it positive:
//!
//! B ← (1 − s yᵀ/sᵀy) B (1 − y sᵀ/sᵀy) + s sᵀ/sᵀy, where sᵀy > 10⁻⁸ |s| |y|, and not at all elsewhere, nor where rounding
//! would cost its positivity.
//!
//! The dynamics dθ/dt = C M⁻¹ p, dp/dt = −Cᵀ ∇V, p ~ N(0, M), keeps V + ½ pᵀ M⁻¹ p and the volume for any constant C, so it
//! leaves π unchanged. It moves as plain dynamics with inverse mass matrix C M⁻¹ Cᵀ. We take C = M = B = L Lᵀ: with
//! p = L u the momentum's covariance is M exactly when u ~ N(0, 1), and dθ/dt = L u, du/dt = −Lᵀ ∇V: a [`Metric`] of
//! factor L, with inverse mass matrix B, which is H⁻¹ where the update has converged. (A momentum of covariance (LᵀL)⁻¹,
//! sometimes seen, is that of another M.) The factor serves any sampler that takes a metric. A sampler
//! that keeps a part of the momentum must turn it round when the proposal is rejected ([`super::step`] does).
//!
//! A metric made from a chain's own past, for ever, is not a Markov chain with the right target. Two ways are valid:
//! - [`QuasiNewton`]: updates while the chain warms up; then its metric is taken once, and frozen.
//! - [`ensemble_metric`]: several chains side by side; before each step of one, B is made from the present states of the
//!   *others* alone. Given those, B is constant, so each step leaves the product of all targets unchanged; it adapts for
//!   ever. The chains must be stepped one after another, not all at once.
//!
//! Limits: dense, 8 d² bytes and O(d³) for each pair (its positivity is checked): for some hundred dimensions. Far from
//! Gaussian, B is that of the last few pairs rather than an average. Where other blocks of a chain move between two points,
//! y holds their share too: a block that is closely tied to others wants another metric. An ensemble of m chains tells at
//! most m − 2 directions apart.
//!
//! References: Fu, Luo, Zhang 2016, Quasi-Newton Hamiltonian Monte Carlo, UAI 2016; Zhang, Sutton 2011, Quasi-Newton methods
//! for Markov chain Monte Carlo, NIPS 24; Nocedal, Wright 2006, Numerical Optimization, chapter 6.

use super::Metric;
use super::vector::dot;
use crate::error::{Error, Result};
use crate::math::Matrix;
use serde::{Deserialize, Serialize};

/// Least cosine between s and y: below it a pair shows no curvature, or only rounding.
const MIN_COSINE: f64 = 1e-8;
/// Beyond this a dense matrix is not a reasonable metric.
const MAX_DIM: usize = 4096;

/// An estimate of the inverse Hessian of −ln π, from the points of one chain. Plain values: written to JSON and read again
/// it goes on bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuasiNewton {
    inverse_hessian: Matrix,
    /// Whether B was given: otherwise the first pair sets the scale of all.
    is_given: bool,
    last: Option<(Vec<f64>, Vec<f64>)>,
    n_taken: usize,
    n_refused: usize,
}

impl QuasiNewton {
    /// Nothing known yet, B = 1.
    ///
    /// # Errors
    /// Invalid input: no dimensions, or more than 4096.
    pub fn new(dim: usize) -> Result<Self> {
        if dim == 0 || dim > MAX_DIM {
            return Err(Error::invalid_input(format!("a quasi-Newton metric of {dim} dimensions cannot be made"))
                .remedy(format!("use it for 1 to {MAX_DIM} dimensions, and a diagonal metric beyond")));
        }
        Ok(Self { inverse_hessian: Matrix::identity(dim), is_given: false, last: None, n_taken: 0, n_refused: 0 })
    }

    /// B is the inverse mass matrix of a metric: scales that are known beforehand. A window of draws has about as many
    /// pairs as a target has directions that differ, and far from Gaussian the last few rule; from B = 1 they would have
    /// to find all scales anew.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_metric(dim: usize, metric: &Metric) -> Result<Self> {
        let mut found = Self::new(dim)?;
        if metric.dim() == Some(dim) {
            let mut columns = Vec::with_capacity(dim * dim);
            let (mut unit, mut row, mut column) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
            for i in 0..dim {
                unit.fill(0.0);
                unit[i] = 1.0;
                metric.apply_transposed(&unit, &mut row);
                metric.apply(&row, &mut column);
                columns.extend_from_slice(&column);
            }
            // Symmetric to the bit.
            found.inverse_hessian = Matrix::from_fn(dim, dim, |i, j| columns[i.max(j) * dim + i.min(j)]);
            found.is_given = true;
        }
        Ok(found)
    }

    /// The next point of the chain: its position, and the gradient of ln π there. True if the pair with the point before
    /// shows curvature and was taken; a point that is not finite is passed over, a point that did not move is no pair.
    ///
    /// # Panics
    /// If the lengths are not the dimension.
    pub fn update(&mut self, position: &[f64], gradient: &[f64]) -> bool {
        let n = self.inverse_hessian.n_rows();
        assert_eq!((position.len(), gradient.len()), (n, n), "a point in {n} dimensions");
        if !position.iter().chain(gradient).all(|x| x.is_finite()) {
            return false;
        }
        let Some((before, gradient_before)) = &mut self.last else {
            self.last = Some((position.to_vec(), gradient.to_vec()));
            return false;
        };
        if before == position {
            return false;
        }
        let is_first = self.n_taken == 0 && !self.is_given;
        let taken = update(&mut self.inverse_hessian, is_first, before, gradient_before, position, gradient);
        before.copy_from_slice(position);
        gradient_before.copy_from_slice(gradient);
        if taken {
            self.n_taken += 1
        } else {
            self.n_refused += 1
        }
        taken
    }

    /// B, the estimate of the inverse Hessian: for a Gaussian, of the covariance.
    pub fn inverse_hessian(&self) -> &Matrix {
        &self.inverse_hessian
    }

    /// Number of pairs that were taken, and that were refused for want of curvature.
    pub fn n_pairs(&self) -> (usize, usize) {
        (self.n_taken, self.n_refused)
    }

    /// The metric of inverse mass matrix B as it stands: to be frozen before draws are kept.
    ///
    /// # Errors
    /// Numerical, if no pair was taken yet, or if B has lost its positivity to rounding.
    pub fn metric(&self) -> Result<Metric> {
        if self.n_taken == 0 {
            return Err(Error::numerical(format!(
                "no curvature was seen between the points of the chain ({} pairs refused)",
                self.n_refused
            ))
            .remedy("warm up longer, or start where the log density is concave"));
        }
        factored(&self.inverse_hessian)
    }
}

/// The metric for one chain of an ensemble from the positions and gradients of ln π of the *other* chains: the BFGS
/// estimate over all pairs of them, in order. Where no pair shows curvature, it is the identity: a rule that knows only the
/// other chains too, and so is as valid.
///
/// # Errors
/// Invalid input: fewer than two other chains, or lengths that differ. Numerical, if the estimate is not positive definite
/// for rounding.
pub fn ensemble_metric(positions: &[&[f64]], gradients: &[&[f64]]) -> Result<Metric> {
    if positions.len() < 2 || positions.len() != gradients.len() {
        return Err(Error::invalid_input(format!(
            "{} positions and {} gradients of other chains",
            positions.len(),
            gradients.len()
        ))
        .remedy("give one of each for at least two other chains: three chains in all, better two for each dimension"));
    }
    let dim = positions[0].len();
    if positions.iter().chain(gradients).any(|x| x.len() != dim) {
        return Err(Error::invalid_input("the other chains differ in their number of coordinates"));
    }
    let mut inverse_hessian = QuasiNewton::new(dim)?.inverse_hessian;
    let mut is_first = true;
    for gap in (1..positions.len()).rev() {
        for b in gap..positions.len() {
            let a = b - gap;
            if update(&mut inverse_hessian, is_first, positions[a], gradients[a], positions[b], gradients[b]) {
                is_first = false;
            }
        }
    }
    factored(&inverse_hessian)
}

fn factored(inverse_hessian: &Matrix) -> Result<Metric> {
    let factor = inverse_hessian.cholesky().map_err(|_| {
        Error::numerical("the quasi-Newton estimate of the inverse Hessian is not positive definite for rounding")
            .remedy("scale the parameters to like sizes, or use a diagonal metric")
    })?;
    Ok(Metric::Dense(factor))
}

/// One pair; false if it shows no curvature. The first that does sets the scale of what is not known yet.
fn update(b: &mut Matrix, is_first: bool, x0: &[f64], g0: &[f64], x1: &[f64], g1: &[f64]) -> bool {
    let s: Vec<f64> = x1.iter().zip(x0).map(|(a, b)| a - b).collect();
    // ∇V = −∇ ln π.
    let y: Vec<f64> = g1.iter().zip(g0).map(|(a, b)| b - a).collect();
    let (sy, ss, yy) = (dot(&s, &y), dot(&s, &s), dot(&y, &y));
    // Written so that NaN is refused.
    let has_curvature = sy > MIN_COSINE * (ss * yy).sqrt() && sy.is_finite() && yy.is_finite();
    if !has_curvature {
        return false;
    }
    let scaled;
    let before = if is_first {
        scaled = b.scaled(sy / yy);
        &scaled
    } else {
        &*b
    };
    let by = before.times_vector(&y);
    let spread = (1.0 + dot(&y, &by) / sy) / sy;
    let new = |i: usize, j: usize| before[(i, j)] + spread * s[i] * s[j] - (by[i] * s[j] + s[i] * by[j]) / sy;
    let n = s.len();
    let updated = Matrix::from_fn(n, n, |i, j| new(i.max(j), i.min(j)));
    // Positive in exact arithmetic; in ours not where curvatures of 10¹⁶ and 1 meet. Such a pair is no use either.
    if updated.cholesky().is_err() {
        return false;
    }
    *b = updated;
    true
}

#[cfg(test)]
mod tests;
