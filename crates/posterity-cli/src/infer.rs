//! `posterity infer`: infers the posterior.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;

/// Infer the posterior by every method of the analysis
///
/// Uses the compressor in the output folder, and writes the samples and results.json there.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    running: Running,
}

impl Arguments {
    #[cfg(feature = "mpi")]
    pub(crate) fn options(&self) -> (&Input, &Running) {
        (&self.input, &self.running)
    }

    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        options::run_likelihood_free(&self.input, &self.running, "infer", posterity::analysis::infer)
    }
}
