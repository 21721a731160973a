//! Where chains begin: near a maximum, each at a place of its own.
//!
//! With the density known, the weights begin near their maximum, spread by the curvature there. Where the field is
//! sampled, a chain that began anywhere would first teach its weights that halos do not follow the density, and then
//! stay there: so the weights are found first from a density made of the catalogue itself ([`super::proxy`]), then the
//! field that is most probable with them, the whitening from the curvature there, and each chain begins at that
//! field with noise of its own as wide as the posterior, and at the weights that fit its density.

use super::super::{Extension, What};
use super::proxy::{half, proxy};
use super::target::{Target, amplitude, given, of_halos};
use crate::error::Result;
use crate::halo::{FitSettings, Straightened, maximise};
use crate::hmc::{Chain, LogDensity, Metric, State};
use crate::seed::{Seed, Stream};
use rand_distr::{Distribution, StandardNormal};

/// How far chains begin from the maximum, in standard deviations of its curvature.
const SPREAD: f64 = 0.7;

/// Climbs to the maximum of the weights, and how far from the first the others begin.
const N_CLIMBS: u64 = 6;
const CLIMB_SPREAD: f64 = 0.5;
/// Iterations towards the most probable field: chains need its neighbourhood, not the very top.
const FIELD_ITERATIONS: usize = 200;
/// How small the field is from which the climb begins, in standard deviations of the prior.
const FIELD_START: f64 = 0.1;
/// The least width of the noise that chains begin with, about.
const LEAST_WIDTH: f64 = 0.01;
/// Probes of the field's curvature.
const N_PROBES: u64 = 8;

/// What all chains begin from.
pub(super) struct Maximum {
    /// The weights.
    weights: Option<Weights>,
    /// The field's coordinates, and the amplitudes that they are of.
    field: Option<(Vec<f64>, Vec<f64>)>,
}

/// Weights, their coordinates, and the metric of the curvature there.
#[derive(Clone)]
struct Weights {
    values: Vec<f64>,
    x: Vec<f64>,
    metric: Metric,
}

/// The weights to climb from, by their names, with this sign of the kernel: more halos where there is more mass.
pub(super) fn first_weights(names: &[String], sign: f64) -> Vec<f64> {
    let of = |name: &String| match name {
        name if name == "kernel_r2_0" => sign,
        name if name.starts_with("alpha_") && name.ends_with("_weight") => sign,
        name if name.starts_with("sigma_") && name.ends_with("_bias") => -6.0,
        _ => 0.0,
    };
    names.iter().map(of).collect()
}

impl Extension {
    /// The density contrast that is known.
    pub(in super::super) fn known_density(&self) -> Result<&[f64]> {
        self.field.density.as_deref().ok_or_else(|| crate::Error::invalid_input("the density is not known"))
    }
}

/// Climbs to the maximum.
pub(super) fn maximum(extension: &Extension) -> Result<Maximum> {
    let seed = Seed::new(extension.seed).label("start");
    let made;
    let density = match extension.sampling.what {
        What::Field => None,
        What::Weights => Some(extension.known_density()?),
        What::Joint => {
            made = proxy(extension)?;
            Some(&*made)
        }
    };
    let weights = match density {
        Some(density) => {
            let is_proxy = extension.sampling.what == What::Joint;
            let halos = if is_proxy { half(&extension.halos.cells, 1) } else { extension.halos.cells.clone() };
            let mut target = of_halos(extension, &halos, density)?;
            let signs: &[f64] = if is_proxy { &[1.0] } else { &[1.0, -1.0] };
            let mut x = highest(&mut target, &extension.engine.names, signs, seed);
            if is_proxy {
                // Fitted to half of the halos; α is nearly exponential in its bias where halos are rarer than voxels.
                let all = extension.halos.cells.len() as f64 / halos.len().max(1) as f64;
                let coordinates = x.iter_mut().zip(&extension.engine.names);
                coordinates.filter(|(_, name)| name.starts_with("alpha_")).for_each(|(x, _)| *x += all.ln());
            }
            let metric = target.metric(&x)?;
            Some(Weights { values: target.weights(&x).0.to_vec(), x, metric })
        }
        None => None,
    };
    if extension.sampling.what == What::Weights {
        return Ok(Maximum { weights, field: None });
    }
    let mut target = target(extension, weights.as_ref(), amplitude(extension))?;
    let Some(field) = target.field() else { return Ok(Maximum { weights, field: None }) };
    let mut stream = seed.label("field").stream(0);
    let small: Vec<f64> = (0..field.dim()).map(|_| FIELD_START * normal(&mut stream)).collect();
    let climb = FitSettings { n_starts: 1, n_iterations: FIELD_ITERATIONS, ..FitSettings::default() };
    let mut u = maximise(field, &small, &climb, seed).position;
    if extension.sampling.is_whitened {
        field.whiten_by_curvature(N_PROBES, seed, &mut u)?;
    }
    let field = Some((u, field.amplitude().to_vec()));
    Ok(Maximum { weights, field })
}

/// The highest maximum that climbs find with one of these signs of the weight at the kernel's centre. Either sign is a
/// mode of its own, of ψ that rises or falls with the density, and no chain crosses. With the density known, the higher one
/// holds all but nothing of the posterior. With a field that has yet to be found it is not known which does; chains of
/// falling ψ mix worse there, and chains begin with ψ that rises, as in the published engine.
fn highest(target: &mut Straightened, names: &[String], signs: &[f64], seed: Seed) -> Vec<f64> {
    let mut from = Vec::new();
    for sign in signs {
        let start = target.coordinates(&first_weights(names, *sign));
        from.extend((0..N_CLIMBS).map(|k| -> Vec<f64> {
            let mut stream = seed.label("climb").stream(k);
            let spread = if k == 0 { 0.0 } else { CLIMB_SPREAD };
            start.iter().map(|x| x + spread * normal(&mut stream)).collect()
        }));
    }
    let first = from[0].clone();
    best_of(target, from.into_iter(), signs, seed).unwrap_or(first)
}

/// Where the best of the climbs from these places ends, of those with one of these signs if there is any.
fn best_of(
    target: &mut Straightened,
    starts: impl Iterator<Item = Vec<f64>>,
    signs: &[f64],
    seed: Seed,
) -> Option<Vec<f64>> {
    let climb = FitSettings { n_starts: 1, ..FitSettings::default() };
    let mut best: Option<State> = None;
    for start in starts {
        let found = maximise(target, &start, &climb, seed);
        let is_wanted = |state: &State| signs.contains(&state.position[0].signum());
        let rank = |state: &State| (state.log_density.is_finite(), is_wanted(state), state.log_density);
        if best.as_ref().is_none_or(|best| rank(&found) > rank(best)) {
            best = Some(found);
        }
    }
    best.map(|best| best.position)
}

/// What is sampled, with these weights to begin with.
fn target(extension: &Extension, weights: Option<&Weights>, amplitude: Vec<f64>) -> Result<Target> {
    let known = weights.map(|weights| &weights.values).or(extension.engine.weights.as_ref());
    let along = weights.map_or((Vec::new(), Metric::Identity), |weights| (weights.x.clone(), weights.metric.clone()));
    Target::new(extension, known.map_or(&[], |w| w), amplitude, along)
}

/// A chain at its start, and its target.
pub(super) fn chain(extension: &Extension, i: usize, maximum: &Maximum) -> Result<(Chain, Target)> {
    let mut stream = Seed::new(extension.seed).label("start").label("chain").stream(i as u64);
    let amplitude = maximum.field.as_ref().map_or_else(Vec::new, |(_, amplitude)| amplitude.clone());
    let mut weights = maximum.weights.clone();
    let mut target = target(extension, weights.as_ref(), amplitude.clone())?;
    let mut positions = Vec::new();
    let mut of_weights = match extension.sampling.what {
        What::Weights => Some(given(extension, extension.known_density()?)?),
        _ => None,
    };
    if let (Some((top, _)), Some(field)) = (&maximum.field, target.field()) {
        let noise: Vec<f64> = top.iter().map(|_| normal(&mut stream)).collect();
        // The weights of one density may expect too many halos in the highest peaks of another.
        let mut u = finite(field, 1.0, |width| top.iter().zip(&noise).map(|(x, z)| x + width * z).collect());
        if let Some(before) = &weights {
            let mut of_field = given(extension, field.evolve(&u).0)?;
            // Those of the proxy may be impossible here.
            let sign = before.x[0].signum();
            let first = of_field.coordinates(&first_weights(&extension.engine.names, sign));
            let starts = [before.x.clone(), first].into_iter();
            let x = best_of(&mut of_field, starts, &[sign], Seed::new(extension.seed));
            let x = x.unwrap_or_else(|| before.x.clone());
            let refitted = Weights { values: of_field.weights(&x).0.to_vec(), metric: of_field.metric(&x)?, x };
            u.resize(u.len() + refitted.x.len(), 0.0);
            target = self::target(extension, Some(&refitted), amplitude)?;
            weights = Some(refitted);
            of_weights = Some(of_field);
        }
        positions.push(u);
    }
    if let (Some(Weights { x, metric, .. }), Some(of_weights)) = (&weights, &mut of_weights) {
        let z: Vec<f64> = x.iter().map(|_| normal(&mut stream)).collect();
        let mut step = vec![0.0; z.len()];
        metric.apply(&z, &mut step);
        positions.push(finite(of_weights, SPREAD, |width| x.iter().zip(&step).map(|(x, d)| x + width * d).collect()));
    }
    let settings = extension.sampling.chain.clone();
    let last = positions.len() - 1;
    let mut chain = Chain::new(i as u64, Seed::new(extension.seed), settings, positions, &mut target)?;
    if let Some(weights) = weights {
        chain.begin_in(last, weights.metric)?;
    }
    Ok((chain, target))
}

/// The first of the positions at this width, at half of it and so on, where the log density is finite: a start, no draw.
fn finite(target: &mut dyn LogDensity, widest: f64, at: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    let mut gradient = vec![0.0; target.dim()];
    let mut width = widest;
    loop {
        let position = at(width);
        let is_finite = target.value_and_gradient(&position, &mut gradient).is_finite();
        if is_finite && gradient.iter().all(|g| g.is_finite()) || width < LEAST_WIDTH {
            return position;
        }
        width *= 0.5;
    }
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}
