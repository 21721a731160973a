//! Halo counts: the chain that they come of, their law, and that nothing but theta and stream decides them.

use super::{SIGMAS, simulations};
use crate::engine::Engine;
use crate::field::{Background, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::seed::Seed;
use crate::simulator::{HaloCounts, HaloCountsSettings, SimulationSet, Simulator};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

const THETA: [f64; 2] = [0.31, 0.8];

fn counts(change: impl FnOnce(&mut HaloCountsSettings)) -> HaloCounts {
    let mut settings = HaloCountsSettings::new(8, 32.0);
    change(&mut settings);
    HaloCounts::new(settings).expect("valid")
}

fn one(simulator: &HaloCounts, theta: &[f64], index: u64) -> Vec<f64> {
    let mut data = vec![0.0; simulator.n_data()];
    simulator.simulate(theta, &mut Seed::new(9).stream(index), &mut data).expect("possible");
    data
}

/// The chain put together by hand, of the same noise: what is left is Poisson.
#[test]
fn counts_are_poisson_about_the_mean_of_the_chain() {
    let simulator = counts(|s| (s.completeness, s.scale_factor) = (0.7, 0.8));
    let settings = simulator.settings().clone();
    let grid = Grid::new(8, 32.0).expect("valid");
    let fixed = settings.fixed;
    let cosmology =
        Cosmology { omega_m: THETA[0], omega_b: fixed.omega_b, h: fixed.h, n_s: fixed.n_s, sigma8: THETA[1] };
    let power = LinearPower::eisenstein_hu(&cosmology).expect("valid");
    let growth = Background::new(THETA[0], -1.0).expect("valid").growth(0.8).expect("valid");
    let mut gravity =
        Gravity::new(grid, &power, &growth, Order::Two, MassAssignment::TriangularShapedCloud).expect("valid");
    let mut engine = Engine::new([8; 3], &settings.weights.settings.engine).expect("valid");
    let (mut density, mut psi) = (vec![0.0; 512], vec![0.0; 512]);
    let (mut found, mut expected, mut chi2, n_fields) = (0.0, 0.0, 0.0, 400);
    for (i, data) in simulations(&simulator, &THETA, n_fields).into_iter().enumerate() {
        let mut stream = Seed::new(77).stream(i as u64);
        let noise: Vec<f64> = (0..512).map(|_| StandardNormal.sample(&mut stream)).collect();
        gravity.density(&noise, &mut density).expect("sizes fit");
        density.iter_mut().for_each(|d| *d -= 1.0);
        let (of_engine, of_mixture) = settings.weights.values.split_at(5);
        engine.forward(&density, of_engine, &mut psi);
        let mixture = settings.weights.settings.mixture;
        let mean = |psi: &f64| 0.7 * grid.cell_volume() * mixture.integral(of_mixture, *psi, settings.min_mass);
        for (count, mean) in data.iter().zip(psi.iter().map(mean)) {
            assert!(count.fract() == 0.0 && *count >= 0.0);
            (found, expected) = (found + count, expected + mean);
            chi2 += ((count - mean).powi(2) - mean) / (2.0 * mean * mean + mean).sqrt();
        }
    }
    assert!((found - expected).abs() < SIGMAS * expected.sqrt(), "{found} {expected}");
    assert!(chi2.abs() < SIGMAS * (512.0 * n_fields as f64).sqrt(), "{chi2}");
}

#[test]
fn the_default_weights_have_the_halos_that_they_were_found_for() {
    // 5960 halos in (128 Mpc/h)³ of another cosmology and of the density of an N-body simulation.
    let simulator = counts(|s| (s.n, s.box_length) = (16, 64.0));
    let n_fields = 20;
    let total: f64 = simulations(&simulator, &[0.3111, 0.8102], n_fields).iter().flatten().sum();
    let density = total / n_fields as f64 / 64.0f64.powi(3);
    assert!((density / (CATALOGUE / 128.0f64.powi(3)) - 1.0).abs() < 0.25, "{density:e}");
}

const CATALOGUE: f64 = 5960.0;

#[test]
fn in_two_dimensions_counts_are_summed_along_the_last_axis() {
    let (cube, plane) = (counts(|_| ()), counts(|s| s.dims = 2));
    assert_eq!((cube.shape(), plane.shape()), (&[8; 3][..], &[8; 2][..]));
    let summed: Vec<f64> = one(&cube, &THETA, 3).chunks(8).map(|line| line.iter().sum()).collect();
    assert_eq!(summed, one(&plane, &THETA, 3));
}

#[test]
fn the_same_noise_and_theta_give_the_same_counts_whatever_was_before_and_beside() {
    let simulator = counts(|_| ());
    let (first, moved) = (one(&simulator, &THETA, 0), one(&simulator, &[0.35, 0.9], 0));
    assert!(first != moved && first == one(&simulator, &THETA, 0) && first == one(&counts(|_| ()), &THETA, 0));
    let filled = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let mut set = SimulationSet::new(&simulator, &THETA, Some(&[0.05, 0.1]), 150, 75).expect("fits");
        pool.install(|| set.fill(&simulator, Seed::new(4), 2)).expect("possible");
        set
    };
    let alone = filled(1);
    assert!(alone == filled(2) && alone == filled(5));
}

#[test]
fn theta_does_not_change_how_much_is_drawn() {
    let simulator = counts(|_| ());
    let after = |theta: &[f64]| {
        let mut stream = Seed::new(2).stream(0);
        simulator.simulate(theta, &mut stream, &mut vec![0.0; 512]).expect("possible");
        stream.next_u64()
    };
    assert_eq!(after(&THETA), after(&[0.2, 1.1]));
    assert!(!simulator.has_derivative());
    // Of the same numbers, more are seen where more are there.
    let few = one(&counts(|s| s.completeness = 0.4), &THETA, 1);
    let all = one(&simulator, &THETA, 1);
    assert!(few.iter().zip(&all).all(|(few, all)| few <= all) && few != all);
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    type Change = fn(&mut HaloCountsSettings);
    let cases: [(&str, Change); 12] = [
        ("`n`: 1 cells", |s| s.n = 1),
        ("`n`: 2 voxels", |s| (s.n, s.box_length) = (2, 8.0)),
        ("`dims`: a field of 1", |s| s.dims = 1),
        ("`box_length`", |s| s.box_length = 0.0),
        ("`box_length`: the default weights are those of voxels of 4 Mpc/h, not of 5; give 32", |s| {
            s.box_length = 40.0
        }),
        ("`min_mass`: the default weights were found above 1.7268e12 Msun/h", |s| s.min_mass = 1e12),
        ("`min_mass`: a mass of -1 Msun/h; give a positive mass", |s| s.min_mass = -1.0),
        ("`scale_factor`", |s| s.scale_factor = 0.0),
        ("`completeness`: a fraction of 1.5 of the halos cannot be seen", |s| s.completeness = 1.5),
        ("`omega_b`", |s| s.fixed.omega_b = -0.1),
        ("`engine.weights`: 10 weights for a model of 11", |s| s.weights.values.truncate(10)),
        ("`engine.floor`", |s| s.weights.settings.engine.floor = 0.0),
    ];
    for (text, change) in cases {
        let mut settings = HaloCountsSettings::new(8, 32.0);
        change(&mut settings);
        let error = HaloCounts::new(settings).expect_err("refused");
        assert!(error.is_invalid_input() && error.to_string().starts_with(text), "{error}");
    }
    let simulator = counts(|_| ());
    for theta in [[0.04, 0.8], [1.1, 0.8], [0.3, 0.0], [f64::NAN, 0.8], [0.3, f64::NAN]] {
        let error = simulator.simulate(&theta, &mut Seed::new(0).stream(0), &mut vec![0.0; 512]).expect_err("refused");
        assert!(error.is_simulation_failed(), "{error}");
    }
    let many = counts(|s| s.weights.values[6] = 1e9);
    let error = many.simulate(&THETA, &mut Seed::new(0).stream(0), &mut [0.0; 512]).expect_err("too many");
    assert!(error.is_simulation_failed() && error.to_string().contains("halos are expected"), "{error}");
}
