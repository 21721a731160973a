//! A density made of the catalogue itself, for weights to begin with: halo counts, smoothed, and in their order given the
//! values of a density that evolved from the prior, which is as rough as those to come.

use super::super::Extension;
use crate::error::Result;
use crate::field::Grid;
use crate::math::{Complex, RealFft3};
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// Standard deviation of the smoothing of halo counts [voxels].
const SMOOTHING: f64 = 1.5;

/// A density contrast in the order of the smoothed halo counts, with the values of one that the prior evolves to.
pub(super) fn proxy(extension: &Extension) -> Result<Vec<f64>> {
    let counts = smoothed_counts(&extension.field.grid, &half(&extension.halos.cells, 0));
    let mut stream = Seed::new(extension.seed).label("start").label("proxy").stream(0);
    let noise: Vec<f64> = counts.iter().map(|_| StandardNormal.sample(&mut stream)).collect();
    let mut evolved = vec![0.0; noise.len()];
    extension.field.gravity()?.density(&noise, &mut evolved)?;
    evolved.sort_by(f64::total_cmp);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| counts[*a].total_cmp(&counts[*b]));
    let mut proxy = vec![0.0; counts.len()];
    order.into_iter().zip(evolved).for_each(|(voxel, rho)| proxy[voxel] = rho - 1.0);
    Ok(proxy)
}

/// Every second halo: of the one half a density is made that the other half is fitted to, for halos say too much of a
/// density that is made of themselves.
pub(super) fn half(halos: &[(usize, f64)], first: usize) -> Vec<(usize, f64)> {
    halos.iter().skip(first).step_by(2).copied().collect()
}

/// The contrast of halo counts, smoothed with a Gaussian, on the periodic grid.
fn smoothed_counts(grid: &Grid, cells: &[(usize, f64)]) -> Vec<f64> {
    let n = grid.n();
    let half = n / 2 + 1;
    let mean = cells.len() as f64 / grid.n_cells() as f64;
    let mut contrast = vec![-1.0; grid.n_cells()];
    cells.iter().for_each(|(voxel, _)| contrast[*voxel] += 1.0 / mean);
    let mut fft = RealFft3::new(n);
    let mut spectrum = vec![Complex::default(); fft.len()];
    fft.forward(&contrast, &mut spectrum);
    for (i, value) in spectrum.iter_mut().enumerate() {
        let k = [i / (n * half), i / half % n, i % half].map(|i| 2.0 * PI * grid.wavenumber(i) as f64 / n as f64);
        let square: f64 = k.iter().map(|k| k * k).sum();
        let factor = (-0.5 * square * SMOOTHING * SMOOTHING).exp();
        *value = Complex { re: value.re * factor, im: value.im * factor };
    }
    fft.inverse(&spectrum, &mut contrast);
    // A Gaussian cut at the Nyquist frequency rings a little.
    contrast.iter_mut().for_each(|d| *d = d.max(-1.0));
    contrast
}
