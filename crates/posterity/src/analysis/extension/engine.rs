//! The section `[engine]`: the neural physical engine and the mass function behind it.

use super::super::section::Section;
use super::field::{Field, there_is, within};
use super::sample::What;
use crate::engine;
use crate::error::{Error, Result};
use crate::halo::{self, Mixture};
use crate::npy;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the halos are made of the density with.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// Kernel and mass function.
    pub settings: halo::Settings,
    /// Names of the weights, in order.
    pub names: Vec<String>,
    /// The weights, where they are known.
    pub weights: Option<Vec<f64>>,
}

/// What weights belong to: the halos that they were learnt of, and the voxels in which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Voxels {
    /// The lowest mass that is counted [Msun/h].
    pub(in super::super) threshold: f64,
    /// Side of a voxel [Mpc/h].
    pub(in super::super) length: f64,
}

/// Lengths of voxels that differ by less, as a fraction, are the same but for rounding.
const ROUNDED: f64 = 1e-6;

/// Voxels of the largest kernel: beyond it there are hundreds of weights, and the cost grows with the kernel's square.
const MAX_KERNEL: usize = 31;

/// Keys of `[engine]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    kernel_size: usize,
    degrees: Vec<usize>,
    n_components: usize,
    floor: f64,
    min_sigma: f64,
    weights: Option<PathBuf>,
}

impl Default for Keys {
    fn default() -> Self {
        let halo::Settings { engine, mixture } = halo::Settings::default();
        Self {
            kernel_size: engine.kernel_size[0],
            degrees: engine.degrees,
            n_components: mixture.n_components,
            floor: engine.floor,
            min_sigma: mixture.min_sigma,
            weights: None,
        }
    }
}

impl Keys {
    fn settings(&self) -> halo::Settings {
        let (kernel_size, degrees, floor) = ([self.kernel_size; 3], self.degrees.clone(), self.floor);
        halo::Settings {
            engine: engine::Settings { kernel_size, degrees, floor },
            mixture: Mixture { n_components: self.n_components, min_sigma: self.min_sigma },
        }
    }
}

/// Reads and checks the section; `what` says whether the weights must be known, of halos above `threshold` [Msun/h] in the
/// field's voxels.
pub(super) fn read(section: Section<'_>, field: &Field, threshold: f64, what: What, folder: &Path) -> Result<Engine> {
    let document = section.document;
    let voxels = Voxels { threshold, length: field.grid.cell_length() };
    let keys: Keys = section.rest(&[])?;
    let settings = keys.settings();
    let fail = |error| within(document, "engine", error);
    settings.mixture.check().map_err(fail)?;
    settings.engine.check([field.grid.n(); 3]).map_err(fail)?;
    let message = format!("a kernel of {} voxels along each axis is too large", keys.kernel_size);
    let remedy = format!("give an odd number up to {MAX_KERNEL}");
    document.demand(keys.kernel_size <= MAX_KERNEL, "engine.kernel_size", message, &remedy)?;
    let names: Vec<String> = settings.engine.names().into_iter().chain(settings.mixture.names()).collect();
    let weights = match (what, keys.weights) {
        (What::Field, None) => {
            let error = Error::invalid_input("missing key: the field alone is sampled, with known weights");
            let remedy = "name a .npy of the weights in order, or the results.json of an earlier run";
            return Err(document.blame("engine.weights", error.remedy(remedy)));
        }
        (What::Field, Some(path)) => {
            let weights = known(&folder.join(path), &settings, &names, voxels);
            Some(weights.map_err(|error| document.blame("engine.weights", error))?)
        }
        (_, Some(_)) => {
            let error = Error::invalid_input("the weights are sampled here, and not known");
            return Err(document.blame("engine.weights", error.remedy("leave it out, or set sample.what = \"field\"")));
        }
        (_, None) => None,
    };
    Ok(Engine { settings, names, weights })
}

/// Reads and checks the section of an engine whose weights must be known, of these voxels, wherever the section stands.
pub(in super::super) fn read_known(
    section: Section<'_>,
    voxels: Voxels,
    folder: &Path,
) -> Result<(halo::Settings, Vec<f64>)> {
    let (document, path) = (section.document, section.path.clone());
    let keys: Keys = section.rest(&[])?;
    let settings = keys.settings();
    settings.mixture.check().map_err(|error| within(document, &path, error))?;
    let message = format!("a kernel of {} voxels along each axis is too large", keys.kernel_size);
    let remedy = format!("give an odd number up to {MAX_KERNEL}");
    document.demand(keys.kernel_size <= MAX_KERNEL, &format!("{path}.kernel_size"), message, &remedy)?;
    // A grid that holds any kernel: that it fits the grid at hand is seen where both are known.
    settings.engine.check([2 * MAX_KERNEL; 3]).map_err(|error| within(document, &path, error))?;
    let of_weights = format!("{path}.weights");
    let Some(file) = keys.weights else {
        let error = Error::invalid_input("missing key: an engine of your own has weights of its own");
        let remedy = "name a .npy of the weights in order, or the results.json of a run that sampled them";
        return Err(document.blame(&of_weights, error.remedy(remedy)));
    };
    let names: Vec<String> = settings.engine.names().into_iter().chain(settings.mixture.names()).collect();
    let weights = known(&folder.join(file), &settings, &names, voxels);
    weights.map(|weights| (settings, weights)).map_err(|error| document.blame(&of_weights, error))
}

/// Weights from an array in order, or the posterior means of an earlier run with the same engine, threshold and voxels.
fn known(path: &Path, settings: &halo::Settings, names: &[String], voxels: Voxels) -> Result<Vec<f64>> {
    there_is(path)?;
    if path.extension().is_none_or(|e| e != "json") {
        return npy::read(path, &[("weight", Some(names.len()))]).map(|array| array.data);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
    let results: Value = serde_json::from_str(&text).map_err(|e| Error::corrupt_file(e.to_string()).in_file(path))?;
    let refused = |what: String| {
        Error::invalid_input(format!("these are no weights of this engine: {what}"))
            .remedy(
                "name the results.json of a run that sampled the weights with the same [engine], halos.min_mass and \
                 length of a voxel",
            )
            .in_file(path)
    };
    if let Some(difference) = difference(&results, settings, names, voxels) {
        return Err(refused(difference));
    }
    let mean = |name: &String| {
        let mean = results["weights"][name.as_str()]["mean"].as_f64();
        mean.ok_or_else(|| refused(format!("there is no posterior mean of {name}")))
    };
    names.iter().map(mean).collect()
}

/// In what results are not those of this engine, threshold and length of a voxel. Weights by the same names mean another
/// mass function where floor, width or threshold differ, and see other surroundings in voxels of another length.
fn difference(results: &Value, settings: &halo::Settings, names: &[String], voxels: Voxels) -> Option<String> {
    let no_weights = "there are no weights".to_owned();
    let Some(there) = results["weights"].as_object().filter(|there| !there.is_empty()) else { return Some(no_weights) };
    if let Some(name) = names.iter().find(|name| !there.contains_key(*name)) {
        return Some(format!("there is no {name}"));
    }
    if let Some(name) = there.keys().find(|name| !names.contains(name)) {
        return Some(format!("there is {name}, which is none of this one"));
    }
    let analysis = results["analysis"].as_object()?;
    let then = analysis.get("engine").map_or_else(|| Ok(Keys::default()), Keys::deserialize);
    let Ok(then) = then.map(|keys| keys.settings()) else { return Some("its [engine] cannot be read".to_owned()) };
    let min_mass = analysis.get("halos").and_then(|halos| halos["min_mass"].as_f64()).unwrap_or(voxels.threshold);
    let length = analysis.get("field").and_then(cell_length).unwrap_or(voxels.length);
    let (engine, mixture) = (&settings.engine, &settings.mixture);
    if then.engine.kernel_size != engine.kernel_size || then.engine.degrees != engine.degrees {
        return Some("kernel_size or degrees differ".to_owned());
    }
    let numbers = [
        ("floor", then.engine.floor, engine.floor),
        ("min_sigma", then.mixture.min_sigma, mixture.min_sigma),
        ("halos.min_mass", min_mass, voxels.threshold),
    ];
    if let Some((name, there, here)) = numbers.into_iter().find(|(_, there, here)| there != here) {
        return Some(format!("{name} is {} there, {} here", number(there), number(here)));
    }
    let is_same = (length / voxels.length - 1.0).abs() < ROUNDED;
    (!is_same).then(|| format!("voxels are of {length} Mpc/h there, of {} here", voxels.length))
}

/// The side of a voxel by the section `[field]` of an earlier run.
fn cell_length(field: &Value) -> Option<f64> {
    Some(field["box_length"].as_f64()? / field["n"].as_f64()?)
}

/// As an analysis has it: masses with their power of ten.
fn number(x: f64) -> String {
    if x.abs() < 1e6 { x.to_string() } else { format!("{x:e}") }
}
