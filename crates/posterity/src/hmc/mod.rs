//! Hamiltonian Monte Carlo: samplers of a log density whose gradient is known.

mod target;

pub use target::LogDensity;
