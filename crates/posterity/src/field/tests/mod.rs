//! Laws of the maps: adjoints, finite differences, known answers, the same bits on any number of threads.

mod chain;
mod maps;
mod power;
mod whitening;

use super::{Background, Cosmology, Gravity, Grid, LinearPower, Lpt, MassAssignment, Order};
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

pub(super) const PLANCK: Cosmology =
    Cosmology { omega_m: 0.3111, omega_b: 0.049, h: 0.6766, n_s: 0.9665, sigma8: 0.8102 };

pub(super) fn noise(label: &str, n: usize) -> Vec<f64> {
    let mut stream = Seed::new(11).label(label).stream(0);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub(super) fn lpt(n: usize, box_length: f64, order: Order) -> Lpt {
    let power = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let growth = Background::new(PLANCK.omega_m, -1.0).expect("valid").growth(0.8).expect("valid");
    Lpt::new(Grid::new(n, box_length).expect("valid"), &power, &growth, order).expect("covers")
}

pub(super) const WINDOWS: [MassAssignment; 2] = [MassAssignment::CloudInCell, MassAssignment::TriangularShapedCloud];

pub(super) fn gravity(n: usize, box_length: f64, order: Order, window: MassAssignment) -> Gravity {
    let power = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let growth = Background::new(PLANCK.omega_m, -1.0).expect("valid").growth(0.8).expect("valid");
    Gravity::new(Grid::new(n, box_length).expect("valid"), &power, &growth, order, window).expect("covers")
}

/// Amplitudes of whitened coordinates that differ from mode to mode.
pub(super) fn amplitudes(n: usize) -> Vec<f64> {
    let nh = n / 2 + 1;
    let fold = |i: usize| i.min(n - i) as f64;
    (0..n * n * nh)
        .map(|i| 0.3 + 1.0 / (1.0 + 0.2 * fold(i / nh / n) + 0.3 * fold(i / nh % n) + 0.1 * (i % nh) as f64))
        .collect()
}
