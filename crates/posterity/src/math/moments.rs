//! Mean and covariance of rows of numbers.

use super::Matrix;

/// Mean and covariance, with 1/(n − 1), of `rows` of `n_cols` values each, laid one after another. The covariance of
/// fewer than two rows is NaN, and so is the mean of none.
///
/// # Panics
/// If `n_cols` is 0.
pub fn mean_and_covariance(rows: &[f64], n_cols: usize) -> (Vec<f64>, Matrix) {
    let n = (rows.len() / n_cols) as f64;
    let mut mean = vec![0.0; n_cols];
    for row in rows.chunks_exact(n_cols) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
    }
    mean.iter_mut().for_each(|m| *m /= n);
    let mut sum = Matrix::zeros(n_cols, n_cols);
    let mut centred = vec![0.0; n_cols];
    for row in rows.chunks_exact(n_cols) {
        centred.iter_mut().zip(row.iter().zip(&mean)).for_each(|(c, (x, m))| *c = x - m);
        for i in 0..n_cols {
            for j in 0..=i {
                sum[(i, j)] += centred[i] * centred[j];
            }
        }
    }
    let covariance = Matrix::from_fn(n_cols, n_cols, |i, j| sum[(i.max(j), i.min(j))]).scaled(1.0 / (n - 1.0));
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_four_rows() {
        let (mean, covariance) = mean_and_covariance(&[1.0, 2.0, 3.0, 2.0, 1.0, 6.0, 3.0, 6.0], 2);
        assert_eq!(mean, [2.0, 4.0]);
        let third = 4.0 / 3.0;
        let exact = Matrix::from_rows(2, 2, vec![third, 0.0, 0.0, 4.0 * third]);
        assert!(covariance.plus(&exact.scaled(-1.0)).frobenius_norm() < 1e-14, "{covariance:?}");
    }
}
