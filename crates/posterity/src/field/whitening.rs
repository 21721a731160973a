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
//! *Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence*, arXiv:2603.18845, on precision from
//! gradients.

use super::{Grid, Growth, LinearPower};
use crate::error::{Error, Result};
use crate::math::{Complex, RealFft3};

/// The amplitudes of a linear tracer with this bias and number density `density` \[(h/Mpc)³\], `(n, n, n/2 + 1)` values.
pub fn wiener(grid: &Grid, power: &LinearPower, growth: &Growth, bias: f64, density: f64) -> Vec<f64> {
    let signal = bias * bias * growth.first * growth.first * density;
    let at = |square: i64| {
        let k = grid.k_fundamental() * (square as f64).sqrt();
        if k > 0.0 { (1.0 + signal * power.at(k)).sqrt().recip() } else { 1.0 }
    };
    squares(grid).map(at).collect()
}

/// The amplitudes that make the precision of each shell 1, from pairs of rows (n³ values each) in the coordinates of
/// `amplitude`, one after the other: probes z ~ N(0, 1) with the products H z of the curvature H = −∂² ln π.
///
/// The precision is Σ z·Hz / Σ z·z over the modes of a shell: that of H whatever the probes, where H is one number there.
///
/// # Errors
/// Invalid input, if a size is another.
pub fn from_products(grid: &Grid, amplitude: &[f64], probes: &[f64], products: &[f64]) -> Result<Vec<f64>> {
    check(grid, amplitude, probes, products)?;
    let mut shells = Shells::new(grid);
    let [mut product, mut square] = [(); 2].map(|()| vec![0.0; shells.n_waves.len()]);
    let [mut z, mut hz] = [(); 2].map(|()| vec![Complex::default(); amplitude.len()]);
    for (probe, row) in probes.chunks_exact(grid.n_cells()).zip(products.chunks_exact(grid.n_cells())) {
        shells.fft.forward(probe, &mut z);
        shells.fft.forward(row, &mut hz);
        shells.add(&z, &hz, &mut product);
        shells.add(&z, &z, &mut square);
    }
    Ok(shells.scaled(amplitude, |shell| {
        let precision = product[shell] / square[shell];
        if precision > 0.0 && precision.is_finite() { precision.sqrt().recip() } else { 1.0 }
    }))
}

/// The amplitudes that draws of a chain and the gradients there speak for (rows of n³ values in the coordinates of
/// `amplitude`).
///
/// The mean precision P of a shell from gradients is never below the inverse of its variance V, and far above it where
/// the target is rough on small scales and wide on large ones. The width taken is between both, (V/P)^¼; and P^-½ where
/// V is smaller still, because the draws have not yet been everywhere, or are but one.
///
/// Memory: about 37 bytes for each cell, whatever the number of rows.
///
/// # Errors
/// Invalid input, if a size is another.
pub fn from_rows(grid: &Grid, amplitude: &[f64], draws: &[f64], gradients: &[f64]) -> Result<Vec<f64>> {
    check(grid, amplitude, draws, gradients)?;
    let n_cells = grid.n_cells();
    let n_rows = (draws.len() / n_cells).max(1);
    let mut mean = vec![0.0; n_cells];
    let rows = || draws.chunks_exact(n_cells);
    rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / n_rows as f64));
    let mut shells = Shells::new(grid);
    let [mut variance, mut precision] = [(); 2].map(|()| vec![0.0; shells.n_waves.len()]);
    let (mut centred, mut modes) = (vec![0.0; n_cells], vec![Complex::default(); amplitude.len()]);
    for (row, gradient) in rows().zip(gradients.chunks_exact(n_cells)) {
        centred.iter_mut().zip(row.iter().zip(&mean)).for_each(|(centred, (x, mean))| *centred = x - mean);
        for (row, sums) in [(&centred[..], &mut variance), (gradient, &mut precision)] {
            shells.fft.forward(row, &mut modes);
            shells.add(&modes, &modes, sums);
        }
    }
    let freedom = n_rows as f64 / (n_rows.max(2) - 1) as f64;
    Ok(shells.scaled(amplitude, |shell| {
        let n_values = n_rows as f64 * shells.n_waves[shell] * n_cells as f64;
        let (variance, precision) = (freedom * (variance[shell] / n_values), precision[shell] / n_values);
        let width = (variance / precision).sqrt().max(precision.recip()).sqrt();
        if width > 0.0 && width.is_finite() { width } else { 1.0 }
    }))
}

/// That rows and amplitudes are of this grid.
fn check(grid: &Grid, amplitude: &[f64], left: &[f64], right: &[f64]) -> Result<()> {
    let (n, n_cells) = (grid.n(), grid.n_cells());
    if left.len() != right.len() || !left.len().is_multiple_of(n_cells) {
        let message = format!("{} and {} values are not rows of {n_cells}", left.len(), right.len());
        return Err(Error::invalid_input(message).remedy(format!("give rows of {n}³ values, as many of both")));
    }
    if amplitude.len() != n * n * (n / 2 + 1) {
        let message = format!("{} amplitudes are not those of a grid of {n}³ cells", amplitude.len());
        return Err(Error::invalid_input(message).remedy(format!("give an array of ({n}, {n}, {})", n / 2 + 1)));
    }
    Ok(())
}

/// The shells of |k| of a grid, each one fundamental wavenumber wide, and the transform to their modes.
struct Shells {
    n: usize,
    fft: RealFft3,
    /// Which shell each mode of the half spectrum is in; that of the largest grid's corner is 3547.
    of: Vec<u16>,
    /// Waves of each shell.
    n_waves: Vec<f64>,
}

impl Shells {
    fn new(grid: &Grid) -> Self {
        let of: Vec<u16> = squares(grid).map(|square| (square as f64).sqrt().round() as u16).collect();
        let n_shells = of.iter().max().map_or(0, |last| usize::from(*last) + 1);
        let mut shells = Self { n: grid.n(), fft: RealFft3::new(grid.n()), of, n_waves: vec![] };
        let mut n_waves = vec![0.0; n_shells];
        shells.members().for_each(|(shell, waves)| n_waves[shell] += waves);
        shells.n_waves = n_waves;
        shells
    }

    /// The shell of each mode, and the waves that it stands for: a mode and its conjugate are one in the half spectrum, but
    /// for the planes that are their own.
    fn members(&self) -> impl Iterator<Item = (usize, f64)> {
        let (n, half) = (self.n, self.n / 2 + 1);
        let waves = move |z: usize| if z == 0 || 2 * z == n { 1.0 } else { 2.0 };
        self.of.iter().enumerate().map(move |(i, shell)| (usize::from(*shell), waves(i % half)))
    }

    /// Adds the products of two rows' modes to the sums of their shells: n³ for each wave of white noise of variance 1 with
    /// itself.
    fn add(&self, left: &[Complex], right: &[Complex], sums: &mut [f64]) {
        for ((shell, waves), (a, b)) in self.members().zip(left.iter().zip(right)) {
            sums[shell] += waves * (a.re * b.re + a.im * b.im);
        }
    }

    /// Each amplitude times a factor of its shell.
    fn scaled(&self, amplitude: &[f64], factor: impl Fn(usize) -> f64) -> Vec<f64> {
        let factors: Vec<f64> = (0..self.n_waves.len()).map(factor).collect();
        amplitude.iter().zip(&self.of).map(|(a, shell)| a * factors[usize::from(*shell)]).collect()
    }
}

/// |k|² of each mode of the half spectrum in units of the fundamental wavenumber, in order.
fn squares(grid: &Grid) -> impl Iterator<Item = i64> {
    let (n, half) = (grid.n(), grid.n() / 2 + 1);
    let square = |i: usize| grid.wavenumber(i).pow(2);
    (0..n * n * half).map(move |i| square(i / half / n) + square(i / half % n) + square(i % half))
}
