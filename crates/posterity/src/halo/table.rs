//! The expected number of halos of many voxels, from a table over ψ instead of voxel by voxel.
//!
//! For given weights λ(ψ) = V ∫ n dM is a function of one number. The range of ψ is cut into panels of equal width, and
//! in each λ is the polynomial of degree 7 through its values at the Chebyshev points ψ_q. The sum over voxels is then
//! one over these nodes,
//!
//! Σ_v p_v λ(ψ_v) = Σ_q c_q λ(ψ_q), c_q = Σ_k A_kq m_k, m_k = Σ_v p_v t_vᵏ in the node's panel,
//!
//! t from −1 to 1 the place in the panel and A what turns values into coefficients. So voxels need their moments and
//! one polynomial, ∂λ/∂ψ, and the gradients by ψ and by weights are those of the very sum that is returned.
//!
//! Accuracy: the last two Chebyshev coefficients of each panel are at most 10⁻⁹ (|c₀| + 10⁻⁶ halos); the error is that of
//! the next ones, typically 10⁻¹² of the expected number, up to about 10⁻⁸ in a panel with a sharp small feature, where
//! coefficients do not fall geometrically. Else there are more panels, as many as the coefficients' decay asks for, and
//! where that is more than an eighth of the direct work, or λ is not finite, there is no table and the voxels are summed
//! directly. The rule depends on values alone, not on threads or earlier calls.

use super::block::{BLOCK, Block};
use crate::math::vectorised::multiply_add;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::f64::consts::PI;

/// Coefficients in a panel.
const ORDER: usize = 8;
/// A power of two: indices are masked.
const MAX_PANELS: usize = 512;
/// Panels in a [`Block`] of nodes.
const PER_BLOCK: usize = BLOCK / ORDER;
const FIRST_PANELS: usize = 64;
/// Voxels for each node, at least.
const VOXELS_PER_NODE: usize = 8;
const TOLERANCE: f64 = 1e-9;
/// Expected halos in a voxel below which the error is absolute.
const FEW: f64 = 1e-6;
/// More halos in a voxel than a table is made for.
const MANY: f64 = 1e90;
/// 1.5 · 2⁵²: a sum with it is rounded, and its low bits are the integer.
const ROUND: f64 = 6_755_399_441_055_744.0;

type Row = [f64; ORDER];
const EMPTY: Row = [0.0; ORDER];

/// Table and scratch memory for a number of voxels.
pub(super) struct Table {
    /// Voxels in one task.
    chunk: usize,
    max_panels: usize,
    nodes: Row,
    /// Chebyshev and plain coefficients of the values at the nodes, [coefficient][node].
    chebyshev: [Row; ORDER],
    plain: [Row; ORDER],
    /// The passes' results at the nodes.
    blocks: Vec<Block>,
    worst: Vec<f64>,
    /// Coefficients of ∂λ/∂ψ by panel.
    slopes: Box<[Row; MAX_PANELS]>,
    /// Moments by task and panel.
    moments: Vec<Row>,
    ranges: Vec<[f64; 2]>,
}

/// What the expected number depends on besides ψ.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub weights: &'a [f64],
    pub min_sigma: f64,
    pub ln_threshold: f64,
    pub voxel_volume: f64,
}

impl Table {
    pub(super) fn new(n_voxels: usize) -> Self {
        let chunk = n_voxels.div_ceil(32).next_multiple_of(BLOCK).max(8192);
        let n_tasks = n_voxels.div_ceil(chunk);
        let max_panels = (n_voxels / (ORDER * VOXELS_PER_NODE) / PER_BLOCK * PER_BLOCK).min(MAX_PANELS);
        let nodes: Row = std::array::from_fn(|q| (PI * (q as f64 + 0.5) / ORDER as f64).cos());
        let mut chebyshev = [EMPTY; ORDER];
        let mut plain = [EMPTY; ORDER];
        // Coefficients of T_k and T_{k+1} in powers of t.
        let (mut now, mut next) = (EMPTY, EMPTY);
        (now[0], next[1]) = (1.0, 1.0);
        for (k, row) in chebyshev.iter_mut().enumerate() {
            let scale = if k == 0 { 1.0 } else { 2.0 } / ORDER as f64;
            *row = std::array::from_fn(|q| scale * (PI * k as f64 * (q as f64 + 0.5) / ORDER as f64).cos());
            for (plain, c) in plain.iter_mut().zip(now) {
                plain.iter_mut().zip(*row).for_each(|(p, r)| *p += c * r);
            }
            let after = std::array::from_fn(|i| if i == 0 { 0.0 } else { 2.0 * next[i - 1] } - now[i]);
            (now, next) = (next, after);
        }
        let n_blocks = if max_panels < FIRST_PANELS { 0 } else { max_panels / PER_BLOCK };
        Self {
            chunk,
            max_panels,
            nodes,
            chebyshev,
            plain,
            blocks: (0..n_blocks).map(|_| Block::new()).collect(),
            worst: vec![0.0; n_blocks],
            slopes: Box::new([EMPTY; MAX_PANELS]),
            moments: vec![EMPTY; if n_blocks == 0 { 0 } else { n_tasks * max_panels }],
            ranges: vec![[0.0; 2]; n_tasks],
        }
    }

    /// Minus the expected number of halos; writes its gradient by ψ and adds that by the weights. None, and nothing
    /// written, where a table would not do.
    pub(super) fn value_and_gradient(
        &mut self,
        expected: Expected,
        psi: &[f64],
        powers: &[f64],
        d_psi: &mut [f64],
        d_weights: &mut [f64],
    ) -> Option<f64> {
        let (low, width, n_panels) = self.fill(expected, psi)?;
        let Self { chunk, blocks, plain, slopes, moments, .. } = self;
        let inverse = n_panels as f64 / width;
        let tasks = psi.par_chunks(*chunk).zip(powers.par_chunks(*chunk)).zip(d_psi.par_chunks_mut(*chunk));
        tasks.zip(moments.par_chunks_mut(n_panels)).for_each(|(((psi, powers), d_psi), moments)| {
            moments.fill(EMPTY);
            Arch::new().dispatch(Voxels { slopes, low, inverse, psi, powers, d_psi, moments });
        });
        let (total, others) = moments[..n_panels * psi.len().div_ceil(*chunk)].split_at_mut(n_panels);
        for part in others.chunks_exact(n_panels) {
            total.iter_mut().zip(part).for_each(|(t, p)| t.iter_mut().zip(p).for_each(|(t, p)| *t += p));
        }
        let mut value = 0.0;
        for (block, moments) in blocks.iter_mut().zip(total.chunks_exact(PER_BLOCK)) {
            for (power, m) in block.weight.as_chunks_mut::<ORDER>().0.iter_mut().zip(moments) {
                *power = std::array::from_fn(|q| m.iter().zip(&*plain).map(|(m, a)| m * a[q]).sum());
            }
            value += Arch::new().dispatch(Finish { block, weights: expected.weights, d_weights });
        }
        Some(value)
    }

    /// Fills the table; where it begins, how wide it is, and the number of panels.
    fn fill(&mut self, expected: Expected, psi: &[f64]) -> Option<(f64, f64, usize)> {
        if self.blocks.is_empty() {
            return None;
        }
        let inputs = psi.par_chunks(self.chunk);
        self.ranges.par_iter_mut().zip(inputs).for_each(|(range, psi)| *range = Arch::new().dispatch(Range(psi)));
        let low = self.ranges.iter().fold(f64::INFINITY, |low, r| low.min(r[0]));
        let high = self.ranges.iter().fold(f64::NEG_INFINITY, |high, r| high.max(r[1]));
        let width = high - low;
        if !(width.is_finite() && width > 1e-6 * (low.abs() + high.abs())) {
            return None;
        }
        let mut n_panels = FIRST_PANELS;
        loop {
            let worst = self.fill_panels(expected, low, width, n_panels)?;
            if worst <= 1.0 {
                return Some((low, width, n_panels));
            }
            // The coefficients go as the sixth power of the width, once they decay.
            let wanted = 1.1 * n_panels as f64 * worst.powf(1.0 / 6.0);
            if wanted > self.max_panels as f64 {
                return None;
            }
            n_panels = (wanted as usize).next_multiple_of(PER_BLOCK).max(n_panels + PER_BLOCK);
            if n_panels > self.max_panels {
                return None;
            }
        }
    }

    /// The last coefficients in units of what they may be, the largest of all panels; None if some λ is out of range.
    fn fill_panels(&mut self, expected: Expected, low: f64, width: f64, n_panels: usize) -> Option<f64> {
        let Self { nodes, chebyshev, plain, blocks, worst, slopes, .. } = self;
        let (n_blocks, step) = (n_panels / PER_BLOCK, width / n_panels as f64);
        let tasks = blocks[..n_blocks].par_iter_mut().zip(slopes.par_chunks_mut(PER_BLOCK)).zip(&mut worst[..n_blocks]);
        tasks.enumerate().for_each(|(task, ((block, slopes), worst))| {
            for (i, psi) in block.psi.as_chunks_mut::<ORDER>().0.iter_mut().enumerate() {
                let panel = (task * PER_BLOCK + i) as f64;
                *psi = nodes.map(|t| low + step * (panel + 0.5 + 0.5 * t));
            }
            block.weight.fill(1.0);
            Arch::new().dispatch(Nodes { block, expected });
            *worst = 0.0;
            for (slopes, values) in slopes.iter_mut().zip(block.value.as_chunks::<ORDER>().0) {
                let of = |row: &Row| row.iter().zip(values).map(|(a, b)| a * b).sum::<f64>();
                let size = of(&chebyshev[0]).abs();
                let last = of(&chebyshev[ORDER - 2]).abs() + of(&chebyshev[ORDER - 1]).abs();
                let ratio = last / (TOLERANCE * (size + FEW));
                // Infinite for a NaN too, which comparisons would lose.
                *worst = worst.max(if size < MANY && !ratio.is_nan() { ratio } else { f64::INFINITY });
                *slopes = EMPTY;
                for (k, slope) in slopes[..ORDER - 1].iter_mut().enumerate() {
                    *slope = 2.0 / step * (k + 1) as f64 * of(&plain[k + 1]);
                }
            }
        });
        let worst = worst[..n_blocks].iter().copied().fold(0.0, f64::max);
        worst.is_finite().then_some(worst)
    }
}

struct Range<'a>(&'a [f64]);

impl WithSimd for Range<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let (mut low, mut high) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
        let (lanes, rest) = self.0.as_chunks::<8>();
        for x in lanes {
            low.iter_mut().zip(x).for_each(|(low, x)| *low = if x < low { *x } else { *low });
        }
        for x in lanes {
            high.iter_mut().zip(x).for_each(|(high, x)| *high = if x > high { *x } else { *high });
        }
        let all = |of: [f64; 8], choose: fn(f64, f64) -> f64| of.iter().chain(rest).copied().fold(of[0], choose);
        [all(low, f64::min), all(high, f64::max)]
    }
}

struct Nodes<'a> {
    block: &'a mut Block,
    expected: Expected<'a>,
}

impl WithSimd for Nodes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Expected { weights, min_sigma, ln_threshold, voxel_volume } = self.expected;
        self.block.voxels::<S>(weights, min_sigma, ln_threshold, voxel_volume);
    }
}

struct Finish<'a> {
    block: &'a mut Block,
    weights: &'a [f64],
    d_weights: &'a mut [f64],
}

impl WithSimd for Finish<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.block.multiply(self.weights.len() / 6);
        self.block.finish::<S>(self.weights, self.d_weights)
    }
}

/// The gradient by ψ of some voxels, and their moments.
struct Voxels<'a> {
    slopes: &'a [Row; MAX_PANELS],
    low: f64,
    inverse: f64,
    psi: &'a [f64],
    powers: &'a [f64],
    d_psi: &'a mut [f64],
    moments: &'a mut [Row],
}

impl WithSimd for Voxels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const MASK: u64 = MAX_PANELS as u64 - 1;
        // Powers of t as products: t where the first bit of the exponent is set, t² where the second is, t⁴.
        const BITS: [[f64; ORDER]; 3] = [
            [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
            [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
        ];
        let Self { slopes, low, inverse, psi, powers, d_psi, moments } = self;
        let last_panel = moments.len() - 1;
        let last = last_panel as f64;
        let [ones, twos, fours] = BITS.each_ref().map(|b| S::as_simd_f64s(b).0);
        let unit = simd.splat_f64s(1.0);
        let (mut place, mut panel) = ([0.0; BLOCK], [0; BLOCK]);
        for ((psi, powers), d_psi) in psi.chunks(BLOCK).zip(powers.chunks(BLOCK)).zip(d_psi.chunks_mut(BLOCK)) {
            for ((place, panel), psi) in place.iter_mut().zip(&mut panel).zip(psi) {
                let u = (psi - low) * inverse;
                let j = (u - 0.5 + ROUND) - ROUND;
                let j = if j > 0.0 { j } else { 0.0 };
                let j = if j < last { j } else { last };
                *place = 2.0 * (u - j) - 1.0;
                *panel = (j + ROUND).to_bits() & MASK;
            }
            for ((d_psi, power), (t, j)) in d_psi.iter_mut().zip(powers).zip(place.iter().zip(&panel)) {
                let row = &slopes[(*j & MASK) as usize];
                let mut sum = row[ORDER - 2];
                for k in (0..ORDER - 2).rev() {
                    sum = multiply_add::<S>(sum, *t, row[k]);
                }
                *d_psi = power * sum;
            }
            for (power, (t, j)) in powers.iter().zip(place.iter().zip(&panel)) {
                let (t, t2) = (*t, t * t);
                let row = S::as_mut_simd_f64s(&mut moments[(*j as usize).min(last_panel)]).0;
                let [power, t, t2, t4] = [*power, t - 1.0, t2 - 1.0, t2 * t2 - 1.0].map(|x| simd.splat_f64s(x));
                let bits = ones.iter().zip(twos).zip(fours);
                for (sum, ((one, two), four)) in row.iter_mut().zip(bits) {
                    let odd = simd.mul_f64s(power, simd.mul_add_e_f64s(t, *one, unit));
                    let rest = simd.mul_f64s(simd.mul_add_e_f64s(t2, *two, unit), simd.mul_add_e_f64s(t4, *four, unit));
                    *sum = simd.mul_add_e_f64s(odd, rest, *sum);
                }
            }
        }
    }
}
