//! A network as a value: a list of layers over one flat slice of weights, run on rows of a batch.

use super::activation::Activation;
use super::dense::Dense;
use super::real::Real;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Fully connected, with bias.
    Dense(Dense),
    /// A function of each value.
    Activation(Activation),
}

/// Layers one after another.
///
/// Rows of a batch come in *bundles*: a row of values, then `n_tangents` rows of tangents (directions in which the
/// input moves), which the network carries along to the first order. Without tangents a bundle is a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    n_in: usize,
    layers: Vec<Layer>,
}

impl Network {
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
        let widths: Vec<usize> = [n_in].iter().chain(hidden).chain(&[n_out]).copied().collect();
        if widths.contains(&0) {
            return Err(Error::invalid_input(format!("a network with widths {widths:?} has an empty layer"))
                .remedy("give every layer at least one value"));
        }
        let mut layers = Vec::new();
        for pair in widths.windows(2) {
            layers.push(Layer::Dense(Dense { n_in: pair[0], n_out: pair[1] }));
            layers.push(Layer::Activation(activation));
        }
        layers.pop();
        Ok(Self { n_in, layers })
    }

    /// One dense layer: a linear map.
    ///
    /// # Errors
    /// Invalid input if a width is zero.
    pub fn linear(n_in: usize, n_out: usize) -> Result<Self> {
        Self::perceptron(n_in, &[], Activation::Tanh, n_out)
    }

    /// Values into the first layer.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Values out of the last layer.
    pub fn n_out(&self) -> usize {
        self.widths().last().unwrap_or(self.n_in)
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Number of weights of all layers together.
    pub fn n_weights(&self) -> usize {
        self.weight_ranges().last().map_or(0, |range| range.end)
    }

    /// Where the weights of each layer lie in the flat slice (empty ranges for layers without).
    pub fn weight_ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.layers.iter().scan(0, |start, layer| {
            let range = *start..*start + if let Layer::Dense(dense) = layer { dense.n_weights() } else { 0 };
            *start = range.end;
            Some(range)
        })
    }

    /// Width of each layer's output.
    pub(super) fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().scan(self.n_in, |width, layer| {
            if let Layer::Dense(dense) = layer {
                *width = dense.n_out;
            }
            Some(*width)
        })
    }

    /// Whether each layer takes what the one before it gives; what is wrong, if not.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let mut width = self.n_in;
        let mut after_dense = false;
        for (k, layer) in self.layers.iter().enumerate() {
            match layer {
                Layer::Dense(dense) if dense.n_in != width || dense.n_in == 0 || dense.n_out == 0 => {
                    return Err(format!("layer {k} takes {} values, where {width} come", dense.n_in));
                }
                Layer::Dense(dense) => width = dense.n_out,
                Layer::Activation(_) if !after_dense => {
                    return Err(format!("layer {k}, an activation, follows no dense layer"));
                }
                Layer::Activation(_) => {}
            }
            after_dense = matches!(layer, Layer::Dense(_));
        }
        if after_dense { Ok(()) } else { Err("the last layer is not dense".into()) }
    }

    /// Floating point operations of one forward pass of one row.
    pub fn flops(&self) -> usize {
        self.layers.iter().map(|layer| if let Layer::Dense(d) = layer { 2 * d.n_in * d.n_out } else { 0 }).sum()
    }

    /// Runs the rows of `input` through all layers on this thread, keeping each layer's output in the tape.
    pub(super) fn forward<T: Real>(&self, weights: &[T], input: &[T], n_tangents: usize, tape: &mut Tape<T>) {
        let n_rows = input.len() / self.n_in;
        tape.reserve(self, n_rows);
        let mut width_in = self.n_in;
        let mut bias: &[T] = &[];
        for (k, ((layer, width), range)) in self.layers.iter().zip(self.widths()).zip(self.weight_ranges()).enumerate()
        {
            let (before, after) = tape.outputs.split_at_mut(k);
            let out = &mut after[0][..n_rows * width];
            match (layer, before.last_mut()) {
                (Layer::Dense(dense), before) => {
                    let input = before.map_or(input, |output| &output[..n_rows * width_in]);
                    dense.forward(&weights[range.clone()], input, out);
                    match self.layers.get(k + 1) {
                        Some(Layer::Activation(_)) => bias = dense.bias(&weights[range]),
                        _ => dense.add_bias(&weights[range], n_tangents, out),
                    }
                }
                (Layer::Activation(activation), Some(z)) => {
                    activation.forward(&mut z[..n_rows * width], bias, n_tangents, out);
                }
                (Layer::Activation(_), None) => unreachable!("`check` lets an activation follow dense layers alone"),
            }
            width_in = width;
        }
    }

    /// After `forward` of the same rows: adds the gradient of Σ cotangent · output to `gradient` (or replaces it), from
    /// the cotangent in the tape; writes that of the input where wanted.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn vjp<T: Real>(
        &self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        tape: &mut Tape<T>,
        gradient: &mut [T],
        add: bool,
        input_cotangent: Option<&mut [T]>,
    ) {
        let n_rows = input.len() / self.n_in;
        let widths: Vec<usize> = self.widths().collect();
        let ranges: Vec<_> = self.weight_ranges().collect();
        let Tape { outputs, cotangent, next } = tape;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let width_in = if k == 0 { self.n_in } else { widths[k - 1] };
            let layer_in = if k == 0 { input } else { &outputs[k - 1][..n_rows * width_in] };
            match layer {
                Layer::Activation(activation) => {
                    activation.vjp(layer_in, width_in, n_tangents, &mut cotangent[..n_rows * width_in]);
                }
                Layer::Dense(dense) => {
                    let wanted = (k > 0 || input_cotangent.is_some()).then_some(&mut next[..n_rows * width_in]);
                    let (w, g) = (&weights[ranges[k].clone()], &mut gradient[ranges[k].clone()]);
                    dense.vjp(w, layer_in, n_tangents, &cotangent[..n_rows * widths[k]], g, add, wanted);
                    std::mem::swap(cotangent, next);
                }
            }
        }
        if let Some(out) = input_cotangent {
            out.copy_from_slice(&cotangent[..input.len()]);
        }
    }
}

/// Buffers of one chunk of rows: the output of each layer and two cotangents.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape<T> {
    outputs: Vec<Vec<T>>,
    /// The cotangent of the network's output, to be filled before `vjp`.
    pub(super) cotangent: Vec<T>,
    next: Vec<T>,
}

impl<T: Real> Tape<T> {
    /// Grows the buffers to `n_rows`; they are kept from chunk to chunk.
    fn reserve(&mut self, network: &Network, n_rows: usize) {
        self.outputs.resize(network.layers.len(), Vec::new());
        for (output, width) in self.outputs.iter_mut().zip(network.widths()) {
            if output.len() < n_rows * width {
                output.resize(n_rows * width, T::ZERO);
            }
        }
        let widest = n_rows * network.widths().max().unwrap_or(0).max(network.n_in);
        for buffer in [&mut self.cotangent, &mut self.next] {
            if buffer.len() < widest {
                buffer.resize(widest, T::ZERO);
            }
        }
    }

    /// The network's output for the rows of the last `forward`, and where its cotangent goes.
    pub(super) fn output_and_cotangent(&mut self, len: usize) -> (&[T], &mut [T]) {
        (self.outputs.last().map_or(&[], |output| &output[..len]), &mut self.cotangent[..len])
    }
}
