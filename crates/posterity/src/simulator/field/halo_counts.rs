//! Halos counted in voxels: the chain of the model extension, run forwards, as a simulator of Ω_m and σ8.
//!
//! White noise → linear modes of Eisenstein & Hu's spectrum → Lagrangian perturbation theory of second order → 1 + δ on
//! the grid (triangular-shaped cloud) → the neural physical engine's ψ → the mixture mass function, integrated above a
//! mass → one Poisson count a voxel, times the completeness; in two dimensions summed along the last axis.
//!
//! The weights of engine and mass function do not depend on the parameters: cosmology enters by the density alone. They
//! are those of a voxel's length, and the default ones are refused for others. [`Weights::default`] has about the posterior means found, together with the initial field,
//! for halos above 1.7268·10¹² Msun/h of an N-body simulation at z = 0 (Ω_m = 0.3111, `examples/halos`) in voxels of
//! 4 Mpc/h, in a model of 11 weights.
//!
//! A count comes of one uniform number by inversion, so that counts at theta ± delta are of the same noise. They are whole
//! numbers: there is no exact derivative, and seed-matched differences want a delta over which many counts change.
//!
//! Limits: halos are independent given the density; the completeness is the same everywhere and at all masses; as gravity,
//! no shells cross. What is recovered from such counts says that the inference is right, not that real halos are such.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379 (the model); Eisenstein & Hu 1998, arXiv:astro-ph/9709112.

use super::cosmological::parameters;
use super::cosmology::{EISENSTEIN_HU, FixedCosmology, check_box, check_sigma8};
use super::halo_chain::{Chain, Machine};
use super::pool::Pool;
use super::recent::Recent;
use super::{lattice, poisson};
use crate::engine;
use crate::error::{Error, Result};
use crate::field::{Background, Grid, Growth, LinearPower};
use crate::halo::{self, MAX_HALOS, Mixture};
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;
use crate::simulator::Simulator;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// An engine, a mass function, and their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// What both are made of.
    pub settings: halo::Settings,
    /// The engine's weights, then the mass function's, in the order of [`halo::Model::names`].
    pub values: Vec<f64>,
}

impl Default for Weights {
    fn default() -> Self {
        let engine = engine::Settings { floor: 0.3, ..engine::Settings::default() };
        let mixture = Mixture { n_components: 1, ..Mixture::default() };
        let of_engine = [12.635, -1.497, 0.016, 0.052, 5.702];
        let of_mixture = [-0.760, 10.462, 0.655, -19.922, 0.045, -4.811];
        Self { settings: halo::Settings { engine, mixture }, values: [&of_engine[..], &of_mixture].concat() }
    }
}

/// Length of the voxels that the default weights were found in [Mpc/h], and the mass above which they were [Msun/h].
const OF_DEFAULT: (f64, f64) = (4.0, 1.7268e12);

/// What halo counts are made of, beside Ω_m and σ8.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Voxels along each axis.
    pub n: usize,
    /// 3, or 2 for counts summed along the last axis.
    pub dims: usize,
    /// Side of the box [Mpc/h].
    pub box_length: f64,
    /// Halos count above this mass [Msun/h].
    pub min_mass: f64,
    /// Scale factor at which they are seen, 1 today.
    pub scale_factor: f64,
    /// The fraction of them that is seen, above 0 and up to 1.
    pub completeness: f64,
    /// The rest of the cosmology.
    pub fixed: FixedCosmology,
    /// Engine and mass function.
    pub weights: Weights,
}

impl Settings {
    /// All halos above 1.7268·10¹² Msun/h today, in n³ voxels of a box of side `box_length` [Mpc/h].
    pub fn new(n: usize, box_length: f64) -> Self {
        let (fixed, weights, min_mass) = (FixedCosmology::default(), Weights::default(), OF_DEFAULT.1);
        Self { n, dims: 3, box_length, min_mass, scale_factor: 1.0, completeness: 1.0, fixed, weights }
    }

    fn check(&self) -> Result<Grid> {
        let refuse =
            |key: &str, message: String, remedy: &str| Err(Error::invalid_input(message).at_key(key).remedy(remedy));
        // Also in two dimensions there is a cube of voxels.
        lattice::check(self.n, self.dims)?;
        lattice::check(self.n, 3)?;
        check_box(self.box_length)?;
        self.fixed.check()?;
        let grid = Grid::new(self.n, self.box_length)?;
        if !(self.min_mass > 0.0 && self.min_mass.is_finite()) {
            return refuse("min_mass", format!("a mass of {} Msun/h", self.min_mass), "give a positive mass");
        }
        if !(1e-3..=10.0).contains(&self.scale_factor) {
            let remedy = "give a number from 0.001 to 10 (today is 1)";
            return refuse("scale_factor", format!("a scale factor of {}", self.scale_factor), remedy);
        }
        if !(self.completeness > 0.0 && self.completeness <= 1.0) {
            let message = format!("a fraction of {} of the halos cannot be seen", self.completeness);
            return refuse("completeness", message, "give a number above 0, up to 1");
        }
        let (length, (voxel, above)) = (self.box_length / self.n as f64, OF_DEFAULT);
        let is_default = self.weights == Weights::default();
        if is_default && (length / voxel - 1.0).abs() > 0.01 {
            let message = format!("the default weights are those of voxels of {voxel} Mpc/h, not of {length}");
            let remedy = format!("give {} for this n, or weights of your own (`engine`)", voxel * self.n as f64);
            return refuse("box_length", message, &remedy);
        }
        if is_default && self.min_mass < above {
            let message = format!("the default weights were found above {above:e} Msun/h");
            return refuse("min_mass", message, "give no smaller mass, or weights of your own (`engine`)");
        }
        let Weights { settings, values } = &self.weights;
        let kernel = settings.engine.kernel_size.into_iter().max().unwrap_or(1);
        if self.n < kernel {
            let message = format!("{} voxels along an axis are fewer than the {kernel} of the engine's kernel", self.n);
            return refuse("n", message, &format!("give {kernel} or more"));
        }
        settings.mixture.check().map_err(|error| error.under_key("engine"))?;
        settings.engine.check([self.n; 3]).map_err(|error| error.under_key("engine"))?;
        let n_weights = settings.engine.names().len() + settings.mixture.n_weights();
        if values.len() != n_weights || values.iter().any(|w| !w.is_finite()) {
            let message = format!("{} weights for a model of {n_weights}", values.len());
            return refuse(
                "engine.weights",
                message,
                "give the engine's weights, then the mass function's, all finite",
            );
        }
        Ok(grid)
    }
}

/// Counts of halos in n^d voxels; parameters `omega_m`, `sigma8`. See the module's text.
#[derive(Debug)]
pub struct HaloCounts {
    parameters: Vec<Parameter>,
    shape: Vec<usize>,
    settings: Settings,
    grid: Grid,
    linear: Recent<(LinearPower, Growth)>,
    machines: Pool<Machine>,
}

impl HaloCounts {
    /// Counts of these settings.
    ///
    /// # Errors
    /// Invalid input at its key, for anything that cannot be.
    pub fn new(settings: Settings) -> Result<Self> {
        let grid = settings.check()?;
        let shape = vec![settings.n; settings.dims];
        let (linear, machines) = (Recent::new(), Pool::new());
        Ok(Self { parameters: parameters(), shape, settings, grid, linear, machines })
    }

    /// What they are made of.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Spectrum today of σ8 = 1, and growth.
    fn linear(&self, omega_m: f64) -> Result<Arc<(LinearPower, Growth)>> {
        self.linear.get(omega_m, || {
            let power = self.settings.fixed.power(omega_m)?;
            let growth = Background::new(omega_m, -1.0).and_then(|b| b.growth(self.settings.scale_factor));
            Ok((power, growth.map_err(|error| Error::simulation_failed(error.to_string()))?))
        })
    }
}

impl Simulator for HaloCounts {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        let (omega_m, sigma8) = (theta[0], theta[1]);
        check_sigma8(sigma8)?;
        let linear = self.linear(omega_m)?;
        let new = || Chain::new(self.grid, &linear, &self.settings).and_then(Machine::new);
        let mut machine = self.machines.try_take(new)?;
        machine.chain.noise.iter_mut().for_each(|z| *z = StandardNormal.sample(stream));
        let (machine, outcome) = machine.run(move |chain| chain.evolve([omega_m, sigma8], &linear))?;
        let outcome = outcome.and_then(|()| counts(&machine.chain.means, stream, data));
        self.machines.give_back(machine);
        outcome
    }

    fn references(&self) -> Vec<Reference> {
        vec![CHARNOCK, EISENSTEIN_HU]
    }
}

const CHARNOCK: Reference = Reference {
    authors: "Charnock et al. 2019",
    title: "Neural physical engines for inferring the halo mass distribution function",
    source: "MNRAS 494, 50, arXiv:1909.06379",
    url: "https://arxiv.org/abs/1909.06379",
};

/// Draws a count for each voxel, and sums those of each datum.
fn counts(means: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
    let expected: f64 = means.iter().sum();
    // Written so that NaN is refused too.
    if expected.is_nan() || expected > MAX_HALOS {
        let message = format!("{expected:.3e} halos are expected, above {MAX_HALOS:e}");
        return Err(Error::simulation_failed(message).remedy("give a larger min_mass or a smaller box"));
    }
    for (voxels, count) in means.chunks_exact(means.len() / data.len()).zip(data) {
        *count = voxels.iter().map(|mean| poisson::quantile(*mean, stream.random())).sum();
    }
    Ok(())
}
