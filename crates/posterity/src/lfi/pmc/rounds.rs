//! The rounds: who stays, who is drawn again until it is near enough, with which weights, and when to stop.

use super::mixture::Mixture;
use super::population::Population;
use super::{History, Round, Settings, Stop};
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::lfi::abc::nearest;
use crate::lfi::{Distance, Estimates};
use crate::prior::Prior;
use crate::progress::Progress;
use rayon::prelude::*;

/// Simulations of one batch: enough to share out, and no more than fit in memory with ease.
const BATCH: (u64, u64) = (64, 1 << 16);

pub(super) struct Scheme<'a> {
    pub(super) estimates: &'a dyn Estimates,
    pub(super) prior: &'a Prior,
    pub(super) distance: Distance,
    pub(super) observed: &'a [f64],
    pub(super) settings: &'a Settings,
    pub(super) progress: &'a dyn Progress,
}

/// Particles that came within ε, in the order of their proposals, and what they took.
#[derive(Default)]
struct Drawn {
    theta: Vec<f64>,
    distances: Vec<f64>,
    /// Simulations run, all of them.
    n_simulations: u64,
    /// Simulations up to the one that filled the last place; nothing if places were left open.
    n_needed: Option<u64>,
    /// Draws of the mixture behind the simulations, those outside the prior included.
    n_tries: u64,
    failures: Failures,
}

/// A proposal that was used: its mixture and N/Z, the simulations it gave over its share inside the prior.
struct Past {
    mixture: Mixture,
    strength: f64,
}

impl Scheme<'_> {
    /// The last complete population, its history, and all simulations run.
    pub(super) fn run(&self) -> Result<(Population, History, u64)> {
        let Settings { n_particles, n_initial, percentile, min_acceptance_rate, max_simulations, .. } = *self.settings;
        let (mut population, mut failures) = self.first()?;
        let mut rounds = vec![Round {
            epsilon: population.distances.iter().copied().fold(0.0, f64::max),
            n_simulations: n_initial as u64,
            acceptance_rate: Some(n_particles as f64 / n_initial as f64),
            ess: n_particles as f64,
        }];
        let mut n_simulations = n_initial as u64;
        let mut past: Vec<Past> = Vec::new();
        let target = self.settings.epsilon.unwrap_or(f64::NEG_INFINITY);
        let stop = loop {
            let last = &rounds[rounds.len() - 1];
            if last.epsilon <= target {
                break Stop::Epsilon;
            }
            // Every round but the very last has simulations, and so a rate.
            let rate = last.acceptance_rate.unwrap_or(1.0);
            if rounds.len() > 1 && rate <= min_acceptance_rate {
                break Stop::AcceptanceRate;
            }
            let epsilon = population.percentile(percentile).max(target);
            let n_open = population.distances.iter().filter(|&&d| d > epsilon).count();
            if n_open == 0 {
                // All within the ε asked for, or no ε to choose.
                if epsilon <= target {
                    rounds.push(Round { epsilon, n_simulations: 0, acceptance_rate: None, ess: last.ess });
                    break Stop::Epsilon;
                }
                break Stop::EqualDistances;
            }
            let mixture = Mixture::new(&population, self.prior.n_params())?;
            let mut drawn = self.draw(&mixture, epsilon, n_open, n_simulations, rate)?;
            n_simulations += drawn.n_simulations;
            failures.merge(std::mem::take(&mut drawn.failures));
            let Some(n_needed) = drawn.n_needed else { break Stop::MaxSimulations };
            let round = drawn.n_simulations;
            let inside = round as f64 / drawn.n_tries as f64;
            past.push(Past { mixture, strength: n_needed as f64 / inside });
            population = self.join(&population, &past, drawn, epsilon);
            rounds.push(Round {
                epsilon,
                n_simulations: round,
                acceptance_rate: Some(n_open as f64 / n_needed as f64),
                ess: population.ess(),
            });
            let note = format!("ε = {epsilon:.3}, accepted {:.3}", n_open as f64 / n_needed as f64);
            self.progress.at(n_simulations.min(max_simulations), &note);
        };
        Ok((population, History { rounds, stop, failures }, n_simulations))
    }

    fn first(&self) -> Result<(Population, Failures)> {
        let Settings { n_particles, n_initial, .. } = *self.settings;
        let rule = (n_initial as u64, f64::NEG_INFINITY, n_particles);
        let observed = [self.observed.to_vec()];
        let (kept, failures) =
            nearest(self.estimates, "first/", self.prior, &self.distance, &observed, rule, self.progress)?;
        let mut kept = kept.into_iter().flatten().collect::<Vec<_>>();
        if kept.len() < n_particles {
            return Err(Error::simulation_failed(format!(
                "only {} of the first {n_initial} simulations have a finite estimate, {n_particles} are wanted",
                kept.len()
            ))
            .at_key("n_initial")
            .remedy("narrow the prior to where the simulator has data, or increase n_initial"));
        }
        kept.sort_unstable_by_key(|candidate| candidate.index);
        let population = Population::new(
            kept.iter().flat_map(|c| c.theta.iter().copied()).collect(),
            kept.iter().map(|c| c.distance).collect(),
            vec![n_initial as f64; n_particles],
        );
        Ok((population, failures))
    }

    /// Simulates proposals until `n_open` lie within ε, or until no more simulations are allowed. Proposal and
    /// simulation numbers are those of all simulations run before, so no stream is used twice.
    fn draw(&self, mixture: &Mixture, epsilon: f64, n_open: usize, before: u64, rate: f64) -> Result<Drawn> {
        let n = self.prior.n_params();
        let proposals = self.estimates.seed().label("proposal");
        let mut drawn = Drawn::default();
        while drawn.n_needed.is_none() {
            // As many as the rate so far says: a batch too many is a simulation wasted.
            let filled = drawn.distances.len();
            let rate = if drawn.n_simulations == 0 { rate } else { (filled + 1) as f64 / drawn.n_simulations as f64 };
            let wanted = ((n_open - filled) as f64 / rate).ceil() as u64;
            let first = before + drawn.n_simulations;
            let batch = wanted.clamp(BATCH.0, BATCH.1).min(self.settings.max_simulations.saturating_sub(first));
            if batch == 0 {
                break;
            }
            if self.progress.stop_requested() {
                return Err(Error::interrupted(format!(
                    "stopped after {first} simulations, on the way to ε = {epsilon:.3}"
                )));
            }
            let (mut theta, prior) = (vec![0.0; batch as usize * n], self.prior);
            drawn.n_tries += theta
                .par_chunks_exact_mut(n)
                .enumerate()
                .map(|(i, theta)| mixture.draw(prior, &mut proposals.stream(first + i as u64), theta))
                .collect::<Result<Vec<u64>>>()?
                .iter()
                .sum::<u64>();
            let mut theta_hat = vec![0.0; theta.len()];
            drawn.failures.merge(self.estimates.estimates("simulation", &theta, first, &mut theta_hat)?);
            for (i, (theta, theta_hat)) in theta.chunks_exact(n).zip(theta_hat.chunks_exact(n)).enumerate() {
                let distance = self.distance.between(theta_hat, self.observed);
                // False for NaN, the mark of a failed simulation.
                if distance <= epsilon && drawn.n_needed.is_none() {
                    drawn.theta.extend_from_slice(theta);
                    drawn.distances.push(distance);
                    if drawn.distances.len() == n_open {
                        drawn.n_needed = Some(drawn.n_simulations + i as u64 + 1);
                    }
                }
            }
            drawn.n_simulations += batch;
            self.progress.at(first + batch, &format!("ε = {epsilon:.3}, {} of {n_open} drawn", drawn.distances.len()));
        }
        Ok(drawn)
    }

    /// Those that stay and those drawn, weighted as draws of all proposals so far together.
    fn join(&self, population: &Population, past: &[Past], drawn: Drawn, epsilon: f64) -> Population {
        let n = self.prior.n_params();
        let stay: Vec<usize> =
            (0..population.distances.len()).filter(|&j| population.distances[j] <= epsilon).collect();
        let mut theta: Vec<f64> =
            stay.iter().flat_map(|&j| population.theta[j * n..(j + 1) * n].iter().copied()).collect();
        let mut distances: Vec<f64> = stay.iter().map(|&j| population.distances[j]).collect();
        theta.extend(drawn.theta);
        distances.extend(drawn.distances);
        let before = past.len() - 1;
        let ratios = theta
            .par_chunks_exact(n)
            .enumerate()
            .map(|(i, theta)| {
                // Those that stay know the older proposals' share; those drawn meet them for the first time.
                let (known, unknown) = match stay.get(i) {
                    Some(&j) => (population.ratios[j], &past[before..]),
                    None => (self.settings.n_initial as f64, past),
                };
                let ln_prior = self.prior.log_prob(theta);
                let share = |past: &Past| past.strength * (past.mixture.ln_density(theta) - ln_prior).exp();
                known + unknown.iter().map(share).sum::<f64>()
            })
            .collect();
        Population::new(theta, distances, ratios)
    }
}
