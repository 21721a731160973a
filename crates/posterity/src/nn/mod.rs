//! Networks: layers with forward pass and vector-Jacobian product.

mod activation;

pub use activation::Activation;
