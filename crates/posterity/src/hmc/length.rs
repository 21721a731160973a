//! How long trajectories are to be: a search in the warm-up for the most effective draws to a gradient.
//!
//! Within a window, trajectories of three lengths take turns: T/2, T and 2T, with T = ε N in the metric's coordinates.
//! For each, with q = |u − ū|², the expected squared jump J = E(q' − q)² and the gradients G that a trajectory took are
//! measured. With V = Var q, the autocorrelation of q is ρ = 1 − J/2V, and (1 − ρ)/(1 + ρ) G⁻¹ is the number of effective
//! draws of q to a gradient: the best length is the next T. q is even, so that a trajectory that lands opposite of where
//! it began earns nothing, and it is ruled by the widest directions of u, which take longest.
//!
//! Begins at T = π/2, a quarter of a period of N(0, 1), at which x' does not depend on x. N stays between 1 and
//! [`MAX_STEPS`].
//!
//! Limits: T moves by a factor of two for each window at most; in short windows the choice is noisy, by that factor.
//!
//! After the criterion of Hoffman, Radul, Sountsov 2021, *An Adaptive MCMC Scheme for Setting Trajectory Lengths in
//! Hamiltonian Monte Carlo* (ChEES), AISTATS 130, which follows its gradient over many chains.

use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// Most integration steps that the search chooses.
pub const MAX_STEPS: usize = 1024;
/// Trajectories of each length below which nothing is concluded.
const ENOUGH: f64 = 8.0;

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LengthSearch {
    length: f64,
    turn: usize,
    /// Of each length: trajectories, gradients, squared jumps of q.
    seen: [(f64, f64, f64); 3],
    /// Draws, mean and sum of squared deviations of q.
    q: (f64, f64, f64),
}

const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

impl LengthSearch {
    pub(super) fn new() -> Self {
        Self { length: FRAC_PI_2, turn: 1, seen: [(0.0, 0.0, 0.0); 3], q: (0.0, 0.0, 0.0) }
    }

    /// N for the next trajectory.
    pub(super) fn next(&mut self, step_size: f64, searches: bool) -> usize {
        self.turn = if searches { (self.turn + 1) % 3 } else { 1 };
        ((self.length * FACTORS[self.turn] / step_size).ceil() as usize).clamp(1, MAX_STEPS)
    }

    /// What the trajectory came to: q at its ends, and the gradients it took.
    pub(super) fn take(&mut self, before: f64, after: f64, gradients: usize) {
        let seen = &mut self.seen[self.turn];
        *seen = (seen.0 + 1.0, seen.1 + gradients as f64, seen.2 + (after - before).powi(2));
        let delta = after - self.q.1;
        self.q.0 += 1.0;
        self.q.1 += delta / self.q.0;
        self.q.2 += delta * (after - self.q.1);
    }

    /// At the end of a window: chooses the length of the next. False where too little was seen.
    pub(super) fn conclude(&mut self) -> bool {
        let variance = self.q.2 / (self.q.0 - 1.0).max(1.0);
        let enough = variance > 0.0 && self.seen.iter().all(|s| s.0 >= ENOUGH);
        if enough {
            let score = |&(n, gradients, jumps): &(f64, f64, f64)| {
                let one_less_rho = (jumps / n / (2.0 * variance)).min(1.9);
                one_less_rho / (2.0 - one_less_rho) / (gradients / n)
            };
            let scores = self.seen.each_ref().map(score);
            let best = (0..3).fold(1, |best, k| if scores[k] > scores[best] { k } else { best });
            self.length *= FACTORS[best];
        }
        self.forget();
        enough
    }

    /// Forgets what was seen, and keeps the length.
    pub(super) fn forget(&mut self) {
        *self = Self { length: self.length, ..Self::new() };
    }
}
