//! Simulators of fields on periodic grids of n² or n³ cells: Gaussian, log-normal, and halos counted in voxels.
//!
//! All begin with white noise in real space, one number a cell, so that the noise of a simulation is the same at every
//! theta, and give data in C order (last axis fastest), of shape (n, n) or (n, n, n). A simulation runs on one thread;
//! many run at once. Memory and plans of transforms stay with the simulator from one simulation to the next.

mod correlation;
mod cosmological;
mod cosmology;
mod gaussian;
mod halo_chain;
mod halo_counts;
mod lattice;
mod log_normal;
mod log_normal_fisher;
mod poisson;
mod pool;
mod recent;
#[cfg(test)]
mod tests;

pub use cosmological::CosmologicalLogNormalField;
pub use cosmology::FixedCosmology;
pub use gaussian::GaussianField;
pub use halo_counts::{HaloCounts, Settings as HaloCountsSettings, Weights as HaloWeights};
pub use log_normal::LogNormalField;
