//! A log-normal field with the linear power spectrum of matter: a density that is cheap, positive, and knows Ω_m and σ8.
//!
//! ```text
//! δ = exp(g − σ²/2) − 1,    ⟨|g(m)|²⟩ = n^d P(k)/V,    k = 2π|m|/L
//! ```
//! with P the spectrum of Eisenstein & Hu at z = 0, V = (L/n)³ and σ² the variance that g has on the grid. In two
//! dimensions the field is that of the box averaged along one axis, g ∝ P(k)/L of a plane: V = L (L/n)². The mean of g over
//! the box is 0.
//!
//! The derivative by σ8 is exact; in that by Ω_m, ∂ ln P/∂Ω_m is a central difference of fourth order, good to about nine
//! digits, and the rest exact.
//!
//! Limits: g, not δ, has the linear spectrum; no gravity beyond that, no noise and no mask; flat; Ω_b < Ω_m ≤ 1.
//!
//! Reference: Coles & Jones 1991, doi:10.1093/mnras/248.1.1 (log-normal fields); Eisenstein & Hu 1998,
//! arXiv:astro-ph/9709112 (the spectrum).

use super::cosmology::{EISENSTEIN_HU, FixedCosmology, Spectra, check_box, check_sigma8};
use super::lattice::Lattice;
use super::log_normal::COLES_JONES;
use crate::error::Result;
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;
use crate::simulator::Simulator;

/// A log-normal density contrast on n^d cells; parameters `omega_m`, `sigma8`. See the module's text.
#[derive(Debug)]
pub struct CosmologicalLogNormalField {
    parameters: Vec<Parameter>,
    lattice: Lattice,
    spectra: Spectra,
}

impl CosmologicalLogNormalField {
    /// A field of `n` cells along each of `dims` axes, 2 or 3, of a box of side `box_length` [Mpc/h].
    ///
    /// # Errors
    /// Invalid input at its key, for a grid, a length or a cosmology that cannot be.
    pub fn new(n: usize, dims: usize, box_length: f64, fixed: FixedCosmology) -> Result<Self> {
        let lattice = Lattice::new(n, dims)?;
        check_box(box_length)?;
        fixed.check()?;
        let spectra = Spectra::new(&lattice, box_length, fixed);
        Ok(Self { parameters: parameters(), lattice, spectra })
    }

    fn draw(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64], derivative: Option<&mut [f64]>) -> Result<()> {
        let (omega_m, sigma8) = (theta[0], theta[1]);
        check_sigma8(sigma8)?;
        let spectrum = self.spectra.at(omega_m)?;
        let slope = derivative.is_some().then(|| self.spectra.slope_at(omega_m)).transpose()?;
        let lengths = || self.spectra.lengths.iter().map(|length| *length as usize);
        let variance = sigma8 * sigma8 * spectrum.variance;
        let mut modes = self.lattice.white_noise(stream, data);
        self.lattice.filtered(&mut modes, lengths().map(|i| sigma8 * spectrum.values[i]), data);
        if let (Some(derivative), Some(slope)) = (derivative, slope) {
            let (by_omega_m, by_sigma8) = derivative.split_at_mut(data.len());
            let factors = lengths().map(|i| sigma8 * spectrum.values[i] * slope.values[i]);
            self.lattice.filtered(&mut modes, factors, by_omega_m);
            let of_variance = 0.5 * sigma8 * sigma8 * slope.variance;
            for ((by_omega_m, by_sigma8), g) in by_omega_m.iter_mut().zip(by_sigma8).zip(&*data) {
                let density = (g - 0.5 * variance).exp();
                *by_omega_m = density * (*by_omega_m - of_variance);
                *by_sigma8 = density * (g - variance) / sigma8;
            }
        }
        self.lattice.give_back(modes);
        data.iter_mut().for_each(|g| *g = (*g - 0.5 * variance).exp_m1());
        Ok(())
    }
}

/// Ω_m and σ8.
pub(super) fn parameters() -> Vec<Parameter> {
    vec![Parameter::new("omega_m", r"\Omega_m"), Parameter::new("sigma8", r"\sigma_8")]
}

impl Simulator for CosmologicalLogNormalField {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        self.lattice.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        self.draw(theta, stream, data, None)
    }

    fn has_derivative(&self) -> bool {
        true
    }

    fn simulate_with_derivative(
        &self,
        theta: &[f64],
        stream: &mut Stream,
        data: &mut [f64],
        derivative: &mut [f64],
    ) -> Result<()> {
        self.draw(theta, stream, data, Some(derivative))
    }

    fn references(&self) -> Vec<Reference> {
        vec![COLES_JONES, EISENSTEIN_HU]
    }
}
