//! The section `[halos]`: the catalogue, its columns and its threshold.

use super::super::document::Document;
use super::super::section::Section;
use super::field::{Field, there_is};
use crate::error::{Error, Result};
use crate::halo::{Catalogue, Columns};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The catalogue on the grid.
pub struct Halos {
    /// The halos at or above the threshold.
    pub catalogue: Catalogue,
    /// The lowest mass that is counted [Msun/h].
    pub threshold: f64,
    /// Halos that were cut for being below it.
    pub n_cut: usize,
    /// The voxel, in C order, and the mass of each halo.
    pub cells: Vec<(usize, f64)>,
}

/// What becomes of halos under the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Below {
    #[default]
    Refuse,
    Cut,
}

/// Keys of `[halos]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    path: PathBuf,
    x: Option<String>,
    y: Option<String>,
    z: Option<String>,
    mass: Option<String>,
    min_mass: f64,
    #[serde(default)]
    below: Below,
}

/// Reads and checks the section and its catalogue.
pub(super) fn read(section: Section<'_>, field: &Field, folder: &Path) -> Result<Halos> {
    let document = section.document;
    let keys: Keys = section.rest(&[])?;
    let blame = |key: &str| {
        let key = format!("halos.{key}");
        move |error: Error| document.blame(&key, error)
    };
    let threshold = keys.min_mass;
    document.demand(
        threshold > 0.0 && threshold.is_finite(),
        "halos.min_mass",
        format!("{threshold} is no mass"),
        "give the lowest mass [Msun/h] at which the catalogue is complete",
    )?;
    let path = folder.join(&keys.path);
    there_is(&path).map_err(blame("path"))?;
    if path.extension().is_some_and(|e| e == "npy") {
        for (name, column) in [("x", &keys.x), ("y", &keys.y), ("z", &keys.z), ("mass", &keys.mass)] {
            let message = "a .npy file has no names of columns: they are x, y, z, mass";
            document.demand(column.is_none(), &format!("halos.{name}"), message, "leave it out")?;
        }
    }
    let default = Columns::default();
    let [x, y, z] = default.position;
    let columns = Columns {
        position: [keys.x.unwrap_or(x), keys.y.unwrap_or(y), keys.z.unwrap_or(z)],
        mass: keys.mass.unwrap_or(default.mass),
    };
    check_distinct(document, &columns)?;
    let box_length = field.grid.box_length();
    let (mut catalogue, n_massless) = match keys.below {
        Below::Refuse => Catalogue::read(&path, &columns, box_length).map(|catalogue| (catalogue, 0)),
        Below::Cut => Catalogue::read_massive(&path, &columns, box_length),
    }
    .map_err(blame("path"))?;
    // Where h is not known neither a length nor a mass can be suspected to lack it.
    let hubble = field.hubble.unwrap_or(f64::NAN);
    catalogue.check_spread(hubble).map_err(|error| blame("path")(error.in_file(&path)))?;
    let n_cut = n_massless + if keys.below == Below::Cut { catalogue.cut(threshold) } else { 0 };
    let is_empty = catalogue.n_halos() == 0;
    document.demand(!is_empty, "halos.min_mass", "all halos are below this mass", "give it in Msun/h")?;
    catalogue.check_threshold(threshold, hubble).map_err(blame("min_mass"))?;
    let cells = catalogue.voxels(field.grid.n());
    Ok(Halos { catalogue, threshold, n_cut, cells })
}

/// That no column is read as two things.
fn check_distinct(document: &Document<'_>, columns: &Columns) -> Result<()> {
    let [x, y, z] = &columns.position;
    let named = [("halos.x", x), ("halos.y", y), ("halos.z", z), ("halos.mass", &columns.mass)];
    for (i, (later, name)) in named.iter().enumerate() {
        let Some((first, _)) = named[..i].iter().find(|(_, other)| other == name) else { continue };
        let message = format!("the column `{name}` is both {} and {}", &first[6..], &later[6..]);
        let remedy = "name four columns that differ";
        document.demand(false, document.culprit(&[later, first]), message, remedy)?;
    }
    Ok(())
}
