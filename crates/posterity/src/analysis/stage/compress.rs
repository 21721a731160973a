//! The second stage: learn a compressor from the simulations, and judge it on others.

use super::super::Analysis;
use super::{COMPRESSOR, simulate};
use crate::compressor::imnn::{Simulations, Training};
use crate::compressor::{Compression, Independent, Settings};
use crate::error::Result;
use crate::progress::Progress;
use crate::seed::Seed;
use std::path::Path;

/// Learns the compressor from the simulations in the output folder and keeps it there.
///
/// # Errors
/// Io, where the simulations are not there; numerical, where training fails.
pub fn compress(analysis: &Analysis, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    super::timed("compress", analysis, out_dir, progress, |results| {
        let (train, held_out) = simulate::read(analysis, out_dir)?;
        let simulator = analysis.simulator();
        let settings = &analysis.compression.settings;
        let (training, n_independent) = match settings {
            Settings::Imnn(s) if s.simulations == Simulations::Fresh => {
                (Training::Fresh { simulator: &*simulator, like: &train }, s.n_independent)
            }
            Settings::Imnn(s) => (Training::Fixed(&train), s.n_independent),
            Settings::Score(s) => (Training::Fixed(&train), s.n_independent),
        };
        let independent = Independent { simulator: &*simulator, delta: simulate::delta(analysis), n: n_independent };
        let compression = Compression::learn(
            settings,
            training,
            &held_out,
            (n_independent > 0).then_some(independent),
            &analysis.prior.parameters,
            Seed::new(analysis.seed).label("compress"),
            progress,
        )?;
        compression.write(&out_dir.join(COMPRESSOR), &analysis.settings)?;
        results.set_knowledge(&compression.knowledge);
        Ok(format!("ln det F = {:.3}", compression.knowledge.information.standard.ln_det))
    })
}
