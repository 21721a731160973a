//! `posterity compress`: trains the compressor.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;

/// Train the compressor and measure its Fisher information
///
/// The compressor is kept whole in the output folder, where `posterity infer` finds it.
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
        options::run_likelihood_free(&self.input, &self.running, "compress", posterity::analysis::compress)
    }
}
