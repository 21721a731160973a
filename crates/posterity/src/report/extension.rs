//! What a run of model extension has to show: fields, weights, the mass function, and the bias models beside each other.
//!
//! Plain values that whoever ran the chains fills in; parts that did not run are `None` and leave no trace. Fields on
//! n × n voxels are slices \[i * n + j\], i along the first axis of the box (drawn to the right), j along the second
//! (drawn upwards). A part whose shapes do not fit together is not drawn.

use crate::parameter::Parameter;
use serde::{Deserialize, Serialize};

/// All parts; each `None` where it did not run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Power of the sampled initial fields.
    pub power_spectra: Option<PowerSpectra>,
    /// How far the sampled initial fields are the true one.
    pub cross_correlation: Option<CrossCorrelation>,
    /// The final density's posterior.
    pub density_maps: Option<DensityMaps>,
    /// What the neural physical engine makes of the density.
    pub slices: Option<Slices>,
    /// Halo mass function by density.
    pub mass_function: Option<MassFunction>,
    /// Chains of the weights.
    pub traces: Option<Traces>,
    /// The engine and the classical bias models under the same likelihood.
    pub bias_comparison: Option<BiasComparison>,
    /// What the sampling cost.
    pub sampling: Option<Sampling>,
}

/// Quantiles of a distribution at each of some places; all vectors of the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// 2.5 % quantiles.
    pub q025: Vec<f64>,
    /// 16 % quantiles.
    pub q16: Vec<f64>,
    /// Medians.
    pub q50: Vec<f64>,
    /// 84 % quantiles.
    pub q84: Vec<f64>,
    /// 97.5 % quantiles.
    pub q975: Vec<f64>,
}

impl Band {
    /// The five vectors, lowest first.
    pub(super) fn rows(&self) -> [&Vec<f64>; 5] {
        [&self.q025, &self.q16, &self.q50, &self.q84, &self.q975]
    }

    /// Whether it has `n` places, and some.
    pub(super) fn fits(&self, n: usize) -> bool {
        n > 0 && self.rows().iter().all(|row| row.len() == n)
    }

    /// Every quantile multiplied by the factor of its place.
    pub(super) fn times(&self, factor: impl Fn(usize) -> f64) -> Self {
        let of = |row: &[f64]| row.iter().enumerate().map(|(i, q)| q * factor(i)).collect();
        Self { q025: of(&self.q025), q16: of(&self.q16), q50: of(&self.q50), q84: of(&self.q84), q975: of(&self.q975) }
    }

    /// How many of `values` are outside the 95 % band, and how many are finite.
    pub(super) fn outside(&self, values: &[f64]) -> (usize, usize) {
        let seen = || values.iter().enumerate().filter(|(_, v)| v.is_finite());
        (seen().filter(|&(i, &v)| v < self.q025[i] || v > self.q975[i]).count(), seen().count())
    }
}

/// Power spectra of the initial fields at the epoch of `linear_power`; all vectors as long as `k`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PowerSpectra {
    /// Wave numbers [h/Mpc], ascending.
    pub k: Vec<f64>,
    /// Linear power spectrum, the prior's mean [(Mpc/h)^3].
    pub linear_power: Vec<f64>,
    /// Power of fields drawn from the prior, in the same bins [(Mpc/h)^3].
    pub prior: Band,
    /// Power of the sampled initial fields [(Mpc/h)^3].
    pub posterior: Band,
    /// Power of the true initial field, where it is known [(Mpc/h)^3].
    pub truth: Option<Vec<f64>>,
}

/// Cross-correlation r(k) of sampled initial fields with the true one; all vectors as long as `k`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CrossCorrelation {
    /// Wave numbers [h/Mpc], ascending.
    pub k: Vec<f64>,
    /// r(k) of each sample.
    pub posterior: Band,
    /// r(k) of the mean of the samples; empty if it is not known.
    pub posterior_mean: Vec<f64>,
    /// What is called the truth ("initial conditions of the N-body simulation").
    pub truth_name: String,
}

/// Chains of the weights and biases. Vectors by parameter are as long as `parameters`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traces {
    /// Names and labels.
    pub parameters: Vec<Parameter>,
    /// Draws after warm-up: \[chain\]\[parameter\]\[draw\].
    pub chains: Vec<Vec<Vec<f64>>>,
    /// Rank-normalised split R-hat of each parameter.
    pub r_hat: Vec<f64>,
    /// Bulk effective sample size of each parameter, over all chains.
    pub ess_bulk: Vec<f64>,
    /// Tail effective sample size of each parameter, over all chains.
    pub ess_tail: Vec<f64>,
    /// Standard deviation σ of the prior N(0, σ²) of each parameter; empty where the prior is not to be drawn.
    pub prior_sd: Vec<f64>,
    /// The values that made the catalogue, where it is a mock.
    pub truth: Option<Vec<f64>>,
}

/// One slice of the density and of the engine's output ψ, and how the two are related over the whole box.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    /// Voxels a side.
    pub n: usize,
    /// Length of the box [Mpc/h].
    pub box_length: f64,
    /// What slice it is, for the caption ("one voxel, 4 Mpc/h, at z = 62 Mpc/h").
    pub thickness: String,
    /// 1 + δ, \[n * n\].
    pub density: Vec<f64>,
    /// ψ, \[n * n\]; its posterior mean where the weights are sampled.
    pub psi: Vec<f64>,
    /// Halos in the slice, along the first and second axis [Mpc/h]; may be empty.
    pub halos: Vec<(f64, f64)>,
    /// ψ against 1 + δ.
    pub relation: Option<Relation>,
    /// Whether ψ is of many draws of the weights: they scatter it too.
    pub weights_are_sampled: bool,
}

/// Distribution of ψ over the voxels of each bin of 1 + δ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Edges of the bins of 1 + δ, ascending, one more than there are bins; the first may be 0.
    pub density_edges: Vec<f64>,
    /// ψ of the voxels of each bin.
    pub psi: Band,
}

/// Final density 1 + δ of one slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DensityMaps {
    /// Voxels a side.
    pub n: usize,
    /// Length of the box [Mpc/h].
    pub box_length: f64,
    /// What slice it is, for the caption; may be empty.
    pub thickness: String,
    /// The true 1 + δ where it is known, \[n * n\].
    pub truth: Option<Vec<f64>>,
    /// Posterior mean of 1 + δ, \[n * n\].
    pub mean: Vec<f64>,
    /// Posterior standard deviation of δ, \[n * n\].
    pub sd: Vec<f64>,
}

/// Halo mass function in bins of the density.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MassFunction {
    /// Density bins, least dense first.
    pub bins: Vec<MassFunctionBin>,
}

/// Halos in the voxels of one density bin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MassFunctionBin {
    /// Least 1 + δ of the bin.
    pub density_low: f64,
    /// Largest 1 + δ of the bin; may be infinite.
    pub density_high: f64,
    /// Voxels in it.
    pub n_voxels: u64,
    /// Edges of the mass bins [Msun/h], ascending, one more than there are bins.
    pub mass_edges: Vec<f64>,
    /// Halos of the catalogue in each mass bin.
    pub counts: Vec<u64>,
    /// Posterior mean of the number of halos expected in each mass bin.
    pub expected: Vec<f64>,
    /// Posterior predictive number of halos in each mass bin, with Poisson scatter.
    pub posterior: Band,
}

impl MassFunctionBin {
    /// Whether it has voxels, and its shapes fit together.
    pub(super) fn is_whole(&self) -> bool {
        let (n, edges) = (self.counts.len(), &self.mass_edges);
        self.n_voxels > 0
            && edges.len() == n + 1
            && self.expected.len() == n
            && self.posterior.fits(n)
            && edges[0] > 0.0
            && edges.windows(2).all(|e| e[1] > e[0] && e[1].is_finite())
    }
}

/// Bias models under the same likelihood, fitted to one part of the box and judged on the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BiasComparison {
    /// The models, in any order.
    pub rows: Vec<BiasRow>,
    /// Index of the row that differences are taken from; `None` for the classical model of the best held-out value.
    pub reference: Option<usize>,
    /// Halos of the catalogue.
    pub n_halos: u64,
}

/// One bias model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BiasRow {
    /// Name ("truncated power law").
    pub name: String,
    /// True for a neural physical engine, false for a classical model.
    pub is_engine: bool,
    /// Free parameters.
    pub n_weights: usize,
    /// Mean over the folds of the log likelihood of held-out halos, per halo.
    #[serde(deserialize_with = "null_is_nan")]
    pub held_out_per_halo: f64,
    /// The same of each fold, in the same order of folds for every model.
    #[serde(deserialize_with = "nulls_are_nan")]
    pub folds: Vec<f64>,
    /// Log likelihood per halo of the halos fitted to.
    #[serde(deserialize_with = "null_is_nan")]
    pub in_sample: f64,
}

/// What JSON writes for a number that is not finite.
fn null_is_nan<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

fn nulls_are_nan<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let values: Vec<Option<f64>> = Deserialize::deserialize(from)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// What the sampling cost, block by block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The blocks, in the order in which they are updated.
    pub rows: Vec<SamplingRow>,
}

/// One block of what was sampled, all chains together, after warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SamplingRow {
    /// Name ("initial field", "weights").
    pub block: String,
    /// Sampler ("HMC", "MAMS").
    pub sampler: String,
    /// Metric ("Wiener whitening", "HMCLET").
    pub metric: String,
    /// Mean step size, in the metric's units.
    pub step_size: f64,
    /// Mean number of gradients of a trajectory, with that where it begins if another block has moved since.
    pub gradients_per_trajectory: f64,
    /// Mean acceptance rate, 0 to 1.
    pub acceptance: f64,
    /// Divergent trajectories.
    pub divergences: u64,
    /// Gradients of the log density that were evaluated.
    pub gradient_evaluations: u64,
    /// What effective sample sizes and R-hat are of, where it is not the block's values themselves ("power in shells").
    pub judged_by: Option<String>,
    /// Least bulk effective sample size of that.
    pub min_ess_bulk: f64,
    /// Largest R-hat of that.
    pub max_r_hat: f64,
    /// Wall time \[s\]; 0 if it was not measured.
    pub seconds: f64,
}

impl SamplingRow {
    /// Effective samples for each gradient; `None` where it is not known.
    pub fn ess_per_gradient(&self) -> Option<f64> {
        known(self.min_ess_bulk / self.gradient_evaluations as f64)
    }

    /// Effective samples a second; `None` where it is not known.
    pub fn ess_per_second(&self) -> Option<f64> {
        known(self.min_ess_bulk / self.seconds)
    }
}

fn known(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests;
