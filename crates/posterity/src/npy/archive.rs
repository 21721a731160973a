//! Arrays in an archive (`.npz`): a zip file with one `.npy` for each, stored or deflated.

use crate::error::{Error, Result};
use npyz::npz::{NpzArchive, array_name_from_file_name, file_name_from_array_name};
use std::borrow::Cow;
use std::io::{Cursor, Read};

/// Bytes that one deflated byte can become at most, and those of an empty stream.
const MOST_INFLATED: (u64, u64) = (1032, 64);

/// The bytes of one array in the bytes of a file, and where they begin if they lie there as they are.
///
/// A file that is no archive is the array itself.
pub(super) fn member<'a>(bytes: &'a [u8], name: Option<&str>) -> Result<(Cow<'a, [u8]>, Option<usize>)> {
    if !bytes.starts_with(b"PK") {
        return match name {
            None => Ok((Cow::Borrowed(bytes), Some(0))),
            Some(name) => Err(Error::invalid_input(format!("this is no archive that could hold an array `{name}`"))
                .remedy("name a file written with numpy.savez, or leave the name out")),
        };
    }
    let names = names(bytes)?;
    let listed = format!("the arrays there are: {}", if names.is_empty() { "none".into() } else { names.join(", ") });
    let name = match name {
        Some(name) if names.iter().any(|there| there == name) => name,
        Some(name) => return Err(Error::invalid_input(format!("there is no array `{name}`")).remedy(listed)),
        None if names.len() == 1 => names[0].as_str(),
        None => {
            let message = format!("the archive holds {} arrays, and none is named", names.len());
            return Err(Error::invalid_input(message).remedy(listed));
        }
    };
    extract(bytes, name).map_err(|error| error.at_key(name))
}

fn extract<'a>(bytes: &'a [u8], name: &str) -> Result<(Cow<'a, [u8]>, Option<usize>)> {
    let mut archive = open(bytes)?;
    let file = archive.zip_archive().by_name(&file_name_from_array_name(name)).map_err(damaged)?;
    let method = file.compression().to_string();
    if method == "Stored" {
        let start = usize::try_from(file.data_start()).map_err(damaged)?;
        let end = usize::try_from(file.size()).ok().and_then(|size| start.checked_add(size));
        let part = end.and_then(|end| bytes.get(start..end)).ok_or_else(|| damaged("the file ends early"))?;
        return Ok((Cow::Borrowed(part), Some(start)));
    }
    if method != "Deflated" {
        return Err(Error::invalid_input(format!("the array is packed by the method {method}"))
            .remedy("write it with numpy.savez or numpy.savez_compressed"));
    }
    // What the archive says of the size is asked before memory is taken, and not believed beyond what can be.
    let size = file.size();
    if size > file.compressed_size().saturating_mul(MOST_INFLATED.0).saturating_add(MOST_INFLATED.1) {
        return Err(damaged("an array of this size cannot have been packed so small"));
    }
    let mut whole = Vec::new();
    file.take(size.saturating_add(1)).read_to_end(&mut whole).map_err(damaged)?;
    if whole.len() as u64 != size {
        return Err(damaged("an array has another size than the archive says"));
    }
    Ok((Cow::Owned(whole), None))
}

/// Names of the arrays, in alphabetical order.
pub(super) fn names(bytes: &[u8]) -> Result<Vec<String>> {
    let mut archive = open(bytes)?;
    let files = archive.zip_archive().file_names();
    let mut names: Vec<String> = files.filter_map(array_name_from_file_name).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn open(bytes: &[u8]) -> Result<NpzArchive<Cursor<&[u8]>>> {
    if !bytes.starts_with(b"PK") {
        return Err(damaged("it does not begin as one"));
    }
    NpzArchive::new(Cursor::new(bytes)).map_err(damaged)
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::corrupt_file(format!("this is no whole archive of numpy's ({why})")).remedy("write it with numpy.savez")
}
