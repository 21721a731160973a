//! The section `[compressor]`: how data become summaries, with every setting checked against the others.

use super::check::Check;
use super::model::Model;
use super::section::Section;
use crate::compressor::imnn::{self, Derivative};
use crate::error::Result;
use crate::prior::Prior;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The kinds of compressor an analysis can name.
pub(super) const KINDS: [&str; 2] = ["imnn", "score"];

/// Keys that stand beside the settings of every compressor.
pub(super) const BESIDE: [&str; 3] = ["kind", "delta", "stored"];

/// The compressor and where its simulations come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Compression {
    /// Which compressor, with its settings.
    pub method: Method,
    /// Distance between the seed-matched simulations of each parameter; always there for differences.
    pub delta: Option<Vec<f64>>,
    /// Folder with a stored set of simulations to use instead of the simulator.
    pub stored: Option<PathBuf>,
}

/// A compressor with its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Information maximising neural network.
    Imnn(imnn::Settings),
    /// Linear score compression.
    Score(ScoreSettings),
}

/// Settings of the score compression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreSettings {
    /// Where the derivative of the data by the parameters comes from.
    pub derivative: Derivative,
    /// Simulations at the fiducial point, for mean and covariance of the data.
    pub n_s: usize,
    /// Simulations (or seed-matched pairs) for the derivative by each parameter.
    pub n_d: usize,
    /// Simulations, of each kind, of the independent estimate that inference uses; 0 leaves it to the first set.
    pub n_independent: usize,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self { derivative: Derivative::Differences, n_s: 1000, n_d: 1000, n_independent: 10_000 }
    }
}

impl Compression {
    /// The kind, as the analysis names it.
    pub fn kind(&self) -> &'static str {
        match self.method {
            Method::Imnn(_) => KINDS[0],
            Method::Score(_) => KINDS[1],
        }
    }

    /// Where the derivative comes from.
    pub fn derivative(&self) -> Derivative {
        match &self.method {
            Method::Imnn(settings) => settings.derivative,
            Method::Score(settings) => settings.derivative,
        }
    }
}

/// Reads and checks the section; `fiducial` is where the derivative is taken.
pub(super) fn read(
    mut section: Section<'_>,
    model: &Model,
    prior: &Prior,
    fiducial: &[f64],
    folder: &Path,
) -> Result<Compression> {
    let check = Check { document: section.document };
    let kind = section.kind(&KINDS)?;
    let names: Vec<&str> = prior.parameters.iter().map(|p| p.name.as_str()).collect();
    let delta = section.section("delta")?.map(|delta| delta.by_parameter(&names)).transpose()?;
    let stored = section.take::<PathBuf>("stored")?.map(|path| folder.join(path));
    let simulator = model.simulator();
    let method = if kind == KINDS[0] {
        let settings: imnn::Settings = section.rest(&BESIDE)?;
        check.imnn(&settings, simulator.n_params(), simulator.n_data(), stored.is_some())?;
        Method::Imnn(settings)
    } else {
        let settings: ScoreSettings = section.rest(&BESIDE)?;
        check.score(&settings, simulator.n_params(), simulator.n_data())?;
        Method::Score(settings)
    };
    let compression = Compression { method, delta, stored };
    match &compression.stored {
        Some(path) => check.stored(path)?,
        None => check.derivative(&compression, simulator, fiducial)?,
    }
    Ok(compression)
}
