//! The file `results.json` of an output folder, whatever kind of analysis it is of.

use crate::error::{Error, Result};
use crate::whole_file::write_text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// Name of the file in the output folder.
pub(super) const FILE: &str = "results.json";

/// Reads the results of a folder.
///
/// # Errors
/// Io; corrupt file, if it is none that this program wrote.
pub(super) fn read<T: DeserializeOwned>(folder: &Path) -> Result<T> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, &e))?;
    serde_json::from_str(&text).map_err(|e| {
        Error::corrupt_file(e.to_string()).in_file(&path).remedy("take it away, or choose another output folder")
    })
}

/// Writes results into a folder.
///
/// # Errors
/// Io.
pub(super) fn write<T: Serialize>(results: &T, folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    let text = serde_json::to_string_pretty(results).map_err(|e| Error::numerical(e.to_string()).in_file(&path))?;
    write_text(&path, &(text + "\n"))
}

/// The settings that results depend on: all but the title.
pub(super) fn but_title(settings: &Value) -> Value {
    let mut settings = settings.clone();
    settings.as_object_mut().map(|table| table.remove("title"));
    settings
}
