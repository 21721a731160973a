//! A set from the tables that `posterity simulate` filled: `fiducial.zarr` beside `differences.zarr` or
//! `derivative.zarr`.
//!
//! Rows of differences are numbered by random stream, then parameter, then below and above. A stream of which any
//! simulation failed is left out of both tables.

use super::{Origin, Status, StoredSet, Table};
use crate::error::{Error, Result};
use crate::simulator::{Derivatives, SimulationSet};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;

const FIDUCIAL: &str = "fiducial.zarr";
const DIFFERENCES: &str = "differences.zarr";
const DERIVATIVE: &str = "derivative.zarr";

/// True if the folder holds such tables.
pub(super) fn is_simulated(folder: &Path) -> bool {
    folder.join(FIDUCIAL).is_dir() && [DIFFERENCES, DERIVATIVE].iter().any(|name| folder.join(name).is_dir())
}

/// Reads the set into memory.
///
/// # Errors
/// Invalid input, where a table is not filled or the two are of different simulations; corrupt file; io.
pub(super) fn read(folder: &Path) -> Result<StoredSet> {
    let mut failed = BTreeSet::new();
    let has_pairs = folder.join(DIFFERENCES).is_dir();
    let fiducial = Table::open(&folder.join(FIDUCIAL))?;
    let derivative = Table::open(&folder.join(if has_pairs { DIFFERENCES } else { DERIVATIVE }))?;
    let parameters = fiducial.layout().parameters.clone();
    let said = |table: &Table, key: &str| table.layout().provenance.get(key).cloned();
    if derivative.layout().parameters != parameters
        || ["theta_fid", "seed", "simulator"].iter().any(|key| said(&fiducial, key) != said(&derivative, key))
    {
        return Err(Error::invalid_input("the tables of this folder are of different simulations")
            .remedy("name the folder of one run of `posterity simulate`")
            .in_file(folder));
    }
    let data = if has_pairs { "data" } else { "derivative" };
    let per_stream = if has_pairs { 2 * parameters.len() } else { 1 };
    let pairs = all_rows(&derivative, data, per_stream, &mut failed)?.into();
    let fiducial_rows = all_rows(&fiducial, "data", 1, &mut failed)?.into();
    let shape = fiducial.layout().values.iter().find(|values| values.name == "data").map(|values| values.shape.clone());
    let derivative = if has_pairs {
        Derivatives::Differences { delta: number_list(&derivative, "delta")?, pairs }
    } else {
        Derivatives::Exact(pairs)
    };
    let theta_fid = number_list(&fiducial, "theta_fid")?;
    let shape = shape.unwrap_or_default();
    let mut simulations = SimulationSet { theta_fid, shape, fiducial: fiducial_rows, derivative };
    if !failed.is_empty() {
        simulations.take_out(&failed);
    }
    Ok(StoredSet { parameters, simulations, origin: Origin::default() })
}

/// All rows of an array; failed ones are entered by their stream.
fn all_rows(table: &Table, name: &str, per_stream: usize, failed: &mut BTreeSet<usize>) -> Result<Vec<f64>> {
    let status = table.status()?;
    let n_missing = status.iter().filter(|status| **status == Status::Missing).count();
    if n_missing > 0 {
        let message = format!("{n_missing} of {} simulations are not there yet", status.len());
        let remedy = "let `posterity simulate` finish them first";
        return Err(Error::invalid_input(message).remedy(remedy).in_file(table.folder()));
    }
    failed.extend(status.iter().enumerate().filter(|(_, s)| **s != Status::Done).map(|(row, _)| row / per_stream));
    table.values(name, 0..table.n_rows())
}

/// A list of numbers that the table says of itself.
fn number_list<T: DeserializeOwned>(table: &Table, key: &str) -> Result<Vec<T>> {
    let value = table.layout().provenance.get(key).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|_| {
        Error::corrupt_file(format!("the table does not say its `{key}`"))
            .remedy("name a folder that `posterity simulate` filled")
            .in_file(table.folder())
    })
}
