//! How long trajectories are to be: a search in the warm-up for the most effective draws to a gradient.
//!
//! Within a window, trajectories of three lengths take turns: T/2, T and 2T, with T the mean of ε N in the metric's
//! coordinates. For each, the autocorrelations from draw to draw of two functions of u are measured: ρ₁ of u itself,
//! E u·u' / E|u|², and ρ₂ of q = |u|², 1 − E(q' − q)² / 2 Var q, u from the window before's mean; and the gradients G that
//! a trajectory took. Both are ruled by the widest directions of u, which take longest. The score is the number of
//! effective draws to a gradient, the geometric mean of both, √[(1 − ρ₁)/(1 + ρ₁) · (1 − ρ₂)/(1 + ρ₂)] / G: u alone would
//! reward a trajectory that lands opposite of where it began, which says nothing of widths. Another length is taken where
//! its score is better by a quarter.
//!
//! Begins at T = 0.6 π: of N(0, 1) a little more than a quarter of a period, at which x' does not depend on x; what it
//! costs in widths is little, and means gain from x' opposed to x. N stays between 1 and [`MAX_STEPS`].
//!
//! Limits: T moves by a factor of two for each window at most; in short windows the choice is noisy, by that factor.
//!
//! After the criterion of Hoffman, Radul, Sountsov 2021, *An Adaptive MCMC Scheme for Setting Trajectory Lengths in
//! Hamiltonian Monte Carlo* (ChEES), AISTATS 130, which is E(q' − q)² and follows its gradient over many chains.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Most integration steps that the search chooses.
pub const MAX_STEPS: usize = 1024;
/// Trajectories of each length below which nothing is concluded.
const ENOUGH: f64 = 8.0;

/// How much better another length must be.
const BETTER: f64 = 1.25;

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LengthSearch {
    length: f64,
    turn: usize,
    seen: [Seen; 3],
    /// Draws, mean and sum of squared deviations of q.
    q: (f64, f64, f64),
}

/// What the trajectories of one length came to: how many, gradients, and sums of u·u', |u|² and (q' − q)².
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    n: f64,
    gradients: f64,
    product: f64,
    square: f64,
    jump: f64,
}

const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

impl LengthSearch {
    pub(super) fn new() -> Self {
        Self { length: 0.6 * PI, turn: 1, seen: Default::default(), q: (0.0, 0.0, 0.0) }
    }

    /// The most steps of the next trajectory, where those drawn have a mean of `mean` of both most steps and most step
    /// size.
    pub(super) fn next(&mut self, step_size: f64, mean: f64, searches: bool) -> usize {
        self.turn = if searches { (self.turn + 1) % 3 } else { 1 };
        ((self.length * FACTORS[self.turn] / (mean * step_size)).round() as usize).clamp(1, MAX_STEPS)
    }

    /// What the trajectory came to: |u|² at its beginning and end, the product u·u', and the gradients it took.
    pub(super) fn take(&mut self, before: f64, after: f64, product: f64, gradients: usize) {
        let seen = &mut self.seen[self.turn];
        seen.n += 1.0;
        seen.gradients += gradients as f64;
        seen.product += product;
        seen.square += 0.5 * (before + after);
        seen.jump += (after - before).powi(2);
        let delta = after - self.q.1;
        self.q.0 += 1.0;
        self.q.1 += delta / self.q.0;
        self.q.2 += delta * (after - self.q.1);
    }

    /// At the end of a window: chooses the length of the next, where enough was seen.
    pub(super) fn conclude(&mut self) {
        let variance = self.q.2 / (self.q.0 - 1.0).max(1.0);
        if variance > 0.0 && self.seen.iter().all(|seen| seen.n >= ENOUGH) {
            let scores = self.seen.each_ref().map(|seen| seen.score(variance));
            let other = if scores[0] > scores[2] { 0 } else { 2 };
            if scores[other] > BETTER * scores[1] {
                self.length *= FACTORS[other];
            }
        }
        *self = Self { length: self.length, ..Self::new() };
    }
}

impl Seen {
    fn score(&self, variance: f64) -> f64 {
        let effective = |one_less_rho: f64| {
            let bounded = one_less_rho.clamp(0.0, 1.9);
            bounded / (2.0 - bounded)
        };
        let linear = effective(1.0 - self.product / self.square);
        let square = effective(self.jump / self.n / (2.0 * variance));
        (linear * square).sqrt() * self.n / self.gradients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// u of N(0, 1) on a circle: cos T is the autocorrelation of u, cos² T that of u².
    fn search(scale: f64) -> f64 {
        let mut search = LengthSearch::new();
        for _ in 0..8 {
            for k in 0..3000 {
                let n = search.next(0.01, 1.0, true);
                let (a, b) = (0.37 * f64::from(k), 0.61 * f64::from(k));
                // Two independent components, from a cheap even cover of angles and radii.
                let radius = (-2.0 * ((0.618_034 * f64::from(k)).fract() * 0.999 + 0.0005).ln()).sqrt();
                let (x, p) = (radius * a.cos() * b.cos().signum(), radius * a.sin());
                let time = 0.01 * n as f64 / scale;
                let y = x * time.cos() + p * time.sin();
                search.take(x * x, y * y, x * y, n);
            }
            search.conclude();
        }
        search.length
    }

    #[test]
    fn the_length_follows_the_width_and_stays_where_it_is_right() {
        assert_eq!(search(1.0), 0.6 * PI);
        assert_eq!(search(8.0), 4.8 * PI);
        assert_eq!(search(0.25), 0.15 * PI);
    }
}
