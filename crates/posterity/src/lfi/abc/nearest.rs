//! The pass of all simulations through the distance: memory for what is kept alone, the same for any number of threads.

use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::lfi::Distance;
use crate::lfi::estimates::{Estimates, branch};
use crate::prior::Prior;
use crate::progress::Progress;
use crate::seed::Seed;
use rayon::prelude::*;

/// Simulations whose parameters come from one stream.
const CHUNK: usize = 256;
/// Chunks of the first batch and of the largest: the first is small, for nothing yet tells near from far; the largest
/// holds parameters and estimates of 2¹⁸ simulations.
const BATCH: (usize, usize) = (64, 1024);

/// Branch of the method's seed that simulations have.
pub const SIMULATION: &str = "simulation";
/// Branch of the method's seed that parameters have.
const THETA: &str = "theta";

/// Parameters of simulation `index` of a rejection with this seed, `n_params` values.
pub fn draw_theta(prior: &Prior, seed: Seed, index: u64, theta: &mut [f64]) {
    let stream = &mut seed.label(THETA).stream(index / CHUNK as u64);
    (0..=index % CHUNK as u64).for_each(|_| prior.sample(stream, theta));
}

/// A simulation with its distance to an observation.
#[derive(Clone, Debug)]
pub(in crate::lfi) struct Candidate {
    pub(in crate::lfi) distance: f64,
    pub(in crate::lfi) index: u64,
    pub(in crate::lfi) theta: Box<[f64]>,
    pub(in crate::lfi) theta_hat: Box<[f64]>,
}

/// Keeps whatever lies within `epsilon` and in any case the `n_nearest` nearest.
struct Kept {
    epsilon: f64,
    n_nearest: usize,
    candidates: Vec<Candidate>,
    /// What lies beyond cannot be kept any more.
    bound: f64,
    prune_at: usize,
}

impl Kept {
    fn new(epsilon: f64, n_nearest: usize) -> Self {
        Self { epsilon, n_nearest, candidates: Vec::new(), bound: f64::INFINITY, prune_at: 2 * n_nearest }
    }

    fn add(&mut self, candidates: impl Iterator<Item = Candidate>) {
        self.candidates.extend(candidates);
        if self.candidates.len() >= self.prune_at.max(1) {
            self.prune();
            self.prune_at = 2 * self.candidates.len().max(self.n_nearest);
        }
    }

    /// Ties in distance go to the lower index, so that the order of arrival does not matter.
    fn prune(&mut self) {
        let (n, epsilon) = (self.n_nearest, self.epsilon);
        if self.candidates.len() <= n {
            return;
        }
        self.candidates.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
        let within = self.candidates.partition_point(|c| c.distance <= epsilon);
        self.candidates.truncate(within.max(n));
        self.bound = if n > 0 { self.candidates[n - 1].distance.max(epsilon) } else { epsilon };
    }
}

/// What was kept for each observation, in the order of distance, and the simulations that failed.
pub(in crate::lfi) type Nearest = (Vec<Vec<Candidate>>, Failures);

/// Draws `n_simulations` from the prior and keeps, for each observation, those within `epsilon` of it and in any case
/// the `n_nearest` nearest, in the order of distance; ties go to the lower index. Parameters and simulations have the
/// branches `theta` and `simulation` of the branch that `path` (empty, or with a slash at its end) says.
pub(in crate::lfi) fn nearest(
    estimates: &dyn Estimates,
    path: &str,
    prior: &Prior,
    distance: &Distance,
    observed: &[Vec<f64>],
    (n_simulations, epsilon, n_nearest): (u64, f64, usize),
    progress: &dyn Progress,
) -> Result<Nearest> {
    let (streams, label) = (branch(estimates.seed(), &format!("{path}{THETA}")), format!("{path}{SIMULATION}"));
    let n_params = prior.n_params();
    let width = CHUNK * n_params;
    let mut kept: Vec<Kept> = observed.iter().map(|_| Kept::new(epsilon, n_nearest)).collect();
    let mut failures = Failures::default();
    let n_chunks = n_simulations.div_ceil(CHUNK as u64);
    let (mut done, mut batch) = (0, BATCH.0 as u64);
    let (mut thetas, mut theta_hat) = (Vec::new(), Vec::new());
    while done < n_chunks {
        let end = (done + batch).min(n_chunks);
        let first = done * CHUNK as u64;
        if progress.stop_requested() {
            return Err(Error::interrupted(format!("stopped after {first} of {n_simulations} simulations")));
        }
        let n = ((end * CHUNK as u64).min(n_simulations) - first) as usize;
        thetas.resize(n * n_params, 0.0);
        theta_hat.resize(n * n_params, 0.0);
        thetas.par_chunks_mut(width).enumerate().for_each(|(k, thetas)| {
            let stream = &mut streams.stream(done + k as u64);
            thetas.chunks_exact_mut(n_params).for_each(|theta| prior.sample(stream, theta));
        });
        failures.merge(estimates.estimates(&label, &thetas, first, &mut theta_hat)?);
        let bounds: Vec<f64> = kept.iter().map(|kept| kept.bound).collect();
        let chunks = thetas.par_chunks(width).zip(theta_hat.par_chunks(width)).enumerate();
        let near: Vec<Vec<(usize, Candidate)>> = chunks
            .map(|(k, (thetas, theta_hat))| {
                let rows = thetas.chunks_exact(n_params).zip(theta_hat.chunks_exact(n_params));
                let mut near = Vec::new();
                for ((theta, theta_hat), index) in rows.zip(first + (k * CHUNK) as u64..) {
                    for (k, (observed, &bound)) in observed.iter().zip(&bounds).enumerate() {
                        let distance = distance.between(theta_hat, observed);
                        // False for NaN, the mark of a failed simulation; infinity, an overflow, is as far.
                        if distance <= bound && distance.is_finite() {
                            let (theta, theta_hat) = (theta.into(), theta_hat.into());
                            near.push((k, Candidate { distance, index, theta, theta_hat }));
                        }
                    }
                }
                near
            })
            .collect();
        let mut by_observation: Vec<Vec<Candidate>> = vec![Vec::new(); observed.len()];
        near.into_iter().flatten().for_each(|(k, candidate)| by_observation[k].push(candidate));
        kept.iter_mut().zip(by_observation).for_each(|(kept, near)| kept.add(near.into_iter()));
        (done, batch) = (end, (2 * batch).min(BATCH.1 as u64));
        let largest = kept.iter().map(|kept| kept.bound).fold(0.0, f64::max);
        progress.at((done * CHUNK as u64).min(n_simulations), &format!("ε = {largest:.3}"));
    }
    let sorted = kept.into_iter().map(|mut kept| {
        kept.candidates.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
        kept.prune();
        kept.candidates
    });
    Ok((sorted.collect(), failures))
}
