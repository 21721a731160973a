//! theta → d → x → theta_hat for many parameters at once: all that approximate Bayesian computation sees of the model.

use crate::compressor::{Compressor, QuasiMle};
use crate::seed::Seed;
use crate::simulator::Simulator;
use rayon::prelude::*;

/// Simulations that one task runs and compresses together, at most: large enough for the matrix products of a network.
const CHUNK: usize = 256;
/// And at least: a small batch of slow simulations is shared by many threads.
const MIN_CHUNK: usize = 8;

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
    /// A failed simulation has NaN for its estimate: at no distance from anything, so never accepted.
    pub fn simulate(&self, thetas: &[f64], seed: Seed, first_index: u64, theta_hat: &mut [f64]) {
        // The number of rows alone decides, not the threads: results are the same on any number of them.
        let chunk_size = (thetas.len() / self.n_params() / 32).clamp(MIN_CHUNK, CHUNK);
        let width = chunk_size * self.n_params();
        theta_hat.par_chunks_mut(width).zip(thetas.par_chunks(width)).enumerate().for_each(|(chunk, (out, thetas))| {
            self.simulate_chunk(thetas, seed, first_index + (chunk * chunk_size) as u64, out);
        });
    }

    /// As [`Forward::simulate`], on this thread alone: for callers that spread their own chunks.
    pub fn simulate_chunk(&self, thetas: &[f64], seed: Seed, first_index: u64, theta_hat: &mut [f64]) {
        let (n_params, n_data) = (self.n_params(), self.simulator.n_data());
        let mut data = vec![0.0; thetas.len() / n_params * n_data];
        let mut failed = Vec::new();
        for (i, (theta, row)) in thetas.chunks_exact(n_params).zip(data.chunks_exact_mut(n_data)).enumerate() {
            if self.simulator.simulate(theta, &mut seed.stream(first_index + i as u64), row).is_err() {
                row.fill(0.0);
                failed.push(i);
            }
        }
        self.estimate(&data, theta_hat);
        for i in failed {
            theta_hat[i * n_params..(i + 1) * n_params].fill(f64::NAN);
        }
    }
}
