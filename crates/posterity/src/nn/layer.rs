//! Layers as an analysis names them, `{ kind = "convolution", channels = 8, kernel_size = 3 }`.

use super::activation::Activation;
use serde::{Deserialize, Serialize};

/// One layer, or several beside or around each other.
///
/// A field has channels on a grid of one to three axes; kernel sizes and strides are the same along all of them. Sizes
/// that do not fit what comes from the layer before are refused where the network is made.
///
/// Layers without settings are structs without fields: of a unit variant serde would ignore any key beside `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Fully connected, with bias; a field becomes a list of its values.
    Dense {
        /// Values out.
        width: usize,
    },
    /// A kernel of its own for each pair of channels, with a bias for each channel out.
    Convolution {
        /// Channels out.
        channels: usize,
        /// Cells of the kernel along each axis; an even one reaches further up than down.
        kernel_size: usize,
        /// Cells from one output to the next.
        #[serde(default = "one")]
        stride: usize,
        /// What is beyond the edge.
        #[serde(default)]
        padding: Padding,
    },
    /// A convolution whose kernels have one weight for each radius ([`crate::engine::multipole`]): few weights, and an
    /// output that turns with the field.
    ///
    /// Degree 0 is linear. Of a degree ℓ > 0, whose components F_ℓm turn among themselves, the power Σ_m F_ℓm² goes out.
    Multipole {
        /// Channels out, of each degree.
        channels: usize,
        /// Cells of the kernel along each axis, odd.
        kernel_size: usize,
        /// Degrees ℓ, ascending.
        #[serde(default = "monopole")]
        degrees: Vec<usize>,
        /// Cells from one output to the next.
        #[serde(default = "one")]
        stride: usize,
        /// What is beyond the edge.
        #[serde(default)]
        padding: Padding,
    },
    /// max(x, 0.01 x).
    LeakyRelu {},
    /// tanh x.
    Tanh {},
    /// x · logistic(x).
    Silu {},
    /// x²: behind a convolution and before a mean, the power that the kernel lets through.
    Square {},
    /// sign(x) ln(1 + |x|): behind a convolution of one cell a logarithm with an offset that is learnt.
    LogModulus {},
    /// The mean of blocks of so many cells along each axis.
    MeanPool {
        /// Cells of a block along each axis, which divide the field.
        size: usize,
    },
    /// The largest value of such blocks.
    MaxPool {
        /// Cells of a block along each axis, which divide the field.
        size: usize,
    },
    /// The mean of each channel: a list of as many values, whatever the size of the field.
    GlobalMean {},
    /// All values of a simulation less their mean, over their standard deviation, with a gain and a bias for each channel.
    ///
    /// It takes the amplitude of the field out: behind a first layer it may cost the information that is in it.
    LayerNorm {},
    /// Adds what these layers make of their input to it; they keep its shape.
    Residual {
        /// The layers, one after another.
        layers: Vec<Layer>,
    },
    /// Several ways that begin with the same input, side by side, their channels one after another (Szegedy et al. 2015,
    /// arXiv:1409.4842).
    Inception {
        /// The layers of each way; an empty one passes its input on.
        branches: Vec<Vec<Layer>>,
    },
}

/// What a kernel finds beyond the edge of the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// The other side of the field.
    #[default]
    Periodic,
    /// Zero.
    Zero,
}

fn one() -> usize {
    1
}

fn monopole() -> Vec<usize> {
    vec![0]
}

impl Layer {
    /// The kind, as an analysis names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Convolution { .. } => "convolution",
            Self::Multipole { .. } => "multipole",
            Self::LeakyRelu {} => "leaky_relu",
            Self::Tanh {} => "tanh",
            Self::Silu {} => "silu",
            Self::Square {} => "square",
            Self::LogModulus {} => "log_modulus",
            Self::MeanPool { .. } => "mean_pool",
            Self::MaxPool { .. } => "max_pool",
            Self::GlobalMean {} => "global_mean",
            Self::LayerNorm {} => "layer_norm",
            Self::Residual { .. } => "residual",
            Self::Inception { .. } => "inception",
        }
    }

    /// The function, where it is one of each value by itself.
    pub(super) fn activation(&self) -> Option<Activation> {
        match self {
            Self::LeakyRelu {} => Some(Activation::LeakyRelu),
            Self::Tanh {} => Some(Activation::Tanh),
            Self::Silu {} => Some(Activation::Silu),
            Self::Square {} => Some(Activation::Square),
            Self::LogModulus {} => Some(Activation::LogModulus),
            _ => None,
        }
    }
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::LeakyRelu => Self::LeakyRelu {},
            Activation::Tanh => Self::Tanh {},
            Activation::Silu => Self::Silu {},
            Activation::Square => Self::Square {},
            Activation::LogModulus => Self::LogModulus {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_no_layer_has_is_refused() {
        let kinds = ["leaky_relu", "tanh", "silu", "square", "log_modulus", "global_mean", "layer_norm"];
        for kind in kinds {
            let right = serde_json::from_value::<Layer>(serde_json::json!({ "kind": kind })).expect(kind);
            assert_eq!(right.kind(), kind);
            assert_eq!(serde_json::to_value(&right).expect(kind), serde_json::json!({ "kind": kind }));
            let wrong = serde_json::from_value::<Layer>(serde_json::json!({ "kind": kind, "power": 3 }));
            assert!(wrong.expect_err(kind).to_string().contains("unknown field `power`"), "{kind}");
        }
        let wrong = serde_json::json!({ "kind": "dense", "width": 2, "widht": 3 });
        assert!(serde_json::from_value::<Layer>(wrong).is_err());
    }
}
