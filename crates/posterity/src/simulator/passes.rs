//! Passes over a set of simulations that need not fit into memory: its rows, and how the data move with the parameters.

use super::{Derivatives, SimulationSet};
use crate::error::Result;
use crate::npy::in_blocks;
use std::ops::Range;

/// Rows of a set that a pass takes alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Simulations with exact derivatives.
    WithTangents,
    /// Simulations at the fiducial point without.
    Plain,
    /// Seed-matched pairs, row after row.
    Pairs,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; 3] = [Self::WithTangents, Self::Plain, Self::Pairs];
}

/// Values of a block of simulations for each thread: what they make of it is the same for any.
const BLOCK_VALUES: usize = 1 << 19;

impl SimulationSet {
    /// Number of rows of a kind.
    pub fn n_rows(&self, kind: Kind) -> usize {
        match (kind, &self.derivative) {
            (Kind::WithTangents, Derivatives::Exact(_)) => self.n_d(),
            (Kind::Plain, Derivatives::Exact(_)) => self.n_s() - self.n_d(),
            (Kind::Plain, Derivatives::Differences { .. }) => self.n_s(),
            (Kind::Pairs, Derivatives::Differences { pairs, .. }) => pairs.len() / self.n_data(),
            _ => 0,
        }
    }

    /// Number of tangents that come with a row of a kind.
    pub fn n_tangents(&self, kind: Kind) -> usize {
        if kind == Kind::WithTangents { self.n_params() } else { 0 }
    }

    /// The random stream of a row of a kind.
    pub fn stream(&self, kind: Kind, row: usize) -> usize {
        match kind {
            Kind::WithTangents => row,
            Kind::Plain => row + self.n_rows(Kind::WithTangents),
            Kind::Pairs => row / (2 * self.n_params()),
        }
    }

    /// Hands all rows of a kind to `work` in order, a block at a time: their numbers, the rows `(n, n_data)` and the tangents
    /// `(n, n_tangents, n_data)`. A block has a multiple of `rows` rows, but for the last, and at most 4 MiB a thread where
    /// that many have less. Blocks that are not in memory are read ahead.
    ///
    /// # Errors
    /// Io; corrupt file; what `work` returns.
    pub fn in_blocks(
        &self,
        kind: Kind,
        rows: usize,
        mut work: impl FnMut(Range<usize>, &[f64], &[f64]) -> Result<()>,
    ) -> Result<()> {
        let (n, n_data, n_params) = (self.n_rows(kind), self.n_data(), self.n_params());
        let block = block_rows(rows, (1 + self.n_tangents(kind)) * n_data);
        match (kind, &self.derivative) {
            (Kind::WithTangents, Derivatives::Exact(exact)) => {
                in_blocks(&[(&self.fiducial, n_data), (exact, n_params * n_data)], 0..n, block, |range, parts| {
                    work(range, parts[0], parts[1])
                })
            }
            (Kind::Plain, _) => {
                let first = self.stream(kind, 0);
                in_blocks(&[(&self.fiducial, n_data)], first..first + n, block, |range, parts| {
                    work(range.start - first..range.end - first, parts[0], &[])
                })
            }
            (Kind::Pairs, Derivatives::Differences { pairs, .. }) => {
                in_blocks(&[(pairs, n_data)], 0..n, block, |range, parts| work(range, parts[0], &[]))
            }
            _ => Ok(()),
        }
    }

    /// As [`SimulationSet::in_blocks`], ∂d/∂θ, exact or the difference over δ: rows i * n_params + alpha, `(n, n_data)`.
    ///
    /// # Errors
    /// Io; corrupt file; what `work` returns.
    pub fn derivatives_in_blocks(
        &self,
        rows: usize,
        mut work: impl FnMut(Range<usize>, &[f64]) -> Result<()>,
    ) -> Result<()> {
        let (n, n_data) = (self.n_d() * self.n_params(), self.n_data());
        let block = block_rows(rows, n_data);
        match &self.derivative {
            Derivatives::Exact(exact) => {
                in_blocks(&[(exact, n_data)], 0..n, block, |range, parts| work(range, parts[0]))
            }
            Derivatives::Differences { delta, pairs } => {
                in_blocks(&[(pairs, 2 * n_data)], 0..n, block, |range, parts| {
                    let pairs = parts[0].chunks_exact(2 * n_data).enumerate();
                    let slopes = pairs.flat_map(|(k, pair)| {
                        let ((below, above), delta) = (pair.split_at(n_data), delta[(range.start + k) % delta.len()]);
                        below.iter().zip(above).map(move |(below, above)| (above - below) / delta)
                    });
                    let slopes: Vec<f64> = slopes.collect();
                    work(range, &slopes)
                })
            }
        }
    }

    /// ∂d/∂θ, exact or the difference over δ, of all derivative simulations, in memory: `(n_d, n_params, n_data)`.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn derivatives(&self) -> Result<Vec<f64>> {
        let mut all = Vec::with_capacity(self.n_d() * self.n_params() * self.n_data());
        self.derivatives_in_blocks(1, |_, rows| {
            all.extend_from_slice(rows);
            Ok(())
        })?;
        Ok(all)
    }

    /// Mean over the derivative simulations of ∂d/∂θ, `(n_params, n_data)`; nothing where there are none.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn mean_derivative(&self) -> Result<Vec<f64>> {
        let (n_d, n_params, n_data) = (self.n_d(), self.n_params(), self.n_data());
        let mut mean = if n_d > 0 { vec![0.0; n_params * n_data] } else { Vec::new() };
        self.derivatives_in_blocks(n_params, |_, rows| {
            rows.chunks_exact(n_params * n_data).for_each(|rows| mean.iter_mut().zip(rows).for_each(|(m, x)| *m += x));
            Ok(())
        })?;
        mean.iter_mut().for_each(|m| *m *= 1.0 / n_d as f64);
        Ok(mean)
    }
}

/// A multiple of `rows` rows of `width` values.
fn block_rows(rows: usize, width: usize) -> usize {
    let rows = rows.max(1);
    (BLOCK_VALUES * rayon::current_num_threads() / (rows * width).max(1)).max(1) * rows
}
