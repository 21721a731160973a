//! The section `[compressor]`: how data become summaries, with every setting checked against the others.

use super::check::Check;
use super::model::Model;
use super::section::Section;
use super::stored;
use crate::compressor::{DerivativeSource, Settings, imnn, score};
use crate::error::Result;
use crate::prior::Marginal;
use crate::simulator::{Derivatives, SimulationSet, Simulator};
use crate::store::{Known, StoredSet};
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
    model: &Model,
    nuisance: &[Option<Marginal>],
    simulator: &dyn Simulator,
    fiducial: &[f64],
    folder: &Path,
) -> Result<CompressionPlan> {
    let check = Check { document: section.document };
    let kind = section.kind(&KINDS)?;
    let names: Vec<&str> = simulator.parameters().iter().map(|p| p.name.as_str()).collect();
    let path = section.take::<PathBuf>("stored")?;
    let delta = section.section("delta")?;
    let delta =
        delta.map(|delta| delta.without_nuisance(model.simulator().parameters(), nuisance)?.by_parameter(&names));
    let delta = delta.transpose()?;
    let stored = match path {
        Some(path) => {
            let known = Known { parameters: &names, theta_fid: fiducial, delta: delta.as_deref() };
            Some(stored(&section, model, &folder.join(path), &known, simulator)?)
        }
        None => None,
    };
    let counts = Counts { stored: stored.as_ref(), model, given: section.has("n_independent") };
    let settings = if kind == KINDS[0] {
        let mut s: imnn::Settings = section.rest(&BESIDE)?;
        counts.settle([&mut s.n_s, &mut s.n_d, &mut s.n_independent], &mut s.derivative);
        check.imnn(&s, simulator.n_params(), simulator.shape(), model, stored.is_some())?;
        Settings::Imnn(s)
    } else {
        let mut s: score::Settings = section.rest(&BESIDE)?;
        counts.settle([&mut s.n_s, &mut s.n_d, &mut s.n_independent], &mut s.derivative);
        // Of a stored set one half is held out.
        let parts = if stored.is_some() { 2 } else { 1 };
        let part = score::Settings { n_s: s.n_s / parts, n_d: s.n_d / parts, ..s.clone() };
        check.score(&part, simulator.n_params(), simulator.shape())?;
        Settings::Score(s)
    };
    let delta = match stored.as_ref().map(|set| &set.derivative) {
        Some(Derivatives::Differences { delta, .. }) => Some(delta.clone()),
        _ => delta,
    };
    let compression = CompressionPlan { settings, delta, stored };
    check.independent(&compression, model.can_simulate(), simulator)?;
    if compression.stored.is_none() {
        check.derivative(compression.derivative(), compression.delta.as_deref(), simulator, fiducial)?;
    }
    Ok(compression)
}

/// What decides the numbers of simulations.
struct Counts<'a> {
    stored: Option<&'a SimulationSet>,
    model: &'a Model,
    /// True where the analysis gives the number of independent simulations.
    given: bool,
}

impl Counts<'_> {
    /// Sets n_s, n_d and the source of the derivative to those of a stored set, and n_independent to 0 where it is left
    /// out and there is no simulator.
    fn settle(&self, [n_s, n_d, n_independent]: [&mut usize; 3], derivative: &mut DerivativeSource) {
        if let Some(set) = self.stored {
            (*n_s, *n_d) = (set.n_s(), set.n_d());
            *derivative = match set.derivative {
                Derivatives::Exact(_) => DerivativeSource::Exact,
                Derivatives::Differences { .. } => DerivativeSource::Differences,
            };
        }
        if !self.model.can_simulate() && !self.given {
            *n_independent = 0;
        }
    }
}

/// The stored set; what it decides itself must not be asked for besides, and it must be about this model.
fn stored(
    section: &Section<'_>,
    model: &Model,
    path: &Path,
    known: &Known,
    simulator: &dyn Simulator,
) -> Result<SimulationSet> {
    for name in ["n_s", "n_d", "derivative", "held_out_n_s", "held_out_n_d"] {
        let message = "the stored set of simulations decides this";
        section.demand(!section.has(name), name, message, "leave it out, or leave out `stored`")?;
    }
    let set = match model {
        Model::Stored(stored) => stored.set.clone(),
        _ => {
            let StoredSet { parameters, simulations, .. } = stored::load(section.document, path, known)?;
            let (there, here) = (parameters.join(", "), known.parameters.join(", "));
            let message = format!("the set is about {there}, the analysis about {here}");
            section.demand(there == here, "stored", message, "name a set of the same parameters in this order")?;
            simulations
        }
    };
    let message = format!("the set is of shape {:?}, the simulator draws {:?}", set.shape, simulator.shape());
    section.demand(set.shape == simulator.shape(), "stored", message, "name a set of the same kind of data")?;
    let (there, here) = (&set.theta_fid, known.theta_fid);
    let message = format!("the set is about theta_fid = {there:?}, the analysis about {here:?}");
    section.demand(there == here, "stored", message, "give [fiducial] the values of the set")?;
    Ok(set)
}
