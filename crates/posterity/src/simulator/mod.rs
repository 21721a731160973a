//! Simulators M: theta → d, the only description of the physics that likelihood-free inference needs.

pub mod external;
mod field;
mod gaussian;
mod line;
mod marginal;
mod passes;
mod set;
mod supernovae;
mod symmetry;

pub use external::External;
pub use field::{
    CosmologicalLogNormalField, FixedCosmology, GaussianField, HaloCounts, HaloCountsSettings, HaloWeights,
    LogNormalField,
};
pub use gaussian::Gaussian;
pub use line::Line;
pub use marginal::Marginalised;
pub use passes::Kind;
pub use set::{Derivatives, SimulationSet, one_of_pair};
pub use supernovae::Supernovae;
pub(crate) use symmetry::moved;

use crate::error::{Error, Result};
use crate::failure::{Cause, Failure};
use crate::math::Matrix;
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

    /// The Fisher matrix of the data about `theta`, `(n_params, n_params)`, where it is known in closed form: what no
    /// summaries can exceed.
    ///
    /// # Errors
    /// Simulation failed, where there is no data at these parameters; numerical, where the formula is beyond floats.
    fn exact_fisher(&self, _theta: &[f64]) -> Result<Option<Matrix>> {
        Ok(None)
    }

    /// Threads that its simulations are to run on, where that is not rayon's pool in force: for programs outside this
    /// process, of which as many run at once as there are threads.
    fn pool(&self) -> Option<&rayon::ThreadPool> {
        None
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

/// Runs a simulation that may fail: says how, where it does, and leaves NaN in `data`; data with NaN have failed too.
///
/// # Errors
/// What stands in the way of every simulation: a program that cannot be started.
pub fn attempt(
    simulator: &dyn Simulator,
    theta: &[f64],
    stream: &mut Stream,
    data: &mut [f64],
) -> Result<Option<Failure>> {
    let outcome = simulator.simulate(theta, stream, data);
    judge(outcome, data)
}

/// As [`attempt`], with the exact derivative.
///
/// # Errors
/// As [`attempt`]; invalid input, where the simulator has no exact derivative.
pub fn attempt_with_derivative(
    simulator: &dyn Simulator,
    theta: &[f64],
    stream: &mut Stream,
    data: &mut [f64],
    derivative: &mut [f64],
) -> Result<Option<Failure>> {
    let outcome = simulator.simulate_with_derivative(theta, stream, data, derivative);
    let failure = judge(outcome, data)?;
    if failure.is_some() { Ok(failure) } else { judge(Ok(()), derivative) }
}

fn judge(outcome: Result<()>, data: &mut [f64]) -> Result<Option<Failure>> {
    let failure = match outcome {
        Ok(()) => match data.iter().position(|d| !d.is_finite()) {
            Some(k) => Failure::new(Cause::NotFinite, format!("value {k} of the simulation is {}", data[k])),
            None => return Ok(None),
        },
        Err(error) => error.into_failure()?,
    };
    data.fill(f64::NAN);
    Ok(Some(failure))
}

/// Runs `work` on the threads that the simulator wants, with the number of simulations worth a task of their own.
pub fn on_its_threads<T: Send>(simulator: &dyn Simulator, work: impl FnOnce(usize) -> T + Send) -> T {
    // Programs outside take long, and differ in how long; the built-in models take microseconds.
    match simulator.pool() {
        Some(pool) => pool.install(|| work(1)),
        None => work(64),
    }
}

#[cfg(test)]
mod tests;
