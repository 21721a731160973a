//! What goes from layer to layer: channels of values on a grid.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Axes of a grid at the most.
pub(super) const MAX_AXES: usize = 3;

/// Channels of values on a grid of one to three axes, channel after channel, each in C order; without axes a channel is
/// one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Number of channels.
    pub channels: usize,
    /// Cells along each axis; none for a plain list of values.
    pub size: Vec<usize>,
}

impl Shape {
    /// A plain list of n values.
    pub fn flat(n: usize) -> Self {
        Self { channels: n, size: vec![] }
    }

    /// One channel on a grid.
    pub fn field(size: &[usize]) -> Self {
        Self { channels: 1, size: size.to_vec() }
    }

    /// Values in all.
    pub fn len(&self) -> usize {
        self.channels * self.n_cells()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cells of a channel.
    pub fn n_cells(&self) -> usize {
        self.size.iter().product()
    }

    /// The grid with leading axes of one cell, so that it has three.
    pub(super) fn padded(&self) -> [usize; MAX_AXES] {
        let mut size = [1; MAX_AXES];
        let first = MAX_AXES - self.size.len().min(MAX_AXES);
        size[first..].copy_from_slice(&self.size[..MAX_AXES - first]);
        size
    }
}

/// As `8 × 64 × 64`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.channels)?;
        self.size.iter().try_for_each(|n| write!(f, " × {n}"))
    }
}
