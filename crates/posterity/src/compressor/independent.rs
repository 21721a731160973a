//! Summaries of simulations that nothing was chosen by, made and forgotten block by block, continued where they stopped.

use super::checkpoint::{Keeper, digest_of_seed};
use super::run::{Run, Tally};
use super::{Compressor, Trained};
use crate::error::Result;
use crate::nn::{Metadata, Tensors, Values};
use crate::simulator::{SimulationSet, Simulator};
use serde_json::json;

/// Simulations, of each kind, that are held in memory at once, at most, and values of them where these are more.
const BLOCK: usize = 1000;
const BLOCK_VALUES: usize = 1 << 23;
/// Names in the checkpoint.
const SUMMARIES: &str = "summaries";
const DERIVATIVES: &str = "derivatives";
const DONE: &str = "done";
const TALLY: &str = "tally";

/// More simulations for the estimate that inference uses, independent of training and selection.
#[derive(Clone, Copy)]
pub enum Independent<'a> {
    /// Made, and forgotten.
    Drawn {
        /// Where they come from.
        simulator: &'a dyn Simulator,
        /// δ for seed-matched differences; exact derivatives where left out.
        delta: Option<&'a [f64]>,
        /// How many of each kind.
        n: usize,
    },
    /// There already.
    Stored(&'a SimulationSet),
}

/// Summaries so far.
#[derive(Clone, Debug, Default)]
struct State {
    /// Simulations run, of each kind.
    done: usize,
    x: Vec<f64>,
    dx: Vec<f64>,
    tally: Tally,
}

impl State {
    fn read(keeper: &Keeper, (mut tensors, mut metadata): (Tensors, Metadata)) -> Result<Self> {
        Ok(Self {
            done: keeper.take(&mut metadata, DONE)?,
            x: keeper.doubles(&mut tensors, SUMMARIES)?,
            dx: keeper.doubles(&mut tensors, DERIVATIVES)?,
            tally: keeper.take(&mut metadata, TALLY)?,
        })
    }

    fn keep(&self, keeper: &mut Keeper) -> Result<()> {
        let tensors = [(SUMMARIES, &self.x), (DERIVATIVES, &self.dx)];
        let tensors = tensors.map(|(name, values)| (name.to_owned(), Values::F64(values.clone())));
        keeper.keep(&Tensors::from(tensors), [(DONE, json!(self.done)), (TALLY, json!(self.tally))])
    }
}

impl Independent<'_> {
    /// Summaries `(n_s, n_summaries)` and derivatives `(n_d, n_params, n_summaries)` of all that did not fail, and the
    /// failures. `digest` is that of the compressor.
    ///
    /// # Errors
    /// Interrupted, where the caller asks for an end; simulation failed, where too many did; corrupt file, where the
    /// checkpoint is damaged.
    pub(super) fn summarise(
        &self,
        compressor: &Trained,
        theta_fid: &[f64],
        digest: u64,
        run: &Run<'_>,
    ) -> Result<(Vec<f64>, Vec<f64>, Tally)> {
        let (simulator, delta, n) = match *self {
            Self::Drawn { simulator, delta, n } => (simulator, delta, n),
            Self::Stored(set) => {
                let (x, dx) = compressor.summarise(set)?;
                return Ok((x, dx, Tally::default()));
            }
        };
        let seed = run.seed.label("independent");
        let mut keeper = run.checkpoint.map(|checkpoint| {
            checkpoint.of_independent(json!({
                "seed": digest_of_seed(seed),
                "compressor": digest,
                "theta_fid": theta_fid,
                "delta": delta,
                "n": n,
            }))
        });
        let found = keeper.as_ref().map(|keeper| keeper.find()).transpose()?.flatten();
        run.progress.begin("independent simulations", Some(n as u64));
        let kinds = 1 + delta.map_or(1, |_| 2) * theta_fid.len();
        let block = (BLOCK_VALUES / (kinds * simulator.n_data()).max(1)).clamp(1, BLOCK);
        let mut state = State::default();
        if let (Some(found), Some(keeper)) = (found, &keeper) {
            state = State::read(keeper, found)?;
            run.progress.at(state.done as u64, &format!("continued from simulation {}", state.done));
        }
        while state.done < n {
            if run.progress.stop_requested() {
                if let Some(keeper) = &mut keeper {
                    state.keep(keeper)?;
                }
                return Err(run.interrupted(&format!("{} of {} independent simulations", state.done, n)));
            }
            let n_block = block.min(n - state.done);
            let mut set = SimulationSet::new(simulator, theta_fid, delta, n_block, n_block)?;
            let streams = (seed, state.done as u64);
            // A block may lose all of its own: what is left counts at the end.
            state.tally.fill(&mut set, simulator, streams, None, run.max_failed_fraction)?;
            if set.n_s() > 0 {
                let (x, dx) = compressor.summarise(&set)?;
                state.x.extend(x);
                state.dx.extend(dx);
            }
            state.done += n_block;
            run.progress.at(state.done as u64, "");
            if let Some(keeper) = keeper.as_mut().filter(|keeper| keeper.is_due()) {
                state.keep(keeper)?;
            }
        }
        run.progress.end("");
        let n_summaries = compressor.n_summaries();
        let (n_s, n_d) = (state.x.len() / n_summaries, state.dx.len() / (n_summaries * theta_fid.len()));
        // The derivatives are halved.
        state.tally.check(n_s, n_d / 2, n_summaries + 3)?;
        Ok((state.x, state.dx, state.tally))
    }
}
