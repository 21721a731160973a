//! Likelihood-free inference: from an observed summary to the posterior, by simulations alone.

pub mod abc;
mod distance;
mod forward;
pub mod gaussian;
pub mod pmc;
#[cfg(test)]
mod testing;

pub use distance::Distance;
pub use forward::Forward;

use crate::reference::Reference;

/// Where the estimates theta_hat, their metric and the population Monte Carlo of this module come from.
const CHARNOCK_2018: Reference = Reference {
    authors: "Charnock, Lavaux, Wandelt 2018",
    title: "Automatic physical inference with information maximizing neural networks",
    source: "Phys. Rev. D 97, 083004, arXiv:1802.03537",
    url: "https://arxiv.org/abs/1802.03537",
};
