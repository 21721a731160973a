//! Data that are the same in all simulations: they tell nothing, and their covariance has no inverse.

use crate::error::{Error, Result};
use crate::math::Matrix;

/// Whether a variance is that of a constant, whose mean was rounded.
pub(super) fn is_constant(variance: f64, mean: f64) -> bool {
    variance <= (1e-12 * mean).powi(2)
}

/// That no value is the same in all simulations: covariances of those have no inverse, however many there are.
///
/// # Errors
/// Invalid input, naming the first that is.
pub(super) fn refuse_constants(mean: &[f64], covariance: &Matrix) -> Result<()> {
    match (0..mean.len()).find(|&i| is_constant(covariance[(i, i)], mean[i])) {
        None => Ok(()),
        Some(i) => Err(Error::invalid_input(format!("datum {i} (from 0) is {} in all simulations", mean[i]))
            .remedy("leave it out of the data, or train a network with input = \"standardise\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::imnn::{self, Input};
    use super::super::{Compressor, Run, Score};
    use crate::error::Result;
    use crate::parameter::Parameter;
    use crate::progress::Quiet;
    use crate::seed::{Seed, Stream};
    use crate::simulator::{Gaussian, SimulationSet, Simulator};

    /// Normal draws and one datum more that never moves, of which a mean is not exact.
    struct WithConstant(Gaussian, [usize; 1]);

    impl Simulator for WithConstant {
        fn parameters(&self) -> &[Parameter] {
            self.0.parameters()
        }
        fn shape(&self) -> &[usize] {
            &self.1
        }
        fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
            let n = data.len() - 1;
            data[n] = 0.1;
            self.0.simulate(theta, stream, &mut data[..n])
        }
    }

    #[test]
    fn a_constant_datum_says_nothing_and_is_named() {
        let simulator = WithConstant(Gaussian::mean_and_variance(5), [6]);
        let mut set = SimulationSet::new(&simulator, &[0.0, 1.0], Some(&[0.1, 0.1]), 200, 200).expect("valid");
        set.fill(&simulator, Seed::new(1), 0).expect("simulated");
        for input in [Input::Standardise, Input::Whiten] {
            let settings = imnn::Settings { input, hidden: vec![4], max_iterations: 2, ..imnn::Settings::default() };
            let trained = imnn::train(imnn::Training::Fixed(&set), &set, &settings, &Run::new(Seed::new(2), &Quiet));
            if input == Input::Whiten {
                let text = trained.expect_err("no inverse").to_string();
                assert!(text.contains("datum 5 (from 0) is 0.1"), "{text}");
                continue;
            }
            let network = trained.expect("trained").imnn;
            let summaries = |last: f64| {
                let mut x = vec![0.0; network.n_summaries()];
                network.compress(&[0.3, -0.2, 1.0, 0.4, -1.1, last], &mut x);
                x
            };
            assert_eq!(summaries(0.1), summaries(f64::from(0.1_f32)));
        }
        let text = Score::fit(&set, None).expect_err("no inverse").to_string();
        assert!(text.contains("datum 5 (from 0) is 0.1") && text.contains("leave it out"), "{text}");
    }
}
