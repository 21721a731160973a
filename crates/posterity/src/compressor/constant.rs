//! Data that are the same in all simulations, and data that do not move with a parameter: they tell nothing, and a
//! covariance or a Fisher matrix has no inverse.

use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::simulator::{Derivatives, SimulationSet};

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

/// That the data depend on each parameter, as far as the simulations show it.
///
/// # Errors
/// Invalid input, naming the parameters by which the derivative is zero in all simulations; io; corrupt file.
pub(super) fn refuse_insensitive(set: &SimulationSet, parameters: &[Parameter]) -> Result<()> {
    let (n_data, n_params) = (set.n_data(), set.n_params());
    let (rows, of_each, remedy) = match &set.derivative {
        Derivatives::Exact(rows) => (rows, 1, "take the parameter out, or look at the simulator's derivative"),
        Derivatives::Differences { pairs, .. } => (pairs, 2, "increase its delta, or take the parameter out"),
    };
    let mut is_seen = vec![false; n_params];
    let mut reader = rows.reader();
    for k in 0..set.n_d() * n_params {
        // As a rule the first row of each parameter shows it.
        if is_seen.iter().all(|seen| *seen) {
            return Ok(());
        }
        if !is_seen[k % n_params] {
            let row = reader.read(k * of_each * n_data..(k + 1) * of_each * n_data)?;
            let (first, second) = row.split_at(n_data);
            is_seen[k % n_params] = if of_each == 1 { first.iter().any(|x| *x != 0.0) } else { first != second };
        }
    }
    let unseen: Vec<&str> =
        parameters.iter().zip(&is_seen).filter(|(_, seen)| !**seen).map(|(parameter, _)| &*parameter.name).collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let message = format!(
        "no datum moves with {}: the derivative is zero in all {} simulations",
        unseen.join(" nor with "),
        set.n_d()
    );
    Err(Error::invalid_input(message).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::super::imnn::{self, Input, Training};
    use super::super::score;
    use super::super::{Compression, Compressor, Run, Score, Settings};
    use super::refuse_insensitive;
    use crate::error::Result;
    use crate::parameter::Parameter;
    use crate::progress::Quiet;
    use crate::seed::{Seed, Stream};
    use crate::simulator::{Derivatives, Gaussian, SimulationSet, Simulator};

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
    #[test]
    fn a_parameter_that_moves_nothing_is_named_before_training() {
        let gaussian = Gaussian::mean_and_variance(5);
        let set = |delta: Option<&[f64]>| {
            let mut set = SimulationSet::new(&gaussian, &[0.0, 1.0], delta, 50, 50).expect("valid");
            set.fill(&gaussian, Seed::new(1), 0).expect("simulated");
            set
        };
        let mut exact = set(None);
        let Derivatives::Exact(rows) = &mut exact.derivative else { panic!("exact") };
        let still: Vec<f64> =
            rows.all().expect("held").iter().enumerate().map(|(i, x)| if i / 5 % 2 == 1 { 0.0 } else { *x }).collect();
        *rows = still.into();
        // A step that rounding takes away altogether.
        let lost = set(Some(&[0.1, 1e-17]));
        let settings = [Settings::Score(score::Settings::default()), Settings::Imnn(imnn::Settings::default())];
        for (set, remedy) in [(&exact, "the simulator's derivative"), (&lost, "increase its delta")] {
            for settings in &settings {
                let run = Run::new(Seed::new(2), &Quiet);
                let learnt = Compression::learn(settings, Training::Fixed(set), set, None, gaussian.parameters(), &run);
                let error = learnt.expect_err("insensitive");
                let text = error.to_string();
                let expected = "no datum moves with variance: the derivative is zero in all 50 simulations";
                assert!(error.is_invalid_input() && text.contains(expected) && text.contains(remedy), "{text}");
            }
        }
        refuse_insensitive(&set(None), gaussian.parameters()).expect("both move them");
        refuse_insensitive(&set(Some(&[0.1, 0.1])), gaussian.parameters()).expect("both move them");
    }
}
