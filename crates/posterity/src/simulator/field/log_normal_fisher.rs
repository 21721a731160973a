//! The Fisher matrix of a log-normal field, exact.
//!
//! The field is a change of variables of a Gaussian one, g = [ln(1 + αδ) + α²/2]/α, of covariance C(β). With h = ∂g/∂α at
//! fixed δ, which is 1 − g/α + (1 − e^−u)/α² with u = αg − α²/2, the scores are
//! ```text
//! s_α = Σ_i h'(g_i) − gᵀC⁻¹h,    s_β = ½ gᵀC⁻¹ C_β C⁻¹g − ½ tr C⁻¹C_β
//! ```
//! (∂ ln|∂g/∂δ|/∂α at fixed δ is h'(g)). Integrating by parts against the Gaussian, and writing ρ for the correlation,
//! ```text
//! F_αα = Σ_ij C⁻¹_ij ⟨h_i h_j⟩ + N ⟨h'²⟩,    F_αβ = −⟨h'⟩ tr C⁻¹C_β,    F_ββ = ½ tr (C⁻¹C_β)²
//! ⟨h_i h_j⟩ = (1 − (e − 1)/α²)² + (e − 1)² ρ/α² + e² (exp(α²ρ) − 1 − α²ρ)/α⁴,    e = exp(α²)
//! ⟨h'⟩ = (e − 1)/α,    ⟨h'²⟩ = (e − 1)(e² + e − 1)/α²
//! ```
//! C is the product of one matrix K for each of d axes, and so is any power of ρ: with M = K⁻¹K_β and
//! t_k = Σ_ab K⁻¹_ab ρ_abᵏ, what is summed over pairs of cells becomes
//! ```text
//! tr C⁻¹C_β = d n^(d−1) tr M,    tr (C⁻¹C_β)² = d n^(d−1) tr M² + d (d − 1) n^(d−2) (tr M)²,    Σ_ij C⁻¹_ij ρᵏ = t_kᵈ
//! ```

use crate::error::{Error, Result};
use crate::math::Matrix;

/// Least variance of a cell given those before it that data in doubles hold to some digits.
const LEAST_VARIANCE: f64 = 1e-20;
/// Terms of the exponential's series: at α = 15, where its moments leave the range of floats, 700 are enough.
const MOST_TERMS: usize = 2000;

/// That neighbours leave a cell nothing of its own.
pub(super) fn degenerate() -> Error {
    Error::numerical("a cell of the field is all but decided by its neighbours")
        .remedy("choose a smaller beta: no data in double precision hold what is left to know")
}

/// About (α, β), both checked, of a field in `dims` dimensions: the correlation along an axis of n cells and its
/// derivative by β, both (n, n).
pub(super) fn fisher(correlation: &Matrix, slope: &Matrix, dims: usize, alpha: f64) -> Result<Matrix> {
    let cholesky = correlation.cholesky().map_err(|_| degenerate())?;
    let n = correlation.n_rows();
    // The factor of C is the product of those along the axes.
    if (0..n).any(|i| cholesky.lower()[(i, i)].powi(2 * dims as i32) < LEAST_VARIANCE) {
        return Err(degenerate());
    }
    let square = alpha * alpha;
    let (e, e_m1) = (square.exp(), square.exp_m1());
    if !e.powi(3).is_finite() {
        return Err(Error::numerical(format!("the moments at alpha = {alpha} are beyond the range of floats"))
            .remedy("choose an alpha below 15"));
    }
    let (d, n_cells) = (dims as f64, (n as f64).powi(dims as i32));
    let relative = cholesky.solve(slope);
    let trace: f64 = (0..n).map(|i| relative[(i, i)]).sum();
    let trace_square: f64 = (0..n).map(|i| (0..n).map(|j| relative[(i, j)] * relative[(j, i)]).sum::<f64>()).sum();
    let others = n_cells / n as f64;
    let by_beta = 0.5 * d * (others * trace_square + (d - 1.0) * others / n as f64 * trace * trace);
    let by_both = -e_m1 / alpha * d * others * trace;

    // What cancels for small α is taken together: 1 − (e − 1)/α² = −Σ_{k≥2} α^{2k−2}/k!.
    let inverse = cholesky.inverse();
    let mean: f64 = -exp_m2(square) / square;
    let sum = |powers: &[f64]| -> f64 { powers.iter().zip(inverse.as_slice()).map(|(p, c)| p * c).sum() };
    let mut powers = vec![1.0; n * n];
    let mut of_pairs = mean * mean * sum(&powers).powi(dims as i32) + e_m1 * e_m1 / square * n_cells;
    let mut factor = (e / square).powi(2);
    for k in 1..=MOST_TERMS {
        powers.iter_mut().zip(correlation.as_slice()).for_each(|(power, rho)| *power *= rho);
        factor *= square / k as f64;
        if k > 1 {
            let term = factor * sum(&powers).powi(dims as i32);
            of_pairs += term;
            if k as f64 > square && term.abs() < 1e-17 * of_pairs.abs() {
                break;
            }
        }
    }
    let by_alpha = of_pairs + n_cells * e_m1 * (e * e + e_m1) / square;
    Ok(Matrix::from_rows(2, 2, vec![by_alpha, by_both, by_both, by_beta]))
}

/// eˣ − 1 − x.
fn exp_m2(x: f64) -> f64 {
    if x.abs() > 0.5 {
        return x.exp_m1() - x;
    }
    let nested = (3..=16).rev().fold(1.0, |sum, k| 1.0 + x / f64::from(k) * sum);
    0.5 * x * x * nested
}
