//! The posterior of the initial field given the weights: white noise in whitened coordinates u, by gravity to a density,
//! by engine and mass function to the likelihood of the catalogue.
//!
//! At the end of each window of the warm-up the field is whitened anew, from the draws and gradients that the window has
//! seen ([`whitening::from_rows`]).
//!
//! Memory: that of [`Gravity`] and of [`Model`], and 24 bytes for each voxel.

use super::Model;
use crate::error::{Error, Result};
use crate::field::{Gravity, whitening};
use crate::hmc::{Blocks, LogDensity, Window};
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

/// How far a probe of the curvature goes, in widths of the posterior.
const PROBE: f64 = 0.1;

/// ln π(s) + ln 𝓛 of the white noise of the initial field, in coordinates u, with the weights known.
pub struct FieldGivenWeights {
    gravity: Gravity,
    model: Model,
    weights: Vec<f64>,
    amplitude: Vec<f64>,
    least: Vec<f64>,
    density: Vec<f64>,
    d_density: Vec<f64>,
    d_weights: Vec<f64>,
    adapts: bool,
}

impl FieldGivenWeights {
    /// Gravity and model on the same grid, the weights, and the amplitude of each mode in the coordinates u
    /// ([`whitening`]); `adapts` says whether the warm-up may choose another, which is never below `least`: curvature and
    /// gradients see the roughness of small scales in every mode, and would hold the largest ones too tight.
    ///
    /// # Errors
    /// Invalid input, for amplitudes that [`crate::field::Lpt::set_whitening`] refuses, and where grids or numbers of weights
    /// differ.
    pub fn new(
        mut gravity: Gravity,
        model: Model,
        weights: Vec<f64>,
        amplitude: Vec<f64>,
        least: Vec<f64>,
        adapts: bool,
    ) -> Result<Self> {
        gravity.lpt_mut().set_whitening(&amplitude)?;
        let n = gravity.lpt().grid().n_cells();
        let sizes = [least.len(), model.psi().len(), weights.len()];
        if sizes != [amplitude.len(), n, model.n_weights()] {
            let message = format!("least amplitudes, voxels and weights: {sizes:?}, of a field of {n}");
            return Err(Error::invalid_input(message).remedy("make gravity, model and amplitudes for one grid"));
        }
        let d_weights = vec![0.0; weights.len()];
        let (density, d_density) = (vec![0.0; n], vec![0.0; n]);
        Ok(Self { gravity, model, weights, amplitude, least, density, d_density, d_weights, adapts })
    }

    /// The white noise s of coordinates u, n³ values each.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn white_noise(&mut self, u: &[f64], s: &mut [f64]) -> Result<()> {
        self.gravity.lpt_mut().whiten(u, false, s)
    }

    /// The coordinates u of white noise s.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn coordinates(&mut self, s: &[f64], u: &mut [f64]) -> Result<()> {
        self.gravity.lpt_mut().whiten(s, true, u)
    }

    /// The amplitude of each mode.
    pub fn amplitude(&self) -> &[f64] {
        &self.amplitude
    }

    /// Puts other weights in place.
    pub fn set_weights(&mut self, weights: &[f64]) {
        self.weights.copy_from_slice(weights);
    }

    /// The linear density contrast today of coordinates u, n³ values each.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn linear_density(&mut self, u: &[f64], density: &mut [f64]) -> Result<()> {
        self.gravity.lpt_mut().linear_density(u, density)
    }

    /// The density contrast δ that the field at u evolves to, n³ values each.
    pub fn density(&mut self, u: &[f64]) -> &[f64] {
        self.displace(u);
        &self.density
    }

    /// The density contrast δ that the field at u evolves to, and ψ of it: n³ values each.
    pub fn evolve(&mut self, u: &[f64]) -> (&[f64], &[f64]) {
        self.displace(u);
        self.model.value_and_gradient(&self.density, &self.weights, None, &mut self.d_weights);
        (&self.density, self.model.psi())
    }

    /// δ of where the field stands.
    pub(super) fn contrast(&self) -> &[f64] {
        &self.density
    }

    /// Leaves δ in `density`; the log prior of u.
    pub(super) fn displace(&mut self, u: &[f64]) -> f64 {
        // Sizes were made to fit in `new`, and chains check that of their start.
        let log_prior = self.gravity.density(u, &mut self.density).unwrap_or(f64::NAN);
        self.density.iter_mut().for_each(|rho| *rho -= 1.0);
        log_prior
    }

    /// Takes the amplitudes that draws and gradients (rows of n³ values) speak for, and writes the position anew; false
    /// where the warm-up is not to.
    pub(super) fn whiten(&mut self, draws: &[f64], gradients: &[f64], position: &mut [f64]) -> bool {
        let grid = *self.gravity.lpt().grid();
        let amplitude = whitening::from_rows(&grid, &self.amplitude, draws, gradients);
        self.adapts && amplitude.and_then(|amplitude| self.recoordinate(amplitude, position)).is_ok()
    }

    /// Whether the warm-up whitens anew.
    pub(super) fn adapts(&self) -> bool {
        self.adapts
    }

    /// The gradient of ln 𝓛 by the weights, where it was last evaluated.
    pub(super) fn weights_gradient(&mut self) -> &mut [f64] {
        &mut self.d_weights
    }

    /// Whitens the field from the curvature at `position`, seen by so many random probes (two gradients each), and
    /// writes the position in the new coordinates: where a chain begins. A probe that ends where the density is not finite
    /// is left out.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn whiten_by_curvature(&mut self, n_probes: u64, seed: Seed, position: &mut [f64]) -> Result<()> {
        let dim = position.len();
        let (mut probes, mut products) = (Vec::new(), Vec::new());
        let (mut at, mut gradients) = (position.to_vec(), [vec![0.0; dim], vec![0.0; dim]]);
        for k in 0..n_probes {
            let mut stream = seed.label("probe").stream(k);
            let probe: Vec<f64> = (0..dim).map(|_| StandardNormal.sample(&mut stream)).collect();
            let mut is_finite = true;
            for (gradient, step) in gradients.iter_mut().zip([PROBE, -PROBE]) {
                at.iter_mut().zip(position.iter().zip(&probe)).for_each(|(at, (x, z))| *at = x + step * z);
                is_finite &= self.value_and_gradient(&at, gradient).is_finite();
            }
            if !is_finite {
                continue;
            }
            products
                .extend(gradients[1].iter().zip(&gradients[0]).map(|(below, above)| (below - above) / (2.0 * PROBE)));
            probes.extend(probe);
        }
        let grid = *self.gravity.lpt().grid();
        let amplitude = whitening::from_products(&grid, &self.amplitude, &probes, &products)?;
        self.recoordinate(amplitude, position)
    }

    fn recoordinate(&mut self, mut amplitude: Vec<f64>, position: &mut [f64]) -> Result<()> {
        amplitude.iter_mut().zip(&self.least).for_each(|(a, least)| *a = a.max(*least));
        let mut s = vec![0.0; position.len()];
        self.white_noise(position, &mut s)?;
        self.gravity.lpt_mut().set_whitening(&amplitude)?;
        self.amplitude = amplitude;
        self.coordinates(&s, position)
    }
}

impl LogDensity for FieldGivenWeights {
    fn dim(&self) -> usize {
        self.density.len()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let log_prior = self.displace(position);
        let Self { gravity, model, weights, density, d_density, d_weights, .. } = self;
        let log_likelihood = model.value_and_gradient(density, weights, Some(d_density), d_weights);
        match gravity.gradient(d_density, gradient) {
            Ok(()) => log_prior + log_likelihood,
            Err(_) => f64::NAN,
        }
    }
}

/// The field as the one block of a chain.
impl Blocks for FieldGivenWeights {
    fn block(&mut self, _: usize) -> &mut dyn LogDensity {
        self
    }

    fn adapt(&mut self, _: usize, window: &Window, position: &mut Vec<f64>) -> bool {
        self.whiten(window.draws(), window.gradients(), position)
    }

    fn wants_rows(&self, _: usize) -> bool {
        self.adapts()
    }
}
