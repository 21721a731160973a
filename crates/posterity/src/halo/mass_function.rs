//! The halo mass function that depends on ψ: a mixture of log-normal distributions of the mass.
//!
//! n(M|ψ) = Σ_i α_i exp(−μ_i) N(ln M | μ_i, σ_i), the number per mass [Msun/h] and volume [(Mpc/h)³], with
//!
//! - α_i = s(w ψ + b + ln 10⁻³) + 10⁻¹⁰⁰,
//! - μ_0 = w ψ + b + ln(2·10¹²), μ_i = μ_{i−1} + s(w ψ + b),
//! - σ_i = s(w ψ + b + ln 10³) + σ_min,
//!
//! s the softplus ln(1 + eˣ); each w and b of each line is a weight of its own. Above a threshold there are
//!
//! ∫_{M_th}^∞ n dM = Σ_i (α_i/2) exp(σ_i²/2) erfc[(ln M_th − μ_i − σ_i²)/(√2 σ_i)],
//!
//! which is evaluated by exp(y²) erfc(y), so that far tails neither vanish nor overflow.
//!
//! The smallest α keeps its logarithm finite. σ_min is more than numerics: the masses of a simulation are multiples of
//! its particle mass, many are equal, and a component that shrinks onto one of them would have unbounded density.
//! ln 10³ as the shift of σ, the published one, gives σ ≈ 7 at weight zero: fits begin at a bias about −7 there.
//! exp(σ²/2) is cut off at e³⁰⁰, σ > 24: the likelihood is next to nothing there, and its gradient is not its slope.
//!
//! Weights, for component i: `alpha_{i}_weight`, `alpha_{i}_bias`, `mu_{i}_weight`, `mu_{i}_bias`, `sigma_{i}_weight`,
//! `sigma_{i}_bias`.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379 (there with a rectifier for the increments of μ, whose gradient
//! vanishes on one side).

use super::block::{self, MAX_COMPONENTS};
use crate::error::{Error, Result};

/// A mixture of `n_components` log-normal distributions with the floor `min_sigma` of their widths [ln mass].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixture {
    /// Number of components, 1 to 4.
    pub n_components: usize,
    /// The smallest width σ_min.
    pub min_sigma: f64,
}

impl Default for Mixture {
    fn default() -> Self {
        Self { n_components: 2, min_sigma: 0.1 }
    }
}

impl Mixture {
    /// # Errors
    /// Invalid input, for no component, more than four, or a smallest width that is not positive.
    pub fn check(&self) -> Result<()> {
        if !(1..=MAX_COMPONENTS).contains(&self.n_components) {
            return Err(Error::invalid_input(format!(
                "{} components are not 1 to {MAX_COMPONENTS}",
                self.n_components
            ))
            .at_key("n_components")
            .remedy("two are enough for most catalogues"));
        }
        if !(self.min_sigma > 0.0 && self.min_sigma < 10.0) {
            return Err(Error::invalid_input(format!("{} is no smallest width of ln M", self.min_sigma))
                .at_key("min_sigma")
                .remedy("give the relative resolution of the masses, such as 0.1"));
        }
        Ok(())
    }

    /// Number of weights, six a component.
    pub fn n_weights(&self) -> usize {
        6 * self.n_components
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> Vec<String> {
        let of = |i: usize| {
            ["alpha", "mu", "sigma"].into_iter().flat_map(move |p| [format!("{p}_{i}_weight"), format!("{p}_{i}_bias")])
        };
        (0..self.n_components).flat_map(of).collect()
    }

    /// (α, μ, σ) of each component.
    pub fn components(&self, weights: &[f64], psi: f64) -> Vec<[f64; 3]> {
        let mut before = 0.0;
        let components = weights.chunks_exact(6).take(self.n_components).enumerate();
        components
            .map(|(i, w)| {
                let [alpha, mu, sigma] = block::parameters::<pulp::Scalar>(w, psi, i == 0, self.min_sigma);
                before += mu.0;
                [alpha.0, before, sigma.0]
            })
            .collect()
    }

    /// ln n(M|ψ), n the number per mass [Msun/h] and volume [(Mpc/h)³].
    pub fn ln_density(&self, weights: &[f64], psi: f64, mass: f64) -> f64 {
        let x = mass.ln();
        let terms: Vec<f64> = (self.components(weights, psi).iter())
            .map(|[alpha, mu, sigma]| {
                let z = (x - mu) / sigma;
                alpha.ln() - mu - sigma.ln() - 0.5 * z * z - 0.5 * (2.0 * std::f64::consts::PI).ln()
            })
            .collect();
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()
    }

    /// ∫ n dM above a mass, per volume [(Mpc/h)³].
    pub fn integral(&self, weights: &[f64], psi: f64, threshold: f64) -> f64 {
        let ln_threshold = threshold.ln();
        let components = self.components(weights, psi);
        components.iter().map(|[a, mu, s]| a * block::tail::<pulp::Scalar>(*mu, *s, ln_threshold).0).sum()
    }
}
