//! What the tests of inference share: exact compressors, and posteriors known by quadrature.

use crate::compressor::{Compressor, QuasiMle};
use crate::math::Matrix;
use crate::prior::{Marginal, Prior, Uniform};
use crate::reference::Reference;
use crate::samples::Samples;
use crate::simulator::{Gaussian, Simulator};

/// A prior of nameless parameters.
pub(crate) fn prior(marginals: Vec<Marginal>) -> Prior {
    let parameters = (0..marginals.len()).map(|i| crate::Parameter::new(format!("p{i}"), format!("p_{i}"))).collect();
    Prior { parameters, marginals }
}

pub(crate) fn uniform(low: f64, high: f64) -> Marginal {
    Marginal::Uniform(Uniform::new(low, high).expect("valid"))
}

/// Sufficient statistics of normal draws: their mean square, or their mean and variance, which estimate the parameters.
pub(crate) struct Sufficient {
    pub(crate) n_data: usize,
    pub(crate) n_summaries: usize,
}

impl Compressor for Sufficient {
    fn n_data(&self) -> usize {
        self.n_data
    }

    fn n_summaries(&self) -> usize {
        self.n_summaries
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        let n = self.n_data as f64;
        for (d, x) in data.chunks_exact(self.n_data).zip(summaries.chunks_exact_mut(self.n_summaries)) {
            if self.n_summaries == 1 {
                x[0] = d.iter().map(|d| d * d).sum::<f64>() / n;
            } else {
                x[0] = d.iter().sum::<f64>() / n;
                x[1] = d.iter().map(|d| (d - x[0]).powi(2)).sum::<f64>() / (n - 1.0);
            }
        }
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

/// Summaries that are estimates already.
pub(crate) fn as_they_are(n: usize) -> QuasiMle {
    QuasiMle { theta_fid: vec![0.0; n], mu: vec![0.0; n], projection: Matrix::identity(n) }
}

/// Ten normal draws of unknown variance about zero, the mean square as the estimate, F = 5, uniform prior.
pub(crate) struct Variance {
    pub(crate) simulator: Gaussian,
    pub(crate) compressor: Sufficient,
    pub(crate) quasi_mle: QuasiMle,
    pub(crate) prior: Prior,
    pub(crate) metric: Matrix,
}

impl Variance {
    pub(crate) fn new() -> Self {
        Self {
            simulator: Gaussian::variance(10, 0.0),
            compressor: Sufficient { n_data: 10, n_summaries: 1 },
            quasi_mle: as_they_are(1),
            prior: prior(vec![uniform(0.1, 5.0)]),
            metric: Matrix::from_rows(1, 1, vec![5.0]),
        }
    }

    pub(crate) fn forward(&self) -> crate::lfi::Forward<'_> {
        crate::lfi::Forward { simulator: &self.simulator, compressor: &self.compressor, quasi_mle: &self.quasi_mle }
    }

    /// Mean and sd of the posterior of "the estimate lies within ε of `observed`"; of the posterior itself for ε = 0.
    pub(crate) fn exact(&self, observed: f64, epsilon: f64) -> (f64, f64) {
        let n = self.simulator.n_data() as f64;
        let (low, high) = self.prior.marginals[0].bounds();
        let below = |x: f64, theta: f64| {
            if x > 0.0 { statrs::function::gamma::gamma_lr(n / 2.0, n * x / (2.0 * theta)) } else { 0.0 }
        };
        let h = epsilon / 5f64.sqrt();
        let likelihood = |theta: f64| {
            if epsilon > 0.0 {
                below(observed + h, theta) - below(observed - h, theta)
            } else {
                (-n / 2.0 * (theta.ln() + observed / theta)).exp()
            }
        };
        let steps = 20_000;
        let mut m = [0.0; 3];
        for i in 0..steps {
            let theta = low + (high - low) * (f64::from(i) + 0.5) / f64::from(steps);
            let w = likelihood(theta);
            [1.0, theta, theta * theta].iter().zip(&mut m).for_each(|(f, m)| *m += w * f);
        }
        let mean = m[1] / m[0];
        (mean, (m[2] / m[0] - mean * mean).sqrt())
    }
}

/// How far the draws are from a known mean (in its sd) and width (as a fraction).
pub(crate) fn departure(samples: &Samples, parameter: usize, (mean, sd): (f64, f64)) -> (f64, f64) {
    ((samples.mean()[parameter] - mean) / sd, samples.sd()[parameter] / sd - 1.0)
}

/// Runs in a pool of so many threads.
pub(crate) fn with_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool").install(run)
}
