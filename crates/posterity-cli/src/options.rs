//! Options that the verbs share: which analysis with which overrides, and where and how it runs.

use crate::Failure;
use crate::interrupt::{self, Interruptible};
use crate::progress::{Bars, Lines};
use clap::Args;
use posterity::analysis::{Analysis, AnyAnalysis, check_out_dir, default_out_dir, prepare_out_dir};
use posterity::progress::{Progress, Quiet};
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The analysis and what is changed about it.
#[derive(Args)]
pub(crate) struct Input {
    /// The analysis file
    #[arg(value_name = "ANALYSIS")]
    file: PathBuf,

    /// Seed of all randomness, instead of the analysis' own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Override any key of the analysis; may be repeated, later ones win
    ///
    /// The value is TOML; a bare word counts as a string.
    ///
    /// Examples: --set compressor.n_s=2000 --set compressor.activation=silu --set 'infer.methods=["abc"]'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    /// Output folder [default: runs/NAME in the current folder; NAME is the analysis file's name, or its folder's
    /// where it is just analysis.toml]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Input {
    /// Reads and checks the analysis.
    pub(crate) fn analysis(&self) -> Result<AnyAnalysis, Failure> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        AnyAnalysis::read(&self.file, &overrides).map_err(Failure::input)
    }

    /// Reads and checks a likelihood-free analysis and the output folder's place, for a verb that knows no other;
    /// writes nothing.
    pub(crate) fn likelihood_free(&self, verb: &str) -> Result<(Analysis, PathBuf), Failure> {
        let (analysis, out_dir) = self.read()?;
        Ok((analysis.likelihood_free(verb)?, out_dir))
    }

    /// Reads and checks the analysis and the output folder's place; writes nothing.
    pub(crate) fn read(&self) -> Result<(AnyAnalysis, PathBuf), Failure> {
        let analysis = self.analysis()?;
        let out_dir = self.out.clone().unwrap_or_else(|| default_out_dir(&self.file));
        check_out_dir(&out_dir)?;
        // A model extension may ask for chains of another one to be taken away: its stages look for themselves.
        if let AnyAnalysis::LikelihoodFree(analysis) = &analysis {
            analysis.check_folder(&out_dir)?;
        }
        Ok((analysis, out_dir))
    }
}

/// How a stage runs.
#[derive(Args)]
pub(crate) struct Running {
    /// Threads to use, instead of one for each core; the results do not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Say nothing but errors
    #[arg(long)]
    quiet: bool,
}

impl Running {
    /// Starts the threads asked for: before an analysis is read, for that looks through its files with all threads.
    pub(crate) fn start_threads(&self) -> Result<(), Failure> {
        let Some(threads) = self.threads else { return Ok(()) };
        let started = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
        started.map_err(|error| Failure { text: format!("{threads} threads cannot be started: {error}"), code: 1 })
    }
}

/// Reads an analysis of either kind, makes the output folder and runs a stage of the library.
pub(crate) fn run(
    input: &Input,
    running: &Running,
    stage: impl FnOnce(&AnyAnalysis, &Path, &dyn Progress) -> posterity::Result<()>,
) -> Result<(), Failure> {
    running.start_threads()?;
    let (analysis, out_dir) = input.read()?;
    run_read(&analysis, &out_dir, running, stage)
}

/// As [`run`], of likelihood-free analyses alone; `verb` is named where it is another.
pub(crate) fn run_likelihood_free(
    input: &Input,
    running: &Running,
    verb: &str,
    stage: impl FnOnce(&Analysis, &Path, &dyn Progress) -> posterity::Result<()>,
) -> Result<(), Failure> {
    running.start_threads()?;
    let (analysis, out_dir) = input.likelihood_free(verb)?;
    run_read(&analysis, &out_dir, running, stage)
}

/// Makes the output folder and runs a stage on what was read; the threads were started before that.
pub(crate) fn run_read<A>(
    analysis: &A,
    out_dir: &Path,
    running: &Running,
    stage: impl FnOnce(&A, &Path, &dyn Progress) -> posterity::Result<()>,
) -> Result<(), Failure> {
    prepare_out_dir(out_dir)?;
    let stop = interrupt::listen()?;
    let listener: Box<dyn Progress> = match (running.quiet, std::io::stderr().is_terminal()) {
        (true, _) => Box::new(Quiet),
        (false, true) => Box::new(Bars::new()),
        (false, false) => Box::new(Lines::new()),
    };
    stage(analysis, out_dir, &Interruptible { listener: &*listener, stop })?;
    if !running.quiet {
        crate::say(&format!("output: {}", out_dir.display()));
    }
    Ok(())
}
