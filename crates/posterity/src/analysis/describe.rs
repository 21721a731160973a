//! What an analysis is going to do, in plain text: what `posterity check` prints.

use super::{Analysis, Method, Observation};
use crate::compressor::imnn::Simulations;
use crate::compressor::{DerivativeSource, Settings};
use crate::prior::Marginal;
use std::fmt::Write;

impl Analysis {
    /// A summary in plain text: model, parameters with priors, simulations planned, outputs.
    pub fn describe(&self) -> String {
        let mut lines = vec![
            ("title".to_owned(), self.title.clone()),
            ("seed".to_owned(), self.seed.to_string()),
            ("simulator".to_owned(), self.describe_simulator()),
            ("observation".to_owned(), self.describe_observation()),
        ];
        for (i, parameter) in self.prior.parameters.iter().enumerate() {
            let text = format!("{}, fiducial {}", describe_prior(&self.prior.marginals[i]), self.fiducial[i]);
            lines.push((format!("parameter {}", parameter.name), text));
        }
        for (parameter, prior) in self.model.simulator().parameters().iter().zip(&self.nuisance) {
            if let Some(prior) = prior {
                lines.push((
                    format!("nuisance {}", parameter.name),
                    format!("{}, drawn in each simulation", describe_prior(prior)),
                ));
            }
        }
        lines.push(("compressor".to_owned(), self.describe_compression()));
        lines.extend(self.describe_layers().into_iter().map(|line| (String::new(), line)));
        for method in &self.inference.methods {
            lines.push((format!("infer {}", method.name()), self.describe_method(*method)));
        }
        lines.push((
            "output".to_owned(),
            "results.json, report.html, the trained compressor, the samples of each method".to_owned(),
        ));
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        lines.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:width$}  {value}");
            text
        })
    }

    fn describe_simulator(&self) -> String {
        let n_data = self.model.simulator().n_data();
        let program = self.model.external().map_or(String::new(), |program| {
            format!(", {} at once of {}", program.n_workers(), program.path().display())
        });
        match self.model.can_simulate() {
            true => format!("{}, {n_data} data{program}", self.model.kind()),
            false => format!("none: stored simulations of {n_data} data, no predictive check"),
        }
    }

    fn describe_observation(&self) -> String {
        match &self.observation {
            Observation::Measured => "measured, from the simulator's files".to_owned(),
            Observation::File(path) => format!("from {}", path.display()),
            Observation::Mock { theta, index } => {
                let names = self.model.simulator().parameters().iter().zip(theta);
                let theta: Vec<String> = names.map(|(p, x)| format!("{} = {x}", p.name)).collect();
                format!("mock {index} at {}", theta.join(", "))
            }
        }
    }

    fn describe_compression(&self) -> String {
        let c = &self.compression;
        let n_params = self.prior.n_params();
        let derivative = match c.derivative() {
            DerivativeSource::Exact if c.delta.is_some() => "exact derivative (delta is not used)",
            DerivativeSource::Exact => "exact derivative",
            DerivativeSource::Differences => "seed-matched differences",
        };
        let source = match &c.stored {
            Some(set) => format!(", {} + {} stored simulations", set.n_s(), set.n_d()),
            None => String::new(),
        };
        let per_pair = if c.derivative() == DerivativeSource::Exact { 1 } else { 2 * n_params };
        let simulations = |n_s: usize, n_d: usize| (n_s as u64).saturating_add((n_d as u64) * per_pair as u64);
        let (text, mut planned) = match &c.settings {
            Settings::Imnn(s) => {
                let held_out = match s.held_out_fraction {
                    Some(_) => 0,
                    None => simulations(s.held_out_n_s.unwrap_or(s.n_s), s.held_out_n_d.unwrap_or(s.n_d)),
                };
                let (word, times) = match s.simulations {
                    Simulations::Fresh => ("fresh", s.max_iterations as u64),
                    Simulations::Fixed => ("fixed", 1),
                };
                let planned = simulations(s.n_s, s.n_d).saturating_mul(times).saturating_add(held_out);
                let of_score = if s.add_to_score { format!("{n_params} + ") } else { String::new() };
                let planned = planned.saturating_add(s.score_n_s.unwrap_or(0) as u64);
                let n_summaries = format!("{of_score}{}", s.n_summaries.unwrap_or(n_params));
                let network = if s.layers.is_empty() {
                    format!("hidden {:?}", s.hidden)
                } else {
                    format!("{} layers", s.layers.len() + 1)
                };
                (format!("imnn, {network}, {n_summaries} summaries, {word} simulations"), planned)
            }
            Settings::Score(s) => ("score".to_owned(), simulations(s.n_s, s.n_d)),
        };
        let n_independent = match &c.settings {
            Settings::Imnn(s) => s.n_independent,
            Settings::Score(s) => s.n_independent,
        };
        planned = planned.saturating_add(simulations(n_independent, n_independent));
        let planned = if c.stored.is_some() { String::new() } else { format!(", at most {planned} simulations") };
        format!("{text}, {derivative}{source}{planned}")
    }

    /// The network layer by layer: number, kind, what goes out, weights. Nothing of a perceptron, whose widths say all.
    fn describe_layers(&self) -> Vec<String> {
        let Settings::Imnn(s) = &self.compression.settings else { return vec![] };
        let n_summaries = s.n_summaries.unwrap_or(self.prior.n_params());
        let network = s.network(self.model.simulator().shape(), n_summaries);
        let Ok(network) = network.map_err(drop).and_then(|n| if s.layers.is_empty() { Err(()) } else { Ok(n) }) else {
            return vec![];
        };
        let shapes: Vec<String> = network.table().iter().map(|layer| layer.shape.to_string()).collect();
        let width = shapes.iter().map(|shape| shape.chars().count()).max().unwrap_or(0);
        let of_layer = network.table().into_iter().zip(shapes).map(|(layer, shape)| {
            let pad = " ".repeat(width - shape.chars().count());
            format!("{:>3}  {:<12} {pad}{shape} {:>9} weights", layer.index, layer.kind, layer.n_weights)
        });
        of_layer
            .chain([format!(
                "     {} weights, {:.2} Mflop a simulation",
                network.n_weights(),
                network.flops() as f64 / 1e6
            )])
            .collect()
    }

    fn describe_method(&self, method: Method) -> String {
        let i = &self.inference;
        match method {
            Method::Gaussian => format!("{} samples, no simulation", i.gaussian.n_samples),
            Method::Abc => {
                let accept = match (i.abc.epsilon, i.abc.n_accepted) {
                    (Some(epsilon), _) => format!("distance below {epsilon}"),
                    (None, n) => format!("the nearest {}", n.unwrap_or(0)),
                };
                let stored = if i.abc_stored.is_some() { "stored " } else { "" };
                format!("{} {stored}simulations, {accept}", i.abc.n_simulations)
            }
            Method::Pmc => {
                let goal = i.pmc.epsilon.map_or(String::new(), |epsilon| format!(", down to distance {epsilon}"));
                format!("{} particles, at most {} simulations{goal}", i.pmc.n_particles, i.pmc.max_simulations)
            }
        }
    }
}

fn describe_prior(marginal: &Marginal) -> String {
    let (low, high) = marginal.bounds();
    match marginal {
        Marginal::Uniform(_) => format!("uniform on {low} … {high}"),
        Marginal::LogUniform(_) => format!("log-uniform on {low} … {high}"),
        Marginal::Normal(normal) => {
            let (mean, sd) = normal.mean_and_sd();
            let bounds =
                if low.is_infinite() && high.is_infinite() { String::new() } else { format!(" on {low} … {high}") };
            format!("normal, mean {mean}, sd {sd}{bounds}")
        }
    }
}
