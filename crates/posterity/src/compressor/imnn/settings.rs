//! What can be chosen about an information maximising neural network and its training.

use crate::compressor::{DerivativeSource, Statistic};
use crate::error::Result;
use crate::nn::{Activation, Layer, Network, Shape};
use serde::{Deserialize, Serialize};

/// Settings of the network, its simulations and its training, with their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Widths of the hidden layers of a perceptron.
    pub hidden: Vec<usize>,
    /// Activation of its hidden layers.
    pub activation: Activation,
    /// The layers of a network that sees the shape of the data, in the place of the perceptron's. A dense layer to the
    /// summaries comes after them.
    pub layers: Vec<Layer>,
    /// Number of summaries, at least the number of parameters, which it is where left out.
    pub n_summaries: Option<usize>,
    /// Adds the network's summaries to those of the score compression, which it then need not find by itself.
    pub add_to_score: bool,
    /// What the data are turned into before that score: the network then adds to the statistic.
    pub statistic: Option<Statistic>,
    /// Fresh simulations that this score takes the covariance of the data from; `n_s` where left out. Noise in that
    /// covariance costs a fraction n_data/n of the information, and shifts a posterior by the root of it times its width.
    pub score_n_s: Option<usize>,
    /// How data are scaled before the first layer.
    pub input: Input,
    /// Whether training sees new simulations at each iteration.
    pub simulations: Simulations,
    /// Shifts, turns and mirrors fixed simulations at random in each iteration: for periodic fields that are alike in all
    /// places and directions.
    pub augment: bool,
    /// Where the derivative of the data by the parameters comes from.
    pub derivative: DerivativeSource,
    /// Training simulations at the fiducial point.
    pub n_s: usize,
    /// Training simulations (or seed-matched pairs) for the derivative by each parameter.
    pub n_d: usize,
    /// Held-out simulations at the fiducial point; as many as `n_s` where left out.
    pub held_out_n_s: Option<usize>,
    /// Held-out simulations for the derivative; as many as `n_d` where left out.
    pub held_out_n_d: Option<usize>,
    /// Takes the held-out part out of the training set instead: a fraction of it, 0 < fraction < 1.
    pub held_out_fraction: Option<f64>,
    /// Simulations, of each kind, of the independent estimate that inference uses; 0 leaves it to the held-out set.
    pub n_independent: usize,
    /// Step size of Adam at the start.
    pub learning_rate: f64,
    /// Fraction of it that is left at the last iteration (cosine decay); 1 keeps it constant.
    pub final_learning_rate: f64,
    /// Pulls weights towards zero at each step, times the learning rate (decoupled, AdamW).
    pub weight_decay: f64,
    /// Largest norm of a gradient; longer ones are shortened to it.
    pub max_gradient_norm: f64,
    /// Decay of the running average of the weights that is judged and kept, 0 ≤ decay < 1; 0 keeps the weights themselves.
    pub average: f64,
    /// Iterations at most.
    pub max_iterations: usize,
    /// Held-out information is judged after so many iterations, each time.
    pub evaluate_every: usize,
    /// Training ends when so many judgements in a row have brought no gain.
    pub patience: usize,
    /// Strength λ of the regulariser that holds the covariance of the summaries near one.
    pub lambda: f64,
    /// Closeness ε of that covariance to one at which the regulariser lets go.
    pub epsilon: f64,
}

/// Scaling of the data, from the training simulations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Data as they come.
    Raw,
    /// Each value less its mean, over its standard deviation.
    Standardise,
    /// All values less one mean, over one standard deviation: keeps the symmetries of a field.
    StandardiseField,
    /// Decorrelated: L⁻¹ (d − mean) with the Cholesky factor L of the covariance; wants n_s well above n_data.
    Whiten,
}

/// Which simulations an iteration of the training sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simulations {
    /// New ones each time: nothing to overfit, for simulators that are cheap.
    Fresh,
    /// The same set each time.
    Fixed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hidden: vec![128, 128],
            activation: Activation::Silu,
            layers: vec![],
            n_summaries: None,
            add_to_score: false,
            statistic: None,
            score_n_s: None,
            input: Input::Standardise,
            simulations: Simulations::Fresh,
            augment: false,
            derivative: DerivativeSource::Differences,
            n_s: 1000,
            n_d: 1000,
            held_out_n_s: None,
            held_out_n_d: None,
            held_out_fraction: None,
            n_independent: 10_000,
            learning_rate: 3e-3,
            final_learning_rate: 0.01,
            weight_decay: 0.0,
            max_gradient_norm: 10.0,
            average: 0.99,
            max_iterations: 2000,
            evaluate_every: 50,
            patience: 20,
            lambda: 10.0,
            epsilon: 0.1,
        }
    }
}

impl Settings {
    /// The network for data of this shape.
    ///
    /// # Errors
    /// Invalid input, where a layer does not fit what comes to it.
    pub fn network(&self, shape: &[usize], n_summaries: usize) -> Result<Network> {
        if self.layers.is_empty() {
            return Network::perceptron(shape.iter().product(), &self.hidden, self.activation, n_summaries);
        }
        let last = Layer::Dense { width: n_summaries };
        let network = Network::new(Shape::field(shape), self.layers.iter().cloned().chain([last]).collect());
        network.map_err(|error| match shape {
            [n] => error.remedy(format!("change the layer; or write fields with all their axes, not as lists of {n}")),
            [_, .., _] if shape.contains(&1) => error.remedy(format!(
                "data of shape {shape:?} are one channel: write them without the axes of length 1, in all arrays"
            )),
            _ => error,
        })
    }

    /// Values that come out of `layers`, from which the last layer makes summaries.
    ///
    /// # Errors
    /// Invalid input, where a layer does not fit what comes to it.
    pub fn n_features(&self, shape: &[usize]) -> Result<usize> {
        Network::new(Shape::field(shape), self.layers.clone()).map(|network| network.n_out())
    }
}
