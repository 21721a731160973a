//! `results.json` of a model extension. Its form is stable: keys are added, not renamed.
//!
//! | key | content |
//! |---|---|
//! | `version`, `seed`, `title`, `analysis` | program version; seed; title; the analysis with its overrides, as JSON |
//! | `n_halos` | halos of the catalogue that are counted |
//! | `weights.<name>` | `{mean, sd, q025, q16, q50, q84, q975, r_hat, ess_bulk, ess_tail}`; none where they are known |
//! | `blocks.<field, weights>` | sampler, metric, and what they cost: see [`BlockResults`] |
//! | `comparison` | one row a bias model: `{name, is_engine, n_weights, held_out_per_halo, folds, in_sample}` |
//! | `timings_s.<stage>` | wall time of `sample` (all commands together), `compare`, `report` |
//! | `warnings` | what the user should know before trusting the result |

use super::super::super::results::Summary;
use super::super::super::results_file::{self, FILE, but_title};
use super::super::{Extension, Sampling, What};
use super::stored::{Stored, block_names, checkpoint_path};
use crate::diagnostics::{MOST_R_HAT, bulk_ess, r_hat, tail_ess};
use crate::error::{Error, Result};
use crate::hmc;
use crate::report::BiasRow;
use crate::seed::Seed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The content of `results.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtensionResults {
    /// Version of the program.
    pub version: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// Title of the analysis.
    pub title: String,
    /// The analysis with its overrides.
    pub analysis: serde_json::Value,
    /// Halos that are counted.
    pub n_halos: usize,
    /// Posterior of each weight, where they are sampled.
    pub weights: BTreeMap<String, WeightResults>,
    /// What the sampling of each block came to.
    pub blocks: BTreeMap<String, BlockResults>,
    /// The bias models beside each other.
    pub comparison: Vec<BiasRow>,
    /// Wall time of each stage in seconds.
    pub timings_s: BTreeMap<String, f64>,
    /// What the user should know first.
    pub warnings: Vec<String>,
}

/// Marginal posterior of one weight, and whether its chains can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightResults {
    /// Moments and quantiles.
    #[serde(flatten)]
    pub summary: Summary,
    /// Rank-normalised split R-hat; null where it is not finite.
    pub r_hat: Option<f64>,
    /// Bulk effective sample size, over all chains.
    pub ess_bulk: Option<f64>,
    /// Tail effective sample size, over all chains.
    pub ess_tail: Option<f64>,
}

/// What the sampling of one block came to, all chains together, after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockResults {
    /// Sampler.
    pub sampler: String,
    /// Metric.
    pub metric: String,
    /// Mean step size.
    pub step_size: f64,
    /// Mean number of gradients of a trajectory, with that where it begins if another block has moved since.
    pub gradients_per_trajectory: f64,
    /// Mean acceptance rate.
    pub acceptance_rate: f64,
    /// Draws with a divergent trajectory.
    pub n_divergent: u64,
    /// Gradients evaluated.
    pub n_gradients: u64,
    /// Least bulk effective sample size: of the weights; of the field's power in shells, not of its voxels.
    pub ess_min: Option<f64>,
    /// Of these, for each gradient.
    pub ess_per_gradient: Option<f64>,
    /// And for each second of sampling, all blocks together, as long as the chains ran side by side.
    pub ess_per_s: Option<f64>,
    /// Largest R-hat of what `ess_min` is the least of.
    pub r_hat_max: Option<f64>,
    /// True if the draws do not follow the posterior, whatever their number: one block that is biased biases all.
    pub is_biased: bool,
}

impl ExtensionResults {
    /// Those in the folder, where they are of this analysis; else new ones.
    pub(super) fn open(extension: &Extension, folder: &Path) -> Result<Self> {
        let new = Self {
            version: env!("CARGO_PKG_VERSION").into(),
            seed: extension.seed,
            title: extension.title.clone(),
            analysis: extension.settings.clone(),
            n_halos: extension.halos.catalogue.n_halos(),
            weights: BTreeMap::new(),
            blocks: BTreeMap::new(),
            comparison: Vec::new(),
            timings_s: BTreeMap::new(),
            warnings: Vec::new(),
        };
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(new);
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, &e))?;
        // The results of another kind of analysis are none of this one.
        let Ok(old) = serde_json::from_str::<Self>(&text) else { return Ok(new) };
        let same = (&old.version, old.seed, but_title(&old.analysis), old.n_halos)
            == (&new.version, new.seed, but_title(&new.analysis), new.n_halos);
        Ok(if same { Self { title: new.title, analysis: new.analysis, ..old } } else { new })
    }

    /// Reads the results of a folder.
    ///
    /// # Errors
    /// Io; corrupt file, if it is none that this program wrote.
    pub fn read(folder: &Path) -> Result<Self> {
        results_file::read(folder)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        results_file::write(self, folder)
    }

    /// Sums up the chains in the folder.
    pub(super) fn set_chains(&mut self, extension: &Extension, out_dir: &Path) -> Result<()> {
        let sampling = &extension.sampling;
        let stored = Stored::open(extension, out_dir)?;
        let seconds = seconds(extension, out_dir)?;
        let is_biased = sampling.chain.blocks.iter().any(|own| own.sampler.is_biased());
        self.weights.clear();
        self.blocks.clear();
        if sampling.what != What::Field {
            let chains = stored.chains.read_whole("weights")?;
            for (i, name) in extension.engine.names.iter().enumerate() {
                self.weights
                    .insert(name.clone(), WeightResults::new(&column(&chains, extension.engine.names.len(), i)));
            }
        }
        for ((block, names), settings) in
            block_names(sampling.what).iter().zip(&sampling.names).zip(&sampling.chain.blocks)
        {
            let looked_at = if *block == "field" { "power" } else { "weights" };
            let draws = stored.chains.read_whole(looked_at)?;
            let width = draws.first().map_or(1, |chain| chain.len() / (sampling.n_draws as usize).max(1));
            let columns: Vec<Vec<Vec<f64>>> = (0..width).map(|i| column(&draws, width, i)).collect();
            let or_nan = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) };
            let least = |values: Vec<f64>| values.into_iter().reduce(or_nan).and_then(finite);
            let ess_min = least(columns.iter().map(|c| bulk_ess(c)).collect());
            let r_hat_max = least(columns.iter().map(|c| -r_hat(c)).collect()).map(|r| -r);
            let statistic =
                |name: &str| stored.chains.read_whole(&format!("{name}_{block}")).map(|chains| chains.concat());
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let steps = statistic("n_steps")?;
            let n_gradients = steps.iter().sum::<f64>();
            self.blocks.insert(
                (*block).to_owned(),
                BlockResults {
                    sampler: names[1].clone(),
                    metric: names[2].clone(),
                    step_size: mean(&statistic("step_size")?),
                    gradients_per_trajectory: mean(&steps) / settings.transitions as f64,
                    acceptance_rate: mean(&statistic("acceptance_rate")?),
                    n_divergent: statistic("diverging")?.iter().sum::<f64>() as u64,
                    n_gradients: n_gradients as u64,
                    ess_min,
                    ess_per_gradient: ess_min.and_then(|ess| finite(ess / n_gradients)),
                    ess_per_s: ess_min.and_then(|ess| finite(ess / seconds[1])),
                    r_hat_max,
                    is_biased,
                },
            );
        }
        self.timings_s.insert("sample".into(), seconds[0]);
        self.warnings = self.warnings(sampling);
        Ok(())
    }

    fn warnings(&self, sampling: &Sampling) -> Vec<String> {
        let mut warnings = Vec::new();
        for (&name, own) in block_names(sampling.what).iter().zip(&sampling.chain.blocks) {
            let Some(block) = self.blocks.get(name) else { continue };
            let is_biased = own.sampler.is_biased();
            if is_biased {
                let draws = match sampling.what {
                    What::Joint => "all draws, those of the weights too,",
                    What::Field | What::Weights => "its draws",
                };
                warnings.push(format!(
                    "The sampler of the block {name} is biased: {draws} do not follow the posterior, however many."
                ));
            }
            let of = if name == "field" { "R-hat of its power in shells" } else { "R-hat" };
            match block.r_hat_max {
                Some(r) if r < MOST_R_HAT => {}
                Some(r) => warnings.push(format!(
                    "The chains of the block {name} have not converged: {of} is up to {r:.3}. Ask for more draws or a \
                     longer warm-up."
                )),
                None => warnings.push(format!(
                    "Whether the chains of the block {name} converged is not known: draws are too few, or do not move."
                )),
            }
            if block.n_divergent > 0 {
                let (n, draws) = (block.n_divergent, if block.n_divergent == 1 { "draw" } else { "draws" });
                let remedy = if is_biased { "smaller step_size" } else { "higher acceptance_rate" };
                warnings.push(format!(
                    "{n} {draws} of the block {name} had divergent trajectories: parts of the posterior may not have been \
                     reached. Ask for a {remedy}."
                ));
            }
        }
        warnings
    }
}

impl WeightResults {
    fn new(chains: &[Vec<f64>]) -> Self {
        let mut all = chains.concat();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        all.sort_by(f64::total_cmp);
        let [q025, q16, q50, q84, q975] = [0.025, 0.16, 0.5, 0.84, 0.975].map(|p| quantile(&all, p));
        Self {
            summary: Summary { mean, sd, q025, q16, q50, q84, q975 },
            r_hat: finite(r_hat(chains)),
            ess_bulk: finite(bulk_ess(chains)),
            ess_tail: finite(tail_ess(chains)),
        }
    }
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// A quantile of sorted values, linear between them; NaN of none.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

/// One column of draws of so many numbers, by chain.
pub(super) fn column(chains: &[Vec<f64>], width: usize, i: usize) -> Vec<Vec<f64>> {
    chains.iter().map(|chain| chain.iter().skip(i).step_by(width).copied().collect()).collect()
}

/// Wall time [s] of all draws and of those after the warm-up; that every chain is complete.
fn seconds(extension: &Extension, out_dir: &Path) -> Result<[f64; 2]> {
    let mut most = [0.0_f64; 2];
    for beside in besides(extension, out_dir)? {
        if let Some([all, kept]) = beside.get("seconds").map(Vec::as_slice) {
            most = [most[0].max(*all), most[1].max(*kept)];
        }
    }
    Ok(most)
}

/// What is kept beside each chain.
///
/// # Errors
/// Invalid input, where a chain is not there or not complete.
pub(super) fn besides(extension: &Extension, out_dir: &Path) -> Result<Vec<hmc::Beside>> {
    let sampling = &extension.sampling;
    let of = |i: usize| {
        let path = checkpoint_path(out_dir, i);
        let incomplete = |what: &str| Error::invalid_input(what).remedy("run `posterity sample` first").in_file(&path);
        if !path.is_file() {
            return Err(incomplete("there is no such chain yet"));
        }
        let (chain, beside) = hmc::load(&path, i as u64, Seed::new(extension.seed), &sampling.chain)?;
        if chain.draw() < sampling.n_sweeps() {
            return Err(incomplete("the chain is not complete"));
        }
        Ok(beside)
    };
    (0..sampling.n_chains).map(of).collect()
}
