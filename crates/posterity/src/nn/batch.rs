//! A network over many rows: chunks of fixed size spread over the threads, gradients summed in a fixed order.

use super::network::Network;
use super::real::Real;
use super::tape::Tape;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Rows (tangents counted) of one chunk: enough for matrix products at full speed, few enough for the cache.
const CHUNK_ROWS: usize = 512;
/// Values of the widest layer of one chunk, where the rows are fields.
const CHUNK_VALUES: usize = 1 << 17;
/// Weights whose partial gradients one task sums.
const SUM_CHUNK: usize = 8192;
/// Partial gradients at most. Chunk c adds to partial gradient c mod their number, whatever thread runs it.
const LANES: usize = 32;

/// Buffers of a network's batches, kept from one call to the next.
#[derive(Debug, Default)]
pub struct Workspace<T> {
    /// Partial gradients.
    lanes: Vec<Vec<T>>,
    tapes: Tapes<T>,
}

/// Tapes that are not in use, as many as threads ever ran at once.
#[derive(Debug, Default)]
struct Tapes<T>(Mutex<Vec<Tape<T>>>);

impl<T: Real> Tapes<T> {
    /// Runs `work` with one of them, whichever: what a tape held before has no bearing on what comes out.
    fn with<R>(&self, work: impl FnOnce(&mut Tape<T>) -> R) -> R {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tape = free.pop().unwrap_or_default();
        drop(free);
        let result = work(&mut tape);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tape);
        result
    }
}

impl Network {
    /// Outputs of all bundles of `input`, rows in the same order (`n_out` values each).
    ///
    /// Shapes: input `(n, 1 + n_tangents, n_in)`, output `(n, 1 + n_tangents, n_out)`.
    pub fn apply<T: Real>(&self, weights: &[T], input: &[T], n_tangents: usize, output: &mut [T]) {
        let rows = self.chunk_bundles(n_tangents) * (1 + n_tangents);
        let chunks = input.par_chunks(rows * self.n_in()).zip(output.par_chunks_mut(rows * self.n_out()));
        let tapes = Tapes::default();
        chunks.for_each(|(input, output)| {
            tapes.with(|tape| {
                tape.forward(self, weights, input, n_tangents);
                output.copy_from_slice(tape.output_and_cotangent(output.len()).0);
            });
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
        let mut sum = GradientSum::new(self, input.len() / ((1 + n_tangents) * self.n_in()), n_tangents, workspace);
        sum.add(weights, input, cotangent);
        sum.finish(gradient);
    }

    /// Memory that it takes at least while it is trained in single precision \[bytes\]: weights, their running average, the
    /// best ones, gradient, moments and partial gradients, and what goes between the layers of one chunk, there and back.
    pub fn bytes_of_training(&self) -> f64 {
        let of_weights = (8 + LANES) as f64 * self.n_weights() as f64;
        let values = self.nodes().iter().map(|node| node.shape.len() as f64).sum::<f64>();
        4.0 * (of_weights + 2.0 * self.chunk_bundles(0) as f64 * values)
    }

    /// Bundles of one chunk: a property of the network alone, so that sums have one order.
    pub fn chunk_bundles(&self, n_tangents: usize) -> usize {
        let rows = self.widest_field().map_or(CHUNK_ROWS, |width| (CHUNK_VALUES / width).clamp(1, CHUNK_ROWS));
        (rows / (1 + n_tangents)).max(1)
    }
}

/// A gradient by the weights that is summed over blocks of bundles, in order: the same bits as from all of them at once.
pub struct GradientSum<'a, T> {
    network: &'a Network,
    n_tangents: usize,
    n_lanes: usize,
    /// Bundles so far.
    done: usize,
    workspace: &'a mut Workspace<T>,
}

impl<'a, T: Real> GradientSum<'a, T> {
    /// For so many bundles of a row and its tangents.
    pub fn new(network: &'a Network, n_bundles: usize, n_tangents: usize, workspace: &'a mut Workspace<T>) -> Self {
        let n_lanes = n_bundles.div_ceil(network.chunk_bundles(n_tangents)).min(LANES);
        workspace.lanes.resize_with(n_lanes, Vec::new);
        workspace.lanes.iter_mut().for_each(|lane| lane.resize(network.n_weights(), T::ZERO));
        Self { network, n_tangents, n_lanes, done: 0, workspace }
    }

    /// Adds the next bundles: a multiple of [`Network::chunk_bundles`], but for the last. `cotangent` as for
    /// [`Network::gradient`], with the numbers of bundles among all.
    pub fn add(&mut self, weights: &[T], input: &[T], cotangent: impl Fn(Range<usize>, &[T], &mut [T]) + Sync) {
        let Self { network, n_tangents, n_lanes, done, ref mut workspace } = *self;
        let bundles = network.chunk_bundles(n_tangents);
        let chunks: Vec<&[T]> = input.chunks(bundles * (1 + n_tangents) * network.n_in()).collect();
        let first_chunk = done / bundles;
        let Workspace { lanes, tapes } = &mut **workspace;
        lanes.par_iter_mut().enumerate().for_each(|(l, lane)| {
            // Chunk c of all is of lane c mod n_lanes.
            let first = (l + n_lanes - first_chunk % n_lanes) % n_lanes;
            tapes.with(|tape| {
                for (k, input) in chunks.iter().enumerate().skip(first).step_by(n_lanes) {
                    let c = first_chunk + k;
                    tape.forward(network, weights, input, n_tangents);
                    let n_rows = input.len() / network.n_in();
                    let first = c * bundles;
                    let (outputs, cotangents) = tape.output_and_cotangent(n_rows * network.n_out());
                    cotangent(first..first + n_rows / (1 + n_tangents), outputs, cotangents);
                    tape.vjp(network, weights, input, n_tangents, lane, c != l, None);
                }
            });
        });
        self.done += input.len() / ((1 + n_tangents) * network.n_in());
    }

    /// The sum, which replaces what `gradient` held.
    pub fn finish(self, gradient: &mut [T]) {
        let lanes = &self.workspace.lanes;
        let Some((first, others)) = lanes.split_first().filter(|_| self.done > 0) else {
            gradient.fill(T::ZERO);
            return;
        };
        gradient.par_chunks_mut(SUM_CHUNK).enumerate().for_each(|(k, sum)| {
            let range = k * SUM_CHUNK..k * SUM_CHUNK + sum.len();
            sum.copy_from_slice(&first[range.clone()]);
            for lane in others {
                sum.iter_mut().zip(&lane[range.clone()]).for_each(|(sum, g)| *sum += *g);
            }
        });
    }
}
