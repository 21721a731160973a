//! The section `[infer]`: which methods bring the posterior, with every setting checked.

use super::document::Document;
use super::section::Section;
use crate::error::Result;
use crate::lfi::{abc, gaussian, pmc};

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
    /// Settings of the population Monte Carlo.
    pub pmc: pmc::Settings,
}

/// Reads and checks the section. Settings of a method that is not among `methods` are checked as far as they stand
/// alone, so that a file can keep them.
pub(super) fn read(mut section: Section<'_>, n_params: usize) -> Result<Inference> {
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
    let abc: abc::Settings = match section.section("abc")? {
        Some(section) => section.rest(&[])?,
        None => abc::Settings::default(),
    };
    let pmc: pmc::Settings = match section.section("pmc")? {
        Some(section) => section.rest(&[])?,
        None => pmc::Settings::default(),
    };
    section.only(&[&["methods"][..], &METHODS].concat())?;
    demand(gaussian.n_samples > 0, "infer.gaussian.n_samples", "no sample is asked for", "give 1 or more")?;
    check_abc(&abc, methods.contains(&Method::Abc), document)?;
    check_pmc(&pmc, n_params, document)?;
    Ok(Inference { methods, gaussian, abc, pmc })
}

fn check_abc(s: &abc::Settings, runs: bool, document: &Document<'_>) -> Result<()> {
    let demand = |holds, keys: &[&str], message: String, remedy: &str| {
        document.demand(holds, document.culprit(keys), message, remedy)
    };
    let [n_simulations, epsilon, n_accepted] = ["infer.abc.n_simulations", "infer.abc.epsilon", "infer.abc.n_accepted"];
    demand(s.n_simulations > 0, &[n_simulations], "no simulation is asked for".into(), "give 1 or more")?;
    match (s.epsilon, s.n_accepted) {
        (Some(_), Some(_)) => demand(
            false,
            &[epsilon, n_accepted],
            "epsilon and n_accepted both say how many draws are accepted".into(),
            "keep one of them",
        ),
        (None, None) => demand(
            !runs,
            &[epsilon],
            "nothing says how many draws are accepted".into(),
            "give [infer.abc] either epsilon, the largest distance, or n_accepted, a number",
        ),
        (Some(x), None) => {
            demand(x > 0.0 && x.is_finite(), &[epsilon], format!("{x} is no distance"), "give a finite number above 0")
        }
        (None, Some(n)) => demand(
            n > 0 && n as u64 <= s.n_simulations,
            &[n_accepted, n_simulations],
            format!("{n} of {} simulations cannot be accepted", s.n_simulations),
            "give n_accepted 1 or more, up to n_simulations",
        ),
    }
}

fn check_pmc(s: &pmc::Settings, n_params: usize, document: &Document<'_>) -> Result<()> {
    let demand = |holds, names: &[&str], message: String, remedy: &str| {
        let keys: Vec<String> = names.iter().map(|name| format!("infer.pmc.{name}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        document.demand(holds, document.culprit(&keys), message, remedy)
    };
    demand(
        s.n_particles > n_params,
        &["n_particles"],
        format!("{} is too few for a covariance of {n_params} parameters", s.n_particles),
        "give a few hundred or more",
    )?;
    demand(
        s.n_particles <= s.n_initial,
        &["n_particles", "n_initial"],
        format!("{} particles cannot be chosen among {} initial draws", s.n_particles, s.n_initial),
        "increase n_initial or decrease n_particles",
    )?;
    demand(
        s.percentile > 0.0 && s.percentile < 100.0,
        &["percentile"],
        format!("{} is no percentile to shrink the distances to", s.percentile),
        "give a number between 0 and 100, such as 75",
    )?;
    let rate = s.min_acceptance_rate;
    demand(
        rate > 0.0 && rate < 1.0,
        &["min_acceptance_rate"],
        format!("{rate} is no fraction of the draws"),
        "give a number between 0 and 1, such as 0.01",
    )?;
    let epsilon = s.epsilon.unwrap_or(1.0);
    demand(
        epsilon > 0.0 && epsilon.is_finite(),
        &["epsilon"],
        format!("{epsilon} is no distance"),
        "give a finite number above 0, or leave it out",
    )?;
    demand(
        s.max_simulations >= s.n_initial as u64,
        &["max_simulations", "n_initial"],
        format!("{} simulations do not suffice for {} initial draws", s.max_simulations, s.n_initial),
        "increase max_simulations or decrease n_initial",
    )
}
