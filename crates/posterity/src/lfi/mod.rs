//! Likelihood-free inference: from an observed summary to the posterior, by simulations alone.

mod forward;

pub use forward::Forward;
