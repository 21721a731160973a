//! Nuisance parameters left to the simulator: each simulation draws them from their prior.
//!
//! What likelihood-free inference does with such a simulator is inference with the nuisance parameters integrated out,
//! p(d|θ) = ∫ p(d|θ, η) p(η) dη, at no cost: distances and compressions live in the parameters of interest alone.

use super::Simulator;
use crate::error::Result;
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::prior::Marginal;
use crate::reference::Reference;
use crate::seed::Stream;

/// A simulator some of whose parameters are drawn from their prior.
pub struct Marginalised<'a> {
    simulator: &'a dyn Simulator,
    parameters: Vec<Parameter>,
    /// For each parameter of the inner simulator: its prior, where it is a nuisance.
    nuisance: Vec<Option<Marginal>>,
}

impl<'a> Marginalised<'a> {
    /// `nuisance[i]` is the prior of parameter i of `simulator` where that is to be drawn, and none where it stays.
    ///
    /// # Panics
    /// If `nuisance` has not one entry a parameter.
    pub fn new(simulator: &'a dyn Simulator, nuisance: Vec<Option<Marginal>>) -> Self {
        assert_eq!(nuisance.len(), simulator.n_params(), "one entry a parameter");
        let kept = simulator.parameters().iter().zip(&nuisance).filter(|(_, nuisance)| nuisance.is_none());
        Self { simulator, parameters: kept.map(|(parameter, _)| parameter.clone()).collect(), nuisance }
    }

    /// All parameters of the inner simulator: the nuisance ones drawn, one uniform number each, before anything else.
    fn complete(&self, theta: &[f64], stream: &mut Stream) -> Vec<f64> {
        let mut kept = theta.iter();
        let value = |nuisance: &Option<Marginal>| match nuisance {
            Some(prior) => prior.quantile(rand::RngExt::sample(stream, rand::distr::Open01)),
            None => kept.next().copied().unwrap_or(f64::NAN),
        };
        self.nuisance.iter().map(value).collect()
    }
}

impl Simulator for Marginalised<'_> {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        self.simulator.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        let theta = self.complete(theta, stream);
        self.simulator.simulate(&theta, stream, data)
    }

    fn has_derivative(&self) -> bool {
        self.simulator.has_derivative()
    }

    fn simulate_with_derivative(
        &self,
        theta: &[f64],
        stream: &mut Stream,
        data: &mut [f64],
        derivative: &mut [f64],
    ) -> Result<()> {
        let theta = self.complete(theta, stream);
        let mut all = vec![0.0; theta.len() * data.len()];
        self.simulator.simulate_with_derivative(&theta, stream, data, &mut all)?;
        let rows = all.chunks_exact(data.len()).zip(&self.nuisance).filter(|(_, nuisance)| nuisance.is_none());
        derivative.chunks_exact_mut(data.len()).zip(rows).for_each(|(out, (row, _))| out.copy_from_slice(row));
        Ok(())
    }

    /// That of the simulator, where no parameter is a nuisance: with one integrated out it is another, and unknown.
    fn exact_fisher(&self, theta: &[f64]) -> Result<Option<Matrix>> {
        if self.nuisance.iter().any(Option::is_some) {
            return Ok(None);
        }
        self.simulator.exact_fisher(theta)
    }

    fn pool(&self) -> Option<&rayon::ThreadPool> {
        self.simulator.pool()
    }

    fn references(&self) -> Vec<Reference> {
        self.simulator.references()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::Normal;
    use crate::seed::Seed;
    use crate::simulator::Line;

    #[test]
    fn drawn_parameters_widen_the_data_and_leave_the_derivative_of_the_others() {
        let line = Line::slope_and_intercept(4, 0.1);
        let prior = Marginal::Normal(Normal::new(2.0, 3.0).expect("valid"));
        let simulator = Marginalised::new(&line, vec![None, Some(prior)]);
        assert_eq!((simulator.n_params(), simulator.parameters()[0].name.as_str()), (1, "slope"));
        let (mut data, mut derivative) = ([0.0; 4], [0.0; 4]);
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for i in 0..4000 {
            simulator
                .simulate_with_derivative(&[1.0], &mut Seed::new(1).stream(i), &mut data, &mut derivative)
                .expect("valid");
            sum += data[0] / 4000.0;
            sum_of_squares += data[0] * data[0] / 4000.0;
        }
        // The first point is the intercept with noise 0.1: mean 2 ± 0.05, sd 3 ± 0.03; five standard errors.
        assert!((sum - 2.0).abs() < 0.25 && ((sum_of_squares - sum * sum).sqrt() - 3.0).abs() < 0.2, "{sum}");
        assert_eq!(derivative.to_vec(), line.abscissae().collect::<Vec<f64>>());
    }
}
