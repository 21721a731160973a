//! The section `[infer]`: which methods bring the posterior, with every setting checked.

use super::model::Model;
use super::section::Section;
use super::stored::{self, PriorSimulations};
use crate::error::Result;
use crate::lfi::{abc, gaussian, pmc};
use crate::prior::Prior;
use std::path::{Path, PathBuf};

/// The methods an analysis can name, and the sections of their settings.
pub(super) const METHODS: [&str; 3] = ["gaussian", "abc", "pmc"];

/// A method of inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The Gaussian approximation times the prior.
    Gaussian,
    /// Rejection.
    Abc,
    /// Population Monte Carlo.
    Pmc,
}

impl Method {
    /// The name, as the analysis and `results.json` have it.
    pub fn name(self) -> &'static str {
        METHODS[self as usize]
    }
}

/// The methods, in the order wanted, and the settings of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// Which methods run.
    pub methods: Vec<Method>,
    /// Settings of the Gaussian approximation.
    pub gaussian: gaussian::Settings,
    /// Settings of the rejection.
    pub abc: abc::Settings,
    /// Simulations drawn from the prior that the rejection takes, instead of the simulator's.
    pub abc_stored: Option<PriorSimulations>,
    /// Settings of the population Monte Carlo.
    pub pmc: pmc::Settings,
}

/// Reads and checks the section. Settings of a method that is not among `methods` are checked as far as they stand
/// alone, so that a file can keep them.
pub(super) fn read(mut section: Section<'_>, prior: &Prior, model: &Model, folder: &Path) -> Result<Inference> {
    let n_params = prior.n_params();
    let document = section.document;
    let words: Vec<String> = section.require("methods")?;
    let demand = |holds, key: &str, message: &str, remedy: &str| document.demand(holds, key, message, remedy);
    demand(!words.is_empty(), "infer.methods", "no method is named", "name one or more of: gaussian, abc, pmc")?;
    let mut methods = Vec::new();
    for word in &words {
        let method = match section.one_of("methods", word, &METHODS)? {
            "gaussian" => Method::Gaussian,
            "abc" => Method::Abc,
            _ => Method::Pmc,
        };
        let twice = methods.contains(&method);
        demand(!twice, "infer.methods", &format!("`{word}` is named twice"), "name each method once")?;
        methods.push(method);
    }
    let gaussian: gaussian::Settings = match section.section("gaussian")? {
        Some(section) => section.rest(&[])?,
        None => gaussian::Settings::default(),
    };
    let (mut abc, mut abc_stored) = (abc::Settings::default(), None);
    if let Some(mut section) = section.section("abc")? {
        let path: Option<PathBuf> = section.take("stored")?;
        let given = section.has("n_simulations");
        abc = section.rest(&["stored"])?;
        if let Some(path) = path {
            let remedy = "leave it out, or leave out `stored`";
            demand(!given, "infer.abc.n_simulations", "the stored simulations decide this", remedy)?;
            let stored = stored::prior_simulations(document, &folder.join(path), prior, model.simulator().shape())?;
            abc.n_simulations = (stored.theta.len() / n_params) as u64;
            abc_stored = Some(stored);
        }
    }
    let pmc: pmc::Settings = match section.section("pmc")? {
        Some(section) => section.rest(&[])?,
        None => pmc::Settings::default(),
    };
    section.only(&[&["methods"][..], &METHODS].concat())?;
    demand(gaussian.n_samples > 0, "infer.gaussian.n_samples", "no sample is asked for", "give 1 or more")?;
    // Settings of a method that does not run must hold all the same, where they are given.
    let outcomes = [
        ("infer.abc", (methods.contains(&Method::Abc) || abc != abc::Settings::default()).then(|| abc.check())),
        ("infer.pmc", Some(pmc.check(n_params))),
    ];
    for (section, outcome) in outcomes {
        if let Some(Err(error)) = outcome {
            let error = error.under_key(section);
            let key = error.key().unwrap_or(section).to_owned();
            return Err(document.blame(&key, error));
        }
    }
    if !model.can_simulate() {
        demand(
            !methods.contains(&Method::Pmc),
            "infer.methods",
            "population Monte Carlo needs a simulator",
            "leave out pmc, or add a section [simulator]",
        )?;
        demand(
            !methods.contains(&Method::Abc) || abc_stored.is_some(),
            "infer.abc.stored",
            "there is no simulator that rejection could draw from",
            "name simulations drawn from the prior with stored = \"…\", or leave out abc",
        )?;
    }
    Ok(Inference { methods, gaussian, abc, abc_stored, pmc })
}
