//! The section `[compare]`: which classical bias models the engine is held against.

use super::super::section::Section;
use super::field::{Field, within};
use crate::error::{Error, Result};
use crate::halo::Mixture;
use serde::Deserialize;

/// What is compared; the engine always is.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// The classical models.
    pub models: Vec<BiasModel>,
    /// Mass bins of the classical models.
    pub mass_bins: usize,
    /// Components of the engines' mass functions, an engine of each.
    pub n_components: Vec<usize>,
    /// Starts of each fit.
    pub n_starts: usize,
}

/// A model beside the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiasModel {
    /// A mass function that does not know the density.
    Homogeneous,
    /// Linear bias, clipped from below.
    ClippedLinear,
    /// A power law.
    Power,
    /// A truncated power law.
    TruncatedPower,
    /// The mixture with a kernel of one voxel.
    SingleVoxel,
}

/// Keys of `[compare]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    models: Vec<BiasModel>,
    mass_bins: usize,
    n_components: Option<Vec<usize>>,
    n_starts: usize,
}

impl Default for Keys {
    fn default() -> Self {
        use BiasModel::{ClippedLinear, Homogeneous, Power, SingleVoxel, TruncatedPower};
        let models = vec![Homogeneous, ClippedLinear, Power, TruncatedPower, SingleVoxel];
        Self { models, mass_bins: 4, n_components: None, n_starts: 3 }
    }
}

/// Reads and checks the section.
pub(super) fn read(section: Section<'_>, field: &Field, mixture: &Mixture) -> Result<Compare> {
    let document = section.document;
    let Keys { models, mass_bins, n_components, n_starts } = section.rest(&[])?;
    let n_components = n_components.unwrap_or_else(|| vec![mixture.n_components]);
    if field.density.is_none() {
        let error = Error::invalid_input("bias models are compared on a known density, and there is none");
        let remedy = "name the density with field.density = \"…\", or leave out [compare]";
        return Err(document.blame("compare", error.remedy(remedy)));
    }
    let demand = |holds: bool, name: &str, message: String, remedy: &str| {
        document.demand(holds, &format!("compare.{name}"), message, remedy)
    };
    let twice = models.iter().enumerate().any(|(i, m)| models[..i].contains(m));
    demand(!twice, "models", "a model is named twice".into(), "name each once")?;
    demand((1..=16).contains(&mass_bins), "mass_bins", format!("{mass_bins} bins"), "give 1 to 16")?;
    let checked = n_components.iter().try_for_each(|n| Mixture { n_components: *n, ..*mixture }.check());
    checked.map_err(|error| within(document, "compare", error))?;
    let message = "no engine is compared".into();
    demand(!n_components.is_empty(), "n_components", message, "leave it out, or give such as [1, 2]")?;
    demand((1..=1000).contains(&n_starts), "n_starts", format!("{n_starts} starts"), "give 1 to 1000")?;
    Ok(Compare { models, mass_bins, n_components, n_starts })
}
