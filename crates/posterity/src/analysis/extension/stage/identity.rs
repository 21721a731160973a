//! Which sampling an output folder holds, so that none is continued or reported as another's.

use super::super::super::results_file;
use super::super::{Extension, What};
use super::results::ExtensionResults;
use super::stored::{chains_path, fields_path, is_checkpoint};
use crate::digest;
use crate::error::{Error, Result};
use crate::whole_file::write_text;
use serde_json::{Value, json};
use std::path::Path;

const FILE: &str = "sampling.json";

/// What the draws follow from: version, settings but for title and what only the report and the comparison look at, and
/// a digest of the files read.
fn identity(extension: &Extension) -> Value {
    let mut settings = extension.settings.clone();
    let sees_density = extension.sampling.what == What::Weights;
    if let Some(table) = settings.as_object_mut() {
        ["title", "seed", "compare"].iter().for_each(|key| drop(table.remove(*key)));
        if !sees_density && let Some(field) = table.get_mut("field").and_then(Value::as_object_mut) {
            field.remove("density");
        }
    }
    let Extension { field, halos, engine, .. } = extension;
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
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "seed": extension.seed,
        "settings": settings,
        "data": format!("{digest:016x}"),
    })
}

/// That the folder holds no sampling, or this one; where another one is there, it is taken away if `overwrite`.
///
/// # Errors
/// Invalid input, where it holds another one that stays; io.
pub(super) fn claim(extension: &Extension, out_dir: &Path, overwrite: bool) -> Result<()> {
    if overwrite && out_dir.join(FILE).is_file() && read(&out_dir.join(FILE))? != identity(extension) {
        remove(out_dir)?;
    } else {
        admit(extension, out_dir)?;
    }
    write_text(&out_dir.join(FILE), &format!("{:#}\n", identity(extension)))
}

/// That the chains of this analysis may go into the folder: it holds none, or these.
///
/// # Errors
/// Invalid input, where it holds others, or the results of another kind of analysis.
pub(super) fn admit(extension: &Extension, out_dir: &Path) -> Result<()> {
    let path = out_dir.join(FILE);
    if path.is_file() && read(&path)? != identity(extension) {
        return Err(other(out_dir).remedy("choose another with --out, or take the chains away with --overwrite"));
    }
    if !path.is_file() && out_dir.join(results_file::FILE).is_file() && ExtensionResults::read(out_dir).is_err() {
        return Err(Error::invalid_input("this folder holds the results of another kind of analysis")
            .in_file(out_dir)
            .remedy("choose another with --out"));
    }
    Ok(())
}

/// That the folder holds this sampling.
///
/// # Errors
/// Invalid input, where it does not.
pub(super) fn check(extension: &Extension, out_dir: &Path) -> Result<()> {
    let path = out_dir.join(FILE);
    let missing =
        || Error::invalid_input("there are no chains yet").remedy("run `posterity sample` first").in_file(out_dir);
    if !path.is_file() {
        return Err(missing());
    }
    let is_own = read(&path)? == identity(extension);
    if is_own { Ok(()) } else { Err(other(out_dir).remedy("run `posterity sample` first, or name the right folder")) }
}

fn other(out_dir: &Path) -> Error {
    Error::invalid_input("this folder holds the chains of another analysis, or of other data").in_file(out_dir)
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::corrupt_file(e.to_string()).in_file(path).remedy("choose another output folder"))
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
