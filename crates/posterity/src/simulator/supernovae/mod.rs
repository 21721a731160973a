//! Magnitudes of type Ia supernovae in a flat universe whose dark energy has a constant equation of state.
//!
//! d_i = 5 log₁₀\[(1 + zhel_i) ∫₀^{zcmb_i} dz/E(z)\] + offset + noise,
//! E² = Ω_m (1 + z)³ + (1 − Ω_m)(1 + z)^{3(1 + w)}, noise ~ N(0, C) \[mag\].
//!
//! The distance is in units of c/H₀, so that `offset` = M_B + 25 + 5 log₁₀(c/H₀ \[Mpc\]): with h = 0.7 and
//! M_B = −19.36 it is 23.80 mag. Supernovae alone cannot tell M_B and H₀ apart, only their sum in the offset.
//!
//! ```
//! use posterity::math::Matrix;
//! use posterity::simulator::{Simulator, Supernovae};
//! use posterity::Seed;
//! # fn main() -> posterity::Result<()> {
//! let z = [0.1, 0.5, 1.0];
//! let covariance = Matrix::identity(3).scaled(0.02 * 0.02);
//! let supernovae = Supernovae::new(&z, &z, &[18.9, 22.8, 24.6], &covariance)?;
//! let mut magnitudes = [0.0; 3];
//! supernovae.simulate(&[0.3, -1.0, 23.8], &mut Seed::new(1).stream(0), &mut magnitudes)?;
//! assert!((magnitudes[2] - 24.74).abs() < 0.1);
//! # Ok(())
//! # }
//! ```
//!
//! Limits: 0 ≤ Ω_m ≤ 1; radiation and curvature are left out; the covariance does not depend on the parameters; the
//! magnitudes must be standardised (corrected for light-curve shape and colour) beforehand.
//!
//! Reference: Hogg 1999, "Distance measures in cosmology", arXiv:astro-ph/9905116. The data have papers of their own.

mod distance;
mod files;

use super::Simulator;
use crate::digest;
use crate::error::{Error, Result};
use crate::math::{Cholesky, Matrix};
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;
use distance::Distances;
use rand_distr::{Distribution, StandardNormal};
use std::path::Path;

/// 5/ln 10: a logarithm of a distance into magnitudes.
const MAGNITUDES: f64 = 5.0 / std::f64::consts::LN_10;

/// A compilation of supernovae: redshifts, observed magnitudes and their covariance; see the module's text.
///
/// Parameters: `omega_m`, `w`, `offset` \[mag\]. Shape: one magnitude a supernova, in the order given.
#[derive(Clone, Debug)]
pub struct Supernovae {
    parameters: Vec<Parameter>,
    shape: [usize; 1],
    redshifts: Vec<f64>,
    observed: Vec<f64>,
    /// 5 log₁₀(1 + zhel).
    frame: Vec<f64>,
    distances: Distances,
    covariance: Cholesky,
    /// The columns of the factor L from the diagonal down, one after another: the order in which L z is fastest.
    columns: Vec<f64>,
}

impl Supernovae {
    /// From redshifts in the frame of the microwave background and of the Sun, observed magnitudes \[mag\] and their
    /// whole covariance \[mag²\].
    ///
    /// # Errors
    /// Invalid input, if lengths differ or are zero, a redshift is not positive, a magnitude is not finite, or the
    /// covariance is not symmetric and positive definite.
    pub fn new(zcmb: &[f64], zhel: &[f64], observed: &[f64], covariance: &Matrix) -> Result<Self> {
        let n = zcmb.len();
        if n == 0 || [zhel.len(), observed.len(), covariance.n_rows(), covariance.n_cols()] != [n; 4] {
            return Err(Error::invalid_input(format!(
                "{n} redshifts zcmb do not go with {} zhel, {} magnitudes and a {} × {} covariance",
                zhel.len(),
                observed.len(),
                covariance.n_rows(),
                covariance.n_cols()
            ))
            .remedy("give as many of each, at least one"));
        }
        if let Some(z) = zcmb.iter().chain(zhel).find(|z| !(**z > 0.0 && z.is_finite())) {
            return Err(
                Error::invalid_input(format!("a supernova cannot have redshift {z}")).remedy("give positive redshifts")
            );
        }
        if let Some(m) = observed.iter().find(|m| !m.is_finite()) {
            return Err(Error::invalid_input(format!("an observed magnitude is {m}")).remedy("give finite magnitudes"));
        }
        if let Some((i, j)) = asymmetry(covariance, covariance) {
            return Err(Error::invalid_input(format!("the covariance is not symmetric: {}", pair(covariance, i, j)))
                .remedy("give the whole symmetric matrix"));
        }
        let covariance = covariance.cholesky().map_err(|_| {
            Error::invalid_input("the covariance of the magnitudes is not positive definite")
                .remedy("check the errors dmb and the covariance: every combination of magnitudes needs a variance")
        })?;
        let lower = covariance.lower();
        let columns = (0..n).flat_map(|j| (j..n).map(move |i| lower[(i, j)])).collect();
        Ok(Self {
            parameters: vec![
                Parameter::new("omega_m", r"\Omega_m"),
                Parameter::new("w", "w"),
                Parameter::new("offset", "M"),
            ],
            shape: [n],
            redshifts: zcmb.to_vec(),
            observed: observed.to_vec(),
            frame: zhel.iter().map(|z| MAGNITUDES * z.ln_1p()).collect(),
            distances: Distances::new(zcmb),
            columns,
            covariance,
        })
    }

    /// Reads files as CosmoMC and Cobaya use them.
    ///
    /// `table` has a header such as `#name zcmb zhel dz mb dmb …` that names its columns, in any order; the columns
    /// `zcmb`, `zhel`, `mb` and `dmb` are used. The covariance is diag(dmb²), plus that of the file `covariance` if
    /// there is one: the number of supernovae n, then n² numbers, row after row. In both, lines that begin with `#`
    /// are comments. Columns that ask for a richer model (`dz`, `x1`, `color`, …) must be zero.
    ///
    /// # Errors
    /// Io; invalid input, with file and line, as for [`Supernovae::new`] and for anything that is not of this form.
    pub fn from_files(table: &Path, covariance: Option<&Path>) -> Result<Self> {
        let rows = files::read_table(table)?;
        let mut total = Matrix::zeros(rows.mb.len(), rows.mb.len());
        for (i, dmb) in rows.dmb.iter().enumerate() {
            total[(i, i)] = dmb * dmb;
        }
        if let Some(path) = covariance {
            total = files::add_covariance(path, total)?;
        }
        Self::new(&rows.zcmb, &rows.zhel, &rows.mb, &total).map_err(|error| error.in_file(covariance.unwrap_or(table)))
    }

    /// The observed magnitudes \[mag\].
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// The redshifts zcmb.
    pub fn redshifts(&self) -> &[f64] {
        &self.redshifts
    }

    /// A digest of all that simulations depend on beside the parameters.
    pub(crate) fn digest(&self) -> u64 {
        let parts = [&self.redshifts, &self.frame, &self.columns];
        digest::of_words(parts.map(|part| digest::of_numbers(part)))
    }

    /// The factor of the covariance C of the noise \[mag²\].
    pub fn covariance(&self) -> &Cholesky {
        &self.covariance
    }

    /// Magnitudes without noise \[mag\].
    ///
    /// # Errors
    /// Simulation failed, outside 0 ≤ omega_m ≤ 1 or where E² is not a positive finite number.
    pub fn mean(&self, theta: &[f64], mean: &mut [f64]) -> Result<()> {
        let [omega_m, w, offset] = three(theta)?;
        self.distances.integrals(omega_m, w, mean)?;
        for (m, frame) in mean.iter_mut().zip(&self.frame) {
            *m = MAGNITUDES * m.ln() + frame + offset;
        }
        Ok(())
    }

    /// ln of the normalised Gaussian likelihood of `data`: −½ (d − m)ᵀ C⁻¹ (d − m) − ½ ln det(2π C).
    ///
    /// # Errors
    /// As [`Supernovae::mean`]; invalid input if `data` is not one magnitude a supernova.
    pub fn log_likelihood(&self, theta: &[f64], data: &[f64]) -> Result<f64> {
        let mut residual = vec![0.0; self.shape[0]];
        if data.len() != residual.len() {
            return Err(Error::invalid_input(format!("{} magnitudes for {} supernovae", data.len(), residual.len())));
        }
        self.mean(theta, &mut residual)?;
        residual.iter_mut().zip(data).for_each(|(r, d)| *r = d - *r);
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        let normalisation = self.covariance.ln_det() + data.len() as f64 * ln_two_pi;
        Ok(-0.5 * (self.covariance.inverse_quadratic_form(&residual) + normalisation))
    }

    /// Adds L z, z standard normal, column by column: sums that do not wait for one another.
    fn add_noise(&self, stream: &mut Stream, data: &mut [f64]) {
        let mut columns = self.columns.as_slice();
        for j in 0..data.len() {
            let z: f64 = StandardNormal.sample(stream);
            let (column, rest) = columns.split_at(data.len() - j);
            data[j..].iter_mut().zip(column).for_each(|(d, l)| *d += l * z);
            columns = rest;
        }
    }
}

impl Simulator for Supernovae {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        self.mean(theta, data)?;
        self.add_noise(stream, data);
        Ok(())
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
        let [omega_m, w, offset] = three(theta)?;
        let n = self.distances.len();
        let (by_omega_m, rest) = derivative.split_at_mut(n);
        let (by_w, by_offset) = rest.split_at_mut(n);
        self.distances.integrals_with_derivative(omega_m, w, data, by_omega_m, by_w)?;
        for i in 0..n {
            by_omega_m[i] *= MAGNITUDES / data[i];
            by_w[i] *= MAGNITUDES / data[i];
            data[i] = MAGNITUDES * data[i].ln() + self.frame[i] + offset;
        }
        by_offset.fill(1.0);
        self.add_noise(stream, data);
        Ok(())
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference {
            authors: "Hogg 1999",
            title: "Distance measures in cosmology",
            source: "arXiv:astro-ph/9905116",
            url: "https://arxiv.org/abs/astro-ph/9905116",
        }]
    }
}

fn three(theta: &[f64]) -> Result<[f64; 3]> {
    match theta {
        [omega_m, w, offset] if offset.is_finite() => Ok([*omega_m, *w, *offset]),
        [_, _, offset] => Err(Error::simulation_failed(format!("an offset of {offset} mag is no number"))),
        _ => Err(Error::invalid_input(format!("supernovae have 3 parameters, not {}", theta.len()))),
    }
}

/// The first pair (i, j), i > j, of `part` that differs from (j, i) by more than rounding, as judged by the variances
/// in `total`.
fn asymmetry(part: &Matrix, total: &Matrix) -> Option<(usize, usize)> {
    let n = part.n_rows();
    (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).find(|&(i, j)| {
        let scale = (total[(i, i)] * total[(j, j)]).abs().sqrt();
        (part[(i, j)] - part[(j, i)]).abs() > 1e-6 * scale
    })
}

fn pair(matrix: &Matrix, i: usize, j: usize) -> String {
    let (row, column) = (i + 1, j + 1);
    format!("({row}, {column}) is {} and ({column}, {row}) is {}", matrix[(i, j)], matrix[(j, i)])
}

#[cfg(test)]
mod tests;
