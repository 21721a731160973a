//! Halos in a density field: catalogues, mass functions that depend on the density, and the Poisson likelihood.

mod bias;
mod block;
mod catalogue;
mod coordinates;
mod fit;
mod initial_field;
mod joint;
mod likelihood;
mod mass_function;
mod mock;
mod model;
mod straightened;
mod table;
#[cfg(test)]
mod tests;
mod weights;

pub use bias::{BiasGivenDensity, BiasSettings, Law};
pub use catalogue::{Catalogue, Columns};
pub use coordinates::Coordinates;
pub use fit::{Settings as FitSettings, maximise};
pub use initial_field::FieldGivenWeights;
pub use joint::Joint;
pub use likelihood::{Likelihood, Region};
pub use mass_function::Mixture;
pub use mock::{MAX_HALOS, mock};
pub use model::{Model, Settings};
pub use straightened::Straightened;
pub use weights::{PRIOR_SD, WeightsGivenDensity, add_prior};
