//! theta → d → x → theta_hat for many parameters at once: all that approximate Bayesian computation sees of the model.

use crate::compressor::{Compressor, QuasiMle};
use crate::error::{Error, Result};
use crate::failure::{Failures, Record};
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::{Simulator, attempt};
use rayon::prelude::*;

/// Simulations that are compressed together, at most: large enough for the matrix products of a network.
const CHUNK: usize = 256;
/// And at least: a small batch of slow simulations is shared by many threads.
const MIN_CHUNK: usize = 8;
/// Values of data held at once, of simulations outside this process or kept on disk: 64 MiB.
const SLAB: usize = 1 << 23;

/// A simulator with the compression of its data to estimates of the parameters.
///
/// The estimate theta_hat, with F as its metric, is the summary: as many numbers as parameters, in their units.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    /// Draws data.
    pub simulator: &'a dyn Simulator,
    /// Compresses data to summaries.
    pub compressor: &'a dyn Compressor,
    /// Turns summaries into estimates.
    pub quasi_mle: &'a QuasiMle,
}

impl Forward<'_> {
    /// Number of parameters, of estimates too.
    pub fn n_params(&self) -> usize {
        self.simulator.n_params()
    }

    /// Estimates from rows of data.
    pub fn estimate(&self, data: &[f64], theta_hat: &mut [f64]) {
        let n_rows = data.len() / self.simulator.n_data();
        let mut summaries = vec![0.0; n_rows * self.compressor.n_summaries()];
        self.compressor.compress(data, &mut summaries);
        self.quasi_mle.estimate(&summaries, theta_hat);
    }

    /// One simulation at each row of `thetas`, with the streams `first_index..` of `seed`, into estimates.
    ///
    /// A failed simulation has NaN for its estimate: at no distance from anything, so never accepted; and is told.
    ///
    /// # Errors
    /// Invalid input, if the estimates are not those of the simulator's parameters; what stands in the way of every
    /// simulation; interrupted, once `progress` wants an end.
    pub fn simulate(
        &self,
        thetas: &[f64],
        seed: Seed,
        first_index: u64,
        theta_hat: &mut [f64],
        progress: &dyn Progress,
    ) -> Result<Failures> {
        let chunk_size = chunk_size(thetas.len() / self.n_params());
        self.simulate_chunks(thetas, seed, first_index, chunk_size, theta_hat, progress)
    }

    /// As [`Forward::simulate`], for some of the chunks of a batch.
    pub(super) fn simulate_chunks(
        &self,
        thetas: &[f64],
        seed: Seed,
        first_index: u64,
        chunk_size: usize,
        theta_hat: &mut [f64],
        progress: &dyn Progress,
    ) -> Result<Failures> {
        let (n_params, n_data) = (self.n_params(), self.simulator.n_data());
        if self.quasi_mle.n_params() != n_params {
            let n_estimates = self.quasi_mle.n_params();
            return Err(Error::invalid_input(format!(
                "a simulator of {n_params} parameters and estimates of {n_estimates} do not fit together"
            )));
        }
        let width = chunk_size * n_params;
        let Some(pool) = self.simulator.pool() else {
            let chunks = theta_hat.par_chunks_mut(width).zip(thetas.par_chunks(width)).enumerate();
            return gather(chunks.map(|(chunk, (theta_hat, thetas))| {
                let first = first_index + (chunk * chunk_size) as u64;
                let mut data = vec![0.0; thetas.len() / n_params * n_data];
                let mut failures = Failures::default();
                stop_if_asked(progress)?;
                for ((theta, row), index) in
                    thetas.chunks_exact(n_params).zip(data.chunks_exact_mut(n_data)).zip(first..)
                {
                    self.row(theta, seed, index, row, &mut failures)?;
                }
                self.estimate_chunk(&mut data, theta_hat);
                Ok(failures)
            }));
        };
        let mut failures = Failures::default();
        let slab = slab_rows(n_data, chunk_size) * n_params;
        for (k, (thetas, theta_hat)) in thetas.chunks(slab).zip(theta_hat.chunks_mut(slab)).enumerate() {
            let first = first_index + (k * slab / n_params) as u64;
            let mut data = vec![0.0; thetas.len() / n_params * n_data];
            failures.merge(pool.install(|| {
                let rows = thetas.par_chunks_exact(n_params).zip(data.par_chunks_exact_mut(n_data)).with_max_len(1);
                gather(rows.enumerate().map(|(i, (theta, row))| {
                    let mut failures = Failures::default();
                    stop_if_asked(progress)?;
                    self.row(theta, seed, first + i as u64, row, &mut failures)?;
                    Ok(failures)
                }))
            })?);
            let chunks = theta_hat.par_chunks_mut(width).zip(data.par_chunks_mut(chunk_size * n_data));
            chunks.for_each(|(theta_hat, data)| self.estimate_chunk(data, theta_hat));
        }
        Ok(failures)
    }

    /// One simulation; NaN in its data where it failed.
    fn row(&self, theta: &[f64], seed: Seed, index: u64, row: &mut [f64], failures: &mut Failures) -> Result<()> {
        if let Some(failure) = attempt(self.simulator, theta, &mut seed.stream(index), row)? {
            failures.add(Record { index, theta: theta.to_vec(), failure });
        }
        Ok(())
    }

    /// Estimates of a chunk, NaN where the data are.
    fn estimate_chunk(&self, data: &mut [f64], theta_hat: &mut [f64]) {
        let n_data = self.simulator.n_data();
        let failed: Vec<usize> =
            data.chunks_exact(n_data).enumerate().filter(|(_, row)| row[0].is_nan()).map(|(i, _)| i).collect();
        failed.iter().for_each(|i| data[i * n_data..(i + 1) * n_data].fill(0.0));
        self.estimate(data, theta_hat);
        failed.iter().for_each(|i| theta_hat[i * self.n_params()..(i + 1) * self.n_params()].fill(f64::NAN));
    }
}

/// Simulations of a chunk. The number of rows of the batch alone decides, not the threads or who simulates: results are
/// the same on any number of them.
pub(super) fn chunk_size(n_rows: usize) -> usize {
    (n_rows / 32).clamp(MIN_CHUNK, CHUNK)
}

/// Simulations whose data are held at once: whole chunks.
pub(super) fn slab_rows(n_data: usize, chunk_size: usize) -> usize {
    (SLAB / n_data / chunk_size).max(1) * chunk_size
}

fn stop_if_asked(progress: &dyn Progress) -> Result<()> {
    if progress.stop_requested() { Err(Error::interrupted("the simulations were stopped")) } else { Ok(()) }
}

/// All failures, or the first error in the order of the items.
fn gather(outcomes: impl IndexedParallelIterator<Item = Result<Failures>>) -> Result<Failures> {
    let outcomes: Vec<Result<Failures>> = outcomes.collect();
    let mut all = Failures::default();
    for failures in outcomes {
        let failures = failures?;
        if failures.n() > 0 {
            all.merge(failures);
        }
    }
    Ok(all)
}
