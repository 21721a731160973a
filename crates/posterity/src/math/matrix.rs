//! Small dense matrices in f64 and their Cholesky factor; the factorisation is faer's, run on one thread.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut};

/// A dense matrix, row after row. Written to JSON as a list of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<Vec<f64>>", try_from = "Vec<Vec<f64>>")]
pub struct Matrix {
    n_rows: usize,
    n_cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// All zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self { n_rows, n_cols, data: vec![0.0; n_rows * n_cols] }
    }

    /// The unit matrix.
    pub fn identity(n: usize) -> Self {
        Self::from_fn(n, n, |i, j| if i == j { 1.0 } else { 0.0 })
    }

    /// Element by element.
    pub fn from_fn(n_rows: usize, n_cols: usize, mut f: impl FnMut(usize, usize) -> f64) -> Self {
        let data = (0..n_rows * n_cols).map(|k| f(k / n_cols, k % n_cols)).collect();
        Self { n_rows, n_cols, data }
    }

    /// From rows laid one after another.
    ///
    /// # Panics
    /// If the length is not `n_rows * n_cols`.
    pub fn from_rows(n_rows: usize, n_cols: usize, data: Vec<f64>) -> Self {
        assert_eq!(data.len(), n_rows * n_cols, "a matrix of {n_rows} × {n_cols}");
        Self { n_rows, n_cols, data }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// One row.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// All rows, one after another.
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    /// All rows, one after another, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The transpose.
    #[must_use]
    pub fn transpose(&self) -> Self {
        Self::from_fn(self.n_cols, self.n_rows, |i, j| self[(j, i)])
    }

    /// Each element times a number.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self::from_fn(self.n_rows, self.n_cols, |i, j| factor * self[(i, j)])
    }

    /// The sum.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        assert_eq!((self.n_rows, self.n_cols), (other.n_rows, other.n_cols), "a sum wants equal shapes");
        Self::from_fn(self.n_rows, self.n_cols, |i, j| self[(i, j)] + other[(i, j)])
    }

    /// The product `self · other`.
    ///
    /// # Panics
    /// If the inner dimensions differ.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.n_cols, other.n_rows, "inner dimensions of a product");
        Self::from_fn(self.n_rows, other.n_cols, |i, j| (0..self.n_cols).map(|k| self[(i, k)] * other[(k, j)]).sum())
    }

    /// The product with a vector.
    pub fn times_vector(&self, x: &[f64]) -> Vec<f64> {
        (0..self.n_rows).map(|i| self.row(i).iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    /// Frobenius norm.
    pub fn frobenius_norm(&self) -> f64 {
        self.data.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// The Cholesky factor of a symmetric positive definite matrix (the lower triangle is read).
    ///
    /// # Errors
    /// Numerical, if the matrix is not square, not finite or not positive definite.
    pub fn cholesky(&self) -> Result<Cholesky> {
        self.check_square_and_finite("Cholesky factor")?;
        let n = self.n_rows;
        let matrix = faer::Mat::from_fn(n, n, |i, j| self[(i, j)]);
        let factor = matrix
            .llt(faer::Side::Lower)
            .map_err(|_| Error::numerical(format!("a {n} × {n} matrix is not positive definite")))?;
        let lower = factor.L();
        Ok(Cholesky { lower: Self::from_fn(n, n, |i, j| if j <= i { lower[(i, j)] } else { 0.0 }) })
    }

    /// The geometric mean A # B = A^½ (A^-½ B A^-½)^½ A^½ of two positive definite matrices.
    ///
    /// # Errors
    /// Numerical, if one of them is not positive definite.
    pub fn geometric_mean(&self, other: &Self) -> Result<Self> {
        let factor = self.cholesky()?;
        // With A = L Lᵀ the mean is L (L⁻¹ B L⁻ᵀ)^½ Lᵀ: the same matrix by a triangular root.
        let mut half = other.transpose();
        half.data.chunks_exact_mut(self.n_rows).for_each(|column| factor.solve_lower(column));
        let mut inner = half.transpose();
        inner.data.chunks_exact_mut(self.n_rows).for_each(|column| factor.solve_lower(column));
        let root = inner.square_root()?;
        Ok(factor.lower.times(&root).times(&factor.lower.transpose()))
    }

    /// The symmetric square root of a positive definite matrix (the lower triangle is read).
    ///
    /// # Errors
    /// Numerical, if the matrix is not square or not finite, or an eigenvalue is not positive.
    pub fn square_root(&self) -> Result<Self> {
        self.check_square_and_finite("square root")?;
        let n = self.n_rows;
        let eigen = faer::Mat::from_fn(n, n, |i, j| self[(i, j)])
            .self_adjoint_eigen(faer::Side::Lower)
            .map_err(|_| Error::numerical(format!("the eigenvalues of a {n} × {n} matrix do not converge")))?;
        let (vectors, values) = (eigen.U(), eigen.S());
        if !(0..n).all(|k| values[k] > 0.0) {
            return Err(Error::numerical(format!("a {n} × {n} matrix is not positive definite")));
        }
        Ok(Self::from_fn(n, n, |i, j| (0..n).map(|k| vectors[(i, k)] * values[k].sqrt() * vectors[(j, k)]).sum()))
    }

    fn check_square_and_finite(&self, wanted: &str) -> Result<()> {
        if self.n_rows != self.n_cols {
            return Err(Error::numerical(format!("a {} × {} matrix has no {wanted}", self.n_rows, self.n_cols)));
        }
        if self.data.iter().any(|x| !x.is_finite()) {
            return Err(Error::numerical(format!("a matrix with NaN or infinite elements has no {wanted}")));
        }
        Ok(())
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.data[i * self.n_cols + j]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.data[i * self.n_cols + j]
    }
}

impl From<Matrix> for Vec<Vec<f64>> {
    fn from(matrix: Matrix) -> Self {
        (0..matrix.n_rows).map(|i| matrix.row(i).to_vec()).collect()
    }
}

impl TryFrom<Vec<Vec<f64>>> for Matrix {
    type Error = String;
    fn try_from(rows: Vec<Vec<f64>>) -> std::result::Result<Self, String> {
        let (n_rows, n_cols) = (rows.len(), rows.first().map_or(0, Vec::len));
        if rows.iter().any(|row| row.len() != n_cols) {
            return Err("the rows of a matrix differ in length".into());
        }
        Ok(Self { n_rows, n_cols, data: rows.concat() })
    }
}

/// The lower factor L of A = L Lᵀ.
#[derive(Clone, Debug)]
pub struct Cholesky {
    lower: Matrix,
}

impl Cholesky {
    /// The factor that this lower triangular matrix is; what stands above the diagonal is not read.
    pub fn from_lower(lower: Matrix) -> Self {
        Self { lower }
    }

    /// L itself, zeros above the diagonal.
    pub fn lower(&self) -> &Matrix {
        &self.lower
    }

    /// ln det A.
    pub fn ln_det(&self) -> f64 {
        2.0 * (0..self.lower.n_rows).map(|i| self.lower[(i, i)].ln()).sum::<f64>()
    }

    /// L⁻¹ b in place.
    pub fn solve_lower(&self, b: &mut [f64]) {
        for i in 0..b.len() {
            let row = self.lower.row(i);
            let sum: f64 = row[..i].iter().zip(&b[..i]).map(|(l, x)| l * x).sum();
            b[i] = (b[i] - sum) / row[i];
        }
    }

    /// L⁻ᵀ b in place.
    pub fn solve_upper(&self, b: &mut [f64]) {
        for i in (0..b.len()).rev() {
            let sum: f64 = (i + 1..b.len()).map(|k| self.lower[(k, i)] * b[k]).sum();
            b[i] = (b[i] - sum) / self.lower[(i, i)];
        }
    }

    /// A⁻¹ B, column by column.
    #[must_use]
    pub fn solve(&self, b: &Matrix) -> Matrix {
        let mut columns = b.transpose();
        let n = b.n_rows;
        for column in columns.data.chunks_exact_mut(n.max(1)) {
            self.solve_lower(column);
            self.solve_upper(column);
        }
        columns.transpose()
    }

    /// A⁻¹, where the elements themselves are wanted; prefer [`Cholesky::solve`].
    pub fn inverse(&self) -> Matrix {
        self.solve(&Matrix::identity(self.lower.n_rows))
    }

    /// L z: a draw of N(0, A) from standard normal z.
    pub fn times_lower(&self, z: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.lower.row(i)[..=i].iter().zip(z).map(|(l, z)| l * z).sum();
        }
    }

    /// xᵀ A x = |Lᵀ x|².
    pub fn quadratic_form(&self, x: &[f64]) -> f64 {
        (0..x.len()).map(|j| (j..x.len()).map(|i| self.lower[(i, j)] * x[i]).sum::<f64>().powi(2)).sum()
    }

    /// xᵀ A⁻¹ x = |L⁻¹ x|².
    pub fn inverse_quadratic_form(&self, x: &[f64]) -> f64 {
        let mut y = x.to_vec();
        self.solve_lower(&mut y);
        y.iter().map(|y| y * y).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Matrix {
        Matrix::from_rows(3, 3, vec![4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0])
    }

    #[test]
    fn cholesky_gives_inverse_determinant_and_forms() {
        let a = example();
        let factor = a.cholesky().expect("positive definite");
        let unit = a.times(&factor.inverse());
        assert!(unit.plus(&Matrix::identity(3).scaled(-1.0)).frobenius_norm() < 1e-14);
        assert!((factor.ln_det() - 20.89_f64.ln()).abs() < 1e-12, "{}", factor.ln_det().exp());
        let x = [0.3, -1.0, 2.0];
        let direct: f64 = a.times_vector(&x).iter().zip(&x).map(|(a, b)| a * b).sum();
        assert!((factor.quadratic_form(&x) - direct).abs() < 1e-13);
        let direct: f64 = factor.inverse().times_vector(&x).iter().zip(&x).map(|(a, b)| a * b).sum();
        assert!((factor.inverse_quadratic_form(&x) - direct).abs() < 1e-13);
    }

    #[test]
    fn the_geometric_mean_is_symmetric_and_squares_back() {
        let (a, b) = (example(), Matrix::from_rows(3, 3, vec![2.0, 0.3, 0.1, 0.3, 1.0, 0.4, 0.1, 0.4, 5.0]));
        let (ab, ba) = (a.geometric_mean(&b).expect("positive"), b.geometric_mean(&a).expect("positive"));
        assert!(ab.plus(&ba.scaled(-1.0)).frobenius_norm() < 1e-13);
        // Its defining equation: G A⁻¹ G = B.
        let g_ainv_g = ab.times(&a.cholesky().expect("positive").solve(&ab));
        assert!(g_ainv_g.plus(&b.scaled(-1.0)).frobenius_norm() < 1e-12);
        assert!(a.geometric_mean(&a.scaled(-1.0)).is_err());
    }

    #[test]
    fn an_indefinite_or_broken_matrix_is_an_error() {
        let mut a = example();
        a[(2, 2)] = -1.0;
        assert!(a.cholesky().expect_err("indefinite").is_numerical());
        assert!(a.square_root().expect_err("indefinite").is_numerical());
        for broken in [f64::NAN, f64::INFINITY] {
            a[(2, 2)] = broken;
            assert!(a.cholesky().expect_err("broken").is_numerical());
            assert!(a.square_root().expect_err("broken").is_numerical());
        }
        let wide = Matrix::zeros(2, 3);
        assert!(wide.cholesky().is_err() && wide.square_root().is_err());
    }

    #[test]
    fn a_matrix_is_rows_in_json() {
        let text = serde_json::to_string(&Matrix::from_rows(2, 2, vec![1.0, 2.0, 3.0, 4.0])).expect("writes");
        assert_eq!(text, "[[1.0,2.0],[3.0,4.0]]");
        assert!(serde_json::from_str::<Matrix>("[[1.0],[2.0,3.0]]").is_err());
    }
}
