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

/// Moves `scratch` along n steps; returns how many gradients that took, fewer where the density was not finite on the
/// way (the trajectory ends there, and `scratch.log_density` is that value).
pub(super) fn leapfrog(
    metric: &Metric,
    step_size: f64,
    n: usize,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
) -> usize {
    let mut kick = 0.5 * step_size;
    for step in 1..=n {
        metric.kick_drift(kick, step_size, scratch);
        scratch.log_density = target.value_and_gradient(&scratch.position, &mut scratch.gradient);
        if !scratch.log_density.is_finite() {
            return step;
        }
        kick = step_size;
    }
    metric.kick(0.5 * step_size, scratch);
    n
}

/// λ of the minimal-norm scheme.
pub(super) const LAMBDA: f64 = 0.193_183_327_503_783_6;

/// As [`leapfrog`], by the minimal-norm scheme.
pub(super) fn minimal_norm(
    metric: &Metric,
    step_size: f64,
    n: usize,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
) -> usize {
    let mut kick = LAMBDA * step_size;
    for half in 1..=2 * n {
        metric.kick_drift(kick, 0.5 * step_size, scratch);
        scratch.log_density = target.value_and_gradient(&scratch.position, &mut scratch.gradient);
        if !scratch.log_density.is_finite() {
            return half;
        }
        kick = step_size * if half % 2 == 1 { 1.0 - 2.0 * LAMBDA } else { 2.0 * LAMBDA };
    }
    metric.kick(LAMBDA * step_size, scratch);
    2 * n
}
