//! Arrays of a Zarr group that another program wrote, version 2 or 3: f32 or f64, read a chunk's rows at a time.
//!
//! Chunks may be of any shape, sharded or not; compressed with zstd, gzip or zlib, or not at all. Other codecs (blosc)
//! are refused with their name, and so are arrays of which a chunk is missing. Format:
//! <https://zarr-specs.readthedocs.io>.

use crate::error::{Error, Result};
use crate::npy::{self, Axis, Cursor, Numbers, Rows};
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{Array, ArraySubset, data_type};
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

/// An array with these axes, whose elements stay on the disk; all are looked at once.
///
/// # Errors
/// Invalid input, where the elements are not f32 or f64, the shape is another, or a number is not finite; corrupt file,
/// where a chunk cannot be decoded.
pub(super) fn read(folder: &Path, axes: &[Axis]) -> Result<Rows> {
    let array = open(folder)?;
    let read = || {
        let is = |other| *array.data_type() == other;
        let is_single = is(data_type::float32());
        if !is_single && !is(data_type::float64()) {
            let message = format!("the elements are of type {}, not float32 or float64", array.data_type());
            return Err(Error::invalid_input(message).remedy("write array.astype(float)"));
        }
        let shape = shape_of(&array);
        npy::check_shape(&shape, axes)?;
        every_chunk_is_there(&array, folder)?;
        let chunk = array.chunk_shape(&vec![0; shape.len()]).map_err(|error| damaged(&error))?;
        let n_rows = shape.first().copied().unwrap_or(1).max(1);
        let slab = chunk.first().map_or(1, |n| usize::try_from(n.get()).unwrap_or(usize::MAX)).min(n_rows);
        let rows = Rows::elsewhere(GroupRows { array, folder: folder.into(), is_single, shape: shape.clone(), slab });
        let width = shape.iter().skip(1).product::<usize>().max(1);
        npy::in_blocks(&[(&rows, width)], 0..rows.len() / width, slab, |range, parts| {
            npy::check_finite(parts[0], range.start * width, &shape, npy::OF_FAILED)
        })?;
        Ok(rows)
    };
    read().map_err(|error: Error| error.in_file(folder))
}

fn damaged(error: &dyn std::fmt::Display) -> Error {
    Error::corrupt_file(format!("a chunk cannot be read ({error})")).remedy("write the array again")
}

/// An array as rows along its first axis.
struct GroupRows {
    array: Array<FilesystemStore>,
    folder: PathBuf,
    is_single: bool,
    shape: Vec<usize>,
    /// Rows of a chunk: so many are decoded at once.
    slab: usize,
}

/// Keeps the slab read last.
struct InSlab<'a> {
    rows: &'a GroupRows,
    slab: Option<(usize, Vec<f64>)>,
}

impl GroupRows {
    fn width(&self) -> usize {
        self.shape.iter().skip(1).product::<usize>().max(1)
    }

    fn decode(&self, slab: usize) -> Result<Vec<f64>> {
        let n = self.shape.first().copied().unwrap_or_default();
        let rows = (slab * self.slab) as u64..((slab + 1).saturating_mul(self.slab)).min(n) as u64;
        let others = self.shape.iter().skip(1).map(|n| 0..*n as u64);
        let subset = ArraySubset::new_with_ranges(&std::iter::once(rows).chain(others).collect::<Vec<_>>());
        let read = if self.is_single {
            let single = self.array.retrieve_array_subset::<Vec<f32>>(&subset);
            single.map(|numbers| numbers.into_iter().map(f64::from).collect())
        } else {
            self.array.retrieve_array_subset::<Vec<f64>>(&subset)
        };
        read.map_err(|error| damaged(&error).in_file(&self.folder))
    }
}

impl Numbers for GroupRows {
    fn n(&self) -> usize {
        self.shape.iter().product()
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(InSlab { rows: self, slab: None })
    }
}

impl Cursor for InSlab<'_> {
    fn read(&mut self, range: Range<usize>, out: &mut Vec<f64>) -> Result<()> {
        let size = self.rows.slab * self.rows.width();
        let mut at = range.start;
        while at < range.end {
            let slab = at / size;
            if self.slab.as_ref().is_none_or(|(there, _)| *there != slab) {
                // The last one goes before the next one comes.
                self.slab = None;
                self.slab = Some((slab, self.rows.decode(slab)?));
            }
            let end = range.end.min((slab + 1) * size);
            let part = at - slab * size..end - slab * size;
            out.extend(self.slab.iter().flat_map(|(_, numbers)| &numbers[part.clone()]));
            at = end;
        }
        Ok(())
    }
}
