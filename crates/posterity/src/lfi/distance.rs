//! The distance between an estimate and the observed one: Mahalanobis', with a Fisher matrix as the metric.

use crate::error::Result;
use crate::math::Matrix;

/// d(x, y) = √((x − y)ᵀ F (x − y)): with the Fisher information as F, in units of one standard deviation.
#[derive(Clone, Debug)]
pub struct Distance {
    /// Lᵀ of F = L Lᵀ, row after row, so that d = |Lᵀ(x − y)|.
    root: Vec<f64>,
    n: usize,
}

impl Distance {
    /// With `metric`, positive definite, `(n, n)` for points of `n` values.
    ///
    /// # Errors
    /// Numerical, if the metric is not positive definite.
    pub fn new(metric: &Matrix) -> Result<Self> {
        let factor = metric
            .cholesky()
            .map_err(|error| error.remedy("give a positive definite metric, such as the Fisher matrix"))?;
        Ok(Self { root: factor.lower().transpose().as_slice().to_vec(), n: metric.n_rows() })
    }

    /// Number of values in a point.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The distance between two points of `n` values; NaN if one of them holds NaN.
    pub fn between(&self, x: &[f64], y: &[f64]) -> f64 {
        let mut sum = 0.0;
        for i in 0..self.n {
            let row = &self.root[i * self.n..(i + 1) * self.n];
            let along: f64 = (i..self.n).map(|k| row[k] * (x[k] - y[k])).sum();
            sum += along * along;
        }
        sum.sqrt()
    }

    /// Lᵀ(x − y), whose length is the distance.
    pub(super) fn whitened(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        let row = |i: usize| &self.root[i * self.n..(i + 1) * self.n];
        (0..self.n).map(|i| (i..self.n).map(|k| row(i)[k] * (x[k] - y[k])).sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_quadratic_form_and_symmetric() {
        let f = Matrix::from_rows(2, 2, vec![4.0, 1.0, 1.0, 9.0]);
        let distance = Distance::new(&f).expect("positive definite");
        let (x, y) = ([1.0, 2.0], [0.5, 4.0]);
        let direct = (4.0 * 0.25 + 2.0 * 0.5 * -2.0 + 9.0 * 4.0_f64).sqrt();
        assert!((distance.between(&x, &y) - direct).abs() < 1e-14);
        assert_eq!(distance.between(&x, &y), distance.between(&y, &x));
        let length = distance.whitened(&x, &y).iter().map(|w| w * w).sum::<f64>().sqrt();
        assert!((length - direct).abs() < 1e-14);
    }

    #[test]
    fn what_is_not_a_number_is_near_nothing() {
        let distance = Distance::new(&Matrix::identity(2)).expect("positive definite");
        assert!(distance.between(&[f64::NAN, 0.0], &[0.0, 0.0]).is_nan());
        assert!(Distance::new(&Matrix::zeros(2, 2)).expect_err("singular").is_numerical());
    }
}
