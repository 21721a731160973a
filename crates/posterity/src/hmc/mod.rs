//! Hamiltonian Monte Carlo: samplers of a log density whose gradient is known.

mod adaptation;
mod blocks;
mod chain;
mod chains;
mod checkpoint;
mod geodesic;
mod hamiltonian;
mod kick_drift;
mod length;
mod metric;
pub mod microcanonical;
mod momentum;
pub mod nuts;
mod quasi_newton;
mod sampler;
mod scratch;
mod state;
mod step_size;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod vector;
mod warm_up;
mod window;

pub use adaptation::MetricKind;
pub use blocks::{Blocks, Single};
pub use chain::{Block, BlockSettings, Chain, ChainSettings};
pub use chains::{Lane, Sink, run};
pub use checkpoint::{Beside, load, save};
pub use hamiltonian::{Integrator, Settings, step};
pub use length::MAX_STEPS;
pub use metric::{LowRank, Metric};
pub use quasi_newton::{QuasiNewton, ensemble_metric};
pub use sampler::Sampler;
pub use scratch::Scratch;
pub use state::{Info, State};
pub use step_size::{DualAveraging, reasonable_step_size};
pub use target::LogDensity;
pub use window::Window;
