//! The joint posterior of initial field and weights given a catalogue, in two blocks that take turns.
//!
//! Block 0 moves the white noise of the initial field, in its whitened coordinates u, and takes the weights along: its
//! coordinates are (u, y), n³ and as many as there are weights. Block 1 moves the weights alone, given the density, in
//! their coordinates x ([`super::Coordinates`]), at about a tenth of the cost of a gradient. x = c + L y, with a centre c
//! and a factor L that make their posterior about round in y: at first that given the density, then what the windows of
//! the warm-up have seen.
//!
//! Alternating the field given the weights with the weights given the density, as the sampling of initial conditions with
//! their bias usually does (Jasche & Lavaux 2019, arXiv:1806.11117; Charnock et al. 2019, arXiv:1909.06379), moves along
//! what both know together by no more than what each leaves open. The gradient by the weights is had for nothing where
//! that by the field is taken, so both move in one trajectory.
//!
//! Memory: that of [`FieldGivenWeights`] and of [`super::WeightsGivenDensity`].

use super::weights::add_prior;
use super::{FieldGivenWeights, Straightened};
use crate::error::{Error, Result};
use crate::hmc::{Blocks, LogDensity, Metric, Window};
use crate::math::Cholesky;
use std::ops::Range;

/// Field and weights as the two blocks of a chain, in this order.
pub struct Joint {
    field: FieldGivenWeights,
    weights: Straightened,
    centre: Vec<f64>,
    factor: Metric,
    /// Where the weights stand.
    x: Vec<f64>,
    /// A weight's worth of room, twice.
    room: [Vec<f64>; 2],
}

impl Joint {
    /// The field, the weights, and the centre and factor of the coordinates y.
    ///
    /// # Errors
    /// Invalid input, where centre or factor are of another number of weights, or the factor is diagonal or of low rank.
    pub fn new(field: FieldGivenWeights, weights: Straightened, centre: Vec<f64>, factor: Metric) -> Result<Self> {
        let n = weights.dim();
        if centre.len() != n || factor.dim().is_some_and(|dim| dim != n) {
            return Err(Error::invalid_input(format!("coordinates of {} weights for {n}", centre.len())));
        }
        if !matches!(factor, Metric::Identity | Metric::Dense(_)) {
            return Err(Error::invalid_input("the factor of the weights' coordinates is neither 1 nor a dense one"));
        }
        Ok(Self { field, weights, x: centre.clone(), room: [vec![0.0; n], vec![0.0; n]], centre, factor })
    }

    /// The field's part.
    pub fn field(&mut self) -> &mut FieldGivenWeights {
        &mut self.field
    }

    /// The weights' part.
    pub fn weights(&mut self) -> &mut Straightened {
        &mut self.weights
    }

    /// Centre and factor of the coordinates y.
    pub fn coordinates(&self) -> (&[f64], &Metric) {
        (&self.centre, &self.factor)
    }

    /// x = c + L y.
    fn place(&mut self, y: &[f64]) {
        self.factor.apply(y, &mut self.x);
        self.x.iter_mut().zip(&self.centre).for_each(|(x, c)| *x += c);
    }

    /// Gives the weights at x to the field; ln of their volume element.
    fn hand_over(&mut self) -> f64 {
        let (weights, log_volume) = self.weights.weights(&self.x);
        self.field.set_weights(weights);
        log_volume
    }
}

/// The density of (u, y).
impl LogDensity for Joint {
    fn dim(&self) -> usize {
        self.field.dim() + self.weights.dim()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        let (u, y) = position.split_at(self.field.dim());
        let (d_u, d_y) = gradient.split_at_mut(u.len());
        self.place(y);
        let log_volume = self.hand_over();
        let value = self.field.value_and_gradient(u, d_u);
        let Self { field, weights, factor, x, room: [d_weights, d_x], .. } = self;
        d_weights.copy_from_slice(field.weights_gradient());
        let log_prior = add_prior(weights.weights(x).0, d_weights);
        weights.pull_back(x, d_weights, d_x);
        factor.apply_transposed(d_x, d_y);
        value + log_prior + log_volume
    }
}

impl Blocks for Joint {
    fn n_blocks(&self) -> usize {
        2
    }

    fn block(&mut self, i: usize) -> &mut dyn LogDensity {
        if i == 0 { self } else { &mut self.weights }
    }

    fn set(&mut self, i: usize, position: &[f64]) {
        if i == 0 {
            let (u, y) = position.split_at(self.field.dim());
            self.place(y);
            self.field.displace(u);
            self.weights.density.set_density(self.field.contrast());
        } else {
            self.x.copy_from_slice(position);
        }
    }

    fn align(&mut self, i: usize, position: &mut [f64]) {
        if i == 0 {
            let Self { field, centre, factor, x, room: [off, _], .. } = self;
            off.iter_mut().zip(x.iter().zip(centre)).for_each(|(off, (x, c))| *off = x - *c);
            factor.apply_inverse(off, &mut position[field.dim()..]);
        } else {
            position.copy_from_slice(&self.x);
        }
    }

    fn adapt(&mut self, i: usize, window: &Window, position: &mut Vec<f64>) -> bool {
        if i != 0 || !self.field.adapts() {
            return false;
        }
        let (n, dim) = (self.field.dim(), window.dim());
        let part = |rows: &[f64], range: Range<usize>| -> Vec<f64> {
            rows.chunks_exact(dim).flat_map(|row| &row[range.clone()]).copied().collect()
        };
        let [draws, gradients] = [window.draws(), window.gradients()];
        if !self.field.whiten(&part(draws, 0..n), &part(gradients, 0..n), &mut position[..n]) {
            return false;
        }
        if window.n_rows() >= 2 * (dim - n)
            && let Ok(Metric::Dense(found)) =
                Metric::dense_from(dim - n, &part(draws, n..dim), &part(gradients, n..dim))
        {
            self.factor = Metric::Dense(match &self.factor {
                Metric::Dense(before) => Cholesky::from_lower(before.lower().times(found.lower())),
                _ => found,
            });
            self.align(0, position);
        }
        true
    }

    fn wants_rows(&self, i: usize) -> bool {
        i == 0 && self.field.adapts()
    }
}
