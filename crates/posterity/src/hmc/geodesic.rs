//! The geodesic integrator: exact for the N(0, 1) part of a target, kicks by what is left.
//!
//! ln π(x) = −½ |x|² + r(x): the flow of the first term turns (x, p) by the angle ε, x ← x cos ε + p sin ε,
//! p ← p cos ε − x sin ε, and the kicks are by ∇r = ∇ ln π + x. Reversible, volume preserving, of second order in ε with
//! an error that vanishes with r: where data say little about most of a whitened field, its step is limited by the data
//! and not by the number of dimensions.
//!
//! Wants a target that is white already: the metric must be the identity. A step beyond π/2 turns trajectories back, which
//! is valid and of no use; where the residual is so small that the warm-up finds one, fewer steps serve better.
//!
//! Beskos, Pinski, Sanz-Serna, Stuart 2011, *Hybrid Monte Carlo on Hilbert spaces*, doi:10.1016/j.spa.2011.06.003;
//! Shahbaba, Lan, Johnson, Neal 2014, *Split Hamiltonian Monte Carlo*, arXiv:1106.5941.

use super::vector;
use super::{LogDensity, Scratch};

/// As [`super::kick_drift::Scheme::integrate`], in no metric.
pub(super) fn geodesic(step_size: f64, n: usize, target: &mut dyn LogDensity, scratch: &mut Scratch) -> usize {
    let (sine, cosine) = step_size.sin_cos();
    let mut kick = 0.5 * step_size;
    for step in 1..=n {
        let Scratch { position, momentum, gradient, .. } = scratch;
        vector::kick_rotate(kick, (cosine, sine), position, momentum, gradient);
        scratch.log_density = target.value_and_gradient(&scratch.position, &mut scratch.gradient);
        if !scratch.log_density.is_finite() {
            return step;
        }
        kick = step_size;
    }
    vector::add(&mut scratch.momentum, 0.5 * step_size, &scratch.gradient);
    vector::add(&mut scratch.momentum, 0.5 * step_size, &scratch.position);
    n
}
