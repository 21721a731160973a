//! `posterity run`: all stages, one after the other.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;

/// Simulate, compress, infer and report: all of it
///
/// Reads the analysis, checks all of it before any work, then writes results.json, the samples of every method and a
/// self-contained report.html into the output folder. Progress goes to standard error.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    running: Running,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        options::run(&self.input, &self.running, posterity::analysis::run)
    }
}
