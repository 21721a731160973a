//! Mathematics that several rooms need: small dense linear algebra, Fourier transforms, special functions.

mod fft;
mod matrix;
mod moments;
mod special;
pub mod vectorised;

pub use fft::{Complex, RealFft3, SerialFft, Workspace};
pub(crate) use fft::{Lines, Scratch};
pub use matrix::{Cholesky, Matrix};
pub use moments::mean_and_covariance;
pub use special::{ln_gamma, normal_cdf, normal_quantile};
