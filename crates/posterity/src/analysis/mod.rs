//! The analysis file: one TOML text that says what is simulated, observed, believed, compressed and inferred.
//!
//! [`Analysis::read`] parses the file, puts overrides (`key=value`) in their place and checks everything before any
//! work is done; each error names the file, the line or the override, the key, and the remedy. The stages
//! ([`simulate`], [`compress`], [`infer`], [`report`], or all of them: [`run`]) then take the analysis as it is.
//!
//! ```
//! use posterity::analysis::{Analysis, template};
//! let folder = std::env::temp_dir().join("posterity_doc");
//! std::fs::create_dir_all(&folder)?;
//! let file = folder.join("analysis.toml");
//! std::fs::write(&file, template("gaussian")?)?;
//! let analysis = Analysis::read(&file, &["compressor.activation=silu".into()])?;
//! assert_eq!(analysis.prior.parameters[1].name, "variance");
//! let error = Analysis::read(&file, &["compressor.n_ss=100".into()]).err().expect("unknown key");
//! assert_eq!(
//!     error.to_string(),
//!     "--set compressor.n_ss=100: `compressor.n_ss`: unknown key; did you mean `n_s`?"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod compression;
mod describe;
mod document;
mod extension;
mod external;
mod field_template;
mod fields;
mod folder;
mod inference;
mod keys;
mod model;
mod observation;
mod prior;
mod results;
mod results_file;
mod section;
mod simulations;
mod stage;
mod store;
mod stored;
mod template;

pub use compression::CompressionPlan;
pub use extension::{
    AnyAnalysis, BiasModel, BlockResults, Compare, Engine, Extension, ExtensionResults, Field, Halos, Sampling,
    WeightResults, What, compare, report_extension, run_extension, sample,
};
pub use fields::FieldModel;
pub use folder::{check_out_dir, default_out_dir, prepare_out_dir};
pub use inference::{Inference, Method};
pub use model::Model;
pub use observation::Observation;
pub use results::{Extent, FailureResults, MethodResults, Results, Summary};
pub use stage::{Simulating, TableStatus, compress, failed, infer, report, run, simulate, status};
#[cfg(feature = "mpi")]
pub use stage::{lead, serve};
pub use store::StoreSettings;
pub use stored::{PriorSimulations, StoredModel};
pub use template::{kinds, template};

use crate::error::{Error, Result};
use crate::prior::{Marginal, Prior};
use crate::seed::Seed;
use crate::simulator::{Marginalised, Simulator};
use document::Source;
use section::Section;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The sections and keys at the top of an analysis.
const TOP: [&str; 9] =
    ["title", "seed", "simulator", "store", "observation", "prior", "fiducial", "compressor", "infer"];

/// The share of simulations that may fail, where the analysis does not say.
const MAX_FAILED_FRACTION: f64 = 0.1;

/// An analysis that was read and checked: everything that the stages need.
pub struct Analysis {
    /// The file it was read from.
    pub file: PathBuf,
    /// The folder of that file, from which file names in the analysis count.
    pub folder: PathBuf,
    /// The overrides (`key=value`) that were put in place.
    pub overrides: Vec<String>,
    /// The analysis as it stands with its overrides, without the defaults of keys left out.
    pub settings: serde_json::Value,
    /// Title of the report; the file's name where left out.
    pub title: String,
    /// The seed of all randomness; 0 where left out.
    pub seed: u64,
    /// The simulator, or the stored simulations that stand in for it.
    pub model: Model,
    /// The share of simulations that may fail; beyond it a stage stops.
    pub max_failed_fraction: f64,
    /// How simulations are kept.
    pub store: StoreSettings,
    /// Where the observed data come from.
    pub observation: Observation,
    /// The observed data, `n_data` finite values.
    pub observed: Vec<f64>,
    /// Where the observed data were published.
    pub reference: Option<String>,
    /// The prior of the parameters of interest.
    pub prior: Prior,
    /// For each parameter of the model its prior, where it is a nuisance parameter: each simulation draws it.
    pub nuisance: Vec<Option<Marginal>>,
    /// The point about which data are compressed, in the parameters of interest.
    pub fiducial: Vec<f64>,
    /// How data are compressed.
    pub compression: CompressionPlan,
    /// How the posterior is inferred.
    pub inference: Inference,
}

impl Analysis {
    /// Reads the file, puts the overrides (`key=value`, dotted keys) in place and checks everything.
    ///
    /// A value of an override is TOML; a bare word that is no TOML value, of letters, digits and `_-+./~:`, counts as
    /// a string. Data files named in the analysis are read, nothing is written.
    ///
    /// # Errors
    /// The first thing that is wrong, with file, line or override, key and remedy. Invalid input for the most; what a
    /// data file brings with it (corrupt file, io) is passed on.
    pub fn read(file: &Path, overrides: &[String]) -> Result<Self> {
        Self::from_source(file, &Source::read(file, overrides)?, overrides)
    }

    /// As [`Analysis::read`], from the text of a file, which need not be there itself.
    ///
    /// # Errors
    /// As [`Analysis::read`].
    pub fn from_text(file: &Path, text: &str, overrides: &[String]) -> Result<Self> {
        Self::from_source(file, &Source::new(file, text.to_owned(), overrides)?, overrides)
    }

    fn from_source(file: &Path, source: &Source, overrides: &[String]) -> Result<Self> {
        let document = source.parse()?;
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut root = Section::root(&document);
        root.only(&TOP)?;
        let table = toml::Spanned::new(0..0, document.root().clone());
        let settings = serde_json::Value::deserialize(toml::de::Deserializer::from(table))
            .map_err(|error| Error::invalid_input(error.message()).in_file(file))?;
        let title = root.take("title")?.unwrap_or_else(|| folder::name(file));
        let seed = root.take("seed")?.unwrap_or(0);
        let (model, max_failed_fraction) = match root.section("simulator")? {
            Some(mut section) => {
                let fraction = section.take("max_failed_fraction")?.unwrap_or(MAX_FAILED_FRACTION);
                document.demand(
                    (0.0..=1.0).contains(&fraction),
                    "simulator.max_failed_fraction",
                    format!("{fraction} is no fraction"),
                    "give a number from 0 to 1",
                )?;
                (model::read(section, &folder)?, fraction)
            }
            None => (stored::model(&document, &folder)?, MAX_FAILED_FRACTION),
        };
        let store = store::read(root.section("store")?.unwrap_or_else(|| Section::empty(&document, "store")))?;
        let observation = root.required_section("observation")?;
        let observation = observation::read(observation, &model, Seed::new(seed), &folder)?;
        let prior = root.section("prior")?.unwrap_or_else(|| Section::empty(&document, "prior"));
        let (prior, nuisance) = prior::read(prior, model.simulator().parameters(), model.owner())?;
        let simulator = of_interest(&model, &nuisance);
        let fiducial =
            root.required_section("fiducial")?.without_nuisance(model.simulator().parameters(), &nuisance)?;
        let fiducial = prior::fiducial(fiducial, &prior, model.can_simulate().then_some(&*simulator))?;
        let compressor = root.required_section("compressor")?;
        let compression = compression::read(compressor, &model, &nuisance, &*simulator, &fiducial, &folder)?;
        let inference = inference::read(root.required_section("infer")?, &prior, &model, &folder)?;
        drop(simulator);
        Ok(Self {
            file: file.to_path_buf(),
            folder,
            overrides: overrides.to_vec(),
            settings,
            title,
            seed,
            model,
            max_failed_fraction,
            store,
            observation: observation.kind,
            observed: observation.data,
            reference: observation.reference,
            prior,
            nuisance,
            fiducial,
            compression,
            inference,
        })
    }

    /// True where the simulations of every stage are kept.
    pub(crate) fn keeps_simulations(&self) -> bool {
        self.store.keep_all.unwrap_or(self.model.external().is_some())
    }

    /// The simulator of the parameters of interest: nuisance parameters are drawn within.
    pub fn simulator(&self) -> Box<dyn Simulator + '_> {
        of_interest(&self.model, &self.nuisance)
    }
}

fn of_interest<'a>(model: &'a Model, nuisance: &[Option<Marginal>]) -> Box<dyn Simulator + 'a> {
    Box::new(Marginalised::new(model.simulator(), nuisance.to_vec()))
}

#[cfg(test)]
mod tests;
