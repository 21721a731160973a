//! Adam with decoupled weight decay, gradients shortened to a largest norm, and a running average of the weights.
//!
//! Kingma & Ba 2015 (arXiv:1412.6980); decoupled decay: Loshchilov & Hutter 2019 (arXiv:1711.05101); averaging: Polyak
//! & Juditsky 1992.

use super::real::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Weights that one task updates.
const CHUNK: usize = 8192;

/// Settings of Adam that do not change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weights shrink by this times the learning rate at each step.
    pub weight_decay: f64,
    /// Longer gradients are shortened to this norm.
    pub max_gradient_norm: f64,
    /// Decay of the running average of the weights; 0 keeps the weights themselves.
    pub average: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            max_gradient_norm: f64::INFINITY,
            average: 0.0,
        }
    }
}

/// Moments of the gradient and the averaged weights, after so many steps.
#[derive(Clone, Debug)]
pub struct Adam<T> {
    settings: AdamSettings,
    n_steps: i32,
    first: Vec<T>,
    second: Vec<T>,
    average: Vec<T>,
}

impl<T: Real> Adam<T> {
    /// Before the first step from these weights.
    pub fn init(weights: &[T], settings: AdamSettings) -> Self {
        let zeros = vec![T::ZERO; weights.len()];
        Self { settings, n_steps: 0, first: zeros.clone(), second: zeros, average: weights.to_vec() }
    }

    /// One step down `gradient`; returns its norm before shortening.
    pub fn step(&mut self, weights: &mut [T], gradient: &[T], learning_rate: f64) -> f64 {
        let settings = self.settings;
        let squares = gradient.par_chunks(CHUNK).map(|gradient| Arch::new().dispatch(SumOfSquares(gradient)));
        let norm = squares.collect::<Vec<f64>>().iter().sum::<f64>().sqrt();
        let shorten =
            T::from_f64(if norm > settings.max_gradient_norm { settings.max_gradient_norm / norm } else { 1.0 });
        self.n_steps += 1;
        let (b1, b2) = (settings.beta_1, settings.beta_2);
        let root = (1.0 - b2.powi(self.n_steps)).sqrt();
        let step = T::from_f64(learning_rate * root / (1.0 - b1.powi(self.n_steps)));
        let (epsilon, keep) =
            (T::from_f64(settings.epsilon * root), T::from_f64(1.0 - learning_rate * settings.weight_decay));
        let (b1, b2, c1, c2) = (T::from_f64(b1), T::from_f64(b2), T::from_f64(1.0 - b1), T::from_f64(1.0 - b2));
        // A young average forgets its start: weights of the first steps count as in a plain mean.
        let n = f64::from(self.n_steps);
        let blend = T::from_f64(1.0 - settings.average.min(n / (n + 10.0)));
        let rule = Rule { shorten, step, epsilon, keep, b1, b2, c1, c2, blend };
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
        chunks.zip(self.average.par_chunks_mut(CHUNK)).for_each(|(((weights, gradient), (first, second)), average)| {
            Arch::new().dispatch(Update { weights, gradient, first, second, average, rule });
        });
        norm
    }

    /// As it was after `n_steps` steps, with its first and second moments and the averaged weights ([`Adam::state`]).
    pub fn from_state(settings: AdamSettings, n_steps: i32, [first, second, average]: [Vec<T>; 3]) -> Self {
        Self { settings, n_steps, first, second, average }
    }

    /// Steps so far; first and second moments and the averaged weights. With the weights, all that the next step takes.
    pub fn state(&self) -> (i32, [&[T]; 3]) {
        (self.n_steps, [&self.first, &self.second, &self.average])
    }

    /// The averaged weights.
    pub fn average(&self) -> &[T] {
        &self.average
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Rule<T> {
    shorten: T,
    step: T,
    epsilon: T,
    keep: T,
    b1: T,
    b2: T,
    c1: T,
    c2: T,
    blend: T,
}

/// One step over a chunk of weights, as a loop that the compiler vectorises.
struct Update<'a, T> {
    weights: &'a mut [T],
    gradient: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
    average: &'a mut [T],
    rule: Rule<T>,
}

impl<T: Real> WithSimd for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rule = self.rule;
        let moments = self.first.iter_mut().zip(self.second).zip(self.average);
        for ((w, &g), ((m, v), a)) in self.weights.iter_mut().zip(self.gradient).zip(moments) {
            let g = g * rule.shorten;
            *m = rule.b1 * *m + rule.c1 * g;
            *v = rule.b2 * *v + rule.c2 * g * g;
            *w = rule.keep * *w - rule.step * *m / (v.sqrt() + rule.epsilon);
            *a += rule.blend * (*w - *a);
        }
    }
}

/// Σ x² in sixteen partial sums: one alone would wait for each addition.
struct SumOfSquares<'a, T>(&'a [T]);

impl<T: Real> WithSimd for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0; 16];
        let chunks = self.0.chunks_exact(sums.len());
        let rest: f64 = chunks.remainder().iter().map(|x| x.to_f64() * x.to_f64()).sum();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x.to_f64() * x.to_f64();
            }
        }
        sums.iter().sum::<f64>() + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_steps_are_those_of_the_paper() {
        // With a constant gradient the bias-corrected moments are g and g²: each step is the learning rate.
        let mut weights = [1.0_f64, -2.0];
        let mut adam = Adam::init(&weights, AdamSettings::default());
        for step in 1..=3 {
            adam.step(&mut weights, &[0.5, -3.0], 0.1);
            assert!((weights[0] - (1.0 - 0.1 * f64::from(step))).abs() < 1e-7, "{weights:?}");
            assert!((weights[1] - (-2.0 + 0.1 * f64::from(step))).abs() < 1e-7, "{weights:?}");
        }
        assert_eq!(adam.average(), weights);
    }

    /// By hand, with ε = 0: the gradients 1 and −1 have corrected first moments 1 and (0.9 · 0.1 − 0.1)/(1 − 0.9²) =
    /// −0.01/0.19, and second moments 1.
    #[test]
    fn a_gradient_that_turns_round_goes_on_by_its_moments() {
        let (mut weights, settings) = ([0.0_f64], AdamSettings { epsilon: 0.0, ..AdamSettings::default() });
        let mut adam = Adam::init(&weights, settings);
        for (gradient, expected) in [(1.0, -0.1), (-1.0, -0.1 + 0.1 / 19.0)] {
            adam.step(&mut weights, &[gradient], 0.1);
            assert!((weights[0] - expected).abs() < 1e-14, "{weights:?} {expected}");
        }
        let (n_steps, [first, second, _]) = adam.state();
        assert!(n_steps == 2 && (first[0] + 0.01).abs() < 1e-16 && (second[0] - 0.001_999).abs() < 1e-16);
    }

    /// By hand: a constant gradient moves a weight by the learning rate 0.1, and decay first takes 0.1 · 0.5 of it away,
    /// whatever the gradient: w ← 0.95 w − 0.1.
    #[test]
    fn decay_takes_a_part_of_the_weight_and_not_of_the_gradient() {
        let settings = AdamSettings { epsilon: 0.0, weight_decay: 0.5, ..AdamSettings::default() };
        for scale in [1.0, 1e3] {
            let mut weights = [1.0_f64, -2.0];
            let mut adam = Adam::init(&weights, settings);
            for expected in [[0.85, -1.8], [0.7075, -1.61], [0.572_125, -1.4295]] {
                adam.step(&mut weights, &[scale, -scale], 0.1);
                weights.iter().zip(expected).for_each(|(w, x)| assert!((w - x).abs() < 1e-14, "{weights:?}"));
            }
        }
    }

    /// By hand: weights 0.9, 0.8, 0.7 are taken in with 1 − min(average, n/(n + 10)), 10/11, 10/12 and 10/13 as long as the
    /// average is young, 0.85 from the second step on where its decay is 0.15.
    #[test]
    fn the_average_is_young_first_and_then_has_its_decay() {
        let means = [
            (0.9, [1.0 - 1.0 / 11.0, 9.0 / 11.0, 8.0 / 11.0]),
            (0.15, [1.0 - 1.0 / 11.0, 0.8 + 0.15 * 6.0 / 55.0, 0.7 + 0.15 * (0.1 + 0.15 * 6.0 / 55.0)]),
            (0.0, [0.9, 0.8, 0.7]),
        ];
        for (average, expected) in means {
            let mut weights = [1.0_f64];
            let mut adam = Adam::init(&weights, AdamSettings { epsilon: 0.0, average, ..AdamSettings::default() });
            for mean in expected {
                adam.step(&mut weights, &[2.0], 0.1);
                assert!((adam.average()[0] - mean).abs() < 1e-14, "{average}: {:?} {mean}", adam.average());
            }
        }
    }

    #[test]
    fn long_gradients_are_shortened_and_their_norm_told() {
        let settings = AdamSettings { max_gradient_norm: 1.0, epsilon: 1.0, ..AdamSettings::default() };
        let (mut long, mut short) = ([0.0_f64; 2], [0.0_f64; 2]);
        assert_eq!(Adam::init(&long, settings).step(&mut long, &[30.0, 40.0], 0.1), 50.0);
        Adam::init(&short, settings).step(&mut short, &[0.6, 0.8], 0.1);
        long.iter().zip(short).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{long:?} {short:?}"));
    }
}
