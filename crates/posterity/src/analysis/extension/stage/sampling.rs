//! The first stage: the chains.

use super::super::Extension;
use super::results::ExtensionResults;
use super::sink::Sink;
use super::start::{self, chain};
use super::stored::{Stored, checkpoint_path};
use super::target::Target;
use super::{identity, told};
use crate::error::{Error, Result};
use crate::hmc::{self, Beside, Chain, Lane, Metric};
use crate::progress::Progress;
use crate::seed::Seed;
use rayon::prelude::*;
use std::path::Path;

/// Draws the chains, or goes on with them from where they stand in the output folder, and sums them up in
/// `results.json`. `overwrite` takes away the chains of another analysis.
///
/// # Errors
/// Invalid input, where the folder holds the chains of another analysis; interrupted, where an end was asked for, after
/// which the same call goes on with the same bits; numerical; corrupt file; io.
pub fn sample(extension: &Extension, out_dir: &Path, overwrite: bool, progress: &dyn Progress) -> Result<()> {
    identity::claim(extension, out_dir, overwrite)?;
    let stored = Stored::create(extension, out_dir)?;
    let sampling = &extension.sampling;
    let is_new = |i: &usize| !checkpoint_path(out_dir, *i).is_file();
    let maximum = if (0..sampling.n_chains).any(|i| is_new(&i)) {
        Some(told("start", None, progress, || Ok((start::maximum(extension)?, String::new())))?)
    } else {
        None
    };
    let true_linear = true_linear(extension)?;
    let begin = |i: usize| match &maximum {
        Some(maximum) if is_new(&i) => {
            let (chain, target) = chain(extension, i, maximum)?;
            Ok((chain, target, Beside::new()))
        }
        _ => load(extension, out_dir, i),
    };
    let begun: Vec<Result<_>> = (0..sampling.n_chains).into_par_iter().map(begin).collect();
    let mut lanes = Vec::new();
    for (i, begun) in begun.into_iter().enumerate() {
        let (chain, target, beside) = begun?;
        let sink = Sink::new(extension, &stored, out_dir, i, beside, true_linear.clone())?;
        lanes.push(Lane { chain, target, sink });
    }
    let outcome = hmc::run(&mut lanes, sampling.n_sweeps(), sampling.save_every, progress);
    outcome.map_err(|error| {
        if error.is_interrupted() { error.remedy("the same command again goes on from there") } else { error }
    })?;
    drop(lanes);
    let mut results = ExtensionResults::open(extension, out_dir)?;
    results.set_chains(extension, out_dir)?;
    results.write(out_dir)
}

/// A chain from its checkpoint.
fn load(extension: &Extension, out_dir: &Path, i: usize) -> Result<(Chain, Target, Beside)> {
    let path = checkpoint_path(out_dir, i);
    let (chain, mut beside) = hmc::load(&path, i as u64, Seed::new(extension.seed), &extension.sampling.chain)?;
    let amplitude = beside.remove("amplitude").unwrap_or_default();
    // Where weights are sampled, the chain puts its own in place.
    let weights = extension.engine.weights.clone().unwrap_or_else(|| vec![0.0; extension.engine.names.len()]);
    let corrupt = |error: Error| {
        Error::corrupt_file(format!("the chain cannot go on: {error}"))
            .in_file(&path)
            .remedy("sample into another folder")
    };
    let n_weights = extension.engine.names.len();
    let along = match beside.remove("weights.centre") {
        None => (Vec::new(), Metric::Identity),
        Some(centre) => {
            let mut take = |name: &str| Ok(beside.remove(&format!("weights.{name}")).unwrap_or_default());
            (centre, Metric::from_parts("dense", n_weights, &mut take).map_err(corrupt)?)
        }
    };
    let mut target = Target::new(extension, &weights, amplitude, along).map_err(corrupt)?;
    chain.place(&mut target).map_err(corrupt)?;
    Ok((chain, target, beside))
}

/// The linear density of the true initial field, where that is known and compared with.
pub(super) fn true_linear(extension: &Extension) -> Result<Option<Vec<f64>>> {
    extension.field.white_noise.as_ref().map(|noise| linear(extension, noise)).transpose()
}

/// The linear density today of a white noise.
pub(super) fn linear(extension: &Extension, noise: &[f64]) -> Result<Vec<f64>> {
    let mut density = vec![0.0; noise.len()];
    extension.field.gravity()?.lpt_mut().linear_density(noise, &mut density)?;
    Ok(density)
}
