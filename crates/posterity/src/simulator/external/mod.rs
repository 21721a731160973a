//! Programs of any language as simulators: run once per simulation, or kept and asked line by line.
//!
//! The program is told the parameters and a seed, and gives data. What it is, and what the lines are, stands in
//! docs/external.md; here is how it is kept in order.
//!
//! So many programs run at once, each in a slot (`slots.rs`) with a process group of its own. The group is led by a
//! guard, a shell that waits for a pipe from this process to close; it closes when this process ends, in whatever way,
//! and then the guard ends its group with all children of children (`process.rs`). A simulation that takes too long is
//! ended in the same way. A failed simulation is tried again with the same seed; then it is a
//! [`Failure`] and costs itself only. A program that cannot be started at all is an error.
//!
//! The same seed goes to simulations of the same index, at whatever parameters: where the program lets its randomness
//! depend on nothing else, seed-matched differences are what they should be.
//!
//! # Limits
//! Unix alone. A program that starts a session or a process group of its own leaves the guard's, and is not ended with
//! it. There is no exact derivative.

#![cfg_attr(not(unix), allow(dead_code))]

#[cfg(unix)]
mod once;
mod output;
#[cfg(unix)]
mod process;
mod protocol;
mod settings;
#[cfg_attr(not(unix), path = "elsewhere.rs")]
mod slots;
#[cfg(unix)]
mod worker;

#[doc(hidden)]
pub use protocol::replay;
pub use settings::{Format, Kind, Settings};

use super::Simulator;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure};
use crate::parameter::Parameter;
use crate::seed::Stream;
use rand::Rng;
use settings::Program;
use slots::Slots;
use std::path::Path;
use std::sync::OnceLock;

/// A program outside this process as simulator.
pub struct External {
    program: Program,
    slots: Slots,
    pool: rayon::ThreadPool,
    /// Why the program cannot be started, once that is known: it is not tried for each simulation again.
    no_program: OnceLock<String>,
}

impl External {
    /// Checks the settings and finds the program, which is not run yet; relative names count from `folder`, in which
    /// it will run.
    ///
    /// # Errors
    /// Invalid input, naming the key at fault.
    pub fn new(kind: Kind, settings: Settings, folder: &Path) -> Result<Self> {
        let program = Program::new(kind, settings, folder)?;
        let slots = Slots::new(program.n_workers)?;
        // These threads do nothing but wait for programs.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(program.n_workers).build().map_err(|error| {
            let message = format!("{} threads cannot be started: {error}", program.n_workers);
            Error::invalid_input(message).at_key("n_workers").remedy("give fewer")
        })?;
        Ok(Self { program, slots, pool, no_program: OnceLock::new() })
    }

    /// How the program is used.
    pub fn kind(&self) -> Kind {
        self.program.kind
    }

    /// How many programs run at once.
    pub fn n_workers(&self) -> usize {
        self.program.n_workers
    }

    /// The program's file.
    pub fn path(&self) -> &Path {
        &self.program.path
    }

    /// Keeps what programs that start from now on write to standard error in files of this folder, which is made when
    /// it is needed. Without it that lies in a folder for temporary files, and is removed in the end; the end of it
    /// stands in each [`Failure`].
    pub fn keep_logs_in(&self, folder: &Path) {
        self.slots.keep_logs_in(folder);
    }
}

impl Simulator for External {
    fn parameters(&self) -> &[Parameter] {
        &self.program.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.program.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        // 53 bits: a whole number that every language holds in a double.
        let seed = stream.next_u64() >> 11;
        if let Some((parameter, x)) = self.parameters().iter().zip(theta).find(|(_, x)| !x.is_finite()) {
            let message = format!("{} = {x} cannot be given to a program", parameter.name);
            return Err(Failure { program_seed: Some(seed), ..Failure::new(Cause::Refused, message) }.into());
        }
        let mut slot = self.slots.take()?;
        let mut attempts = 1;
        loop {
            if let Some(text) = self.no_program.get() {
                return Err(Error::invalid_input(text));
            }
            let outcome = slot.simulate(&self.program, theta, seed, data).inspect_err(|error| {
                if error.is_invalid_input() {
                    self.no_program.get_or_init(|| error.to_string());
                }
            });
            let Err(failure) = outcome? else { return Ok(()) };
            // What the parameters forbid, the same seed will not allow.
            let for_good = matches!(failure.cause, Cause::Refused | Cause::NotFinite);
            if for_good || attempts > self.program.retries {
                return Err(Failure { attempts, program_seed: Some(seed), ..failure }.into());
            }
            attempts += 1;
        }
    }

    fn pool(&self) -> Option<&rayon::ThreadPool> {
        Some(&self.pool)
    }
}

#[cfg(all(test, unix))]
mod tests;
