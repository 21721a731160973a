//! The stages of an analysis: simulate, compress, infer, report, or all of them.

use super::Analysis;
use crate::error::{Error, Result};
use crate::progress::Progress;
use std::path::Path;

/// Draws the simulations of the compressor into the output folder.
///
/// # Errors
/// Numerical: not there yet.
pub fn simulate(_analysis: &Analysis, _out_dir: &Path, _progress: &dyn Progress) -> Result<()> {
    Err(not_there("simulate"))
}

/// Trains the compressor and keeps it in the output folder.
///
/// # Errors
/// Numerical: not there yet.
pub fn compress(_analysis: &Analysis, _out_dir: &Path, _progress: &dyn Progress) -> Result<()> {
    Err(not_there("compress"))
}

/// Infers the posterior by every method wanted, with the compressor of the output folder.
///
/// # Errors
/// Numerical: not there yet.
pub fn infer(_analysis: &Analysis, _out_dir: &Path, _progress: &dyn Progress) -> Result<()> {
    Err(not_there("infer"))
}

/// Writes the report from the results of the output folder.
///
/// # Errors
/// Numerical: not there yet.
pub fn report(_analysis: &Analysis, _out_dir: &Path, _progress: &dyn Progress) -> Result<()> {
    Err(not_there("report"))
}

/// All stages, one after the other.
///
/// # Errors
/// Numerical: not there yet.
pub fn run(_analysis: &Analysis, _out_dir: &Path, _progress: &dyn Progress) -> Result<()> {
    Err(not_there("run"))
}

fn not_there(stage: &str) -> Error {
    Error::numerical(format!("the stage {stage} is not there yet"))
}
