//! A set of simulations about one fiducial point: what compressors learn from.

use super::Simulator;
use crate::error::{Error, Result};
use crate::seed::Seed;
use rayon::prelude::*;
use std::ops::Range;

/// Simulations that one task of the thread pool runs in a row.
const CHUNK: usize = 64;

/// Simulations at the fiducial point, and how the data move with the parameters there.
///
/// Simulation i, its derivative and its seed-matched pairs all have the same random stream.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationSet {
    /// The fiducial point, `n_params` values.
    pub theta_fid: Vec<f64>,
    /// Shape of one simulation.
    pub shape: Vec<usize>,
    /// `n_s` simulations, row after row.
    pub fiducial: Vec<f64>,
    /// How the data move with the parameters.
    pub derivative: Derivatives,
}

/// Derivatives of simulations by the parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Derivatives {
    /// ∂d_k/∂θ_α of simulation i < n_d ≤ n_s, at `(i * n_params + alpha) * n_data + k`.
    Exact(Vec<f64>),
    /// Simulations at θ_α − δ_α/2 (sign 0) and θ_α + δ_α/2 (sign 1), at `((i * n_params + alpha) * 2 + sign) * n_data + k`.
    Differences {
        /// δ, one a parameter.
        delta: Vec<f64>,
        /// The pairs.
        pairs: Vec<f64>,
    },
}

impl SimulationSet {
    /// An empty set, to be filled: `n_s` simulations, and `n_d` for the derivative, exact or by differences of `delta`.
    ///
    /// # Errors
    /// Invalid input where a length does not fit, a step is not positive, exact derivatives are wanted and the
    /// simulator has none, or n_d > n_s with exact ones.
    pub fn new(
        simulator: &dyn Simulator,
        theta_fid: &[f64],
        delta: Option<&[f64]>,
        n_s: usize,
        n_d: usize,
    ) -> Result<Self> {
        let (n_params, n_data) = (simulator.n_params(), simulator.n_data());
        let steps = delta.is_none_or(|delta| delta.len() == n_params && delta.iter().all(|d| *d > 0.0));
        if theta_fid.len() != n_params || !steps {
            let message = format!("theta_fid = {theta_fid:?} and delta = {delta:?} do not fit {n_params} parameters");
            return Err(Error::invalid_input(message).remedy("give one value, and one step > 0, a parameter"));
        }
        let derivative = match delta {
            Some(delta) => {
                Derivatives::Differences { delta: delta.to_vec(), pairs: vec![0.0; n_d * n_params * 2 * n_data] }
            }
            None if !simulator.has_derivative() => {
                return Err(Error::invalid_input("this simulator has no exact derivative")
                    .remedy("use seed-matched differences with a delta for each parameter"));
            }
            None if n_d > n_s => {
                return Err(Error::invalid_input(format!(
                    "exact derivatives of {n_d} of {n_s} simulations cannot be had"
                ))
                .remedy("choose n_d ≤ n_s"));
            }
            None => Derivatives::Exact(vec![0.0; n_d * n_params * n_data]),
        };
        let shape = simulator.shape().to_vec();
        Ok(Self { theta_fid: theta_fid.to_vec(), shape, fiducial: vec![0.0; n_s * n_data], derivative })
    }

    /// Runs all simulations, with the streams `first_index..` of `seed`.
    ///
    /// # Errors
    /// The first failure in the order of the indices.
    pub fn fill(&mut self, simulator: &dyn Simulator, seed: Seed, first_index: u64) -> Result<()> {
        let (n_params, n_data) = (self.n_params(), self.n_data());
        let Self { theta_fid, fiducial, derivative, .. } = self;
        match derivative {
            Derivatives::Exact(exact) => {
                let n_d = exact.len() / (n_params * n_data);
                let (with, without) = fiducial.split_at_mut(n_d * n_data);
                let rows = with.par_chunks_exact_mut(n_data).zip(exact.par_chunks_exact_mut(n_params * n_data));
                first_failure(rows.with_min_len(CHUNK).enumerate().map(|(i, (data, derivative))| {
                    let mut stream = seed.stream(first_index + i as u64);
                    simulator.simulate_with_derivative(theta_fid, &mut stream, data, derivative)
                }))?;
                simulate_rows(simulator, theta_fid, seed, first_index + n_d as u64, without)
            }
            Derivatives::Differences { delta, pairs } => {
                simulate_rows(simulator, theta_fid, seed, first_index, fiducial)?;
                let blocks =
                    pairs.par_chunks_exact_mut(n_params * 2 * n_data).with_min_len(CHUNK.div_ceil(2 * n_params));
                first_failure(blocks.enumerate().map(|(i, block)| {
                    let mut theta = theta_fid.clone();
                    for (k, row) in block.chunks_exact_mut(n_data).enumerate() {
                        let (alpha, sign) = (k / 2, if k % 2 == 0 { -0.5 } else { 0.5 });
                        theta[alpha] = theta_fid[alpha] + sign * delta[alpha];
                        simulator.simulate(&theta, &mut seed.stream(first_index + i as u64), row)?;
                        theta[alpha] = theta_fid[alpha];
                    }
                    Ok(())
                }))
            }
        }
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.theta_fid.len()
    }

    /// Number of values in one simulation.
    pub fn n_data(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of simulations at the fiducial point.
    pub fn n_s(&self) -> usize {
        self.fiducial.len() / self.n_data()
    }

    /// Number of derivative simulations, or of seed-matched pairs for each parameter.
    pub fn n_d(&self) -> usize {
        match &self.derivative {
            Derivatives::Exact(exact) => exact.len() / (self.n_params() * self.n_data()),
            Derivatives::Differences { pairs, .. } => pairs.len() / (self.n_params() * 2 * self.n_data()),
        }
    }

    /// ∂d/∂θ of each derivative simulation, exact or the difference over δ: `(n_d, n_params, n_data)`.
    pub fn data_derivatives(&self) -> Vec<f64> {
        match &self.derivative {
            Derivatives::Exact(exact) => exact.clone(),
            Derivatives::Differences { delta, pairs } => pairs
                .chunks_exact(2 * self.n_data())
                .enumerate()
                .flat_map(|(k, pair)| {
                    let (below, above) = pair.split_at(pair.len() / 2);
                    let delta = delta[k % delta.len()];
                    below.iter().zip(above).map(move |(below, above)| (above - below) / delta)
                })
                .collect(),
        }
    }

    /// Parts the set in two: what is left, and the last `fraction` of each kind of simulation (at least one).
    ///
    /// Simulations with an exact derivative count as a kind of their own, so that both parts have some.
    #[must_use]
    pub fn split(&self, fraction: f64) -> (Self, Self) {
        let cut = |kind: Range<usize>| {
            let held_out = ((kind.len() as f64 * fraction).round() as usize).max(1).min(kind.len());
            (kind.start..kind.end - held_out, kind.end - held_out..kind.end)
        };
        let (n_s, n_d) = (self.n_s(), self.n_d());
        let (d, d_held_out) = cut(0..n_d);
        if let Derivatives::Exact(_) = self.derivative {
            let (s, s_held_out) = cut(n_d..n_s);
            (self.part(&[d.clone(), s], &d), self.part(&[d_held_out.clone(), s_held_out], &d_held_out))
        } else {
            let (s, s_held_out) = cut(0..n_s);
            (self.part(&[s], &d), self.part(&[s_held_out], &d_held_out))
        }
    }

    fn part(&self, fiducial: &[Range<usize>], derivative: &Range<usize>) -> Self {
        let rows = |x: &[f64], range: &Range<usize>, width: usize| x[range.start * width..range.end * width].to_vec();
        let width = self.n_params() * self.n_data();
        Self {
            theta_fid: self.theta_fid.clone(),
            shape: self.shape.clone(),
            fiducial: fiducial.iter().flat_map(|range| rows(&self.fiducial, range, self.n_data())).collect(),
            derivative: match &self.derivative {
                Derivatives::Exact(exact) => Derivatives::Exact(rows(exact, derivative, width)),
                Derivatives::Differences { delta, pairs } => {
                    Derivatives::Differences { delta: delta.clone(), pairs: rows(pairs, derivative, 2 * width) }
                }
            },
        }
    }
}

fn simulate_rows(
    simulator: &dyn Simulator,
    theta: &[f64],
    seed: Seed,
    first_index: u64,
    data: &mut [f64],
) -> Result<()> {
    let rows = data.par_chunks_exact_mut(simulator.n_data()).with_min_len(CHUNK);
    first_failure(
        rows.enumerate().map(|(i, row)| simulator.simulate(theta, &mut seed.stream(first_index + i as u64), row)),
    )
}

/// The first failure in the order of the items, whichever thread met one first.
fn first_failure(outcomes: impl IndexedParallelIterator<Item = Result<()>>) -> Result<()> {
    outcomes.filter_map(Result::err).find_first(|_| true).map_or(Ok(()), Err)
}
