//! The section `[simulator]` of programs outside: `kind = "command"` and `kind = "worker"`.

use super::model::Model;
use super::section::Section;
use crate::error::Result;
use crate::simulator::External;
use crate::simulator::external::{Kind, Settings};
use std::path::Path;

/// Reads and checks the settings and finds the program, which is not run.
pub(super) fn read(section: Section<'_>, kind: Kind, folder: &Path) -> Result<Model> {
    let document = section.document;
    let settings: Settings = section.rest(&["kind"])?;
    External::new(kind, settings, folder).map(|program| Model::External(Box::new(program))).map_err(|error| {
        let error = error.under_key("simulator");
        let key = error.key().unwrap_or("simulator").to_owned();
        document.blame(&key, error)
    })
}
