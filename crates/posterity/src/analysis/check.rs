//! What the settings of `[compressor]` must fulfil, alone and together, before any simulation is run.

mod network;

use super::compression::CompressionPlan;
use super::document::Document;
use super::model::{Model, try_at};
use crate::compressor::imnn::{self, Input, Simulations};
use crate::compressor::{DerivativeSource, Settings, Statistic, score};
use crate::error::Result;
use crate::simulator::Simulator;

/// Memory that no machine is asked for, be it for a training set or for chains.
pub(super) const MOST_GIB: f64 = 1024.0;

/// By what part of it rounding may change the distance of a pair.
const RESOLVED: f64 = 0.01;

/// The checks, each one an error that names the key at fault.
pub(super) struct Check<'a> {
    pub(super) document: &'a Document<'a>,
}

impl Check<'_> {
    /// Invalid input unless the condition holds; of several keys that contradict each other, one is blamed.
    fn demand(&self, holds: bool, names: &[&str], message: impl Into<String>, remedy: &str) -> Result<()> {
        let keys: Vec<String> = names.iter().map(|name| format!("compressor.{name}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.document.demand(holds, self.document.culprit(&keys), message, remedy)
    }

    fn number(&self, holds: bool, name: &str, value: impl std::fmt::Display, remedy: &str) -> Result<()> {
        self.demand(holds, &[name], format!("{value} cannot be used"), remedy)
    }

    /// Settings of the information maximising neural network.
    pub(super) fn imnn(
        &self,
        s: &imnn::Settings,
        n_params: usize,
        shape: &[usize],
        model: &Model,
        stored: bool,
    ) -> Result<()> {
        let n_data = shape.iter().product();
        let n_summaries = s.n_summaries.unwrap_or(n_params);
        self.network(s, shape, n_summaries)?;
        self.demand(
            n_summaries >= n_params,
            &["n_summaries"],
            format!("{n_summaries} is below the number of parameters"),
            &format!("give {n_params} or more, or leave it out"),
        )?;
        self.demand(
            !stored || s.simulations == Simulations::Fixed,
            &["simulations", "stored"],
            "a stored set of simulations cannot give new ones at each iteration",
            "give simulations = \"fixed\"",
        )?;
        self.demand(
            !stored || s.held_out_fraction.is_some(),
            &["held_out_fraction", "stored"],
            "nothing of the stored set is held out to judge the training by",
            "give held_out_fraction = 0.2",
        )?;
        let lack = model.lack_of_symmetry().filter(|_| s.augment);
        self.demand(
            lack.is_none(),
            &["augment"],
            format!("no shift or turn of its data gives others: {}", lack.unwrap_or_default()),
            "leave augment out",
        )?;
        self.demand(
            !s.augment || s.simulations == Simulations::Fixed,
            &["augment", "simulations"],
            "fresh simulations need no augmentation",
            "give simulations = \"fixed\", or leave augment out",
        )?;
        self.demand(
            !s.augment || matches!(s.input, Input::Raw | Input::StandardiseField),
            &["augment", "input"],
            "a scaling of each cell by itself does not move with the field",
            "give input = \"standardise_field\", or leave augment out",
        )?;
        self.demand(
            !s.augment || !s.add_to_score || s.statistic.is_some(),
            &["augment", "add_to_score"],
            "a score of the cells does not move with the field",
            "give statistic = { kind = \"power_spectrum\" }, or leave augment or add_to_score out",
        )?;
        self.counts(s, n_summaries)?;
        let n_train = s.held_out_fraction.map_or(s.n_s, |fraction| s.n_s - part_of(s.n_s, fraction));
        self.demand(
            s.input != Input::Whiten || n_train >= n_data + 3,
            &["n_s", "input"],
            format!("{n_train} training simulations are too few to whiten {n_data} data"),
            "give n_s well above the number of data, or input = \"standardise\"",
        )?;
        self.demand(
            s.score_n_s.is_none() || (s.add_to_score && s.simulations == Simulations::Fresh),
            &["score_n_s", "add_to_score", "simulations"],
            "there is no score that fresh simulations would go to",
            "give add_to_score = true and simulations = \"fresh\", or leave it out",
        )?;
        self.demand(
            s.statistic.is_none() || s.add_to_score,
            &["statistic", "add_to_score"],
            "there is no score of the statistic that the network would add to",
            "give add_to_score = true, or leave it out",
        )?;
        if s.add_to_score {
            let n_values = self.score_values(s.statistic, shape, n_params, "add_to_score")?;
            let (name, n) = s.score_n_s.map_or(("n_s", n_train), |n| ("score_n_s", n));
            let message = format!("{n} is too few for a covariance of {n_values} data");
            self.demand(
                n >= n_values + 3,
                &[name],
                message,
                &format!("give {} at the very least, better a hundred times n_data", n_values + 3),
            )?;
        }
        self.memory(s.n_s, s.n_d, n_params, n_data, s.derivative)?;
        self.training(s)?;
        self.regulariser(s.lambda, s.epsilon)
    }

    /// Values that a score has to do with: the data, or those of a statistic, which must be possible; no fewer than parameters.
    /// `name` is the key that asks for the score.
    fn score_values(
        &self,
        statistic: Option<Statistic>,
        shape: &[usize],
        n_params: usize,
        name: &str,
    ) -> Result<usize> {
        let n_values = statistic.map_or(Ok(shape.iter().product()), |statistic| statistic.n_values(shape));
        let n_values = n_values.map_err(|error| self.document.blame("compressor.statistic", error))?;
        let key = format!("compressor.{}", if statistic.is_some() { "statistic" } else { name });
        score::check_values(n_values, n_params).map_err(|error| self.document.blame(&key, error))?;
        Ok(n_values)
    }

    /// Numbers of simulations in the training, held-out and independent sets.
    fn counts(&self, s: &imnn::Settings, n_summaries: usize) -> Result<()> {
        let least = n_summaries + 3;
        self.covariance("n_s", s.n_s, n_summaries, "")?;
        self.covariance("held_out_n_s", s.held_out_n_s.unwrap_or(least), n_summaries, "")?;
        let independent = if s.n_independent == 0 { least } else { s.n_independent };
        self.covariance("n_independent", independent, n_summaries, ", or 0 to use the held-out set")?;
        self.pairs("n_d", s.n_d)?;
        self.pairs("held_out_n_d", s.held_out_n_d.unwrap_or(2))?;
        let Some(fraction) = s.held_out_fraction else {
            return Ok(());
        };
        let key = "held_out_fraction";
        let inside = fraction > 0.0 && fraction < 1.0;
        self.demand(inside, &[key], format!("{fraction} is no part of a set"), "give a number between 0 and 1")?;
        self.demand(
            s.held_out_n_s.is_none() && s.held_out_n_d.is_none(),
            &[key, "held_out_n_s", "held_out_n_d"],
            "the held-out simulations are given twice",
            "give either held_out_fraction, or held_out_n_s and held_out_n_d",
        )?;
        self.demand(
            s.simulations == Simulations::Fixed,
            &[key, "simulations"],
            "fresh simulations are no set to take a part of",
            "give simulations = \"fixed\", or held_out_n_s and held_out_n_d instead",
        )?;
        for (name, n, least) in [("n_s", s.n_s, least), ("n_d", s.n_d, 2)] {
            let held_out = part_of(n, fraction);
            let smaller = held_out.min(n - held_out);
            self.demand(
                smaller >= least,
                &[key, name],
                format!("{fraction} of {name} = {n} splits it into {held_out} and {}", n - held_out),
                &format!("leave {least} at the very least on either side"),
            )?;
        }
        Ok(())
    }

    fn covariance(&self, name: &str, n: usize, n_summaries: usize, or: &str) -> Result<()> {
        let least = n_summaries + 3;
        let message = format!("{n} is too few for a covariance of {n_summaries} summaries");
        self.demand(n >= least, &[name], message, &format!("give {least} at the very least, better a thousand{or}"))
    }

    fn pairs(&self, name: &str, n: usize) -> Result<()> {
        let message = format!("{n} is too few for a derivative with its error");
        self.demand(n >= 2, &[name], message, "give 2 at the very least, better a thousand")
    }

    /// A training set must fit into memory: absurd sizes are refused before they are asked for.
    fn memory(&self, n_s: usize, n_d: usize, n_params: usize, n_data: usize, source: DerivativeSource) -> Result<()> {
        let per_derivative = if source == DerivativeSource::Exact { n_params } else { 2 * n_params };
        let rows = (n_d as f64).mul_add(per_derivative as f64, n_s as f64);
        let gib = rows * n_data as f64 * 8.0 / f64::from(1 << 30);
        let message = format!("{n_s} + {n_d} simulations of {n_data} values would take {gib:.0} GiB of memory");
        self.demand(gib <= MOST_GIB, &["n_s", "n_d"], message, "decrease n_s or n_d")
    }

    /// Settings of the optimiser.
    fn training(&self, s: &imnn::Settings) -> Result<()> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let rate = s.learning_rate;
        self.number(positive(rate), "learning_rate", rate, "give a number above 0, such as 1e-3")?;
        let left = s.final_learning_rate;
        self.number(left > 0.0 && left <= 1.0, "final_learning_rate", left, "give a fraction above 0 and up to 1")?;
        let decay = s.weight_decay;
        self.number(decay >= 0.0 && decay.is_finite(), "weight_decay", decay, "give 0 or a number above it")?;
        let norm = s.max_gradient_norm;
        self.number(positive(norm), "max_gradient_norm", norm, "give a number above 0")?;
        self.number((0.0..1.0).contains(&s.average), "average", s.average, "give 0 or a fraction below 1")?;
        for (name, n) in
            [("max_iterations", s.max_iterations), ("evaluate_every", s.evaluate_every), ("patience", s.patience)]
        {
            self.number(n > 0, name, n, "give 1 or more")?;
        }
        self.demand(
            s.evaluate_every <= s.max_iterations,
            &["evaluate_every", "max_iterations"],
            format!("of {} iterations none would be judged, for only each {}th is", s.max_iterations, s.evaluate_every),
            "give an evaluate_every up to max_iterations",
        )
    }

    /// α = −ln\[ε(λ − 1) + ε²/(1 + ε)\] / ε of the regulariser must be there and positive.
    fn regulariser(&self, lambda: f64, epsilon: f64) -> Result<()> {
        for (name, value) in [("lambda", lambda), ("epsilon", epsilon)] {
            self.number(value > 0.0 && value.is_finite(), name, value, "give a number above 0")?;
        }
        let strength = epsilon * (lambda - 1.0) + epsilon * epsilon / (1.0 + epsilon);
        self.demand(
            strength < 1.0,
            &["lambda", "epsilon"],
            format!("lambda = {lambda} with epsilon = {epsilon} lets the regulariser vanish where it is needed"),
            "decrease one of them until epsilon (lambda - 1) + epsilon²/(1 + epsilon) is below 1",
        )?;
        self.demand(
            strength > 0.0,
            &["lambda", "epsilon"],
            format!("lambda = {lambda} with epsilon = {epsilon} gives no regulariser"),
            "give a lambda of 1 or more",
        )
    }

    /// Settings of the score compression, whose covariance is that of the data.
    pub(super) fn score(&self, s: &score::Settings, n_params: usize, shape: &[usize]) -> Result<()> {
        let n_data = shape.iter().product();
        let n_values = self.score_values(s.statistic, shape, n_params, "kind")?;
        let least = n_values + 3;
        let message = format!("{} is too few for a covariance of {n_values} data", s.n_s);
        self.demand(
            s.n_s >= least,
            &["n_s"],
            message,
            &format!("give {least} at the very least, better ten times it"),
        )?;
        self.pairs("n_d", s.n_d)?;
        self.memory(s.n_s, s.n_d, n_params, n_data, s.derivative)?;
        let independent = if s.n_independent == 0 { usize::MAX } else { s.n_independent };
        self.covariance("n_independent", independent, n_params, ", or 0 to use the held-out set")
    }

    /// Independent simulations beside a stored set: there must be a simulator, with a derivative like that of the set.
    pub(super) fn independent(
        &self,
        plan: &CompressionPlan,
        can_simulate: bool,
        simulator: &dyn Simulator,
    ) -> Result<()> {
        let n = match &plan.settings {
            Settings::Imnn(s) => s.n_independent,
            Settings::Score(s) => s.n_independent,
        };
        let remedy = "give n_independent = 0: the held-out simulations are used";
        let message = "there is no simulator for independent simulations";
        self.demand(can_simulate || n == 0, &["n_independent"], message, remedy)?;
        let exact = plan.stored.is_some() && plan.derivative() == DerivativeSource::Exact;
        let message = "the simulator has no exact derivative, as the stored set has";
        self.demand(n == 0 || !exact || simulator.has_derivative(), &["n_independent"], message, remedy)
    }

    /// The source of the derivative: the simulator has one, or differences that stay where it has data.
    pub(super) fn derivative(
        &self,
        source: DerivativeSource,
        delta: Option<&[f64]>,
        simulator: &dyn Simulator,
        fiducial: &[f64],
    ) -> Result<()> {
        if source == DerivativeSource::Exact {
            return self.demand(
                simulator.has_derivative(),
                &["derivative"],
                "the simulator has no exact derivative",
                "give derivative = \"differences\" with a delta",
            );
        }
        let names: Vec<&str> = simulator.parameters().iter().map(|p| p.name.as_str()).collect();
        let Some(delta) = delta else {
            let example: Vec<String> = names.iter().map(|name| format!("{name} = …")).collect();
            return self.demand(
                false,
                &["delta"],
                "differences need the distance between the simulations of a pair",
                &format!("add delta = {{ {} }}", example.join(", ")),
            );
        };
        for (alpha, (name, &delta)) in names.iter().zip(delta).enumerate() {
            let key = format!("delta.{name}");
            self.demand(delta > 0.0, &[&key], format!("{delta} is no distance"), "give a number above 0")?;
            let x = fiducial[alpha];
            // Both of a pair are rounded, each by half of this at the most.
            let rounding = x.abs() * f64::EPSILON;
            self.demand(
                rounding <= RESOLVED * delta,
                &[&key],
                format!(
                    "beside {name} = {x} a distance of {delta:e} is lost in rounding, which is up to {rounding:.1e}"
                ),
                &format!("increase delta to {:.1e} or more", 1.1 * rounding / RESOLVED),
            )?;
            for sign in [-0.5, 0.5] {
                let mut theta = fiducial.to_vec();
                theta[alpha] += sign * delta;
                let outcome = try_at(simulator, &theta);
                let message = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
                self.demand(
                    outcome.is_ok(),
                    &[&key],
                    format!("at {name} = {} the simulator has no data: {message}", theta[alpha]),
                    "decrease delta or move the fiducial point",
                )?;
            }
        }
        Ok(())
    }
}

/// Of so many simulations, those that a fraction is.
fn part_of(n: usize, fraction: f64) -> usize {
    ((n as f64 * fraction).round() as usize).min(n)
}

#[cfg(test)]
mod tests {
    use super::super::document::Source;
    use super::*;
    use crate::parameter::Parameter;
    use crate::seed::Stream;
    use std::path::Path;

    /// A simulator without an exact derivative.
    struct Plain([Parameter; 1]);

    impl Simulator for Plain {
        fn parameters(&self) -> &[Parameter] {
            &self.0
        }

        fn shape(&self) -> &[usize] {
            &[1]
        }

        fn simulate(&self, theta: &[f64], _: &mut Stream, data: &mut [f64]) -> Result<()> {
            data[0] = theta[0].sqrt();
            Ok(())
        }
    }

    #[test]
    fn a_simulator_without_derivative_or_with_nan_is_found_out() {
        let text = "[compressor]\nderivative = \"exact\"\ndelta = { x = 3.0 }".to_owned();
        let source = Source::new(Path::new("analysis.toml"), text, &[]).expect("read");
        let document = source.parse().expect("TOML");
        let check = Check { document: &document };
        let simulator = Plain([Parameter::new("x", "x")]);
        let error = |derivative| {
            check.derivative(derivative, Some(&[3.0]), &simulator, &[1.0]).expect_err("refused").to_string()
        };
        assert_eq!(
            error(DerivativeSource::Exact),
            "analysis.toml:2: `compressor.derivative`: the simulator has no exact derivative; \
             give derivative = \"differences\" with a delta"
        );
        assert_eq!(
            error(DerivativeSource::Differences),
            "analysis.toml:3: `compressor.delta.x`: at x = -0.5 the simulator has no data: the simulation holds NaN; \
             decrease delta or move the fiducial point"
        );
    }
}
