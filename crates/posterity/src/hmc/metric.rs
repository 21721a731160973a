//! The metric: a linear map that makes the target round before its momentum is drawn.

use crate::math::Cholesky;

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
}

impl Metric {
    /// `out` = L `u`.
    pub fn apply(&self, u: &[f64], out: &mut [f64]) {
        match self {
            Self::Identity => out.copy_from_slice(u),
            Self::Diagonal(scales) => out.iter_mut().zip(u.iter().zip(scales)).for_each(|(o, (u, s))| *o = u * s),
            Self::Dense(factor) => factor.times_lower(u, out),
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
        }
    }
}
