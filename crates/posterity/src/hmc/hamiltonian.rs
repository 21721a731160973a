//! Hamiltonian Monte Carlo with jittered step size and length.
//!
//! 𝓗(x, p) = −ln π(x) + ½ |p|², p ~ N(0, 1) in the metric's coordinates. A step draws p, follows the flow of 𝓗 for N
//! steps of ε and takes where it ends with probability min(1, exp(𝓗_old − 𝓗_new)). Both are drawn afresh for each
//! trajectory, so that no period of the target resonates with them: with U and W uniform in [0, 1),
//!
//!   ε = ε_max (1 − j_ε U^s),  N = N_max − ⌊j_N N_max W⌋.
//!
//! j = 1 and s = 1 give ε uniform in (0, ε_max] and N uniform in 1…N_max. The defaults are narrower, j_ε = 0.2 and
//! j_N = 0.25: short trajectories are random walks, and a length near the right one is right for most directions. A wide
//! jitter with s > 1 keeps most steps near ε_max, and some of them short, for places where the density is steep.
//!
//! With `persistence` c > 0 the momentum is refreshed in part, p ← c p + √(1 − c²) z, and turned round when the end is
//! refused, without which the chain would not keep its target.
//!
//! Limits: one step size for all directions of u; where the density is steep in places (a funnel), trajectories diverge
//! there. They are refused, counted, and say that the target wants other coordinates.
//!
//! Duane et al. 1987, doi:10.1016/0370-2693(87)91197-X; Neal 2011, arXiv:1206.1901; Horowitz 1991 on part refreshment,
//! doi:10.1016/0370-2693(91)90812-5.

use super::geodesic::geodesic;
use super::kick_drift::{LEAPFROG, MINIMAL_NORM};
use super::momentum::{standard_normals, uniform};
use super::vector;
use super::{Info, LogDensity, Metric, Scratch, State};
use crate::error::{Error, Result};
use crate::seed::Stream;
use serde::{Deserialize, Serialize};

/// Change of energy beyond which a trajectory is divergent.
const DIVERGENT: f64 = 1000.0;

/// Whether a trajectory with this change of energy has left what the integrator can follow.
pub(super) fn diverges(energy_change: f64) -> bool {
    !energy_change.is_finite() || energy_change.abs() > DIVERGENT
}

/// How trajectories are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrator {
    /// Leapfrog, in any metric: one gradient in a step.
    Leapfrog,
    /// Minimal norm, in any metric: two gradients in a step, that may be more than twice as long.
    MinimalNorm,
    /// Exact for the N(0, 1) part of the target; no metric.
    Geodesic,
}

/// Step size, length and their jitter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// ε_max, in units of the metric's coordinates.
    pub step_size: f64,
    /// j_ε, from 0 to 1.
    pub step_size_jitter: f64,
    /// s, from 1 to 100: the higher, the fewer steps are short.
    pub step_size_skew: u8,
    /// N_max.
    pub num_integration_steps: usize,
    /// j_N, from 0 to 1.
    pub length_jitter: f64,
    /// How trajectories are followed.
    pub integrator: Integrator,
    /// c: how much of the momentum stays from step to step, from 0 to below 1.
    pub persistence: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            step_size: 0.1,
            step_size_jitter: 0.2,
            step_size_skew: 1,
            num_integration_steps: 10,
            length_jitter: 0.25,
            integrator: Integrator::Leapfrog,
            persistence: 0.0,
        }
    }
}

impl Settings {
    /// Whether every number is in its range and the integrator can be used in this metric.
    ///
    /// # Errors
    /// Invalid input, with the key concerned.
    pub fn check(&self, metric: &Metric) -> Result<()> {
        let wrong = |key: &str, message: &str| Err(Error::invalid_input(message).at_key(key));
        if !(self.step_size.is_finite() && self.step_size > 0.0) {
            return wrong("step_size", "must be positive");
        }
        if self.num_integration_steps == 0 {
            return wrong("num_integration_steps", "must be at least 1");
        }
        if !(0.0..=1.0).contains(&self.step_size_jitter) {
            return wrong("step_size_jitter", "must lie between 0 and 1");
        }
        if !(1..=100).contains(&self.step_size_skew) {
            return wrong("step_size_skew", "must lie between 1 and 100");
        }
        if !(0.0..=1.0).contains(&self.length_jitter) {
            return wrong("length_jitter", "must lie between 0 and 1");
        }
        if !(0.0..1.0).contains(&self.persistence) {
            return wrong("persistence", "must be at least 0 and below 1");
        }
        if self.integrator == Integrator::Geodesic && !matches!(metric, Metric::Identity) {
            return Err(Error::invalid_input("the geodesic integrator knows no metric")
                .at_key("integrator")
                .remedy("take the metric `identity`, or the integrator `leapfrog`"));
        }
        Ok(())
    }

    /// ε and N of one trajectory.
    fn jittered(&self, stream: &mut Stream) -> (f64, usize) {
        let (u, w) = (uniform(stream), uniform(stream));
        let most = self.num_integration_steps as f64;
        let n = self.num_integration_steps - (self.length_jitter * most * w) as usize;
        (self.step_size * (1.0 - self.step_size_jitter * u.powi(self.step_size_skew.into())), n.max(1))
    }

    /// Follows one trajectory; returns the gradients taken.
    pub(super) fn integrate(
        &self,
        (step_size, n): (f64, usize),
        metric: &Metric,
        target: &mut dyn LogDensity,
        scratch: &mut Scratch,
    ) -> usize {
        match self.integrator {
            Integrator::Leapfrog => LEAPFROG.integrate(metric, step_size, n, target, scratch),
            Integrator::MinimalNorm => MINIMAL_NORM.integrate(metric, step_size, n, target, scratch),
            Integrator::Geodesic => geodesic(step_size, n, target, scratch),
        }
    }
}

/// One step: a trajectory, taken or refused. The settings must have passed [`Settings::check`].
pub fn step(
    settings: &Settings,
    metric: &Metric,
    state: &mut State,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
    stream: &mut Stream,
) -> Info {
    let (step_size, n) = settings.jittered(stream);
    scratch.begin(state);
    standard_normals(&mut scratch.momentum, stream);
    let persistence = settings.persistence;
    if persistence > 0.0 {
        if state.momentum.len() == state.position.len() {
            let fresh = (1.0 - persistence * persistence).sqrt();
            scratch.momentum.iter_mut().zip(&state.momentum).for_each(|(p, old)| *p = persistence * old + fresh * *p);
        }
        scratch.kept.copy_from_slice(&scratch.momentum);
    }
    let before = 0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - state.log_density;
    let n = settings.integrate((step_size, n), metric, target, scratch);
    let after = 0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - scratch.log_density;
    let energy_change = after - before;
    let is_divergent = diverges(energy_change);
    let acceptance_rate = if is_divergent { 0.0 } else { (-energy_change).exp().min(1.0) };
    // Drawn in any case, so that the stream does not depend on the outcome.
    let is_accepted = uniform(stream) < acceptance_rate;
    if is_accepted {
        scratch.hand_over(state);
    }
    if persistence > 0.0 {
        state.momentum.clone_from(if is_accepted { &scratch.momentum } else { &scratch.kept });
        if !is_accepted {
            state.momentum.iter_mut().for_each(|p| *p = -*p);
        }
    }
    Info {
        acceptance_rate,
        is_accepted,
        is_divergent,
        energy: if is_accepted { after } else { before },
        energy_change,
        num_integration_steps: n,
        step_size,
    }
}
