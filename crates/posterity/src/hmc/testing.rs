//! Targets with known answers, for tests and benchmarks of the samplers.

use super::LogDensity;

/// A Gaussian with a tridiagonal or dense precision matrix, counting its evaluations.
pub(super) struct Gaussian {
    pub(super) mean: Vec<f64>,
    /// Rows of the inverse covariance.
    pub(super) precision: Vec<Vec<f64>>,
    pub(super) n_evaluations: usize,
}

impl Gaussian {
    /// N((1, 4), [[9, 1], [1, 4]]): the regression test of HMCLET.
    pub(super) fn correlated() -> Self {
        let precision = vec![vec![4.0 / 35.0, -1.0 / 35.0], vec![-1.0 / 35.0, 9.0 / 35.0]];
        Self { mean: vec![1.0, 4.0], precision, n_evaluations: 0 }
    }

    /// N(0, 1) in `dim` dimensions.
    pub(super) fn standard(dim: usize) -> Self {
        let row = |i| (0..dim).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        Self { mean: vec![0.0; dim], precision: (0..dim).map(row).collect(), n_evaluations: 0 }
    }
}

impl LogDensity for Gaussian {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.n_evaluations += 1;
        let mut value = 0.0;
        for i in 0..position.len() {
            let row = self.precision[i].iter().zip(position).zip(&self.mean);
            gradient[i] = -row.map(|((p, x), m)| p * (x - m)).sum::<f64>();
            value += 0.5 * gradient[i] * (position[i] - self.mean[i]);
        }
        value
    }
}

/// The autoregressive target: Gaussian with covariance ρ^|i−j| s_i s_j, scales from 0.1 to 10 in equal ratios.
#[derive(Clone)]
pub(super) struct Ar1 {
    pub(super) rho: f64,
    pub(super) scales: Vec<f64>,
    pub(super) n_evaluations: usize,
}

impl Ar1 {
    pub(super) fn new(dim: usize, rho: f64) -> Self {
        let scales = (0..dim).map(|i| 0.1 * 100f64.powf(i as f64 / (dim as f64 - 1.0))).collect();
        Self { rho, scales, n_evaluations: 0 }
    }

    pub(super) fn covariance(&self, i: usize, j: usize) -> f64 {
        self.rho.powi(i.abs_diff(j) as i32) * self.scales[i] * self.scales[j]
    }
}

impl LogDensity for Ar1 {
    fn dim(&self) -> usize {
        self.scales.len()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.n_evaluations += 1;
        let (n, rho) = (position.len(), self.rho);
        let unit = |i: usize| position[i] / self.scales[i];
        let mut value = -0.5 * unit(0).powi(2);
        gradient[0] = -unit(0) / self.scales[0];
        for i in 1..n {
            // z_i given z_{i−1} is N(ρ z_{i−1}, 1 − ρ²).
            let innovation = (unit(i) - rho * unit(i - 1)) / (1.0 - rho * rho);
            value -= 0.5 * innovation * innovation * (1.0 - rho * rho);
            gradient[i] = -innovation / self.scales[i];
            gradient[i - 1] += rho * innovation / self.scales[i - 1];
        }
        value
    }
}

/// Rubin's eight schools, non-centred: θ̃_1 … θ̃_8, μ, ln τ with θ_j = μ + τ θ̃_j, y_j ~ N(θ_j, σ_j), μ ~ N(0, 5),
/// τ ~ half-Cauchy(5), θ̃ ~ N(0, 1).
#[derive(Clone, Default)]
pub(super) struct EightSchools {
    pub(super) n_evaluations: usize,
}

impl EightSchools {
    pub(super) const Y: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    pub(super) const SIGMA: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

    /// θ_1 … θ_8, μ, τ.
    pub(super) fn quantities(position: &[f64]) -> [f64; 10] {
        let (mu, tau) = (position[8], position[9].exp());
        std::array::from_fn(|j| match j {
            8 => mu,
            9 => tau,
            _ => mu + tau * position[j],
        })
    }
}

impl LogDensity for EightSchools {
    fn dim(&self) -> usize {
        10
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.n_evaluations += 1;
        let (mu, tau) = (position[8], position[9].exp());
        let ratio = (tau / 5.0).powi(2);
        // With the Jacobian τ of ln τ.
        let mut value = -0.5 * (mu / 5.0).powi(2) - ratio.ln_1p() + position[9];
        gradient[8] = -mu / 25.0;
        gradient[9] = 1.0 - 2.0 * ratio / (1.0 + ratio);
        for j in 0..8 {
            let residual = (Self::Y[j] - mu - tau * position[j]) / Self::SIGMA[j];
            let slope = residual / Self::SIGMA[j];
            value -= 0.5 * (residual * residual + position[j] * position[j]);
            gradient[j] = tau * slope - position[j];
            gradient[8] += slope;
            gradient[9] += tau * position[j] * slope;
        }
        value
    }
}

/// Neal's funnel: v ~ N(0, 3), x_i ~ N(0, exp(v/2)).
pub(super) struct Funnel {
    pub(super) dim: usize,
}

impl LogDensity for Funnel {
    fn dim(&self) -> usize {
        self.dim
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let (v, inverse) = (position[0], (-position[0]).exp());
        let sum: f64 = position[1..].iter().map(|x| x * x).sum();
        gradient[0] = -v / 9.0 - 0.5 * (self.dim - 1) as f64 + 0.5 * inverse * sum;
        gradient[1..].iter_mut().zip(&position[1..]).for_each(|(g, x)| *g = -x * inverse);
        -v * v / 18.0 - 0.5 * (self.dim - 1) as f64 * v - 0.5 * inverse * sum
    }
}

/// Reference posterior of eight schools: name, mean and Monte Carlo standard error of θ_1 … θ_8, μ, τ, from 10 chains of
/// 1000 draws. Source: posteriordb, `eight_schools-eight_schools_noncentered` (Magnusson et al.,
/// github.com/stan-dev/posteriordb), BSD 3-clause licence.
pub(super) const EIGHT_SCHOOLS: [(&str, f64, f64); 10] = [
    ("theta[1]", 6.150502, 0.055738),
    ("theta[2]", 4.939581, 0.046229),
    ("theta[3]", 3.905906, 0.054231),
    ("theta[4]", 4.796017, 0.047494),
    ("theta[5]", 3.614436, 0.046145),
    ("theta[6]", 4.051148, 0.048520),
    ("theta[7]", 6.317170, 0.049877),
    ("theta[8]", 4.883997, 0.054251),
    ("mu", 4.410518, 0.033037),
    ("tau", 3.602060, 0.031862),
];
