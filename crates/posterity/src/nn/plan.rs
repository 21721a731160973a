//! From layers as they are named to operations of settled sizes; what does not fit is refused here.

use super::convolution::Convolution;
use super::dense::Dense;
use super::layer::{Layer, Padding};
use super::layer_norm::LayerNorm;
use super::node::{Node, Operation};
use super::pool::Blocks;
use super::shape::{MAX_AXES, Shape};
use super::stencil::{Geometry, Stencil};
use crate::engine::MAX_DEGREE;

/// Values between two layers, and weights, at the most.
const MAX_VALUES: usize = 1 << 31;

/// Operations, gathered.
struct Plan {
    nodes: Vec<Node>,
    input: Shape,
    layer: usize,
}

/// The operations of layers one after another; which layer is wrong and why, if one is.
pub(super) fn plan(input: &Shape, layers: &[Layer]) -> Result<Vec<Node>, String> {
    if n_values(input).is_none() {
        return Err(format!("data of {input} values are more than {MAX_VALUES}"));
    }
    if input.is_empty() || input.size.len() > MAX_AXES {
        return Err(format!(
            "data of {} axes: a network takes lists, and grids of one to three axes",
            input.size.len()
        ));
    }
    let mut plan = Plan { nodes: vec![], input: input.clone(), layer: 0 };
    let mut at = 0;
    for (k, layer) in layers.iter().enumerate() {
        plan.layer = k;
        at = plan.layer(layer, at, &k.to_string())?;
    }
    if at == 0 { Err("there is no layer".into()) } else { Ok(plan.nodes) }
}

impl Plan {
    fn shape(&self, result: usize) -> &Shape {
        if result == 0 { &self.input } else { &self.nodes[result - 1].shape }
    }

    /// Adds an operation; the number of its result.
    fn push(&mut self, name: &str, operation: Operation, from: Vec<usize>, shape: Shape) -> Result<usize, String> {
        let start = self.nodes.last().map_or(0, |node| node.weights.end);
        // Only with what goes in and out within bounds does the number of weights, at most their product, not overflow.
        let end = n_values(&shape).map(|_| start + operation.n_weights()).filter(|end| *end <= MAX_VALUES);
        let Some(end) = end else {
            return Err(format!("layer {name} has more than {MAX_VALUES} values or weights"));
        };
        let (weights, layer) = (start..end, self.layer);
        self.nodes.push(Node { operation, from, shape, weights, name: name.to_owned(), layer });
        Ok(self.nodes.len())
    }

    /// Adds a layer behind result `at`; the number of its result.
    fn layer(&mut self, layer: &Layer, at: usize, name: &str) -> Result<usize, String> {
        let shape = self.shape(at).clone();
        let wrong = |what: String| format!("layer {name} ({}): {what}", layer.kind());
        if let Some(activation) = layer.activation() {
            return self.push(name, Operation::Activation(activation), vec![at], shape);
        }
        let positive = |what: &str, n: usize| if n > 0 { Ok(()) } else { Err(wrong(format!("{what} is 0"))) };
        let field = || {
            if shape.size.is_empty() { Err(wrong(format!("wants a field, and {shape} values come"))) } else { Ok(()) }
        };
        match layer {
            Layer::Dense { width } => {
                positive("width", *width)?;
                let dense = Dense { n_in: shape.len(), n_out: *width };
                self.push(name, Operation::Dense(dense), vec![at], Shape::flat(*width))
            }
            Layer::Convolution { channels, kernel_size, stride, padding } => {
                positive("channels", *channels)?;
                field()?;
                let geometry = geometry(&shape, *kernel_size, *stride, *padding).map_err(wrong)?;
                let kernel = on_axes(&shape, *kernel_size);
                self.convolve(name, at, *channels, geometry, vec![Stencil::plain(kernel)], true)
            }
            Layer::Multipole { channels, kernel_size, degrees, stride, padding } => {
                positive("channels", *channels)?;
                field()?;
                let axes = shape.size.len();
                let problem = if axes == 1 {
                    format!("wants a field of two or three axes, not of {:?}", shape.size)
                } else if kernel_size.is_multiple_of(2) {
                    format!("kernel_size = {kernel_size} is not odd, so that it has no centre")
                } else if degrees.is_empty() || !degrees.is_sorted_by(|a, b| a < b) {
                    format!("degrees = {degrees:?} do not ascend")
                } else if degrees.iter().any(|l| *l > MAX_DEGREE || (*l > 0 && *kernel_size == 1)) {
                    format!("degrees = {degrees:?} are not to be told apart by a kernel of {kernel_size}")
                } else {
                    String::new()
                };
                if !problem.is_empty() {
                    return Err(wrong(problem));
                }
                let geometry = geometry(&shape, *kernel_size, *stride, *padding).map_err(wrong)?;
                let kernel = on_axes(&shape, *kernel_size);
                let mut results = Vec::new();
                for degree in degrees {
                    let stencils = Stencil::multipole(kernel, *degree);
                    let n_components = stencils.len();
                    let part = if degrees.len() == 1 { name.to_owned() } else { format!("{name}.{degree}") };
                    let result = self.convolve(&part, at, *channels, geometry, stencils, *degree == 0)?;
                    results.push(if *degree == 0 {
                        result
                    } else {
                        let shape = Shape { channels: *channels, size: self.shape(result).size.clone() };
                        self.push(&part, Operation::Power(n_components), vec![result], shape)?
                    });
                }
                self.concatenate(name, &results)
            }
            Layer::MeanPool { size } | Layer::MaxPool { size } => {
                positive("size", *size)?;
                field()?;
                if shape.size.iter().any(|n| !n.is_multiple_of(*size)) {
                    return Err(wrong(format!("blocks of {size} do not fill a field of {:?}", shape.size)));
                }
                let blocks = Blocks { size_in: shape.padded(), block: on_axes(&shape, *size) };
                let out = Shape { channels: shape.channels, size: shape.size.iter().map(|n| n / size).collect() };
                let is_mean = matches!(layer, Layer::MeanPool { .. });
                let operation = if is_mean { Operation::MeanPool(blocks) } else { Operation::MaxPool(blocks) };
                self.push(name, operation, vec![at], out)
            }
            Layer::GlobalMean {} => {
                field()?;
                self.push(name, Operation::GlobalMean(shape.n_cells()), vec![at], Shape::flat(shape.channels))
            }
            Layer::LayerNorm {} => {
                let norm = LayerNorm { channels: shape.channels, n_cells: shape.n_cells() };
                self.push(name, Operation::LayerNorm(norm), vec![at], shape)
            }
            Layer::Residual { layers } => {
                let end = self.way(layers, at, name)?;
                if end == at || *self.shape(end) != shape {
                    let made = if end == at { "nothing".to_owned() } else { self.shape(end).to_string() };
                    return Err(wrong(format!("its layers make {made} of {shape}, and cannot be added to it")));
                }
                self.push(name, Operation::Add, vec![at, end], shape)
            }
            Layer::Inception { branches } => {
                if branches.is_empty() {
                    return Err(wrong("there is no branch".into()));
                }
                let mut results = Vec::new();
                for (k, layers) in branches.iter().enumerate() {
                    results.push(self.way(layers, at, &format!("{name}.{k}"))?);
                }
                let size = &self.shape(results[0]).size;
                if let Some(other) = results.iter().find(|result| self.shape(**result).size != *size) {
                    let (one, other) = (self.shape(results[0]), self.shape(*other));
                    return Err(wrong(format!(
                        "its branches end with {one} and {other}, which do not fit side by side"
                    )));
                }
                self.concatenate(name, &results)
            }
            Layer::LeakyRelu {} | Layer::Tanh {} | Layer::Silu {} | Layer::Square {} | Layer::LogModulus {} => {
                unreachable!("activations were done above")
            }
        }
    }

    fn way(&mut self, layers: &[Layer], mut at: usize, name: &str) -> Result<usize, String> {
        for (k, layer) in layers.iter().enumerate() {
            at = self.layer(layer, at, &format!("{name}.{k}"))?;
        }
        Ok(at)
    }

    fn convolve(
        &mut self,
        name: &str,
        at: usize,
        channels: usize,
        geometry: Geometry,
        stencils: Vec<Stencil>,
        has_bias: bool,
    ) -> Result<usize, String> {
        let shape = self.shape(at);
        let axes = MAX_AXES - shape.size.len();
        let out = Shape { channels: channels.saturating_mul(stencils.len()), size: geometry.size_out[axes..].to_vec() };
        let channels_in = shape.channels;
        let convolution = Convolution { channels_in, channels, geometry, stencils, has_bias };
        self.push(name, Operation::Convolution(convolution), vec![at], out)
    }

    fn concatenate(&mut self, name: &str, results: &[usize]) -> Result<usize, String> {
        if let [one] = results {
            return Ok(*one);
        }
        let channels = results.iter().map(|result| self.shape(*result).channels).sum();
        let shape = Shape { channels, size: self.shape(results[0]).size.clone() };
        self.push(name, Operation::Concatenate, results.to_vec(), shape)
    }
}

/// Values of a shape, if they are not too many.
fn n_values(shape: &Shape) -> Option<usize> {
    let n = shape.size.iter().try_fold(shape.channels, |n, size| n.checked_mul(*size));
    n.filter(|n| *n <= MAX_VALUES)
}

/// A number along each axis of a field, 1 along those that it does not have.
fn on_axes(shape: &Shape, n: usize) -> [usize; MAX_AXES] {
    let first = MAX_AXES - shape.size.len();
    std::array::from_fn(|k| if k < first { 1 } else { n })
}

fn geometry(shape: &Shape, kernel: usize, stride: usize, padding: Padding) -> Result<Geometry, String> {
    if kernel == 0 || stride == 0 {
        return Err(format!("kernel_size = {kernel} and stride = {stride} must be at least 1"));
    }
    if shape.size.iter().any(|n| kernel > *n) {
        return Err(format!("a kernel of {kernel} is larger than a field of {:?}", shape.size));
    }
    if padding == Padding::Periodic && shape.size.iter().any(|n| !n.is_multiple_of(stride)) {
        return Err(format!("a stride of {stride} does not divide a periodic field of {:?}", shape.size));
    }
    let (size_in, stride) = (shape.padded(), on_axes(shape, stride));
    let size_out = std::array::from_fn(|k| size_in[k].div_ceil(stride[k]));
    Ok(Geometry { size_in, size_out, stride, padding })
}
