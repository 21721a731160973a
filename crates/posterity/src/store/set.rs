//! A set of simulations for training a compressor: at the fiducial point, and for the derivative by each parameter.
//!
//! It is a folder of `.npy` files or one `.npz` archive, which any program that writes numpy's format can make:
//!
//! | array | content |
//! |---|---|
//! | `fiducial` | simulations at theta_fid, `(n_s, *shape)` |
//! | `derivative` | exact derivatives ∂d/∂θ there, `(n_d, n_params, *shape)` |
//! | or `differences` | seed-matched pairs at theta_fid ∓ delta/2, `(n_d, n_params, 2, *shape)`, below and above |
//! | or `<parameter>_minus`, `<parameter>_plus` | the same pairs, two arrays `(n_d, *shape)` for each parameter |
//!
//! Row i of the derivatives belongs to row i of the simulations (n_d ≤ n_s); a pair has the random stream of its row.
//!
//! Beside them, `set.json` in a folder has `parameters` (their names), `theta_fid`, `shape`, with differences `delta`; where
//! known `origin`: `simulator`, `seed` and `label`. An archive has arrays `parameters` (of text), `theta_fid` and `delta`
//! instead. What is left out there the reader must know ([`Known`]); names may be left out only where their order does
//! not matter: of one parameter, or with arrays for each.
//!
//! A Zarr group of the same arrays will do, with attributes `parameters`, `theta_fid` and `delta`; and so will the tables
//! that `posterity simulate` leaves of a set.
//!
//! Arrays are mapped and not copied (see [`npy::map`]); those of Zarr are decoded as they are read.

use super::place::{ENDS, Place};
use super::simulated;
use crate::error::{Error, Result};
use crate::npy::{self, Axis};
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

/// What is known of a set before it is read, for what it does not say itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Names of the parameters; those of the set may come in another order.
    pub parameters: &'a [&'a str],
    /// The fiducial point, in the order of these names; or empty.
    pub theta_fid: &'a [f64],
    /// Distance between the simulations of a pair, in the order of these names.
    pub delta: Option<&'a [f64]>,
}

impl StoredSet {
    /// Reads a folder or an archive that says everything itself.
    ///
    /// # Errors
    /// Io; corrupt file or invalid input, naming the file, if one of them is not what the others say.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_with(path, &Known::default())
    }

    /// Reads a folder or an archive; what it does not say is taken from `known`.
    ///
    /// # Errors
    /// As [`StoredSet::read`]; invalid input at the key `delta`, without a file, if that is known from both.
    pub fn read_with(path: &Path, known: &Known) -> Result<Self> {
        let decided = || {
            Err(Error::invalid_input("the stored set of simulations decides this")
                .remedy("leave it out, or leave out `stored`")
                .at_key("delta"))
        };
        if simulated::is_simulated(path) {
            return if known.delta.is_some() { decided() } else { simulated::read(path) };
        }
        let place = Place::new(path)?;
        let said = place.description()?;
        let (says_delta, says_shape) = (said.delta.is_some(), said.shape.is_some());
        let json = said.complete(known, &place)?;
        let (n_params, names) = (json.parameters.len(), json.parameters.join(", "));
        let parameter = format!("parameter: {names}");
        let data = if says_shape { "data".to_owned() } else { place.data_axis(&json.shape) };
        let data_axes = json.shape.iter().map(|n| (data.as_str(), Some(*n)));
        let axes = |first: &[Axis<'static>]| first.iter().copied().chain(data_axes.clone()).collect::<Vec<Axis>>();
        let with_parameter = |first: &[Axis<'static>]| {
            let mut axes: Vec<Axis> = axes(first);
            axes.insert(1, (&parameter, Some(n_params)));
            axes
        };
        let fiducial = place.map("fiducial", &axes(&[("n_s", None)]))?;
        let separate = json.parameters.iter().any(|name| ENDS.iter().any(|end| place.has(&format!("{name}{end}"))));
        let found = (place.has("derivative"), place.has("differences"), separate);
        if known.delta.is_some() && (says_delta || found == (true, false, false)) {
            return decided();
        }
        let what = |name: &str| place.name(name);
        let derivative = match (found, json.delta) {
            ((true, false, false), None) => {
                Derivatives::Exact(place.map("derivative", &with_parameter(&[("n_d", None)]))?)
            }
            ((false, true, false), Some(delta)) => {
                let axes = with_parameter(&[("n_d", None), ("below and above", Some(2))]);
                Derivatives::Differences { delta, pairs: place.map("differences", &axes)? }
            }
            ((false, false, true), Some(delta)) => {
                Derivatives::Differences { delta, pairs: place.join(&json.parameters, &json.shape, &data)? }
            }
            ((true, false, false), Some(_)) => {
                let message = format!("`delta` is for differences, but there is {}", what("derivative"));
                return Err(place.unclear(&message));
            }
            ((false, true, false), None) => {
                return Err(place.unclear(&format!("{} has no `delta`", what("differences"))));
            }
            ((false, false, true), None) => return Err(place.unclear("the arrays of each parameter have no `delta`")),
            ((false, false, false), _) => {
                let [minus, plus] = ENDS.map(|end| what(&format!("{}{end}", json.parameters[0])));
                let message = format!(
                    "there is neither {} nor {}, nor {minus} and {plus}",
                    what("derivative"),
                    what("differences")
                );
                return Err(place.unclear(&message));
            }
            _ => {
                let kinds = [(found.0, "derivative"), (found.1, "differences"), (found.2, "arrays of each parameter")];
                let kinds = kinds.iter().filter(|kind| kind.0);
                let kinds: Vec<String> =
                    kinds.map(|kind| if kind.1.contains(' ') { kind.1.into() } else { what(kind.1) }).collect();
                return Err(place.unclear(&format!("there are both {}", kinds.join(" and "))));
            }
        };
        let simulations = SimulationSet { theta_fid: json.theta_fid, shape: json.shape, fiducial, derivative };
        check_counts(&simulations).map_err(|error| place.blame(&what("derivative"), error))?;
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
        npy::write(&folder.join("fiducial.npy"), &shape(&[n_s]), &set.fiducial.all()?)?;
        let mut steps = None;
        match &set.derivative {
            Derivatives::Exact(rows) => {
                npy::write(&folder.join("derivative.npy"), &shape(&[n_d, n_params]), &rows.all()?)?;
            }
            Derivatives::Differences { delta, pairs } => {
                steps = Some(delta.clone());
                npy::write(&folder.join("differences.npy"), &shape(&[n_d, n_params, 2]), &pairs.all()?)?;
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

/// Refuses exact derivatives of more simulations than there are.
pub(super) fn check_counts(simulations: &SimulationSet) -> Result<()> {
    let (n_s, n_d) = (simulations.n_s(), simulations.n_d());
    if matches!(simulations.derivative, Derivatives::Exact(_)) && n_d > n_s {
        let message = format!("{n_d} derivatives cannot belong to {n_s} simulations");
        return Err(Error::invalid_input(message).remedy("give each derivative its simulation"));
    }
    Ok(())
}

/// The content of set.json, complete.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Json {
    pub(super) parameters: Vec<String>,
    pub(super) theta_fid: Vec<f64>,
    pub(super) shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin>,
}

impl Json {
    pub(super) fn check(&self) -> Result<()> {
        let n_params = self.parameters.len();
        let refused = |key: &str, message: String, remedy: &str| {
            Err(Error::invalid_input(message).remedy(remedy.to_string()).at_key(key))
        };
        if (1..n_params).any(|i| self.parameters[..i].contains(&self.parameters[i])) {
            let message = format!("{:?} names one twice", self.parameters);
            return refused("parameters", message, "name each parameter once");
        }
        if n_params == 0 || self.theta_fid.len() != n_params || !self.theta_fid.iter().all(|t| t.is_finite()) {
            let message = format!("{:?} for the parameters {:?}", self.theta_fid, self.parameters);
            return refused("theta_fid", message, "give one finite value a parameter, at least one");
        }
        if self.shape.is_empty() || self.shape.contains(&0) {
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
