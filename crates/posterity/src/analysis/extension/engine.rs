//! The section `[engine]`: the neural physical engine and the mass function behind it.

use super::super::section::Section;
use super::field::{Field, there_is, within};
use super::sample::What;
use crate::engine;
use crate::error::{Error, Result};
use crate::halo::{self, Mixture};
use crate::npy;
use serde::Deserialize;
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

/// Reads and checks the section; `what` says whether the weights must be known.
pub(super) fn read(section: Section<'_>, field: &Field, what: What, folder: &Path) -> Result<Engine> {
    let document = section.document;
    let keys: Keys = section.rest(&[])?;
    let settings = halo::Settings {
        engine: engine::Settings { kernel_size: [keys.kernel_size; 3], degrees: keys.degrees, floor: keys.floor },
        mixture: Mixture { n_components: keys.n_components, min_sigma: keys.min_sigma },
    };
    let fail = |error| within(document, "engine", error);
    settings.mixture.check().map_err(fail)?;
    let names = engine::Engine::new([field.grid.n(); 3], &settings.engine).map_err(fail)?.names();
    let names: Vec<String> = names.into_iter().chain(settings.mixture.names()).collect();
    let weights = match (what, keys.weights) {
        (What::Field, None) => {
            let error = Error::invalid_input("missing key: the field alone is sampled, with known weights");
            let remedy = "name a .npy of the weights in order, or the results.json of an earlier run";
            return Err(document.blame("engine.weights", error.remedy(remedy)));
        }
        (What::Field, Some(path)) => {
            let weights = known(&folder.join(path), &names);
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

/// Weights from an array in order, or the posterior means of an earlier run.
fn known(path: &Path, names: &[String]) -> Result<Vec<f64>> {
    there_is(path)?;
    if path.extension().is_none_or(|e| e != "json") {
        return npy::read(path, &[("weight", Some(names.len()))]).map(|array| array.data);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
    let results: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| Error::corrupt_file(e.to_string()).in_file(path))?;
    let mean = |name: &String| {
        results["weights"][name.as_str()]["mean"].as_f64().ok_or_else(|| {
            Error::invalid_input(format!("there is no posterior mean of the weight {name}"))
                .remedy("name the results.json of a run with the same [engine] that sampled the weights")
                .in_file(path)
        })
    };
    names.iter().map(mean).collect()
}
