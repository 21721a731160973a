//! `posterity sample`: draws the chains of a model extension.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;
use posterity::analysis::{compare, sample};

/// Sample the fields and weights of a model extension, and compare bias models
///
/// For an analysis with a section [halos]. Chains are written to chains.zarr and fields.zarr in the output folder. It may
/// be ended at any moment, and goes on where it stopped, with the same draws.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    running: Running,

    /// Take away chains of another analysis that are in the output folder
    #[arg(long)]
    overwrite: bool,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.running.start_threads()?;
        let (analysis, out_dir) = self.input.read()?;
        let extension = analysis.extension("sample")?;
        options::run_read(&extension, &out_dir, &self.running, |extension, out_dir, progress| {
            sample(extension, out_dir, self.overwrite, progress)?;
            compare(extension, out_dir, progress)
        })
    }
}
