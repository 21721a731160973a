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
mod warnings;

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
pub(super) const COMPRESSOR: &str = "compressor.safetensors";
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
    analysis.check_folder(out_dir)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Cause, Failure, Failures, Record};
    use crate::progress::Quiet;
    use crate::store::Table;
    use std::sync::atomic::{AtomicBool, Ordering};

    pub(super) const ANALYSIS: &str = r#"
[simulator]
kind = "gaussian"
n_data = 10
[observation]
kind = "mock"
theta = { mean = 0.0, variance = 1.0 }
[prior.mean]
kind = "uniform"
low = -3
high = 3
[prior.variance]
kind = "uniform"
low = 0.1
high = 6
[fiducial]
mean = 0.0
variance = 1.0
[compressor]
kind = "score"
n_s = 200
n_d = 200
n_independent = 200
delta = { mean = 0.1, variance = 0.1 }
[infer]
methods = ["gaussian"]
[infer.gaussian]
n_samples = 200
"#;

    #[test]
    fn stages_that_have_nothing_to_do_leave_the_later_ones_results() {
        let folder = std::env::temp_dir().join(format!("posterity-stages-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("analysis.toml");
        std::fs::write(&file, ANALYSIS).expect("written");
        let analysis = Analysis::read(&file, &[]).expect("right");
        run(&analysis, &folder, &Simulating::default(), &Quiet).expect("runs");
        let mut before = Results::read(&folder).expect("there");
        let mut failures = Failures::default();
        let failure = Failure::new(Cause::Refused, "no");
        failures.add(Record { index: 3, theta: vec![0.0, 1.0], failure });
        before.set_failures("predictive", 400, &failures);
        before.warnings.push("of inference".into());
        before.write(&folder).expect("written");
        simulate(&analysis, &folder, &Simulating::default(), &Quiet).expect("there already");
        compress(&analysis, &folder, &Quiet).expect("there already");
        let after = Results::read(&folder).expect("there");
        assert!(after.methods.contains_key("gaussian") && after.theta_hat.is_some());
        let times = |results: &Results| Results { timings_s: before.timings_s.clone(), ..results.clone() };
        assert!(times(&after) == before, "{after:#?}");
        report(&analysis, &folder, &Quiet).expect("draws are there");
        // What is not known to be the same clears what was inferred.
        let other = Results { fisher: None, ..after };
        other.write(&folder).expect("written");
        compress(&analysis, &folder, &Quiet).expect("there already");
        assert!(Results::read(&folder).expect("there").methods.is_empty());
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    /// Kept independent simulations are what F is from: of others, what was learnt is learnt again.
    #[test]
    fn other_independent_simulations_are_noticed() {
        let folder = std::env::temp_dir().join(format!("posterity-independent-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("analysis.toml");
        std::fs::write(&file, format!("[store]\nkeep_all = true\n{ANALYSIS}")).expect("written");
        let analysis = Analysis::read(&file, &[]).expect("right");
        simulate(&analysis, &folder, &Simulating::default(), &Quiet).expect("simulated");
        let learnt = || {
            compress(&analysis, &folder, &Quiet).expect("learnt");
            std::fs::read(folder.join(COMPRESSOR)).expect("there")
        };
        let before = learnt();
        assert!(learnt() == before);
        let table = Table::open(&folder.join("simulations/independent/fiducial.zarr")).expect("kept");
        let mut chunk = table.read_chunk(0).expect("whole");
        chunk.values[0][0] += 1.0;
        table.write_chunk(&chunk).expect("written");
        assert!(learnt() != before);
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    /// Wants an end once population Monte Carlo is done.
    #[derive(Default)]
    struct AfterPmc {
        is_pmc: AtomicBool,
        is_done: AtomicBool,
    }

    impl Progress for AfterPmc {
        fn begin(&self, stage: &str, _: Option<u64>) {
            self.is_pmc.store(stage == "population Monte Carlo", Ordering::Relaxed);
        }

        fn at(&self, _: u64, _: &str) {}

        fn end(&self, _: &str) {
            let is_pmc = self.is_pmc.swap(false, Ordering::Relaxed);
            self.is_done.fetch_or(is_pmc, Ordering::Relaxed);
        }

        fn stop_requested(&self) -> bool {
            self.is_done.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_journal_stays_until_draws_and_predictions_are_written() {
        let folder = std::env::temp_dir().join(format!("posterity-journal-stays-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("analysis.toml");
        let pmc = "[infer.pmc]\nn_particles = 50\nn_initial = 200\nmin_acceptance_rate = 0.3\n";
        let text = ANALYSIS.replace("[\"gaussian\"]", "[\"gaussian\", \"pmc\"]") + pmc;
        std::fs::write(&file, text).expect("written");
        let analysis = Analysis::read(&file, &[]).expect("right");
        simulate(&analysis, &folder, &Simulating::default(), &Quiet).expect("simulated");
        compress(&analysis, &folder, &Quiet).expect("learnt");
        let error = infer(&analysis, &folder, &AfterPmc::default()).expect_err("stopped before the predictions");
        assert!(error.is_interrupted() && folder.join("journal").is_dir(), "{error}");
        infer(&analysis, &folder, &Quiet).expect("goes on");
        assert!(folder.join(PREDICTIVE).is_file() && !folder.join("journal").exists());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
