//! `posterity run`: all stages, one after the other.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;
use posterity::analysis::{AnyAnalysis, Simulating, run, run_extension};

/// Simulate, compress, infer and report, or sample and report: all of it
///
/// Reads the analysis, checks all of it before any work, then writes results.json, the samples of every method and a
/// self-contained report.html into the output folder. It may be ended at any moment; run again, it goes on where it
/// stopped and ends with the same result. Progress goes to standard error.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    running: Running,

    /// Take away simulations or chains of another analysis that are in the output folder
    #[arg(long)]
    overwrite: bool,
}

impl Arguments {
    #[cfg(feature = "mpi")]
    pub(crate) fn options(&self) -> (&Input, &Running) {
        (&self.input, &self.running)
    }

    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let how = Simulating { overwrite: self.overwrite, ..Simulating::default() };
        options::run(&self.input, &self.running, |analysis, out_dir, progress| match analysis {
            AnyAnalysis::LikelihoodFree(analysis) => run(analysis, out_dir, &how, progress),
            AnyAnalysis::Extension(extension) => run_extension(extension, out_dir, self.overwrite, progress),
        })
    }
}
