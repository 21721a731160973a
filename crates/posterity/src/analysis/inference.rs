//! The section `[infer]`: which methods bring the posterior, with every setting checked.

use super::check::MOST_GIB;
use super::document::Document;
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
    // Settings of a method that does not run must hold all the same, where they are given.
    let outcomes = [
        ("infer.gaussian", Some(gaussian.check())),
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
    regression(document, &abc, n_params)?;
    memory(document, &gaussian, &abc, &pmc, n_params)?;
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

/// The regression adjustment has n_params + 1 coefficients, its farthest draw has no weight, and one more must be left over.
fn regression(document: &Document<'_>, abc: &abc::Settings, n_params: usize) -> Result<()> {
    let least = n_params + 3;
    let (key, n) = match abc.n_accepted {
        Some(n) => ("infer.abc.n_accepted", n as u64),
        None => ("infer.abc.n_simulations", abc.n_simulations),
    };
    let message =
        format!("{n} accepted simulations are too few for the regression adjustment of {n_params} parameters");
    let remedy = format!("give {least} at the very least, better 1000, or leave regression_adjustment out");
    document.demand(!abc.regression_adjustment || n >= least as u64, key, message, &remedy)
}

/// Draws must fit into memory: absurd numbers are refused before they are asked for.
fn memory(
    document: &Document<'_>,
    gaussian: &gaussian::Settings,
    abc: &abc::Settings,
    pmc: &pmc::Settings,
    n_params: usize,
) -> Result<()> {
    // Parameters and estimate of each, as they are found and as they are sorted, with weight, index and distance.
    let bytes = 8.0 * (4.0 * n_params as f64 + 8.0);
    let numbers = [
        ("infer.gaussian.n_samples", gaussian.n_samples),
        ("infer.abc.n_accepted", abc.n_accepted.unwrap_or(0)),
        ("infer.pmc.n_initial", pmc.n_initial),
    ];
    for (key, n) in numbers {
        let gib = n as f64 * bytes / f64::from(1 << 30);
        let message = format!("{n} draws of {n_params} parameters would take {gib:.0} GiB of memory");
        document.demand(gib <= MOST_GIB, key, message, "decrease it")?;
    }
    Ok(())
}
