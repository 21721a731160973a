//! Where the estimates of numbered simulations come from: what approximate Bayesian computation asks for.

use super::Forward;
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::progress::{Progress, Quiet};
use crate::seed::Seed;
use std::sync::{Mutex, PoisonError};

/// Runs numbered simulations and returns the estimates of their data: on the threads of this machine ([`Local`]), from a
/// journal, or on all ranks of an MPI run.
///
/// The estimate of a simulation depends on the seed, the label, its number, its parameters and the rows it is asked for
/// together with, and on nothing else: whoever simulates, the result of a method is the same bit for bit.
pub trait Estimates {
    /// Number of parameters, of estimates too.
    fn n_params(&self) -> usize;

    /// The method's seed: simulations have branches of it, and the method draws its proposals from others.
    fn seed(&self) -> Seed;

    /// One simulation at each row of `thetas`, with the streams `first_index..` of the branch `label` of the seed
    /// (`first/simulation` is the branch `simulation` of the branch `first`), into rows of estimates.
    ///
    /// A failed simulation has NaN for its estimate, at no distance from anything, and is told.
    ///
    /// # Errors
    /// What stands in the way of every simulation; interrupted, where the caller wants an end.
    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures>;
}

/// The branch of a seed with a path of labels.
pub(super) fn branch(seed: Seed, label: &str) -> Seed {
    label.split('/').fold(seed, Seed::label)
}

/// Simulations on the threads of this machine.
#[derive(Clone, Copy)]
pub struct Local<'a> {
    /// The simulator and the compression.
    pub forward: Forward<'a>,
    /// The method's seed.
    pub seed: Seed,
    /// Asked between simulations whether to stop; told nothing.
    pub progress: &'a dyn Progress,
}

impl<'a> Forward<'a> {
    /// Simulations on the threads of this machine, with this seed; nobody asks them to stop half-way.
    pub fn seeded(self, seed: Seed) -> Local<'a> {
        Local { forward: self, seed, progress: &Quiet }
    }
}

impl Estimates for Local<'_> {
    fn n_params(&self) -> usize {
        self.forward.n_params()
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        self.forward.simulate(thetas, branch(self.seed, label), first_index, theta_hat, self.progress)
    }
}

/// Ends a method once too many of its simulations have failed.
///
/// Looked at after each batch of the method, whose sizes depend on counts alone: so it ends at the same simulation on
/// any machine. For one run of one method, whose simulations it counts together.
pub struct Limited<'a> {
    estimates: &'a dyn Estimates,
    max_failed_fraction: f64,
    so_far: Mutex<(u64, Failures)>,
}

impl<'a> Limited<'a> {
    /// Simulations before which the fraction says nothing.
    const LEAST: u64 = 20;

    /// Ends where more than this fraction of the simulations so far, at least 20, have failed; at 1 never.
    pub fn new(estimates: &'a dyn Estimates, max_failed_fraction: f64) -> Self {
        Self { estimates, max_failed_fraction, so_far: Mutex::default() }
    }
}

impl Estimates for Limited<'_> {
    fn n_params(&self) -> usize {
        self.estimates.n_params()
    }

    fn seed(&self) -> Seed {
        self.estimates.seed()
    }

    /// # Errors
    /// Simulation failed, where too many have: with counts by cause and what the first of them said.
    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        let failures = self.estimates.estimates(label, thetas, first_index, theta_hat)?;
        let (n, so_far) = &mut *self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        *n += (thetas.len() / self.n_params()) as u64;
        so_far.merge(failures.clone());
        if *n < Self::LEAST || so_far.n() as f64 <= self.max_failed_fraction * *n as f64 {
            return Ok(failures);
        }
        let first = so_far.first.first().map(|record| format!("; the first: {}", record.failure.message));
        let message =
            format!("{} of {n} simulations failed: {}{}", so_far.n(), so_far.text(), first.unwrap_or_default());
        Err(Error::simulation_failed(message)
            .remedy("narrow the prior to where the simulator has data, or raise max_failed_fraction"))
    }
}

#[cfg(test)]
mod tests;
