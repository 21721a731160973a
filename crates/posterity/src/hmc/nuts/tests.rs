//! NUTS by nuts-rs: a known target, the same for a seed, and faults.

use super::*;
use crate::diagnostics::{bulk_ess, r_hat};
use crate::hmc::testing::{Ar1, Gaussian};
use crate::math::mean_and_covariance;

#[test]
fn a_correlated_gaussian_has_its_moments() {
    let starts = vec![vec![0.5, 0.0], vec![10.0, -5.0]];
    let chains = sample(|_| Gaussian::correlated(), &starts, 500, 10_000, Seed::new(1), false).expect("samples");
    let draws: Vec<f64> = chains.iter().flat_map(|chain| chain.positions.iter().copied()).collect();
    let (mean, covariance) = mean_and_covariance(&draws, 2);
    assert!((mean[0] - 1.0).abs() < 0.2 && (mean[1] - 4.0).abs() < 0.15, "{mean:?}");
    assert!((covariance[(0, 0)] - 9.0).abs() < 0.7 && (covariance[(0, 1)] - 1.0).abs() < 0.4, "{covariance:?}");
    assert!(chains.iter().all(|chain| chain.n_divergent == 0 && chain.n_gradients.1 > 10_000));
}

#[test]
fn low_rank_serves_a_correlated_target_better() {
    let per_gradient = |low_rank| {
        let starts = vec![vec![0.1; 20]; 2];
        let chains = sample(|_| Ar1::new(20, 0.9), &starts, 500, 500, Seed::new(2), low_rank).expect("samples");
        let first: Vec<Vec<f64>> =
            chains.iter().map(|chain| chain.positions.iter().step_by(20).copied().collect()).collect();
        assert!(r_hat(&first) < 1.05);
        bulk_ess(&first) / chains.iter().map(|chain| chain.n_gradients.1).sum::<u64>() as f64
    };
    let (low_rank, diagonal) = (per_gradient(true), per_gradient(false));
    assert!(low_rank > 2.0 * diagonal, "{low_rank} {diagonal}");
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("a pool");
        let starts = vec![vec![0.1; 5]; 3];
        pool.install(|| sample(|_| Ar1::new(5, 0.5), &starts, 50, 50, Seed::new(3), true).expect("samples"))
    };
    let one = run(1);
    assert_ne!(one[0], one[1]);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn unusable_starts_are_errors() {
    let one = |starts: &[Vec<f64>]| sample(|_| Gaussian::correlated(), starts, 50, 5, Seed::new(4), false);
    assert!(one(&[]).expect_err("none").is_invalid_input());
    assert!(one(&[vec![0.0]]).expect_err("dimension").is_invalid_input());
    let error = one(&[vec![f64::NAN, 0.0]]).expect_err("not finite");
    assert!(error.is_numerical() && error.to_string().lines().count() == 1, "{error}");
    assert!(sample(|_| Gaussian::correlated(), &[vec![0.0; 2]], 5, 5, Seed::new(4), false).is_err());
}
