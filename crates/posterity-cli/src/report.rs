//! `posterity report`: writes the report.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;
use posterity::analysis::{AnyAnalysis, report, report_extension};

/// Write the report from the results in the output folder
///
/// Figures, table of results, settings and references, in one file: report.html.
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
        options::run(&self.input, &self.running, |analysis, out_dir, progress| match analysis {
            AnyAnalysis::LikelihoodFree(analysis) => report(analysis, out_dir, progress),
            AnyAnalysis::Extension(extension) => report_extension(extension, out_dir, progress),
        })
    }
}
