//! What a network does, operation by operation: layers with their sizes settled, and which results each takes.

use super::activation::Activation;
use super::convolution::Convolution;
use super::dense::Dense;
use super::layer_norm::LayerNorm;
use super::pool::Blocks;
use super::shape::Shape;
use std::ops::Range;

/// An operation on rows that come in bundles of a value row and its tangents.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Dense(Dense),
    Convolution(Convolution),
    Activation(Activation),
    /// The power of so many components.
    Power(usize),
    MeanPool(Blocks),
    MaxPool(Blocks),
    /// The mean of so many cells.
    GlobalMean(usize),
    LayerNorm(LayerNorm),
    /// The sum of two.
    Add,
    /// One after another.
    Concatenate,
}

impl Operation {
    pub(super) fn n_weights(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.n_weights(),
            Self::Convolution(convolution) => convolution.n_weights(),
            Self::LayerNorm(norm) => norm.n_weights(),
            _ => 0,
        }
    }

    /// Parts of the weights, `(name, shape)`, in order.
    pub(super) fn parts(&self) -> Vec<(&'static str, Vec<usize>)> {
        match self {
            Self::Dense(dense) => vec![("weight", vec![dense.n_out, dense.n_in]), ("bias", vec![dense.n_out])],
            Self::Convolution(c) => {
                let mut parts = vec![("weight", vec![c.channels, c.channels_in, c.n_seen() / c.channels_in])];
                parts.extend(c.has_bias.then(|| ("bias", vec![c.channels])));
                parts
            }
            Self::LayerNorm(norm) => vec![("weight", vec![norm.channels]), ("bias", vec![norm.channels])],
            _ => vec![],
        }
    }

    /// Floating point operations of one forward pass of one row, of products and gathering alone.
    pub(super) fn flops(&self) -> usize {
        match self {
            Self::Dense(dense) => 2 * dense.n_in * dense.n_out,
            Self::Convolution(convolution) => convolution.flops(),
            _ => 0,
        }
    }
}

/// An operation with its place: result 0 is the network's input, result k + 1 that of node k.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) operation: Operation,
    /// Results that it takes.
    pub(super) from: Vec<usize>,
    pub(super) shape: Shape,
    /// Where its weights lie.
    pub(super) weights: Range<usize>,
    /// Its layer's place in the list of layers, and within it: `2`, `2.0.1`.
    pub(super) name: String,
    /// Index in the outermost list of layers.
    pub(super) layer: usize,
}
