//! First weights: normal, with the variance that keeps the size of the signal from layer to layer.

use super::Activation;
use super::network::{Layer, Network};
use super::real::Real;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

/// Weights N(0, g²/n_in) and zero biases; g² is 2 before rectifiers (He et al. 2015, arXiv:1502.01852), else 1 (LeCun
/// et al. 1998). The weights of layer k come from stream k of `seed`.
pub fn initialise<T: Real>(network: &Network, seed: Seed) -> Vec<T> {
    let mut weights = vec![T::ZERO; network.n_weights()];
    for (k, (layer, range)) in network.layers().iter().zip(network.weight_ranges()).enumerate() {
        let Layer::Dense(dense) = layer else { continue };
        let gain: f64 = match network.layers().get(k + 1) {
            Some(Layer::Activation(Activation::LeakyRelu | Activation::Silu)) => 2.0,
            _ => 1.0,
        };
        let sd = (gain / dense.n_in as f64).sqrt();
        let mut stream = seed.stream(k as u64);
        for w in &mut weights[range][..dense.n_in * dense.n_out] {
            let z: f64 = StandardNormal.sample(&mut stream);
            *w = T::from_f64(sd * z);
        }
    }
    weights
}
