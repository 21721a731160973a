//! The draws against quadrature: inside the box, in its corners, far outside, on every prior; and their repeatability.

use super::*;
use crate::lfi::testing::prior;
use crate::prior::{LogUniform, Normal, Uniform};

const N: usize = 20_000;

fn uniform(low: f64, high: f64) -> Marginal {
    Marginal::Uniform(Uniform::new(low, high).expect("valid"))
}

fn log_uniform(low: f64, high: f64) -> Marginal {
    Marginal::LogUniform(LogUniform::new(low, high).expect("valid"))
}

fn correlated(sd: [f64; 2], rho: f64) -> Matrix {
    let c = rho * sd[0] * sd[1];
    Matrix::from_rows(2, 2, vec![sd[0] * sd[0], c, c, sd[1] * sd[1]]).cholesky().expect("positive").inverse()
}

/// Means, sds and correlation of the posterior on a grid over `ranges`, finer towards both ends.
fn quadrature(theta_hat: &[f64], f: &Matrix, prior: &Prior, ranges: [(f64, f64); 2]) -> [f64; 5] {
    let n = 1500;
    let axis = |(low, high): (f64, f64)| -> Vec<(f64, f64)> {
        (0..n)
            .map(|i| {
                let s = (i as f64 + 0.5) / n as f64;
                let g = s * s * s * (10.0 - 15.0 * s + 6.0 * s * s);
                (low + (high - low) * g, (s * (1.0 - s)).powi(2))
            })
            .collect()
    };
    let (xs, ys) = (axis(ranges[0]), axis(ranges[1]));
    let ln = |x: f64, y: f64| {
        let (u, v) = (x - theta_hat[0], y - theta_hat[1]);
        prior.log_prob(&[x, y]) - 0.5 * (f[(0, 0)] * u * u + 2.0 * f[(0, 1)] * u * v + f[(1, 1)] * v * v)
    };
    let top = xs.iter().flat_map(|x| ys.iter().map(move |y| ln(x.0, y.0))).fold(f64::NEG_INFINITY, f64::max);
    let mut m = [0.0; 6];
    for &(x, dx) in &xs {
        for &(y, dy) in &ys {
            let w = dx * dy * (ln(x, y) - top).exp();
            [1.0, x, y, x * x, y * y, x * y].iter().zip(&mut m).for_each(|(f, m)| *m += w * f);
        }
    }
    let (ex, ey) = (m[1] / m[0], m[2] / m[0]);
    let (sx, sy) = ((m[3] / m[0] - ex * ex).sqrt(), (m[4] / m[0] - ey * ey).sqrt());
    [ex, ey, sx, sy, (m[5] / m[0] - ex * ey) / (sx * sy)]
}

#[test]
fn draws_agree_with_quadrature_wherever_the_estimate_lies() {
    let normal = Marginal::Normal(Normal::new(1.0, 0.3).expect("valid"));
    let half = Marginal::Normal(Normal::truncated(0.0, 1.0, 0.0, f64::INFINITY).expect("valid"));
    // Name, estimate, F, prior, grid.
    let box2 = || vec![uniform(0.0, 1.0), uniform(0.0, 1.0)];
    let unit = [(0.0, 1.0), (0.0, 1.0)];
    let near = [(0.0, 0.5), (0.0, 0.5)];
    let table = [
        ("inside", [0.5, 0.4], correlated([0.2, 0.1], 0.6), box2(), unit),
        ("corner, 6 sigma outside", [-0.6, -0.6], correlated([0.1, 0.1], 0.0), box2(), near),
        ("corner, 6 sigma outside, against the correlation", [-0.6, -0.6], correlated([0.1, 0.1], -0.9), box2(), unit),
        ("corner, 6 sigma outside, along the correlation", [-0.6, -0.6], correlated([0.1, 0.1], 0.95), box2(), unit),
        ("edge, 50 sigma outside", [6.0, 0.5], correlated([0.1, 0.1], 0.5), box2(), unit),
        ("narrow prior, strong correlation", [0.5, 0.5], correlated([30.0, 30.0], 0.99), box2(), unit),
        ("normal prior", [0.5, 0.2], correlated([0.3, 0.1], -0.7), vec![normal, half], [(-1.0, 3.0), (0.0, 1.5)]),
        (
            "log-uniform",
            [0.1, 0.3],
            correlated([0.3, 0.2], 0.8),
            vec![log_uniform(1e-3, 10.0), uniform(0.0, 1.0)],
            [(1e-3, 2.0), (0.0, 1.0)],
        ),
        (
            "log-uniform, 6 sigma outside",
            [-0.6, 0.3],
            correlated([0.1, 0.2], 0.5),
            vec![log_uniform(1e-3, 10.0), log_uniform(0.1, 1.0)],
            [(1e-3, 0.5), (0.1, 1.0)],
        ),
    ];
    for (name, theta_hat, f, marginals, ranges) in table {
        let prior = prior(marginals);
        let [ex, ey, sx, sy, rho] = quadrature(&theta_hat, &f, &prior, ranges);
        let samples = sample(&theta_hat, &f, &prior, &Settings { n_samples: N }, Seed::new(4)).expect("draws");
        let (mean, sd, covariance) = (samples.mean(), samples.sd(), samples.covariance());
        assert!((0..N).all(|i| prior.contains(samples.draw(i))), "{name} leaves the prior");
        // Five standard errors for the means, seven of a normal's for the widths (kurtosis), fixed seed.
        let error = (N as f64).sqrt().recip();
        let correlation = covariance[(0, 1)] / (sd[0] * sd[1]);
        assert!(
            (mean[0] - ex).abs() < 5.0 * error * sx && (mean[1] - ey).abs() < 5.0 * error * sy,
            "{name} {mean:?} not {ex} {ey}"
        );
        assert!(
            (sd[0] / sx - 1.0).abs() < 7.0 * error && (sd[1] / sy - 1.0).abs() < 7.0 * error,
            "{name} {sd:?} not {sx} {sy}"
        );
        assert!((correlation - rho).abs() < 7.0 * error, "{name} correlation {correlation} not {rho}");
    }
}

#[test]
fn chains_and_rejection_agree() {
    let f = correlated([0.4, 0.3], 0.9);
    let prior = prior(vec![log_uniform(0.05, 1.0), uniform(0.0, 1.0)]);
    let target = Target::new(&[0.5, 0.8], &f, &prior).expect("regular");
    let start = target.mode();
    let [mut chains, mut direct] = [[0.0; 4]; 2];
    for i in 0..N as u64 {
        let stream = &mut Seed::new(2).stream(i);
        let x = target.chain(&start, stream);
        let y = (0..MAX_TRIES).find_map(|_| target.try_draw(stream)).expect("accepted");
        for (sum, x) in [(&mut chains, x), (&mut direct, y)] {
            [x[0], x[1], x[0] * x[0], x[0] * x[1]].iter().zip(sum).for_each(|(x, sum)| *sum += x / N as f64);
        }
    }
    chains.iter().zip(direct).for_each(|(a, b)| assert!((a - b).abs() < 0.01, "{chains:?} {direct:?}"));
}

#[test]
fn one_parameter_is_exact_and_the_result_does_not_depend_on_threads() {
    let prior = prior(vec![uniform(1.0, 3.0)]);
    let f = Matrix::from_rows(1, 1, vec![4.0]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| sample(&[0.0], &f, &prior, &Settings { n_samples: N }, Seed::new(3)).expect("draws"))
    };
    let one = run(1);
    // N(0, ½²) above 1, that is above two standard deviations: mean 0.5 φ(2)/Φ(−2) = 1.18660776.
    assert!((one.mean()[0] - 1.186608).abs() < 5.0 * 0.16 / (N as f64).sqrt(), "{:?}", one.mean());
    assert!(one == run(2) && one == run(7));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let prior = prior(vec![uniform(0.0, 1.0), uniform(0.0, 1.0)]);
    let run = |theta_hat: &[f64], f: &Matrix, n_samples| {
        sample(theta_hat, f, &prior, &Settings { n_samples }, Seed::new(0)).expect_err("refused")
    };
    let unit = Matrix::identity(2);
    for too_few in [0, 1] {
        assert_eq!(run(&[0.0, 0.0], &unit, too_few).key(), Some("n_samples"));
    }
    assert!(run(&[0.0], &unit, 2).is_invalid_input());
    assert!(run(&[0.0, f64::NAN], &unit, 2).is_invalid_input());
    assert!(run(&[0.0, 0.0], &Matrix::zeros(2, 2), 2).is_numerical());
}
