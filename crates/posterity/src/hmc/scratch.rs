//! Memory that a step works in, kept between steps.

use super::State;

/// Where a trajectory stands, and room for products with the metric. Holds nothing that a later step needs.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// x on the way.
    pub(super) position: Vec<f64>,
    /// p on the way, of u-space.
    pub(super) momentum: Vec<f64>,
    /// ∇ ln π at `position`.
    pub(super) gradient: Vec<f64>,
    /// ln π at `position`.
    pub(super) log_density: f64,
    /// For products with the metric.
    pub(super) product: Vec<f64>,
    /// For products with the metric, and for a momentum to fall back to.
    pub(super) kept: Vec<f64>,
}

impl Scratch {
    /// Begins a trajectory at a state; the momentum is left to the caller, in length `dim`.
    pub(super) fn begin(&mut self, state: &State) {
        let dim = state.position.len();
        for vector in [&mut self.momentum, &mut self.product, &mut self.kept, &mut self.position, &mut self.gradient] {
            vector.resize(dim, 0.0);
        }
        self.position.copy_from_slice(&state.position);
        self.gradient.copy_from_slice(&state.gradient);
        self.log_density = state.log_density;
    }

    /// The state becomes where the trajectory stands.
    pub(super) fn hand_over(&mut self, state: &mut State) {
        std::mem::swap(&mut self.position, &mut state.position);
        std::mem::swap(&mut self.gradient, &mut state.gradient);
        state.log_density = self.log_density;
    }
}
