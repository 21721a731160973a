//! First weights: normal, with the variance that keeps the size of the signal from layer to layer.

use super::Activation;
use super::network::Network;
use super::node::{Node, Operation};
use super::real::Real;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

/// Weights N(0, g²/n), n the values that a result is the sum of, and zero biases; g² is 2 before rectifiers (He et al.
/// 2015, arXiv:1502.01852), else 1 (LeCun et al. 1998). The weights of operation k come from stream k of `seed`.
pub fn initialise<T: Real>(network: &Network, seed: Seed) -> Vec<T> {
    let mut weights = vec![T::ZERO; network.n_weights()];
    for (k, node) in network.nodes().iter().enumerate() {
        let is_rectified =
            |taker: &Operation| matches!(taker, Operation::Activation(Activation::LeakyRelu | Activation::Silu));
        let gain = if network.takers(k).any(is_rectified) { 2.0 } else { 1.0 };
        let (n, sd) = match &node.operation {
            Operation::Dense(dense) => (dense.n_in * dense.n_out, (gain / dense.n_in as f64).sqrt()),
            Operation::Convolution(convolution) => (convolution.n_kernel(), convolution.spread(gain)),
            Operation::LayerNorm(norm) => {
                weights[node.weights.clone()][..norm.channels].fill(T::ONE);
                continue;
            }
            _ => continue,
        };
        let mut stream = seed.stream(k as u64);
        for w in &mut weights[node.weights.clone()][..n] {
            let z: f64 = StandardNormal.sample(&mut stream);
            *w = T::from_f64(sd * z);
        }
    }
    weights
}

/// Changes the last layer, which is dense, so that outputs x become A (x − c), A `(n_out, n_out)` row after row.
///
/// # Panics
/// If A or c are of another size, or the last layer is not dense.
pub fn map_outputs<T: Real>(network: &Network, weights: &mut [T], a: &[f64], c: &[f64]) {
    let n_out = network.n_out();
    let Some(Node { operation: Operation::Dense(dense), weights: range, .. }) = network.nodes().last() else {
        panic!("the last layer is not dense");
    };
    assert!(a.len() == n_out * n_out && c.len() == n_out, "sizes of the map");
    let last = &mut weights[range.clone()];
    let (w, bias) = last.split_at_mut(n_out * dense.n_in);
    let mapped =
        |column: &[f64], i: usize| a[i * n_out..(i + 1) * n_out].iter().zip(column).map(|(a, x)| a * x).sum::<f64>();
    for j in 0..dense.n_in {
        let column: Vec<f64> = (0..n_out).map(|i| w[i * dense.n_in + j].to_f64()).collect();
        (0..n_out).for_each(|i| w[i * dense.n_in + j] = T::from_f64(mapped(&column, i)));
    }
    let column: Vec<f64> = bias.iter().zip(c).map(|(b, c)| b.to_f64() - c).collect();
    (0..n_out).for_each(|i| bias[i] = T::from_f64(mapped(&column, i)));
}
