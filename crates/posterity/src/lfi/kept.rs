//! Simulations of an inference that are kept on disk: each is run once, whatever becomes of the process.
//!
//! The estimates come from a [`Table`] of data, one for each branch of the method's seed; rows that are missing there
//! are simulated and saved first. For simulators that cost more than a disk: programs outside.

use super::estimates::branch;
use super::forward::chunk_size;
use super::{Estimates, Forward};
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::progress::{Progress, Quiet};
use crate::seed::Seed;
use crate::simulator::attempt;
use crate::store::{Filling, Layout, Shard, Status, Table, fill};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A source of estimates that keeps the data behind them.
pub struct Kept<'a> {
    /// Simulates and compresses.
    pub forward: Forward<'a>,
    /// The method's seed.
    pub seed: Seed,
    /// What the tables hold; its provenance is all that the simulations depend on beside their parameters.
    pub layout: &'a Layout,
    /// The folder of a branch's table.
    pub folder: &'a (dyn Fn(&str) -> PathBuf + Sync),
    /// What is done is saved at least so often.
    pub save_every: Duration,
    /// Asked whether to end.
    pub progress: &'a dyn Progress,
}

impl Estimates for Kept<'_> {
    fn n_params(&self) -> usize {
        self.forward.n_params()
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        let (n_params, n_data) = (self.n_params(), self.forward.simulator.n_data());
        let rows = first_index..first_index + (thetas.len() / n_params) as u64;
        let folder = (self.folder)(label);
        let table = Table::open_or_create(&folder, self.layout, rows.end)?;
        let simulator = self.forward.simulator;
        let n_threads =
            simulator.pool().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
        let seed = branch(self.seed, label);
        let filling = Filling {
            shard: Shard::whole(),
            rows: rows.clone(),
            retry_failed: false,
            n_threads,
            // The method itself judges how many may fail.
            max_failed_fraction: 1.0,
            save_every: self.save_every,
            name: label,
            progress: &Listening(self.progress),
        };
        fill(&table, &filling, &|row, out| {
            let start = (row - first_index) as usize * n_params;
            out.theta.copy_from_slice(&thetas[start..start + n_params]);
            let mut values = out.values;
            Ok((row, attempt(simulator, out.theta, &mut seed.stream(row), &mut *values[0])?))
        })?;
        if table.theta(rows.clone())? != thetas {
            return Err(others(&folder));
        }
        let mut data = table.values("data", rows.clone())?;
        let status = table.status()?;
        let failed: Vec<usize> =
            rows.clone().enumerate().filter(|(_, row)| status[*row as usize] != Status::Done).map(|(i, _)| i).collect();
        // A network would spread NaN to all that it compresses with them.
        failed.iter().for_each(|i| data[i * n_data..(i + 1) * n_data].fill(0.0));
        // As they would be compressed where they are not kept.
        let chunk = chunk_size(thetas.len() / n_params);
        let chunks = data.par_chunks(chunk * n_data).zip(theta_hat.par_chunks_mut(chunk * n_params));
        chunks.for_each(|(data, theta_hat)| self.forward.estimate(data, theta_hat));
        failed.iter().for_each(|i| theta_hat[i * n_params..(i + 1) * n_params].fill(f64::NAN));
        table.failures(rows)
    }
}

fn others(folder: &Path) -> Error {
    Error::invalid_input("the simulations kept here have other parameters than those that are wanted")
        .remedy("choose another output folder, or take this one away")
        .in_file(folder)
}

/// Says nothing of the batches, and passes on that an end is wanted.
struct Listening<'a>(&'a dyn Progress);

impl Progress for Listening<'_> {
    fn begin(&self, stage: &str, total: Option<u64>) {
        Quiet.begin(stage, total);
    }

    fn at(&self, step: u64, note: &str) {
        Quiet.at(step, note);
    }

    fn end(&self, note: &str) {
        Quiet.end(note);
    }

    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}
