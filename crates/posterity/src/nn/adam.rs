//! Adam with decoupled weight decay, gradients shortened to a largest norm, and a running average of the weights.
//!
//! Kingma & Ba 2015 (arXiv:1412.6980); decoupled decay: Loshchilov & Hutter 2019 (arXiv:1711.05101); averaging: Polyak
//! & Juditsky 1992.

use super::real::Real;
use pulp::Arch;

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
        let norm = gradient.iter().map(|g| g.to_f64() * g.to_f64()).sum::<f64>().sqrt();
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
        let Self { first, second, average, .. } = self;
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let moments = first.iter_mut().zip(second).zip(average);
                for ((w, &g), ((m, v), a)) in weights.iter_mut().zip(gradient).zip(moments) {
                    let g = g * shorten;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *w = keep * *w - step * *m / (v.sqrt() + epsilon);
                    *a += blend * (*w - *a);
                }
            },
        );
        norm
    }

    /// The averaged weights.
    pub fn average(&self) -> &[T] {
        &self.average
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

    #[test]
    fn long_gradients_are_shortened_and_their_norm_told() {
        let settings = AdamSettings { max_gradient_norm: 1.0, epsilon: 1.0, ..AdamSettings::default() };
        let (mut long, mut short) = ([0.0_f64; 2], [0.0_f64; 2]);
        assert_eq!(Adam::init(&long, settings).step(&mut long, &[30.0, 40.0], 0.1), 50.0);
        Adam::init(&short, settings).step(&mut short, &[0.6, 0.8], 0.1);
        long.iter().zip(short).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{long:?} {short:?}"));
    }
}
