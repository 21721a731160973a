//! Whether draws can be trusted: potential scale reduction, effective sample size, ranks of simulation-based calibration.
//!
//! Functions of samples and closures, which know no method. Draws of one quantity come as chains: a slice with one entry
//! for each chain, each its draws in order, all of one length.

mod autocovariance;
mod ess;
mod r_hat;
mod rank;
mod split;

#[cfg(test)]
mod tests;

pub use ess::{bulk_ess, mcse_mean, mean_ess, square_ess, tail_ess};
pub use r_hat::{AGREED_R_HAT, MOST_R_HAT, r_hat};
pub use rank::{EcdfBand, Uniformity, chi_squared_uniformity, ecdf_band, ecdf_uniformity, histogram_band, rank_of};
