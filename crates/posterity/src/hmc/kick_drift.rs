//! Integrators of kicks and drifts, in whatever metric.
//!
//! Leapfrog: half a kick, n drifts with a kick between each two, half a kick:
//! p ← p + ½ε Lᵀ∇ ln π, then n times x ← x + ε L p and p ← p + ε Lᵀ∇ ln π, the last by ½ε. n gradients.
//!
//! Minimal norm: in each step a kick of λ ε, a drift of ½ε, a kick of (1 − 2λ) ε, a drift of ½ε and a kick of λ ε, 2 n
//! gradients in all; λ is where the norm of the error's leading terms is least. Its energy errs about a third as much as
//! that of leapfrog with as many gradients: with many coordinates, where the error and not stability limits the step, it
//! goes further with each.
//!
//! Both are reversible, volume preserving, of second order in ε; leapfrog is unstable where ε exceeds 2 standard
//! deviations of any direction of u = L⁻¹ x, minimal norm at about 2.6. The gradient at the start is the state's.
//!
//! Neal 2011, *MCMC using Hamiltonian dynamics*, arXiv:1206.1901; Omelyan, Mryglod, Folk 2003,
//! doi:10.1016/S0010-4655(02)00754-3.

use super::{LogDensity, Metric, Scratch};

/// λ of the minimal-norm scheme.
pub(super) const LAMBDA: f64 = 0.193_183_327_503_783_6;

/// Kicks and drifts of a trajectory, in parts of the step size.
pub(super) struct Scheme {
    /// The kick before the first drift, and that after the last.
    ends: f64,
    drift: f64,
    /// Kicks after odd drifts and after even ones, but the last.
    between: [f64; 2],
    drifts_per_step: usize,
}

/// Leapfrog.
pub(super) const LEAPFROG: Scheme = Scheme { ends: 0.5, drift: 1.0, between: [1.0; 2], drifts_per_step: 1 };

/// Minimal norm.
pub(super) const MINIMAL_NORM: Scheme =
    Scheme { ends: LAMBDA, drift: 0.5, between: [1.0 - 2.0 * LAMBDA, 2.0 * LAMBDA], drifts_per_step: 2 };

impl Scheme {
    /// Moves `scratch` along n steps; returns how many gradients that took, fewer where the density was not finite on the
    /// way (the trajectory ends there, and `scratch.log_density` is that value).
    pub(super) fn integrate(
        &self,
        metric: &Metric,
        step_size: f64,
        n: usize,
        target: &mut dyn LogDensity,
        scratch: &mut Scratch,
    ) -> usize {
        let n_drifts = n * self.drifts_per_step;
        let mut kick = self.ends;
        for drift in 0..n_drifts {
            metric.kick_drift(kick * step_size, self.drift * step_size, scratch);
            scratch.log_density = target.value_and_gradient(&scratch.position, &mut scratch.gradient);
            if !scratch.log_density.is_finite() {
                return drift + 1;
            }
            kick = self.between[drift % 2];
        }
        metric.kick(self.ends * step_size, scratch);
        n_drifts
    }
}
