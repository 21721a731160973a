//! The stages of a model extension: sample, compare, report, or all of them. In the output folder they leave:
//!
//! | stage | file |
//! |---|---|
//! | sample | `chains.zarr`, `fields.zarr` (layout: [`Chains`](crate::samples::chains::Chains)), `chain_<i>.safetensors` |
//! | report | `report.html`, `figures/<name>.svg` |
//! | all | `results.json` (form: [`ExtensionResults`]) |

mod comparison;
mod figures;
mod identity;
mod mass_function;
mod proxy;
mod references;
mod report;
mod results;
mod sampling;
mod sink;
mod start;
mod stored;
mod target;

pub use comparison::compare;
pub(in crate::analysis) use identity::is_extension;
pub use report::report;
pub use results::{BlockResults, ExtensionResults, WeightResults};
pub use sampling::sample;

use super::Extension;
use crate::error::Result;
use crate::progress::Progress;
use std::path::Path;

impl Extension {
    /// That the chains of this analysis may go into an output folder, which may not be there yet.
    ///
    /// # Errors
    /// Invalid input, where it holds the chains of another analysis, or results of another kind.
    pub fn check_folder(&self, out_dir: &Path) -> Result<()> {
        identity::admit(self, out_dir)
    }
}

/// All stages, one after the other; `overwrite` takes away the sampling of another analysis.
///
/// # Errors
/// Those of the stages.
pub fn run(extension: &Extension, out_dir: &Path, overwrite: bool, progress: &dyn Progress) -> Result<()> {
    sample(extension, out_dir, overwrite, progress)?;
    compare(extension, out_dir, progress)?;
    report(extension, out_dir, progress)
}

/// Runs a stage between `begin` and `end`.
fn told<T>(
    name: &str,
    total: Option<u64>,
    progress: &dyn Progress,
    stage: impl FnOnce() -> Result<(T, String)>,
) -> Result<T> {
    progress.begin(name, total);
    let outcome = stage();
    progress.end(outcome.as_ref().map_or("failed", |(_, note)| note));
    outcome.map(|(value, _)| value)
}
