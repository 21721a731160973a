//! Activations and their derivatives.

use serde::{Deserialize, Serialize};

/// A function applied to each hidden value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0.01 x).
    LeakyRelu,
    /// tanh x.
    Tanh,
    /// x · logistic(x), also called swish.
    Silu,
    /// ln(1 + exp x).
    Softplus,
}
