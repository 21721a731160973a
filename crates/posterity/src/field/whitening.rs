//! Fourier-space whitening of an initial field: the amplitude a(k) that makes its posterior round in u, s = F⁻¹ a F u.
//!
//! A field seen through the data has for each mode a posterior of its own width: the prior's where the data say nothing,
//! narrower where they say much. Of a linear tracer with bias b and shot noise 1/n̄ it is that of the Wiener filter,
//! ```text
//! a² = 1/(1 + b² D² P(k) n̄)
//! ```
//! ([`wiener`]). Of a likelihood that is not linear, the mean precision of a mode is E|ĝ|² of the gradient's modes over
//! the posterior, exactly (E[g gᵀ] = −E[∇g]), and [`from_gradients`] takes it from draws. Either is averaged over shells
//! of |k|, since the density is statistically isotropic, so that few draws determine it; modes that nothing is known of
//! keep the prior's 1.
//!
//! Limits: modes of one |k| have one width. A survey's mask couples modes, which this does not see: it stays a valid
//! choice of coordinates, and a less good one.
//!
//! Jasche & Lavaux 2019, arXiv:1806.11117, on mass matrices for initial fields; Seyboldt, Carlson, Carpenter 2026,
//! on precision from gradients.

use super::{Grid, Growth, LinearPower};
use crate::error::Result;
use crate::math::{Complex, RealFft3};

/// The amplitudes of a linear tracer with this bias and number density `density` \[(h/Mpc)³\], `(n, n, n/2 + 1)` values.
pub fn wiener(grid: &Grid, power: &LinearPower, growth: &Growth, bias: f64, density: f64) -> Vec<f64> {
    let signal = bias * bias * growth.first * growth.first * density;
    modes(grid, |k| if k > 0.0 { (1.0 + signal * power.at(k)).sqrt().recip() } else { 1.0 })
}

/// The amplitudes from rows of gradients by u (n³ values each), drawn from the posterior in the coordinates of
/// `amplitude`: the new coordinates' amplitudes.
///
/// # Errors
/// None but those of sizes.
pub fn from_gradients(grid: &Grid, amplitude: &[f64], gradients: &[f64]) -> Result<Vec<f64>> {
    let n = grid.n();
    let (half, n_rows) = (n / 2 + 1, gradients.len() / grid.n_cells());
    let n_shells = shell(grid, n / 2, n / 2, n / 2) + 1;
    let (mut power, mut count) = (vec![0.0; n_shells], vec![0.0; n_shells]);
    let mut fft = RealFft3::new(n);
    let mut spectrum = vec![Complex::default(); n * n * half];
    for row in gradients.chunks_exact(grid.n_cells()) {
        fft.forward(row, &mut spectrum);
        for (i, value) in spectrum.iter().enumerate() {
            let (x, y, z) = (i / (n * half), i / half % n, i % half);
            // A mode and its conjugate are one in the half spectrum, but for the planes that are their own.
            let weight = if z == 0 || 2 * z == n { 1.0 } else { 2.0 };
            let shell = shell(grid, x, y, z);
            power[shell] += weight * value.norm_sqr();
            count[shell] += weight;
        }
    }
    let cells = grid.n_cells() as f64;
    let precision: Vec<f64> = power.iter().zip(&count).map(|(p, c)| if *c > 0.0 { p / (c * cells) } else { 1.0 }).collect();
    let _ = n_rows;
    let new = amplitude.iter().enumerate().map(|(i, a)| {
        let (x, y, z) = (i / (n * half), i / half % n, i % half);
        let precision = precision[shell(grid, x, y, z)];
        if precision > 0.0 && precision.is_finite() { a / precision.sqrt() } else { *a }
    });
    Ok(new.collect())
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
