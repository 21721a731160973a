//! Hamiltonian Monte Carlo: samplers of a log density whose gradient is known.

mod adaptation;
mod blocks;
mod chain;
mod chains;
mod checkpoint;
mod geodesic;
mod hamiltonian;
mod leapfrog;
mod length;
mod metric;
mod momentum;
mod sampler;
mod scratch;
mod state;
mod step_size;
mod target;
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
pub use sampler::Sampler;
pub use scratch::Scratch;
pub use state::{Info, State};
pub use step_size::{DualAveraging, reasonable_step_size};
pub use target::LogDensity;
pub use window::Window;
