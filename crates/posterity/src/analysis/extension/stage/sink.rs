//! What becomes of a chain's draws: numbers to `chains.zarr`, fields to `fields.zarr`, sums beside the checkpoint.
//!
//! A chunk of draws is written when it is full; until then its draws are kept beside the checkpoint, so that a chain that
//! goes on from there writes the same chunk, to the bit.

use super::super::{Extension, What};
use super::stored::{Stored, block_names, checkpoint_path};
use super::target::Target;
use crate::error::Result;
use crate::field::Spectra;
use crate::halo::add_prior;
use crate::hmc::{self, Beside, Chain, Info};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// One chain's.
pub(super) struct Sink<'a> {
    extension: &'a Extension,
    stored: &'a Stored,
    path: PathBuf,
    chain: usize,
    /// Draws of the chunk that is not full, by variable.
    pending: BTreeMap<String, Vec<f64>>,
    /// Sums over draws, by name; see [`SUMS`].
    sums: BTreeMap<String, Vec<f64>>,
    /// Wall time of earlier commands [s]: of all draws, of those after the warm-up.
    before: [f64; 2],
    start: Instant,
    /// When this command's first draw after the warm-up began.
    kept_since: Option<Instant>,
    measure: Option<Measure>,
    gradient: Vec<f64>,
}

/// Sums over draws, n³ values each: density contrast, its square, linear density.
pub(super) const SUMS: [&str; 3] = ["density", "density_squared", "linear"];

/// What fields are measured with.
struct Measure {
    spectra: Spectra,
    white_noise: Vec<f64>,
    linear: Vec<f64>,
    true_linear: Option<Vec<f64>>,
}

impl<'a> Sink<'a> {
    /// Of chain i; `beside` is what its checkpoint kept, if it goes on from one.
    pub(super) fn new(
        extension: &'a Extension,
        stored: &'a Stored,
        out_dir: &std::path::Path,
        chain: usize,
        beside: Beside,
        true_linear: Option<Vec<f64>>,
    ) -> Result<Self> {
        let n_cells = extension.field.grid.n_cells();
        let (mut pending, mut sums) = (BTreeMap::new(), BTreeMap::new());
        let mut before = [0.0; 2];
        for (name, values) in beside {
            if let Some(name) = name.strip_prefix("pending.") {
                pending.insert(name.to_owned(), values);
            } else if let Some(name) = name.strip_prefix("sum.") {
                sums.insert(name.to_owned(), values);
            } else if let ("seconds", [all, kept]) = (name.as_str(), &values[..]) {
                before = [*all, *kept];
            }
        }
        let measure = match extension.sampling.what {
            What::Weights => None,
            _ => {
                for name in SUMS {
                    sums.entry(name.to_owned()).or_insert_with(|| vec![0.0; n_cells]);
                }
                let spectra = Spectra::new(extension.field.grid, &super::stored::bins(&extension.field.grid))?;
                Some(Measure { spectra, white_noise: vec![0.0; n_cells], linear: vec![0.0; n_cells], true_linear })
            }
        };
        let path = checkpoint_path(out_dir, chain);
        let gradient = vec![0.0; extension.engine.names.len()];
        let start = Instant::now();
        let kept_since = None;
        Ok(Self { extension, stored, path, chain, pending, sums, before, start, kept_since, measure, gradient })
    }

    /// Wall time [s] of all draws, and of those after the warm-up.
    pub(super) fn seconds(&self) -> [f64; 2] {
        let [all, kept] = self.before;
        let since = self.kept_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        [all + self.start.elapsed().as_secs_f64(), kept + since]
    }

    fn keep(&mut self, name: &str, values: impl IntoIterator<Item = f64>) {
        match self.pending.get_mut(name) {
            Some(pending) => pending.extend(values),
            None => drop(self.pending.insert(name.to_owned(), values.into_iter().collect())),
        }
    }

    /// Measures the field, adds it to the sums, writes it where its turn has come; the log prior of its white noise.
    fn take_field(&mut self, position: &[f64], draw: u64, target: &mut Target) -> Result<f64> {
        let (Some(mut measure), Some(field)) = (self.measure.take(), target.field()) else { return Ok(0.0) };
        let Measure { spectra, white_noise, linear, true_linear } = &mut measure;
        field.white_noise(position, white_noise)?;
        field.linear_density(position, linear)?;
        let log_prior = -0.5 * white_noise.iter().map(|s| s * s).sum::<f64>();
        let bins = match true_linear {
            Some(truth) => spectra.cross(linear, truth, [None; 2])?,
            None => spectra.power(linear, None)?,
        };
        self.keep("power", bins.iter().map(|bin| bin.power_a));
        if true_linear.is_some() {
            self.keep("correlation", bins.iter().map(crate::field::Bin::correlation));
        }
        let density = field.density(position);
        let mut add = |name: &str, values: &mut dyn Iterator<Item = f64>| {
            if let Some(sum) = self.sums.get_mut(name) {
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        };
        add("density", &mut density.iter().copied());
        add("density_squared", &mut density.iter().map(|d| d * d));
        add("linear", &mut linear.iter().copied());
        let apart = self.stored.draws_apart;
        if let Some(fields) = &self.stored.fields
            && draw.is_multiple_of(apart)
        {
            let at = (draw / apart - 1) as usize;
            fields.write("white_noise", self.chain, at, white_noise)?;
            fields.write("density", self.chain, at, density)?;
        }
        self.measure = Some(measure);
        Ok(log_prior)
    }

    /// Writes the pending draws as the chunk that this draw (from 1) is of. Those of a chunk that is not full stay: more
    /// draws may be asked for later.
    fn write(&mut self, draw: u64) -> Result<()> {
        let chunk_draws = self.stored.chains.layout().chunk_draws as u64;
        let chunk = ((draw - 1) / chunk_draws) as usize;
        for (name, values) in &self.pending {
            self.stored.chains.write(name, self.chain, chunk, values)?;
        }
        if draw.is_multiple_of(chunk_draws) {
            self.pending.clear();
        }
        Ok(())
    }
}

impl hmc::Sink<Target> for Sink<'_> {
    fn draw(&mut self, chain: &Chain, infos: &[Info], target: &mut Target) -> Result<()> {
        let sampling = &self.extension.sampling;
        let (n_draws, warm_up, what) = (sampling.n_draws, sampling.chain.warm_up, sampling.what);
        if chain.draw() == warm_up || self.kept_since.is_none() && chain.draw() > warm_up {
            self.kept_since = Some(Instant::now());
        }
        let Some(draw) = chain.draw().checked_sub(warm_up).filter(|draw| *draw > 0) else { return Ok(()) };
        let blocks = chain.blocks();
        let last = &blocks[blocks.len() - 1].state;
        let mut log_prior = 0.0;
        if what != What::Weights {
            // The weights that move along come after the field.
            let n_cells = self.extension.field.grid.n_cells();
            log_prior += self.take_field(&blocks[0].state.position[..n_cells], draw, target)?;
        }
        let mut log_likelihood = last.log_density;
        if let Some((weights, log_volume)) = target.weights(&last.position) {
            let of_weights = add_prior(weights, &mut self.gradient);
            log_likelihood -= of_weights + log_volume;
            log_prior += of_weights;
            self.keep("weights", weights.iter().copied());
        } else {
            log_likelihood -= log_prior;
        }
        self.keep("log_likelihood", [log_likelihood]);
        self.keep("lp", [log_likelihood + log_prior]);
        for (block, info) in block_names(what).iter().zip(infos) {
            let values = [
                ("energy", info.energy),
                ("acceptance_rate", info.acceptance_rate),
                ("diverging", f64::from(u8::from(info.is_divergent))),
                ("n_steps", info.num_integration_steps as f64),
                ("step_size", info.step_size),
            ];
            for (name, value) in values {
                self.keep(&format!("{name}_{block}"), [value]);
            }
        }
        if draw.is_multiple_of(self.stored.chains.layout().chunk_draws as u64) || draw == n_draws {
            self.write(draw)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self, chain: &Chain, target: &mut Target) -> Result<()> {
        let mut beside = Beside::new();
        for (name, values) in &self.pending {
            beside.insert(format!("pending.{name}"), values.clone());
        }
        for (name, values) in &self.sums {
            beside.insert(format!("sum.{name}"), values.clone());
        }
        beside.insert("seconds".into(), self.seconds().to_vec());
        if let Some(field) = target.field() {
            beside.insert("amplitude".into(), field.amplitude().to_vec());
        }
        if let Some((centre, factor)) = target.coordinates() {
            beside.insert("weights.centre".into(), centre.to_vec());
            factor.parts().1.into_iter().for_each(|(name, values)| {
                beside.insert(format!("weights.{name}"), values.to_vec());
            });
        }
        hmc::save(&self.path, chain, &beside)
    }
}
