//! Simulations on disk: durable tables that many processes fill, as Zarr v3 groups, and sets of seed-matched
//! simulations in numpy's format or as a Zarr group, made here or by any other program.

mod chunk;
mod fill;
mod folder;
mod group;
mod layout;
mod metadata;
mod place;
mod quarantine;
mod queue;
mod read;
mod rows;
mod set;
mod shard;
mod simulated;
mod table;

pub use chunk::{Chunk, Status};
pub use fill::{Filled, Filling, RowMut, SAVE_EVERY, Simulate, fill};
pub use layout::{Layout, MOST_ROWS, Values, chunk_rows};
pub use read::Corrupt;
pub use rows::without;
pub use set::{Known, Origin, StoredSet};
pub use shard::Shard;
pub use table::Table;

#[cfg(test)]
mod tests;
