//! The section `[sample]`: what is sampled, by how many chains, and how each block goes.

use super::super::section::Section;
use super::field::Field;
use crate::error::{Error, Result};
use crate::hmc::{self, BlockSettings, ChainSettings, MetricKind, microcanonical};
use serde::Deserialize;

/// What is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The initial field and the weights.
    #[default]
    Joint,
    /// The weights, with the density known.
    Weights,
    /// The initial field, with the weights known.
    Field,
}

/// How the chains go.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// What is sampled.
    pub what: What,
    /// Number of chains.
    pub n_chains: usize,
    /// Draws of each chain after its warm-up.
    pub n_draws: u64,
    /// Draws between two checkpoints.
    pub save_every: u64,
    /// Most fields kept of each chain.
    pub n_fields: u64,
    /// Whether the field is whitened by a Wiener filter, adapted in the warm-up.
    pub is_whitened: bool,
    /// Warm-up and blocks: the field first, then the weights, where they are sampled.
    pub chain: ChainSettings,
    /// What the report calls sampler and metric of each block.
    pub names: Vec<[String; 3]>,
}

impl Sampling {
    /// Draws from one kept field to the next, of chains that begin. Those that more draws are asked of keep theirs.
    pub fn draws_apart(&self) -> u64 {
        self.n_draws.div_ceil(self.n_fields.max(1)).max(1)
    }

    /// Fields kept of each chain, so many draws apart.
    pub fn n_kept(&self, draws_apart: u64) -> usize {
        (self.n_draws / draws_apart.max(1)) as usize
    }

    /// Sweeps of each chain, those of the warm-up included.
    pub fn n_sweeps(&self) -> u64 {
        self.chain.warm_up + self.n_draws
    }
}

/// Keys of `[sample]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    what: What,
    n_chains: usize,
    n_warm_up: u64,
    n_draws: u64,
    save_every: u64,
    n_fields: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { what: What::Joint, n_chains: 4, n_warm_up: 500, n_draws: 1000, save_every: 50, n_fields: 50 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SamplerKey {
    Hmc,
    Mams,
    Mclmc,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whitening {
    Wiener,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MetricKey {
    QuasiNewton,
    Dense,
    LowRank,
    Diagonal,
}

/// Keys of `[sample.field]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FieldKeys {
    sampler: SamplerKey,
    integrator: Option<hmc::Integrator>,
    whitening: Whitening,
    transitions: usize,
    step_size: Option<f64>,
    num_integration_steps: Option<usize>,
    search_length: bool,
    acceptance_rate: Option<f64>,
}

impl Default for FieldKeys {
    fn default() -> Self {
        let (sampler, whitening) = (SamplerKey::Hmc, Whitening::Wiener);
        Self {
            sampler,
            integrator: None,
            whitening,
            transitions: 1,
            step_size: None,
            num_integration_steps: None,
            search_length: false,
            acceptance_rate: None,
        }
    }
}

/// Keys of `[sample.weights]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WeightsKeys {
    sampler: SamplerKey,
    metric: MetricKey,
    transitions: usize,
    num_integration_steps: Option<usize>,
    search_length: bool,
    acceptance_rate: f64,
}

impl Default for WeightsKeys {
    fn default() -> Self {
        let (sampler, metric) = (SamplerKey::Hmc, MetricKey::Dense);
        Self {
            sampler,
            metric,
            transitions: 1,
            num_integration_steps: None,
            search_length: false,
            acceptance_rate: ACCEPTANCE_RATE,
        }
    }
}

/// Some trajectories go with a fifth of the step size: where the kernel's scale is large, ψ has a sharp kink, and no chain
/// leaves such a place with the steps that are best elsewhere. With the skew these are few: one in eleven is below 0.4 of it,
/// and the mean is 0.8.
const STEP_SIZE_JITTER: f64 = 0.8;
const STEP_SIZE_SKEW: u8 = 3;
/// Gradients of a trajectory, where the analysis does not say. Those of the field are long: small scales have to follow where
/// the largest ones carry them, so that what is wide for both together is narrow for each alone.
const FIELD_STEPS: usize = 56;
const WEIGHTS_STEPS: usize = 20;
/// The acceptance rate that step sizes adapt to, where the analysis does not say.
const ACCEPTANCE_RATE: f64 = 0.8;

/// Chains are held in memory all at once.
const MAX_CHAINS: u64 = 1024;
const MAX_DRAWS: u64 = 100_000_000;
/// Draws between two checkpoints are held in memory.
const MAX_SAVE_EVERY: u64 = 10_000;
const MAX_TRANSITIONS: usize = 10_000;
/// What only initial fields are evolved, compared and kept with.
const OF_FIELDS: [&str; 5] =
    ["field.white_noise", "field.scale_factor", "field.order", "field.mass_assignment", "sample.n_fields"];

/// Reads and checks the section.
pub(super) fn read(mut section: Section<'_>, field: &Field) -> Result<Sampling> {
    let document = section.document;
    let empty = |name: &str| Section::empty(document, name);
    let (of_field, of_weights) = (section.section("field")?, section.section("weights")?);
    let keys: Keys = section.rest(&["field", "weights"])?;
    for (name, is_there, alone, other) in [
        ("sample.field", of_field.is_some(), What::Weights, "the weights are"),
        ("sample.weights", of_weights.is_some(), What::Field, "the field is"),
    ] {
        let message = format!("nothing uses it where {other} sampled alone");
        document.demand(!is_there || keys.what != alone, name, message, "leave the section out")?;
    }
    let of_field = of_field.unwrap_or_else(|| empty("sample.field"));
    let of_weights = of_weights.unwrap_or_else(|| empty("sample.weights"));
    let counts = [
        ("n_chains", keys.n_chains as u64, 1),
        ("n_draws", keys.n_draws, 4),
        ("save_every", keys.save_every, 1),
        ("n_fields", keys.n_fields, 1),
    ];
    for (name, n, least) in counts {
        let message = format!("{n} is too few");
        document.demand(n >= least, &format!("sample.{name}"), message, &format!("give {least} or more"))?;
    }
    let counts = [
        ("n_chains", keys.n_chains as u64, MAX_CHAINS),
        ("n_draws", keys.n_draws, MAX_DRAWS),
        ("n_warm_up", keys.n_warm_up, MAX_DRAWS),
        ("save_every", keys.save_every, MAX_SAVE_EVERY),
    ];
    for (name, n, most) in counts {
        let message = format!("{n} is too many");
        document.demand(n <= most, &format!("sample.{name}"), message, &format!("give at most {most}"))?;
    }
    if keys.what == What::Weights && field.density.is_none() {
        let remedy = "name the density with field.density = \"…\", or sample it too: what = \"joint\"";
        let error = Error::invalid_input("the weights alone are sampled, and the density is not known");
        return Err(document.blame("sample.what", error.remedy(remedy)));
    }
    for key in OF_FIELDS {
        let is_used = keys.what != What::Weights || !document.has(key);
        let message = "nothing uses it where the weights are sampled alone: no field is drawn or evolved";
        document.demand(is_used, key, message, "leave it out, or set sample.what = \"joint\"")?;
    }
    let (is_whitened, field_block, field_names) = field_block(of_field)?;
    let (weights_block, weights_names) = weights_block(of_weights)?;
    let (blocks, names) = match keys.what {
        What::Joint => (vec![field_block, weights_block], vec![field_names, weights_names]),
        What::Field => (vec![field_block], vec![field_names]),
        What::Weights => (vec![weights_block], vec![weights_names]),
    };
    // With one sweep or more there is a window, and all that adapts does.
    let adapts = blocks.iter().any(|block: &BlockSettings| block.acceptance_rate.is_some());
    let message = "step sizes, lengths and metrics adapt in the warm-up, and there is none";
    document.demand(!adapts || keys.n_warm_up > 0, "sample.n_warm_up", message, "give some hundred")?;
    Ok(Sampling {
        what: keys.what,
        n_chains: keys.n_chains,
        n_draws: keys.n_draws,
        save_every: keys.save_every,
        n_fields: keys.n_fields,
        is_whitened,
        chain: ChainSettings { warm_up: keys.n_warm_up, blocks },
        names,
    })
}

fn field_block(section: Section<'_>) -> Result<(bool, BlockSettings, [String; 3])> {
    let document = section.document;
    let keys: FieldKeys = section.rest(&[])?;
    let demand = |holds: bool, name: &str, message: String, remedy: &str| {
        document.demand(holds, &format!("sample.field.{name}"), message, remedy)
    };
    transitions_and_rate(&demand, keys.transitions, keys.acceptance_rate.unwrap_or(ACCEPTANCE_RATE))?;
    let n = keys.num_integration_steps;
    steps(&demand, n, keys.search_length)?;
    let is_hmc = keys.sampler == SamplerKey::Hmc;
    let is_biased = keys.sampler == SamplerKey::Mclmc;
    demand(is_hmc || keys.integrator.is_none(), "integrator", "this belongs to hmc alone".into(), "leave it out")?;
    let message = "the warm-up finds the step size".to_owned();
    demand(is_biased || keys.step_size.is_none(), "step_size", message, "leave it out: it belongs to mclmc alone")?;
    let rate = (!is_biased).then_some(keys.acceptance_rate.unwrap_or(ACCEPTANCE_RATE));
    let integrator = keys.integrator.unwrap_or(hmc::Integrator::MinimalNorm);
    let steps = if integrator == hmc::Integrator::MinimalNorm { FIELD_STEPS / 2 } else { FIELD_STEPS };
    let (sampler, name) = match keys.sampler {
        SamplerKey::Hmc => {
            let settings = hmc::Settings {
                num_integration_steps: n.unwrap_or(steps),
                step_size_jitter: STEP_SIZE_JITTER,
                step_size_skew: STEP_SIZE_SKEW,
                integrator,
                ..hmc::Settings::default()
            };
            let name = match integrator {
                hmc::Integrator::Leapfrog => "HMC",
                hmc::Integrator::MinimalNorm => "HMC, minimal norm",
                hmc::Integrator::Geodesic => "HMC, geodesic",
            };
            (hmc::Sampler::Hmc(settings), name)
        }
        SamplerKey::Mams => {
            let message = "the warm-up finds the length of mams".to_owned();
            demand(n.is_none(), "num_integration_steps", message, "leave it out")?;
            (mams(), "MAMS")
        }
        SamplerKey::Mclmc => {
            demand(!keys.search_length, "search_length", "mclmc adapts nothing".into(), "leave it out")?;
            let message = "mclmc accepts everything, so nothing can be adapted to its acceptance".to_owned();
            demand(keys.acceptance_rate.is_none(), "acceptance_rate", message, "leave it out")?;
            let remedy = "give the time of a step, such as 0.2";
            let step = keys.step_size.unwrap_or(f64::NAN);
            demand(step > 0.0 && step.is_finite(), "step_size", "mclmc needs a step size".into(), remedy)?;
            let length = step * n.unwrap_or(10) as f64;
            (hmc::Sampler::Microcanonical(microcanonical::Settings::biased(step, length)), "MCLMC (biased)")
        }
    };
    let is_whitened = keys.whitening == Whitening::Wiener;
    let block = BlockSettings {
        sampler,
        metric: MetricKind::Identity,
        transitions: keys.transitions,
        acceptance_rate: rate,
        searches_length: keys.search_length || (keys.sampler == SamplerKey::Mams && n.is_none()),
    };
    let metric = if is_whitened { "Wiener whitening" } else { "none" };
    Ok((is_whitened, block, ["initial field", name, metric].map(String::from)))
}

fn weights_block(section: Section<'_>) -> Result<(BlockSettings, [String; 3])> {
    let document = section.document;
    let keys: WeightsKeys = section.rest(&[])?;
    let demand = |holds: bool, name: &str, message: String, remedy: &str| {
        document.demand(holds, &format!("sample.weights.{name}"), message, remedy)
    };
    transitions_and_rate(&demand, keys.transitions, keys.acceptance_rate)?;
    steps(&demand, keys.num_integration_steps, keys.search_length)?;
    let (sampler, name) = match keys.sampler {
        SamplerKey::Hmc => {
            let n = keys.num_integration_steps.unwrap_or(WEIGHTS_STEPS);
            let settings = hmc::Settings {
                num_integration_steps: n,
                step_size_jitter: STEP_SIZE_JITTER,
                step_size_skew: STEP_SIZE_SKEW,
                ..hmc::Settings::default()
            };
            (hmc::Sampler::Hmc(settings), "HMC")
        }
        SamplerKey::Mams => {
            let message = "the warm-up finds the length of mams".to_owned();
            demand(keys.num_integration_steps.is_none(), "num_integration_steps", message, "leave it out")?;
            (mams(), "MAMS")
        }
        SamplerKey::Mclmc => {
            let error = Error::invalid_input("mclmc finds no metric for the weights: it accepts everything");
            return Err(document.blame("sample.weights.sampler", error.remedy("choose hmc or mams")));
        }
    };
    let (metric, metric_name) = match keys.metric {
        MetricKey::QuasiNewton => (MetricKind::QuasiNewton, "quasi-Newton (HMCLET)"),
        MetricKey::Dense => (MetricKind::Dense, "dense"),
        MetricKey::LowRank => (MetricKind::LowRank(2.0), "low rank"),
        MetricKey::Diagonal => (MetricKind::Diagonal, "diagonal"),
    };
    let block = BlockSettings {
        sampler,
        metric,
        transitions: keys.transitions,
        acceptance_rate: Some(keys.acceptance_rate),
        searches_length: keys.search_length || keys.sampler == SamplerKey::Mams,
    };
    Ok((block, ["weights", name, metric_name].map(String::from)))
}

fn mams() -> hmc::Sampler {
    hmc::Sampler::Microcanonical(microcanonical::Settings::adjusted(0.25, 0.5 * std::f64::consts::PI))
}

fn steps(demand: &dyn Fn(bool, &str, String, &str) -> Result<()>, n: Option<usize>, searched: bool) -> Result<()> {
    let possible = n.is_none_or(|n| (1..=hmc::MAX_STEPS).contains(&n));
    demand(possible, "num_integration_steps", "this cannot be used".into(), "give 1 to 1024, or leave it out")?;
    let message = "the length is given, and is to be searched".to_owned();
    demand(n.is_none() || !searched, "search_length", message, "leave one of the two out")
}

fn transitions_and_rate(
    demand: &dyn Fn(bool, &str, String, &str) -> Result<()>,
    transitions: usize,
    rate: f64,
) -> Result<()> {
    let message = format!("{transitions} transitions cannot be made");
    let remedy = format!("give 1 to {MAX_TRANSITIONS}");
    demand((1..=MAX_TRANSITIONS).contains(&transitions), "transitions", message, &remedy)?;
    demand(rate > 0.0 && rate < 1.0, "acceptance_rate", format!("{rate} is no rate"), "give a number between 0 and 1")
}
