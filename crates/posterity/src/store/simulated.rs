//! A set from the tables that `posterity simulate` filled: `fiducial.zarr` beside `differences.zarr` or
//! `derivative.zarr`.
//!
//! Rows of differences are numbered by random stream, then parameter, then below and above. A stream of which any
//! simulation failed is left out of both tables.

use super::rows::without;
use super::set::check_counts;
use super::{Origin, Status, StoredSet, Table};
use crate::error::{Error, Result};
use crate::simulator::{Derivatives, SimulationSet};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;

const FIDUCIAL: &str = "fiducial.zarr";
const DIFFERENCES: &str = "differences.zarr";
const DERIVATIVE: &str = "derivative.zarr";
/// What the tables of one run say alike: all that simulations depend on beside the steps of pairs.
const SHARED: [&str; 5] = ["theta_fid", "seed", "simulator", "nuisance", "label"];

/// True if the folder holds such tables.
pub(super) fn is_simulated(folder: &Path) -> bool {
    folder.join(FIDUCIAL).is_dir() && [DIFFERENCES, DERIVATIVE].iter().any(|name| folder.join(name).is_dir())
}

/// Reads the set, whose rows stay in their tables.
///
/// # Errors
/// Invalid input, where a table is not filled, the two are of different simulations, or there are derivatives of both
/// kinds; corrupt file; io.
pub(super) fn read(folder: &Path) -> Result<StoredSet> {
    let has_pairs = folder.join(DIFFERENCES).is_dir();
    if has_pairs && folder.join(DERIVATIVE).is_dir() {
        return Err(Error::invalid_input(format!("there are both {DERIVATIVE} and {DIFFERENCES}"))
            .remedy("take away the one that is of an older analysis")
            .in_file(folder));
    }
    let fiducial = Table::open(&folder.join(FIDUCIAL))?;
    let derivative = Table::open(&folder.join(if has_pairs { DIFFERENCES } else { DERIVATIVE }))?;
    let parameters = fiducial.layout().parameters.clone();
    let said = |table: &Table, key: &str| table.layout().provenance.get(key).cloned();
    if derivative.layout().parameters != parameters
        || SHARED.iter().any(|key| said(&fiducial, key) != said(&derivative, key))
    {
        return Err(Error::invalid_input("the tables of this folder are of different simulations")
            .remedy("name the folder of one run of `posterity simulate`")
            .in_file(folder));
    }
    let data = if has_pairs { "data" } else { "derivative" };
    let per_stream = if has_pairs { 2 * parameters.len() as u64 } else { 1 };
    let failed: BTreeSet<u64> = &failed_streams(&derivative, per_stream)? | &failed_streams(&fiducial, 1)?;
    let shape = fiducial.layout().values.iter().find(|values| values.name == "data").map(|values| values.shape.clone());
    let delta = has_pairs.then(|| number_list(&derivative, "delta")).transpose()?;
    let theta_fid = number_list(&fiducial, "theta_fid")?;
    let left = |table: &Table, per_stream: u64| without(&failed, per_stream, table.n_rows());
    let of_derivative = left(&derivative, per_stream);
    let of_fiducial = left(&fiducial, 1);
    let rows = derivative.into_rows(data, of_derivative)?;
    let derivative = match delta {
        Some(delta) => Derivatives::Differences { delta, pairs: rows },
        None => Derivatives::Exact(rows),
    };
    let fiducial = fiducial.into_rows("data", of_fiducial)?;
    let simulations = SimulationSet { theta_fid, shape: shape.unwrap_or_default(), fiducial, derivative };
    check_counts(&simulations).map_err(|error| error.in_file(folder))?;
    Ok(StoredSet { parameters, simulations, origin: Origin::default() })
}

/// The random streams of which a row has failed.
fn failed_streams(table: &Table, per_stream: u64) -> Result<BTreeSet<u64>> {
    let status = table.status()?;
    let n_missing = status.iter().filter(|status| **status == Status::Missing).count();
    if n_missing > 0 {
        let message = format!("{n_missing} of {} simulations are not there yet", status.len());
        let remedy = "let `posterity simulate` finish them first";
        return Err(Error::invalid_input(message).remedy(remedy).in_file(table.folder()));
    }
    let failed = (0_u64..).zip(&status).filter(|(_, status)| **status != Status::Done);
    Ok(failed.map(|(row, _)| row / per_stream).collect())
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
