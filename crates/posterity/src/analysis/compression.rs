//! The section `[compressor]`: how data become summaries, with every setting checked against the others.

use super::check::Check;
use super::model::Model;
use super::section::Section;
use crate::compressor::{DerivativeSource, Settings, imnn, score};
use crate::error::Result;
use crate::prior::Marginal;
use crate::simulator::Simulator;
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
    /// Folder with a stored set of simulations to use instead of the simulator.
    pub stored: Option<PathBuf>,
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
    let delta = section.section("delta")?.map(|delta| delta.without_nuisance(model, nuisance)?.by_parameter(&names));
    let delta = delta.transpose()?;
    let stored = section.take::<PathBuf>("stored")?.map(|path| folder.join(path));
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
    match &compression.stored {
        Some(path) => check.stored(path)?,
        None => check.derivative(&compression, simulator, fiducial)?,
    }
    Ok(compression)
}
