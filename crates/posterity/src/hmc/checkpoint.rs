//! A chain on disk: all that its next draw depends on, to the bit, in one file that is whole or not there.
//!
//! A safetensors file with a digest over all of it. Its metadata hold settings, counters and what adapts; its tensors
//! positions, gradients, momenta, metrics, the window of the warm-up, and what the owner of the target wants kept beside
//! the chain ([`Beside`]: chosen coordinates, say). Random state there is none: the stream of a draw follows from the
//! seed, the chain's index and the number of the draw; the seed itself is not kept, but whether it is the same is.

use super::adaptation::Adaptation;
use super::length::LengthSearch;
use super::{Block, Chain, ChainSettings, DualAveraging, Metric, Sampler, Scratch, State, Window};
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::tensors::{Metadata, Tensors, Values, read_tensors, write_tensors};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers by name that the owner of a target keeps beside a chain.
pub type Beside = BTreeMap<String, Vec<f64>>;

const CHAIN: &str = "chain";
const REMEDY: &str = "take it away, and the chain begins anew";

#[derive(Serialize, Deserialize)]
struct ChainRecord {
    index: u64,
    /// A number from the seed, to tell it from others.
    seed: u64,
    draw: u64,
    settings: ChainSettings,
    blocks: Vec<BlockRecord>,
}

#[derive(Serialize, Deserialize)]
struct BlockRecord {
    metric: String,
    sampler: Sampler,
    n_gradients: u64,
    n_divergent: u64,
    adaptation: Option<AdaptationRecord>,
}

#[derive(Serialize, Deserialize)]
struct AdaptationRecord {
    dual: Option<DualAveraging>,
    length: Option<LengthSearch>,
    n: u64,
    stride: u64,
    keeps_rows: bool,
}

/// Writes a chain, and what is kept beside it, to `path`, whole or not at all.
///
/// # Errors
/// Io.
pub fn save(path: &Path, chain: &Chain, beside: &Beside) -> Result<()> {
    let mut tensors = Tensors::new();
    let mut keep = |name: String, values: &[f64]| tensors.insert(name, Values::F64(values.to_vec()));
    for (name, values) in beside {
        keep(format!("beside.{name}"), values);
    }
    for (i, block) in chain.blocks.iter().enumerate() {
        keep(format!("{i}.position"), &block.state.position);
        keep(format!("{i}.log_density"), &[block.state.log_density]);
        keep(format!("{i}.gradient"), &block.state.gradient);
        keep(format!("{i}.momentum"), &block.state.momentum);
        for (name, values) in block.metric.parts().1 {
            keep(format!("{i}.metric.{name}"), values);
        }
        let Some(Adaptation { window, centre, .. }) = &block.adaptation else { continue };
        keep(format!("{i}.centre"), centre);
        keep(format!("{i}.window.draws"), &window.draws);
        keep(format!("{i}.window.gradients"), &window.gradients);
        for (k, moments) in window.moments.iter().enumerate() {
            keep(format!("{i}.window.moments.{k}"), moments);
        }
    }
    let blocks = chain.blocks.iter().map(|block| BlockRecord {
        metric: block.metric.parts().0.to_owned(),
        sampler: block.sampler,
        n_gradients: block.n_gradients,
        n_divergent: block.n_divergent,
        adaptation: block.adaptation.as_ref().map(|Adaptation { dual, length, window, .. }| AdaptationRecord {
            dual: *dual,
            length: *length,
            n: window.n,
            stride: window.stride,
            keeps_rows: window.keeps_rows,
        }),
    });
    let record = ChainRecord {
        index: chain.index,
        seed: fingerprint(chain.seed),
        draw: chain.draw,
        settings: chain.settings.clone(),
        blocks: blocks.collect(),
    };
    let record = serde_json::to_value(record)
        .map_err(|e| Error::numerical(format!("the chain cannot be written: {e}")).in_file(path))?;
    write_tensors(path, &tensors, Metadata::from([(CHAIN.to_owned(), record)]))
}

/// Reads what [`save`] wrote. Restore the target's own coordinates, then [`place`](Chain::place) the chain in it.
///
/// # Errors
/// Io; corrupt file, where it is damaged; invalid input, where it is of another seed, index or other settings.
pub fn load(path: &Path, index: u64, seed: Seed, settings: &ChainSettings) -> Result<(Chain, Beside)> {
    let corrupt = |what: String| Error::corrupt_file(what).in_file(path).remedy(REMEDY);
    let (mut tensors, mut metadata) = read_tensors(path).map_err(|e| e.remedy(REMEDY))?;
    let record: ChainRecord = serde_json::from_value(metadata.remove(CHAIN).unwrap_or_default())
        .map_err(|e| corrupt(format!("metadata `{CHAIN}`: {e}")))?;
    for (what, is_same) in [
        ("seed", record.seed == fingerprint(seed)),
        ("index", record.index == index),
        ("settings", record.settings == *settings && record.blocks.len() == settings.blocks.len()),
    ] {
        if !is_same {
            let message = format!("the chain kept here is of another {what}");
            return Err(Error::invalid_input(message).in_file(path).remedy(REMEDY));
        }
    }
    let mut take = |name: String| match tensors.remove(&name) {
        Some(Values::F64(values)) => Ok(values),
        _ => Err(corrupt(format!("tensor `{name}` is missing"))),
    };
    let mut blocks = vec![];
    for (i, own) in record.blocks.into_iter().enumerate() {
        let position = take(format!("{i}.position"))?;
        let dim = position.len();
        let log_density = take(format!("{i}.log_density"))?;
        let (gradient, momentum) = (take(format!("{i}.gradient"))?, take(format!("{i}.momentum"))?);
        if log_density.len() != 1 || gradient.len() != dim || ![0, dim].contains(&momentum.len()) {
            return Err(corrupt(format!("the state of block {i} does not fit {dim} dimensions")));
        }
        let metric = Metric::from_parts(&own.metric, dim, |name| take(format!("{i}.metric.{name}")))
            .map_err(|e| e.in_file(path).remedy(REMEDY))?;
        let adaptation = match own.adaptation {
            None => None,
            Some(AdaptationRecord { dual, length, n, stride, keeps_rows }) => {
                let mut moments: [Vec<f64>; 4] = Default::default();
                for (k, moments) in moments.iter_mut().enumerate() {
                    *moments = take(format!("{i}.window.moments.{k}"))?;
                }
                let (draws, gradients) = (take(format!("{i}.window.draws"))?, take(format!("{i}.window.gradients"))?);
                let centre = take(format!("{i}.centre"))?;
                let fits = moments.iter().chain([&centre]).all(|m| m.len() == dim);
                if !fits || draws.len() != gradients.len() || !draws.len().is_multiple_of(dim.max(1)) || stride == 0 {
                    return Err(corrupt(format!("the window of block {i} does not fit {dim} dimensions")));
                }
                Some(Adaptation {
                    dual,
                    length,
                    window: Window { n, stride, keeps_rows, moments, draws, gradients },
                    centre,
                })
            }
        };
        blocks.push(Block {
            state: State { position, log_density: log_density[0], gradient, momentum },
            metric,
            sampler: own.sampler,
            n_gradients: own.n_gradients,
            n_divergent: own.n_divergent,
            adaptation,
            scratch: Scratch::default(),
        });
    }
    let beside = tensors.into_iter().filter_map(|(name, values)| match (name.strip_prefix("beside."), values) {
        (Some(name), Values::F64(values)) => Some((name.to_owned(), values)),
        _ => None,
    });
    let beside = beside.collect();
    Ok((Chain { index, seed, settings: record.settings, draw: record.draw, blocks }, beside))
}

fn fingerprint(seed: Seed) -> u64 {
    seed.label("fingerprint").stream(0).next_u64()
}
