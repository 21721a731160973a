//! Arrays of a Zarr group that another program wrote, version 2 or 3: f32 or f64, read whole into memory.
//!
//! Chunks may be of any shape, sharded or not; compressed with zstd, gzip or zlib, or not at all. Other codecs (blosc)
//! are refused with their name, and so are arrays of which a chunk is missing. Format:
//! <https://zarr-specs.readthedocs.io>.

use crate::error::{Error, Result};
use crate::npy::{self, Axis, Rows};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use zarrs::array::{Array, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::Group;

/// Files that describe an array, and a group.
const OF_ARRAY: [&str; 2] = ["zarr.json", ".zarray"];
const OF_GROUP: [&str; 2] = ["zarr.json", ".zgroup"];

/// True if the folder is a Zarr group.
pub(super) fn is_group(folder: &Path) -> bool {
    OF_GROUP.iter().any(|file| folder.join(file).is_file())
}

/// True if the folder is an array, as a member of a group is.
pub(super) fn is_array(folder: &Path) -> bool {
    OF_ARRAY.iter().any(|file| folder.join(file).is_file())
}

/// The group's attributes.
///
/// # Errors
/// Invalid input, where its description cannot be read.
pub(super) fn attributes(folder: &Path) -> Result<Map<String, Value>> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::invalid_input(format!("the Zarr group cannot be opened ({error})"))
            .remedy("write it again")
            .in_file(folder)
    };
    let store = FilesystemStore::new(folder).map_err(|error| refused(&error))?;
    Group::open(Arc::new(store), "/").map(|group| group.attributes().clone()).map_err(|error| refused(&error))
}

fn open(folder: &Path) -> Result<Array<FilesystemStore>> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::invalid_input(format!("the Zarr array cannot be opened ({error})"))
            .remedy("write it uncompressed or with zstd or gzip, as version 3 of the format")
            .in_file(folder)
    };
    let store = FilesystemStore::new(folder).map_err(|error| refused(&error))?;
    Array::open(Arc::new(store), "/").map_err(|error| refused(&error))
}

fn shape_of(array: &Array<FilesystemStore>) -> Vec<usize> {
    array.shape().iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).collect()
}

/// Chunks that were never written read as the fill value: half a suite would pass for whole.
fn every_chunk_is_there(array: &Array<FilesystemStore>, folder: &Path) -> Result<()> {
    let grid = array.chunk_grid_shape();
    for mut k in 0..grid.iter().product::<u64>() {
        let mut index = vec![0; grid.len()];
        for (i, n) in index.iter_mut().zip(grid).rev() {
            (*i, k) = (k % n, k / n);
        }
        let key = array.chunk_key(&index);
        if !folder.join(key.as_str()).is_file() {
            return Err(Error::invalid_input(format!("the chunk {} is not there", key.as_str())).remedy(
                "finish writing the array; chunks of nothing but the fill value want write_empty_chunks = True",
            ));
        }
    }
    Ok(())
}

/// Length of each axis.
///
/// # Errors
/// Invalid input, where there is no array that can be read.
pub(super) fn shape(folder: &Path) -> Result<Vec<usize>> {
    open(folder).map(|array| shape_of(&array))
}

/// All elements of an array with these axes, in memory.
///
/// # Errors
/// Invalid input, where the elements are not f32 or f64, the shape is another, or a number is not finite; corrupt file,
/// where a chunk cannot be decoded.
pub(super) fn read(folder: &Path, axes: &[Axis]) -> Result<Rows> {
    let array = open(folder)?;
    let read = || {
        let is = |other| *array.data_type() == other;
        let (single, double) = (is(data_type::float32()), is(data_type::float64()));
        if !single && !double {
            let message = format!("the elements are of type {}, not float32 or float64", array.data_type());
            return Err(Error::invalid_input(message).remedy("write array.astype(float)"));
        }
        let shape = shape_of(&array);
        npy::check_shape(&shape, axes)?;
        every_chunk_is_there(&array, folder)?;
        let damaged = |error: zarrs::array::ArrayError| {
            Error::corrupt_file(format!("a chunk cannot be read ({error})")).remedy("write the array again")
        };
        let all = array.subset_all();
        let rows: Vec<f64> = if double {
            array.retrieve_array_subset(&all).map_err(damaged)?
        } else {
            let rows: Vec<f32> = array.retrieve_array_subset(&all).map_err(damaged)?;
            rows.into_iter().map(f64::from).collect()
        };
        npy::check_finite(&rows, 0, &shape, npy::OF_FAILED)?;
        Ok(rows.into())
    };
    read().map_err(|error: Error| error.in_file(folder))
}
