//! The section `[store]`: how simulations are kept.

use super::section::Section;
use crate::error::Result;
use serde::Deserialize;

/// How simulations are kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Rows of a chunk of a new table; chosen by the size of a row where left out.
    pub chunk_rows: Option<u64>,
    /// True to keep the simulations of every stage, false those of the training and held-out sets alone; where left out,
    /// all are kept if a program outside makes them.
    pub keep_all: Option<bool>,
    /// Bytes of simulations that training holds in memory; larger sets are read from the disk at each pass.
    pub memory: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { chunk_rows: None, keep_all: None, memory: (DEFAULT_MEMORY_GB * GB) as u64 }
    }
}

/// Bytes of a gigabyte.
const GB: f64 = 1e9;
const DEFAULT_MEMORY_GB: f64 = 8.0;

/// Keys of the section.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    chunk_rows: Option<u64>,
    keep_all: Option<bool>,
    memory_gb: Option<f64>,
}

/// Rows of a chunk at the most: one is held in memory for each thread.
const MOST_ROWS: u64 = 1 << 20;

/// Reads and checks the section.
pub(super) fn read(section: Section<'_>) -> Result<StoreSettings> {
    let document = section.document;
    let Keys { chunk_rows, keep_all, memory_gb } = section.rest(&[])?;
    if let Some(n) = chunk_rows {
        let message = format!("{n} cannot be used");
        let remedy = format!("give a number from 1 to {MOST_ROWS}, or leave it out");
        document.demand((1..=MOST_ROWS).contains(&n), "store.chunk_rows", message, &remedy)?;
    }
    let gb = memory_gb.unwrap_or(DEFAULT_MEMORY_GB);
    let remedy = "give a number of gigabytes, 0 to hold nothing, or leave it out for 8";
    document.demand(gb >= 0.0 && gb.is_finite(), "store.memory_gb", format!("{gb} cannot be used"), remedy)?;
    Ok(StoreSettings { chunk_rows, keep_all, memory: (gb * GB) as u64 })
}
