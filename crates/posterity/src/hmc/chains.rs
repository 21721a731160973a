//! Several chains at once, in rounds: each draws on a thread of its own, keeps what it wants, and stops where told.

use super::{Blocks, Chain, Info};
use crate::error::{Error, Result};
use crate::progress::Progress;
use rayon::prelude::*;

/// What becomes of a chain's draws.
pub trait Sink<B> {
    /// Takes the draw that the chain has just made, with what its steps came to, one of each block; `target` can say
    /// more of where it stands. Those of the warm-up come too: `chain.draw()` counts from 1 here.
    ///
    /// # Errors
    /// Whatever keeps the draw from being taken; ends the run.
    fn draw(&mut self, chain: &Chain, infos: &[Info], target: &mut B) -> Result<()>;

    /// The end of a round, or of the run: time to write draws to disk and save the chain, in this order, so that a chain
    /// resumed never lacks a draw. What was written beyond the checkpoint that is resumed from is to be written over: it
    /// comes again, bit for bit.
    ///
    /// # Errors
    /// Whatever keeps it from being written; ends the run.
    fn checkpoint(&mut self, _chain: &Chain, _target: &mut B) -> Result<()> {
        Ok(())
    }
}

/// A chain, its own target and its own sink.
#[derive(Debug)]
pub struct Lane<B, S> {
    /// The chain.
    pub chain: Chain,
    /// What it samples.
    pub target: B,
    /// What becomes of its draws.
    pub sink: S,
}

/// Draws until each chain has made `n_draws` sweeps, those of the warm-up and those already made included. Chains run
/// on all threads, `round` sweeps (at least 1) between two checkpoints; the draws do not depend on the threads.
///
/// # Errors
/// Interrupted, where `progress` asked for an end: the chains stopped between two draws and were checkpointed. The
/// error of the first chain in order, where one ended with an error.
pub fn run<B, S>(lanes: &mut [Lane<B, S>], n_draws: u64, round: u64, progress: &dyn Progress) -> Result<()>
where
    B: Blocks + Send,
    S: Sink<B> + Send,
{
    progress.begin("sample", Some(n_draws));
    let done = |lanes: &[Lane<B, S>]| lanes.iter().map(|lane| lane.chain.draw()).min().unwrap_or(n_draws);
    let mut note = note(lanes, 0.0, 0.0);
    while done(lanes) < n_draws {
        let rounds: Vec<Result<(f64, f64)>> =
            lanes.par_iter_mut().map(|lane| one_round(lane, n_draws, round.max(1), progress)).collect();
        let rates = rounds.into_iter().collect::<Result<Vec<_>>>()?;
        let (sum, n) = rates.iter().fold((0.0, 0.0), |all, rate| (all.0 + rate.0, all.1 + rate.1));
        note = self::note(lanes, sum, n);
        progress.at(done(lanes), &note);
        if progress.stop_requested() && done(lanes) < n_draws {
            progress.end(&note);
            return Err(Error::interrupted(format!("stopped after draw {}", done(lanes))));
        }
    }
    progress.end(&note);
    Ok(())
}

/// The sum of acceptance rates, and of how many.
fn one_round<B: Blocks, S: Sink<B>>(
    Lane { chain, target, sink }: &mut Lane<B, S>,
    n_draws: u64,
    round: u64,
    progress: &dyn Progress,
) -> Result<(f64, f64)> {
    let (mut sum, mut n) = (0.0, 0.0);
    let end = n_draws.min(chain.draw() + round);
    while chain.draw() < end && !progress.stop_requested() {
        let infos = chain.step(target)?;
        sum += infos.iter().map(|info| info.acceptance_rate).sum::<f64>();
        n += infos.len() as f64;
        sink.draw(chain, &infos, target)?;
    }
    sink.checkpoint(chain, target)?;
    Ok((sum, n))
}

fn note<B, S>(lanes: &[Lane<B, S>], sum: f64, n: f64) -> String {
    let blocks = || lanes.iter().flat_map(|lane| lane.chain.blocks());
    let divergent: u64 = blocks().map(|block| block.n_divergent).sum();
    let gradients: u64 = blocks().map(|block| block.n_gradients).sum();
    let acceptance = if n > 0.0 { format!("acceptance {:.2}, ", sum / n) } else { String::new() };
    format!("{acceptance}{divergent} divergent, {gradients} gradients")
}
