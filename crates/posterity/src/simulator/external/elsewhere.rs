//! In place of `slots.rs` where there are no process groups of Unix: external programs are refused.

use super::settings::Program;
use crate::error::{Error, Result};
use crate::failure::Failure;
use std::path::Path;

/// No places.
pub(super) struct Slots;

impl Slots {
    /// That it cannot be.
    pub(super) fn new(_: usize) -> Result<Self> {
        let message = "external programs cannot be run on this operating system yet";
        Err(Error::invalid_input(message).at_key("kind").remedy("run the analysis on Linux or macOS"))
    }

    pub(super) fn keep_logs_in(&self, _: &Path) {}

    pub(super) fn take(&self) -> Result<Self> {
        Self::new(0)
    }

    pub(super) fn simulate(
        &mut self,
        _: &Program,
        _: &[f64],
        _: u64,
        _: &mut [f64],
    ) -> Result<std::result::Result<(), Failure>> {
        Self::new(0).map(|_| Ok(()))
    }
}
