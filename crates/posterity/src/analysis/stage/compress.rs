//! The second stage: learn a compressor from the simulations, and judge it on others.

use super::super::results::ExactFisher;
use super::super::{Analysis, simulations};
use super::{COMPRESSOR, simulate};
use crate::compressor::imnn::{Simulations, Training};
use crate::compressor::{Checkpoint, Compression, Independent, Knowledge, Run, Settings};
use crate::digest;
use crate::error::Result;
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Unfinished learning in the output folder, until the compressor is there.
const CHECKPOINT: &str = "training.safetensors";

/// Learns the compressor from the simulations in the output folder and keeps it there, unless it is there already; what
/// an earlier run of the same analysis left unfinished is continued.
///
/// # Errors
/// Io, where the simulations are not there; numerical, where training fails; interrupted, where `progress` asks for an
/// end; corrupt file, where what was left unfinished is damaged.
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
        let stored = (n_independent > 0 && analysis.keeps_simulations())
            .then(|| simulations::read_set(analysis, out_dir, "independent"))
            .transpose()?;
        let independent = match &stored {
            Some(set) => Independent::Stored(set),
            None => Independent::Drawn { simulator: &*simulator, delta: simulate::delta(analysis), n: n_independent },
        };
        let mut learnt_for = learnt_for(analysis);
        learnt_for["version"] = json!(env!("CARGO_PKG_VERSION"));
        learnt_for["simulations"] = json!(digest_of(&[&train, &held_out])?);
        // Training does not depend on the independent simulations, so that it is continued where they have changed.
        let identity = learnt_for.clone();
        if let Some(set) = &stored {
            learnt_for["independent"] = json!(digest_of(&[set])?);
        }
        let path = out_dir.join(COMPRESSOR);
        if let Some((there, _)) = Compression::read(&path).ok().filter(|(_, other)| *other == learnt_for) {
            results.keep_knowledge(&there.knowledge, ExactFisher::of(analysis));
            return Ok(format!("there already, {}", in_one_line(&there.knowledge)));
        }
        let checkpoint = Checkpoint { path: out_dir.join(CHECKPOINT), every: Duration::from_secs(5), identity };
        let run = Run {
            seed: Seed::new(analysis.seed).label("compress"),
            progress,
            checkpoint: Some(&checkpoint),
            memory: analysis.store.memory,
            max_failed_fraction: analysis.max_failed_fraction,
        };
        let compression = Compression::learn(
            settings,
            training,
            &held_out,
            (n_independent > 0).then_some(independent),
            &analysis.prior.parameters,
            &run,
        )?;
        compression.write(&path, &learnt_for)?;
        checkpoint.remove()?;
        results.set_knowledge(&compression.knowledge, ExactFisher::of(analysis));
        Ok(in_one_line(&compression.knowledge))
    })
}

/// What the stage ends with.
fn in_one_line(knowledge: &Knowledge) -> String {
    let found = format!("ln det F = {:.3}", knowledge.information.standard.ln_det);
    knowledge.outlook.as_ref().map_or(found.clone(), |outlook| format!("{found}; {}", outlook.in_short()))
}

/// A digest of what sets hold, in hexadecimal: numbers of 64 bits are not for JSON.
fn digest_of(sets: &[&SimulationSet]) -> Result<String> {
    let mut parts = Vec::new();
    for set in sets {
        let (Derivatives::Exact(rows) | Derivatives::Differences { pairs: rows, .. }) = &set.derivative;
        parts.extend([set.fiducial.digest()?, rows.digest()?]);
    }
    Ok(format!("{:016x}", digest::of_words(parts)))
}

/// All that a compressor is learnt from: settings, and the content of the simulator's files.
pub(super) fn learnt_for(analysis: &Analysis) -> Value {
    let mut settings = analysis.settings.clone();
    if let Some(table) = settings.as_object_mut() {
        ["title", "store", "infer"].iter().for_each(|key| {
            table.remove(*key);
        });
        table.insert("seed".into(), json!(analysis.seed));
        table.insert("simulator".into(), simulations::origin(analysis, "")["simulator"].clone());
    }
    settings
}
