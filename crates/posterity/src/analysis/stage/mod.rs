//! The stages of an analysis: simulate, compress, infer, report, or all of them. Each reads what the one before it left
//! in the output folder, and leaves there:
//!
//! | stage | file |
//! |---|---|
//! | simulate | `simulations/train`, `simulations/held_out` (layout: [`StoredSet`](crate::store::StoredSet)) |
//! | compress | `compressor.safetensors` |
//! | infer | `samples/<method>.parquet`, `chains/<method>_1.txt` with `.paramnames` and `.ranges`, `predictive.npy` |
//! | report | `report.html`, `figures/<name>.svg` |
//! | all | `results.json` (form: [`Results`]) |

mod compress;
mod infer;
mod predictive;
mod report;
mod simulate;

pub use compress::compress;
pub use infer::infer;
pub use report::report;
pub use simulate::simulate;

use super::Analysis;
use super::results::Results;
use crate::error::{Error, Result};
use crate::progress::Progress;
use std::path::Path;
use std::time::Instant;

/// The compressor in the output folder.
const COMPRESSOR: &str = "compressor.safetensors";
/// Simulations at parameters drawn from the posterior, `(n_draws, n_data)`, in the output folder.
const PREDICTIVE: &str = "predictive.npy";

/// All stages, one after the other.
///
/// # Errors
/// Those of the stages.
pub fn run(analysis: &Analysis, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    simulate(analysis, out_dir, progress)?;
    compress(analysis, out_dir, progress)?;
    infer(analysis, out_dir, progress)?;
    report(analysis, out_dir, progress)
}

/// Runs a stage between `begin` and `end`, and writes the results with the time it took.
fn timed(
    name: &str,
    analysis: &Analysis,
    out_dir: &Path,
    progress: &dyn Progress,
    stage: impl FnOnce(&mut Results) -> Result<String>,
) -> Result<()> {
    let mut results = Results::open(analysis, out_dir)?;
    progress.begin(name, None);
    let start = Instant::now();
    let outcome = stage(&mut results);
    progress.end(outcome.as_deref().unwrap_or("failed"));
    outcome?;
    results.timings_s.insert(name.into(), start.elapsed().as_secs_f64());
    results.write(out_dir)
}

/// A folder within the output folder.
fn folder(out_dir: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = out_dir.join(name);
    std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e))?;
    Ok(path)
}
