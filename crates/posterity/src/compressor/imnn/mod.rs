//! The information maximising neural network: the function of the data whose summaries carry the most information
//! about the parameters, near a fiducial point.
//!
//! A network f: d → x is trained to maximise ln det F, F = J C⁻¹ Jᵀ, with C the covariance of the summaries at the
//! fiducial point and J the derivative of their mean by the parameters, both from simulations. A regulariser holds C
//! near one.
//!
//! Limits: the summaries are optimal near the fiducial point; F is that of a Gaussian approximation to their
//! distribution; with few simulations a network overfits, which the gap between training and held-out simulations
//! shows.
//!
//! Charnock, Lavaux, Wandelt 2018, "Automatic physical inference with information maximizing neural networks", Phys. Rev.
//! D 97, 083004 (arXiv:1802.03537).

mod inputs;
mod last_layer;
mod loss;
mod scaling;
mod settings;
mod state;
mod steps;
mod train;

pub use settings::{Input, Settings, Simulations};
pub use train::{Evaluation, Outcome, Training, train};

use super::{Compressor, Score};
use crate::error::{Error, Result};
use crate::nn::{Metadata, Network, read_weights, take_metadata, write_weights};
use crate::reference::Reference;
use crate::simulator::SimulationSet;
use inputs::Inputs;
use scaling::Scaling;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The reference of the method.
pub const REFERENCE: Reference = Reference {
    authors: "Charnock, Lavaux, Wandelt 2018",
    title: "Automatic physical inference with information maximizing neural networks",
    source: "Phys. Rev. D 97, 083004, arXiv:1802.03537",
    url: "https://arxiv.org/abs/1802.03537",
};

/// Key of the metadata that holds what a network file says beside the network.
pub(super) const METADATA: &str = "imnn";

/// A trained network with the scaling of its input.
#[derive(Clone, Debug, PartialEq)]
pub struct Imnn {
    network: Network,
    weights: Vec<f32>,
    scaling: Scaling,
    /// Summaries that the network's are added to.
    score: Option<Score>,
}

#[derive(Serialize, Deserialize)]
struct Beside {
    scaling: Scaling,
    score: Option<Score>,
}

impl Imnn {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Summaries `(n_s, n_summaries)` of a set and their derivatives `(n_d, n_params, n_summaries)`.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn summarise(&self, set: &SimulationSet) -> Result<(Vec<f64>, Vec<f64>)> {
        // One pass alone: nothing is held.
        let inputs = Inputs::new(set, &self.scaling, self.score.as_ref(), 0)?;
        Ok(inputs.summaries(&inputs.apply(&self.network, &self.weights)?, self.network.n_out()))
    }

    /// Writes it to a safetensors file, with further metadata.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path, mut metadata: Metadata) -> Result<()> {
        let beside = Beside { scaling: self.scaling.clone(), score: self.score.clone() };
        let value = serde_json::to_value(&beside).map_err(|e| Error::numerical(e.to_string()).in_file(path))?;
        metadata.insert(METADATA.into(), value);
        write_weights(path, &self.network, &self.weights, metadata)
    }

    /// Reads what [`Imnn::write`] wrote.
    ///
    /// # Errors
    /// Where the file cannot be read or is no such file; corrupt file, where its parts do not fit together.
    pub fn read(path: &Path) -> Result<Self> {
        let (network, weights, mut metadata) = read_weights(path)?;
        let Beside { scaling, score } = take_metadata(path, &mut metadata, METADATA)?;
        let imnn = Self { network, weights, scaling, score };
        match imnn.fault() {
            None => Ok(imnn),
            Some(what) => Err(Error::corrupt_file(what).in_file(path).remedy("train again")),
        }
    }

    /// What does not fit together of a network that comes from a file; its weights have been held against its layers.
    fn fault(&self) -> Option<String> {
        let n_in = self.network.n_in();
        let of = |n_data: usize, what: &str| {
            (n_data != n_in).then(|| format!("the {what} is of {n_data} data, and the network takes {n_in}"))
        };
        let of_score = |score: &Score| score.fault().or_else(|| of(score.n_data(), "score"));
        let of_scaling = of(self.scaling.n_data(), "scaling").or_else(|| self.scaling.fault());
        of_scaling.or_else(|| self.score.as_ref().and_then(of_score))
    }
}

impl Compressor for Imnn {
    fn n_data(&self) -> usize {
        self.network.n_in()
    }

    fn n_summaries(&self) -> usize {
        self.network.n_out() + self.score.as_ref().map_or(0, Compressor::n_summaries)
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        let n_rows = data.len() / self.n_data();
        let (mut input, mut output) = (vec![0.0; data.len()], vec![0.0; n_rows * self.network.n_out()]);
        self.scaling.values(data, &mut input);
        self.network.apply(&self.weights, &input, 0, &mut output);
        let n_score = self.n_summaries() - self.network.n_out();
        if let Some(score) = &self.score {
            let mut existing = vec![0.0; n_rows * n_score];
            score.compress(data, &mut existing);
            for (row, existing) in summaries.chunks_exact_mut(self.n_summaries()).zip(existing.chunks_exact(n_score)) {
                row[..n_score].copy_from_slice(existing);
            }
        }
        for (row, output) in
            summaries.chunks_exact_mut(self.n_summaries()).zip(output.chunks_exact(self.network.n_out()))
        {
            row[n_score..].iter_mut().zip(output).for_each(|(x, y)| *x = f64::from(*y));
        }
    }

    fn references(&self) -> Vec<Reference> {
        let score = self.score.iter().flat_map(Compressor::references);
        std::iter::once(REFERENCE).chain(score).collect()
    }
}

#[cfg(test)]
mod tests;
