//! The population of particles, its covariance and the next ε.

use crate::math::Matrix;

/// Particles with weights that sum to one.
///
/// Each has r = Σ_t N_t q_t(θ)/π(θ), N_t the simulations of round t with proposal q_t, and w ∝ 1/r.
#[derive(Clone, Debug)]
pub(super) struct Population {
    pub(super) theta: Vec<f64>,
    pub(super) distances: Vec<f64>,
    pub(super) ratios: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Population {
    pub(super) fn new(theta: Vec<f64>, distances: Vec<f64>, ratios: Vec<f64>) -> Self {
        let sum: f64 = ratios.iter().map(|r| r.recip()).sum();
        let weights = ratios.iter().map(|r| r.recip() / sum).collect();
        Self { theta, distances, ratios, weights }
    }

    /// Effective number of particles, (Σw)²/Σw² (Kish 1965).
    pub(super) fn ess(&self) -> f64 {
        self.weights.iter().map(|w| w * w).sum::<f64>().recip()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_leaves_some_behind_unless_all_are_equal() {
        let of = |distances: Vec<f64>| {
            let n = distances.len();
            Population::new(vec![], distances, vec![1.0; n]).percentile(75.0)
        };
        assert_eq!(of(vec![4.0, 1.0, 3.0, 2.0]), 3.0);
        assert_eq!(of(vec![1.0, 2.0, 2.0, 2.0]), 1.0);
        assert_eq!(of(vec![2.0; 4]), 2.0);
    }
}
