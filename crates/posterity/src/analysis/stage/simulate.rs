//! The first stage: simulations at the fiducial point, for the compressor to learn from and to be judged by.

use super::super::Analysis;
use crate::compressor::{DerivativeSource, Settings};
use crate::error::Result;
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::SimulationSet;
use crate::store::{Origin, StoredSet};
use std::path::Path;

/// Draws the simulations that the compressor learns from, and those that judge it, into the output folder.
///
/// With fresh simulations the training set is that of the first iteration. A stored set is used where it lies.
///
/// # Errors
/// Simulation failed; io.
pub fn simulate(analysis: &Analysis, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    super::timed("simulate", analysis, out_dir, progress, |_| {
        if let Some(set) = &analysis.compression.stored {
            return Ok(format!("{} + {} simulations are stored", set.n_s(), set.n_d()));
        }
        let folder = super::folder(out_dir, "simulations")?;
        let (train, held_out) = counts(&analysis.compression.settings);
        let mut notes = Vec::new();
        for (label, counts) in [("train", Some(train)), ("held_out", held_out)] {
            let Some((n_s, n_d)) = counts else { continue };
            progress.begin(label, None);
            let set = StoredSet {
                parameters: analysis.prior.parameters.iter().map(|p| p.name.clone()).collect(),
                simulations: draw(analysis, label, n_s, n_d)?,
                origin: Origin { simulator: analysis.model.kind().into(), seed: analysis.seed, label: label.into() },
            };
            set.write(&folder.join(label))?;
            let note = format!("{n_s} + {n_d} {}", label.replace('_', " "));
            progress.end(&note);
            notes.push(note);
        }
        Ok(notes.join(", "))
    })
}

/// Training and held-out simulations of an analysis, as the stage before left them.
pub(super) fn read(analysis: &Analysis, out_dir: &Path) -> Result<(SimulationSet, SimulationSet)> {
    let fraction = match &analysis.compression.settings {
        Settings::Imnn(settings) => settings.held_out_fraction,
        Settings::Score(_) => Some(0.5).filter(|_| analysis.compression.stored.is_some()),
    };
    if let (Some(set), Some(fraction)) = (&analysis.compression.stored, fraction) {
        return Ok(set.split(fraction));
    }
    let set = |label: &str| StoredSet::read(&out_dir.join("simulations").join(label)).map(|set| set.simulations);
    match fraction {
        Some(fraction) => Ok(set("train")?.split(fraction)),
        None => Ok((set("train")?, set("held_out")?)),
    }
}

fn draw(analysis: &Analysis, label: &str, n_s: usize, n_d: usize) -> Result<SimulationSet> {
    let simulator = analysis.simulator();
    let mut set = SimulationSet::new(&*simulator, &analysis.fiducial, delta(analysis), n_s, n_d)?;
    set.fill(&*simulator, Seed::new(analysis.seed).label(label), 0)?;
    Ok(set)
}

/// δ for differences, nothing for exact derivatives.
pub(super) fn delta(analysis: &Analysis) -> Option<&[f64]> {
    let differences = analysis.compression.derivative() == DerivativeSource::Differences;
    analysis.compression.delta.as_deref().filter(|_| differences)
}

/// Numbers of training and of held-out simulations, the latter where they are a set of their own.
fn counts(settings: &Settings) -> ((usize, usize), Option<(usize, usize)>) {
    match settings {
        Settings::Imnn(s) => {
            let held_out = (s.held_out_n_s.unwrap_or(s.n_s), s.held_out_n_d.unwrap_or(s.n_d));
            ((s.n_s, s.n_d), s.held_out_fraction.is_none().then_some(held_out))
        }
        Settings::Score(s) => ((s.n_s, s.n_d), Some((s.n_s, s.n_d))),
    }
}
