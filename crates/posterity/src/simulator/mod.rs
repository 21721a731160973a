//! Simulators M: theta → d, the only description of the physics that likelihood-free inference needs.

mod gaussian;
mod line;
mod marginal;
mod set;
mod supernovae;

pub use gaussian::Gaussian;
pub use line::Line;
pub use marginal::Marginalised;
pub use set::{Derivatives, SimulationSet};
pub use supernovae::Supernovae;

use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;

/// A program that draws data at given parameters.
///
/// The same `theta` and stream must give the same data; all randomness comes from the stream, and how much is drawn
/// from it must not depend on `theta`, so that the same index at theta ± delta is the same noise (seed matching).
pub trait Simulator: Sync {
    /// Names and labels of the parameters; their number is `n_params`.
    fn parameters(&self) -> &[Parameter];

    /// Shape of one simulation; `n_data` is its product.
    fn shape(&self) -> &[usize];

    /// Draws one simulation into `data` (`n_data` values).
    ///
    /// # Errors
    /// Simulation failed, where there is no data at these parameters (a negative variance).
    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()>;

    /// True if [`Simulator::simulate_with_derivative`] gives an exact derivative.
    fn has_derivative(&self) -> bool {
        false
    }

    /// Draws one simulation and its derivative at fixed noise, `derivative[alpha * n_data + i]` = ∂d_i/∂θ_α.
    ///
    /// # Errors
    /// As [`Simulator::simulate`]; invalid input, where the simulator has no exact derivative.
    fn simulate_with_derivative(
        &self,
        _theta: &[f64],
        _stream: &mut Stream,
        _data: &mut [f64],
        _derivative: &mut [f64],
    ) -> Result<()> {
        Err(Error::invalid_input("this simulator has no exact derivative").remedy("use seed-matched differences"))
    }

    /// Where the model comes from.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// Number of parameters.
    fn n_params(&self) -> usize {
        self.parameters().len()
    }

    /// Number of values in one simulation.
    fn n_data(&self) -> usize {
        self.shape().iter().product()
    }
}

#[cfg(test)]
mod tests;
