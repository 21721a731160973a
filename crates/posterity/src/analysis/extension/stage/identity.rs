//! Which sampling an output folder holds, so that none is continued or reported as another's.

use super::super::Extension;
use super::stored::{chains_path, checkpoint_path, fields_path};
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
    if let Some(table) = settings.as_object_mut() {
        ["title", "seed", "compare"].iter().for_each(|key| drop(table.remove(*key)));
    }
    let Extension { field, halos, engine, .. } = extension;
    let grid = &field.grid;
    let power = (1..=grid.n()).map(|m| field.power.at(m as f64 * grid.k_fundamental()));
    let parts: [Vec<f64>; 6] = [
        field.density.clone().unwrap_or_default(),
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
    let path = out_dir.join(FILE);
    let own = identity(extension);
    if path.is_file() {
        if read(&path)? == own {
            return Ok(());
        }
        if !overwrite {
            return Err(other(out_dir).remedy("choose another with --out, or take the chains away with --overwrite"));
        }
        remove(out_dir)?;
    }
    write_text(&path, &format!("{own:#}\n"))
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
/// continued.
fn remove(out_dir: &Path) -> Result<()> {
    let gone = |path: &Path, outcome: std::io::Result<()>| match outcome {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => Ok(()),
    };
    let mut i = 0;
    while checkpoint_path(out_dir, i).exists() {
        let path = checkpoint_path(out_dir, i);
        gone(&path, std::fs::remove_file(&path))?;
        i += 1;
    }
    for path in [chains_path(out_dir), fields_path(out_dir)] {
        gone(&path, std::fs::remove_dir_all(&path))?;
    }
    let path = out_dir.join(super::super::super::results_file::FILE);
    gone(&path, std::fs::remove_file(&path))
}
