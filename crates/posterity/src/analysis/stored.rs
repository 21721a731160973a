//! Stored simulations in an analysis: a set about the fiducial point, with or without a simulator beside it, and
//! simulations drawn from the prior.

use super::document::Document;
use super::model::Model;
use super::section::Section;
use crate::error::{Error, Result};
use crate::lfi::abc;
use crate::npy::{self, Axis, Rows};
use crate::parameter::Parameter;
use crate::prior::Prior;
use crate::seed::Stream;
use crate::simulator::{SimulationSet, Simulator};
use crate::store::{Known, StoredSet};
use std::path::{Path, PathBuf};

/// What stands in for a simulator where there is none: parameters and shape of a stored set. It draws nothing.
pub struct StoredModel {
    parameters: Vec<Parameter>,
    pub(super) set: SimulationSet,
}

impl Simulator for StoredModel {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.set.shape
    }

    fn simulate(&self, _: &[f64], _: &mut Stream, _: &mut [f64]) -> Result<()> {
        Err(Error::invalid_input("there is no simulator, only stored simulations").remedy("add a section [simulator]"))
    }
}

/// Simulations drawn from the prior.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorSimulations {
    /// Their parameters, `(n, n_params)`.
    pub theta: Rows,
    /// Their data, `(n, n_data)`.
    pub data: Rows,
}

/// The model of an analysis without `[simulator]`: its compressor must name a stored set, which says what the data are.
/// What the set does not say is taken from `[prior]` (names), `[fiducial]` and `compressor.delta`.
pub(super) fn model(document: &Document<'_>, folder: &Path) -> Result<Model> {
    let mut root = Section::root(document);
    let mut compressor = root.required_section("compressor")?;
    let path: PathBuf = compressor.take("stored")?.ok_or_else(|| {
        let remedy = "add a section [simulator], or name stored simulations with stored = \"…\" in [compressor]; \
                      `posterity init` writes an example";
        document.blame("simulator", Error::invalid_input("missing section").remedy(remedy))
    })?;
    let mut prior = root.section("prior")?.unwrap_or_else(|| Section::empty(document, "prior"));
    let names = prior.names();
    for name in &names {
        let is_nuisance = prior.section(name)?.map(|mut section| section.take("nuisance")).transpose()?.flatten();
        document.demand(
            is_nuisance != Some(true),
            &format!("prior.{name}.nuisance"),
            format!("there is no simulator that would draw {name} in each simulation"),
            "leave out nuisance; where the stored simulations have it drawn already, leave out the parameter",
        )?;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut theta_fid = Vec::new();
    if let Some(mut fiducial) = root.section("fiducial")? {
        for name in &names {
            theta_fid.extend(fiducial.take::<f64>(name)?);
        }
    }
    if theta_fid.len() != names.len() {
        theta_fid.clear(); // What is missing is told where the section is read.
    }
    let delta = compressor.section("delta")?;
    for name in delta.iter().flat_map(Section::names).filter(|name| !names.contains(&name.as_str())) {
        let remedy = format!("add a section [prior.{name}] with its kind, or leave it out here");
        document.demand(false, &format!("compressor.delta.{name}"), format!("{name} has no prior"), &remedy)?;
    }
    let delta = delta.map(|delta| delta.by_parameter(&names)).transpose()?;
    let known = Known { parameters: &names, theta_fid: &theta_fid, delta: delta.as_deref() };
    let StoredSet { parameters, simulations, .. } = load(document, &folder.join(path), &known)?;
    let parameters = parameters.into_iter().map(|name| Parameter::new(name.clone(), name)).collect();
    Ok(Model::Stored(Box::new(StoredModel { parameters, set: simulations })))
}

/// Reads the set that `compressor.stored` names.
pub(super) fn load(document: &Document<'_>, path: &Path, known: &Known) -> Result<StoredSet> {
    let key = "compressor.stored";
    there_is(document, key, path)?;
    StoredSet::read_with(path, known).map_err(|error| match (error.key(), error.file()) {
        (Some("delta"), None) => document.blame("compressor.delta", error.under_key("compressor")),
        _ => document.blame(key, error),
    })
}

fn there_is(document: &Document<'_>, key: &str, path: &Path) -> Result<()> {
    let message = format!("there is no folder or archive {}", path.display());
    document.demand(path.is_dir() || path.is_file(), key, message, "names count from the folder of the analysis")
}

/// Reads the simulations from the prior that `infer.abc.stored` names: `theta` and `data`, in a folder or an archive.
pub(super) fn prior_simulations(
    document: &Document<'_>,
    path: &Path,
    prior: &Prior,
    shape: &[usize],
) -> Result<PriorSimulations> {
    let key = "infer.abc.stored";
    there_is(document, key, path)?;
    let names: Vec<&str> = prior.parameters.iter().map(|p| p.name.as_str()).collect();
    let archive = path.is_file();
    let file = |name: &str| if archive { path.to_path_buf() } else { path.join(format!("{name}.npy")) };
    let map = |name: &str, axes: &[Axis]| {
        let mapped = npy::map(&file(name), archive.then_some(name), axes);
        mapped.map(|mapped| mapped.rows).map_err(|error| if archive { error.at_key(name) } else { error })
    };
    let read = || {
        let named = if archive {
            npy::names(path)?.iter().any(|name| name == "parameters")
        } else {
            file("parameters").is_file()
        };
        if named {
            let there = npy::words(&file("parameters"), archive.then_some("parameters"))?;
            if there != names {
                let message =
                    format!("the columns of theta are {}, the parameters {}", there.join(", "), names.join(", "));
                let remedy = "write the columns in the order of the parameters";
                return Err(Error::invalid_input(message).remedy(remedy).in_file(&file("parameters")));
            }
        }
        let parameter = format!("parameter: {}", names.join(", "));
        let theta = map("theta", &[("n", None), (&parameter, Some(names.len()))])?;
        let data = shape.iter().map(|n| ("data", Some(*n)));
        let axes: Vec<Axis> =
            std::iter::once(("n: as many as theta", Some(theta.len() / names.len()))).chain(data).collect();
        let data = map("data", &axes)?;
        abc::check_drawn(&theta.all()?, prior).map_err(|error| error.in_file(&file("theta")))?;
        Ok(PriorSimulations { theta, data })
    };
    read().map_err(|error| document.blame(key, error))
}
