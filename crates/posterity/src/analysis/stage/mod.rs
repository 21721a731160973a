//! The stages of an analysis: simulate, compress, infer, report, or all of them. Each reads what the one before it left
//! in the output folder, and leaves there:
//!
//! | stage | file |
//! |---|---|
//! | simulate | `simulations/<table>.zarr` (layout: [`Table`](crate::store::Table)), beside it `<table>.quarantine` |
//! | compress | `compressor.safetensors` |
//! | infer | `samples/<method>.parquet`, `chains/<method>_1.txt` with `.paramnames` and `.ranges`, `predictive.npy` |
//! | report | `report.html`, `figures/<name>.svg` |
//! | all | `results.json` (form: [`Results`]); `workers/<process>-<slot>.stderr` of programs outside that wrote any |

mod compress;
mod field;
mod infer;
mod predictive;
#[cfg(feature = "mpi")]
mod ranks;
mod report;
mod simulate;
mod source;

pub use compress::compress;
pub use infer::infer;
#[cfg(feature = "mpi")]
pub use ranks::{lead, serve};
pub use report::report;
pub use simulate::{Simulating, TableStatus, failed, simulate, status};

use super::Analysis;
use super::results::Results;
use crate::error::{Error, Result};
use crate::progress::Progress;
use std::path::Path;
use std::time::{Duration, Instant};

/// The compressor in the output folder.
const COMPRESSOR: &str = "compressor.safetensors";
/// Simulations at parameters drawn from the posterior, `(n_draws, n_data)`, in the output folder.
const PREDICTIVE: &str = "predictive.npy";

/// What is simulated is saved at least so often.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// What programs outside write to standard error, in the output folder.
const WORKERS: &str = "workers";

/// All stages, one after the other.
///
/// # Errors
/// Those of the stages.
pub fn run(analysis: &Analysis, out_dir: &Path, how: &Simulating, progress: &dyn Progress) -> Result<()> {
    simulate(analysis, out_dir, how, progress)?;
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
    if let Some(program) = analysis.model.external() {
        program.keep_logs_in(&out_dir.join(WORKERS));
    }
    progress.begin(name, None);
    let start = Instant::now();
    let outcome = stage(&mut results);
    progress.end(outcome.as_deref().unwrap_or("failed"));
    outcome.map_err(|error| {
        if error.is_interrupted() { error.remedy("the same command again goes on from there") } else { error }
    })?;
    results.timings_s.insert(name.into(), start.elapsed().as_secs_f64());
    results.write(out_dir)
}

/// A folder within the output folder.
fn folder(out_dir: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = out_dir.join(name);
    std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, &e))?;
    Ok(path)
}
