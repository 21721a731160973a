//! Where chains begin: weights near a maximum, the field drawn from its prior.
//!
//! The maximum is that of the weights given the known density; where the density is sampled too, given one made of the
//! catalogue itself, so that every chain begins with weights by which density raises halos: halo counts, smoothed, and in
//! their order given the values of a density that evolved from the prior, since weights that fit a smoother density can
//! expect any number of halos in a rougher one.

use super::super::{Extension, What};
use super::target::{Target, amplitude, given};
use crate::error::Result;
use crate::field::Grid;
use crate::halo::{FitSettings, PRIOR_SD, maximise};
use crate::hmc::{Chain, LogDensity, Metric};
use crate::math::{Complex, RealFft3};
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// Standard deviation of the smoothing of halo counts [voxels].
const SMOOTHING: f64 = 1.5;
/// How far chains begin from the maximum, in standard deviations of its curvature.
const SPREAD: f64 = 0.7;
/// How often a field is halved, where the density of its draw is not finite.
const MAX_HALVINGS: usize = 6;

/// The maximum of the weights, and the metric of the curvature there.
pub(super) struct Maximum {
    weights: Vec<f64>,
    metric: Metric,
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

/// Climbs to the maximum; `None` where the weights are known.
pub(super) fn maximum(extension: &Extension) -> Result<Option<Maximum>> {
    let made: Vec<f64>;
    let density = match extension.sampling.what {
        What::Field => return Ok(None),
        What::Weights => extension.known_density()?,
        What::Joint => {
            made = proxy(extension)?;
            &made
        }
    };
    let mut target = given(extension, density)?;
    let start = first_weights(&extension.engine.names);
    let seed = Seed::new(extension.seed).label("start");
    let weights = maximise(&mut target, &start, &FitSettings::default(), seed).position;
    let metric = Metric::of_curvature(&mut target, &weights, PRIOR_SD)?;
    Ok(Some(Maximum { weights, metric }))
}

/// A chain at its start, and its target.
pub(super) fn chain(extension: &Extension, i: usize, maximum: Option<&Maximum>) -> Result<(Chain, Target)> {
    let seed = Seed::new(extension.seed).label("start");
    let weights = match (maximum, &extension.engine.weights) {
        (Some(maximum), _) => maximum.near(seed.label("weights"), i as u64),
        (None, Some(known)) => known.clone(),
        (None, None) => Vec::new(),
    };
    let mut target = Target::new(extension, &weights, amplitude(extension))?;
    let mut positions = Vec::new();
    if let Some(field) = target.field() {
        let mut stream = seed.label("field").stream(i as u64);
        let noise: Vec<f64> = (0..field.dim()).map(|_| StandardNormal.sample(&mut stream)).collect();
        let (mut u, mut gradient) = (vec![0.0; noise.len()], vec![0.0; noise.len()]);
        field.coordinates(&noise, &mut u)?;
        // Weights fitted to one density may expect too many halos in the highest peaks of another: a start, no draw.
        let mut halvings = 0;
        while !field.value_and_gradient(&u, &mut gradient).is_finite() && halvings < MAX_HALVINGS {
            u.iter_mut().for_each(|u| *u *= 0.5);
            halvings += 1;
        }
        positions.push(u);
    }
    if maximum.is_some() {
        positions.push(weights);
    }
    let settings = extension.sampling.chain.clone();
    let last = positions.len() - 1;
    let mut chain = Chain::new(i as u64, Seed::new(extension.seed), settings, positions, &mut target)?;
    if let Some(maximum) = maximum {
        chain.begin_in(last, maximum.metric.clone())?;
    }
    Ok((chain, target))
}

impl Maximum {
    fn near(&self, seed: Seed, i: u64) -> Vec<f64> {
        let mut stream = seed.stream(i);
        let z: Vec<f64> = self.weights.iter().map(|_| StandardNormal.sample(&mut stream)).collect();
        let mut step = vec![0.0; z.len()];
        self.metric.apply(&z, &mut step);
        self.weights.iter().zip(step).map(|(w, d)| w + SPREAD * d).collect()
    }
}

/// A density contrast in the order of the smoothed halo counts, with the values of one that the prior evolves to.
fn proxy(extension: &Extension) -> Result<Vec<f64>> {
    let counts = smoothed_counts(&extension.field.grid, &extension.halos.cells);
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
