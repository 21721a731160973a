//! Classical bias models, under the same Poisson likelihood: what the neural physical engine must beat.
//!
//! n(M|δ) = λ_b(δ) n_h(M) / N_b for M in mass bin b: the number density of a bin depends on the density in its own voxel
//! by a law with parameters of that bin, and masses within a bin are distributed as in a homogeneous mass function n_h
//! (the mixture of [`super::Mixture`] with biases alone), N_b = ∫_b n_h dM. So the likelihood of a halo's mass and place
//! is comparable with the network's, halo by halo. With ρ = 1 + δ + ε, ε the engine's floor:
//!
//! | law | λ(δ) | weights of a bin |
//! |---|---|---|
//! | homogeneous | n̄ | ln n̄ |
//! | clipped linear | n̄ max(1 + b δ, 0.01) | ln n̄, b |
//! | power | n̄ ρ^α | ln n̄, α |
//! | truncated power | n̄ ρ^α exp(−B ρ^−e) | ln n̄, α, ln B, ln e |
//!
//! ln n̄ is measured from ln 10⁻³. The clip at 0.01 instead of 0 keeps halos in voids possible. Weights: those of each
//! bin (`bin_{b}_ln_density`, …), then `alpha_{i}_bias`, `mu_{i}_bias`, `sigma_{i}_bias` of each component of n_h. The
//! prior of each is N(0, 10²).
//!
//! Limits: the mass function within a bin does not depend on the density. The fit with all voxels' halos in one bin is
//! the law applied to the total.
//!
//! Reference: Neyrinck, Aragón-Calvo, Jeong, Wang 2014, arXiv:1309.6641 (truncated power law).

use super::block::{MAX_COMPONENTS, parameters, tail};
use super::likelihood::Region;
use super::mass_function::Mixture;
use super::model::check;
use super::weights::{add_prior, check_density};
use crate::error::{Error, Result};
use crate::hmc::LogDensity;
use rayon::prelude::*;

/// Voxels in one task.
const CHUNK: usize = 2048;
const CLIP: f64 = 0.01;
const LN_DENSITY: f64 = -6.907_755_278_982_137;

/// How the number density of a bin follows the density.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Not at all.
    Homogeneous,
    /// Linear, clipped from below.
    ClippedLinear,
    /// A power.
    Power,
    /// A power with an exponential cut in voids.
    TruncatedPower,
}

impl Law {
    /// Names of a bin's weights.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Homogeneous => &["ln_density"],
            Self::ClippedLinear => &["ln_density", "slope"],
            Self::Power => &["ln_density", "power"],
            Self::TruncatedPower => &["ln_density", "power", "ln_cut", "ln_cut_power"],
        }
    }

    /// ln λ at δ and ln ρ, and its gradient by the weights.
    #[inline]
    fn ln_rate(self, w: &[f64], delta: f64, ln_rho: f64) -> (f64, [f64; 4]) {
        let base = w[0] + LN_DENSITY;
        match self {
            Self::Homogeneous => (base, [1.0, 0.0, 0.0, 0.0]),
            Self::ClippedLinear => {
                let sum = 1.0 + w[1] * delta;
                if sum > CLIP {
                    (base + sum.ln(), [1.0, delta / sum, 0.0, 0.0])
                } else {
                    (base + CLIP.ln(), [1.0, 0.0, 0.0, 0.0])
                }
            }
            Self::Power => (base + w[1] * ln_rho, [1.0, ln_rho, 0.0, 0.0]),
            Self::TruncatedPower => {
                let power = w[3].exp();
                let cut = (w[2] - power * ln_rho).exp();
                (base + w[1] * ln_rho - cut, [1.0, ln_rho, -cut, cut * power * ln_rho])
            }
        }
    }
}

/// What a classical model is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct BiasSettings {
    /// The law of each bin.
    pub law: Law,
    /// Lower edges [Msun/h] of the bins after the first, ascending, above the threshold; none for one bin.
    pub edges: Vec<f64>,
    /// The homogeneous mass function.
    pub mixture: Mixture,
    /// ε in ρ = 1 + δ + ε.
    pub floor: f64,
}

/// ln 𝓛 + ln prior of a classical model's weights for a known density.
pub struct BiasGivenDensity {
    settings: BiasSettings,
    voxel_volume: f64,
    /// ln of the threshold and of the edges.
    ln_edges: Vec<f64>,
    /// δ and ln ρ of each voxel.
    density: Vec<[f64; 2]>,
    powers: Vec<f64>,
    /// (bin, δ and ln ρ, ln M, power) of each halo.
    halos: Vec<(usize, [f64; 2], f64, f64)>,
    sums: Vec<f64>,
}

impl BiasGivenDensity {
    /// Arguments as of [`super::WeightsGivenDensity::new`].
    ///
    /// # Errors
    /// As there; edges that do not ascend from above the threshold.
    pub fn new(
        n: usize,
        box_length: f64,
        settings: &BiasSettings,
        threshold: f64,
        region: &Region,
        halos: &[(usize, f64)],
        density: &[f64],
    ) -> Result<Self> {
        settings.mixture.check()?;
        check(n, region, halos, threshold)?;
        check_density(n, density, settings.floor)?;
        let edges: Vec<f64> = [&[threshold], &settings.edges[..]].concat();
        if !edges.windows(2).all(|w| w[0] < w[1]) {
            return Err(Error::invalid_input(format!("the mass bins {edges:?} Msun/h do not ascend"))
                .remedy("give ascending edges above the threshold"));
        }
        let (powers, voxels) = (region.powers(), region.voxels());
        let bin = |mass: f64| edges.partition_point(|e| *e <= mass).saturating_sub(1);
        let of_voxel = |i: usize| [density[i], (1.0 + density[i] + settings.floor).ln()];
        let inside = halos.iter().filter(|h| powers[h.0] != 0.0);
        Ok(Self {
            voxel_volume: (box_length / n as f64).powi(3),
            ln_edges: edges.iter().map(|e| e.ln()).collect(),
            density: voxels.iter().map(|i| of_voxel(*i)).collect(),
            powers: voxels.iter().map(|i| powers[*i]).collect(),
            halos: inside.map(|h| (bin(h.1), of_voxel(h.0), h.1.ln(), powers[h.0])).collect(),
            sums: vec![0.0; voxels.len().div_ceil(CHUNK) * (1 + edges.len() * settings.law.names().len())],
            settings: settings.clone(),
        })
    }

    /// Number of halos in the region.
    pub fn n_halos(&self) -> usize {
        self.halos.len()
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> Vec<String> {
        let bins = 0..self.ln_edges.len();
        let of_bins = bins.flat_map(|b| self.settings.law.names().iter().map(move |n| format!("bin_{b}_{n}")));
        let all = self.settings.mixture.names().into_iter();
        of_bins.chain(all.filter(|n| n.ends_with("bias"))).collect()
    }

    /// ln 𝓛 without the prior, −∞ where a bin with halos is 8 widths and more below all components; writes its gradient.
    ///
    /// # Panics
    /// If a length is another.
    pub fn log_likelihood(&mut self, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let (law, mixture) = (self.settings.law, self.settings.mixture);
        let per_bin = law.names().len();
        let n_bins = self.ln_edges.len();
        gradient.fill(0.0);
        let (of_bins, of_shape) = weights.split_at(n_bins * per_bin);
        let (d_bins, d_shape) = gradient.split_at_mut(n_bins * per_bin);
        let volume = self.voxel_volume;
        let inputs = self.density.par_chunks(CHUNK).zip(self.powers.par_chunks(CHUNK));
        self.sums.par_chunks_mut(1 + of_bins.len()).zip(inputs).for_each(|(sums, (density, powers))| {
            sums.fill(0.0);
            for (delta, power) in density.iter().zip(powers) {
                for (b, w) in of_bins.chunks_exact(per_bin).enumerate() {
                    let (ln_rate, d) = law.ln_rate(w, delta[0], delta[1]);
                    let expected = power * volume * ln_rate.exp();
                    // Where a cut leaves nothing its slope may be infinite.
                    if expected > 0.0 {
                        sums[0] -= expected;
                        sums[1 + b * per_bin..][..per_bin].iter_mut().zip(d).for_each(|(s, d)| *s -= expected * d);
                    }
                }
            }
        });
        let shape = shape(mixture, of_shape);
        let mut value = 0.0;
        for part in self.sums.chunks_exact(1 + of_bins.len()) {
            value += part[0];
            d_bins.iter_mut().zip(&part[1..]).for_each(|(d, p)| *d += p);
        }
        // The mass within its bin: ln n_h − ln N_b.
        let mut counts = vec![0.0; n_bins];
        for &(bin, delta, ln_mass, power) in &self.halos {
            let (ln_rate, d) = law.ln_rate(&of_bins[bin * per_bin..][..per_bin], delta[0], delta[1]);
            let mut d_mass = [0.0; 3 * MAX_COMPONENTS];
            value += power * (ln_rate + ln_density(&shape, ln_mass, &mut d_mass));
            d_bins[bin * per_bin..][..per_bin].iter_mut().zip(d).for_each(|(g, d)| *g += power * d);
            d_shape.iter_mut().zip(d_mass).for_each(|(g, d)| *g += power * d);
            counts[bin] += power;
        }
        for (bin, count) in counts.iter().enumerate().filter(|c| *c.1 > 0.0) {
            let mut d_above = vec![0.0; of_shape.len()];
            let mut number = integral(&shape, self.ln_edges[bin], 1.0, &mut d_above);
            if let Some(upper) = self.ln_edges.get(bin + 1) {
                number -= integral(&shape, *upper, -1.0, &mut d_above);
            }
            // A bin far below all of the mass function's components: the difference of both is lost in rounding.
            if number.is_nan() || number <= 0.0 {
                return f64::NEG_INFINITY;
            }
            value -= count * number.ln();
            d_shape.iter_mut().zip(d_above).for_each(|(g, d)| *g -= count * d / number);
        }
        value
    }
}

impl LogDensity for BiasGivenDensity {
    fn dim(&self) -> usize {
        self.ln_edges.len() * self.settings.law.names().len() + 3 * self.settings.mixture.n_components
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let value = self.log_likelihood(position, gradient);
        value + add_prior(position, gradient)
    }
}

/// Value and slope of α, μ and σ.
type Component = [(f64, f64); 3];

/// The components of a mixture with biases alone.
fn shape(mixture: Mixture, biases: &[f64]) -> Vec<Component> {
    let mut before = 0.0;
    let components = biases.chunks_exact(3).enumerate().map(|(i, b)| {
        let weights = [0.0, b[0], 0.0, b[1], 0.0, b[2]];
        let mut c = parameters::<pulp::Scalar>(&weights, 0.0, i == 0, mixture.min_sigma);
        before += c[1].0;
        c[1].0 = before;
        c
    });
    components.collect()
}

/// ln n_h at ln M = `x`; writes its gradient by the biases.
fn ln_density(shape: &[Component], x: f64, d: &mut [f64]) -> f64 {
    let term = |[alpha, mu, sigma]: &Component| {
        let z = (x - mu.0) / sigma.0;
        alpha.0.ln() - mu.0 - sigma.0.ln() - 0.5 * z * z - 0.5 * (2.0 * std::f64::consts::PI).ln()
    };
    let largest = shape.iter().map(term).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = shape.iter().map(|c| (term(c) - largest).exp()).sum();
    let mut behind = 0.0;
    for (i, c) in shape.iter().enumerate().rev() {
        let [alpha, mu, sigma] = c;
        let share = (term(c) - largest).exp() / sum;
        let z = (x - mu.0) / sigma.0;
        behind += share * (z / sigma.0 - 1.0);
        let d = &mut d[3 * i..][..3];
        d[0] = share * alpha.1 / alpha.0;
        d[1] = behind * mu.1;
        d[2] = share * sigma.1 * (z * z - 1.0) / sigma.0;
    }
    largest + sum.ln()
}

/// ∫ n_h dM above an edge; adds `sign` times its gradient by the biases.
fn integral(shape: &[Component], ln_edge: f64, sign: f64, d: &mut [f64]) -> f64 {
    let (mut behind, mut sum) = (0.0, 0.0);
    for (d, [alpha, mu, sigma]) in d.chunks_exact_mut(3).zip(shape).rev() {
        let (integral, e1, inverse) = tail::<pulp::Scalar>(mu.0, sigma.0, ln_edge);
        let edge = alpha.0 * e1 / (2.0 * std::f64::consts::PI).sqrt();
        let a = ln_edge - mu.0;
        sum += alpha.0 * integral;
        behind += sign * edge * inverse;
        d[0] += sign * alpha.1 * integral;
        d[1] += behind * mu.1;
        d[2] += sign * sigma.1 * (sigma.0 * alpha.0 * integral + edge * (1.0 + a * inverse * inverse));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand::RngExt;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut stream = Seed::new(14).stream(0);
        let n = 6;
        let density: Vec<f64> = (0..216).map(|_| stream.random_range(-1.0..3.0)).collect();
        let halos: Vec<(usize, f64)> =
            (0..80).map(|_| (stream.random_range(0..216), 2e12 * stream.random_range(0f64..4.0).exp())).collect();
        for law in [Law::Homogeneous, Law::ClippedLinear, Law::Power, Law::TruncatedPower] {
            let settings = BiasSettings { law, edges: vec![1e13, 4e13], mixture: Mixture::default(), floor: 0.01 };
            let mut target = BiasGivenDensity::new(n, 24.0, &settings, 2e12, &Region::half(n, true), &halos, &density)
                .expect("valid");
            let mut w: Vec<f64> = (0..target.dim()).map(|_| stream.random_range(-0.5..0.5)).collect();
            assert_eq!(target.names().len(), w.len());
            for i in [w.len() - 1, w.len() - 4] {
                w[i] -= 6.0;
            }
            let (mut gradient, mut unused) = (vec![0.0; w.len()], vec![0.0; w.len()]);
            target.value_and_gradient(&w, &mut gradient);
            for i in 0..w.len() {
                let [mut up, mut down] = [w.clone(), w.clone()];
                (up[i], down[i]) = (up[i] + 1e-5, down[i] - 1e-5);
                let difference =
                    target.value_and_gradient(&up, &mut unused) - target.value_and_gradient(&down, &mut unused);
                let slope = difference / 2e-5;
                assert!(
                    (slope - gradient[i]).abs() < 1e-5 * (1.0 + slope.abs()),
                    "{law:?} {i}: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    /// One bin of the homogeneous law has the likelihood of a mixture whose weights of ψ are zero.
    #[test]
    fn a_homogeneous_law_is_a_mixture_without_density() {
        let density = vec![0.3; 64];
        let halos: Vec<(usize, f64)> = (0..30).map(|i| (i, 2e12 * (0.1 * i as f64).exp())).collect();
        let mixture = Mixture::default();
        let settings = BiasSettings { law: Law::Homogeneous, edges: vec![], mixture, floor: 0.01 };
        let region = Region::whole(64);
        let mut target = BiasGivenDensity::new(4, 16.0, &settings, 2e12, &region, &halos, &density).expect("valid");
        let biases = [0.2, 0.1, -6.5, -0.3, 0.4, -6.2];
        let full: Vec<f64> = biases.iter().flat_map(|b| [0.0, *b]).collect();
        let ln_number = mixture.integral(&full, 0.0, 2e12).ln() - LN_DENSITY;
        let mut gradient = vec![0.0; 7];
        let value = target.log_likelihood(&[&[ln_number], &biases[..]].concat(), &mut gradient);
        let mut likelihood = super::super::Likelihood::new(mixture, 2e12, 64.0, region.powers(), &halos);
        let same = likelihood.value_and_gradient(&[0.0; 64], &full, &mut [0.0; 64], &mut [0.0; 12]);
        assert!((value / same - 1.0).abs() < 1e-12, "{value} {same}");
    }
}
