//! The no-U-turn sampler for general targets, by nuts-rs: nothing to tune, and the oracle of our own samplers.
//!
//! NUTS doubles a Hamiltonian trajectory until it turns back on itself and draws a point of it in proportion to its weight,
//! so that the length needs no tuning; step size and metric (diagonal, or diagonal and low-rank, from draws and gradients)
//! adapt in the warm-up and are frozen after it.
//!
//! Limits: all draws of an adaptation window are kept for the low-rank metric: for up to some thousand dimensions. No
//! blocks, no metric of one's own, no going on after an interruption: for those there is the rest of this room.
//!
//! References: Hoffman, Gelman 2014, Journal of Machine Learning Research 15, 1593; arXiv:1111.4246; nuts-rs 0.19,
//! github.com/pymc-devs/nuts-rs.

use super::LogDensity;
use crate::error::{Error, Result};
use crate::seed::{Seed, Stream};
use nuts_rs::{
    Chain, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, LowRankNutsSettings, Settings,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt;

/// What one chain drew after its warm-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// The positions, draw after draw, `dim` values each.
    pub positions: Vec<f64>,
    /// Evaluations of the gradient in the warm-up, and after it.
    pub n_gradients: (u64, u64),
    /// Draws, after the warm-up, whose trajectory diverged.
    pub n_divergent: usize,
    /// Step size after the warm-up, the last.
    pub step_size: f64,
}

/// Chains of NUTS, one from each start, side by side on the threads of the pool: `make_target` makes the density of a
/// chain from its number. Bit for bit the same for a seed, whatever the number of threads. `low_rank` adapts a low-rank
/// metric besides the diagonal one, for correlated targets.
///
/// # Errors
/// Invalid input: no starts, a start of another dimension than the target, fewer than 20 draws of warm-up. Numerical: a
/// start where the density or its gradient is not finite, or an element of the gradient is exactly zero (nuts-rs scales its
/// first metric by the gradient).
pub fn sample<D: LogDensity>(
    make_target: impl Fn(usize) -> D + Sync,
    starts: &[Vec<f64>],
    n_warm_up: u64,
    n_draws: u64,
    seed: Seed,
    low_rank: bool,
) -> Result<Vec<Draws>> {
    if starts.is_empty() || n_warm_up < 20 {
        return Err(Error::invalid_input(format!("{} chains with {n_warm_up} draws of warm-up", starts.len()))
            .remedy("give a start for each chain, and 20 draws of warm-up or more; hundreds are usual"));
    }
    let seed = seed.label("nuts");
    let chain = |(index, start): (usize, &Vec<f64>)| {
        let target = make_target(index);
        if target.dim() != start.len() {
            return Err(Error::invalid_input(format!(
                "start {index} has {} coordinates, the target {}",
                start.len(),
                target.dim()
            )));
        }
        let stream = seed.stream(index as u64);
        let lengths = (n_warm_up, n_draws);
        // The sampler of nuts-rs wants a name for each, so that the two are two calls.
        if low_rank {
            let settings = LowRankNutsSettings { num_tune: n_warm_up, num_draws: n_draws, ..Default::default() };
            run(&settings, target, start, lengths, stream)
        } else {
            let settings = DiagNutsSettings { num_tune: n_warm_up, num_draws: n_draws, ..Default::default() };
            run(&settings, target, start, lengths, stream)
        }
    };
    starts.par_iter().enumerate().map(chain).collect()
}

fn run<D: LogDensity>(
    settings: &impl Settings,
    target: D,
    start: &[f64],
    (n_warm_up, n_draws): (u64, u64),
    mut stream: Stream,
) -> Result<Draws> {
    // Its text may go on for pages with a trace of the stack.
    fn failed(error: impl fmt::Display) -> Error {
        Error::numerical(format!(
            "NUTS cannot go on: {}",
            error.to_string().lines().next().unwrap_or("no reason given")
        ))
    }
    let mut chain = settings.new_chain(0, CpuMath::new(Density(target)), &mut stream).map_err(failed)?;
    chain.set_position(start).map_err(|error| {
        failed(error).remedy("start where the density is finite, and its gradient finite and nowhere exactly zero")
    })?;
    let mut draws = Draws { positions: vec![], n_gradients: (0, 0), n_divergent: 0, step_size: f64::NAN };
    for _ in 0..n_warm_up {
        let (_, progress) = chain.draw().map_err(failed)?;
        draws.n_gradients.0 += progress.num_gradients;
    }
    for _ in 0..n_draws {
        let (position, progress) = chain.draw().map_err(failed)?;
        draws.positions.extend_from_slice(&position);
        draws.n_gradients.1 += progress.num_gradients;
        draws.n_divergent += usize::from(progress.diverging);
        draws.step_size = progress.step_size;
    }
    Ok(draws)
}

/// Our density in the dress that nuts-rs wants.
struct Density<D>(D);

/// A position where the density is not finite: the trajectory diverges there, and the chain goes on.
#[derive(Debug)]
struct Impossible;

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log density is not finite")
    }
}

impl std::error::Error for Impossible {}

impl LogpError for Impossible {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl<D: LogDensity> HasDims for Density<D> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_owned(), self.0.dim() as u64)])
    }
}

impl<D: LogDensity> CpuLogpFunc for Density<D> {
    type LogpError = Impossible;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> std::result::Result<f64, Impossible> {
        let value = self.0.value_and_gradient(position, gradient);
        if value.is_finite() { Ok(value) } else { Err(Impossible) }
    }

    fn expand_vector<R: rand::Rng + ?Sized>(
        &mut self,
        _: &mut R,
        position: &[f64],
    ) -> std::result::Result<Vec<f64>, CpuMathError> {
        Ok(position.to_vec())
    }
}

#[cfg(test)]
mod tests;
