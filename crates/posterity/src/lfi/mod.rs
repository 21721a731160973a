//! Likelihood-free inference: from an observed summary to the posterior, by simulations alone.

pub mod abc;
mod distance;
mod forward;
pub mod gaussian;
pub mod pmc;
#[cfg(test)]
mod testing;

pub use distance::Distance;
pub use forward::Forward;
