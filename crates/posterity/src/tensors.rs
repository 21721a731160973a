//! Rows of numbers on disk by name, each in its own precision: a safetensors file with JSON beside them and a digest
//! over all, for what a computation leaves to itself.

use crate::digest;
use crate::error::{Error, Result};
use crate::whole_file::write_whole;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

/// What stands in the file beside the tensors: name and content.
pub type Metadata = BTreeMap<String, Value>;

/// Key of the one entry of the file's own metadata: ours, as JSON in the order of their names, so that the same
/// network is the same file, byte for byte.
const ENTRY: &str = "posterity";
/// Name, type, shape and bytes of a tensor.
pub(crate) type Buffer = (String, Dtype, Vec<usize>, Vec<u8>);
/// Name of the metadata that holds the digest.
const DIGEST: &str = "digest";

/// What to do about damage, where the caller knows nothing better.
const REMEDY: &str = "take it away";

/// Numbers in one precision.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single.
    F32(Vec<f32>),
    /// Double.
    F64(Vec<f64>),
}

/// Numbers by name.
pub type Tensors = BTreeMap<String, Values>;

/// Writes numbers and metadata to `path`, whole or not at all.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &Tensors, metadata: Metadata) -> Result<()> {
    let buffers = tensors.iter().map(|(name, values)| {
        let (dtype, n, bytes) = match values {
            Values::F32(x) => (Dtype::F32, x.len(), x.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Values::F64(x) => (Dtype::F64, x.len(), x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()),
        };
        (name.clone(), dtype, vec![n], bytes)
    });
    let buffers: Vec<_> = buffers.collect();
    let bytes = serialise(path, &buffers, metadata)?;
    write_whole(path, |out| out.write_all(&bytes).map_err(|e| Error::io(path, &e)))
}

/// Reads what [`write_tensors`] wrote.
///
/// # Errors
/// Io; corrupt file, where it is no such file, cut short or changed.
pub fn read_tensors(path: &Path) -> Result<(Tensors, Metadata)> {
    let corrupt = |what: String| Error::corrupt_file(what).in_file(path).remedy(REMEDY);
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
    let (found, metadata) = deserialise(path, &bytes).map_err(|e| e.remedy(REMEDY))?;
    let values = found.tensors().into_iter().map(|(name, view)| match view.dtype() {
        Dtype::F32 => Ok((name, Values::F32(singles(view.data())))),
        Dtype::F64 => Ok((name, Values::F64(doubles(view.data())))),
        other => Err(corrupt(format!("tensor `{name}` is of type {other:?}"))),
    });
    Ok((values.collect::<Result<_>>()?, metadata))
}

/// The bytes of a file with these tensors and metadata, and a digest over all of them.
pub(crate) fn serialise(path: &Path, buffers: &[Buffer], mut metadata: Metadata) -> Result<Vec<u8>> {
    let digest = digest_of(buffers.iter().map(|(name, _, _, bytes)| (name.as_str(), bytes.as_slice())), &metadata);
    metadata.insert(DIGEST.into(), digest.into());
    let text = serde_json::to_string(&metadata).map_err(|e| unwritable(path, &e))?;
    let views = buffers.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| unwritable(path, &e))?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, Some(HashMap::from([(ENTRY.into(), text)]))).map_err(|e| unwritable(path, &e))
}

pub(crate) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::numerical(format!("numbers cannot be written: {error}")).in_file(path)
}

/// The tensors and metadata in the bytes of a file, which are as they were written; what to do about damage is for the caller
/// to say.
pub(crate) fn deserialise<'a>(path: &Path, bytes: &'a [u8]) -> Result<(SafeTensors<'a>, Metadata)> {
    let corrupt = |what: String| Error::corrupt_file(what).in_file(path);
    let no_such = |e| corrupt(format!("no safetensors file: {e}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(no_such)?;
    let text = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
    let text = text.ok_or_else(|| corrupt(format!("the metadata `{ENTRY}` is missing")))?;
    let mut metadata: Metadata = serde_json::from_str(text).map_err(|e| corrupt(format!("metadata `{ENTRY}`: {e}")))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(no_such)?;
    let found = tensors.tensors();
    let written = metadata.remove(DIGEST);
    let digest = digest_of(found.iter().map(|(name, view)| (name.as_str(), view.data())), &metadata);
    if written != Some(digest.into()) {
        return Err(corrupt("its digest is not that of its content".into()));
    }
    Ok((tensors, metadata))
}

/// Over tensors in the order of their names, and metadata.
fn digest_of<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>, metadata: &Metadata) -> u64 {
    let text = serde_json::Value::from_iter(metadata.iter().map(|(k, v)| (k.as_str(), v.clone()))).to_string();
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_unstable_by_key(|(name, _)| *name);
    let words = tensors.iter().flat_map(|(name, bytes)| [digest::of_bytes(name.as_bytes()), digest::of_bytes(bytes)]);
    digest::of_words(std::iter::once(digest::of_bytes(text.as_bytes())).chain(words))
}

fn singles(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&eight| f64::from_le_bytes(eight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_bit_by_bit_and_every_changed_byte_is_seen() {
        let path = std::env::temp_dir().join(format!("posterity-tensors-{}.safetensors", std::process::id()));
        let single = vec![0.1, -0.0, f32::MIN_POSITIVE / 3.0, f32::INFINITY];
        let double = vec![0.1, -0.0, f64::NEG_INFINITY, 1.0 + f64::EPSILON];
        let tensors = Tensors::from([
            ("single".into(), Values::F32(single)),
            ("double".into(), Values::F64(double)),
            ("empty".into(), Values::F64(Vec::new())),
        ]);
        let metadata = Metadata::from([("iteration".into(), 7.into()), ("rate".into(), 0.1.into())]);
        write_tensors(&path, &tensors, metadata.clone()).expect("written");
        let bits = |tensors: &Tensors| format!("{tensors:?}");
        let (found, beside) = read_tensors(&path).expect("read");
        assert_eq!((bits(&found), beside), (bits(&tensors), metadata));
        let whole = std::fs::read(&path).expect("there");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            read_tensors(&path).expect_err("damaged")
        };
        for k in 0..whole.len() {
            let error = refused(&whole[..k]);
            assert!(error.is_corrupt_file() && error.file() == Some(&path), "cut at {k}: {error}");
            let mut changed = whole.clone();
            changed[k] ^= 1;
            // The length of the header, its blanks and its names of things are JSON's to judge; numbers are ours.
            if k >= whole.len() - 48 {
                assert!(refused(&changed).is_corrupt_file(), "changed at {k}");
            }
        }
        std::fs::remove_file(&path).expect("removed");
    }
}
