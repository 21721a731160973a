//! A set of simulations about one fiducial point: what compressors learn from.

use super::{Simulator, attempt, attempt_with_derivative, on_its_threads};
use crate::error::{Error, Result};
use crate::failure::{Failure, Failures, Record};
use crate::npy::{Rows, one_after_another};
use crate::seed::Seed;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

/// Simulations at the fiducial point, and how the data move with the parameters there.
///
/// Simulation i, its derivative and its seed-matched pairs all have the same random stream. The rows are shared by clones
/// and parts of the set, and may lie on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationSet {
    /// The fiducial point, `n_params` values.
    pub theta_fid: Vec<f64>,
    /// Shape of one simulation.
    pub shape: Vec<usize>,
    /// `n_s` simulations, row after row.
    pub fiducial: Rows,
    /// How the data move with the parameters.
    pub derivative: Derivatives,
}

/// Derivatives of simulations by the parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Derivatives {
    /// ∂d_k/∂θ_α of simulation i < n_d ≤ n_s, at `(i * n_params + alpha) * n_data + k`.
    Exact(Rows),
    /// Simulations at θ_α − δ_α/2 (sign 0) and θ_α + δ_α/2 (sign 1), at `((i * n_params + alpha) * 2 + sign) * n_data + k`.
    Differences {
        /// δ, one a parameter.
        delta: Vec<f64>,
        /// The pairs.
        pairs: Rows,
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
                Derivatives::Differences { delta: delta.to_vec(), pairs: vec![0.0; n_d * n_params * 2 * n_data].into() }
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
            None => Derivatives::Exact(vec![0.0; n_d * n_params * n_data].into()),
        };
        let shape = simulator.shape().to_vec();
        Ok(Self { theta_fid: theta_fid.to_vec(), shape, fiducial: vec![0.0; n_s * n_data].into(), derivative })
    }

    /// Becomes room in memory for so many simulations, to be filled.
    pub fn become_room(&mut self, n_s: usize, n_d: usize) {
        let (n_params, n_data) = (self.n_params(), self.n_data());
        self.fiducial.become_room(n_s * n_data);
        match &mut self.derivative {
            Derivatives::Exact(exact) => exact.become_room(n_d * n_params * n_data),
            Derivatives::Differences { pairs, .. } => pairs.become_room(n_d * n_params * 2 * n_data),
        }
    }

    /// Runs all simulations, with the streams `first_index..` of `seed`. Those that fail are taken out, together with
    /// all others of their stream, and told.
    ///
    /// # Errors
    /// What stands in the way of every simulation: a program that cannot be started.
    pub fn fill(&mut self, simulator: &dyn Simulator, seed: Seed, first_index: u64) -> Result<Failures> {
        let failures = on_its_threads(simulator, |least| self.run_all(simulator, seed, first_index, least))?;
        if !failures.indices.is_empty() {
            let failed = failures.indices.iter().map(|index| (index - first_index) as usize).collect();
            self.take_out(&failed)?;
        }
        Ok(failures.told)
    }

    fn run_all(&mut self, simulator: &dyn Simulator, seed: Seed, first_index: u64, least: usize) -> Result<Failed> {
        let (n_params, n_data) = (self.n_params(), self.n_data());
        let Self { theta_fid, fiducial, derivative, .. } = self;
        let (theta_fid, fiducial): (&[f64], &mut [f64]) = (theta_fid, fiducial.to_mut()?);
        let stream = |i: usize| seed.stream(first_index + i as u64);
        let told = |i: usize, theta: &[f64], failure: Option<Failure>| {
            failure.map(|failure| Record { index: first_index + i as u64, theta: theta.to_vec(), failure })
        };
        let plain = |rows: &mut [f64], first: usize| -> Result<Failed> {
            let rows = rows.par_chunks_exact_mut(n_data).with_min_len(least).enumerate();
            Failed::collect(rows.map(|(i, row)| {
                let i = first + i;
                Ok(told(i, theta_fid, attempt(simulator, theta_fid, &mut stream(i), row)?))
            }))
        };
        match derivative {
            Derivatives::Exact(exact) => {
                let exact = exact.to_mut()?;
                let n_d = exact.len() / (n_params * n_data);
                let (with, without) = fiducial.split_at_mut(n_d * n_data);
                let rows = with.par_chunks_exact_mut(n_data).zip(exact.par_chunks_exact_mut(n_params * n_data));
                let failed = rows.with_min_len(least).enumerate().map(|(i, (row, exact))| {
                    let failure = attempt_with_derivative(simulator, theta_fid, &mut stream(i), row, exact)?;
                    Ok(told(i, theta_fid, failure))
                });
                Ok(Failed::collect(failed)?.and(plain(without, n_d)?))
            }
            Derivatives::Differences { delta, pairs } => {
                let failed = plain(fiducial, 0)?;
                let rows = pairs.to_mut()?.par_chunks_exact_mut(n_data).with_min_len(least).enumerate();
                let failed_pairs = rows.map(|(k, row)| {
                    let i = k / (2 * n_params);
                    let theta = one_of_pair(theta_fid, delta, k % (2 * n_params));
                    let failure = attempt(simulator, &theta, &mut stream(i), row)?;
                    Ok(told(i, &theta, failure))
                });
                Ok(failed.and(Failed::collect(failed_pairs)?))
            }
        }
    }

    /// Takes out the simulations of these streams, derivative and all; what is left is in memory.
    fn take_out(&mut self, streams: &BTreeSet<usize>) -> Result<()> {
        let (n_params, n_data) = (self.n_params(), self.n_data());
        let keep = |rows: &mut Rows, width: usize| -> Result<()> {
            let mut row = 0..;
            let mut kept = Vec::with_capacity(rows.len());
            for values in rows.all()?.chunks_exact(width) {
                if row.next().is_some_and(|row| !streams.contains(&row)) {
                    kept.extend_from_slice(values);
                }
            }
            *rows = kept.into();
            Ok(())
        };
        keep(&mut self.fiducial, n_data)?;
        match &mut self.derivative {
            Derivatives::Exact(exact) => keep(exact, n_params * n_data),
            Derivatives::Differences { pairs, .. } => keep(pairs, n_params * 2 * n_data),
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

    /// Parts the set in two: what is left, and the last `fraction` of each kind of simulation (at least one).
    ///
    /// Row i of every kind is of one stream, so the cut goes by streams: those that have all kinds, then those beyond, of
    /// the kind that has more. No stream is in both parts. The parts share the rows of the set; only those from two places
    /// in memory are copied.
    #[must_use]
    pub fn split(&self, fraction: f64) -> (Self, Self) {
        let cut = |kind: Range<usize>| {
            let held_out = ((kind.len() as f64 * fraction).round() as usize).max(1).min(kind.len());
            (kind.start..kind.end - held_out, kind.end - held_out..kind.end)
        };
        let (n_s, n_d) = (self.n_s(), self.n_d());
        let shared = n_s.min(n_d);
        let (both, both_held_out) = cut(0..shared);
        let (s, s_held_out) = cut(shared..n_s);
        let (d, d_held_out) = cut(shared..n_d);
        (self.part(&both, &s, &d), self.part(&both_held_out, &s_held_out, &d_held_out))
    }

    /// The streams `both` of all kinds, and those beyond: of fiducial simulations, of derivatives.
    fn part(&self, both: &Range<usize>, fiducial: &Range<usize>, derivative: &Range<usize>) -> Self {
        let rows = |x: &Rows, beyond: &Range<usize>, width: usize| {
            let slice = |range: Range<usize>| x.slice(range.start * width..range.end * width);
            match both {
                both if beyond.is_empty() => slice(both.clone()),
                both if both.end == beyond.start || both.is_empty() => slice(beyond.start - both.len()..beyond.end),
                both => one_after_another(vec![slice(both.clone()), slice(beyond.clone())]),
            }
        };
        let width = self.n_params() * self.n_data();
        Self {
            theta_fid: self.theta_fid.clone(),
            shape: self.shape.clone(),
            fiducial: rows(&self.fiducial, fiducial, self.n_data()),
            derivative: match &self.derivative {
                Derivatives::Exact(exact) => Derivatives::Exact(rows(exact, derivative, width)),
                Derivatives::Differences { delta, pairs } => {
                    Derivatives::Differences { delta: delta.clone(), pairs: rows(pairs, derivative, 2 * width) }
                }
            },
        }
    }
}

/// Parameters of one simulation of the seed-matched pairs: `k` = 2 α for θ_α − δ_α/2, 2 α + 1 for θ_α + δ_α/2.
pub fn one_of_pair(theta_fid: &[f64], delta: &[f64], k: usize) -> Vec<f64> {
    let (alpha, sign) = (k / 2, if k.is_multiple_of(2) { -0.5 } else { 0.5 });
    let mut theta = theta_fid.to_vec();
    theta[alpha] += sign * delta[alpha];
    theta
}

/// Failed simulations with all of their indices.
#[derive(Default)]
struct Failed {
    indices: BTreeSet<u64>,
    told: Failures,
}

impl Failed {
    /// The first error in the order of the items, whichever thread met one first; else the failures.
    fn collect(outcomes: impl IndexedParallelIterator<Item = Result<Option<Record>>>) -> Result<Self> {
        let records: Vec<Result<Record>> = outcomes.filter_map(Result::transpose).collect();
        let mut failed = Self::default();
        for record in records {
            let record = record?;
            failed.indices.insert(record.index);
            failed.told.add(record);
        }
        Ok(failed)
    }

    fn and(mut self, other: Self) -> Self {
        self.indices.extend(other.indices);
        self.told.merge(other.told);
        self
    }
}
