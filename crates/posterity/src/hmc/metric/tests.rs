//! Laws of every metric: transposes, inverses, exactness on Gaussians.

use super::*;
use crate::Seed;
use crate::hmc::momentum::standard_normals;

/// Draws of N(0, Σ) for a Σ of correlation 0.9^|i−j| and many scales, and the gradients there.
pub(in crate::hmc) fn gaussian(dim: usize, n: usize) -> (Matrix, Vec<f64>, Vec<f64>) {
    let scale = |i: usize| 10.0_f64.powf(2.0 * i as f64 / dim as f64 - 1.0);
    let covariance = Matrix::from_fn(dim, dim, |i, j| 0.9_f64.powi(i.abs_diff(j) as i32) * scale(i) * scale(j));
    let factor = covariance.cholesky().expect("positive definite");
    let (mut draws, mut gradients) = (vec![], vec![]);
    let mut stream = Seed::new(1).stream(0);
    let mut z = vec![0.0; dim];
    for _ in 0..n {
        standard_normals(&mut z, &mut stream);
        let mut x = vec![0.0; dim];
        factor.times_lower(&z, &mut x);
        draws.extend(&x);
        factor.solve_lower(&mut x);
        factor.solve_upper(&mut x);
        gradients.extend(x.iter().map(|g| -g));
    }
    (covariance, draws, gradients)
}

fn all(dim: usize) -> Vec<Metric> {
    let (_, x, g) = gaussian(dim, 2 * dim);
    vec![
        Metric::Identity,
        Metric::diagonal_from(dim, &x, &g).expect("made"),
        Metric::dense_from(dim, &x, &g).expect("made"),
        Metric::low_rank_from(dim, &x, &g, 1.5).expect("made"),
        Metric::low_rank_from(dim, &x[..4 * dim], &g[..4 * dim], 1.5).expect("made"),
    ]
}

#[test]
fn transpose_and_inverse_are_those_of_the_map_and_parts_bring_it_back() {
    let dim = 20;
    let mut stream = Seed::new(2).stream(0);
    for metric in all(dim) {
        let [mut u, mut v, mut lu, mut ltv, mut back] = std::array::from_fn(|_| vec![0.0; dim]);
        standard_normals(&mut u, &mut stream);
        standard_normals(&mut v, &mut stream);
        metric.apply(&u, &mut lu);
        metric.apply_transposed(&v, &mut ltv);
        let (a, b) = (vector::dot(&lu, &v), vector::dot(&u, &ltv));
        assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{metric:?}");
        metric.apply_inverse(&lu, &mut back);
        assert!(u.iter().zip(&back).all(|(u, b)| (u - b).abs() < 1e-11), "{metric:?}");
        let (kind, parts) = metric.parts();
        let take = |name: &str| Ok(parts.iter().find(|(n, _)| *n == name).expect("there").1.to_vec());
        let again = Metric::from_parts(kind, dim, take).expect("fits");
        assert_eq!(format!("{metric:?}"), format!("{again:?}"));
    }
    assert!(Metric::from_parts("diagonal", 3, |_| Ok(vec![1.0])).expect_err("short").is_corrupt_file());
}

/// The covariance comes out of more draws than dimensions to rounding, not to 1/√n: gradients say the rest.
#[test]
fn of_a_gaussian_the_dense_metric_is_the_covariance() {
    let dim = 20;
    let (covariance, x, g) = gaussian(dim, 30);
    for metric in [Metric::dense_from(dim, &x, &g), Metric::low_rank_from(dim, &x, &g, 1.0)] {
        let metric = metric.expect("made");
        for i in 0..dim {
            let [mut e, mut lt, mut column] = std::array::from_fn(|_| vec![0.0; dim]);
            e[i] = 1.0;
            metric.apply_transposed(&e, &mut lt);
            metric.apply(&lt, &mut column);
            for (j, c) in column.iter().enumerate() {
                let scale = (covariance[(i, i)] * covariance[(j, j)]).sqrt();
                assert!((c - covariance[(i, j)]).abs() < 1e-4 * scale, "({i}, {j}): {c} for {}", covariance[(i, j)]);
            }
        }
    }
}

#[test]
fn too_few_draws_or_broken_ones_are_refused() {
    assert!(Metric::dense_from(2, &[0.0, 1.0], &[1.0, 0.0]).expect_err("one draw").is_numerical());
    let broken = [0.0, f64::NAN, 1.0, 2.0];
    assert!(Metric::low_rank_from(2, &broken, &[1.0; 4], 2.0).expect_err("NaN").is_numerical());
}
