//! Metrics from draws and the gradients there.
//!
//! Of all linear maps x = L u, that which makes draws and gradients of u look most like those of N(0, 1), in Fisher
//! divergence E|u + ∇_u ln π|², has as inverse mass matrix the geometric mean of the draws' covariance and the inverse
//! of the gradients', M⁻¹ = cov(x) # cov(∇ ln π)⁻¹. For a Gaussian this is its covariance exactly, as soon as there are
//! more draws than dimensions, however far they are from having mixed.
//!
//! Each coordinate is scaled first, σ² = sd(x) / sd(∇ ln π). In scaled coordinates both covariances take the unit matrix
//! as if γ = 1e-5 draws had been seen of it, and directions with eigenvalues between 1/cutoff and cutoff are left alone.
//!
//! Limits: the eigenvectors lie within the span of draws and gradients; time n_rows² dim + min(dim, 2 n_rows)³.
//!
//! Seyboldt, Carlson, Carpenter 2026, *Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence*,
//! arXiv:2603.18845.

use super::{LowRank, Metric};
use crate::error::{Error, Result};
use crate::hmc::LogDensity;
use crate::math::Matrix;
use faer::Mat;

/// Draws of a unit matrix that both covariances are taken to have seen.
const PRIOR_DRAWS: f64 = 1e-5;
/// What a direction has of the widest one's variance, at most, to count as not seen. The geometric mean squares it on the
/// way, and rounding (1e-16 times some tens) would make of smaller ones what it likes, below 0 too.
const UNSEEN: f64 = 1e-7;
/// Bounds of a scale.
const SCALES: (f64, f64) = (1e-10, 1e10);

impl Metric {
    /// L = diag(σ), σ² = sd(x) / sd(∇ ln π), from variances of each coordinate.
    ///
    /// # Errors
    /// Numerical, where a variance is not finite.
    pub fn diagonal_from_variances(draws: &[f64], gradients: &[f64]) -> Result<Self> {
        let scales = draws.iter().zip(gradients).map(|(x, g)| match (x / g).sqrt().sqrt() {
            // A coordinate that never moved, or that the density does not depend on: nothing is known of its scale.
            _ if *x <= 0.0 || *g <= 0.0 => 1.0,
            scale => scale.clamp(SCALES.0, SCALES.1),
        });
        let scales: Vec<f64> = scales.collect();
        if draws.iter().chain(gradients).chain(&scales).any(|v| !v.is_finite()) {
            return Err(Error::numerical("draws or gradients of the warm-up have no finite variance")
                .remedy("start nearer to the bulk of the posterior"));
        }
        Ok(Self::Diagonal(scales))
    }

    /// L = diag(σ), from rows of `dim` values.
    ///
    /// # Errors
    /// Numerical, where a value is not finite or there are fewer than two rows.
    pub fn diagonal_from(dim: usize, draws: &[f64], gradients: &[f64]) -> Result<Self> {
        let rows = Scaled::new(dim, draws, gradients)?;
        Ok(Self::Diagonal(rows.scales))
    }

    /// The whole geometric mean: L the Cholesky factor. O(dim³) time, O(dim²) memory.
    ///
    /// # Errors
    /// As for [`diagonal_from`](Self::diagonal_from); where the mean is not positive definite.
    pub fn dense_from(dim: usize, draws: &[f64], gradients: &[f64]) -> Result<Self> {
        let rows = Scaled::new(dim, draws, gradients)?;
        let mean = mean_of(&rows.draws, &rows.gradients)?;
        let mean = Matrix::from_fn(dim, dim, |i, j| mean[(i, j)] * rows.scales[i] * rows.scales[j]);
        Ok(Self::Dense(mean.cholesky()?))
    }

    /// σ, and those eigenvectors of the scaled geometric mean whose eigenvalues lie beyond `cutoff` (≥ 1; 2 is usual) or
    /// below its inverse.
    ///
    /// # Errors
    /// As for [`diagonal_from`](Self::diagonal_from).
    pub fn low_rank_from(dim: usize, draws: &[f64], gradients: &[f64], cutoff: f64) -> Result<Self> {
        let Scaled { scales, draws, gradients } = Scaled::new(dim, draws, gradients)?;
        let n = draws.ncols();
        let basis = if 2 * n < dim {
            let all = Mat::from_fn(dim, 2 * n, |i, k| if k < n { draws[(i, k)] } else { gradients[(i, k - n)] });
            Some(all.qr().compute_thin_Q())
        } else {
            None
        };
        let mean = match &basis {
            Some(basis) => mean_of(&(basis.transpose() * &draws), &(basis.transpose() * &gradients))?,
            None => mean_of(&draws, &gradients)?,
        };
        let eigen = mean.self_adjoint_eigen(faer::Side::Lower).map_err(|_| diverged())?;
        let values = eigen.S().column_vector();
        let kept: Vec<usize> =
            (0..values.nrows()).filter(|&k| values[k] > cutoff || values[k] < 1.0 / cutoff).collect();
        let vectors = Mat::from_fn(mean.nrows(), kept.len(), |i, k| eigen.U()[(i, kept[k])]);
        let vectors = basis.map_or_else(|| vectors.clone(), |basis| basis * &vectors);
        let roots = kept.iter().map(|&k| values[k].clamp(1e-20, 1e20).sqrt()).collect();
        let rows = (0..kept.len()).flat_map(|k| (0..dim).map(move |i| (i, k))).map(|at| vectors[at]).collect();
        Ok(Self::LowRank(LowRank::new(scales, roots, rows)))
    }
}

/// Step of the finite differences of [`Metric::of_curvature`], in parts of a coordinate.
const DIFFERENCE: f64 = 1e-5;

/// Least variance of a direction, in parts of the widest's.
const NARROWEST: f64 = 1e-12;

impl Metric {
    /// L of the inverse of the curvature −∂² ln π at `position`, by central differences of the gradient, 2 dim
    /// evaluations: where a chain begins, so that its first steps know the scales. Curvature of the wrong sign counts by
    /// its size, and no direction is taken to be wider than `widest` (a standard deviation), nor narrower than 10⁻⁶ of that,
    /// where a matrix in double precision would lose it.
    ///
    /// # Errors
    /// Numerical, where density or gradient beside `position` is not finite.
    pub fn of_curvature(target: &mut dyn LogDensity, position: &[f64], widest: f64) -> Result<Self> {
        let dim = position.len();
        let (mut x, mut gradients) = (position.to_vec(), [vec![0.0; dim], vec![0.0; dim]]);
        let mut curvature = Mat::<f64>::zeros(dim, dim);
        for j in 0..dim {
            let step = DIFFERENCE * position[j].abs().max(1.0);
            for (gradient, sign) in gradients.iter_mut().zip([1.0, -1.0]) {
                x[j] = position[j] + sign * step;
                if !target.value_and_gradient(&x, gradient).is_finite() {
                    gradient.fill(f64::NAN);
                }
            }
            x[j] = position[j];
            for i in 0..dim {
                let slope = (gradients[1][i] - gradients[0][i]) / (2.0 * step);
                curvature[(i, j)] += 0.5 * slope;
                curvature[(j, i)] += 0.5 * slope;
            }
        }
        if (0..dim).any(|i| (0..dim).any(|j| !curvature[(i, j)].is_finite())) {
            return Err(Error::numerical("the log density has no finite curvature where the chain begins")
                .remedy("start inside the support"));
        }
        let eigen = curvature.self_adjoint_eigen(faer::Side::Lower).map_err(|_| diverged())?;
        let (values, vectors) = (eigen.S().column_vector(), eigen.U());
        let variance = |k: usize| values[k].abs().recip().clamp(NARROWEST * widest * widest, widest * widest);
        let covariance =
            Matrix::from_fn(dim, dim, |i, j| (0..dim).map(|k| vectors[(i, k)] * vectors[(j, k)] * variance(k)).sum());
        Ok(Self::Dense(covariance.cholesky()?))
    }
}

fn diverged() -> Error {
    Error::numerical("the eigenvalues of a metric do not converge").remedy("take the diagonal metric")
}

/// Draws over σ and gradients times σ, both centred, one column each.
struct Scaled {
    scales: Vec<f64>,
    draws: Mat<f64>,
    gradients: Mat<f64>,
}

impl Scaled {
    fn new(dim: usize, draws: &[f64], gradients: &[f64]) -> Result<Self> {
        let n = draws.len() / dim.max(1);
        if n < 2 || gradients.len() != draws.len() || draws.len() != n * dim {
            return Err(Error::numerical(format!("{n} draws do not make a metric of {dim} dimensions"))
                .remedy("make the warm-up longer"));
        }
        let (mean_x, var_x) = moments(dim, draws);
        let (mean_g, var_g) = moments(dim, gradients);
        let Metric::Diagonal(scales) = Metric::diagonal_from_variances(&var_x, &var_g)? else { return Err(diverged()) };
        let draws = Mat::from_fn(dim, n, |i, k| (draws[k * dim + i] - mean_x[i]) / scales[i]);
        let gradients = Mat::from_fn(dim, n, |i, k| (gradients[k * dim + i] - mean_g[i]) * scales[i]);
        Ok(Self { scales, draws, gradients })
    }
}

fn moments(dim: usize, rows: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = (rows.len() / dim) as f64;
    let (mut mean, mut variance) = (vec![0.0; dim], vec![0.0; dim]);
    for row in rows.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n);
    }
    for row in rows.chunks_exact(dim) {
        variance.iter_mut().zip(row.iter().zip(&mean)).for_each(|(v, (x, m))| *v += (x - m).powi(2) / (n - 1.0));
    }
    (mean, variance)
}

/// A # B⁻¹ = B^-½ (B^½ A B^½)^½ B^-½ of the covariances A of draws and B of gradients, both with a little of the unit
/// matrix.
fn mean_of(draws: &Mat<f64>, gradients: &Mat<f64>) -> Result<Mat<f64>> {
    let (dim, n) = (draws.nrows(), draws.ncols() as f64);
    let covariance = |x: &Mat<f64>| {
        let product = x * x.transpose();
        let unit = |i, j| if i == j { PRIOR_DRAWS } else { 0.0 };
        Mat::from_fn(dim, dim, |i, j| (0.5 * (product[(i, j)] + product[(j, i)]) + unit(i, j)) / n)
    };
    let (a, b) = (covariance(draws), covariance(gradients));
    // Directions of which neither has seen anything keep their scale: rounding would make of them what it likes.
    let both = &a + &b;
    let eigen = both.self_adjoint_eigen(faer::Side::Lower).map_err(|_| diverged())?;
    let values = eigen.S().column_vector();
    let seen: Vec<usize> = (0..dim).filter(|&k| values[k] > UNSEEN * values[dim - 1]).collect();
    let basis = Mat::from_fn(dim, seen.len(), |i, k| eigen.U()[(i, seen[k])]);
    let (a, b) = (basis.transpose() * a * &basis, basis.transpose() * b * &basis);
    let (root, inverse) = (power(&b, 0.5)?, power(&b, -0.5)?);
    let inner = power(&(&root * a * &root), 0.5)?;
    let mean = &inverse * inner * &inverse;
    let less_one = Mat::from_fn(seen.len(), seen.len(), |i, j| mean[(i, j)] - if i == j { 1.0 } else { 0.0 });
    let mean = &basis * less_one * basis.transpose();
    Ok(Mat::from_fn(dim, dim, |i, j| 0.5 * (mean[(i, j)] + mean[(j, i)]) + if i == j { 1.0 } else { 0.0 }))
}

/// The power of a symmetric positive semi-definite matrix.
fn power(matrix: &Mat<f64>, exponent: f64) -> Result<Mat<f64>> {
    let eigen = matrix.self_adjoint_eigen(faer::Side::Lower).map_err(|_| diverged())?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let n = matrix.nrows();
    let scaled = Mat::from_fn(n, n, |i, k| vectors[(i, k)] * values[k].max(f64::MIN_POSITIVE).powf(exponent));
    Ok(scaled * vectors.transpose())
}
