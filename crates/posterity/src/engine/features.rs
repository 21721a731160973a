//! The engine for a density that stays: the sums of ln(1 + δ + ε) by radius, kept for chosen voxels.
//!
//! ψ is a function of Σ_k w_k S_k with S_k the field summed over the voxels at radius k (and, for ℓ > 0, weighted by the
//! harmonics): with S_k kept, ψ and its gradient by the weights need no convolution, and only the voxels that are
//! looked at. Memory: 8 bytes for each voxel, and for each voxel and column; there are as many columns as weights of ℓ = 0 and
//! (2ℓ + 1) × radii for each ℓ > 0.

use super::{CHUNK, Engine};
use crate::math::vectorised::{multiply_add, softplus};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Columns of sums for chosen voxels.
pub struct Features {
    n_voxels: usize,
    n_isotropic: usize,
    /// Radii and harmonics of each degree above 0.
    degrees: Vec<(usize, usize)>,
    columns: Vec<Vec<f64>>,
    slope: Vec<f64>,
    sums: Vec<f64>,
}

impl Engine {
    /// The columns of a density (δ, `n_voxels` values) at the voxels of these indices.
    ///
    /// # Panics
    /// If the density has another length, or an index is none of its voxels'.
    pub fn features(&mut self, density: &[f64], voxels: &[usize]) -> Features {
        assert_eq!(density.len(), self.n_voxels);
        self.take_logarithm(density);
        let mut field = vec![0.0; self.n_voxels];
        let choose = |field: &[f64]| voxels.iter().map(|i| field[*i]).collect::<Vec<f64>>();
        let mut columns = Vec::new();
        for k in 0..self.n_isotropic {
            let unit: Vec<f64> = (0..self.n_isotropic).map(|i| if i == k { 1.0 } else { 0.0 }).collect();
            self.isotropic.forward(&self.log_density, &unit, &mut field);
            columns.push(choose(&field));
        }
        for degree in &mut self.directed {
            let Some(stencil) = &mut self.stencil else { continue };
            for direction in &degree.directions {
                for k in 0..degree.squares.len() {
                    let taps = degree.radius.iter().zip(direction);
                    let kernel: Vec<f64> = taps.map(|(r, h)| if *r == Some(k) { *h } else { 0.0 }).collect();
                    stencil.forward(&self.log_density, &kernel, &mut field);
                    columns.push(choose(&field));
                }
            }
        }
        let degrees: Vec<(usize, usize)> =
            self.directed.iter().map(|d| (d.squares.len(), d.directions.len())).collect();
        let n_weights = self.n_weights();
        let sums = vec![0.0; voxels.len().div_ceil(CHUNK) * n_weights];
        Features {
            n_voxels: voxels.len(),
            n_isotropic: self.n_isotropic,
            degrees,
            columns,
            slope: vec![0.0; voxels.len()],
            sums,
        }
    }
}

impl Features {
    /// Number of voxels.
    pub fn n_voxels(&self) -> usize {
        self.n_voxels
    }

    /// Number of the engine's weights.
    pub fn n_weights(&self) -> usize {
        self.n_isotropic + 1 + self.degrees.iter().map(|d| d.0).sum::<usize>()
    }

    /// `psi` at the chosen voxels.
    ///
    /// # Panics
    /// If a length is another.
    pub fn forward(&mut self, weights: &[f64], psi: &mut [f64]) {
        assert_eq!((weights.len(), psi.len()), (self.n_weights(), self.n_voxels));
        let Self { slope, columns, degrees, n_isotropic, .. } = self;
        let (columns, degrees, n_isotropic) = (&*columns, &*degrees, *n_isotropic);
        psi.par_chunks_mut(CHUNK).zip(slope.par_chunks_mut(CHUNK)).enumerate().for_each(|(task, (psi, slope))| {
            let first = task * CHUNK;
            Arch::new().dispatch(Forward { columns, degrees, n_isotropic, weights, first, psi, slope });
        });
    }

    /// After [`Features::forward`] with these weights: adds the gradient by the weights of the sum of `d_psi` ψ.
    ///
    /// # Panics
    /// If a length is another.
    pub fn vjp(&mut self, weights: &[f64], d_psi: &[f64], d_weights: &mut [f64]) {
        assert_eq!((weights.len(), d_psi.len(), d_weights.len()), (self.n_weights(), self.n_voxels, self.n_weights()));
        let Self { slope, columns, degrees, n_isotropic, sums, .. } = self;
        let (columns, degrees, n_isotropic) = (&*columns, &*degrees, *n_isotropic);
        let inputs = d_psi.par_chunks(CHUNK).zip(slope.par_chunks(CHUNK)).enumerate();
        inputs.zip(sums.par_chunks_mut(weights.len())).for_each(|((task, (d_psi, slope)), sums)| {
            let first = task * CHUNK;
            Arch::new().dispatch(Vjp { columns, degrees, n_isotropic, weights, first, d_psi, slope, sums });
        });
        for part in sums.chunks_exact(weights.len()) {
            d_weights.iter_mut().zip(part).for_each(|(d, p)| *d += p);
        }
    }
}

struct Forward<'a> {
    columns: &'a [Vec<f64>],
    degrees: &'a [(usize, usize)],
    n_isotropic: usize,
    weights: &'a [f64],
    first: usize,
    psi: &'a mut [f64],
    slope: &'a mut [f64],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { columns, degrees, n_isotropic, weights, first, psi, slope } = self;
        let n = psi.len();
        psi.fill(weights[n_isotropic]);
        for (column, w) in columns.iter().zip(&weights[..n_isotropic]) {
            add::<S>(psi, &column[first..first + n], *w);
        }
        let (mut column, mut weight) = (n_isotropic, n_isotropic + 1);
        let mut output = [0.0; CHUNK];
        for &(radii, harmonics) in degrees {
            for _ in 0..harmonics {
                output[..n].copy_from_slice(&columns[column][first..first + n]);
                for r in 1..radii {
                    add::<S>(&mut output[..n], &columns[column + r][first..first + n], weights[weight + r]);
                }
                psi.iter_mut().zip(&output).for_each(|(p, f)| *p += weights[weight] * f * f);
                column += radii;
            }
            weight += radii;
        }
        for (psi, slope) in psi.iter_mut().zip(slope) {
            (*psi, *slope) = softplus::<S>(*psi);
        }
    }
}

#[inline(always)]
fn add<S: Simd>(out: &mut [f64], column: &[f64], w: f64) {
    out.iter_mut().zip(column).for_each(|(o, c)| *o = multiply_add::<S>(w, *c, *o));
}

struct Vjp<'a> {
    columns: &'a [Vec<f64>],
    degrees: &'a [(usize, usize)],
    n_isotropic: usize,
    weights: &'a [f64],
    first: usize,
    d_psi: &'a [f64],
    slope: &'a [f64],
    sums: &'a mut [f64],
}

impl WithSimd for Vjp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { columns, degrees, n_isotropic, weights, first, d_psi, slope, sums } = self;
        let n = d_psi.len();
        let part = |column: usize| &columns[column][first..first + n];
        let mut gradient = [0.0; CHUNK];
        gradient.iter_mut().zip(d_psi.iter().zip(slope)).for_each(|(g, (d, s))| *g = d * s);
        for (k, sum) in sums[..n_isotropic].iter_mut().enumerate() {
            *sum = dot::<S>(&gradient[..n], part(k));
        }
        sums[n_isotropic..].fill(0.0);
        sums[n_isotropic] = sum(&gradient[..n]);
        let (mut column, mut weight) = (n_isotropic, n_isotropic + 1);
        let (mut output, mut cotangent) = ([0.0; CHUNK], [0.0; CHUNK]);
        for &(radii, harmonics) in degrees {
            for _ in 0..harmonics {
                output[..n].copy_from_slice(part(column));
                for r in 1..radii {
                    add::<S>(&mut output[..n], part(column + r), weights[weight + r]);
                }
                cotangent.iter_mut().zip(gradient.iter().zip(&output)).for_each(|(c, (g, f))| *c = g * f);
                sums[weight] += dot::<S>(&cotangent[..n], &output[..n]);
                for r in 1..radii {
                    sums[weight + r] += 2.0 * weights[weight] * dot::<S>(&cotangent[..n], part(column + r));
                }
                column += radii;
            }
            weight += radii;
        }
    }
}

/// In lanes: one sum after the other waits for each addition.
#[inline(always)]
fn sum(a: &[f64]) -> f64 {
    let (lanes, rest) = a.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for a in lanes {
        sums.iter_mut().zip(a).for_each(|(s, a)| *s += a);
    }
    sums.iter().chain(rest).sum()
}

#[inline(always)]
fn dot<S: Simd>(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..8 {
            lanes[l] = multiply_add::<S>(a[l], b[l], lanes[l]);
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
