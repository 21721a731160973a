//! Where chains begin: near a maximum, each at a place of its own.
//!
//! With the density known, the weights begin near their maximum, spread by the curvature there. Where the field is
//! sampled, a chain that began anywhere would first teach its weights that halos do not follow the density, and then
//! stay there: so the weights are found first from a density made of the catalogue itself (halo counts, smoothed, and in
//! their order given the values of a density that evolved from the prior, which is as rough as those to come), then
//! the field that is most probable with them, the whitening from the curvature there, and each chain begins at that
//! field with noise of its own as wide as the posterior, and at the weights that fit its density.

use super::super::{Extension, What};
use super::target::{Target, amplitude, given, of_halos};
use crate::error::Result;
use crate::field::Grid;
use crate::halo::{FitSettings, maximise};
use crate::hmc::{Chain, LogDensity, Metric};
use crate::math::{Complex, RealFft3};
use crate::seed::{Seed, Stream};
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// Standard deviation of the smoothing of halo counts [voxels].
const SMOOTHING: f64 = 1.5;
/// How far chains begin from the maximum, in standard deviations of its curvature.
const SPREAD: f64 = 0.7;

/// Iterations towards the most probable field: chains need its neighbourhood, not the very top.
const FIELD_ITERATIONS: usize = 200;
/// How small the field is from which the climb begins, in standard deviations of the prior.
const FIELD_START: f64 = 0.1;
/// The least width of the noise that chains begin with, halved until the density is finite.
const LEAST_WIDTH: f64 = 0.01;
/// Probes of the field's curvature.
const N_PROBES: u64 = 8;

/// What all chains begin from.
pub(super) struct Maximum {
    /// The weights, their coordinates, and the metric of the curvature there.
    weights: Option<(Vec<f64>, Vec<f64>, Metric)>,
    /// The field's coordinates, and the amplitudes that they are of.
    field: Option<(Vec<f64>, Vec<f64>)>,
}

/// The weights to climb from, by their names.
pub(super) fn first_weights(names: &[String]) -> Vec<f64> {
    let of = |name: &String| match name {
        name if name == "kernel_r2_0" => 1.0,
        name if name.starts_with("alpha_") && name.ends_with("_weight") => 1.0,
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
    let proxy;
    let density = match extension.sampling.what {
        What::Field => None,
        What::Weights => Some(extension.known_density()?),
        What::Joint => {
            proxy = self::proxy(extension)?;
            Some(&*proxy)
        }
    };
    let weights = match density {
        Some(density) => {
            let is_proxy = extension.sampling.what == What::Joint;
            let halos = if is_proxy { half(&extension.halos.cells, 1) } else { extension.halos.cells.clone() };
            let mut target = of_halos(extension, &halos, density)?;
            let start = target.coordinates(&first_weights(&extension.engine.names));
            let mut x = maximise(&mut target, &start, &FitSettings::default(), seed).position;
            if is_proxy {
                // Fitted to half of the halos; α is nearly exponential in its bias where halos are rarer than voxels.
                let all = extension.halos.cells.len() as f64 / halos.len().max(1) as f64;
                let biases = x.iter_mut().zip(&extension.engine.names);
                biases
                    .filter(|(_, name)| name.starts_with("alpha_") && name.ends_with("_bias"))
                    .for_each(|(x, _)| *x += all.ln());
            }
            let metric = target.metric(&x)?;
            Some((target.weights(&x).0.to_vec(), x, metric))
        }
        None => None,
    };
    let known = weights.as_ref().map(|(weights, ..)| weights).or(extension.engine.weights.as_ref());
    let mut target = Target::new(extension, known.map_or(&[], |w| w), amplitude(extension))?;
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

/// A chain at its start, and its target.
pub(super) fn chain(extension: &Extension, i: usize, maximum: &Maximum) -> Result<(Chain, Target)> {
    let mut stream = Seed::new(extension.seed).label("start").label("chain").stream(i as u64);
    let known = maximum.weights.as_ref().map(|(weights, ..)| weights).or(extension.engine.weights.as_ref());
    let amplitude = maximum.field.as_ref().map_or_else(Vec::new, |(_, amplitude)| amplitude.clone());
    let mut target = Target::new(extension, known.map_or(&[], |w| w), amplitude)?;
    let mut positions = Vec::new();
    let mut weights = maximum.weights.clone();
    if let (Some((top, _)), Some(field)) = (&maximum.field, target.field()) {
        let noise: Vec<f64> = top.iter().map(|_| normal(&mut stream)).collect();
        let at = |width: f64| top.iter().zip(&noise).map(|(x, z)| x + width * z).collect::<Vec<f64>>();
        let (mut u, mut width, mut gradient) = (at(1.0), 1.0, vec![0.0; top.len()]);
        // The weights of one density may expect too many halos in the highest peaks of another: a start, no draw.
        while !field.value_and_gradient(&u, &mut gradient).is_finite() && width > LEAST_WIDTH {
            width *= 0.5;
            u = at(width);
        }
        if let Some((_, x, metric)) = &mut weights {
            let mut of_field = given(extension, field.evolve(&u).0)?;
            let climb = FitSettings { n_starts: 1, ..FitSettings::default() };
            *x = maximise(&mut of_field, x, &climb, Seed::new(extension.seed)).position;
            *metric = of_field.metric(x)?;
        }
        positions.push(u);
    }
    if let Some((_, x, metric)) = &weights {
        let z: Vec<f64> = x.iter().map(|_| normal(&mut stream)).collect();
        let mut step = vec![0.0; z.len()];
        metric.apply(&z, &mut step);
        positions.push(x.iter().zip(step).map(|(x, d)| x + SPREAD * d).collect());
    }
    let settings = extension.sampling.chain.clone();
    let last = positions.len() - 1;
    let mut chain = Chain::new(i as u64, Seed::new(extension.seed), settings, positions, &mut target)?;
    if let Some((_, _, metric)) = weights {
        chain.begin_in(last, metric)?;
    }
    Ok((chain, target))
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// A density contrast in the order of the smoothed halo counts, with the values of one that the prior evolves to.
fn proxy(extension: &Extension) -> Result<Vec<f64>> {
    let counts = smoothed_counts(&extension.field.grid, &half(&extension.halos.cells, 0));
    let mut stream = Seed::new(extension.seed).label("start").label("proxy").stream(0);
    let noise: Vec<f64> = counts.iter().map(|_| StandardNormal.sample(&mut stream)).collect();
    let mut evolved = vec![0.0; noise.len()];
    extension.field.gravity()?.density(&noise, &mut evolved)?;
    evolved.sort_by(f64::total_cmp);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| counts[*a].total_cmp(&counts[*b]));
    let mut proxy = vec![0.0; counts.len()];
    order.into_iter().zip(evolved).for_each(|(voxel, rho)| proxy[voxel] = rho - 1.0);
    Ok(proxy)
}

/// Every second halo: of the one half a density is made that the other half is fitted to, for halos say too much of a
/// density that is made of themselves.
fn half(halos: &[(usize, f64)], first: usize) -> Vec<(usize, f64)> {
    halos.iter().skip(first).step_by(2).copied().collect()
}

/// The contrast of halo counts, smoothed with a Gaussian, on the periodic grid.
fn smoothed_counts(grid: &Grid, cells: &[(usize, f64)]) -> Vec<f64> {
    let n = grid.n();
    let half = n / 2 + 1;
    let mean = cells.len() as f64 / grid.n_cells() as f64;
    let mut contrast = vec![-1.0; grid.n_cells()];
    cells.iter().for_each(|(voxel, _)| contrast[*voxel] += 1.0 / mean);
    let mut fft = RealFft3::new(n);
    let mut spectrum = vec![Complex::default(); fft.len()];
    fft.forward(&contrast, &mut spectrum);
    for (i, value) in spectrum.iter_mut().enumerate() {
        let k = [i / (n * half), i / half % n, i % half].map(|i| 2.0 * PI * grid.wavenumber(i) as f64 / n as f64);
        let square: f64 = k.iter().map(|k| k * k).sum();
        let factor = (-0.5 * square * SMOOTHING * SMOOTHING).exp();
        *value = Complex { re: value.re * factor, im: value.im * factor };
    }
    fft.inverse(&spectrum, &mut contrast);
    // A Gaussian cut at the Nyquist frequency rings a little.
    contrast.iter_mut().for_each(|d| *d = d.max(-1.0));
    contrast
}
