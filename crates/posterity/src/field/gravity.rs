//! The whole chain from white noise to the density, with its gradient.

use super::{Deposit, Grid, Growth, LinearPower, Lpt, MassAssignment, Order};
use crate::error::Result;

/// White noise → linear modes → displacement in Lagrangian perturbation theory → density, and back.
///
/// The log prior of the white noise and its gradient come with the same transforms, so that the gradient of a posterior
/// costs what that of its likelihood does. Nothing is allocated after [`Gravity::new`].
///
/// Memory: 124 bytes for each cell in second order, 60 in first, 8 more where coordinates are whitened, and up to 1100/n
/// of scratch, besides the caller's fields: 270 MB at 128³.
#[derive(Debug)]
pub struct Gravity {
    lpt: Lpt,
    deposit: Deposit,
}

impl Gravity {
    /// Gravity on `grid` from linear `power` at z = 0, at the time of `growth`, with particles of the shape `window`.
    ///
    /// # Errors
    /// Invalid input, if the power spectrum does not cover the grid's modes.
    pub fn new(grid: Grid, power: &LinearPower, growth: &Growth, order: Order, window: MassAssignment) -> Result<Self> {
        Ok(Self { lpt: Lpt::new(grid, power, growth, order)?, deposit: Deposit::new(grid.n(), window) })
    }

    /// The displacements alone.
    pub fn lpt(&self) -> &Lpt {
        &self.lpt
    }

    /// The displacements alone, to be computed with: whitening is set here.
    pub fn lpt_mut(&mut self) -> &mut Lpt {
        &mut self.lpt
    }

    /// Writes 1 + δ (n³ values, of mean 1) of white noise in the coordinates u (n³ values); returns the log prior
    /// -|s|²/2.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn density(&mut self, u: &[f64], density: &mut [f64]) -> Result<f64> {
        self.lpt.grid().check("the density", density.len())?;
        let log_prior = self.lpt.displace(u)?;
        self.deposit.deposit(self.lpt.displacement(), density);
        Ok(log_prior)
    }

    /// Writes the gradient by u, at the u of the last [`Gravity::density`], of the log prior plus a function of the
    /// density whose gradient by the density is `d_density` (n³ values each).
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn gradient(&mut self, d_density: &[f64], d_u: &mut [f64]) -> Result<()> {
        self.lpt.grid().check("the gradient by the density", d_density.len())?;
        let deposit = &self.deposit;
        self.lpt.gradient_with(d_u, |x, psi, out| deposit.gradient_plane(x, psi, d_density, out))
    }
}
