//! Mathematics that several rooms need: small dense linear algebra, special functions.

mod matrix;
mod moments;
mod special;
pub mod vectorised;

pub use matrix::{Cholesky, Matrix};
pub use moments::mean_and_covariance;
pub use special::{ln_gamma, normal_cdf, normal_quantile};
