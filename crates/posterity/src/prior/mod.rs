//! What is believed of the parameters before the data: an independent product of one-dimensional distributions.

mod log_uniform;
mod normal;
mod uniform;

pub use log_uniform::LogUniform;
pub use normal::Normal;
pub use uniform::Uniform;

use crate::parameter::Parameter;
use crate::seed::Stream;

/// The distribution of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Marginal {
    /// Constant between two bounds.
    Uniform(Uniform),
    /// Normal, where wanted truncated to an interval.
    Normal(Normal),
    /// Uniform in the logarithm between two positive bounds.
    LogUniform(LogUniform),
}

impl Marginal {
    /// ln of the normalised density; −∞ outside the support.
    pub fn log_prob(&self, x: f64) -> f64 {
        match self {
            Self::Uniform(d) => d.log_prob(x),
            Self::Normal(d) => d.log_prob(x),
            Self::LogUniform(d) => d.log_prob(x),
        }
    }

    /// The point with this fraction of the mass below it, 0 < p < 1.
    pub fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Uniform(d) => d.quantile(p),
            Self::Normal(d) => d.quantile(p),
            Self::LogUniform(d) => d.quantile(p),
        }
    }

    /// The mass below this point.
    pub fn cdf(&self, x: f64) -> f64 {
        match self {
            Self::Uniform(d) => d.cdf(x),
            Self::Normal(d) => d.cdf(x),
            Self::LogUniform(d) => d.cdf(x),
        }
    }

    /// Lower and upper end of the support, infinite where it has none.
    pub fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Uniform(d) => d.bounds(),
            Self::Normal(d) => d.bounds(),
            Self::LogUniform(d) => d.bounds(),
        }
    }
}

/// Named parameters with independent marginals.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Names and labels.
    pub parameters: Vec<Parameter>,
    /// One distribution a parameter.
    pub marginals: Vec<Marginal>,
}

impl Prior {
    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.marginals.len()
    }

    /// ln of the normalised density; −∞ outside the support.
    pub fn log_prob(&self, theta: &[f64]) -> f64 {
        self.marginals.iter().zip(theta).map(|(marginal, &x)| marginal.log_prob(x)).sum()
    }

    /// True inside the support.
    pub fn contains(&self, theta: &[f64]) -> bool {
        self.log_prob(theta) > f64::NEG_INFINITY
    }

    /// One draw, by inversion: one uniform number a parameter.
    pub fn sample(&self, stream: &mut Stream, theta: &mut [f64]) {
        for (x, marginal) in theta.iter_mut().zip(&self.marginals) {
            *x = marginal.quantile(rand::RngExt::sample(stream, rand::distr::Open01));
        }
    }
}

#[cfg(test)]
mod tests;
