//! `posterity simulate`: draws the simulations of the compressor.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;

/// Draw the simulations that the compressor is built from
///
/// They are kept in the output folder, where `posterity compress` finds them.
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
        options::run(&self.input, &self.running, posterity::analysis::simulate)
    }
}
