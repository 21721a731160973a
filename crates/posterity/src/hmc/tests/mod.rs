//! Laws of the integrators, and known answers of a chain.

mod agreement;
mod chains;
mod targets;

use super::kick_drift::LEAPFROG;
use super::metric::tests::gaussian;
use super::momentum::standard_normals;
use super::*;
use crate::Seed;
use crate::math::{Cholesky, Matrix, mean_and_covariance};

/// N(mean, covariance).
struct Gaussian {
    mean: Vec<f64>,
    factor: Cholesky,
}

impl LogDensity for Gaussian {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(position.iter().zip(&self.mean)).for_each(|(g, (x, m))| *g = m - x);
        let off = gradient.to_vec();
        self.factor.solve_lower(gradient);
        self.factor.solve_upper(gradient);
        -0.5 * vector::dot(&off, gradient)
    }
}

/// Neither Gaussian nor even: Σ −x²/2 − (x_i x_{i+1})² / 4 + sin x.
struct Odd(usize);

impl LogDensity for Odd {
    fn dim(&self) -> usize {
        self.0
    }

    fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let n = self.0;
        let mut value = 0.0;
        for i in 0..n {
            let (before, after) = (x[(i + n - 1) % n], x[(i + 1) % n]);
            value += -0.5 * x[i] * x[i] - 0.25 * (x[i] * after).powi(2) + x[i].sin();
            gradient[i] = -x[i] - 0.5 * x[i] * (after * after + before * before) + x[i].cos();
        }
        value
    }
}

/// METHODS §3: covariance [[9, 1], [1, 4]], mean (1, 4).
fn slide() -> Gaussian {
    let covariance = Matrix::from_rows(2, 2, vec![9.0, 1.0, 1.0, 4.0]);
    Gaussian { mean: vec![1.0, 4.0], factor: covariance.cholesky().expect("positive definite") }
}

fn energy_after(settings: &Settings, metric: &Metric, dim: usize, n: usize, time: f64) -> (f64, Scratch) {
    let mut target = Odd(dim);
    let start = (0..dim).map(|i| 0.3 * i as f64 - 0.7).collect();
    let state = State::new(start, &mut target);
    let mut scratch = Scratch::default();
    scratch.begin(&state);
    standard_normals(&mut scratch.momentum, &mut Seed::new(4).stream(0));
    let before = 0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - scratch.log_density;
    settings.integrate((time / n as f64, n), metric, &mut target, &mut scratch);
    (0.5 * vector::dot(&scratch.momentum, &scratch.momentum) - scratch.log_density - before, scratch)
}

#[test]
fn integrators_are_of_second_order_and_come_back() {
    let dim = 5;
    let (_, x, g) = gaussian(dim, 20);
    let scaled = |metric: Metric| match metric {
        Metric::Diagonal(s) => Metric::Diagonal(s.iter().map(|s| 0.5 + 0.05 * s).collect()),
        other => other,
    };
    let leapfrog = Settings::default();
    let geodesic = Settings { integrator: Integrator::Geodesic, ..leapfrog };
    let minimal = Settings { integrator: Integrator::MinimalNorm, ..leapfrog };
    let cases = [
        (leapfrog, Metric::Identity),
        (leapfrog, scaled(Metric::diagonal_from(dim, &x, &g).expect("made"))),
        (leapfrog, Metric::Dense(Matrix::from_fn(dim, dim, |i, j| 0.3 + f64::from(i == j)).cholesky().expect("pd"))),
        (geodesic, Metric::Identity),
        (minimal, Metric::Identity),
        (minimal, Metric::Dense(Matrix::from_fn(dim, dim, |i, j| 0.3 + f64::from(i == j)).cholesky().expect("pd"))),
    ];
    for (settings, metric) in &cases {
        let (coarse, _) = energy_after(settings, metric, dim, 40, 1.0);
        let (fine, mut end) = energy_after(settings, metric, dim, 80, 1.0);
        assert!((coarse / fine - 4.0).abs() < 0.3, "{settings:?} {metric:?}: {coarse} {fine}");
        end.momentum.iter_mut().for_each(|p| *p = -*p);
        settings.integrate((1.0 / 80.0, 80), metric, &mut Odd(dim), &mut end);
        let start = (0..dim).map(|i| 0.3 * i as f64 - 0.7);
        assert!(end.position.iter().zip(start).all(|(x, s)| (x - s).abs() < 1e-12), "{settings:?} {metric:?}");
    }
    // With as many gradients, minimal norm errs less.
    let [one, two] =
        [(leapfrog, 80), (minimal, 40)].map(|(s, n)| energy_after(&s, &Metric::Identity, dim, n, 1.0).0.abs());
    assert!(two < 0.5 * one, "{one} {two}");
    let wrong = geodesic.check(&Metric::Diagonal(vec![1.0])).expect_err("a metric");
    assert!(wrong.is_invalid_input() && wrong.key() == Some("integrator"));
}

#[test]
fn the_geodesic_integrator_is_exact_for_a_standard_normal() {
    let mut target = Gaussian { mean: vec![0.0; 3], factor: Matrix::identity(3).cholesky().expect("pd") };
    let mut state = State::new(vec![1.0, -2.0, 0.5], &mut target);
    let settings = Settings { step_size: 1.3, integrator: Integrator::Geodesic, ..Settings::default() };
    let mut stream = Seed::new(5).stream(0);
    for _ in 0..20 {
        let info = step(&settings, &Metric::Identity, &mut state, &mut target, &mut Scratch::default(), &mut stream);
        assert!(info.energy_change.abs() < 1e-12 && info.is_accepted);
    }
}

fn one_block(warm_up: u64, metric: MetricKind) -> ChainSettings {
    ChainSettings { warm_up, blocks: vec![BlockSettings::adaptive(Sampler::Hmc(Settings::default()), metric)] }
}

#[test]
fn from_a_hundred_the_covariance_of_the_slide_is_found_by_chain_and_metric() {
    let mut target = Single(slide());
    for kind in [MetricKind::Dense, MetricKind::LowRank(1.0)] {
        let mut chain =
            Chain::new(0, Seed::new(6), one_block(500, kind), vec![vec![100.0; 2]], &mut target).expect("starts");
        let mut rows = vec![];
        for draw in 0..20_500 {
            let info = chain.step(&mut target).expect("steps");
            assert!(!info[0].is_divergent || draw < 500);
            if draw >= 500 {
                rows.extend(&chain.blocks()[0].state.position);
            }
        }
        let (mean, covariance) = mean_and_covariance(&rows, 2);
        assert!((mean[0] - 1.0).abs() < 0.2 && (mean[1] - 4.0).abs() < 0.14, "{mean:?}");
        let exact = [9.0, 1.0, 1.0, 4.0];
        let near = |m: &Matrix, e: f64| m.as_slice().iter().zip(exact).all(|(a, b)| (a - b).abs() < e);
        assert!(near(&covariance, 0.6), "{covariance:?}");
        let mut inverse_mass = Matrix::zeros(2, 2);
        for j in 0..2 {
            let (mut e, mut t, mut column) = ([0.0; 2], [0.0; 2], [0.0; 2]);
            e[j] = 1.0;
            chain.blocks()[0].metric.apply_transposed(&e, &mut t);
            chain.blocks()[0].metric.apply(&t, &mut column);
            (0..2).for_each(|i| inverse_mass[(i, j)] = column[i]);
        }
        assert!(near(&inverse_mass, 1e-4), "{inverse_mass:?}");
    }
}

#[test]
fn leapfrog_stops_where_the_density_ends() {
    struct Half;
    impl LogDensity for Half {
        fn dim(&self) -> usize {
            1
        }
        fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            gradient[0] = -x[0];
            if x[0] < 0.0 { f64::NAN } else { -0.5 * x[0] * x[0] }
        }
    }
    let mut scratch = Scratch::default();
    scratch.begin(&State::new(vec![0.1], &mut Half));
    scratch.momentum[0] = -1.0;
    assert_eq!(LEAPFROG.integrate(&Metric::Identity, 0.08, 50, &mut Half, &mut scratch), 2);
    let settings = Settings { step_size: 0.3, ..Settings::default() };
    let (mut state, mut stream) = (State::new(vec![0.1], &mut Half), Seed::new(7).stream(0));
    let (mut divergent, mut sum, n) = (0, 0.0, 40_000);
    for _ in 0..n {
        let info = step(&settings, &Metric::Identity, &mut state, &mut Half, &mut scratch, &mut stream);
        divergent += usize::from(info.is_divergent);
        assert!(state.position[0] >= 0.0 && !(info.is_divergent && info.is_accepted));
        sum += state.position[0];
    }
    // The mean of a half normal.
    let mean = sum / f64::from(n);
    assert!(divergent > 1000 && (mean - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.03, "{divergent} {mean}");
}
