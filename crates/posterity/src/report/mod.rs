//! The verdict of a run: figures, tables, and one page that holds them with what is needed to do it again.
//!
//! A [`Report`] is plain values; whoever ran the methods fills it in. [`Report::html`] is one file with everything in
//! it, [`Report::figures`] are the same figures one by one, for slides, and [`Report::text`] is for the terminal.

mod axis;
mod bias;
mod chains;
mod compare;
mod contour;
mod density;
mod extension;
mod failed;
mod fields;
mod figures;
mod information;
mod joint;
mod label;
mod manifest;
mod page;
mod raster;
mod references;
mod sampling;
mod svg;
mod tables;

pub use compare::{Difference, compare, compare_in_words};
pub use contour::Surface;
pub use density::{Curve, density, density_2d};
pub use extension::{
    Band, BiasComparison, BiasRow, CrossCorrelation, DensityMaps, Extension, MassFunction, MassFunctionBin,
    PowerSpectra, Relation, Sampling, SamplingRow, Slices, Traces,
};
pub use failed::{Consequence, Failed};
pub use information::{Information, Known};
pub use manifest::Manifest;
pub use references::sorted_references;

use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::samples::Samples;
use crate::whole_file::write_text;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// All that a report shows. Parts that did not run are `None` or empty and leave no trace on the page.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// What was inferred by which method, the most trusted last: the others are measured against it.
    pub methods: Vec<Method>,
    /// Support of each parameter's prior, in the order of the first method's parameters; empty if unbounded. Densities
    /// are reflected there and axes end there.
    pub bounds: Vec<(f64, f64)>,
    /// A posterior known by other means (a grid over the exact likelihood), drawn over the methods.
    pub exact: Option<Exact>,
    /// The parameters that made the data, or the fiducial ones, marked in the corner plot.
    pub truth: Option<Truth>,
    /// How the network was trained.
    pub training: Option<Training>,
    /// Fisher information of the summaries beside that of others, and of the data where it is known.
    pub known: Option<Information>,
    /// Fisher information against number of simulations.
    pub information: Option<Convergence>,
    /// Data against simulations at parameters drawn from the posterior.
    pub predictive: Option<Predictive>,
    /// An observed field beside simulations at parameters drawn from the posterior.
    pub predictive_maps: Option<PredictiveMaps>,
    /// The rounds of population Monte Carlo, in order.
    pub rounds: Vec<Round>,
    /// What a run of model extension shows.
    pub extension: Option<Extension>,
    /// Simulations that failed, of each set and method that has any.
    pub failed: Vec<Failed>,
    /// What the reader must know first (overfitting, estimates that disagree), one sentence each.
    pub warnings: Vec<String>,
    /// Version, seed, settings, timings.
    pub manifest: Manifest,
    /// References of what ran; sorted and freed of repetitions on the page.
    pub references: Vec<Reference>,
}

/// One method's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// As it is called in legends ("population Monte Carlo").
    pub name: String,
    /// Its draws.
    pub samples: Samples,
    /// A remark for the table of methods, or empty.
    pub note: String,
}

/// A posterior known by other means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exact {
    /// Name in the legend ("exact likelihood").
    pub name: String,
    /// Density of each parameter, in the order of the first method's parameters; `None` where it is not known.
    pub marginals: Vec<Option<Curve>>,
    /// Joint densities: columns of the first and second parameter, and the density over both.
    pub pairs: Vec<(usize, usize, Surface)>,
}

/// A point in parameter space to mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What it is ("truth", "fiducial").
    pub name: String,
    /// One value a parameter, in the order of the first method's parameters.
    pub theta: Vec<f64>,
}

/// History of the training of an information maximising network; all vectors as long as `iterations`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Iteration (or epoch) of each entry.
    pub iterations: Vec<u64>,
    /// ln det F on the simulations trained on.
    pub ln_det_train: Vec<f64>,
    /// ln det F on held-out simulations.
    pub ln_det_held_out: Vec<f64>,
    /// ‖C − 1‖, of the summaries' covariance.
    pub covariance_distance: Vec<f64>,
    /// The strength r of the regularisation.
    pub regularisation: Vec<f64>,
    /// Index into the vectors of the weights that were kept.
    pub best: Option<usize>,
    /// ln det F that is known to be there, where it is.
    pub known_ln_det: Option<f64>,
}

/// ln det F from growing numbers of simulations; all vectors as long as `n_simulations`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Number of simulations of each entry, ascending.
    pub n_simulations: Vec<u64>,
    /// Standard estimate (too high when simulations are few).
    pub standard: Vec<f64>,
    /// Combined estimate.
    pub combined: Vec<f64>,
    /// Compressed estimate (too low when simulations are few).
    pub compressed: Vec<f64>,
    /// Extrapolated to infinitely many simulations, with its standard deviation.
    pub limit: Option<(f64, f64)>,
    /// What more simulations would give, in sentences for the caption; or empty.
    pub advice: String,
    /// ln det F that is known to be there, where it is.
    pub known_ln_det: Option<f64>,
}

/// Data and what the posterior would have them be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Predictive {
    /// One value a datum (redshift, …); without, the data are numbered from 1.
    pub abscissa: Option<Vec<f64>>,
    /// True for a logarithmic abscissa; asks for positive values.
    pub log_abscissa: bool,
    /// Name and unit of the abscissa; formulas between dollars.
    pub abscissa_label: String,
    /// Name and unit of the data; formulas between dollars.
    pub data_label: String,
    /// What was observed.
    pub data: Vec<f64>,
    /// Standard deviation of each datum, empty if none is to be drawn.
    pub errors: Vec<f64>,
    /// What was done to the draws beside, one sentence for the caption; or empty.
    pub note: String,
    /// Simulations at parameters drawn from the posterior, row after row: `n_draws * n_data`, of equal weight.
    pub draws: Vec<f64>,
}

/// A field and what the posterior would have it be, as maps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PredictiveMaps {
    /// Cells to the right and upwards.
    pub size: [usize; 2],
    /// What was observed: \[i * size\[1\] + j\], i to the right, j upwards.
    pub observed: Vec<f64>,
    /// Simulations at parameters drawn from the posterior, map after map; two are shown.
    pub draws: Vec<f64>,
    /// Name and unit of the field; formulas between dollars.
    pub label: String,
    /// What was done to the field for the maps, one sentence for the caption; or empty.
    pub note: String,
}

/// One round of population Monte Carlo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The distance within which all particles lie after it.
    pub epsilon: f64,
    /// Accepted over drawn; NaN of a round without simulations.
    pub acceptance: f64,
    /// Simulations run in it.
    pub n_simulations: u64,
}

/// A figure of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name for a file, without ending ("corner").
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// What is seen, and how to read it; plain text.
    pub caption: String,
    /// A complete SVG file.
    pub svg: String,
}

impl Report {
    /// All figures there is something to draw for, in the order of the page.
    pub fn figures(&self) -> Vec<Figure> {
        let extension = self.extension.as_ref();
        [
            figures::corner(self),
            self.training.as_ref().and_then(figures::training),
            self.known.as_ref().and_then(figures::information),
            self.information.as_ref().and_then(figures::fisher_convergence),
            self.predictive_maps.as_ref().and_then(figures::predictive_maps),
            self.predictive.as_ref().and_then(figures::predictive),
            figures::rounds(&self.rounds),
            figures::failures(&self.failed, self.parameters(), &self.bounds),
            extension.and_then(|e| e.power_spectra.as_ref()).and_then(figures::power_spectra),
            extension.and_then(|e| e.cross_correlation.as_ref()).and_then(figures::cross_correlation),
            extension.and_then(|e| e.density_maps.as_ref()).and_then(figures::density_maps),
            extension.and_then(|e| e.slices.as_ref()).and_then(figures::slices),
            extension.and_then(|e| e.mass_function.as_ref()).and_then(figures::mass_function),
            extension.and_then(|e| e.traces.as_ref()).and_then(figures::traces),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Parameters of the first method.
    fn parameters(&self) -> &[Parameter] {
        self.methods.first().map_or(&[], |method| &method.samples.parameters)
    }

    /// The page, complete in itself: no scripts, no links that it needs.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// Verdict and table of results as plain text, lines of any length.
    pub fn text(&self) -> String {
        page::text(self)
    }

    /// Warnings, then where the methods differ: what the page says first, one sentence each.
    pub fn verdict(&self) -> Vec<String> {
        page::verdict(self).into_iter().map(|(_, sentence)| label::text(&sentence)).collect()
    }

    /// Writes the page to `path`, under another name until complete.
    ///
    /// # Errors
    /// Io, if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_text(path, &self.html())
    }

    /// Writes each figure to `folder`, which must exist, as `<name>.svg`, and takes away those of an earlier report that
    /// this one does not have. Other files there stay.
    ///
    /// # Errors
    /// Io, if a file cannot be written or taken away.
    pub fn write_figures(&self, folder: &Path) -> Result<()> {
        let (figures, path) = (self.figures(), |name: &str| folder.join(format!("{name}.svg")));
        figures.iter().try_for_each(|figure| write_text(&path(figure.name), &figure.svg))?;
        let is_made = |name: &str| figures.iter().any(|figure| figure.name == name);
        for stale in figures::NAMES.into_iter().filter(|name| !is_made(name)).map(path).filter(|path| path.exists()) {
            std::fs::remove_file(&stale).map_err(|e| Error::io(&stale, &e))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
