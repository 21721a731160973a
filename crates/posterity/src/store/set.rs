//! A set of simulations for training a compressor: at the fiducial point, and for the derivative by each parameter.
//!
//! On disk it is a folder, which any program that writes numpy's format can make:
//!
//! | file | content |
//! |---|---|
//! | `fiducial.npy` | simulations at theta_fid, `(n_s, *shape)` |
//! | `derivative.npy` | exact derivatives ∂d/∂θ there, `(n_d, n_params, *shape)` |
//! | or `differences.npy` | seed-matched pairs at theta_fid ∓ delta/2, `(n_d, n_params, 2, *shape)`, below and above |
//! | `set.json` | `parameters` (their names), `theta_fid`, `shape`, with differences `delta`; where known `origin`: `simulator`, `seed` and `label` |
//!
//! Row i of the derivatives belongs to row i of the simulations (n_d ≤ n_s); a pair has the random stream of its row.

use super::npy::{self, Axis};
use crate::error::{Error, Result};
use crate::simulator::{Derivatives, SimulationSet};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A set on disk: the simulations, the parameters they are about, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSet {
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// The simulations.
    pub simulations: SimulationSet,
    /// Where they come from, as far as it is known.
    pub origin: Origin,
}

/// Where simulations come from: enough to draw them again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of the simulator.
    pub simulator: String,
    /// The integer seed.
    pub seed: u64,
    /// Label of the seed's branch.
    pub label: String,
    /// The settings that the simulator had.
    pub settings: serde_json::Value,
}

impl StoredSet {
    /// Reads a folder.
    ///
    /// # Errors
    /// Io; corrupt file or invalid input, naming the file, if one of them is not what the others say.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("set.json");
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
        let json: Json = serde_json::from_str(&text).map_err(|error| {
            Error::invalid_input(format!("the description of the set cannot be read ({error})"))
                .remedy("give parameters, theta_fid, shape and, with differences, delta")
                .in_file(&path)
                .at_line(error.line())
        })?;
        json.check().map_err(|error| error.in_file(&path))?;
        let data_axes = json.shape.iter().map(|n| ("data", Some(*n)));
        let n_params = json.theta_fid.len();
        let axes = |first: &[Axis<'static>]| first.iter().copied().chain(data_axes.clone()).collect::<Vec<Axis>>();
        let fiducial = npy::read(&folder.join("fiducial.npy"), &axes(&[("n_s", None)]))?.data;
        let (exact, pairs) = (folder.join("derivative.npy"), folder.join("differences.npy"));
        let params = ("n_params", Some(n_params));
        let derivative = match (exact.exists(), pairs.exists(), json.delta.clone()) {
            (true, false, None) => Derivatives::Exact(npy::read(&exact, &axes(&[("n_d", None), params]))?.data),
            (false, true, Some(delta)) => {
                let axes = axes(&[("n_d", None), params, ("below and above", Some(2))]);
                Derivatives::Differences { delta, pairs: npy::read(&pairs, &axes)?.data }
            }
            (true, false, Some(_)) => {
                return Err(unclear("`delta` is for differences.npy, but there is derivative.npy", &path));
            }
            (false, true, None) => return Err(unclear("differences.npy has no `delta`", &path)),
            (true, true, _) => return Err(unclear("there are both derivative.npy and differences.npy", folder)),
            (false, false, _) => return Err(unclear("there is neither derivative.npy nor differences.npy", folder)),
        };
        let simulations = SimulationSet { theta_fid: json.theta_fid, shape: json.shape, fiducial, derivative };
        let (n_s, n_d) = (simulations.n_s(), simulations.n_d());
        if matches!(simulations.derivative, Derivatives::Exact(_)) && n_d > n_s {
            let message = format!("{n_d} derivatives cannot belong to {n_s} simulations");
            return Err(Error::invalid_input(message).remedy("give each derivative its simulation").in_file(&exact));
        }
        Ok(Self { parameters: json.parameters, simulations, origin: json.origin.unwrap_or_default() })
    }

    /// Writes a folder, under a temporary name that becomes its own when it is complete. A set with an origin gives way:
    /// it can be drawn again.
    ///
    /// # Errors
    /// Io; invalid input, if the folder holds anything else.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        let ours = std::fs::read_to_string(folder.join("set.json"))
            .is_ok_and(|text| serde_json::from_str::<Json>(&text).is_ok_and(|json| json.origin.is_some()));
        if occupied && !ours {
            return Err(Error::invalid_input("there is something else in this folder already")
                .remedy("name a new one, or take it away first")
                .in_file(folder));
        }
        let name = folder.file_name().ok_or_else(|| {
            Error::invalid_input("a set needs a folder of its own").remedy("name a new folder").in_file(folder)
        })?;
        let partial = folder.with_file_name(format!(".{}.{}.partial", name.to_string_lossy(), std::process::id()));
        let outcome = self.write_files(&partial).and_then(|()| {
            if folder.exists() {
                std::fs::remove_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
            }
            std::fs::rename(&partial, folder).map_err(|error| Error::io(folder, &error))
        });
        if outcome.is_err() {
            let _ = std::fs::remove_dir_all(&partial);
        }
        outcome
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        let set = &self.simulations;
        let shape = |first: &[usize]| [first, &set.shape].concat();
        let (n_s, n_d, n_params) = (set.n_s(), set.n_d(), set.n_params());
        npy::write(&folder.join("fiducial.npy"), &shape(&[n_s]), &set.fiducial)?;
        let mut steps = None;
        match &set.derivative {
            Derivatives::Exact(rows) => npy::write(&folder.join("derivative.npy"), &shape(&[n_d, n_params]), rows)?,
            Derivatives::Differences { delta, pairs } => {
                steps = Some(delta.clone());
                npy::write(&folder.join("differences.npy"), &shape(&[n_d, n_params, 2]), pairs)?;
            }
        }
        let json = Json {
            parameters: self.parameters.clone(),
            theta_fid: set.theta_fid.clone(),
            shape: set.shape.clone(),
            delta: steps,
            origin: (self.origin != Origin::default()).then(|| self.origin.clone()),
        };
        let path = folder.join("set.json");
        json.check().map_err(|error| error.in_file(&path))?;
        let text = serde_json::to_string_pretty(&json).map_err(|error| {
            Error::invalid_input(format!("the description of the set cannot be written ({error})")).in_file(&path)
        })?;
        std::fs::write(&path, text + "\n").map_err(|error| Error::io(&path, &error))
    }
}

fn unclear(message: &str, path: &Path) -> Error {
    Error::invalid_input(message)
        .remedy("give derivative.npy, or differences.npy with `delta` in set.json")
        .in_file(path)
}

/// The content of set.json.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    parameters: Vec<String>,
    theta_fid: Vec<f64>,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl Json {
    fn check(&self) -> Result<()> {
        let n_params = self.parameters.len();
        let refused = |key: &str, message: String, remedy: &str| {
            Err(Error::invalid_input(message).remedy(remedy.to_string()).at_key(key))
        };
        if n_params == 0 || self.theta_fid.len() != n_params || !self.theta_fid.iter().all(|t| t.is_finite()) {
            let message = format!("{:?} for the parameters {:?}", self.theta_fid, self.parameters);
            return refused("theta_fid", message, "give one finite value a parameter, at least one");
        }
        if self.shape.contains(&0) {
            return refused("shape", format!("a simulation of shape {:?} is empty", self.shape), "give its lengths");
        }
        match &self.delta {
            Some(delta) if delta.len() != n_params || !delta.iter().all(|d| *d > 0.0 && d.is_finite()) => {
                let message = format!("{delta:?} for the parameters {:?}", self.parameters);
                refused("delta", message, "give one positive step a parameter")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
