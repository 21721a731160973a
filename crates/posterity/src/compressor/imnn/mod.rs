//! The information maximising neural network.

mod settings;

pub use settings::{Derivative, Input, Settings, Simulations};
