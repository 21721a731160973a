//! How learning is run: its seed, who listens, where it is kept, and how many failed simulations it bears.

use super::Checkpoint;
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet, Simulator};
use serde::{Deserialize, Serialize};

/// How learning is run. What is learnt depends on the seed alone.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Of all that is random.
    pub seed: Seed,
    /// Who is told, and may ask for an end.
    pub progress: &'a dyn Progress,
    /// Where unfinished learning is kept, if anywhere.
    pub checkpoint: Option<&'a Checkpoint>,
    /// Bytes of simulations (as f32, with those held out) that training holds in memory at most; what is more is read
    /// again at each pass. The outcome is the same.
    pub memory: u64,
    /// Fraction of the simulations (of training, of the independent estimate) above which their failures end it.
    pub max_failed_fraction: f64,
}

impl<'a> Run<'a> {
    /// Without a checkpoint, with all simulations in memory, and with as many failed ones as leave enough to learn from.
    pub fn new(seed: Seed, progress: &'a dyn Progress) -> Self {
        Self { seed, progress, checkpoint: None, memory: u64::MAX, max_failed_fraction: 1.0 }
    }

    /// The error of a computation that was asked for an end.
    pub(super) fn interrupted(&self, where_it_stands: &str) -> Error {
        Error::interrupted(format!("stopped after {where_it_stands}")).remedy(match self.checkpoint {
            Some(_) => "the same again continues there",
            None => "nothing is kept without a checkpoint",
        })
    }
}

/// Simulations that were run, and those of them that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) n_simulations: u64,
    pub(super) failures: Failures,
}

impl Tally {
    /// Fills a set and counts; `seed` and `first_index` are those of [`SimulationSet::fill`].
    ///
    /// # Errors
    /// Simulation failed, where too large a fraction of all so far has, or so many of these that fewer than `least`
    /// are left at the fiducial point, or none for the derivative, where that is asked; what else [`SimulationSet::fill`] returns.
    pub(super) fn fill(
        &mut self,
        set: &mut SimulationSet,
        simulator: &dyn Simulator,
        (seed, first_index): (Seed, u64),
        least: Option<usize>,
        max_failed_fraction: f64,
    ) -> Result<()> {
        let pairs =
            if let Derivatives::Differences { .. } = set.derivative { 2 * set.n_params() * set.n_d() } else { 0 };
        let n_s = set.n_s();
        let failures = set.fill(simulator, seed, first_index)?;
        self.n_simulations += (n_s + pairs) as u64;
        let least = least.filter(|_| failures.n() > 0);
        self.failures.merge(failures);
        if self.failures.n() as f64 > max_failed_fraction * self.n_simulations as f64 {
            return Err(self.error("").remedy("raise max_failed_fraction or move the fiducial point"));
        }
        least.map_or(Ok(()), |least| self.check(set.n_s(), set.n_d(), least))
    }

    /// # Errors
    /// Simulation failed, where some did and what is left of `n_s` and `n_d` is too few.
    pub(super) fn check(&self, n_s: usize, n_d: usize, least: usize) -> Result<()> {
        if self.failures.n() == 0 || (n_s >= least && n_d > 0) {
            return Ok(());
        }
        let left = format!(
            ": {n_s} are left at the fiducial point, of which {least} are wanted, and {n_d} for the derivative"
        );
        Err(self.error(&left).remedy("move the fiducial point, increase n_s and n_d, or mend the simulator"))
    }

    fn error(&self, left: &str) -> Error {
        let (n, failures) = (self.n_simulations, &self.failures);
        let first = failures.first.first().map_or("", |record| record.failure.message.as_str());
        Error::simulation_failed(format!(
            "{} of {n} simulations failed ({}; the first: {first}){left}",
            failures.n(),
            failures.text()
        ))
    }
}
