//! The sections `[prior.<parameter>]` and `[fiducial]`: what is believed before the data, and where to linearise.

use super::keys::suggest;
use super::model::try_at;
use super::section::Section;
use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::prior::{LogUniform, Marginal, Normal, Prior, Uniform};
use crate::samples::check_name;
use crate::simulator::Simulator;
use serde::Deserialize;

/// The kinds of prior an analysis can name.
pub(super) const KINDS: [&str; 3] = ["uniform", "log_uniform", "normal"];

/// Keys of `kind = "uniform"` and `kind = "log_uniform"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    low: f64,
    high: f64,
}

/// Keys of `kind = "normal"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NormalKeys {
    mean: f64,
    sd: f64,
    low: Option<f64>,
    high: Option<f64>,
}

/// The prior of the parameters of interest, and for each parameter of the simulator its prior where it is a nuisance.
///
/// `owner` says in words what has the parameters.
pub(super) fn read(
    mut section: Section<'_>,
    parameters: &[Parameter],
    owner: &str,
) -> Result<(Prior, Vec<Option<Marginal>>)> {
    let document = section.document;
    let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    section.only(&names).map_err(|error| match error.key() {
        // To say which parameters there are is worth more than "unknown key".
        Some(key) => {
            let key = key.to_owned();
            let name = key.trim_start_matches("prior.");
            let remedy = suggest(name, &names);
            let message = format!("the {owner} has no parameter `{name}`");
            document.blame(&key, Error::invalid_input(message).remedy(remedy))
        }
        None => error,
    })?;
    let mut prior = Prior { parameters: Vec::new(), marginals: Vec::new() };
    let mut nuisance = Vec::new();
    for parameter in parameters {
        let name = &parameter.name;
        let mut section = section.section(name)?.ok_or_else(|| {
            let remedy = format!("add a section [prior.{name}] with its kind");
            let message = format!("this parameter of the {owner} has no prior");
            document.blame(&format!("prior.{name}"), Error::invalid_input(message).remedy(remedy))
        })?;
        let is_nuisance = section.take("nuisance")?.unwrap_or(false);
        let latex = section.take("latex")?;
        check_label(&section, latex.as_deref())?;
        let latex = latex.unwrap_or_else(|| parameter.latex.clone());
        let marginal = marginal(section)?;
        nuisance.push(is_nuisance.then_some(marginal));
        if !is_nuisance {
            let remedy = format!("use letters, digits and underscores: rename it in the {owner} and here");
            check_name(name).map_err(|error| document.blame(&format!("prior.{name}"), error.remedy(remedy)))?;
            prior.parameters.push(Parameter::new(name.clone(), latex));
            prior.marginals.push(marginal);
        }
    }
    document.demand(
        prior.n_params() > 0,
        "prior",
        "every parameter is a nuisance parameter",
        "take nuisance = true from those of interest",
    )?;
    Ok((prior, nuisance))
}

/// A label, where one is given, is a formula: something, and without the dollars that figures put around it.
fn check_label(section: &Section<'_>, latex: Option<&str>) -> Result<()> {
    let Some(latex) = latex else { return Ok(()) };
    let is_there = !latex.trim().is_empty();
    section.demand(is_there, "latex", "the label is empty", "give the formula of a label, or leave it out")?;
    let message = format!("`{latex}` has dollar signs, which are put around labels where they are wanted");
    section.demand(!latex.contains('$'), "latex", message, "give the formula alone, as in latex = '\\Omega_m'")
}

fn marginal(mut section: Section<'_>) -> Result<Marginal> {
    let (document, path) = (section.document, section.path.clone());
    let taken = ["kind", "nuisance", "latex"];
    let marginal = match section.kind(&KINDS)? {
        "uniform" => {
            let keys: Interval = section.rest(&taken)?;
            Uniform::new(keys.low, keys.high).map(Marginal::Uniform)
        }
        "log_uniform" => {
            let keys: Interval = section.rest(&taken)?;
            LogUniform::new(keys.low, keys.high).map(Marginal::LogUniform)
        }
        _ => {
            let keys: NormalKeys = section.rest(&taken)?;
            let (low, high) = (keys.low.unwrap_or(f64::NEG_INFINITY), keys.high.unwrap_or(f64::INFINITY));
            Normal::truncated(keys.mean, keys.sd, low, high).map(Marginal::Normal)
        }
    };
    marginal.map_err(|error| document.blame(&path, error))
}

/// The fiducial point of the parameters of interest: inside the prior, and where the simulator, if there is one, has
/// data.
pub(super) fn fiducial(section: Section<'_>, prior: &Prior, simulator: Option<&dyn Simulator>) -> Result<Vec<f64>> {
    let document = section.document;
    let names: Vec<&str> = prior.parameters.iter().map(|p| p.name.as_str()).collect();
    let theta = section.by_parameter(&names)?;
    for ((name, marginal), &x) in names.iter().zip(&prior.marginals).zip(&theta) {
        let (low, high) = marginal.bounds();
        let message = format!("the fiducial {name} = {x} lies outside its prior, {low} … {high}");
        let inside = marginal.log_prob(x) > f64::NEG_INFINITY;
        let (here, there) = (format!("fiducial.{name}"), format!("prior.{name}"));
        let key = document.culprit(&[&here, &there]);
        document.demand(inside, key, message, "move the fiducial point or widen the prior")?;
    }
    simulator.map_or(Ok(()), |simulator| try_at(simulator, &theta)).map_err(|error| {
        let message = format!("the simulator has no data there: {error}");
        let remedy = "choose parameters where the model makes sense";
        document.blame("fiducial", Error::invalid_input(message).remedy(remedy))
    })?;
    Ok(theta)
}
