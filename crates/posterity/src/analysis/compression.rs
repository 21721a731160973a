//! The section `[compressor]`: how data become summaries, with every setting checked against the others.

use super::check::Check;
use super::section::Section;
use crate::compressor::{DerivativeSource, Settings, imnn, score};
use crate::error::Result;
use crate::parameter::Parameter;
use crate::prior::Marginal;
use crate::simulator::{SimulationSet, Simulator};
use crate::store::StoredSet;
use std::path::{Path, PathBuf};

/// The kinds of compressor an analysis can name.
pub(super) const KINDS: [&str; 2] = ["imnn", "score"];

/// Keys that stand beside the settings of every compressor.
pub(super) const BESIDE: [&str; 3] = ["kind", "delta", "stored"];

/// The compressor and where its simulations come from.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressionPlan {
    /// Which compressor, with its settings.
    pub settings: Settings,
    /// Distance between the seed-matched simulations of each parameter; always there for differences.
    pub delta: Option<Vec<f64>>,
    /// A stored set of simulations to use instead of the simulator's.
    pub stored: Option<SimulationSet>,
}

impl CompressionPlan {
    /// The kind, as the analysis names it.
    pub fn kind(&self) -> &'static str {
        match self.settings {
            Settings::Imnn(_) => KINDS[0],
            Settings::Score(_) => KINDS[1],
        }
    }

    /// Where the derivative comes from.
    pub fn derivative(&self) -> DerivativeSource {
        match &self.settings {
            Settings::Imnn(settings) => settings.derivative,
            Settings::Score(settings) => settings.derivative,
        }
    }
}

/// Reads and checks the section; `fiducial` is where the derivative is taken.
pub(super) fn read(
    mut section: Section<'_>,
    parameters: &[Parameter],
    nuisance: &[Option<Marginal>],
    simulator: &dyn Simulator,
    fiducial: &[f64],
    folder: &Path,
) -> Result<CompressionPlan> {
    let check = Check { document: section.document };
    let kind = section.kind(&KINDS)?;
    let names: Vec<&str> = simulator.parameters().iter().map(|p| p.name.as_str()).collect();
    let stored = match section.take::<PathBuf>("stored")? {
        Some(path) => Some(stored(&section, &folder.join(path), simulator, fiducial)?),
        None => None,
    };
    let delta =
        section.section("delta")?.map(|delta| delta.without_nuisance(parameters, nuisance)?.by_parameter(&names));
    let delta = delta.transpose()?;
    let settings = if kind == KINDS[0] {
        let settings: imnn::Settings = section.rest(&BESIDE)?;
        check.imnn(&settings, simulator.n_params(), simulator.n_data(), stored.is_some())?;
        Settings::Imnn(settings)
    } else {
        let settings: score::Settings = section.rest(&BESIDE)?;
        check.score(&settings, simulator.n_params(), simulator.n_data())?;
        Settings::Score(settings)
    };
    let compression = CompressionPlan { settings, delta, stored };
    if compression.stored.is_none() {
        check.derivative(compression.derivative(), compression.delta.as_deref(), simulator, fiducial)?;
    }
    Ok(compression)
}

/// Reads a stored set; what it decides itself must not be asked for besides, and it must be about this model.
fn stored(section: &Section<'_>, path: &Path, simulator: &dyn Simulator, fiducial: &[f64]) -> Result<SimulationSet> {
    for name in ["n_s", "n_d", "derivative", "delta", "held_out_n_s", "held_out_n_d"] {
        let message = "the stored set of simulations decides this";
        section.demand(!section.has(name), name, message, "leave it out, or leave out `stored`")?;
    }
    let message = format!("there is no folder {}", path.display());
    section.demand(path.is_dir(), "stored", message, "folder names count from the folder of the analysis")?;
    let set = StoredSet::read(path).map_err(|error| section.document.blame(&section.key("stored"), error))?;
    let names: Vec<&str> = simulator.parameters().iter().map(|p| p.name.as_str()).collect();
    let message = format!("the set is about {}, the analysis about {}", set.parameters.join(", "), names.join(", "));
    section.demand(set.parameters == names, "stored", message, "name a set of the same parameters in this order")?;
    let SimulationSet { theta_fid, shape, .. } = &set.simulations;
    let message = format!("the set is of shape {shape:?}, the simulator draws {:?}", simulator.shape());
    section.demand(shape == simulator.shape(), "stored", message, "name a set of the same kind of data")?;
    let message = format!("the set is about theta_fid = {theta_fid:?}, the analysis about {fiducial:?}");
    section.demand(theta_fid == fiducial, "stored", message, "give [fiducial] the values of the set")?;
    Ok(set.simulations)
}
