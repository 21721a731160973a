//! Memory that a run takes at its height, from what the library's rooms state for each voxel: told by the check, and
//! refused where no machine is asked for as much.

use super::super::check::MOST_GIB;
use super::super::document::Document;
use super::{Extension, What};
use crate::error::Result;
use crate::field::Order;

/// Pairs of density and ψ that the report looks at, at most; but one of each chain at the least.
const PAIRS: f64 = 60.0;
/// Of these, pairs whose voxels it sorts together.
const SORTED_PAIRS: f64 = 8.0;
/// Copies of each draw's numbers while the report sorts them.
const DRAW_COPIES: f64 = 4.0;
/// Values of a window's draws, of which at least so many rows are kept.
const WINDOW_VALUES: f64 = 2_097_152.0;
const WINDOW_ROWS: f64 = 32.0;
/// Copies of a checkpoint while it is written: its numbers, their bytes, and the file.
const CHECKPOINT_COPIES: f64 = 3.0;

/// Refuses what no machine has.
pub(super) fn check(document: &Document<'_>, extension: &Extension) -> Result<()> {
    let gib = extension.gib();
    let message = format!(
        "{} chains on {}³ voxels would take {gib:.0} GiB of memory",
        extension.sampling.n_chains,
        extension.field.grid.n()
    );
    let key = document.culprit(&["field.n", "sample.n_chains"]);
    document.demand(gib <= MOST_GIB, key, message, "decrease field.n, sample.n_chains or sample.n_fields")
}

impl Extension {
    /// Memory of a run at its height \[GiB\], about: of the chains, which are all held at once, or of the report.
    pub fn gib(&self) -> f64 {
        let n_chains = self.sampling.n_chains as f64;
        let known = 8.0 * [&self.field.density, &self.field.white_noise].into_iter().flatten().count() as f64;
        let n_cells = self.field.grid.n_cells() as f64;
        let chains = n_cells * n_chains * self.bytes_of_chain();
        let report = n_cells * self.bytes_of_report() + self.bytes_of_draws();
        (n_cells * known + chains.max(report)) / f64::from(1 << 30)
    }

    /// For each voxel, of one chain with what it samples and with its sums over draws.
    fn bytes_of_chain(&self) -> f64 {
        let engine = &self.engine.settings.engine;
        // Likelihood, ψ and its gradient.
        let model = engine.bytes_per_voxel() + 8.0 + 16.0;
        let given = model + engine.bytes_per_voxel_of_features() + 8.0;
        match self.sampling.what {
            What::Joint => self.bytes_of_field() + model + given,
            What::Field => self.bytes_of_field() + model,
            What::Weights => given,
        }
    }

    /// Gravity, the field's coordinates in chain, trajectory and window, and sums, at the height of all: while a
    /// checkpoint is written. Where the end of a window whitens anew, its rows are copied but once, to part those of the
    /// field from those of the weights.
    fn bytes_of_field(&self) -> f64 {
        let (n, n_cells) = (self.field.grid.n() as f64, self.field.grid.n_cells() as f64);
        let is_whitened = self.sampling.is_whitened;
        let derivatives = if self.field.order == Order::Two { 64.0 } else { 0.0 };
        let gravity = 60.0 + derivatives + 1100.0 / n;
        let block = &self.sampling.chain.blocks[0];
        let seen = self.sampling.chain.warm_up as f64 * block.transitions as f64;
        let whitening = if is_whitened { 8.0 } else { 0.0 };
        // A block without an acceptance rate to adapt to keeps none.
        let keeps_rows = is_whitened && block.acceptance_rate.is_some();
        let rows = if keeps_rows { WINDOW_ROWS.max(WINDOW_VALUES / n_cells).min(seen) } else { 0.0 };
        // Of the window moments, centre, and rows of draws and of gradients.
        let (state, trajectory, window, sums) = (24.0, 40.0, 32.0 + 8.0 + 16.0 * rows, 24.0);
        let measured = 16.0 + 24.0 + if self.field.white_noise.is_some() { 8.0 } else { 0.0 };
        // Sums and amplitudes are once more beside it.
        let beside = sums + 4.0;
        let checkpoint = CHECKPOINT_COPIES * (state + window + beside) + beside;
        gravity + whitening + 24.0 + state + trajectory + window + sums + measured + checkpoint
    }

    /// For each voxel, of the report: densities and ψ of pairs of draws, the voxels that it sorts (twice in parts, once more
    /// in bins), sums and amplitudes that the chains left, and the maps made of them. It reads no other field.
    fn bytes_of_report(&self) -> f64 {
        let n_chains = self.sampling.n_chains as f64;
        let left = if self.sampling.what == What::Weights { 0.0 } else { 28.0 * n_chains + 24.0 };
        16.0 * PAIRS.max(n_chains) + 40.0 * SORTED_PAIRS + left + 8.0
    }

    /// Of the report, for numbers that are there of each draw: weights, power and correlation.
    fn bytes_of_draws(&self) -> f64 {
        let n_numbers = self.engine.names.len() + self.field.grid.n();
        DRAW_COPIES * 8.0 * n_numbers as f64 * self.sampling.n_draws as f64 * self.sampling.n_chains as f64
    }
}
