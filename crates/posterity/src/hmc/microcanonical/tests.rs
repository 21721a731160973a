//! The microcanonical samplers: laws of the integrators, moments, tuning, faults.

use super::*;
use crate::hmc::testing::{Ar1, Gaussian};
use crate::math::Matrix;
use crate::seed::Seed;
use rand_distr::StandardNormal;

const INTEGRATORS: [Integrator; 2] = [Integrator::Leapfrog, Integrator::MinimalNorm];

/// A path at a typical point of the target with a unit velocity.
fn begun(target: &mut dyn LogDensity, seed: u64) -> Scratch {
    let mut stream = Seed::new(seed).stream(0);
    let position = (0..target.dim()).map(|_| stream.sample(StandardNormal)).collect();
    let mut scratch = Scratch::default();
    scratch.begin(&State::new(position, target));
    standard_normals(&mut scratch.momentum, &mut stream);
    vector::normalise(&mut scratch.momentum);
    scratch
}

/// Follows n steps; gives the change of energy.
fn follow(target: &mut dyn LogDensity, at: &mut Scratch, integrator: Integrator, step_size: f64, n: usize) -> f64 {
    let start = at.log_density;
    let mut path = Path { metric: &Metric::Identity, target, at, kinetic: 0.0, n_gradients: 0 };
    path.whiten();
    (0..n).for_each(|_| path.step(integrator, step_size));
    path.kinetic - (path.at.log_density - start)
}

#[test]
fn a_trajectory_turned_round_comes_back() {
    for integrator in INTEGRATORS {
        let mut target = Ar1::new(12, 0.5);
        let mut at = begun(&mut target, 1);
        let start = at.position.clone();
        let there = follow(&mut target, &mut at, integrator, 0.05, 40);
        assert!(at.position.iter().zip(&start).any(|(a, b)| (a - b).abs() > 0.05), "it moved");
        at.momentum.iter_mut().for_each(|u| *u = -*u);
        let back = follow(&mut target, &mut at, integrator, 0.05, 40);
        assert!((there + back).abs() < 1e-9, "{there} {back}");
        assert!(at.position.iter().zip(&start).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}

#[test]
fn the_energy_error_is_of_second_order() {
    for (integrator, share) in INTEGRATORS.into_iter().zip([1.0, 0.1]) {
        let error = |step_size: f64, n| -> f64 {
            let squares = (0..20).map(|seed| {
                let mut target = Gaussian::standard(10);
                target.precision[0][0] = 4.0;
                let mut at = begun(&mut target, seed);
                follow(&mut target, &mut at, integrator, step_size, n).powi(2)
            });
            (squares.sum::<f64>() / 20.0).sqrt()
        };
        let (coarse, fine) = (error(0.1, 31), error(0.05, 62));
        assert!((3.5..4.5).contains(&(coarse / fine)), "{integrator:?}: {coarse} {fine}");
        assert!(coarse < 0.05 * share, "{integrator:?}: {coarse}");
    }
}

#[test]
fn the_turn_is_the_closed_form_and_never_overflows() {
    let gradient = [0.3, -1.0, 2.0, 0.1];
    for distance in [1e-6, 0.1, 0.7, 3.0] {
        let mut u = [0.5, 0.5, -0.5, 0.5];
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let cosine = u.iter().zip(&gradient).map(|(u, g)| u * g).sum::<f64>() / norm;
        let delta: f64 = distance * norm / 3.0;
        let bottom = delta.cosh() + cosine * delta.sinh();
        let along = delta.sinh() + cosine * (delta.cosh() - 1.0);
        let expected: Vec<f64> = u.iter().zip(&gradient).map(|(u, g)| (u + g / norm * along) / bottom).collect();
        let change = turn(&mut u, &gradient, distance);
        assert!((change - 3.0 * bottom.ln()).abs() < 1e-12, "{distance}");
        assert!(u.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{distance}");
    }
    let mut u = [0.5, 0.5, -0.5, 0.5];
    let change = turn(&mut u, &gradient, 1e6);
    assert!(change.is_finite() && (u.iter().map(|u| u * u).sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(turn(&mut u, &[0.0; 4], 1.0), 0.0);
}

/// Means and mean squares over a run, coordinate by coordinate, and the mean acceptance.
fn run(settings: &Settings, metric: &Metric, target: &mut dyn LogDensity, n: usize) -> (Vec<f64>, Vec<f64>, f64) {
    let start = vec![0.1; target.dim()];
    run_from(start, settings, metric, target, n)
}

fn run_from(
    start: Vec<f64>,
    settings: &Settings,
    metric: &Metric,
    target: &mut dyn LogDensity,
    n: usize,
) -> (Vec<f64>, Vec<f64>, f64) {
    let dim = start.len();
    let mut state = State::new(start, target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(7).stream(0));
    let (mut means, mut squares, mut rate) = (vec![0.0; dim], vec![0.0; dim], 0.0);
    for i in 0..n + 100 {
        let info = step(settings, metric, &mut state, target, &mut scratch, &mut stream);
        if i >= 100 {
            rate += info.acceptance_rate / n as f64;
            for (j, x) in state.position.iter().enumerate() {
                means[j] += x / n as f64;
                squares[j] += x * x / n as f64;
            }
        }
    }
    (means, squares, rate)
}

#[test]
fn the_adjusted_sampler_has_the_moments_of_a_gaussian_at_any_step_size() {
    // At a typical distance from the middle: steps as long as these carry a chain from there so far out that it stays.
    let start: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let cases = INTEGRATORS.map(|integrator| match integrator {
        Integrator::Leapfrog => (integrator, [(0.8, 0.2, 8000), (1.4, 0.5, 16_000)]),
        Integrator::MinimalNorm => (integrator, [(1.2, 0.2, 8000), (1.5, 0.5, 8000)]),
    });
    for (integrator, (step_size, jitter, n)) in cases.into_iter().flat_map(|(i, all)| all.map(|case| (i, case))) {
        let settings = Settings { jitter, integrator, ..Settings::adjusted(step_size, 1.6) };
        let (means, squares, rate) =
            run_from(start.clone(), &settings, &Metric::Identity, &mut Gaussian::standard(100), n);
        assert!(rate < 0.999 && rate > 0.1, "{integrator:?}, {step_size}: {rate}");
        // Over 100 coordinates the mean square is known to about 0.002 for independent draws.
        let mean_square = squares.iter().sum::<f64>() / 100.0;
        assert!((mean_square - 1.0).abs() < 0.02, "{integrator:?}, {step_size}: {mean_square}, acceptance {rate}");
        assert!(means.iter().all(|m| m.abs() < 0.15), "{integrator:?}, {step_size}: {means:?}");
        assert!(squares.iter().all(|s| (s - 1.0).abs() < 0.2), "{integrator:?}, {step_size}: {squares:?}");
    }
}

#[test]
fn the_unadjusted_sampler_says_that_it_is_biased_and_is() {
    let biased = Settings { integrator: Integrator::Leapfrog, ..Settings::biased(1.4, 1.6) };
    assert!(biased.is_biased() && !Settings::adjusted(1.0, 1.0).is_biased());
    let mean_square = |settings: &Settings, n| {
        run(settings, &Metric::Identity, &mut Gaussian::standard(100), n).1.iter().sum::<f64>() / 100.0
    };
    let coarse = mean_square(&biased, 4000);
    assert!((coarse - 1.0).abs() > 0.05, "{coarse}");
    let fine = mean_square(&Settings::biased(0.2, 1.6), 4000);
    assert!((fine - 1.0).abs() < 0.02, "{fine}");
}

fn ar1_metric(target: &Ar1) -> Metric {
    let n = target.dim();
    Metric::Dense(Matrix::from_fn(n, n, |i, j| target.covariance(i, j)).cholesky().expect("positive definite"))
}

#[test]
fn a_correlated_target_in_its_metric() {
    let mut target = Ar1::new(30, 0.9);
    let metric = ar1_metric(&target);
    let (_, squares, rate) = run(&Settings::adjusted(0.73, 1.57), &metric, &mut target, 8000);
    let ratios: Vec<f64> = squares.iter().zip(&target.scales).map(|(square, s)| square / (s * s)).collect();
    assert!(rate > 0.5 && ratios.iter().all(|r| (r - 1.0).abs() < 0.2), "{rate} {ratios:?}");
}

#[test]
fn tuning_finds_the_acceptance_and_a_length_that_decorrelates() {
    let mut target = Ar1::new(100, 0.9);
    let metric = ar1_metric(&target);
    let mut state = State::new(vec![0.0; 100], &mut target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(8).stream(0));
    let (tuned, n_gradients) = tune(
        &Tuning::default(),
        &Settings::adjusted(1.0, 1.0),
        &metric,
        &mut state,
        &mut target,
        &mut scratch,
        &mut stream,
    )
    .expect("tunes");
    assert_eq!(n_gradients + 1, target.n_evaluations);
    let (_, _, rate) = run(&tuned, &metric, &mut target, 2000);
    assert!((rate - 0.9).abs() < 0.05, "{rate}");
    assert!((0.7..3.2).contains(&tuned.length), "{tuned:?}");
}

/// In the identity metric the widest directions of this target are 40 times the narrowest: short trajectories would be a
/// random walk. In it a trial of 200 draws does not see the variance.
#[test]
fn tuning_finds_a_long_length_where_the_metric_does_not_fit() {
    let mut target = Gaussian::standard(20);
    (0..20).for_each(|i| target.precision[i][i] = 40f64.powf(-2.0 * i as f64 / 19.0));
    let mut state = State::new(vec![0.5; 20], &mut target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(12).stream(0));
    let (tuning, settings, metric) = (Tuning::default(), Settings::adjusted(1.0, 1.0), Metric::Identity);
    let (tuned, _) =
        tune(&tuning, &settings, &metric, &mut state, &mut target, &mut scratch, &mut stream).expect("tunes");
    // A quarter period of the widest is 63.
    assert!((15.0..200.0).contains(&tuned.length), "{tuned:?}");
}

/// A box: impossible outside.
struct Bounded;

impl LogDensity for Bounded {
    fn dim(&self) -> usize {
        3
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(f64::NAN);
        if position.iter().any(|x| x.abs() > 1.0) {
            return f64::NEG_INFINITY;
        }
        gradient.fill(0.0);
        0.0
    }
}

#[test]
fn impossible_positions_are_rejected_and_counted() {
    let mut state = State::new(vec![0.0; 3], &mut Bounded);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(9).stream(0));
    let mut n_divergent = 0;
    for _ in 0..500 {
        let info =
            step(&Settings::adjusted(0.2, 0.5), &Metric::Identity, &mut state, &mut Bounded, &mut scratch, &mut stream);
        assert!(info.is_accepted != info.is_divergent, "{info:?}");
        n_divergent += usize::from(info.is_divergent);
        assert!(state.position.iter().all(|x| x.abs() <= 1.0) && state.log_density == 0.0);
    }
    assert!((50..450).contains(&n_divergent), "{n_divergent}");
}

#[test]
fn a_step_depends_on_the_stream_alone() {
    let settings = Settings::adjusted(1.2, 2.8);
    let mut target = Gaussian::standard(10);
    let mut used = begun(&mut target, 3);
    let mut ends = [Scratch::default(), used.clone()].map(|mut scratch| {
        let mut state = State::new(vec![0.5; 10], &mut target);
        let mut stream = Seed::new(10).stream(0);
        let metric = Metric::Identity;
        let infos = [(); 5].map(|()| step(&settings, &metric, &mut state, &mut target, &mut scratch, &mut stream));
        (state, infos)
    });
    used.momentum.clear();
    ends[1].0.momentum.clear();
    ends[0].0.momentum.clear();
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn unusable_settings_are_errors() {
    assert!(Settings::adjusted(1.0, 1.0).check(1).expect_err("one").to_string().contains("Hamiltonian"));
    assert_eq!(Settings::adjusted(0.0, 1.0).check(2).expect_err("step").key(), Some("step_size"));
    assert_eq!(Settings::adjusted(1.0, f64::NAN).check(2).expect_err("length").key(), Some("length"));
    let error = Settings { jitter: 2.0, ..Settings::adjusted(1.0, 1.0) }.check(2).expect_err("jitter");
    assert_eq!(error.key(), Some("jitter"));
    let mut target = Gaussian::standard(2);
    let mut state = State::new(vec![0.0; 2], &mut target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(11).stream(0));
    for (tuning, settings) in [
        (Tuning::default(), Settings::biased(1.0, 1.0)),
        (Tuning { acceptance_rate: 1.0, ..Tuning::default() }, Settings::adjusted(1.0, 1.0)),
    ] {
        let metric = Metric::Identity;
        let error = tune(&tuning, &settings, &metric, &mut state, &mut target, &mut scratch, &mut stream);
        assert!(error.expect_err("refused").is_invalid_input());
    }
}
