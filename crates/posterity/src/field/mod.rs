//! Density fields on a periodic grid: from white noise through linear theory and gravity to the density, each map with
//! its adjoint.
//!
//! ```text
//! u ~ N(0, 1), n³ reals → s = F⁻¹ a F u → δ_lin = F⁻¹ √(P(k) (n/L)³) F s → Lagrangian displacement × D(a) → 1 + δ
//! ```
//! [`Gravity`] is the whole chain, with its gradient; the others are its parts, and what is measured on its fields.
//! All arrays are f64, n³ numbers in C order (x slowest, z fastest); cell i is centred at i·L/n, where the particle of
//! lattice site i starts. No result depends, to the bit, on the number of threads.

mod deposit;
mod eisenstein_hu;
mod gravity;
mod grid;
mod growth;
mod lpt;
mod modes;
mod power_spectrum;
mod spectra;
#[cfg(test)]
mod tests;
pub mod whitening;

pub use deposit::{Deposit, MassAssignment};
pub use gravity::Gravity;
pub use grid::Grid;
pub use growth::{Background, Growth};
pub use lpt::{Lpt, Order};
pub use power_spectrum::{Cosmology, LinearPower};
pub use spectra::{Bin, Bins, Spectra};
