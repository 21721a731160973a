//! A network as a value: a list of layers over one flat slice of weights, run on rows of a batch.

use super::activation::Activation;
use super::layer::Layer;
use super::node::{Node, Operation};
use super::plan::plan;
use super::shape::Shape;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Layers one after another.
///
/// Rows of a batch come in *bundles*: a row of values, then `n_tangents` rows of tangents (directions in which the
/// input moves), which the network carries along to the first order. Without tangents a bundle is a row.
///
/// ```
/// use posterity::nn::{Layer, Network, Shape};
/// let layers = vec![
///     Layer::Multipole { channels: 8, kernel_size: 5, degrees: vec![0], stride: 1, padding: Default::default() },
///     Layer::Silu {},
///     Layer::GlobalMean {},
///     Layer::Dense { width: 2 },
/// ];
/// let network = Network::new(Shape::field(&[128, 128]), layers)?;
/// // Six radii for each of eight channels and their biases, then 2 × 8 weights and 2 biases.
/// assert_eq!(network.n_weights(), 8 * 6 + 8 + 2 * 8 + 2);
/// # Ok::<(), posterity::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Described", into = "Described")]
pub struct Network {
    input: Shape,
    layers: Vec<Layer>,
    nodes: Vec<Node>,
}

/// A network as its file describes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    input: Shape,
    layers: Vec<Layer>,
}

impl TryFrom<Described> for Network {
    type Error = Error;

    fn try_from(Described { input, layers }: Described) -> Result<Self> {
        Self::new(input, layers)
    }
}

impl From<Network> for Described {
    fn from(Network { input, layers, .. }: Network) -> Self {
        Self { input, layers }
    }
}

/// A line of a network's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer's number in the list, from 0.
    pub index: usize,
    /// Its kind.
    pub kind: &'static str,
    /// What goes out.
    pub shape: Shape,
    /// Its weights, those of the layers within it counted.
    pub n_weights: usize,
}

impl Network {
    /// Layers one after another, the first of which takes `input`.
    ///
    /// # Errors
    /// Invalid input, with the number of the first layer that does not fit what the one before it gives.
    pub fn new(input: Shape, layers: Vec<Layer>) -> Result<Self> {
        let nodes = plan(&input, &layers)
            .map_err(|what| Error::invalid_input(what).remedy("change the layer, or the one before it"))?;
        Ok(Self { input, layers, nodes })
    }

    /// A multilayer perceptron: dense layers of the `hidden` widths with `activation` behind each, then one of `n_out`.
    ///
    /// ```
    /// use posterity::nn::{Activation, Network};
    /// let network = Network::perceptron(10, &[128, 128, 128], Activation::LeakyRelu, 2)?;
    /// assert_eq!(network.n_weights(), 34_690);
    /// # Ok::<(), posterity::Error>(())
    /// ```
    ///
    /// # Errors
    /// Invalid input if a width is zero.
    pub fn perceptron(n_in: usize, hidden: &[usize], activation: Activation, n_out: usize) -> Result<Self> {
        let mut layers = Vec::new();
        for &width in hidden {
            layers.extend([Layer::Dense { width }, activation.into()]);
        }
        layers.push(Layer::Dense { width: n_out });
        Self::new(Shape::flat(n_in), layers)
    }

    /// One dense layer: a linear map.
    ///
    /// # Errors
    /// Invalid input if a width is zero.
    pub fn linear(n_in: usize, n_out: usize) -> Result<Self> {
        Self::perceptron(n_in, &[], Activation::Tanh, n_out)
    }

    /// What goes into the first layer.
    pub fn input(&self) -> &Shape {
        &self.input
    }

    /// Values into the first layer.
    pub fn n_in(&self) -> usize {
        self.input.len()
    }

    /// Values out of the last layer.
    pub fn n_out(&self) -> usize {
        self.nodes.last().map_or(self.n_in(), |node| node.shape.len())
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Number of weights of all layers together.
    pub fn n_weights(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.weights.end)
    }

    /// What goes out of each layer, and its number of weights.
    pub fn table(&self) -> Vec<LayerSummary> {
        let line = |(index, layer): (usize, &Layer)| {
            let nodes = || self.nodes.iter().filter(move |node| node.layer == index);
            // A layer of one branch that passes its input on has no operation of its own.
            let last = self.nodes.iter().rfind(|node| node.layer <= index);
            let shape = last.map_or(&self.input, |node| &node.shape).clone();
            LayerSummary { index, kind: layer.kind(), shape, n_weights: nodes().map(|node| node.weights.len()).sum() }
        };
        self.layers.iter().enumerate().map(line).collect()
    }

    /// Matrix, `(n_out, n_in)` row after row, and bias of the last layer; none where it is not dense.
    pub fn last_layer<'a, T>(&self, weights: &'a mut [T]) -> Option<(&'a mut [T], &'a mut [T])> {
        match self.nodes.last() {
            Some(Node { operation: Operation::Dense(dense), weights: range, .. }) => {
                Some(weights[range.clone()].split_at_mut(dense.n_in * dense.n_out))
            }
            _ => None,
        }
    }

    /// Floating point operations of one forward pass of one row, of products and of gathering what kernels see.
    pub fn flops(&self) -> usize {
        self.nodes.iter().map(|node| node.operation.flops()).sum()
    }

    /// The operations, in order.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The operations that take the result of node k.
    pub(super) fn takers(&self, k: usize) -> impl Iterator<Item = &Operation> {
        self.nodes.iter().filter(move |node| node.from.contains(&(k + 1))).map(|node| &node.operation)
    }

    /// Values of the widest result of a layer on a grid; none where all are lists.
    pub(super) fn widest_field(&self) -> Option<usize> {
        let shapes = self.nodes.iter().map(|node| &node.shape).chain([&self.input]);
        shapes.filter(|shape| !shape.size.is_empty()).map(Shape::len).max()
    }
}
