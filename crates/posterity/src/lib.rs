//! Parameter inference with simulations and networks.

pub mod analysis;
pub mod compressor;
pub mod diagnostics;
mod digest;
pub mod engine;
pub mod error;
pub mod failure;
pub mod field;
pub mod halo;
pub mod hmc;
pub mod lfi;
pub mod math;
pub mod nn;
pub mod npy;
mod parameter;
pub mod prior;
pub mod progress;
mod reference;
pub mod report;
pub mod samples;
mod seed;
pub mod simulator;
mod spelling;
pub mod store;
mod tensors;
mod whole_file;

pub use error::{Error, Result};
pub use parameter::Parameter;
pub use reference::Reference;
pub use samples::Samples;
pub use seed::{Seed, Stream};

/// The Rust in README.md compiles and runs as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
