//! An analysis on all ranks of an MPI run: rank 0 runs the stages and writes, the others simulate for its inference.
//!
//! The other ranks read the analysis file themselves, once inference begins; the compressor is sent to them, so that
//! they need not see the output folder.

use super::super::{Analysis, Method};
use super::COMPRESSOR;
use crate::compressor::Compression;
use crate::error::{Error, Result};
use crate::lfi::ranks::{Ranks, Tag, World, refuse, serve as serve_method};
use crate::lfi::{Forward, Local};
use crate::seed::Seed;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::path::Path;

/// What rank 0 says between methods; the bytes of the compressor's file follow `Begin`.
#[derive(Serialize, Deserialize)]
enum Stage {
    Begin { method: String, settings: serde_json::Value },
    End,
}

thread_local! {
    /// The ranks that wait for what this thread does.
    static WAITING: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Runs stages on rank 0, whose inference simulates on all ranks, and lets the others go. These have to [`serve`].
pub fn lead<T>(world: &World, stages: impl FnOnce() -> T) -> T {
    struct Leading<'a>(&'a World);
    impl Drop for Leading<'_> {
        fn drop(&mut self) {
            WAITING.set(None);
            (1..self.0.size()).for_each(|rank| self.0.send(rank, Tag::Stage, &Stage::End, &[]));
        }
    }
    WAITING.set(Some(world.clone()));
    let _leading = Leading(world);
    stages()
}

/// Simulates for the inference on rank 0 until that has done its stages; for all other ranks. Writes nothing.
///
/// `analysis` reads the analysis that rank 0 runs. What is wrong on this rank is told to rank 0, where it ends the stage.
pub fn serve(world: &World, analysis: impl FnOnce() -> Result<Analysis>) {
    let analysis = std::cell::LazyCell::new(analysis);
    loop {
        match world.receive::<Stage>(0, Tag::Stage) {
            Ok((Stage::Begin { method, settings }, compressor)) => {
                if let Err(error) = serve_one(world, analysis.as_ref(), &method, &settings, &compressor) {
                    refuse(world, &error);
                }
            }
            Ok((Stage::End, _)) => return,
            Err(error) => refuse(world, &error),
        }
    }
}

fn serve_one(
    world: &World,
    analysis: std::result::Result<&Analysis, &Error>,
    method: &str,
    settings: &serde_json::Value,
    compressor: &[u8],
) -> Result<()> {
    let remedy = "give all ranks the same analysis file";
    let analysis = analysis.map_err(|error| Error::invalid_input(error.to_string()).remedy(remedy))?;
    if analysis.settings != *settings {
        return Err(Error::invalid_input("the analysis is not that of rank 0").remedy(remedy).in_file(&analysis.file));
    }
    let Compression { compressor, knowledge } = compression_of(compressor, world.rank())?;
    let simulator = analysis.simulator();
    let forward = Forward { simulator: &*simulator, compressor: &compressor, quasi_mle: &knowledge.quasi_mle };
    serve_method(world, forward.seeded(Seed::new(analysis.seed).label(method)));
    Ok(())
}

/// Compressors are read from files, so for a moment it is one.
fn compression_of(bytes: &[u8], rank: usize) -> Result<Compression> {
    let name = format!("posterity-{}-{rank}.safetensors", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).map_err(|e| Error::io(&path, &e))?;
    let read = Compression::read(&path);
    // One that stays in the folder of temporary files does no harm.
    _ = std::fs::remove_file(&path);
    Ok(read?.0)
}

/// The ranks that wait for this thread, if any, made ready for a method.
pub(super) fn ready<'a>(
    world: &'a Option<World>,
    analysis: &Analysis,
    out_dir: &Path,
    method: Method,
    local: Local<'a>,
) -> Result<Option<Ranks<'a>>> {
    let Some(world) = world else { return Ok(None) };
    let path = out_dir.join(COMPRESSOR);
    let compressor = std::fs::read(&path).map_err(|e| Error::io(&path, &e))?;
    let begin = Stage::Begin { method: method.name().into(), settings: analysis.settings.clone() };
    (1..world.size()).for_each(|rank| world.send(rank, Tag::Stage, &begin, &compressor));
    Ranks::new(world, local).map(Some)
}

/// The ranks that wait for this thread.
pub(super) fn waiting() -> Option<World> {
    WAITING.with_borrow(Option::clone)
}
