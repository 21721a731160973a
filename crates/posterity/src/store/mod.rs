//! Simulations on disk: sets of seed-matched simulations in numpy's format, made here or by any other program.

pub mod npy;
mod set;

pub use set::{Origin, StoredSet};
