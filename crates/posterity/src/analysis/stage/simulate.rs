//! The first stage: simulations at the fiducial point, for the compressor to learn from and to be judged by.

use super::super::Analysis;
use crate::compressor::{DerivativeSource, Settings};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet};
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
            let name = format!("{} simulations", label.replace('_', "-"));
            progress.begin(&name, None);
            let set = StoredSet {
                parameters: names(analysis),
                simulations: draw(analysis, label, n_s, n_d)?,
                origin: origin(analysis, label),
            };
            set.write(&folder.join(label))?;
            progress.end(&format!("{n_s} + {n_d}"));
            notes.push(format!("{n_s} + {n_d} {name}"));
        }
        Ok(notes.join(", "))
    })
}

/// Training and held-out simulations of an analysis, as the stage before left them.
///
/// # Errors
/// Invalid input, where they are not there or were drawn for another analysis; corrupt file; io.
pub(super) fn read(analysis: &Analysis, out_dir: &Path) -> Result<(SimulationSet, SimulationSet)> {
    let settings = &analysis.compression.settings;
    let fraction = match settings {
        Settings::Imnn(settings) => settings.held_out_fraction,
        Settings::Score(_) => Some(0.5).filter(|_| analysis.compression.stored.is_some()),
    };
    if let (Some(set), Some(fraction)) = (&analysis.compression.stored, fraction) {
        return Ok(set.split(fraction));
    }
    let (train, held_out) = counts(settings);
    let set = |label: &str, counts| read_set(analysis, &out_dir.join("simulations").join(label), label, counts);
    match (fraction, held_out) {
        (Some(fraction), _) => Ok(set("train", train)?.split(fraction)),
        (None, held_out) => Ok((set("train", train)?, set("held_out", held_out.unwrap_or(train))?)),
    }
}

/// A set that the stage before left, if it is the one that this analysis would draw.
fn read_set(analysis: &Analysis, folder: &Path, label: &str, (n_s, n_d): (usize, usize)) -> Result<SimulationSet> {
    let refused = |message: &str| {
        Err(Error::invalid_input(message).remedy("run `posterity simulate` with this analysis first").in_file(folder))
    };
    if !folder.is_dir() {
        return refused("there are no simulations yet");
    }
    let StoredSet { parameters, simulations, origin: found } = StoredSet::read(folder)?;
    let delta_found = match &simulations.derivative {
        Derivatives::Exact(_) => None,
        Derivatives::Differences { delta, .. } => Some(delta.as_slice()),
    };
    let same = found == origin(analysis, label)
        && parameters == names(analysis)
        && simulations.theta_fid == analysis.fiducial
        && simulations.shape == analysis.simulator().shape()
        && (simulations.n_s(), simulations.n_d()) == (n_s, n_d)
        && delta_found == delta(analysis);
    if same { Ok(simulations) } else { refused("these simulations were drawn for another analysis") }
}

fn names(analysis: &Analysis) -> Vec<String> {
    analysis.prior.parameters.iter().map(|p| p.name.clone()).collect()
}

/// All that the simulations of a label depend on, beside what the set itself says.
fn origin(analysis: &Analysis, label: &str) -> Origin {
    let nuisance = analysis.model.simulator().parameters().iter().zip(&analysis.nuisance);
    let nuisance = nuisance.filter(|(_, prior)| prior.is_some());
    let nuisance: serde_json::Map<String, serde_json::Value> =
        nuisance.map(|(p, _)| (p.name.clone(), analysis.settings["prior"][&p.name].clone())).collect();
    Origin {
        simulator: analysis.model.kind().into(),
        seed: analysis.seed,
        label: label.into(),
        settings: serde_json::json!({ "simulator": analysis.settings["simulator"], "nuisance": nuisance }),
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
