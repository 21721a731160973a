//! Which sampling an output folder holds, so that none is continued or reported as another's. The same one goes on where
//! more draws are asked for.

use super::super::super::{folder, results_file};
use super::super::{Extension, What};
use super::results::ExtensionResults;
use super::stored::{chains_path, fields_path, is_checkpoint};
use crate::digest;
use crate::error::{Error, Result};
use crate::halo::Coordinates;
use crate::whole_file::write_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

const FILE: &str = "sampling.json";

/// What a folder's draws follow from, and how many they are. What is missing in a file is that of no analysis.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    version: String,
    /// What positions of the weights are kept in.
    coordinates: u32,
    seed: u64,
    /// But for the title, the number of draws, and what only the report and the comparison look at.
    settings: Value,
    /// A digest of the files read.
    data: String,
    n_draws: u64,
    /// Draws from one kept field to the next, which more draws do not change.
    draws_apart: u64,
}

impl Record {
    fn new(extension: &Extension) -> Self {
        let mut settings = extension.settings.clone();
        let sees_density = extension.sampling.what == What::Weights;
        if let Some(table) = settings.as_object_mut() {
            ["title", "seed", "compare"].iter().for_each(|key| drop(table.remove(*key)));
            let mut leave_out = |section: &str, key: &str| {
                table.get_mut(section).and_then(Value::as_object_mut).map(|section| section.remove(key))
            };
            leave_out("sample", "n_draws");
            if !sees_density {
                leave_out("field", "density");
            }
        }
        let Extension { field, halos, engine, sampling, .. } = extension;
        let grid = &field.grid;
        let power = (1..=grid.n()).map(|m| field.power.at(m as f64 * grid.k_fundamental()));
        let parts: [Vec<f64>; 6] = [
            field.density.clone().filter(|_| sees_density).unwrap_or_default(),
            field.white_noise.clone().unwrap_or_default(),
            halos.cells.iter().map(|(voxel, _)| *voxel as f64).collect(),
            halos.cells.iter().map(|(_, mass)| *mass).collect(),
            engine.weights.clone().unwrap_or_default(),
            power.collect(),
        ];
        let digest = digest::of_words(parts.iter().map(|part| digest::of_numbers(part)));
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            coordinates: Coordinates::FORM,
            seed: extension.seed,
            settings,
            data: format!("{digest:016x}"),
            n_draws: sampling.n_draws,
            draws_apart: sampling.draws_apart(),
        }
    }

    /// That of a folder, if there is one.
    fn read(out_dir: &Path) -> Result<Option<Self>> {
        let path = out_dir.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, &e))?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| Error::corrupt_file(e.to_string()).in_file(&path).remedy("choose another output folder"))
    }

    /// Whether the chains are the same, as far as both go.
    fn is_of(&self, other: &Self) -> bool {
        (&self.version, self.coordinates, self.seed, &self.settings, &self.data)
            == (&other.version, other.coordinates, other.seed, &other.settings, &other.data)
    }

    /// Whether its chains are some of those that another asks for.
    fn begins(&self, asked: &Self) -> bool {
        self.is_of(asked) && self.n_draws <= asked.n_draws
    }
}

/// That the folder holds no sampling, or this one with as many draws or fewer; where another one is there, it is taken away
/// if `overwrite`.
///
/// # Errors
/// Invalid input, where it holds another one that stays; io.
pub(super) fn claim(extension: &Extension, out_dir: &Path, overwrite: bool) -> Result<()> {
    let mut asked = Record::new(extension);
    if !overwrite {
        admit(extension, out_dir)?;
    }
    match Record::read(out_dir)? {
        Some(there) if there.begins(&asked) => asked.draws_apart = there.draws_apart,
        Some(_) => remove(out_dir)?,
        None => admit(extension, out_dir)?,
    }
    let text = serde_json::to_string_pretty(&asked).map_err(|e| Error::invalid_input(e.to_string()))?;
    write_text(&out_dir.join(FILE), &format!("{text}\n"))
}

/// That the chains of this analysis may go into the folder: it holds none, or these.
///
/// # Errors
/// Invalid input, where it holds others, or the results of another kind of analysis.
pub(super) fn admit(extension: &Extension, out_dir: &Path) -> Result<()> {
    let asked = Record::new(extension);
    match Record::read(out_dir)? {
        Some(there) if there.begins(&asked) => Ok(()),
        Some(there) if there.is_of(&asked) => Err(fewer(&there, &asked, out_dir)
            .remedy("ask for as many, choose another folder with --out, or take the chains away with --overwrite")),
        Some(_) => Err(other(out_dir).remedy("choose another with --out, or take the chains away with --overwrite")),
        None if is_likelihood_free(out_dir) => {
            Err(Error::invalid_input("this folder holds the results of another kind of analysis")
                .in_file(out_dir)
                .remedy("choose another with --out"))
        }
        None => Ok(()),
    }
}

/// Whether a folder without chains is that of a likelihood-free analysis: by its results, which are of another form, or by
/// what stages leave before there are any.
fn is_likelihood_free(out_dir: &Path) -> bool {
    out_dir.join(results_file::FILE).is_file() && ExtensionResults::read(out_dir).is_err() || folder::is_begun(out_dir)
}

/// Whether a folder holds a model extension: its chains, or its results.
pub(in crate::analysis) fn is_extension(out_dir: &Path) -> bool {
    out_dir.join(FILE).is_file()
        || out_dir.join(results_file::FILE).is_file() && ExtensionResults::read(out_dir).is_ok()
}

/// That the folder holds this sampling.
///
/// # Errors
/// Invalid input, where it does not.
pub(super) fn check(extension: &Extension, out_dir: &Path) -> Result<()> {
    let asked = Record::new(extension);
    match Record::read(out_dir)? {
        None => {
            Err(Error::invalid_input("there are no chains yet").remedy("run `posterity sample` first").in_file(out_dir))
        }
        Some(there) if !there.is_of(&asked) => {
            Err(other(out_dir).remedy("run `posterity sample` first, or name the right folder"))
        }
        Some(there) if there.n_draws > asked.n_draws => Err(fewer(&there, &asked, out_dir).remedy("ask for as many")),
        Some(there) if there.n_draws < asked.n_draws => {
            let message = format!("this folder holds {} draws of each chain, not {}", there.n_draws, asked.n_draws);
            Err(Error::invalid_input(message)
                .in_file(out_dir)
                .remedy("run `posterity sample` first, which goes on from them"))
        }
        Some(_) => Ok(()),
    }
}

/// Draws from one kept field to the next, in a folder that was claimed.
pub(super) fn draws_apart(out_dir: &Path) -> Result<u64> {
    let there =
        Record::read(out_dir)?.ok_or_else(|| Error::invalid_input("there are no chains yet").in_file(out_dir))?;
    Ok(there.draws_apart.max(1))
}

fn other(out_dir: &Path) -> Error {
    Error::invalid_input("this folder holds the chains of another analysis, of other data, or of another version")
        .in_file(out_dir)
}

fn fewer(there: &Record, asked: &Record, out_dir: &Path) -> Error {
    let (there, asked) = (there.n_draws, asked.n_draws);
    let message = format!("this folder holds {there} draws of each chain, more than the {asked} asked for");
    Error::invalid_input(message).at_key("sample.n_draws").in_file(out_dir)
}

/// Takes the chains away: checkpoints first, the name of the analysis last, so that what is left half way is never
/// continued; and what was made of them.
fn remove(out_dir: &Path) -> Result<()> {
    let gone = |path: &Path, outcome: std::io::Result<()>| match outcome {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => Ok(()),
    };
    // All there are, and not up to the first that is missing: a removal may have ended half way.
    for entry in std::fs::read_dir(out_dir).map_err(|e| Error::io(out_dir, &e))? {
        let path = entry.map_err(|e| Error::io(out_dir, &e))?.path();
        if is_checkpoint(&path) {
            gone(&path, std::fs::remove_file(&path))?;
        }
    }
    for path in [chains_path(out_dir), fields_path(out_dir), out_dir.join("figures")] {
        gone(&path, std::fs::remove_dir_all(&path))?;
    }
    for path in [results_file::FILE, "report.html"].map(|name| out_dir.join(name)) {
        gone(&path, std::fs::remove_file(&path))?;
    }
    Ok(())
}
