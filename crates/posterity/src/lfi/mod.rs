//! Likelihood-free inference: from an observed summary to the posterior, by simulations alone.

pub mod abc;
mod distance;
mod estimates;
mod forward;
pub mod gaussian;
mod journal;
mod kept;
pub mod pmc;
#[cfg(feature = "mpi")]
pub mod ranks;
#[cfg(test)]
mod testing;

pub use distance::Distance;
pub use estimates::{Estimates, Limited, Local};
pub use forward::Forward;
pub use journal::{ESTIMATE, Journal};
pub use kept::Kept;
