//! Known answers of the fields: information, moments, spectra; and what is refused.

mod cosmology;
mod halos;

use super::lattice::Lattice;
use super::*;
use crate::math::Matrix;
use crate::seed::Seed;
use crate::simulator::Simulator;

/// Number of standard errors that a mean may be off: one test in 1.7 million fails by chance, times the means it looks at.
const SIGMAS: f64 = 5.0;

fn simulations(simulator: &dyn Simulator, theta: &[f64], n: u64) -> Vec<Vec<f64>> {
    let one = |i| {
        let mut data = vec![0.0; simulator.n_data()];
        simulator.simulate(theta, &mut Seed::new(77).stream(i), &mut data).expect("possible");
        data
    };
    (0..n).map(one).collect()
}

/// Mean of |δ(m)|²/n^d over simulations and the modes of each |m|² up to (n/2)², with the number of numbers averaged.
fn power(n: usize, dims: usize, fields: &[Vec<f64>]) -> Vec<[f64; 2]> {
    let lattice = Lattice::new(n, dims).expect("valid");
    let mut sums = vec![[0.0; 2]; dims * n * n / 4 + 1];
    let lengths = lattice.lengths_squared();
    for field in fields {
        let modes = lattice.power_of_modes(field);
        for ((length, power), times) in lengths.iter().zip(modes).zip(lattice.multiplicities()) {
            let sum = &mut sums[*length as usize];
            *sum = [sum[0] + times * power, sum[1] + times];
        }
    }
    sums.into_iter().map(|[sum, n]| [sum / n.max(1.0), n]).collect()
}

/// Sums of mode powers over their expectation have a mean of 1 with the error √(2/n) of n normal squares.
fn assert_power(n: usize, found: &[[f64; 2]], expected: impl Fn(f64) -> f64) {
    assert!(found[0][0] < 1e-20, "the mean has no power: {}", found[0][0]);
    for (square, [power, count]) in found.iter().enumerate().skip(1).filter(|(_, p)| p[1] > 0.0) {
        let ratio = power / expected(2.0 * std::f64::consts::PI * (square as f64).sqrt() / n as f64);
        assert!((ratio - 1.0).abs() < SIGMAS * (2.0 / count).sqrt(), "{n} {square}: {ratio} of {count}");
    }
}

#[test]
fn a_gaussian_field_has_its_spectrum_in_two_and_three_dimensions_at_any_n() {
    for (n, dims) in [(2, 2), (9, 2), (16, 2), (5, 3), (8, 3)] {
        let field = GaussianField::new(n, dims).expect("valid");
        assert_eq!(field.shape(), vec![n; dims]);
        let found = power(n, dims, &simulations(&field, &[1.7, 0.8], 400));
        assert_power(n, &found, |k| 1.7 * k.powf(-0.8));
    }
}

#[test]
fn the_information_of_a_gaussian_field_is_the_known_one() {
    let fisher = GaussianField::new(128, 2).expect("valid").fisher(1.0, 0.5).expect("possible");
    assert_eq!(fisher[(0, 0)], 8191.5);
    assert!((fisher[(0, 1)] + 6365.2).abs() < 0.05 && fisher[(1, 0)] == fisher[(0, 1)], "{}", fisher[(0, 1)]);
    assert!((fisher[(1, 1)] - 7076.2).abs() < 0.05, "{}", fisher[(1, 1)]);
    let det = fisher[(0, 0)] * fisher[(1, 1)] - fisher[(0, 1)] * fisher[(1, 0)];
    assert!((det / 1.745e7 - 1.0).abs() < 3e-4, "{det:e}");
    let fisher = GaussianField::new(6, 3).expect("valid").fisher(2.0, 0.5).expect("possible");
    assert!((fisher[(0, 0)] - 215.0 / 8.0).abs() < 1e-12, "six cubed, less the mean, over 2 A²: {}", fisher[(0, 0)]);
}

fn log_normal(n: usize, dims: usize, is_periodic: bool) -> LogNormalField {
    if is_periodic { LogNormalField::periodic(n, dims) } else { LogNormalField::open(n, dims) }.expect("valid")
}

/// Mean over simulations, one number each so that correlated cells do not count as many, and its error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

#[test]
fn a_log_normal_field_is_made_of_a_gaussian_one_of_its_correlation() {
    let cases = [
        (12, 2, 1.0f64, 0.5f64, true),
        (5, 2, 0.3, 1.5, true),
        (6, 3, 0.7, 0.8, true),
        (3, 3, 1.2, 0.2, true),
        (6, 2, 1.0, 1.5, false),
        (4, 3, 0.5, 0.8, false),
    ];
    for (n, dims, alpha, beta, is_periodic) in cases {
        let sets = simulations(&log_normal(n, dims, is_periodic), &[alpha, beta], 2000);
        let means: Vec<f64> = sets.iter().map(|d| d.iter().sum::<f64>() / d.len() as f64).collect();
        let (mean, error) = mean_and_error(&means);
        assert!(mean.abs() < SIGMAS * error, "{n} {dims}: {mean} {error}");
        let g = |d: f64| ((alpha * d).ln_1p() + 0.5 * alpha * alpha) / alpha;
        let xi = super::correlation::correlation(if is_periodic { n } else { 2 * n }, beta).0;
        let (len, plane) = (n.pow(dims as u32), n.pow(dims as u32 - 1));
        let pairs = |holds: &dyn Fn(usize) -> bool, other: usize| -> Vec<[usize; 2]> {
            (0..len).filter(|i| holds(*i)).map(|i| [i, i + other]).collect()
        };
        let last = |i: usize| i % n == n - 1;
        for (k, (pairs, expected)) in [
            (pairs(&|_| true, 0), 1.0),
            (pairs(&|i| !last(i), 1), xi[1]),
            (pairs(&|i| i % n == 0, n - 1), xi[n - 1]),
            (pairs(&|i| !last(i) && i + plane < len, plane + 1), xi[1] * xi[1]),
        ]
        .into_iter()
        .enumerate()
        {
            let of = |d: &Vec<f64>| pairs.iter().map(|[i, j]| g(d[*i]) * g(d[*j])).sum::<f64>() / pairs.len() as f64;
            let (mean, error) = mean_and_error(&sets.iter().map(of).collect::<Vec<_>>());
            assert!((mean - expected).abs() < SIGMAS * error, "{n} {dims} {k}: {mean} {expected} {error}");
        }
    }
}

#[test]
fn the_information_of_a_log_normal_field_is_the_known_one() {
    let fisher = LogNormalField::open(20, 2).expect("valid").fisher(1.0, 0.5).expect("possible");
    assert!((fisher[(1, 1)] - 5815.6).abs() < 0.05, "{}", fisher[(1, 1)]);
    assert!((fisher[(0, 0)] / 1.09e4 - 1.0).abs() < 0.03, "{}", fisher[(0, 0)]);
    assert!((fisher[(0, 1)] / 2.1e3 - 1.0).abs() < 0.03, "{}", fisher[(0, 1)]);
    let fisher = LogNormalField::periodic(20, 2).expect("valid").fisher(1.0, 0.5).expect("possible");
    assert!((fisher[(1, 1)] - 6401.4148).abs() < 1e-3 && (fisher[(0, 1)] - 2231.294).abs() < 1e-2, "{fisher:?}");
}

/// As α → 0 the field is g and its derivative by α is (g² − 1)/2, to all digits.
#[test]
fn the_derivative_by_alpha_keeps_its_digits_where_the_field_is_almost_gaussian() {
    let with_derivative = |alpha: f64| {
        let field = log_normal(8, 2, true);
        let (mut data, mut derivative) = (vec![0.0; 64], vec![0.0; 128]);
        let mut stream = Seed::new(5).stream(0);
        field.simulate_with_derivative(&[alpha, 0.5], &mut stream, &mut data, &mut derivative).expect("possible");
        (data, derivative)
    };
    let (g, _) = with_derivative(1e-90);
    for alpha in [1e-90, 1e-12] {
        let (_, derivative) = with_derivative(alpha);
        for (g, d) in g.iter().zip(&derivative) {
            assert!((d - 0.5 * (g * g - 1.0)).abs() < 1e-14 + 100.0 * alpha, "{alpha}: {g} {d}");
        }
    }
    // On both sides of where the series ends, by differences of δ.
    for alpha in [0.01, 0.3, 1.0, 2.0] {
        let h = 1e-5 * alpha;
        let [(below, _), (_, derivative), (above, _)] = [alpha - h, alpha, alpha + h].map(with_derivative);
        for ((below, above), d) in below.iter().zip(&above).zip(&derivative) {
            let slope = (above - below) / (2.0 * h);
            assert!((slope - d).abs() < 1e-8 * (1.0 + d.abs() + above.abs() / alpha), "{alpha}: {slope} {d}");
        }
    }
}

/// The covariance of the scores, which are taken from the density itself by differences of its logarithm.
#[test]
fn the_information_of_a_log_normal_field_is_the_covariance_of_its_scores() {
    for (n, dims, alpha, beta, is_periodic) in
        [(6, 2, 1.0, 0.5, true), (3, 3, 0.6, 0.4, true), (5, 2, 0.05, 0.7, false), (3, 3, 0.8, 0.6, false)]
    {
        let field = log_normal(n, dims, is_periodic);
        let fisher = field.fisher(alpha, beta).expect("possible");
        let (n_cells, n_fields, h) = (field.n_data(), 20_000, 1e-4);
        let gaussian = |beta: f64| {
            let n_lattice = if is_periodic { n } else { 2 * n };
            let xi = super::correlation::correlation(n_lattice, beta).0;
            let offset = |i: usize, j: usize, place: usize| (i / place % n + n_lattice - j / place % n) % n_lattice;
            let product = |i, j| (0..dims as u32).map(|a| xi[offset(i, j, n.pow(a))]).product();
            Matrix::from_fn(n_cells, n_cells, product).cholesky().expect("a covariance")
        };
        let choleskys = [beta - h, beta, beta + h].map(gaussian);
        let log_prob = |alpha: f64, k: usize, d: &[f64]| {
            let g: Vec<f64> = d.iter().map(|d| ((alpha * d).ln_1p() + 0.5 * alpha * alpha) / alpha).collect();
            let jacobian: f64 = d.iter().map(|d| (alpha * d).ln_1p()).sum();
            -0.5 * (choleskys[k].inverse_quadratic_form(&g) + choleskys[k].ln_det()) - jacobian
        };
        let mut sums = [0.0; 3];
        let mut squares = [0.0; 3];
        for d in simulations(&field, &[alpha, beta], n_fields) {
            let by_alpha = (log_prob(alpha + h, 1, &d) - log_prob(alpha - h, 1, &d)) / (2.0 * h);
            let by_beta = (log_prob(alpha, 2, &d) - log_prob(alpha, 0, &d)) / (2.0 * h);
            for (k, product) in [by_alpha * by_alpha, by_alpha * by_beta, by_beta * by_beta].into_iter().enumerate() {
                sums[k] += product;
                squares[k] += product * product;
            }
        }
        for (k, exact) in [fisher[(0, 0)], fisher[(0, 1)], fisher[(1, 1)]].into_iter().enumerate() {
            let mean = sums[k] / n_fields as f64;
            let error = ((squares[k] / n_fields as f64 - mean * mean) / n_fields as f64).sqrt();
            assert!(
                (mean - exact).abs() < SIGMAS * error && error < 0.05 * fisher[(0, 0)].max(exact),
                "{n} {k}: {mean} {exact} {error}"
            );
        }
    }
}

#[test]
fn a_long_correlation_underflows_to_a_field_that_is_everywhere_the_same() {
    let field = LogNormalField::periodic(16, 3).expect("valid");
    let (mut data, mut derivative) = (vec![0.0; 4096], vec![0.0; 8192]);
    let mut stream = Seed::new(3).stream(0);
    field.simulate_with_derivative(&[0.5, 60.0], &mut stream, &mut data, &mut derivative).expect("sound");
    assert!(data.iter().all(|d| (d - data[0]).abs() < 1e-12) && derivative.iter().all(|d| d.is_finite()));
    let error = field.fisher(0.5, 60.0).expect_err("no data hold it");
    assert!(error.is_numerical(), "{error}");
    assert!(field.fisher(0.5, 1e99).expect_err("at once").is_numerical());
    assert!(field.fisher(20.0, 0.5).expect_err("overflow").is_numerical());
}

#[test]
fn grids_that_cannot_be_are_refused_with_their_key() {
    for (n, dims, text) in [
        (1, 2, "`n`: 1 cells along an axis have no modes; give 2 or more; powers of 2 are fastest"),
        (8, 4, "`dims`: a field of 4 dimensions; give 2 or 3"),
        (8, 1, "`dims`: a field of 1 dimensions; give 2 or 3"),
        (500, 3, "`n`: 500 cells along 3 axes are more than one field can have; give 464 at the most"),
        (
            usize::MAX,
            3,
            "`n`: 18446744073709551615 cells along 3 axes are more than one field can have; give 464 at the most",
        ),
    ] {
        let error = GaussianField::new(n, dims).expect_err("refused");
        assert!(error.is_invalid_input());
        assert_eq!(error.to_string(), text);
        assert_eq!(LogNormalField::periodic(n, dims).expect_err("refused").to_string(), text);
    }
}
