//! The section `[store]`: how simulations are kept.

use super::section::Section;
use crate::error::Result;
use serde::Deserialize;

/// How simulations are kept on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// Rows of a chunk of a new table; chosen by the size of a row where left out.
    pub chunk_rows: Option<u64>,
    /// True to keep the simulations of every stage, false those of the training and held-out sets alone; where left out,
    /// all are kept if a program outside makes them.
    pub keep_all: Option<bool>,
}

/// Keys of the section.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    chunk_rows: Option<u64>,
    keep_all: Option<bool>,
}

/// Rows of a chunk at the most: one is held in memory for each thread.
const MOST_ROWS: u64 = 1 << 20;

/// Reads and checks the section.
pub(super) fn read(section: Section<'_>) -> Result<StoreSettings> {
    let document = section.document;
    let Keys { chunk_rows, keep_all } = section.rest(&[])?;
    if let Some(n) = chunk_rows {
        let message = format!("{n} cannot be used");
        let remedy = format!("give a number from 1 to {MOST_ROWS}, or leave it out");
        document.demand((1..=MOST_ROWS).contains(&n), "store.chunk_rows", message, &remedy)?;
    }
    Ok(StoreSettings { chunk_rows, keep_all })
}
