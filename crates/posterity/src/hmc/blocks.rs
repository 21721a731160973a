//! What a chain samples: blocks of coordinates, each updated with the others held (Gibbs).

use super::{LogDensity, Window};

/// A joint density in blocks. Block i as a [`LogDensity`] is the joint density as a function of block i's coordinates,
/// the others standing where they were last [`set`](Blocks::set).
///
/// A single density is its one block: every [`LogDensity`] is made into blocks by [`Single`].
pub trait Blocks {
    /// Number of blocks.
    fn n_blocks(&self) -> usize {
        1
    }

    /// One block, conditioned on where the others stand.
    fn block(&mut self, i: usize) -> &mut dyn LogDensity;

    /// Block i stands at `position` from now on: the others are conditioned on it. What is evaluated must follow from
    /// the positions set, and not from the order of calls, to the bit: a resumed chain sets all of them afresh. Nothing to
    /// do where there is but one.
    fn set(&mut self, _i: usize, _position: &[f64]) {}

    /// Before block i moves: writes those of its coordinates that other blocks have moved since it did. Blocks may share
    /// coordinates, where each move leaves the joint density unchanged.
    fn align(&mut self, _i: usize, _position: &mut [f64]) {}

    /// At the end of each window of the warm-up, block i being aligned: may choose other coordinates for block i (say, whiten it with what the
    /// window has seen). True says that they changed and that `position` was rewritten in the new ones; the block's
    /// metric and step size then begin anew, and the metric stays the identity where the warm-up has no further window. What the choice was is the owner's to keep beside a checkpoint.
    fn adapt(&mut self, _i: usize, _window: &Window, _position: &mut Vec<f64>) -> bool {
        false
    }

    /// Whether [`adapt`](Self::adapt) wants the rows of block i and not its moments alone.
    fn wants_rows(&self, _i: usize) -> bool {
        false
    }
}

/// A density that is one block.
#[derive(Clone, Copy, Debug)]
pub struct Single<D>(
    /// The density.
    pub D,
);

impl<D: LogDensity> Blocks for Single<D> {
    fn block(&mut self, _: usize) -> &mut dyn LogDensity {
        &mut self.0
    }
}
