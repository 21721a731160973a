//! The linear power spectrum of matter as a function of Ω_m, on the modes of a grid, with its derivative.

use super::lattice::Lattice;
use super::recent::Recent;
use crate::error::{Error, Result};
use crate::field::{Cosmology, LinearPower};
use crate::reference::Reference;
use std::f64::consts::PI;
use std::sync::Arc;

/// What is fixed of a flat cosmology whose Ω_m and σ8 are inferred.
///
/// The default is that of Planck Collaboration 2020, arXiv:1807.06209 (the last column of table 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedCosmology {
    /// Baryon density Ω_b.
    pub omega_b: f64,
    /// Hubble's constant in 100 km/s/Mpc.
    pub h: f64,
    /// Spectral index n_s.
    pub n_s: f64,
}

impl Default for FixedCosmology {
    fn default() -> Self {
        Self { omega_b: 0.049, h: 0.6766, n_s: 0.9665 }
    }
}

impl FixedCosmology {
    /// # Errors
    /// Invalid input at the key, for a number that no cosmology has.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |key, value: f64, remedy: &str| {
            let error = Error::invalid_input(format!("{value} cannot be")).at_key(key);
            Err(error.remedy(remedy))
        };
        if !(self.omega_b > 0.0 && self.omega_b < 1.0) {
            return refuse("omega_b", self.omega_b, "give the density of baryons, about 0.049");
        }
        if !(self.h > 0.1 && self.h < 2.0) {
            return refuse("h", self.h, "give Hubble's constant in 100 km/s/Mpc, about 0.68");
        }
        if !(self.n_s > 0.0 && self.n_s < 3.0) {
            return refuse("n_s", self.n_s, "give a number between 0 and 3, about 0.97");
        }
        Ok(())
    }

    /// The spectrum today of σ8 = 1.
    ///
    /// # Errors
    /// Simulation failed, for an Ω_m not above Ω_b or above 1.
    pub(super) fn power(&self, omega_m: f64) -> Result<LinearPower> {
        let Self { omega_b, h, n_s } = *self;
        LinearPower::eisenstein_hu(&Cosmology { omega_m, omega_b, h, n_s, sigma8: 1.0 }).map_err(|_| {
            Error::simulation_failed(format!("no universe has omega_m = {omega_m} with omega_b = {omega_b}"))
                .remedy("keep omega_m above omega_b, up to 1")
        })
    }
}

/// That σ8 is one.
///
/// # Errors
/// Simulation failed.
pub(super) fn check_sigma8(sigma8: f64) -> Result<()> {
    if sigma8 > 0.0 && sigma8 < 1e3 {
        return Ok(());
    }
    let message = format!("no universe has sigma8 = {sigma8}");
    Err(Error::simulation_failed(message).remedy("keep it above 0, about 0.8"))
}

/// The side of a box [Mpc/h].
///
/// # Errors
/// Invalid input at the key, unless it is finite and positive.
pub(super) fn check_box(box_length: f64) -> Result<()> {
    if box_length > 0.0 && box_length.is_finite() {
        return Ok(());
    }
    let error = Error::invalid_input(format!("a box of length {box_length} Mpc/h")).at_key("box_length");
    Err(error.remedy("give a finite length above 0"))
}

/// Spectra of σ8 = 1 on the modes of a grid, those of late kept.
#[derive(Debug)]
pub(super) struct Spectra {
    fixed: FixedCosmology,
    k_fundamental: f64,
    /// What P is divided by: the volume of a cell, of the whole depth of the box in two dimensions.
    volume: f64,
    /// |m|² of each stored mode.
    pub(super) lengths: Vec<u32>,
    /// How many modes of the whole transform have this |m|².
    counts: Vec<f64>,
    powers: Recent<Spectrum>,
    slopes: Recent<Spectrum>,
}

/// By |m|², and summed over modes.
#[derive(Debug)]
pub(super) struct Spectrum {
    /// √(P/V); of a derivative, ½ ∂ ln P/∂Ω_m.
    pub(super) values: Vec<f64>,
    /// Variance of a cell; of a derivative, its derivative by Ω_m.
    pub(super) variance: f64,
}

/// Step of the differences of ln P by Ω_m. The error of fourth order is below 10⁻⁹ of ∂ ln P/∂Ω_m, that of rounding
/// about 10⁻¹⁰.
const STEP: f64 = 1e-4;

impl Spectra {
    pub(super) fn new(lattice: &Lattice, box_length: f64, fixed: FixedCosmology) -> Self {
        let n = lattice.n();
        let lengths = lattice.lengths_squared();
        let mut counts = vec![0.0; lattice.dims() * (n / 2).pow(2) + 1];
        lengths.iter().zip(lattice.multiplicities()).for_each(|(length, times)| counts[*length as usize] += times);
        let cell = box_length / n as f64;
        let depth = if lattice.dims() == 2 { box_length } else { cell };
        let (volume, k_fundamental) = (cell * cell * depth, 2.0 * PI / box_length);
        Self { fixed, k_fundamental, volume, lengths, counts, powers: Recent::new(), slopes: Recent::new() }
    }

    /// At Ω_m.
    ///
    /// # Errors
    /// Simulation failed, for an Ω_m that cannot be.
    pub(super) fn at(&self, omega_m: f64) -> Result<Arc<Spectrum>> {
        self.powers.get(omega_m, || {
            let power = self.fixed.power(omega_m)?;
            let values = self.by_length(|k| (power.at(k) / self.volume).sqrt());
            let variance = self.sum(|i| values[i] * values[i]);
            Ok(Spectrum { values, variance })
        })
    }

    /// The derivative at Ω_m, σ8 held, by central differences of fourth order in ln P, which is smooth.
    ///
    /// # Errors
    /// Simulation failed, for an Ω_m that cannot be, or that is as near to Ω_b or 1 as the differences reach.
    pub(super) fn slope_at(&self, omega_m: f64) -> Result<Arc<Spectrum>> {
        self.slopes.get(omega_m, || {
            let here = self.at(omega_m)?;
            let values = self.half_slope(omega_m, STEP)?;
            let variance = self.sum(|i| 2.0 * values[i] * here.values[i] * here.values[i]);
            Ok(Spectrum { values, variance })
        })
    }

    /// ½ ∂ ln P/∂Ω_m by |m|².
    pub(super) fn half_slope(&self, omega_m: f64, step: f64) -> Result<Vec<f64>> {
        let four = [-2.0, -1.0, 1.0, 2.0].map(|times| self.fixed.power(omega_m + times * step));
        let [Ok(a), Ok(b), Ok(c), Ok(d)] = four else {
            let message = format!("there is no derivative by omega_m so near to its bounds, at {omega_m}");
            return Err(Error::simulation_failed(message)
                .remedy(format!("keep omega_m {} from omega_b and from 1", 2.0 * step)));
        };
        Ok(self.by_length(|k| {
            let (near, far) = ((c.at(k) / b.at(k)).ln(), (d.at(k) / a.at(k)).ln());
            0.5 * (8.0 * near - far) / (12.0 * step)
        }))
    }

    /// A function of k [h/Mpc] on the |m|² that there are; 0 at m = 0.
    fn by_length(&self, value: impl Fn(f64) -> f64) -> Vec<f64> {
        let of = |(length, count): (usize, &f64)| {
            if length == 0 || *count == 0.0 { 0.0 } else { value((length as f64).sqrt() * self.k_fundamental) }
        };
        self.counts.iter().enumerate().map(of).collect()
    }

    /// The mean over all modes, of which there are as many as cells.
    fn sum(&self, value: impl Fn(usize) -> f64) -> f64 {
        let n_modes: f64 = self.counts.iter().sum();
        self.counts.iter().enumerate().map(|(i, count)| count * value(i)).sum::<f64>() / n_modes
    }
}

/// The spectrum's paper.
pub(super) const EISENSTEIN_HU: Reference = Reference {
    authors: "Eisenstein, Hu 1998",
    title: "Baryonic features in the matter transfer function",
    source: "ApJ 496, 605, arXiv:astro-ph/9709112",
    url: "https://arxiv.org/abs/astro-ph/9709112",
};
