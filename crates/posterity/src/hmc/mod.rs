//! Hamiltonian Monte Carlo: samplers of a log density whose gradient is known.

mod geodesic;
mod hamiltonian;
mod leapfrog;
mod metric;
mod momentum;
mod sampler;
mod scratch;
mod state;
mod step_size;
mod target;
mod vector;

pub use hamiltonian::{Integrator, Settings, step};
pub use metric::{LowRank, Metric};
pub use sampler::Sampler;
pub use scratch::Scratch;
pub use state::{Info, State};
pub use step_size::{DualAveraging, reasonable_step_size};
pub use target::LogDensity;
