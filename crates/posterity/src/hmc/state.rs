//! Where a chain stands, and what one step says of itself.

use super::LogDensity;

/// A position with the log density and its gradient there, so that no step evaluates twice.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The position, `dim` values.
    pub position: Vec<f64>,
    /// The unnormalised log density there.
    pub log_density: f64,
    /// Its gradient, `dim` values.
    pub gradient: Vec<f64>,
    /// The momentum, of the metric's u-space, that the next step begins from where it is refreshed in part; empty where
    /// each step draws its own.
    pub momentum: Vec<f64>,
}

impl State {
    /// The state at a position: one evaluation.
    pub fn new(position: Vec<f64>, target: &mut dyn LogDensity) -> Self {
        let mut gradient = vec![0.0; position.len()];
        let log_density = target.value_and_gradient(&position, &mut gradient);
        Self { position, log_density, gradient, momentum: vec![] }
    }

    /// Evaluates the density anew where the state is, after what it is conditioned on has changed.
    pub fn refresh(&mut self, target: &mut dyn LogDensity) {
        self.log_density = target.value_and_gradient(&self.position, &mut self.gradient);
    }
}

/// What a diagnostic needs to know of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// min(1, exp(−change of energy)): what was expected, whatever came of it. 1 for samplers that accept always.
    pub acceptance_rate: f64,
    /// Whether the proposal was taken.
    pub is_accepted: bool,
    /// Whether the trajectory left what the integrator can follow: the change of energy is not finite or beyond 1000.
    pub is_divergent: bool,
    /// Energy 𝓗 at the end of the step.
    pub energy: f64,
    /// Change of energy along the trajectory.
    pub energy_change: f64,
    /// Evaluations of the gradient that the step took.
    pub num_integration_steps: usize,
    /// Step size that was used.
    pub step_size: f64,
}
