//! The pass of all simulations through the distance: memory for what is kept alone, the same for any number of threads.

use crate::lfi::{Distance, Forward};
use crate::prior::Prior;
use crate::progress::Progress;
use crate::seed::Seed;
use rayon::prelude::*;

/// Simulations of one task; their parameters come from one stream.
const CHUNK: usize = 256;
/// Chunks of the first batch and of the largest: the first is small, for nothing yet tells near from far.
const BATCH: (usize, usize) = (64, 1024);

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

/// Draws `n_simulations` from the prior and keeps, for each observation, those within `epsilon` of it and in any case
/// the `n_nearest` nearest, in the order of distance; ties go to the lower index.
pub(in crate::lfi) fn nearest(
    forward: &Forward,
    prior: &Prior,
    distance: &Distance,
    observed: &[Vec<f64>],
    (n_simulations, epsilon, n_nearest): (u64, f64, usize),
    seed: Seed,
    progress: &dyn Progress,
) -> Vec<Vec<Candidate>> {
    let (thetas, simulations) = (seed.label("theta"), seed.label("simulation"));
    let n_params = prior.n_params();
    let chunk_at = |chunk: u64, bounds: &[f64]| -> Vec<(usize, Candidate)> {
        let first = chunk * CHUNK as u64;
        let n = (n_simulations - first).min(CHUNK as u64) as usize;
        let (mut theta, mut theta_hat) = (vec![0.0; n * n_params], vec![0.0; n * n_params]);
        let stream = &mut thetas.stream(chunk);
        theta.chunks_exact_mut(n_params).for_each(|theta| prior.sample(stream, theta));
        forward.simulate_chunk(&theta, simulations, first, &mut theta_hat);
        let mut near = Vec::new();
        for (i, (theta, theta_hat)) in theta.chunks_exact(n_params).zip(theta_hat.chunks_exact(n_params)).enumerate() {
            for (k, (observed, &bound)) in observed.iter().zip(bounds).enumerate() {
                let distance = distance.between(theta_hat, observed);
                // False for NaN, the mark of a failed simulation; infinity, an overflow, is as far.
                if distance <= bound && distance.is_finite() {
                    let index = first + i as u64;
                    near.push((k, Candidate { distance, index, theta: theta.into(), theta_hat: theta_hat.into() }));
                }
            }
        }
        near
    };
    let mut kept: Vec<Kept> = observed.iter().map(|_| Kept::new(epsilon, n_nearest)).collect();
    let n_chunks = n_simulations.div_ceil(CHUNK as u64);
    let (mut done, mut batch) = (0, BATCH.0 as u64);
    while done < n_chunks {
        let end = (done + batch).min(n_chunks);
        let bounds: Vec<f64> = kept.iter().map(|kept| kept.bound).collect();
        let near: Vec<Vec<(usize, Candidate)>> =
            (done..end).into_par_iter().map(|chunk| chunk_at(chunk, &bounds)).collect();
        let mut by_observation: Vec<Vec<Candidate>> = vec![Vec::new(); observed.len()];
        near.into_iter().flatten().for_each(|(k, candidate)| by_observation[k].push(candidate));
        kept.iter_mut().zip(by_observation).for_each(|(kept, near)| kept.add(near.into_iter()));
        (done, batch) = (end, (2 * batch).min(BATCH.1 as u64));
        let largest = kept.iter().map(|kept| kept.bound).fold(0.0, f64::max);
        progress.at((done * CHUNK as u64).min(n_simulations), &format!("ε = {largest:.3}"));
    }
    kept.into_iter()
        .map(|mut kept| {
            kept.candidates.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
            kept.prune();
            kept.candidates
        })
        .collect()
}
