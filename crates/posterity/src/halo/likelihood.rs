//! The Poisson likelihood of a halo catalogue, given ψ in each voxel.
//!
//! ln 𝓛 = Σ_halos ln n(M_j | ψ at its voxel) − V_voxel Σ_voxels ∫_{M_th}^∞ n(M|ψ) dM.
//!
//! The integral is counted once for each voxel, whatever halos lie there. A [`Region`] restricts both sums to part of
//! the box: fit on one part, judge on the other.
//!
//! The integrals of many voxels come from a table over ψ, with an error of typically 10⁻¹² of the expected number, up to
//! about 10⁻⁸ where it has a sharp small feature (`table.rs` has the rule); else, and on small grids, from each voxel's own.
//!
//! Limits: halos are independent given ψ (no exclusion, no super-Poisson scatter); all masses are above the threshold.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379.

use super::block::{BLOCK, Block};
use super::mass_function::Mixture;
use super::table::{Expected, Table};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Voxels in one task.
const CHUNK: usize = 8 * BLOCK;
/// Halos in one task.
const HALOS: usize = 2 * BLOCK;
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

    /// The first ⌊n/2⌋ planes along x of an n³ grid (voxels centred at i L/n), or the others.
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

/// The likelihood with its halos, sorted by voxel, and its scratch memory: 2 MB, 8 bytes for each voxel and 24 for each halo.
pub struct Likelihood {
    mixture: Mixture,
    ln_threshold: f64,
    voxel_volume: f64,
    powers: Vec<f64>,
    halo_voxels: Vec<usize>,
    halo_ln_masses: Vec<f64>,
    table: Table,
    /// Gradient by ψ of each halo's term.
    halo_gradients: Vec<f64>,
    values: Vec<f64>,
    sums: Vec<f64>,
}

impl Likelihood {
    /// Of halos, as (voxel, mass [Msun/h]), above `threshold` [Msun/h], in voxels of `voxel_volume` [(Mpc/h)³] with
    /// these powers; halos in voxels of power 0 are left out.
    ///
    /// # Panics
    /// If a halo's voxel has no power. A mixture that [`Mixture::check`] refuses panics when it is evaluated.
    pub fn new(mixture: Mixture, threshold: f64, voxel_volume: f64, powers: &[f64], halos: &[(usize, f64)]) -> Self {
        let mut halos: Vec<(usize, f64)> = halos.iter().copied().filter(|h| powers[h.0] != 0.0).collect();
        halos.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n_tasks = powers.len().div_ceil(CHUNK).max(halos.len().div_ceil(HALOS));
        Self {
            mixture,
            ln_threshold: threshold.ln(),
            voxel_volume,
            powers: powers.to_vec(),
            halo_voxels: halos.iter().map(|h| h.0).collect(),
            halo_ln_masses: halos.iter().map(|h| h.1.ln()).collect(),
            table: Table::new(powers.len()),
            halo_gradients: vec![0.0; halos.len()],
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

    /// ln 𝓛 of ψ (one a voxel) and the mixture's weights, −∞ where more than 10¹⁰⁰ halos are expected; writes the
    /// gradient by ψ and adds that by the weights.
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
        let expected = self.expected(weights);
        let from_table = self.table.value_and_gradient(expected, psi, &self.powers, d_psi, d_weights);
        let of_voxels = from_table.unwrap_or_else(|| self.voxels(psi, weights, d_psi, d_weights));
        let value = of_voxels + self.halos(psi, weights, d_psi, d_weights);
        if value < -LARGEST { f64::NEG_INFINITY } else { value }
    }

    fn expected<'a>(&self, weights: &'a [f64]) -> Expected<'a> {
        let Self { mixture, ln_threshold, voxel_volume, .. } = *self;
        Expected { weights, min_sigma: mixture.min_sigma, ln_threshold, voxel_volume }
    }

    /// Minus the expected number of halos, voxel by voxel, and its gradients.
    fn voxels(&mut self, psi: &[f64], weights: &[f64], d_psi: &mut [f64], d_weights: &mut [f64]) -> f64 {
        let expected = self.expected(weights);
        let Self { powers, values, sums, .. } = self;
        let n_tasks = psi.len().div_ceil(CHUNK);
        let results = values[..n_tasks].par_iter_mut().zip(sums.par_chunks_mut(weights.len()));
        let tasks = psi.par_chunks(CHUNK).zip(powers.par_chunks(CHUNK)).zip(d_psi.par_chunks_mut(CHUNK)).zip(results);
        tasks.for_each(|(((psi, powers), d_psi), (value, sums))| {
            sums.fill(0.0);
            *value = Arch::new().dispatch(Voxels { expected, psi, powers, d_psi, sums });
        });
        add_in_order(&values[..n_tasks], sums, d_weights)
    }

    /// The sum over the halos; adds its gradients.
    fn halos(&mut self, psi: &[f64], weights: &[f64], d_psi: &mut [f64], d_weights: &mut [f64]) -> f64 {
        let Self { powers, values, sums, mixture, halo_voxels, halo_ln_masses, halo_gradients, .. } = self;
        let n_tasks = halo_voxels.len().div_ceil(HALOS);
        let results = values[..n_tasks].par_iter_mut().zip(sums.par_chunks_mut(weights.len()));
        let inputs = halo_voxels.par_chunks(HALOS).zip(halo_ln_masses.par_chunks(HALOS));
        let tasks = inputs.zip(halo_gradients.par_chunks_mut(HALOS)).zip(results);
        tasks.for_each(|(((voxels, ln_masses), gradients), (value, sums))| {
            sums.fill(0.0);
            let min_sigma = mixture.min_sigma;
            *value =
                Arch::new().dispatch(Halos { psi, powers, voxels, ln_masses, gradients, weights, min_sigma, sums });
        });
        halo_voxels.iter().zip(&*halo_gradients).for_each(|(voxel, d)| d_psi[*voxel] += d);
        add_in_order(&values[..n_tasks], sums, d_weights)
    }
}

/// Adds the tasks' gradients; the sum of their values.
fn add_in_order(values: &[f64], sums: &[f64], d_weights: &mut [f64]) -> f64 {
    for (part, _) in sums.chunks_exact(d_weights.len()).zip(values) {
        d_weights.iter_mut().zip(part).for_each(|(d, p)| *d += p);
    }
    values.iter().sum()
}

struct Voxels<'a> {
    expected: Expected<'a>,
    psi: &'a [f64],
    powers: &'a [f64],
    d_psi: &'a mut [f64],
    sums: &'a mut [f64],
}

impl WithSimd for Voxels<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { expected: Expected { weights, min_sigma, ln_threshold, voxel_volume }, sums, .. } = self;
        let mut block = Block::new();
        let mut value = 0.0;
        let inputs = self.psi.chunks(BLOCK).zip(self.powers.chunks(BLOCK));
        for ((psi, powers), d_psi) in inputs.zip(self.d_psi.chunks_mut(BLOCK)) {
            let n = psi.len();
            block.psi[..n].copy_from_slice(psi);
            block.weight[..n].copy_from_slice(powers);
            block.weight[n..].fill(0.0);
            block.voxels::<S>(weights, min_sigma, ln_threshold, voxel_volume);
            value += block.finish::<S>(weights, sums);
            d_psi.copy_from_slice(&block.d_psi[..n]);
        }
        value
    }
}

struct Halos<'a> {
    psi: &'a [f64],
    powers: &'a [f64],
    voxels: &'a [usize],
    ln_masses: &'a [f64],
    gradients: &'a mut [f64],
    weights: &'a [f64],
    min_sigma: f64,
    sums: &'a mut [f64],
}

impl WithSimd for Halos<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { psi, powers, voxels, ln_masses, gradients, weights, min_sigma, sums } = self;
        let mut block = Block::new();
        let mut value = 0.0;
        let inputs = voxels.chunks(BLOCK).zip(ln_masses.chunks(BLOCK));
        for ((voxels, ln_masses), gradients) in inputs.zip(gradients.chunks_mut(BLOCK)) {
            let n = voxels.len();
            for (k, voxel) in voxels.iter().enumerate() {
                (block.psi[k], block.weight[k]) = (psi[*voxel], powers[*voxel]);
            }
            block.ln_mass[..n].copy_from_slice(ln_masses);
            block.weight[n..].fill(0.0);
            block.halos::<S>(weights, min_sigma);
            value += block.finish::<S>(weights, sums);
            gradients.copy_from_slice(&block.d_psi[..n]);
        }
        value
    }
}
