//! A set of simulations for training a compressor: at the fiducial point, and for the derivative by each parameter.
//!
//! On disk it is a folder, which any program that writes numpy's format can make:
//!
//! | file | content |
//! |---|---|
//! | `fiducial.npy` | simulations at theta_fid, `(n_s, *shape)` |
//! | `derivative.npy` | exact derivatives ∂d/∂θ there, `(n_d, n_params, *shape)` |
//! | or `differences.npy` | seed-matched pairs at theta_fid ∓ delta/2, `(n_d, n_params, 2, *shape)`, below and above |
//! | `set.json` | `parameters` (their names), `theta_fid`, `shape`, with differences `delta`; where known `simulator`, `seed` and the range of indices `fiducial_indices`, `derivative_indices`, end excluded |

use super::npy::{self, Axis};
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::simulator::{Simulator, derivatives, differences, simulate_at};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Simulations about a fiducial point.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationSet {
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// The fiducial point, `n_params` values.
    pub theta_fid: Vec<f64>,
    /// Shape of one simulation; `n_data` is its product.
    pub shape: Vec<usize>,
    /// Simulations at the fiducial point, `(n_s, n_data)`.
    pub fiducial: Vec<f64>,
    /// Simulations for the derivative.
    pub derivative: DerivativeSet,
    /// Where the simulations come from, as far as it is known.
    pub origin: Origin,
}

/// Simulations for the derivative of the data by each parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum DerivativeSet {
    /// ∂d/∂θ of each simulation, `(n_d, n_params, n_data)`.
    Exact(Vec<f64>),
    /// Seed-matched pairs.
    Differences {
        /// Distance of the two points of a pair in each parameter, `n_params` values.
        delta: Vec<f64>,
        /// Simulations at theta_fid ∓ delta/2, `(n_d, n_params, 2, n_data)`.
        pairs: Vec<f64>,
    },
}

/// Where the derivative of a set to be simulated comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DerivativeKind {
    /// The simulator's own exact derivative.
    Exact,
    /// Seed-matched pairs, so far apart in each parameter.
    Differences(Vec<f64>),
}

/// Where simulations come from: enough to draw them again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// Name of the simulator.
    pub simulator: Option<String>,
    /// The integer seed.
    pub seed: Option<u64>,
    /// Index of the first simulation of either kind.
    pub first: Option<u64>,
}

/// Simulates a set: `first..first + n_s` of the seed's branch "fiducial", `first..first + n_d` of its "derivative".
///
/// Two sets of one seed whose ranges do not overlap are independent. `origin` in the result knows `first` alone; the
/// caller knows the rest.
///
/// # Errors
/// Invalid input, if `theta_fid` or the steps do not fit or the simulator has no exact derivative; the first failed
/// simulation in the order of the indices.
pub fn simulate_set(
    simulator: &dyn Simulator,
    theta_fid: &[f64],
    kind: &DerivativeKind,
    n_s: usize,
    n_d: usize,
    seed: Seed,
    first: u64,
) -> Result<SimulationSet> {
    let (n_params, n_data) = (simulator.n_params(), simulator.n_data());
    let branch = seed.label("derivative");
    let derivative = match kind {
        DerivativeKind::Exact => {
            let mut rows = vec![0.0; n_d * n_params * n_data];
            derivatives(simulator, theta_fid, branch, first, &mut rows)?;
            DerivativeSet::Exact(rows)
        }
        DerivativeKind::Differences(delta) => {
            let mut pairs = vec![0.0; n_d * n_params * 2 * n_data];
            differences(simulator, theta_fid, delta, branch, first, &mut pairs)?;
            DerivativeSet::Differences { delta: delta.clone(), pairs }
        }
    };
    let mut fiducial = vec![0.0; n_s * n_data];
    simulate_at(simulator, theta_fid, seed.label("fiducial"), first, &mut fiducial)?;
    Ok(SimulationSet {
        parameters: simulator.parameters().iter().map(|parameter| parameter.name.clone()).collect(),
        theta_fid: theta_fid.to_vec(),
        shape: simulator.shape().to_vec(),
        fiducial,
        derivative,
        origin: Origin { first: Some(first), ..Origin::default() },
    })
}

impl SimulationSet {
    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.theta_fid.len()
    }

    /// Number of values in one simulation.
    pub fn n_data(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of simulations at the fiducial point.
    pub fn n_s(&self) -> usize {
        self.fiducial.len() / self.n_data().max(1)
    }

    /// Number of derivative simulations, or of pairs, for each parameter.
    pub fn n_d(&self) -> usize {
        let one = self.n_params() * self.n_data();
        match &self.derivative {
            DerivativeSet::Exact(rows) => rows.len() / one.max(1),
            DerivativeSet::Differences { pairs, .. } => pairs.len() / (2 * one).max(1),
        }
    }

    /// Exact derivatives, `(n_d, n_params, n_data)`, if the set has them.
    pub fn derivatives(&self) -> Option<&[f64]> {
        match &self.derivative {
            DerivativeSet::Exact(rows) => Some(rows),
            DerivativeSet::Differences { .. } => None,
        }
    }

    /// Steps and pairs, `n_params` and `(n_d, n_params, 2, n_data)`, if the set has them. A compressor needs both
    /// sides: the derivative of a summary is the difference of the two summaries.
    pub fn differences(&self) -> Option<(&[f64], &[f64])> {
        match &self.derivative {
            DerivativeSet::Exact(_) => None,
            DerivativeSet::Differences { delta, pairs } => Some((delta, pairs)),
        }
    }

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
            (true, false, None) => DerivativeSet::Exact(npy::read(&exact, &axes(&[("n_d", None), params]))?.data),
            (false, true, Some(delta)) => {
                let axes = axes(&[("n_d", None), params, ("below and above", Some(2))]);
                DerivativeSet::Differences { delta, pairs: npy::read(&pairs, &axes)?.data }
            }
            (true, false, Some(_)) => {
                return Err(unclear("`delta` is for differences.npy, but there is derivative.npy", &path));
            }
            (false, true, None) => return Err(unclear("differences.npy has no `delta`", &path)),
            (true, true, _) => return Err(unclear("there are both derivative.npy and differences.npy", folder)),
            (false, false, _) => return Err(unclear("there is neither derivative.npy nor differences.npy", folder)),
        };
        let first = json.fiducial_indices.map(|[first, _]| first);
        let set = Self {
            parameters: json.parameters,
            theta_fid: json.theta_fid,
            shape: json.shape,
            fiducial,
            derivative,
            origin: Origin { simulator: json.simulator, seed: json.seed, first },
        };
        if (json.fiducial_indices, json.derivative_indices) != (set.indices(set.n_s()), set.indices(set.n_d())) {
            let message = format!("the ranges of indices do not hold {} and {} simulations", set.n_s(), set.n_d());
            let remedy = "begin both at the same index, or leave both out";
            return Err(Error::invalid_input(message).remedy(remedy).at_key("fiducial_indices").in_file(&path));
        }
        Ok(set)
    }

    /// The range of the first `n` indices, end excluded, where the first is known.
    fn indices(&self, n: usize) -> Option<[u64; 2]> {
        self.origin.first.map(|first| [first, first.saturating_add(n as u64)])
    }

    /// Writes a folder that is not there yet, under a temporary name that becomes its own when it is complete.
    ///
    /// # Errors
    /// Io; invalid input, if the folder is there and not empty.
    pub fn write(&self, folder: &Path) -> Result<()> {
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::invalid_input("there is something in this folder already")
                .remedy("name a new one, or take it away first")
                .in_file(folder));
        }
        let name = folder.file_name().ok_or_else(|| {
            Error::invalid_input("a set needs a folder of its own").remedy("name a new folder").in_file(folder)
        })?;
        let partial = folder.with_file_name(format!(".{}.{}.partial", name.to_string_lossy(), std::process::id()));
        let outcome = self.write_files(&partial).and_then(|()| {
            // An empty folder gives way; where rename cannot replace it, it must go first.
            let _ = std::fs::remove_dir(folder);
            std::fs::rename(&partial, folder).map_err(|error| Error::io(folder, &error))
        });
        if outcome.is_err() {
            let _ = std::fs::remove_dir_all(&partial);
        }
        outcome
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        let shape = |first: &[usize]| [first, &self.shape].concat();
        let (n_s, n_d, n_params) = (self.n_s(), self.n_d(), self.n_params());
        npy::write(&folder.join("fiducial.npy"), &shape(&[n_s]), &self.fiducial)?;
        match &self.derivative {
            DerivativeSet::Exact(rows) => npy::write(&folder.join("derivative.npy"), &shape(&[n_d, n_params]), rows)?,
            DerivativeSet::Differences { pairs, .. } => {
                npy::write(&folder.join("differences.npy"), &shape(&[n_d, n_params, 2]), pairs)?;
            }
        }
        let json = Json {
            parameters: self.parameters.clone(),
            theta_fid: self.theta_fid.clone(),
            shape: self.shape.clone(),
            delta: self.differences().map(|(delta, _)| delta.to_vec()),
            simulator: self.origin.simulator.clone(),
            seed: self.origin.seed,
            fiducial_indices: self.indices(n_s),
            derivative_indices: self.indices(n_d),
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
    simulator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fiducial_indices: Option<[u64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    derivative_indices: Option<[u64; 2]>,
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
