//! HMCLET: the regression test of a Gaussian, and a test for each way to get it wrong.

use super::*;
use crate::hmc::testing::{Funnel, Gaussian};
use crate::hmc::{LogDensity, Scratch, Settings, State, step};
use crate::math::mean_and_covariance;
use crate::seed::Seed;
use rand::RngExt;
use rand_distr::StandardNormal;

const COVARIANCE: [[f64; 2]; 2] = [[9.0, 1.0], [1.0, 4.0]];

fn trajectories(step_size: f64, n: usize) -> Settings {
    Settings { step_size, num_integration_steps: n, ..Settings::default() }
}

/// Largest difference to [[9, 1], [1, 4]].
fn error(matrix: &Matrix) -> f64 {
    (0..4).map(|k| (matrix[(k / 2, k % 2)] - COVARIANCE[k / 2][k % 2]).abs()).fold(0.0, f64::max)
}

#[test]
fn a_gaussian_from_far_away_is_learnt_and_then_sampled() {
    let mut target = Gaussian::correlated();
    let mut state = State::new(vec![100.0, 100.0], &mut target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(1).stream(0));
    let mut learnt = QuasiNewton::new(2).expect("two dimensions");
    let mut metric = Metric::Identity;
    for i in 0..100 {
        learnt.update(&state.position, &state.gradient);
        step(&trajectories(0.7, 5), &metric, &mut state, &mut target, &mut scratch, &mut stream);
        if i >= 10 {
            metric = learnt.metric().expect("curvature was seen");
        }
    }
    assert!(error(learnt.inverse_hessian()) < 1e-9, "{:?}", learnt.inverse_hessian());
    // Frozen: a long run has the right moments. 40 000 nearly independent draws: 9 √(2/40000) = 0.06.
    let mut draws = vec![];
    for _ in 0..40_000 {
        step(&trajectories(0.7, 4), &metric, &mut state, &mut target, &mut scratch, &mut stream);
        draws.extend_from_slice(&state.position);
    }
    let (mean, covariance) = mean_and_covariance(&draws, 2);
    assert!((mean[0] - 1.0).abs() < 0.1 && (mean[1] - 4.0).abs() < 0.07, "{mean:?}");
    assert!(error(&covariance) < 0.35, "{covariance:?}");
}

#[test]
fn it_begins_at_a_metric() {
    let lower = Matrix::from_rows(2, 2, vec![2.0, 0.0, 1.0, 3.0]);
    let metric = Metric::Dense(crate::math::Cholesky::from_lower(lower.clone()));
    let mut found = QuasiNewton::from_metric(2, &metric).expect("small");
    assert_eq!(found.inverse_hessian(), &lower.times(&lower.transpose()));
    // A pair that the metric knows already changes nothing: y = B⁻¹ s.
    found.update(&[0.0, 0.0], &[0.0, 0.0]);
    assert!(found.update(&[2.0, 1.0], &[-0.5, 0.0]));
    let off = found.inverse_hessian().plus(&lower.times(&lower.transpose()).scaled(-1.0));
    assert!(off.frobenius_norm() < 1e-12, "{off:?}");
}

/// Where the curvature is negative or nil, B stays as it is: y = −s, y ⟂ s, y = 0.
#[test]
fn pairs_without_curvature_are_refused() {
    let mut learnt = QuasiNewton::new(2).expect("two dimensions");
    learnt.update(&[0.0, 0.0], &[0.0, 0.0]);
    assert!(learnt.update(&[1.0, 0.5], &[-2.0, -0.1]));
    let before = learnt.inverse_hessian().clone();
    for gradient in [[-1.0, 0.4], [-2.0, 0.9], [-2.0, -0.1], [-2.0 - 1e-12, 0.9]] {
        learnt.last = Some((vec![1.0, 0.5], vec![-2.0, -0.1]));
        assert!(!learnt.update(&[2.0, 0.5], &gradient), "{gradient:?}");
    }
    assert_eq!((learnt.inverse_hessian(), learnt.n_pairs()), (&before, (1, 4)));
    // Standing still is no pair, and what is not finite no point.
    assert!(!learnt.update(&[2.0, 0.5], &[7.0, 7.0]) && !learnt.update(&[f64::NAN, 0.0], &[1.0, 1.0]));
    assert!(!learnt.update(&[0.0, 0.0], &[f64::INFINITY, 1.0]));
    assert_eq!(learnt.n_pairs(), (1, 4));
}

#[test]
fn every_update_keeps_the_metric_positive_and_the_secant() {
    // The funnel has negative curvature in places, and a wide range of scales.
    let mut target = Funnel { dim: 5 };
    let mut learnt = QuasiNewton::new(5).expect("five dimensions");
    let mut stream = Seed::new(2).stream(0);
    let mut gradient = vec![0.0; 5];
    for _ in 0..300 {
        let v: f64 = stream.sample::<f64, _>(StandardNormal);
        let mut position = vec![v; 5];
        position[1..].iter_mut().for_each(|x| *x = (0.5 * v).exp() * stream.sample::<f64, _>(StandardNormal));
        target.value_and_gradient(&position, &mut gradient);
        let last = learnt.last.clone();
        if learnt.update(&position, &gradient) {
            let (x, g) = last.expect("a pair");
            let y: Vec<f64> = g.iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let by = learnt.inverse_hessian().times_vector(&y);
            // To the rounding of a sum of terms of this size.
            let size = learnt.inverse_hessian().frobenius_norm() * y.iter().map(|y| y * y).sum::<f64>().sqrt();
            for i in 0..5 {
                assert!((by[i] - (position[i] - x[i])).abs() < 1e-10 * size, "B y = s");
            }
            learnt.metric().expect("positive definite");
        }
    }
    let (taken, refused) = learnt.n_pairs();
    assert!(taken > 100 && refused > 5, "{taken} {refused}");
}

/// p = L u: its covariance is M = B, and the velocity L u of the metric is C M⁻¹ p.
#[test]
fn the_momentum_has_the_covariance_of_its_mass_matrix() {
    let mut learnt = QuasiNewton::new(2).expect("two dimensions");
    learnt.update(&[0.0, 0.0], &[0.0, 0.0]);
    let precision = Matrix::from_rows(2, 2, vec![9.0, 1.0, 1.0, 4.0]).cholesky().expect("positive").inverse();
    for point in [[1.0, 0.3], [-0.4, 2.0], [0.1, -1.0], [3.0, 1.0], [0.0, 0.2], [2.0, 0.0], [0.0, 5.0]] {
        let gradient = precision.times_vector(&point);
        learnt.update(&point, &[-gradient[0], -gradient[1]]);
    }
    let metric = learnt.metric().expect("curvature");
    let (mut stream, mut draws, mut p) = (Seed::new(3).stream(0), vec![], [0.0; 2]);
    for _ in 0..100_000 {
        metric.apply(&[stream.sample(StandardNormal), stream.sample(StandardNormal)], &mut p);
        draws.extend_from_slice(&p);
    }
    let (_, covariance) = mean_and_covariance(&draws, 2);
    assert!(error(&covariance) < 0.2, "{covariance:?}");
    // L Lᵀ ∇ is B ∇.
    let (mut half, mut whole) = ([0.0; 2], [0.0; 2]);
    metric.apply_transposed(&[1.0, -2.0], &mut half);
    metric.apply(&half, &mut whole);
    let direct = learnt.inverse_hessian().times_vector(&[1.0, -2.0]);
    assert!((whole[0] - direct[0]).abs() < 1e-12 && (whole[1] - direct[1]).abs() < 1e-12);
}

/// Momentum refreshed in part is turned round on rejection: with steps so long that many are refused, the variances stay
/// those of the target.
#[test]
fn refused_proposals_do_not_spoil_a_partly_kept_momentum() {
    let mut target = Gaussian::correlated();
    let mut state = State::new(vec![1.0, 4.0], &mut target);
    let (mut scratch, mut stream) = (Scratch::default(), Seed::new(4).stream(0));
    let mut learnt = QuasiNewton::new(2).expect("two dimensions");
    for point in [[0.0, 0.0], [1.0, 0.3], [-0.4, 2.0], [0.1, -1.0], [3.0, 1.0]] {
        let at = State::new(point.to_vec(), &mut target);
        learnt.update(&at.position, &at.gradient);
    }
    let metric = learnt.metric().expect("curvature");
    let settings = Settings { persistence: 0.7, ..trajectories(1.7, 2) };
    let (mut draws, mut n_refused) = (vec![], 0);
    for _ in 0..100_000 {
        let info = step(&settings, &metric, &mut state, &mut target, &mut scratch, &mut stream);
        n_refused += usize::from(!info.is_accepted);
        draws.extend_from_slice(&state.position);
    }
    assert!(n_refused > 10_000, "{n_refused}");
    let (mean, covariance) = mean_and_covariance(&draws, 2);
    assert!((mean[0] - 1.0).abs() < 0.15 && (mean[1] - 4.0).abs() < 0.1, "{mean:?}");
    assert!(error(&covariance) < 0.4, "{covariance:?}");
}

/// It never stops to adapt, and still has the right target.
#[test]
fn an_ensemble_adapts_for_ever_and_stays_valid() {
    let mut target = Gaussian::correlated();
    let mut stream = Seed::new(5).stream(0);
    let mut draw = || 5.0 * stream.sample::<f64, _>(StandardNormal);
    let mut chains: Vec<State> = (0..6).map(|_| State::new(vec![draw(), draw()], &mut target)).collect();
    let mut scratch = Scratch::default();
    let mut draws = vec![];
    for sweep in 0..6_000 {
        for i in 0..chains.len() {
            let others = || chains.iter().enumerate().filter(|(j, _)| *j != i);
            let positions: Vec<&[f64]> = others().map(|(_, chain)| chain.position.as_slice()).collect();
            let gradients: Vec<&[f64]> = others().map(|(_, chain)| chain.gradient.as_slice()).collect();
            let metric = ensemble_metric(&positions, &gradients).expect("a metric");
            step(&trajectories(0.7, 4), &metric, &mut chains[i], &mut target, &mut scratch, &mut stream);
            if sweep >= 100 {
                draws.extend_from_slice(&chains[i].position);
            }
        }
    }
    let (mean, covariance) = mean_and_covariance(&draws, 2);
    assert!((mean[0] - 1.0).abs() < 0.12 && (mean[1] - 4.0).abs() < 0.08, "{mean:?}");
    assert!(error(&covariance) < 0.4, "{covariance:?}");
}

#[test]
fn it_goes_on_from_json_bit_for_bit() {
    let mut learnt = QuasiNewton::new(2).expect("two dimensions");
    learnt.update(&[0.1, 0.7], &[-0.3, -0.2]);
    learnt.update(&[1.3, 0.5], &[-2.7, -0.1]);
    let text = serde_json::to_string(&learnt).expect("writes");
    let mut read: QuasiNewton = serde_json::from_str(&text).expect("reads");
    learnt.update(&[1.1, 0.1], &[-1.7, 0.4]);
    read.update(&[1.1, 0.1], &[-1.7, 0.4]);
    assert_eq!(learnt, read);
}

#[test]
fn what_cannot_be_a_metric_is_an_error() {
    assert!(QuasiNewton::new(0).expect_err("none").is_invalid_input());
    assert!(QuasiNewton::new(5000).expect_err("many").to_string().contains("diagonal"));
    let error = QuasiNewton::new(3).expect("three").metric().expect_err("nothing learnt");
    assert!(error.is_numerical() && error.to_string().contains("warm up longer"));
    let one: [&[f64]; 1] = [&[1.0]];
    assert!(ensemble_metric(&one, &one).expect_err("one other").is_invalid_input());
    let uneven: [&[f64]; 2] = [&[1.0], &[1.0, 2.0]];
    assert!(ensemble_metric(&uneven, &uneven).expect_err("lengths").is_invalid_input());
}
