//! Named, weighted draws of parameters: what every inference returns.

pub mod chains;
mod getdist;
mod parquet;

pub use getdist::write_getdist;
pub use parquet::{read_parquet, write_parquet};

use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;

/// The column of the weights, beside those of the parameters.
const WEIGHT: &str = "weight";
/// What GetDist gives a meaning in a parameter's name, beside white space, which ends it: `*` marks a derived parameter,
/// `?` is a wild card.
const NOT_IN_GETDIST: [char; 2] = ['*', '?'];

/// That files of samples can hold a parameter of this name.
///
/// # Errors
/// Invalid input, if it is empty, that of the weights, or one that GetDist would misread.
pub fn check_name(name: &str) -> Result<()> {
    let fault = if name.is_empty() {
        "a parameter has no name".into()
    } else if name == WEIGHT {
        format!("no parameter can be named `{WEIGHT}`: the draws' weights are")
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control() || NOT_IN_GETDIST.contains(&c)) {
        format!("GetDist cannot read a parameter named `{}`", name.escape_debug())
    } else {
        return Ok(());
    };
    Err(Error::invalid_input(fault).remedy("use letters, digits and underscores"))
}

/// Weighted draws of the parameters, with how they were come by.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Names and labels, in the order of the columns.
    pub parameters: Vec<Parameter>,
    /// Draws, row after row: `n_samples * n_params`.
    pub theta: Vec<f64>,
    /// One weight a draw, ≥ 0, summing to one.
    pub weights: Vec<f64>,
    /// The largest distance accepted, for methods that have one.
    pub epsilon: Option<f64>,
    /// How many simulations were run to get them.
    pub n_simulations: u64,
}

impl Samples {
    /// Draws with weights, which are normalised here.
    ///
    /// # Errors
    /// Numerical, if there is no draw, a value is not finite, or the weights cannot be normalised.
    pub fn new(parameters: Vec<Parameter>, theta: Vec<f64>, mut weights: Vec<f64>) -> Result<Self> {
        let n_params = parameters.len();
        if weights.is_empty() || theta.len() != weights.len() * n_params {
            return Err(Error::numerical(format!(
                "{} values and {} weights do not make draws of {n_params} parameters",
                theta.len(),
                weights.len()
            )));
        }
        if theta.iter().any(|x| !x.is_finite()) {
            return Err(Error::numerical("a drawn parameter is not finite"));
        }
        let sum: f64 = weights.iter().sum();
        if !(sum > 0.0 && sum.is_finite()) || weights.iter().any(|&w| w < 0.0) {
            return Err(Error::numerical("the weights of the draws cannot be normalised"));
        }
        weights.iter_mut().for_each(|w| *w /= sum);
        Ok(Self { parameters, theta, weights, epsilon: None, n_simulations: 0 })
    }

    /// Number of draws.
    pub fn n_samples(&self) -> usize {
        self.weights.len()
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.parameters.len()
    }

    /// One draw.
    pub fn draw(&self, i: usize) -> &[f64] {
        let n = self.n_params();
        &self.theta[i * n..(i + 1) * n]
    }

    /// All draws of one parameter.
    pub fn column(&self, parameter: usize) -> Vec<f64> {
        self.theta.iter().skip(parameter).step_by(self.n_params()).copied().collect()
    }

    /// Weighted mean of each parameter.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.n_params()];
        for (draw, w) in self.theta.chunks_exact(self.n_params()).zip(&self.weights) {
            mean.iter_mut().zip(draw).for_each(|(m, x)| *m += w * x);
        }
        mean
    }

    /// Weighted covariance about the mean (weights as probabilities, no small-sample factor).
    pub fn covariance(&self) -> Matrix {
        let (n, mean) = (self.n_params(), self.mean());
        let mut covariance = Matrix::zeros(n, n);
        for (draw, w) in self.theta.chunks_exact(n).zip(&self.weights) {
            for i in 0..n {
                for j in 0..n {
                    covariance[(i, j)] += w * (draw[i] - mean[i]) * (draw[j] - mean[j]);
                }
            }
        }
        covariance
    }

    /// Standard deviation of each parameter.
    pub fn sd(&self) -> Vec<f64> {
        let covariance = self.covariance();
        (0..self.n_params()).map(|i| covariance[(i, i)].sqrt()).collect()
    }

    /// Weighted quantiles of one parameter at probabilities in [0, 1], linear between the midpoints of the steps.
    pub fn quantiles(&self, parameter: usize, probabilities: &[f64]) -> Vec<f64> {
        let mut draws: Vec<(f64, f64)> = self.column(parameter).into_iter().zip(self.weights.iter().copied()).collect();
        // A draw without weight is no end of a step.
        draws.retain(|draw| draw.1 > 0.0);
        draws.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut cumulative = 0.0;
        for draw in &mut draws {
            let weight = draw.1;
            draw.1 = cumulative + weight / 2.0;
            cumulative += weight;
        }
        probabilities.iter().map(|&p| interpolate(&draws, p)).collect()
    }

    /// Effective number of draws for their weights, (Σw)²/Σw² (Kish 1965).
    pub fn ess(&self) -> f64 {
        // Of equal weights, rounding would have a few more than there are.
        (1.0 / self.weights.iter().map(|w| w * w).sum::<f64>()).min(self.n_samples() as f64)
    }
}

fn interpolate(steps: &[(f64, f64)], p: f64) -> f64 {
    let above = steps.partition_point(|step| step.1 < p);
    match (above.checked_sub(1).map(|i| steps[i]), steps.get(above)) {
        (Some((x0, p0)), Some(&(x1, p1))) if p1 > p0 => x0 + (x1 - x0) * (p - p0) / (p1 - p0),
        (_, Some(&(x, _))) | (Some((x, _)), None) => x,
        (None, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(theta: Vec<f64>, weights: Vec<f64>) -> Samples {
        let parameters = vec![Parameter::new("a", "a"), Parameter::new("b", "b")];
        Samples::new(parameters, theta, weights).expect("valid")
    }

    #[test]
    fn moments_and_quantiles_are_weighted() {
        let samples = two(vec![0.0, 1.0, 1.0, 3.0, 2.0, 5.0], vec![1.0, 2.0, 1.0]);
        assert_eq!(samples.mean(), vec![1.0, 3.0]);
        assert_eq!(samples.sd(), vec![0.5f64.sqrt(), 2f64.sqrt()]);
        assert_eq!(samples.covariance()[(0, 1)], 1.0);
        assert_eq!(samples.quantiles(0, &[0.5]), vec![1.0]);
        assert!((samples.ess() - 16.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn there_are_no_more_effective_draws_than_draws() {
        for n in 1..2000 {
            let samples = Samples::new(vec![Parameter::new("a", "a")], vec![0.0; n], vec![1.0; n]).expect("valid");
            assert!(samples.ess() <= n as f64 && samples.ess() > n as f64 - 1e-6, "{n}: {}", samples.ess());
        }
    }

    #[test]
    fn a_draw_with_two_weights_equals_two_draws() {
        let once = two(vec![0.0, 1.0, 1.0, 3.0], vec![1.0, 2.0]);
        let twice = two(vec![0.0, 1.0, 1.0, 3.0, 1.0, 3.0], vec![1.0, 1.0, 1.0]);
        once.mean().iter().zip(twice.mean()).for_each(|(a, b)| assert!((a - b).abs() < 1e-14));
        let difference = once.covariance().plus(&twice.covariance().scaled(-1.0));
        assert!(difference.frobenius_norm() < 1e-14);
    }

    #[test]
    fn draws_without_weight_change_no_quantile() {
        let with = two(vec![-9.0, 0.0, 0.0, 1.0, 1.0, 3.0, 1e6, 0.0, 0.5, 7.0], vec![0.0, 1.0, 2.0, 0.0, 0.0]);
        let without = two(vec![0.0, 1.0, 1.0, 3.0], vec![1.0, 2.0]);
        let probabilities = [0.0, 0.025, 0.4, 0.5, 0.975, 1.0];
        for parameter in [0, 1] {
            assert_eq!(with.quantiles(parameter, &probabilities), without.quantiles(parameter, &probabilities));
        }
    }

    #[test]
    fn names_that_no_file_could_hold_are_refused() {
        for name in ["", "weight", "a b", "a\tb", "a\0", "derived*", "wh?t"] {
            assert!(check_name(name).expect_err(name).is_invalid_input());
        }
        for name in ["w", "Weight", "omega_m", "σ8", "a.b", "n[1]"] {
            check_name(name).expect(name);
        }
    }

    #[test]
    fn what_cannot_be_normalised_is_refused() {
        for weights in [vec![0.0, 0.0], vec![1.0, -1.0], vec![f64::NAN, 1.0]] {
            assert!(Samples::new(vec![Parameter::new("a", "a")], vec![1.0, 2.0], weights).is_err());
        }
    }
}
