//! Every target of the samplers is the same to the bit for any number of threads.

use super::super::*;
use super::{THRESHOLD, halos, numbers, weights, white_noise};
use crate::field::{Background, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::hmc::LogDensity;
use crate::seed::Seed;

const N: usize = 20;
const CELLS: usize = N * N * N;
const BOX_LENGTH: f64 = 80.0;

/// What `evaluate` returns with one thread, which must be what it returns with more.
fn same_for_all(evaluate: impl Fn() -> (f64, Vec<f64>) + Sync) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        let (value, gradient) = pool.install(&evaluate);
        (value.to_bits(), gradient.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
    };
    let one = run(1);
    assert!(f64::from_bits(one.0).is_finite());
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

fn value(target: &mut dyn LogDensity, position: &[f64]) -> (f64, Vec<f64>) {
    let mut gradient = vec![0.0; target.dim()];
    (target.value_and_gradient(position, &mut gradient), gradient)
}

#[test]
fn of_the_weights_given_the_density() {
    let (density, region, halos) = (numbers(CELLS, -1.0, 3.0, 20), Region::half(N, true), halos(CELLS, 3000));
    for degrees in [vec![0], vec![0, 1, 2]] {
        let engine = crate::engine::Settings { degrees, ..Default::default() };
        let settings = Settings { engine, ..Default::default() };
        same_for_all(|| {
            let mut target = WeightsGivenDensity::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &halos, &density)
                .expect("valid");
            let n_engine = target.dim() - settings.mixture.n_weights();
            value(&mut target, &weights(n_engine, settings.mixture, 21))
        });
    }
}

#[test]
fn of_the_classical_models() {
    let (density, region, halos) = (numbers(CELLS, -1.0, 3.0, 20), Region::whole(CELLS), halos(CELLS, 3000));
    for law in [Law::Homogeneous, Law::ClippedLinear, Law::Power, Law::TruncatedPower] {
        let settings = BiasSettings { law, edges: vec![1e13, 4e13], mixture: Mixture::default(), floor: 0.01 };
        same_for_all(|| {
            let mut target =
                BiasGivenDensity::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &halos, &density).expect("valid");
            let mut w = numbers(target.dim(), -0.5, 0.5, 22);
            let n = w.len();
            (w[n - 1], w[n - 4]) = (w[n - 1] - 6.0, w[n - 4] - 6.0);
            value(&mut target, &w)
        });
    }
}

#[test]
fn of_the_field_given_the_weights() {
    let cosmology = Cosmology { omega_m: 0.31, omega_b: 0.048, h: 0.68, n_s: 0.96, sigma8: 0.82 };
    let power = LinearPower::eisenstein_hu(&cosmology).expect("valid");
    let growth = Background::new(0.31, -1.0).expect("valid").growth(1.0).expect("valid");
    let (settings, region, halos) = (Settings::default(), Region::whole(CELLS), halos(CELLS, 3000));
    same_for_all(|| {
        let gravity = Gravity::new(
            Grid::new(N, BOX_LENGTH).expect("valid"),
            &power,
            &growth,
            Order::Two,
            MassAssignment::CloudInCell,
        );
        let model = Model::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &halos).expect("valid");
        let amplitude = vec![0.9; N * N * (N / 2 + 1)];
        let w = weights(5, settings.mixture, 23);
        let least = vec![0.0; amplitude.len()];
        let mut target =
            FieldGivenWeights::new(gravity.expect("valid"), model, w, amplitude, least, true).expect("valid");
        let mut u = white_noise(CELLS, Seed::new(24));
        target.whiten_by_curvature(2, Seed::new(25), &mut u).expect("sized");
        value(&mut target, &u)
    });
}
