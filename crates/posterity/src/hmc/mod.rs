//! Hamiltonian Monte Carlo: samplers of a log density whose gradient is known.

mod metric;
mod state;
mod target;

pub use metric::Metric;
pub use state::{Info, State};
pub use target::LogDensity;
