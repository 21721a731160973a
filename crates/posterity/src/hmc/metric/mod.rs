//! The metric: a linear map that makes the target round before its momentum is drawn.

mod estimate;
mod low_rank;
#[cfg(test)]
pub(super) mod tests;

pub use low_rank::LowRank;

use super::Scratch;
use super::vector;
use crate::error::{Error, Result};
use crate::math::{Cholesky, Matrix};

/// x = L u with M⁻¹ = L Lᵀ: a target sampled with M⁻¹ as inverse mass matrix is the target of u sampled with none. The
/// momentum is that of u, N(0, 1), and a trajectory moves x by ε L p and p by ε Lᵀ ∇ ln π: L alone is needed.
#[derive(Clone, Debug)]
pub enum Metric {
    /// L = 1.
    Identity,
    /// L = diag(scales).
    Diagonal(Vec<f64>),
    /// L lower triangular, of the inverse mass matrix L Lᵀ.
    Dense(Cholesky),
    /// Scales, and a few directions stretched.
    LowRank(LowRank),
}

impl Metric {
    /// `out` = L `u`.
    pub fn apply(&self, u: &[f64], out: &mut [f64]) {
        match self {
            Self::Identity => out.copy_from_slice(u),
            Self::Diagonal(scales) => out.iter_mut().zip(u.iter().zip(scales)).for_each(|(o, (u, s))| *o = u * s),
            Self::Dense(factor) => factor.times_lower(u, out),
            Self::LowRank(metric) => metric.apply(u, out),
        }
    }

    /// `out` = Lᵀ `gradient`.
    pub fn apply_transposed(&self, gradient: &[f64], out: &mut [f64]) {
        match self {
            Self::Identity | Self::Diagonal(_) => self.apply(gradient, out),
            Self::Dense(factor) => {
                let lower = factor.lower();
                out.fill(0.0);
                for (i, g) in gradient.iter().enumerate() {
                    out.iter_mut().zip(&lower.row(i)[..=i]).for_each(|(o, l)| *o += l * g);
                }
            }
            Self::LowRank(metric) => metric.apply_transposed(gradient, out),
        }
    }

    /// `out` = L⁻¹ `x`.
    pub fn apply_inverse(&self, x: &[f64], out: &mut [f64]) {
        match self {
            Self::Identity => out.copy_from_slice(x),
            Self::Diagonal(scales) => out.iter_mut().zip(x.iter().zip(scales)).for_each(|(o, (x, s))| *o = x / s),
            Self::Dense(factor) => {
                out.copy_from_slice(x);
                factor.solve_lower(out);
            }
            Self::LowRank(metric) => metric.apply_inverse(x, out),
        }
    }

    /// p += `kick` Lᵀ g.
    pub(super) fn kick(&self, kick: f64, scratch: &mut Scratch) {
        let Scratch { momentum, gradient, product, .. } = scratch;
        match self {
            Self::Identity => vector::add(momentum, kick, gradient),
            Self::Diagonal(scales) => vector::add_scaled(momentum, kick, scales, gradient),
            Self::Dense(_) | Self::LowRank(_) => {
                self.apply_transposed(gradient, product);
                vector::add(momentum, kick, product);
            }
        }
    }

    /// p += `kick` Lᵀ g, then x += `drift` L p.
    pub(super) fn kick_drift(&self, kick: f64, drift: f64, scratch: &mut Scratch) {
        let scales = match self {
            Self::Identity => None,
            Self::Diagonal(scales) => Some(scales.as_slice()),
            Self::Dense(_) | Self::LowRank(_) => {
                self.kick(kick, scratch);
                self.apply(&scratch.momentum, &mut scratch.product);
                return vector::add(&mut scratch.position, drift, &scratch.product);
            }
        };
        let Scratch { position, momentum, gradient, .. } = scratch;
        vector::kick_drift(kick, drift, scales, position, momentum, gradient);
    }

    /// Number of coordinates; `None` for the identity, which fits any.
    pub fn dim(&self) -> Option<usize> {
        match self {
            Self::Identity => None,
            Self::Diagonal(scales) => Some(scales.len()),
            Self::Dense(factor) => Some(factor.lower().n_rows()),
            Self::LowRank(metric) => Some(metric.scales().len()),
        }
    }

    /// A word for the kind, and its numbers by name: what a checkpoint holds of a metric.
    pub fn parts(&self) -> (&'static str, Vec<(&'static str, &[f64])>) {
        match self {
            Self::Identity => ("identity", vec![]),
            Self::Diagonal(scales) => ("diagonal", vec![("scales", scales)]),
            Self::Dense(factor) => ("dense", vec![("lower", factor.lower().as_slice())]),
            Self::LowRank(metric) => ("low_rank", metric.parts().to_vec()),
        }
    }

    /// The metric that had these [`parts`](Self::parts), to the bit; `take` gives the numbers of a name.
    ///
    /// # Errors
    /// Corrupt file, where the word is unknown or the numbers do not fit `dim`.
    pub fn from_parts(kind: &str, dim: usize, mut take: impl FnMut(&str) -> Result<Vec<f64>>) -> Result<Self> {
        let fits = |values: Vec<f64>, n: usize, name: &str| {
            if values.len() == n && values.iter().all(|x| x.is_finite()) {
                return Ok(values);
            }
            Err(Error::corrupt_file(format!("`{name}` of a {kind} metric does not fit {dim} dimensions")))
        };
        match kind {
            "identity" => Ok(Self::Identity),
            "diagonal" => Ok(Self::Diagonal(fits(take("scales")?, dim, "scales")?)),
            "dense" => {
                let lower = Matrix::from_rows(dim, dim, fits(take("lower")?, dim * dim, "lower")?);
                Ok(Self::Dense(Cholesky::from_lower(lower)))
            }
            "low_rank" => {
                let roots = take("roots")?;
                let n = roots.len();
                let vectors = fits(take("vectors")?, dim * n, "vectors")?;
                Ok(Self::LowRank(LowRank::new(
                    fits(take("scales")?, dim, "scales")?,
                    fits(roots, n, "roots")?,
                    vectors,
                )))
            }
            other => Err(Error::corrupt_file(format!("`{other}` is no metric"))),
        }
    }
}
