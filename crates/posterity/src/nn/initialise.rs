//! First weights: normal, with the variance that keeps the size of the signal from layer to layer.

use super::Activation;
use super::network::Network;
use super::node::Operation;
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
