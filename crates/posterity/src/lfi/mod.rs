//! Likelihood-free inference: from an observed summary to the posterior, by simulations alone.

pub mod abc;
mod forward;
pub mod gaussian;
pub mod pmc;

pub use forward::Forward;
