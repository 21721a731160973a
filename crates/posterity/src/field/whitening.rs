//! Fourier-space whitening of an initial field: the amplitude a(k) that makes its posterior round in u, s = F⁻¹ a F u.
//!
//! A field seen through the data has for each mode a posterior of its own width: the prior's where the data say nothing,
//! narrower where they say much. Of a linear tracer with bias b and shot noise 1/n̄ it is that of the Wiener filter,
//! ```text
//! a² = 1/(1 + b² D² P(k) n̄)
//! ```
//! ([`wiener`]). Of a likelihood that is not linear, the mean precision of a mode is E|ĝ|² of the gradient's modes over
//! the posterior, exactly (E[g gᵀ] = −E[∇g]): [`from_rows`] takes it from draws, with their variance, and
//! [`from_products`] from the curvature at one point. Either is averaged over shells of |k|, since the density is
//! statistically isotropic, so that few rows determine it; modes of which nothing is known keep their width.
//!
//! Limits: modes of one |k| have one width. A survey's mask couples modes, which this does not see: it stays a valid
//! choice of coordinates, and a less good one.
//!
//! Jasche & Lavaux 2019, arXiv:1806.11117, on mass matrices for initial fields; Seyboldt, Carlson, Carpenter 2026,
//! on precision from gradients.

use super::{Grid, Growth, LinearPower};
use crate::error::{Error, Result};
use crate::math::{Complex, RealFft3};

/// The amplitudes of a linear tracer with this bias and number density `density` \[(h/Mpc)³\], `(n, n, n/2 + 1)` values.
pub fn wiener(grid: &Grid, power: &LinearPower, growth: &Growth, bias: f64, density: f64) -> Vec<f64> {
    let signal = bias * bias * growth.first * growth.first * density;
    modes(grid, |k| if k > 0.0 { (1.0 + signal * power.at(k)).sqrt().recip() } else { 1.0 })
}

/// The amplitudes that make the precision of each shell 1, from pairs of rows (n³ values each) in the coordinates of
/// `amplitude`, one after the other: probes z ~ N(0, 1) with the products H z of the curvature H = −∂² ln π.
///
/// # Errors
/// Invalid input, if a size is another.
pub fn from_products(grid: &Grid, amplitude: &[f64], probes: &[f64], products: &[f64]) -> Result<Vec<f64>> {
    let precision = shells(grid, amplitude, probes, products)?;
    let usable = |precision: f64| precision > 0.0 && precision.is_finite();
    Ok(scaled(grid, amplitude, |shell| if usable(precision[shell]) { precision[shell].sqrt().recip() } else { 1.0 }))
}

/// The amplitudes that draws of a chain and the gradients there speak for (rows of n³ values in the coordinates of
/// `amplitude`).
///
/// The mean precision P of a shell from gradients is never below the inverse of its variance V, and far above it where
/// the target is rough on small scales and wide on large ones. The width taken is between both, (V/P)^¼; and P^-½ where
/// V is smaller still, because the draws have not yet been everywhere.
///
/// # Errors
/// Invalid input, if a size is another.
pub fn from_rows(grid: &Grid, amplitude: &[f64], draws: &[f64], gradients: &[f64]) -> Result<Vec<f64>> {
    let n_cells = grid.n_cells();
    if draws.len() != gradients.len() || !draws.len().is_multiple_of(n_cells) {
        let message = format!("{} and {} values are not rows of {n_cells}", draws.len(), gradients.len());
        return Err(Error::invalid_input(message));
    }
    let n_rows = (draws.len() / n_cells).max(1);
    let mut mean = vec![0.0; n_cells];
    let rows = || draws.chunks_exact(n_cells);
    rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / n_rows as f64));
    let centred: Vec<f64> = rows().flat_map(|row| row.iter().zip(&mean).map(|(x, mean)| x - mean)).collect();
    let variance = shells(grid, amplitude, &centred, &centred)?;
    let precision = shells(grid, amplitude, gradients, gradients)?;
    let freedom = n_rows as f64 / (n_rows.max(2) - 1) as f64;
    Ok(scaled(grid, amplitude, |shell| {
        let (variance, precision) = (freedom * variance[shell], precision[shell]);
        let width = (variance / precision).sqrt().max(precision.recip()).sqrt();
        if width > 0.0 && width.is_finite() { width } else { 1.0 }
    }))
}

/// Each amplitude times a factor of its shell.
fn scaled(grid: &Grid, amplitude: &[f64], factor: impl Fn(usize) -> f64) -> Vec<f64> {
    let (n, half) = (grid.n(), grid.n() / 2 + 1);
    let of = |(i, a): (usize, &f64)| a * factor(shell(grid, i / (n * half), i / half % n, i % half));
    amplitude.iter().enumerate().map(of).collect()
}

/// The mean product of the modes of pairs of rows in each shell, 1 for white noise of variance 1 with itself.
fn shells(grid: &Grid, amplitude: &[f64], left: &[f64], right: &[f64]) -> Result<Vec<f64>> {
    let n = grid.n();
    let half = n / 2 + 1;
    if left.len() != right.len() || !left.len().is_multiple_of(grid.n_cells()) || amplitude.len() != n * n * half {
        return Err(Error::invalid_input("rows and amplitudes are not of this grid"));
    }
    let at = |i: usize| shell(grid, i / (n * half), i / half % n, i % half);
    let n_shells = shell(grid, n / 2, n / 2, n / 2) + 1;
    let (mut product, mut count) = (vec![0.0; n_shells], vec![0.0; n_shells]);
    let mut fft = RealFft3::new(n);
    let mut spectra = [vec![Complex::default(); n * n * half], vec![Complex::default(); n * n * half]];
    for (a, b) in left.chunks_exact(grid.n_cells()).zip(right.chunks_exact(grid.n_cells())) {
        fft.forward(a, &mut spectra[0]);
        fft.forward(b, &mut spectra[1]);
        for (i, (a, b)) in spectra[0].iter().zip(&spectra[1]).enumerate() {
            // A mode and its conjugate are one in the half spectrum, but for the planes that are their own.
            let weight = if i % half == 0 || 2 * (i % half) == n { 1.0 } else { 2.0 };
            product[at(i)] += weight * (a.re * b.re + a.im * b.im);
            count[at(i)] += weight;
        }
    }
    let cells = grid.n_cells() as f64;
    Ok(product.iter().zip(&count).map(|(product, count)| product / (count * cells)).collect())
}

/// A function of |k| \[h/Mpc\] at every mode of the half spectrum.
fn modes(grid: &Grid, mut at: impl FnMut(f64) -> f64) -> Vec<f64> {
    let n = grid.n();
    let half = n / 2 + 1;
    (0..n * n * half)
        .map(|i| {
            let square = squared(grid, i / (n * half), i / half % n, i % half);
            at(grid.k_fundamental() * (square as f64).sqrt())
        })
        .collect()
}

/// |k|² of a mode in units of the fundamental wavenumber.
fn squared(grid: &Grid, x: usize, y: usize, z: usize) -> i64 {
    [x, y, z].map(|i| grid.wavenumber(i).pow(2)).iter().sum()
}

/// Which shell a mode is in: those of width one fundamental wavenumber.
fn shell(grid: &Grid, x: usize, y: usize, z: usize) -> usize {
    (squared(grid, x, y, z) as f64).sqrt().round() as usize
}
