//! Arrays of real numbers in numpy's `.npy` files and `.npz` archives: f32 or f64 in C order, read, mapped and written.
//!
//! What a file holds is told by its first bytes, not by its name. An archive holds several arrays, stored or deflated;
//! which one is wanted is said by name, unless there is only one. Arrays are checked before anything is allocated for
//! them: element type, order, shape against the axes expected, and the number of bytes; then, that every number is
//! finite.
//!
//! ```
//! use posterity::npy;
//! let path = std::env::temp_dir().join("posterity_doc_npy.npy");
//! npy::write(&path, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! let mapped = npy::map(&path, None, &[("simulation", None), ("data", Some(3))])?;
//! assert_eq!((mapped.shape[0], mapped.rows.all()?[4]), (2, 5.0));
//! let error = npy::map(&path, None, &[("simulation", None), ("data", Some(4))]).expect_err("three");
//! assert!(error.to_string().contains("axis 1 (data) has length 3, expected 4"));
//! # Ok::<(), posterity::Error>(())
//! ```

mod archive;
mod blocks;
mod header;
mod joined;
mod mapping;
mod rows;
mod shape;
#[cfg(test)]
mod tests;

pub use blocks::in_blocks;
pub use joined::{interleaved, one_after_another};
pub use rows::{Cursor, Numbers, Reader, Rows};

use crate::error::{Error, Result};
use crate::whole_file::write_whole;
use header::Header;
use mapping::Mapping;
use npyz::WriterBuilder;
use rayon::prelude::*;
pub(crate) use shape::check as check_shape;
use shape::tuple;
use std::path::Path;

/// An array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements, last axis fastest.
    pub data: Vec<f64>,
}

/// An array in C order that is left in its file where that can be.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements, last axis fastest.
    pub rows: Rows,
}

/// What is known of an axis before the file is read: its name, and its length where that is fixed. Behind a colon, the
/// name may list what lies along the axis (`parameter: omega_m, w`); an error then repeats it.
pub type Axis<'a> = (&'a str, Option<usize>);

/// What to do about numbers of a set of simulations that are not finite.
pub(crate) const OF_FAILED: &str = "take simulations that failed out of all arrays alike";
/// Elements that one task looks through for NaN.
const CHUNK: usize = 1 << 16;
/// Elements that are looked through at once.
const BLOCK: usize = 1 << 21;

/// Reads the only array of a file, of the given axes; f32 becomes f64.
///
/// # Errors
/// Io; corrupt file, where it is not in numpy's format or ends early; invalid input, where the elements are not f32 or
/// f64, the order is Fortran's, the shape is another, or a number is not finite.
pub fn read(path: &Path, axes: &[Axis]) -> Result<Array> {
    read_from(path, None, axes)
}

/// As [`read`], the array `name` of an archive.
///
/// # Errors
/// As [`read`]; invalid input that lists the arrays there, if there is none of that name, or several and none is named.
pub fn read_from(path: &Path, name: Option<&str>, axes: &[Axis]) -> Result<Array> {
    let mapped = map_or(path, name, axes, "write finite numbers alone")?;
    Ok(Array { shape: mapped.shape, data: mapped.rows.into_vec()? })
}

/// As [`read_from`], from the bytes of a file.
///
/// # Errors
/// As [`read_from`], less io.
pub fn from_bytes(bytes: &[u8], name: Option<&str>, axes: &[Axis]) -> Result<Array> {
    let (shape, data) = numbers(&archive::member(bytes, name)?.0, |header| header.real(axes))?;
    check_finite(&data, 0, &shape, "write finite numbers alone")?;
    Ok(Array { shape, data })
}

/// As [`read_from`], for sets of simulations, but leaves the elements in the file: its pages are read when they are looked
/// at, and given back when memory is short. Elements that are not f64 as this machine has it are converted whenever they
/// are read. An array of an archive can be left there only if it is stored and not deflated.
///
/// # Errors
/// As [`read_from`].
pub fn map(path: &Path, name: Option<&str>, axes: &[Axis]) -> Result<Mapped> {
    map_or(path, name, axes, OF_FAILED)
}

/// As [`map`], with what to do about a number that is not finite.
fn map_or(path: &Path, name: Option<&str>, axes: &[Axis], remedy: &str) -> Result<Mapped> {
    let here = || {
        let mapping = Mapping::open(path)?;
        let (bytes, start) = archive::member(mapping.bytes(), name)?;
        let header = Header::parse(&bytes)?;
        let n = header.real(axes)?;
        let rows = match start {
            Some(start) => {
                header.raw(&bytes, header.item.size())?;
                Rows::mapped(mapping.clone(), start + header.end, n, header.item)?
            }
            None => Rows::from(header.elements(&bytes)?),
        };
        in_blocks(&[(&rows, 1)], 0..rows.len(), BLOCK, |range, numbers| {
            check_finite(numbers[0], range.start, &header.shape, remedy)
        })?;
        Ok(Mapped { shape: header.shape, rows })
    };
    here().map_err(|error: Error| error.in_file(path))
}

/// Length of each axis of an array, of which nothing but the header is read.
///
/// # Errors
/// As [`read_from`], but for the elements.
pub fn shape(path: &Path, name: Option<&str>) -> Result<Vec<usize>> {
    let here = || Ok(Header::parse(&archive::member(Mapping::open(path)?.bytes(), name)?.0)?.shape);
    here().map_err(|error: Error| error.in_file(path))
}

/// Names of the arrays in an archive, in alphabetical order.
///
/// # Errors
/// Io; corrupt file, if it is no archive.
pub fn names(path: &Path) -> Result<Vec<String>> {
    Mapping::open(path).and_then(|mapping| archive::names(mapping.bytes())).map_err(|error| error.in_file(path))
}

/// The words of a one-dimensional array of text.
///
/// # Errors
/// As [`read_from`]; invalid input, if the elements are no text.
pub fn words(path: &Path, name: Option<&str>) -> Result<Vec<String>> {
    let here = || {
        let mapping = Mapping::open(path)?;
        let bytes = archive::member(mapping.bytes(), name)?.0;
        Header::parse(&bytes)?.words(&bytes)
    };
    here().map_err(|error: Error| error.in_file(path))
}

/// Reads one simulation of this shape from the bytes of a `.npy` or `.npz` file; NaN is left for others to judge.
///
/// # Errors
/// As [`from_bytes`], but for NaN; invalid input also where `data` has not as many values as the shape.
pub fn simulation(bytes: &[u8], name: Option<&str>, shape: &[usize], data: &mut [f64]) -> Result<()> {
    let axes: Vec<Axis<'_>> = shape.iter().map(|n| ("data", Some(*n))).collect();
    let (shape, values) = numbers(&archive::member(bytes, name)?.0, |header| header.real(&axes))?;
    if values.len() != data.len() {
        let message = format!("an array of shape {} does not hold {} values", tuple(&shape), data.len());
        return Err(Error::invalid_input(message));
    }
    data.copy_from_slice(&values);
    Ok(())
}

fn numbers(bytes: &[u8], check: impl Fn(&Header) -> Result<usize>) -> Result<(Vec<usize>, Vec<f64>)> {
    let header = Header::parse(bytes)?;
    check(&header)?;
    let data = header.elements(bytes)?;
    Ok((header.shape, data))
}

/// Of the elements from `first` on, the first in order that is not finite is told, whichever thread finds one first.
pub(crate) fn check_finite(data: &[f64], first: usize, shape: &[usize], remedy: &str) -> Result<()> {
    let not_finite = |(i, chunk): (usize, &[f64])| Some(i * CHUNK + chunk.iter().position(|x| !x.is_finite())?);
    match data.par_chunks(CHUNK).enumerate().find_map_first(not_finite) {
        None => Ok(()),
        Some(k) => {
            let position = tuple(&shape::position(first + k, shape));
            Err(Error::invalid_input(format!("element {position} is {}", data[k])).remedy(remedy))
        }
    }
}

/// Writes an array of f64, under a temporary name that becomes `path` when it is complete.
///
/// # Errors
/// Io; invalid input, if there are not as many elements as the shape says.
pub fn write(path: &Path, shape: &[usize], data: &[f64]) -> Result<()> {
    if shape.iter().product::<usize>() != data.len() {
        return Err(Error::invalid_input(format!("{} elements do not have the shape {}", data.len(), tuple(shape))));
    }
    let shape: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    write_whole(path, |file| {
        let write = || -> std::io::Result<()> {
            let mut npy = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            npy.extend(data.iter().copied())?;
            npy.finish()
        };
        write().map_err(|error| Error::io(path, &error))
    })
}
