//! The whole map from density and weights to the log likelihood of a catalogue, with its gradient by both.
//!
//! One flat vector of weights: first the engine's ([`crate::engine::Engine::names`]), then the mixture's
//! ([`Mixture::names`]). The default, a 3³ kernel of ℓ = 0 and two components, has 5 + 12 = 17.

use super::likelihood::{Likelihood, Region};
use super::mass_function::Mixture;
use crate::engine::{self, Engine};
use crate::error::{Error, Result};

/// What the model is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The engine.
    pub engine: engine::Settings,
    /// The mass function.
    pub mixture: Mixture,
}

/// Engine, mass function and likelihood on one grid.
pub struct Model {
    engine: Engine,
    likelihood: Likelihood,
    psi: Vec<f64>,
    d_psi: Vec<f64>,
}

impl Model {
    /// On a grid of n³ voxels in a box of `box_length` [Mpc/h], of halos as (voxel, mass [Msun/h]) above `threshold`.
    ///
    /// # Errors
    /// Invalid input: settings of engine or mixture that cannot be, a region of another size, a threshold that is not
    /// positive, a halo below it or in no voxel.
    pub fn new(
        n: usize,
        box_length: f64,
        settings: &Settings,
        threshold: f64,
        region: &Region,
        halos: &[(usize, f64)],
    ) -> Result<Self> {
        let engine = Engine::new([n; 3], &settings.engine)?;
        settings.mixture.check()?;
        check(n, region, halos, threshold)?;
        let volume = (box_length / n as f64).powi(3);
        let likelihood = Likelihood::new(settings.mixture, threshold, volume, region.powers(), halos);
        let n_voxels = engine.n_voxels();
        Ok(Self { engine, likelihood, psi: vec![0.0; n_voxels], d_psi: vec![0.0; n_voxels] })
    }

    /// Number of weights.
    pub fn n_weights(&self) -> usize {
        self.engine.n_weights() + self.likelihood.mixture().n_weights()
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> Vec<String> {
        self.engine.names().into_iter().chain(self.likelihood.mixture().names()).collect()
    }

    /// Number of halos in the region.
    pub fn n_halos(&self) -> usize {
        self.likelihood.n_halos()
    }

    /// ψ of the last evaluation.
    pub fn psi(&self) -> &[f64] {
        &self.psi
    }

    /// ln 𝓛 of a density δ (n³ values) and weights; writes the gradients by the weights and, where wanted, by δ. Without
    /// prior.
    ///
    /// # Panics
    /// If a length is another.
    pub fn value_and_gradient(
        &mut self,
        density: &[f64],
        weights: &[f64],
        d_density: Option<&mut [f64]>,
        d_weights: &mut [f64],
    ) -> f64 {
        let Self { engine, likelihood, psi, d_psi } = self;
        let (of_engine, of_mixture) = weights.split_at(engine.n_weights());
        d_weights.fill(0.0);
        let (d_engine, d_mixture) = d_weights.split_at_mut(engine.n_weights());
        engine.forward(density, of_engine, psi);
        let value = likelihood.value_and_gradient(psi, of_mixture, d_psi, d_mixture);
        engine.vjp(of_engine, d_psi, d_density, d_engine);
        value
    }
}

pub(super) fn check(n: usize, region: &Region, halos: &[(usize, f64)], threshold: f64) -> Result<()> {
    let n_voxels = n * n * n;
    if !(threshold > 0.0 && threshold.is_finite()) {
        return Err(Error::invalid_input(format!("a threshold of {threshold} Msun/h")).remedy("give a positive mass"));
    }
    if region.powers().len() != n_voxels || region.powers().iter().any(|p| !(*p >= 0.0 && p.is_finite())) {
        let message = format!("a region of {} powers is not one of {n}³ voxels", region.powers().len());
        return Err(Error::invalid_input(message).remedy("give one finite power from 0 on for each voxel"));
    }
    if let Some((voxel, mass)) = halos.iter().find(|h| h.0 >= n_voxels || !(h.1 >= threshold && h.1.is_finite())) {
        let message =
            format!("a halo of {mass} Msun/h in voxel {voxel}, of {n}³ voxels and above {threshold:e} Msun/h");
        return Err(
            Error::invalid_input(message).remedy("assign halos to voxels of the same grid, none below the threshold")
        );
    }
    Ok(())
}
