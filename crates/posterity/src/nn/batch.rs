//! A network over many rows: chunks of fixed size spread over the threads, gradients summed in a fixed order.

use super::network::{Network, Tape};
use super::real::Real;
use rayon::prelude::*;
use std::ops::Range;

/// Rows (tangents counted) of one chunk: enough for matrix products at full speed, few enough for the cache.
const CHUNK_ROWS: usize = 512;
/// Weights whose partial gradients one task sums.
const SUM_CHUNK: usize = 8192;
/// Partial gradients at most. Chunk c adds to partial gradient c mod their number, whatever thread runs it.
const LANES: usize = 32;

/// Buffers of a network's batches, kept from one call to the next.
#[derive(Clone, Debug, Default)]
pub struct Workspace<T> {
    lanes: Vec<Lane<T>>,
}

#[derive(Clone, Debug, Default)]
struct Lane<T> {
    tape: Tape<T>,
    gradient: Vec<T>,
}

impl Network {
    /// Outputs of all bundles of `input`, rows in the same order (`n_out` values each).
    ///
    /// Shapes: input `(n, 1 + n_tangents, n_in)`, output `(n, 1 + n_tangents, n_out)`.
    pub fn apply<T: Real>(&self, weights: &[T], input: &[T], n_tangents: usize, output: &mut [T]) {
        let rows = chunk_bundles(n_tangents) * (1 + n_tangents);
        let chunks = input.par_chunks(rows * self.n_in()).zip(output.par_chunks_mut(rows * self.n_out()));
        chunks.for_each_init(Tape::default, |tape, (input, output)| {
            self.forward(weights, input, n_tangents, tape);
            output.copy_from_slice(tape.output_and_cotangent(output.len()).0);
        });
    }

    /// Gradient, by the weights, of a function of the outputs.
    ///
    /// `cotangent(bundles, outputs, cotangents)` is called once for each chunk, on any thread, with the range of its
    /// bundles, and fills the function's derivative by each output. The gradient replaces what `gradient` held.
    pub fn gradient<T: Real>(
        &self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        workspace: &mut Workspace<T>,
        gradient: &mut [T],
        cotangent: impl Fn(Range<usize>, &[T], &mut [T]) + Sync,
    ) {
        let bundles = chunk_bundles(n_tangents);
        let chunks: Vec<&[T]> = input.chunks(bundles * (1 + n_tangents) * self.n_in()).collect();
        if chunks.is_empty() {
            gradient.fill(T::ZERO);
            return;
        }
        let n_lanes = chunks.len().min(LANES);
        workspace.lanes.resize_with(n_lanes, Lane::default);
        workspace.lanes.par_iter_mut().enumerate().for_each(|(l, lane)| {
            lane.gradient.resize(self.n_weights(), T::ZERO);
            for (c, input) in chunks.iter().enumerate().skip(l).step_by(n_lanes) {
                self.forward(weights, input, n_tangents, &mut lane.tape);
                let n_rows = input.len() / self.n_in();
                let first = c * bundles;
                let (outputs, cotangents) = lane.tape.output_and_cotangent(n_rows * self.n_out());
                cotangent(first..first + n_rows / (1 + n_tangents), outputs, cotangents);
                self.vjp(weights, input, n_tangents, &mut lane.tape, &mut lane.gradient, c != l, None);
            }
        });
        let lanes = &workspace.lanes;
        gradient.par_chunks_mut(SUM_CHUNK).enumerate().for_each(|(k, sum)| {
            let range = k * SUM_CHUNK..k * SUM_CHUNK + sum.len();
            sum.copy_from_slice(&lanes[0].gradient[range.clone()]);
            for lane in &lanes[1..] {
                sum.iter_mut().zip(&lane.gradient[range.clone()]).for_each(|(sum, g)| *sum += *g);
            }
        });
    }
}

fn chunk_bundles(n_tangents: usize) -> usize {
    (CHUNK_ROWS / (1 + n_tangents)).max(1)
}
