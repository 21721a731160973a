//! `posterity check`: says what an analysis would do, or what is wrong with it.

use crate::Failure;
use crate::options::Input;
use clap::Args;

/// Check an analysis without running it, and say what it would do
///
/// Everything is checked that `posterity run` checks before its work. Nothing is written.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let (analysis, out_dir) = self.input.read()?;
        analysis.check_folder(&out_dir).map_err(Failure::input)?;
        crate::say(analysis.describe().trim_end());
        crate::say(&format!("output folder: {}", out_dir.display()));
        Ok(())
    }
}
