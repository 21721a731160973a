//! Microcanonical sampling: a point of constant speed, turned by the gradient; adjusted (MAMS), or not (MCLMC: biased).
//!
//! In whitened coordinates z, x = L z (see [`Metric`]), with g = ∇_z ln π and a velocity u of length one in d ≥ 2 dimensions,
//!
//! dz/dt = u, du/dt = (1 − u uᵀ) g/(d − 1).
//!
//! With the gradient held, the velocity turns in closed form: e = g/|g|, δ = ε|g|/(d − 1), c = e·u,
//!
//! u ← [u + e (sinh δ + c (cosh δ − 1))]/(cosh δ + c sinh δ), ΔK = (d − 1) ln(cosh δ + c sinh δ),
//!
//! computed from exp(−δ), which does not overflow. Between the turns the position moves by ε u. The two are put together by
//! leapfrog (one gradient to a step) or by the minimal-norm scheme (two, with a tenth of the error). ΔK − Δ ln π is the
//! energy change, zero for exact motion.
//!
//! *Adjusted* (MAMS): the velocity is drawn uniform on the sphere, the trajectory has a random length around `length`, and
//! its end is accepted with min(1, exp(−energy change)). The map is reversible and its Jacobian is in ΔK, so the chain has
//! the right target at any step size.
//!
//! *Unadjusted* (MCLMC): the velocity is partly refreshed within the trajectory, over the time `length`, and every end is
//! taken. **Biased**: the draws follow a target that differs from π by O(ε²) of which no diagnostic of the chain tells;
//! [`Settings::is_biased`] says so, and reports must. For exploration, not for results.
//!
//! Step sizes and lengths in the settings are times at the speed √d, that is distances / √d: in them a N(0, 1) target is crossed
//! in π, as by Hamiltonian dynamics, whatever d is.
//!
//! Limits: two dimensions or more; few dimensions gain little. Constant speed helps neither with several modes nor with funnels.
//!
//! References: Robnik, Cohn-Gordon, Seljak 2025, Metropolis adjusted microcanonical Hamiltonian Monte Carlo,
//! arXiv:2503.01707; Robnik, Seljak 2023, arXiv:2212.08549; Robnik, De Luca, Silverstein, Seljak 2023, Journal of Machine
//! Learning Research 24, 311; the scheme: Omelyan, Mryglod, Folk 2003, Computer Physics Communications 151, 272.

use super::hamiltonian::diverges;
use super::kick_drift::LAMBDA;
use super::momentum::standard_normals;
use super::vector;
use super::{Info, LogDensity, Metric, Scratch, State};
use crate::error::{Error, Result};
use crate::seed::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

mod tuning;

pub use tuning::{Tuning, tune};

/// How turns and moves are put together to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrator {
    /// Turn ½, move, turn ½: second order, one gradient.
    Leapfrog,
    /// Turn λ, move ½, turn 1 − 2λ, move ½, turn λ: second order, two gradients, a smaller error than two leapfrogs.
    MinimalNorm,
}

/// What is done about the error of the integrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Accept or reject: MAMS.
    Metropolis,
    /// Nothing: MCLMC, biased.
    BiasedNone,
}

/// A microcanonical sampler's settings; times at the speed √d in whitened coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Time ε of one step.
    pub step_size: f64,
    /// Mean time of a trajectory; in the unadjusted sampler also that in which the velocity is forgotten.
    pub length: f64,
    /// The length is drawn from (1 ± this) × `length`, 0 to 1: breaks resonances.
    pub jitter: f64,
    /// How a step is made.
    pub integrator: Integrator,
    /// Whether the ends are accepted or rejected.
    pub adjustment: Adjustment,
}

impl Settings {
    /// Adjusted, leapfrog, lengths within a fifth.
    pub fn adjusted(step_size: f64, length: f64) -> Self {
        let (integrator, adjustment) = (Integrator::Leapfrog, Adjustment::Metropolis);
        Self { step_size, length, jitter: 0.2, integrator, adjustment }
    }

    /// Unadjusted, minimal-norm: biased.
    pub fn biased(step_size: f64, length: f64) -> Self {
        let (integrator, adjustment) = (Integrator::MinimalNorm, Adjustment::BiasedNone);
        Self { step_size, length, jitter: 0.0, integrator, adjustment }
    }

    /// True if the draws do not follow the target, whatever their number.
    pub fn is_biased(&self) -> bool {
        self.adjustment == Adjustment::BiasedNone
    }

    /// Whether the settings can be used in `dim` dimensions.
    ///
    /// # Errors
    /// Invalid input: fewer than two dimensions, a step or length that is not positive and finite, a jitter outside 0 to 1.
    pub fn check(&self, dim: usize) -> Result<()> {
        if dim < 2 {
            return Err(Error::invalid_input("a microcanonical sampler needs two dimensions or more")
                .remedy("use Hamiltonian Monte Carlo"));
        }
        for (name, value) in [("step_size", self.step_size), ("length", self.length)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::invalid_input(format!("{value} is not a positive time")).at_key(name));
            }
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(Error::invalid_input(format!("{} is not between 0 and 1", self.jitter)).at_key("jitter"));
        }
        Ok(())
    }
}

/// One draw: refreshes the velocity, follows a trajectory, takes or leaves its end.
///
/// `energy` in the answer is −ln π where the step ends: the speed is constant, so there is no kinetic part.
///
/// # Panics
/// If the settings do not pass [`Settings::check`] for the state's dimension.
pub fn step(
    settings: &Settings,
    metric: &Metric,
    state: &mut State,
    target: &mut dyn LogDensity,
    scratch: &mut Scratch,
    stream: &mut Stream,
) -> Info {
    let dim = state.position.len();
    assert!(settings.check(dim).is_ok(), "checked settings");
    let factor = 1.0 + settings.jitter * (2.0 * stream.random::<f64>() - 1.0);
    // Whole steps, the fraction at random: the mean distance is as asked.
    let count = factor * settings.length / settings.step_size + stream.random::<f64>();
    let n_steps = if count >= 1.0 { count as usize } else { 1 };
    scratch.begin(state);
    standard_normals(&mut scratch.momentum, stream);
    vector::normalise(&mut scratch.momentum);
    let mut path = Path { metric, target, at: scratch, kinetic: 0.0, n_gradients: 0 };
    path.whiten();
    let start = state.log_density;
    let mut change = 0.0;
    let distance = settings.step_size * (dim as f64).sqrt();
    let noise = ((2.0 * settings.step_size / settings.length).exp_m1() / dim as f64).sqrt();
    for _ in 0..n_steps {
        path.step(settings.integrator, distance);
        change = path.kinetic - (path.at.log_density - start);
        // Only what the way back would meet too may end it early.
        if !change.is_finite() || settings.is_biased() && diverges(change) {
            break;
        }
        if settings.is_biased() {
            let Scratch { momentum, kept, .. } = &mut *path.at;
            standard_normals(kept, stream);
            vector::add(momentum, noise, kept);
            vector::normalise(momentum);
        }
    }
    let num_integration_steps = path.n_gradients;
    let is_divergent = diverges(change);
    let acceptance_rate = match settings.adjustment {
        Adjustment::Metropolis if is_divergent => 0.0,
        Adjustment::Metropolis => (-change).exp().min(1.0),
        Adjustment::BiasedNone => 1.0,
    };
    // Drawn in any case, so that the stream does not depend on the outcome.
    let threshold: f64 = stream.random();
    let is_accepted = !is_divergent && threshold < acceptance_rate;
    if is_accepted {
        scratch.hand_over(state);
    }
    Info {
        acceptance_rate,
        is_accepted,
        is_divergent,
        energy: -state.log_density,
        energy_change: change,
        num_integration_steps,
        step_size: settings.step_size,
    }
}

/// A trajectory on its way: the velocity is the scratch's momentum, Lᵀ ∇ ln π its `product`.
struct Path<'a> {
    metric: &'a Metric,
    target: &'a mut dyn LogDensity,
    at: &'a mut Scratch,
    kinetic: f64,
    n_gradients: usize,
}

impl Path<'_> {
    fn whiten(&mut self) {
        self.metric.apply_transposed(&self.at.gradient, &mut self.at.product);
    }

    fn step(&mut self, integrator: Integrator, distance: f64) {
        match integrator {
            Integrator::Leapfrog => {
                self.turn(0.5 * distance);
                self.advance(distance);
                self.turn(0.5 * distance);
            }
            Integrator::MinimalNorm => {
                self.turn(LAMBDA * distance);
                self.advance(0.5 * distance);
                self.turn((1.0 - 2.0 * LAMBDA) * distance);
                self.advance(0.5 * distance);
                self.turn(LAMBDA * distance);
            }
        }
    }

    fn turn(&mut self, distance: f64) {
        self.kinetic += turn(&mut self.at.momentum, &self.at.product, distance);
    }

    fn advance(&mut self, distance: f64) {
        let at = &mut *self.at;
        self.metric.apply(&at.momentum, &mut at.kept);
        vector::add(&mut at.position, distance, &at.kept);
        at.log_density = self.target.value_and_gradient(&at.position, &mut at.gradient);
        self.n_gradients += 1;
        self.whiten();
    }
}

/// Turns a unit velocity by the gradient held over a distance; gives the change of the kinetic part.
fn turn(velocity: &mut [f64], gradient: &[f64], distance: f64) -> f64 {
    let norm = vector::dot(gradient, gradient).sqrt();
    if norm == 0.0 {
        return 0.0;
    }
    let rank = velocity.len() as f64 - 1.0;
    let delta = distance * norm / rank;
    let cosine = vector::dot(velocity, gradient) / norm;
    // Numerator and denominator times 2 exp(−δ).
    let decay = (-delta).exp();
    let along = (1.0 - decay) * (1.0 + decay + cosine * (1.0 - decay)) / norm;
    vector::scale_add(velocity, 2.0 * decay, along, gradient);
    vector::normalise(velocity);
    // ln(cosh δ + c sinh δ), exact to rounding for small δ: 1 + c sinh δ + (cosh δ − 1).
    let ln = if delta < 0.5 {
        (cosine * delta.sinh() + 2.0 * (0.5 * delta).sinh().powi(2)).ln_1p()
    } else {
        delta - std::f64::consts::LN_2 + (1.0 + cosine + (1.0 - cosine) * decay * decay).ln()
    };
    rank * ln
}

#[cfg(test)]
mod tests;
