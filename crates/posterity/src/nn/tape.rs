//! One chunk of rows through a network and back.

use super::network::Network;
use super::node::{Node, Operation};
use super::pool::{global_mean, global_mean_vjp};
use super::power;
use super::real::Real;

/// Buffers of one chunk of rows, kept from chunk to chunk: the result of each node, and its cotangent.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape<T> {
    results: Vec<Vec<T>>,
    cotangents: Vec<Vec<T>>,
    /// A cotangent that is being made.
    next: Vec<T>,
    /// Columns of a convolution.
    columns: Vec<T>,
}

impl<T: Real> Tape<T> {
    /// The network's output for the rows of the last [`Tape::forward`], and where its cotangent goes before
    /// [`Tape::vjp`].
    pub(super) fn output_and_cotangent(&mut self, len: usize) -> (&[T], &mut [T]) {
        let output = self.results.last().map_or(&[][..], |output| &output[..len]);
        (output, self.cotangents.last_mut().map_or(&mut [], |cotangent| grown(cotangent, len)))
    }

    /// Runs the rows of `input` through all nodes on this thread, keeping each result.
    ///
    /// Rows come in *bundles*: a row of values, then `n_tangents` rows of tangents, which are carried along to the first
    /// order.
    pub(super) fn forward(&mut self, network: &Network, weights: &[T], input: &[T], n_tangents: usize) {
        let n_rows = input.len() / network.n_in();
        let nodes = network.nodes();
        self.results.resize(nodes.len(), Vec::new());
        self.cotangents.resize(nodes.len() + 1, Vec::new());
        for (k, node) in nodes.iter().enumerate() {
            let (before, after) = self.results.split_at_mut(k);
            let out = grown(&mut after[0], n_rows * node.shape.len());
            let seen = |from: usize| result(before, nodes, input, from, n_rows);
            let weights = &weights[node.weights.clone()];
            let first = seen(node.from[0]);
            match &node.operation {
                Operation::Dense(dense) => dense.forward(weights, first, n_tangents, out),
                Operation::Convolution(convolution) => {
                    convolution.forward(weights, first, n_tangents, out, &mut self.columns);
                }
                Operation::Activation(activation) => activation.forward(first, node.shape.len(), n_tangents, out),
                Operation::Power(n) => power::forward(first, n * node.shape.len(), *n, n_tangents, out),
                Operation::MeanPool(blocks) => blocks.mean(first, out),
                Operation::MaxPool(blocks) => {
                    blocks.largest(first, first.len() / n_rows, n_tangents, out);
                }
                Operation::GlobalMean(n_cells) => global_mean(first, *n_cells, out),
                Operation::LayerNorm(norm) => norm.forward(weights, first, n_tangents, out),
                Operation::Add => {
                    let terms = first.iter().zip(seen(node.from[1]));
                    out.iter_mut().zip(terms).for_each(|(sum, (a, b))| *sum = *a + *b);
                }
                Operation::Concatenate => {
                    let width = node.shape.len();
                    let mut begin = 0;
                    for from in &node.from {
                        let part = seen(*from);
                        let n = part.len() / n_rows;
                        for (out, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(n)) {
                            out[begin..begin + n].copy_from_slice(part);
                        }
                        begin += n;
                    }
                }
            }
        }
    }

    /// After [`Tape::forward`] of the same rows: adds the gradient of Σ cotangent · output to `gradient` (or replaces
    /// it), from the cotangent of the output; writes that of the input where wanted.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn vjp(
        &mut self,
        network: &Network,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        gradient: &mut [T],
        add: bool,
        input_cotangent: Option<&mut [T]>,
    ) {
        let n_rows = input.len() / network.n_in();
        let nodes = network.nodes();
        // Which results have a cotangent already, to which further ones are added.
        let mut is_begun = vec![false; nodes.len() + 1];
        let first_wanted = usize::from(input_cotangent.is_none());
        for (k, node) in nodes.iter().enumerate().rev() {
            let mut cotangent = std::mem::take(&mut self.cotangents[k + 1]);
            let g = &mut cotangent[..n_rows * node.shape.len()];
            let weights = &weights[node.weights.clone()];
            let d_weights = &mut gradient[node.weights.clone()];
            let from = node.from[0];
            let seen = result(&self.results, nodes, input, from, n_rows);
            let width = seen.len() / n_rows;
            let wanted = from >= first_wanted;
            let next = &mut self.next;
            let mut made = true;
            match &node.operation {
                Operation::Dense(dense) => {
                    let out = wanted.then(|| grown(next, seen.len()));
                    dense.vjp(weights, seen, n_tangents, g, d_weights, add, out);
                }
                Operation::Convolution(convolution) => {
                    let out = wanted.then(|| grown(next, seen.len()));
                    convolution.vjp(weights, seen, n_tangents, g, d_weights, add, out, &mut self.columns);
                }
                Operation::Activation(activation) => {
                    activation.vjp(seen, width, n_tangents, g);
                    std::mem::swap(next, &mut cotangent);
                }
                Operation::LayerNorm(norm) => {
                    norm.vjp(weights, seen, n_tangents, g, d_weights, add);
                    std::mem::swap(next, &mut cotangent);
                }
                Operation::Power(n) => power::vjp(seen, width, *n, n_tangents, g, grown(next, seen.len())),
                Operation::MeanPool(blocks) => blocks.mean_vjp(g, grown(next, seen.len())),
                Operation::MaxPool(blocks) => {
                    blocks.largest_vjp(seen, width, n_tangents, g, grown(next, seen.len()));
                }
                Operation::GlobalMean(n_cells) => global_mean_vjp(g, *n_cells, grown(next, seen.len())),
                Operation::Add => {
                    for from in &node.from {
                        grown(next, g.len()).copy_from_slice(g);
                        deliver(&mut self.cotangents[*from], &mut is_begun[*from], next, g.len());
                    }
                    made = false;
                }
                Operation::Concatenate => {
                    let mut begin = 0;
                    for from in &node.from {
                        let n = result(&self.results, nodes, input, *from, n_rows).len() / n_rows;
                        let part = grown(next, n_rows * n);
                        for (part, g) in part.chunks_exact_mut(n).zip(g.chunks_exact(node.shape.len())) {
                            part.copy_from_slice(&g[begin..begin + n]);
                        }
                        begin += n;
                        deliver(&mut self.cotangents[*from], &mut is_begun[*from], next, n_rows * n);
                    }
                    made = false;
                }
            }
            if made && wanted {
                deliver(&mut self.cotangents[from], &mut is_begun[from], next, n_rows * width);
            }
            self.cotangents[k + 1] = cotangent;
        }
        if let Some(out) = input_cotangent {
            out.copy_from_slice(&self.cotangents[0][..input.len()]);
        }
    }
}

/// The rows of a result: 0 is the input.
fn result<'a, T>(results: &'a [Vec<T>], nodes: &[Node], input: &'a [T], from: usize, n_rows: usize) -> &'a [T] {
    match from.checked_sub(1) {
        None => input,
        Some(k) => &results[k][..n_rows * nodes[k].shape.len()],
    }
}

/// Hands what was made to a result's cotangent, or adds it there.
fn deliver<T: Real>(cotangent: &mut Vec<T>, is_begun: &mut bool, made: &mut Vec<T>, len: usize) {
    if *is_begun {
        cotangent[..len].iter_mut().zip(&made[..len]).for_each(|(sum, g)| *sum += *g);
    } else {
        std::mem::swap(cotangent, made);
        *is_begun = true;
    }
}

/// The first values of a buffer, which grows where it is too short.
fn grown<T: Real>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::ZERO);
    }
    &mut buffer[..len]
}
