//! Where unfinished learning is kept: killed at any moment and run again, it goes on and gives the same, bit for bit.
//!
//! A checkpoint is a scratch file that belongs to one computation. It says which one by an identity: the caller's
//! (settings, seed, the analysis), the library's version, and a digest of the simulations learnt from. A file of that
//! identity is continued; a file of another one is an earlier computation's and is overwritten in time; a damaged file,
//! or one that is no checkpoint, is an error and stays.
//!
//! Files are written whole or not at all, so that a kill leaves the last one that was. They are written no more often
//! than `every`, and so seldom that writing takes at most a fiftieth of the time.

use crate::digest;
use crate::error::{Error, Result};
use crate::nn::{Metadata, Tensors, Values, read_tensors, take_metadata, write_tensors};
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet};
use rand::Rng;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Changes with what the files hold.
const FORMAT: u32 = 1;
/// Name of the metadata that holds the identity.
const IDENTITY: &str = "checkpoint";
/// Time between two writes, at the least, in units of the time that one takes.
const SELDOM: u32 = 50;
/// What to do about a damaged file.
const REMEDY: &str = "take it away, and training begins anew";

/// Where unfinished learning is kept, how often, and what it is.
///
/// Training is kept at `path`, the independent simulations after it at `path` with `.independent` appended.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Time between two writes; zero writes after every iteration.
    pub every: Duration,
    /// All that the result depends on beside the settings, the seed and the simulations given: the simulator.
    pub identity: Value,
}

impl Checkpoint {
    /// Takes the files away, if there are any: what was learnt is kept elsewhere.
    ///
    /// # Errors
    /// Io.
    pub fn remove(&self) -> Result<()> {
        for path in [&self.path, &self.path_of_independent()] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The keeper of training, which is also that of `what`.
    pub(super) fn of_training(&self, what: Value) -> Keeper {
        self.keeper(self.path.clone(), what)
    }

    /// The keeper of the independent simulations, which is also that of `what`.
    pub(super) fn of_independent(&self, what: Value) -> Keeper {
        self.keeper(self.path_of_independent(), what)
    }

    fn path_of_independent(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(".independent");
        self.path.with_file_name(name)
    }

    fn keeper(&self, path: PathBuf, what: Value) -> Keeper {
        let version = env!("CARGO_PKG_VERSION");
        let identity = json!({ "format": FORMAT, "version": version, "caller": self.identity, "what": what });
        let start = Instant::now();
        Keeper { path, every: self.every, identity, pause: self.every, start, last: start }
    }
}

/// One file of a checkpoint while its computation runs.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    every: Duration,
    identity: Value,
    pause: Duration,
    start: Instant,
    last: Instant,
}

impl Keeper {
    /// What an earlier run left of this computation.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn find(&self) -> Result<Option<(Tensors, Metadata)>> {
        if !self.path.is_file() {
            return Ok(None);
        }
        let remedy = |error: Error| if error.is_corrupt_file() { error.remedy(REMEDY) } else { error };
        let (tensors, mut metadata) = read_tensors(&self.path).map_err(remedy)?;
        if !metadata.contains_key(IDENTITY) {
            return Err(self.corrupt("this is no checkpoint"));
        }
        let identity: Value = self.take(&mut metadata, IDENTITY)?;
        Ok((identity == self.identity).then_some((tensors, metadata)))
    }

    /// True once enough time has gone by since the last write.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.pause
    }

    /// True where the computation has taken so long that its end is worth a write.
    pub(super) fn is_worth_it(&self) -> bool {
        self.start.elapsed() >= self.every
    }

    /// Writes what there is.
    ///
    /// # Errors
    /// Io.
    pub(super) fn keep<const N: usize>(&mut self, tensors: &Tensors, beside: [(&str, Value); N]) -> Result<()> {
        let start = Instant::now();
        let mut metadata: Metadata = beside.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        metadata.insert(IDENTITY.into(), self.identity.clone());
        write_tensors(&self.path, tensors, metadata)?;
        self.last = Instant::now();
        self.pause = if self.every.is_zero() { self.every } else { self.every.max(SELDOM * start.elapsed()) };
        Ok(())
    }

    /// Takes a row of numbers out of what was found.
    ///
    /// # Errors
    /// Corrupt file, where it is not there.
    pub(super) fn doubles(&self, tensors: &mut Tensors, name: &str) -> Result<Vec<f64>> {
        match tensors.remove(name) {
            Some(Values::F64(values)) => Ok(values),
            _ => Err(self.corrupt(&format!("tensor `{name}` is not there in double precision"))),
        }
    }

    /// As [`Keeper::doubles`], of `n` numbers in single precision.
    ///
    /// # Errors
    /// Corrupt file, where it is not there or has another length.
    pub(super) fn singles(&self, tensors: &mut Tensors, name: &str, n: usize) -> Result<Vec<f32>> {
        match tensors.remove(name) {
            Some(Values::F32(values)) if values.len() == n => Ok(values),
            _ => Err(self.corrupt(&format!("tensor `{name}` is not there with {n} values in single precision"))),
        }
    }

    /// Takes a value out of the metadata found.
    ///
    /// # Errors
    /// Corrupt file, where it is not there or of another form.
    pub(super) fn take<T: DeserializeOwned>(&self, metadata: &mut Metadata, name: &str) -> Result<T> {
        take_metadata(&self.path, metadata, name).map_err(|error| error.remedy(REMEDY))
    }

    /// The file is what it should be but for this.
    pub(super) fn corrupt(&self, what: &str) -> Error {
        Error::corrupt_file(what).in_file(&self.path).remedy(REMEDY)
    }
}

/// Of all that a set holds.
///
/// # Errors
/// Io; corrupt file.
pub(super) fn digest_of(set: &SimulationSet) -> Result<u64> {
    let shape = digest::of_words(set.shape.iter().map(|n| *n as u64));
    let derivative = match &set.derivative {
        Derivatives::Exact(exact) => [0, exact.digest()?],
        Derivatives::Differences { delta, pairs } => [digest::of_numbers(delta), pairs.digest()?],
    };
    let (theta_fid, fiducial) = (digest::of_numbers(&set.theta_fid), set.fiducial.digest()?);
    Ok(digest::of_words([shape, theta_fid, fiducial].into_iter().chain(derivative)))
}

/// The first number that a seed gives, which is different for another seed.
pub(super) fn digest_of_seed(seed: Seed) -> u64 {
    seed.stream(0).next_u64()
}
