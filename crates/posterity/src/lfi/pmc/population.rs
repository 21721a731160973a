//! The population of particles, its covariance and the next ε.

use crate::math::Matrix;

/// Particles with weights that sum to one.
#[derive(Clone, Debug)]
pub(super) struct Population {
    pub(super) theta: Vec<f64>,
    pub(super) distances: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Population {
    pub(super) fn covariance(&self, n: usize) -> Matrix {
        let mut mean = vec![0.0; n];
        for (theta, w) in self.theta.chunks_exact(n).zip(&self.weights) {
            mean.iter_mut().zip(theta).for_each(|(m, x)| *m += w * x);
        }
        let mut covariance = Matrix::zeros(n, n);
        for (theta, w) in self.theta.chunks_exact(n).zip(&self.weights) {
            for i in 0..n {
                (0..n).for_each(|j| covariance[(i, j)] += w * (theta[i] - mean[i]) * (theta[j] - mean[j]));
            }
        }
        covariance
    }

    /// The next ε, below the largest distance where any is.
    pub(super) fn percentile(&self, percentile: f64) -> f64 {
        let mut sorted = self.distances.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        let kept = ((percentile / 100.0 * n as f64).round() as usize).clamp(1, n - 1);
        let below = sorted.partition_point(|&d| d < sorted[n - 1]);
        // Ties at the top would move nobody: ε goes below them.
        if sorted[kept - 1] < sorted[n - 1] || below == 0 { sorted[kept - 1] } else { sorted[below - 1] }
    }
}

/// Effective number for weights that need not be normalised, (Σw)²/Σw² (Kish 1965).
pub(super) fn effective_number(weights: &[f64]) -> f64 {
    weights.iter().sum::<f64>().powi(2) / weights.iter().map(|w| w * w).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_leaves_some_behind_unless_all_are_equal() {
        let of = |distances: Vec<f64>| {
            Population { theta: vec![], weights: vec![1.0; distances.len()], distances }.percentile(75.0)
        };
        assert_eq!(of(vec![4.0, 1.0, 3.0, 2.0]), 3.0);
        assert_eq!(of(vec![1.0, 2.0, 2.0, 2.0]), 1.0);
        assert_eq!(of(vec![2.0; 4]), 2.0);
    }
}
