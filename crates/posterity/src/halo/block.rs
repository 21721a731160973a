//! The likelihood's terms and their gradients for a block of voxels or halos, in loops that vectorise.
//!
//! Each pass goes over arrays of one length and writes arrays; only `dots` adds up, in lanes. Gradients:
//! with J = I/α the integral of one component and e₁ = exp(a − a²/2σ²), a = ln M_th − μ, dI/dμ = α e₁/(√2π σ) and
//! dI/dσ = σ I + α e₁ (1 + a/σ²)/√2π.

use crate::math::vectorised::{erfcx, exp, ln, multiply_add, softplus};
use pulp::Simd;

/// Voxels or halos in a block: its arrays stay in the cache.
pub(super) const BLOCK: usize = 256;
/// More components than a mass function has features.
pub(super) const MAX_COMPONENTS: usize = 4;

type Values = [f64; BLOCK];

const LN_SMALL: f64 = -6.907_755_278_982_137;
const LN_2E12: f64 = 28.324_168_296_488_494;
const LN_LARGE: f64 = 6.907_755_278_982_137;
const MIN_ALPHA: f64 = 1e-100;
const INVERSE_ROOT_2_PI: f64 = 0.398_942_280_401_432_7;
const HALF_LN_2_PI: f64 = 0.918_938_533_204_672_8;

/// What one block reads and writes.
pub(super) struct Block {
    /// ψ of each voxel, or of each halo's voxel.
    pub psi: Values,
    /// ln M of each halo.
    pub ln_mass: Values,
    /// Weight of each in the likelihood; 0 beyond the last.
    pub weight: Values,
    /// Terms of ln 𝓛.
    pub value: Values,
    /// Gradient by ψ.
    pub d_psi: Values,
    components: [Component; MAX_COMPONENTS],
}

/// Parameters and slopes of one component; the passes turn them into gradients in place.
#[derive(Clone, Copy)]
struct Component {
    alpha: Values,
    alpha_slope: Values,
    mu: Values,
    mu_slope: Values,
    sigma: Values,
    sigma_slope: Values,
}

const ZERO: Values = [0.0; BLOCK];
const COMPONENT: Component =
    Component { alpha: ZERO, alpha_slope: ZERO, mu: ZERO, mu_slope: ZERO, sigma: ZERO, sigma_slope: ZERO };

/// α, the increment of μ (μ itself of the first), and σ, each with its slope by what it is the softplus of.
#[inline(always)]
pub(super) fn parameters<S: Simd>(w: &[f64], psi: f64, is_first: bool, min_sigma: f64) -> [(f64, f64); 3] {
    let line = |k: usize, shift: f64| multiply_add::<S>(w[k], psi, w[k + 1] + shift);
    let (alpha, alpha_slope) = softplus::<S>(line(0, LN_SMALL));
    let mu = if is_first { (line(2, LN_2E12), 1.0) } else { softplus::<S>(line(2, 0.0)) };
    let (sigma, sigma_slope) = softplus::<S>(line(4, LN_LARGE));
    [(alpha + MIN_ALPHA, alpha_slope), mu, (sigma + min_sigma, sigma_slope)]
}

/// J = ½ exp(σ²/2) erfc[(ln M_th − μ − σ²)/(√2 σ)], e₁ and 1/σ.
#[inline(always)]
pub(super) fn tail<S: Simd>(mu: f64, sigma: f64, ln_threshold: f64) -> (f64, f64, f64) {
    let a = ln_threshold - mu;
    let inverse = 1.0 / sigma;
    let z = a * inverse;
    let t = (z - sigma) * std::f64::consts::FRAC_1_SQRT_2;
    let e1 = bounded_exp::<S>(multiply_add::<S>(-0.5 * z, z, a));
    let e2 = bounded_exp::<S>(0.5 * sigma * sigma);
    let half = 0.5 * e1 * erfcx::<S>(t.abs());
    (if t > 0.0 { half } else { e2 - half }, e1, inverse)
}

/// eˣ up to e³⁰⁰: far above what counts as impossible, and its products stay finite, also in voxels of power 0.
#[inline(always)]
fn bounded_exp<S: Simd>(x: f64) -> f64 {
    exp::<S>(if x > 300.0 { 300.0 } else { x })
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            psi: ZERO,
            ln_mass: ZERO,
            weight: ZERO,
            value: ZERO,
            d_psi: ZERO,
            components: [COMPONENT; MAX_COMPONENTS],
        }
    }

    #[inline(always)]
    fn set_parameters<S: Simd>(&mut self, weights: &[f64], min_sigma: f64) {
        for (i, w) in weights.chunks_exact(6).enumerate() {
            let (before, rest) = self.components.split_at_mut(i);
            let c = &mut rest[0];
            match before.last() {
                None => set::<S, true>(&self.psi, &ZERO, c, w, min_sigma),
                Some(previous) => set::<S, false>(&self.psi, &previous.mu, c, w, min_sigma),
            }
        }
    }

    /// Minus the expected number of halos in each voxel, `volume` ∫ n dM.
    #[inline(always)]
    pub(super) fn voxels<S: Simd>(&mut self, weights: &[f64], min_sigma: f64, ln_threshold: f64, volume: f64) {
        self.set_parameters::<S>(weights, min_sigma);
        self.value = ZERO;
        let Self { components, value, weight, .. } = self;
        for c in &mut components[..weights.len() / 6] {
            for k in 0..BLOCK {
                let (alpha, sigma) = (c.alpha[k], c.sigma[k]);
                let (integral, e1, inverse) = tail::<S>(c.mu[k], sigma, ln_threshold);
                let scale = -volume * weight[k];
                let a = ln_threshold - c.mu[k];
                let edge = alpha * e1 * INVERSE_ROOT_2_PI;
                value[k] = multiply_add::<S>(scale * alpha, integral, value[k]);
                c.alpha_slope[k] *= scale * integral;
                let by_sigma = multiply_add::<S>(sigma * alpha, integral, edge * (1.0 + a * inverse * inverse));
                c.sigma_slope[k] *= scale * by_sigma;
                c.mu[k] = scale * edge * inverse;
            }
        }
    }

    /// ln n(M|ψ) of each halo.
    #[inline(always)]
    pub(super) fn halos<S: Simd>(&mut self, weights: &[f64], min_sigma: f64) {
        self.set_parameters::<S>(weights, min_sigma);
        let Self { components, value, weight, ln_mass, .. } = self;
        let components = &mut components[..weights.len() / 6];
        let mut largest = [f64::NEG_INFINITY; BLOCK];
        for c in &mut *components {
            for k in 0..BLOCK {
                let inverse = 1.0 / c.sigma[k];
                let z = (ln_mass[k] - c.mu[k]) * inverse;
                let term = ln::<S>(c.alpha[k] * inverse) - c.mu[k] - multiply_add::<S>(0.5 * z, z, HALF_LN_2_PI);
                c.alpha_slope[k] /= c.alpha[k];
                c.sigma_slope[k] *= multiply_add::<S>(z, z, -1.0) * inverse;
                c.mu[k] = multiply_add::<S>(z, inverse, -1.0);
                c.alpha[k] = term;
                // A NaN may be lost here; its exponential is in the sum.
                largest[k] = if largest[k] > term { largest[k] } else { term };
            }
        }
        let mut sum = ZERO;
        for c in &mut *components {
            for k in 0..BLOCK {
                c.alpha[k] = exp::<S>(c.alpha[k] - largest[k]);
                sum[k] += c.alpha[k];
            }
        }
        for k in 0..BLOCK {
            value[k] = weight[k] * (largest[k] + ln::<S>(sum[k]));
        }
        for c in components {
            for k in 0..BLOCK {
                let share = weight[k] * c.alpha[k] / sum[k];
                c.alpha_slope[k] *= share;
                c.sigma_slope[k] *= share;
                c.mu[k] *= share;
            }
        }
    }

    /// After [`Block::voxels`] with weights of 1: as if the weights had been those that are there now.
    #[inline(always)]
    pub(super) fn multiply(&mut self, n_components: usize) {
        let Self { components, value, weight, .. } = self;
        value.iter_mut().zip(&*weight).for_each(|(v, w)| *v *= w);
        for c in &mut components[..n_components] {
            for values in [&mut c.alpha_slope, &mut c.sigma_slope, &mut c.mu] {
                values.iter_mut().zip(&*weight).for_each(|(v, w)| *v *= w);
            }
        }
    }

    /// After one of the passes: fills the gradient by ψ, adds that by the weights, and returns the sum of the values.
    #[inline(always)]
    pub(super) fn finish<S: Simd>(&mut self, weights: &[f64], d_weights: &mut [f64]) -> f64 {
        let Self { psi, d_psi, components, .. } = self;
        *d_psi = ZERO;
        // A component's increment moves all components behind it.
        let mut behind = ZERO;
        let pairs = weights.chunks_exact(6).zip(d_weights.chunks_exact_mut(6)).zip(components);
        for ((w, d), c) in pairs.rev() {
            for k in 0..BLOCK {
                behind[k] += c.mu[k];
                c.mu[k] = behind[k] * c.mu_slope[k];
                let sum = multiply_add::<S>(w[2], c.mu[k], w[4] * c.sigma_slope[k]);
                d_psi[k] += multiply_add::<S>(w[0], c.alpha_slope[k], sum);
            }
            for (d, g) in d.chunks_exact_mut(2).zip([&c.alpha_slope, &c.mu, &c.sigma_slope]) {
                let (by_psi, by_bias) = dots::<S>(g, psi);
                d[0] += by_psi;
                d[1] += by_bias;
            }
        }
        dots::<S>(&self.value, psi).1
    }
}

#[inline(always)]
fn set<S: Simd, const IS_FIRST: bool>(psi: &Values, before: &Values, c: &mut Component, w: &[f64], min_sigma: f64) {
    for k in 0..BLOCK {
        let [alpha, mu, sigma] = parameters::<S>(w, psi[k], IS_FIRST, min_sigma);
        (c.alpha[k], c.alpha_slope[k]) = alpha;
        (c.mu[k], c.mu_slope[k]) = (before[k] + mu.0, mu.1);
        (c.sigma[k], c.sigma_slope[k]) = sigma;
    }
}

/// Σ a b and Σ a.
#[inline(always)]
fn dots<S: Simd>(a: &Values, b: &Values) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut products, mut sums) = ([0.0; LANES], [0.0; LANES]);
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            products[l] = multiply_add::<S>(a[l], b[l], products[l]);
            sums[l] += a[l];
        }
    }
    (products.iter().sum(), sums.iter().sum())
}
