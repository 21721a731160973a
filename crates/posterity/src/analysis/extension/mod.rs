//! Model extension (method 1) as an analysis: the initial field and the weights of a neural physical engine, from a
//! halo catalogue.
//!
//! An analysis with a section `[halos]` is an [`Extension`]; [`AnyAnalysis::read`] tells it from the likelihood-free
//! ones. As there, everything is checked before any work, and each error names file, line or override, key and remedy.
//! The stages are [`sample`], [`compare`] and [`report`], or all of them: [`run_extension`].

mod compare;
mod describe;
mod engine;
mod field;
mod halos;
mod memory;
mod sample;
mod stage;
pub(super) mod template;
#[cfg(test)]
mod tests;

pub use compare::{BiasModel, Compare};
pub use engine::Engine;
pub(super) use engine::{Voxels, read_known};
pub use field::Field;
pub use halos::Halos;
pub use sample::{Sampling, What};
pub(super) use stage::is_extension;
pub use stage::{
    BlockResults, ExtensionResults, WeightResults, compare, report as report_extension, run as run_extension, sample,
};

use super::document::Source;
use super::section::Section;
use super::{Analysis, folder};
use crate::error::{Error, Result};
use crate::spelling::nearest;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The sections and keys at the top of an analysis of this kind.
const TOP: [&str; 7] = ["title", "seed", "field", "halos", "engine", "sample", "compare"];

/// The sections that only the other kind has.
const OTHERS: [&str; 7] = ["simulator", "observation", "store", "prior", "fiducial", "compressor", "infer"];

/// An analysis of model extension that was read and checked: everything that its stages need.
pub struct Extension {
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
    /// Grid, gravity and the fields that are known.
    pub field: Field,
    /// The catalogue.
    pub halos: Halos,
    /// The engine.
    pub engine: Engine,
    /// How the chains go.
    pub sampling: Sampling,
    /// Which bias models are compared, if any.
    pub compare: Option<Compare>,
}

impl Extension {
    /// Reads the file, puts the overrides in place and checks everything, as [`Analysis::read`] does.
    ///
    /// # Errors
    /// The first thing that is wrong, with file, line or override, key and remedy.
    pub fn read(file: &Path, overrides: &[String]) -> Result<Self> {
        Self::from_source(file, &Source::read(file, overrides)?, overrides)
    }

    fn from_source(file: &Path, source: &Source, overrides: &[String]) -> Result<Self> {
        let document = source.parse()?;
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut root = Section::root(&document);
        if let Some(other) = OTHERS.into_iter().find(|name| root.has(name)) {
            let error =
                Error::invalid_input("an analysis with [halos] samples a model extension and has no such section");
            return Err(document.blame(other, error.remedy("keep the two in files of their own")));
        }
        root.only(&TOP)?;
        let table = toml::Spanned::new(0..0, document.root().clone());
        let settings = serde_json::Value::deserialize(toml::de::Deserializer::from(table))
            .map_err(|error| Error::invalid_input(error.message()).in_file(file))?;
        let title = root.take("title")?.unwrap_or_else(|| folder::name(file));
        let seed = root.take("seed")?.unwrap_or(0);
        let field = field::read(root.required_section("field")?, &folder)?;
        let halos = halos::read(root.required_section("halos")?, &field, &folder)?;
        let mut or_empty = |name: &str| -> Result<Section<'_>> {
            Ok(root.section(name)?.unwrap_or_else(|| Section::empty(&document, name)))
        };
        let of_engine = or_empty("engine")?;
        let sampling = sample::read(or_empty("sample")?, &field)?;
        let engine = engine::read(of_engine, &field, halos.threshold, sampling.what, &folder)?;
        let compare = root
            .section("compare")?
            .map(|section| compare::read(section, &field, &engine.settings.mixture))
            .transpose()?;
        let extension = Self {
            file: file.to_path_buf(),
            folder,
            overrides: overrides.to_vec(),
            settings,
            title,
            seed,
            field,
            halos,
            engine,
            sampling,
            compare,
        };
        memory::check(&document, &extension)?;
        Ok(extension)
    }
}

/// An analysis of either kind.
pub enum AnyAnalysis {
    /// Likelihood-free inference of a simulator's parameters (methods 2 and 3).
    LikelihoodFree(Box<Analysis>),
    /// A model extension (method 1).
    Extension(Box<Extension>),
}

impl AnyAnalysis {
    /// Reads and checks the analysis; one with a section `[halos]` is a model extension. So is one that has none but a
    /// section much like it, or sections that only model extensions have: the error then says what it lacks.
    ///
    /// # Errors
    /// As [`Analysis::read`] and [`Extension::read`].
    pub fn read(file: &Path, overrides: &[String]) -> Result<Self> {
        let source = Source::read(file, overrides)?;
        let document = source.parse()?;
        let names = Section::root(&document).names();
        let is_any = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
        let is_like = |name: &String| nearest(name, &TOP) == Some("halos");
        let own = &TOP[2..];
        let is_extension = is_any(&["halos"]) || !is_any(&OTHERS) && (is_any(own) || names.iter().any(is_like));
        Ok(match is_extension {
            true => Self::Extension(Box::new(Extension::from_source(file, &source, overrides)?)),
            false => Self::LikelihoodFree(Box::new(Analysis::from_source(file, &source, overrides)?)),
        })
    }

    /// What it is going to do, in plain text.
    pub fn describe(&self) -> String {
        match self {
            Self::LikelihoodFree(analysis) => analysis.describe(),
            Self::Extension(extension) => extension.describe(),
        }
    }

    /// That the output folder, which may not be there yet, may take what this analysis leaves.
    ///
    /// # Errors
    /// As [`Analysis::check_folder`] and [`Extension::check_folder`].
    pub fn check_folder(&self, out_dir: &Path) -> Result<()> {
        match self {
            Self::LikelihoodFree(analysis) => analysis.check_folder(out_dir),
            Self::Extension(extension) => extension.check_folder(out_dir),
        }
    }

    /// The likelihood-free analysis, for a verb that knows no other.
    ///
    /// # Errors
    /// Invalid input, where it is a model extension.
    pub fn likelihood_free(self, verb: &str) -> Result<Analysis> {
        match self {
            Self::LikelihoodFree(analysis) => Ok(*analysis),
            Self::Extension(extension) => {
                let message = format!("`posterity {verb}` has nothing to do for a model extension (section [halos])");
                Err(Error::invalid_input(message)
                    .remedy("use `posterity sample`, or `posterity run`")
                    .in_file(&extension.file))
            }
        }
    }

    /// The model extension, for a verb that knows no other.
    ///
    /// # Errors
    /// Invalid input, where it is likelihood-free.
    pub fn extension(self, verb: &str) -> Result<Extension> {
        match self {
            Self::Extension(extension) => Ok(*extension),
            Self::LikelihoodFree(analysis) => {
                let message = format!("`posterity {verb}` samples model extensions, and there is no section [halos]");
                let remedy = "use `posterity infer`, or `posterity run`";
                Err(Error::invalid_input(message).remedy(remedy).in_file(&analysis.file))
            }
        }
    }
}
