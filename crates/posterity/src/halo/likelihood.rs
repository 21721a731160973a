//! The Poisson likelihood of a halo catalogue, given ψ in each voxel.
//!
//! ln 𝓛 = Σ_halos ln n(M_j | ψ at its voxel) − V_voxel Σ_voxels ∫_{M_th}^∞ n(M|ψ) dM.
//!
//! The integral is counted once for each voxel, whatever halos lie there. A [`Region`] restricts both sums to part of
//! the box: fit on one part, judge on the other.
//!
//! Limits: halos are independent given ψ (no exclusion, no super-Poisson scatter); all masses are above the threshold.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379.

use super::block::{BLOCK, Block};
use super::mass_function::Mixture;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Voxels in one task.
const CHUNK: usize = 8 * BLOCK;
/// More halos than this cannot be expected: the gradient leaves the range of floats soon after.
const LARGEST: f64 = 1e100;

/// Which voxels the likelihood looks at, with which power: 1 counts, 0 does not. Powers between multiply the voxel's
/// term of ln 𝓛 (they are no completeness).
#[derive(Clone, Debug, PartialEq)]
pub struct Region(Vec<f64>);

impl Region {
    /// From one power a voxel, in C order.
    pub fn new(powers: Vec<f64>) -> Self {
        Self(powers)
    }

    /// All voxels of an n³ grid.
    pub fn whole(n_voxels: usize) -> Self {
        Self(vec![1.0; n_voxels])
    }

    /// The half x < L/2 of an n³ grid (voxels centred at i L/n, i < n/2), or the other.
    pub fn half(n: usize, is_first: bool) -> Self {
        let plane = n * n;
        Self((0..n * plane).map(|i| f64::from(u8::from((i / plane < n / 2) == is_first))).collect())
    }

    /// Powers, one a voxel.
    pub fn powers(&self) -> &[f64] {
        &self.0
    }

    /// Indices of the voxels that count.
    pub fn voxels(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|i| self.0[*i] != 0.0).collect()
    }
}

/// The likelihood with its halos, sorted by voxel, and scratch memory of a few numbers a task.
pub struct Likelihood {
    mixture: Mixture,
    ln_threshold: f64,
    voxel_volume: f64,
    powers: Vec<f64>,
    halo_voxels: Vec<usize>,
    halo_ln_masses: Vec<f64>,
    /// Where the halos of each task begin, and the end.
    starts: Vec<usize>,
    values: Vec<f64>,
    sums: Vec<f64>,
}

impl Likelihood {
    /// Of halos, as (voxel, mass [Msun/h]), above `threshold` [Msun/h], in voxels of `voxel_volume` [(Mpc/h)³] with
    /// these powers; halos in voxels of power 0 are left out.
    pub fn new(mixture: Mixture, threshold: f64, voxel_volume: f64, powers: &[f64], halos: &[(usize, f64)]) -> Self {
        let mut halos: Vec<(usize, f64)> = halos.iter().copied().filter(|h| powers[h.0] != 0.0).collect();
        halos.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n_tasks = powers.len().div_ceil(CHUNK);
        let starts = (0..=n_tasks).map(|task| halos.partition_point(|h| h.0 < task * CHUNK)).collect();
        Self {
            mixture,
            ln_threshold: threshold.ln(),
            voxel_volume,
            powers: powers.to_vec(),
            halo_voxels: halos.iter().map(|h| h.0).collect(),
            halo_ln_masses: halos.iter().map(|h| h.1.ln()).collect(),
            starts,
            values: vec![0.0; n_tasks],
            sums: vec![0.0; n_tasks * mixture.n_weights()],
        }
    }

    /// Number of halos that count.
    pub fn n_halos(&self) -> usize {
        self.halo_voxels.len()
    }

    /// The mass function.
    pub fn mixture(&self) -> Mixture {
        self.mixture
    }

    /// ln 𝓛 of ψ (one a voxel) and the mixture's weights, −∞ where more than 10¹⁰⁰ halos are expected; writes the gradient by ψ
    /// and adds that by the weights.
    ///
    /// # Panics
    /// If a length is another.
    pub fn value_and_gradient(
        &mut self,
        psi: &[f64],
        weights: &[f64],
        d_psi: &mut [f64],
        d_weights: &mut [f64],
    ) -> f64 {
        let n_weights = self.mixture.n_weights();
        assert_eq!((psi.len(), d_psi.len()), (self.powers.len(), self.powers.len()));
        assert_eq!((weights.len(), d_weights.len()), (n_weights, n_weights));
        let Self { mixture, ln_threshold, voxel_volume, powers, halo_voxels, halo_ln_masses, starts, values, sums } =
            self;
        let results = values.par_iter_mut().zip(sums.par_chunks_mut(n_weights));
        let tasks = psi.par_chunks(CHUNK).zip(powers.par_chunks(CHUNK)).zip(d_psi.par_chunks_mut(CHUNK)).zip(results);
        tasks.enumerate().for_each(|(task, (((psi, powers), d_psi), (value, sums)))| {
            let halos = starts[task]..starts[task + 1];
            sums.fill(0.0);
            *value = Arch::new().dispatch(Task {
                psi,
                powers,
                d_psi,
                first: task * CHUNK,
                halo_voxels: &halo_voxels[halos.clone()],
                halo_ln_masses: &halo_ln_masses[halos],
                weights,
                sums,
                min_sigma: mixture.min_sigma,
                ln_threshold: *ln_threshold,
                voxel_volume: *voxel_volume,
            });
        });
        for part in sums.chunks_exact(n_weights) {
            d_weights.iter_mut().zip(part).for_each(|(d, p)| *d += p);
        }
        let value: f64 = values.iter().sum();
        if value < -LARGEST { f64::NEG_INFINITY } else { value }
    }
}

struct Task<'a> {
    psi: &'a [f64],
    powers: &'a [f64],
    d_psi: &'a mut [f64],
    first: usize,
    halo_voxels: &'a [usize],
    halo_ln_masses: &'a [f64],
    weights: &'a [f64],
    sums: &'a mut [f64],
    min_sigma: f64,
    ln_threshold: f64,
    voxel_volume: f64,
}

impl WithSimd for Task<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { psi, powers, d_psi, first, halo_voxels, halo_ln_masses, weights, sums, .. } = self;
        let mut block = Block::new();
        let mut value = 0.0;
        for ((psi, powers), d_psi) in psi.chunks(BLOCK).zip(powers.chunks(BLOCK)).zip(d_psi.chunks_mut(BLOCK)) {
            let n = psi.len();
            block.psi[..n].copy_from_slice(psi);
            block.weight[..n].copy_from_slice(powers);
            block.weight[n..].fill(0.0);
            block.voxels::<S>(weights, self.min_sigma, self.ln_threshold, self.voxel_volume);
            value += block.finish::<S>(weights, sums);
            d_psi.copy_from_slice(&block.d_psi[..n]);
        }
        for (voxels, ln_masses) in halo_voxels.chunks(BLOCK).zip(halo_ln_masses.chunks(BLOCK)) {
            let n = voxels.len();
            for (k, voxel) in voxels.iter().enumerate() {
                block.psi[k] = psi[voxel - first];
                block.weight[k] = powers[voxel - first];
            }
            block.ln_mass[..n].copy_from_slice(ln_masses);
            block.weight[n..].fill(0.0);
            block.halos::<S>(weights, self.min_sigma);
            value += block.finish::<S>(weights, sums);
            for (voxel, d) in voxels.iter().zip(&block.d_psi) {
                d_psi[voxel - first] += d;
            }
        }
        value
    }
}
