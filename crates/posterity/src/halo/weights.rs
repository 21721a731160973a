//! The posterior of the weights when the density is known: a target of the samplers, without convolutions.

use super::coordinates::Coordinates;
use super::likelihood::{Likelihood, Region};
use super::model::{Settings, check};
use crate::engine::{Engine, Features};
use crate::error::{Error, Result};
use crate::hmc::LogDensity;

/// Standard deviation of each weight before the data.
pub const PRIOR_SD: f64 = 10.0;

/// ln 𝓛 + Σ ln N(w | 0, 10²), the latter normalised, of a density that stays.
pub struct WeightsGivenDensity {
    engine: Engine,
    voxels: Vec<usize>,
    features: Features,
    likelihood: Likelihood,
    names: Vec<String>,
    coordinates: Coordinates,
    psi: Vec<f64>,
    d_psi: Vec<f64>,
}

impl WeightsGivenDensity {
    /// Arguments as of [`super::Model::new`], and the density δ of n³ values.
    ///
    /// # Errors
    /// Invalid input, as there; a density of another size, or one that has no logarithm.
    pub fn new(
        n: usize,
        box_length: f64,
        settings: &Settings,
        threshold: f64,
        region: &Region,
        halos: &[(usize, f64)],
        density: &[f64],
    ) -> Result<Self> {
        let mut engine = Engine::new([n; 3], &settings.engine)?;
        settings.mixture.check()?;
        check(n, region, halos, threshold)?;
        check_density(n, density, settings.engine.floor)?;
        let voxels = region.voxels();
        let features = engine.features(density, &voxels);
        let powers: Vec<f64> = voxels.iter().map(|i| region.powers()[*i]).collect();
        let inside = halos.iter().filter_map(|h| Some((voxels.binary_search(&h.0).ok()?, h.1)));
        let volume = (box_length / n as f64).powi(3);
        let likelihood = Likelihood::new(settings.mixture, threshold, volume, &powers, &inside.collect::<Vec<_>>());
        let names = engine.names().into_iter().chain(settings.mixture.names()).collect();
        let coordinates = Coordinates::new(&engine, settings.mixture.n_weights());
        let (psi, d_psi) = (vec![0.0; voxels.len()], vec![0.0; voxels.len()]);
        Ok(Self { engine, voxels, features, likelihood, names, coordinates, psi, d_psi })
    }

    /// Puts another density δ in place, of the same n³ voxels.
    ///
    /// # Panics
    /// If the length is another.
    pub fn set_density(&mut self, density: &[f64]) {
        assert_eq!(density.len(), self.engine.n_voxels());
        self.features = self.engine.features(density, &self.voxels);
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Coordinates in which the weights are sampled.
    pub fn coordinates(&self) -> &Coordinates {
        &self.coordinates
    }

    /// Number of halos in the region.
    pub fn n_halos(&self) -> usize {
        self.likelihood.n_halos()
    }

    /// ln 𝓛 without the prior; writes its gradient.
    ///
    /// # Panics
    /// If a length is another.
    pub fn log_likelihood(&mut self, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let Self { features, likelihood, psi, d_psi, .. } = self;
        gradient.fill(0.0);
        let (of_engine, of_mixture) = weights.split_at(features.n_weights());
        let (d_engine, d_mixture) = gradient.split_at_mut(features.n_weights());
        features.forward(of_engine, psi);
        let value = likelihood.value_and_gradient(psi, of_mixture, d_psi, d_mixture);
        features.vjp(of_engine, d_psi, d_engine);
        value
    }
}

impl LogDensity for WeightsGivenDensity {
    fn dim(&self) -> usize {
        self.names.len()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let value = self.log_likelihood(position, gradient);
        value + add_prior(position, gradient)
    }
}

/// ln of the prior of the weights; adds its gradient.
pub fn add_prior(weights: &[f64], gradient: &mut [f64]) -> f64 {
    let variance = PRIOR_SD * PRIOR_SD;
    gradient.iter_mut().zip(weights).for_each(|(g, w)| *g -= w / variance);
    let norm = 0.5 * (2.0 * std::f64::consts::PI * variance).ln();
    weights.iter().map(|w| -0.5 * w * w / variance - norm).sum()
}

/// That a density has n³ values above −1 − `floor`.
pub(super) fn check_density(n: usize, density: &[f64], floor: f64) -> Result<()> {
    if density.len() != n * n * n {
        return Err(Error::invalid_input(format!("a density of {} values is not one of {n}³ voxels", density.len()))
            .remedy("give the density on the grid of the analysis"));
    }
    match density.iter().position(|d| !(*d > -1.0 - floor && d.is_finite())) {
        None => Ok(()),
        Some(i) => Err(Error::invalid_input(format!("the density contrast is {} at voxel {i}", density[i]))
            .remedy("give δ = ρ/ρ̄ − 1, not below −1")),
    }
}
