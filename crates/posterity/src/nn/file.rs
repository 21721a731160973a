//! Weights on disk: a safetensors file, one tensor a matrix or bias, the architecture in its metadata.

use super::network::Network;
use super::real::Real;
use crate::error::{Error, Result};
use crate::tensors::{Buffer, Metadata, deserialise, serialise, unwritable};
use crate::whole_file::write_whole;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::Path;

/// What to do about a damaged file.
const REMEDY: &str = "train the network again";
/// Name of the metadata that holds the layers.
const ARCHITECTURE: &str = "network";

/// Writes weights, architecture and further `metadata` to `path`, whole or not at all.
///
/// Tensors are named `layers.<k>.weight` and `layers.<k>.bias`, as PyTorch would name those of a `Sequential` called
/// `layers`; those of a layer within a layer `layers.<k>.<i>.weight`. A weight is `(n_out, n_in)`, and of convolutions
/// `(channels, channels_in, cells)`, radii in the place of cells where they share their weights.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_weights<T: Real>(path: &Path, network: &Network, weights: &[T], mut metadata: Metadata) -> Result<()> {
    let layers = serde_json::to_value(network).map_err(|e| unwritable(path, &e))?;
    metadata.insert(ARCHITECTURE.into(), layers);
    let mut buffers: Vec<Buffer> = Vec::new();
    for node in network.nodes() {
        let mut rest = &weights[node.weights.clone()];
        for (name, shape) in node.operation.parts() {
            let values = rest.split_off(..shape.iter().product()).unwrap_or_default();
            let mut bytes = Vec::with_capacity(values.len() * 8);
            values.iter().for_each(|x| x.write_le(&mut bytes));
            buffers.push((format!("layers.{}.{name}", node.name), T::DTYPE, shape, bytes));
        }
    }
    let bytes = serialise(path, &buffers, metadata)?;
    write_whole(path, |out| out.write_all(&bytes).map_err(|e| Error::io(path, &e)))
}

/// Reads the metadata of a weight file alone.
///
/// # Errors
/// Where the file cannot be read or is no weight file of this program.
pub fn read_metadata(path: &Path) -> Result<Metadata> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
    deserialise(path, &bytes).map(|(_, metadata)| metadata).map_err(|e| e.remedy(REMEDY))
}

/// Takes one value out of a file's metadata.
///
/// # Errors
/// Corrupt file, if it is not there or of another form.
pub fn take_metadata<T: DeserializeOwned>(path: &Path, metadata: &mut Metadata, name: &str) -> Result<T> {
    serde_json::from_value(metadata.remove(name).unwrap_or_default())
        .map_err(|e| damaged(path, format!("metadata `{name}`: {e}")))
}

/// A file that cannot be what it should be.
fn damaged(path: &Path, what: String) -> Error {
    Error::corrupt_file(what).in_file(path).remedy(REMEDY)
}

/// Reads what [`write_weights`] wrote: architecture, weights and the other metadata.
///
/// # Errors
/// Where the file cannot be read, is no such file, or does not fit its own architecture.
pub fn read_weights<T: Real>(path: &Path) -> Result<(Network, Vec<T>, Metadata)> {
    let corrupt = |what: String| damaged(path, what);
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
    let (tensors, mut metadata) = deserialise(path, &bytes).map_err(|e| e.remedy(REMEDY))?;
    let network: Network = take_metadata(path, &mut metadata, ARCHITECTURE)?;
    let mut weights = Vec::new();
    for node in network.nodes() {
        for (name, shape) in node.operation.parts() {
            let name = format!("layers.{}.{name}", node.name);
            let tensor = tensors.tensor(&name).map_err(|e| corrupt(format!("tensor `{name}`: {e}")))?;
            if tensor.shape() != shape || tensor.dtype() != T::DTYPE {
                let found = (tensor.dtype(), tensor.shape());
                return Err(corrupt(format!("tensor `{name}` should be {:?} {shape:?} but is {found:?}", T::DTYPE)));
            }
            weights.extend(tensor.data().chunks_exact(size_of::<T>()).map(T::read_le));
        }
    }
    Ok((network, weights, metadata))
}
