//! Learning that is interrupted, and learning from simulations that fail.

mod failure;
mod interruption;
mod outlook;

use super::imnn::{Settings, Training};
use super::{Checkpoint, Compressor, Imnn, SummaryMoments};
use crate::error::{Error, Result};
use crate::nn::Metadata;
use crate::parameter::Parameter;
use crate::progress::Progress;
use crate::seed::{Seed, Stream};
use crate::simulator::{SimulationSet, Simulator};
use rand::Rng;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// A simulator that fails for a fraction of the streams, above `theta_fid` alone where asked, and leaves the noise of
/// the others as it is: every other failure is NaN.
struct Fails<S> {
    simulator: S,
    fraction: f64,
    above: Option<f64>,
}

impl<S: Simulator> Fails<S> {
    fn judge(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        let draw = stream.next_u64();
        let fails = (draw as f64) < self.fraction * 2f64.powi(64) && self.above.is_none_or(|above| theta[0] > above);
        match (fails, draw % 2) {
            (false, _) => Ok(()),
            (true, 0) => Err(Error::simulation_failed("it does not converge")),
            (true, _) => {
                data[0] = f64::NAN;
                Ok(())
            }
        }
    }
}

impl<S: Simulator> Simulator for Fails<S> {
    fn parameters(&self) -> &[Parameter] {
        self.simulator.parameters()
    }

    fn shape(&self) -> &[usize] {
        self.simulator.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        self.simulator.simulate(theta, stream, data)?;
        self.judge(theta, stream, data)
    }

    fn has_derivative(&self) -> bool {
        self.simulator.has_derivative()
    }

    fn simulate_with_derivative(
        &self,
        theta: &[f64],
        stream: &mut Stream,
        data: &mut [f64],
        derivative: &mut [f64],
    ) -> Result<()> {
        self.simulator.simulate_with_derivative(theta, stream, data, derivative)?;
        self.judge(theta, stream, data)
    }
}

/// Asks for an end at its n-th question, and keeps what it is told.
struct Stops {
    left: Mutex<usize>,
    notes: Mutex<Vec<String>>,
    panics_at: u64,
}

impl Stops {
    fn after(n: usize) -> Self {
        Self { left: Mutex::new(n), notes: Mutex::default(), panics_at: u64::MAX }
    }

    fn continued(&self) -> Option<String> {
        let notes = self.notes.lock().expect("unharmed");
        notes.iter().find(|note| note.starts_with("continued")).cloned()
    }
}

impl Progress for Stops {
    fn begin(&self, _: &str, _: Option<u64>) {}

    fn at(&self, step: u64, note: &str) {
        self.notes.lock().expect("unharmed").push(note.into());
        assert!(step < self.panics_at, "killed at {step}");
    }

    fn end(&self, _: &str) {}

    fn stop_requested(&self) -> bool {
        let mut left = self.left.lock().expect("unharmed");
        *left = left.saturating_sub(1);
        *left == 0
    }
}

/// A folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("posterity-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        Self(folder)
    }

    fn checkpoint(&self, every: Duration) -> Checkpoint {
        checkpoint(&self.0, every)
    }

    fn n_files(&self) -> usize {
        std::fs::read_dir(&self.0).expect("there").count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn checkpoint(folder: &Path, every: Duration) -> Checkpoint {
    Checkpoint { path: folder.join("training.safetensors"), every, identity: serde_json::json!({ "of": [1, 0.1] }) }
}

fn set(simulator: &dyn Simulator, theta: &[f64], delta: Option<&[f64]>, n: usize, seed: u64) -> SimulationSet {
    let mut set = SimulationSet::new(simulator, theta, delta, n, n).expect("valid");
    set.fill(simulator, Seed::new(seed), 0).expect("simulated");
    set
}

fn ln_det(imnn: &Imnn, set: &SimulationSet) -> f64 {
    let (x, dx) = imnn.summarise(set).expect("in memory");
    let moments = SummaryMoments::from_simulations(&x, &dx, imnn.n_summaries(), set.n_params()).expect("enough");
    moments.fisher().expect("regular").ln_det
}

fn bytes(imnn: &Imnn, folder: &Path) -> Vec<u8> {
    let path = folder.join("imnn.safetensors");
    imnn.write(&path, Metadata::new()).expect("written");
    let bytes = std::fs::read(&path).expect("there");
    std::fs::remove_file(&path).expect("removed");
    bytes
}
