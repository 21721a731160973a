//! The periodic grid: n³ cells in a cube.

use crate::error::{Error, Result};
use std::f64::consts::PI;

/// A periodic cube of n³ cells. Cell i is centred at i·L/n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    n: usize,
    box_length: f64,
}

impl Grid {
    /// Most cells along a side.
    pub const MAX_N: usize = 4096;

    /// A cube of side `box_length` [Mpc/h] with `n` cells along each side.
    ///
    /// # Errors
    /// Invalid input, if `n` is below 2 or above [`Grid::MAX_N`], or the length is not finite and positive.
    pub fn new(n: usize, box_length: f64) -> Result<Self> {
        if !(2..=Self::MAX_N).contains(&n) {
            return Err(Error::invalid_input(format!("a grid of {n} cells along a side"))
                .at_key("n")
                .remedy(format!("give 2 to {}; powers of 2 are fastest", Self::MAX_N)));
        }
        if !(box_length.is_finite() && box_length > 0.0) {
            return Err(Error::invalid_input(format!("a box of length {box_length} Mpc/h"))
                .at_key("box_length")
                .remedy("give a finite length above 0"));
        }
        Ok(Self { n, box_length })
    }

    /// Cells along a side.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of cells, n³.
    pub fn n_cells(&self) -> usize {
        self.n * self.n * self.n
    }

    /// Side of the cube [Mpc/h].
    pub fn box_length(&self) -> f64 {
        self.box_length
    }

    /// Side of a cell [Mpc/h].
    pub fn cell_length(&self) -> f64 {
        self.box_length / self.n as f64
    }

    /// Volume of a cell, the voxel [(Mpc/h)³].
    pub fn cell_volume(&self) -> f64 {
        self.cell_length().powi(3)
    }

    /// Volume of the cube [(Mpc/h)³].
    pub fn volume(&self) -> f64 {
        self.box_length.powi(3)
    }

    /// The fundamental wavenumber 2π/L [h/Mpc].
    pub fn k_fundamental(&self) -> f64 {
        2.0 * PI / self.box_length
    }

    /// The Nyquist wavenumber π n/L [h/Mpc].
    pub fn k_nyquist(&self) -> f64 {
        PI * self.n as f64 / self.box_length
    }

    /// The largest wavenumber of a mode, in a corner of Fourier space [h/Mpc].
    pub fn k_max(&self) -> f64 {
        3f64.sqrt() * (self.n / 2) as f64 * self.k_fundamental()
    }

    /// The integer wavenumber of index `i` along an axis: 0, 1, …, -1; the Nyquist one counts as positive.
    pub fn wavenumber(&self, i: usize) -> i64 {
        if 2 * i <= self.n { i as i64 } else { i as i64 - self.n as i64 }
    }

    /// Refuses a field of another size, by its name.
    pub(super) fn check(&self, name: &str, len: usize) -> Result<()> {
        if len == self.n_cells() {
            return Ok(());
        }
        let n = self.n;
        Err(Error::invalid_input(format!("{name} has {len} values, a grid of {n}³ cells has {}", self.n_cells()))
            .remedy("give a field of the grid's size"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_wavenumbers() {
        let grid = Grid::new(32, 128.0).expect("valid");
        assert_eq!((grid.n_cells(), grid.cell_length(), grid.cell_volume()), (32768, 4.0, 64.0));
        assert!((grid.k_nyquist() - PI / 4.0).abs() < 1e-15);
        assert!((grid.k_max() / grid.k_nyquist() - 3f64.sqrt()).abs() < 1e-15);
        assert_eq!([0, 1, 16, 17, 31].map(|i| grid.wavenumber(i)), [0, 1, 16, -15, -1]);
        assert_eq!([0, 2, 3].map(|i| Grid::new(5, 1.0).expect("valid").wavenumber(i)), [0, 2, -2]);
    }

    #[test]
    fn a_grid_without_cells_or_length_is_refused() {
        for (n, length) in [(0, 1.0), (1, 1.0), (1 << 20, 1.0), (8, 0.0), (8, -1.0), (8, f64::NAN), (8, f64::INFINITY)]
        {
            let error = Grid::new(n, length).expect_err("refused");
            assert!(error.is_invalid_input());
            assert_eq!(error.key(), Some(if n == 8 { "box_length" } else { "n" }));
        }
        let grid = Grid::new(8, 1.0).expect("valid");
        let text = grid.check("the density", 511).expect_err("another size").to_string();
        assert_eq!(text, "the density has 511 values, a grid of 8³ cells has 512; give a field of the grid's size");
    }
}
