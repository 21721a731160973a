//! The leapfrog integrator, in whatever metric.
//!
//! Half a kick, n drifts with a kick between each two, half a kick:
//! p ← p + ½ε Lᵀ∇ ln π, then n times x ← x + ε L p and p ← p + ε Lᵀ∇ ln π, the last by ½ε.
//!
//! Reversible, volume preserving, of second order in ε; unstable where ε exceeds 2 standard deviations of any direction
//! of u = L⁻¹ x. Evaluates the gradient n times: that at the start is the state's.
//!
//! Neal 2011, *MCMC using Hamiltonian dynamics*, arXiv:1206.1901.

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
