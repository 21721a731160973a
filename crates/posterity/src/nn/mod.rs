//! Small fast networks: layers with forward pass, tangents and vector-Jacobian product, their training and their file.
//!
//! A network is a value (a list of layers, `layer`), from which a list of operations of settled sizes is made (`plan`);
//! its weights are one flat slice, so that optimisers, samplers and files see numbers and nothing else. Matrix products are those of the `gemm` crate, one thread each; the rows of a batch are
//! cut into chunks of a fixed size, spread over the threads and summed in a fixed order, so that no result depends on
//! the number of threads.

mod activation;
mod adam;
mod batch;
mod convolution;
mod dense;
mod file;
mod initialise;
mod layer;
mod layer_norm;
mod network;
mod node;
mod plan;
mod pool;
mod power;
mod real;
mod shape;
mod stencil;
mod tape;

pub use crate::tensors::{Metadata, Tensors, Values, read_tensors, write_tensors};
pub use activation::Activation;
pub use adam::{Adam, AdamSettings};
pub use batch::{GradientSum, Workspace};
pub use file::{read_metadata, read_weights, take_metadata, write_weights};
pub use initialise::initialise;
pub use layer::{Layer, Padding};
pub use network::{LayerSummary, Network};
pub use real::Real;
pub use shape::Shape;

#[cfg(test)]
mod tests;
