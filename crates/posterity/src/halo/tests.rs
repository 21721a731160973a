//! Laws of the mass function and the likelihood.

mod calibration;
mod joint;
mod known_answer;
mod threads;

use super::table::{Expected, Table};
use super::*;
use crate::engine;
use crate::hmc::LogDensity;
use crate::seed::Seed;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

const THRESHOLD: f64 = 2e12;

fn numbers(n: usize, low: f64, high: f64, index: u64) -> Vec<f64> {
    let mut stream = Seed::new(12).stream(index);
    (0..n).map(|_| stream.random_range(low..high)).collect()
}

/// Draws of N(0, 1).
fn white_noise(n: usize, seed: Seed) -> Vec<f64> {
    let mut stream = seed.label("white noise").stream(0);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

/// Weights around a usual mass function: σ near 1.
fn weights(n_engine: usize, mixture: Mixture, index: u64) -> Vec<f64> {
    let mut w = numbers(n_engine + mixture.n_weights(), -0.3, 0.3, index);
    for c in w[n_engine..].chunks_exact_mut(6) {
        c[5] -= 6.5;
    }
    w
}

fn halos(n_voxels: usize, count: usize) -> Vec<(usize, f64)> {
    let mut stream = Seed::new(13).stream(0);
    (0..count).map(|_| (stream.random_range(0..n_voxels), THRESHOLD * stream.random_range(0f64..5.0).exp())).collect()
}

#[test]
fn the_integral_is_that_of_the_density() {
    for n_components in 1..=3 {
        let mixture = Mixture { n_components, ..Mixture::default() };
        for (psi, threshold) in [(0.0, 2e12), (1.0, 1e9), (4.0, 3e14), (0.5, 1e17)] {
            let w = weights(0, mixture, 1);
            // Simpson's rule in ln M.
            let (low, steps) = (f64::ln(threshold), 20_000);
            let h = 40.0 / f64::from(steps);
            let term = |i: i32| {
                let x = low + h * f64::from(i);
                let simpson = if i == 0 || i == steps { 1.0 } else { [2.0, 4.0][i as usize % 2] };
                simpson * h / 3.0 * (mixture.ln_density(&w, psi, x.exp()) + x).exp()
            };
            let sum: f64 = (0..=steps).map(term).sum();
            let exact = mixture.integral(&w, psi, threshold);
            assert!((sum / exact - 1.0).abs() < 1e-9, "{n_components} {psi} {threshold}: {sum} {exact}");
        }
    }
}

/// Term by term by the plain formulas, the voxel's integral once whatever its halos.
#[test]
fn the_likelihood_is_its_formula() {
    let mixture = Mixture { n_components: 3, ..Mixture::default() };
    let n = 3000;
    let (psi, powers) = (numbers(n, 0.0, 3.0, 2), numbers(n, 0.0, 1.0, 3));
    let (w, halos) = (weights(0, mixture, 4), halos(n, 900));
    let mut likelihood = Likelihood::new(mixture, THRESHOLD, 64.0, &powers, &halos);
    let (mut d_psi, mut d_w) = (vec![0.0; n], vec![0.0; w.len()]);
    let value = likelihood.value_and_gradient(&psi, &w, &mut d_psi, &mut d_w);
    let points: f64 = halos.iter().map(|(i, m)| powers[*i] * mixture.ln_density(&w, psi[*i], *m)).sum();
    let volume: f64 = (0..n).map(|i| 64.0 * powers[i] * mixture.integral(&w, psi[i], THRESHOLD)).sum();
    assert!((value / (points - volume) - 1.0).abs() < 1e-12, "{value} {points} {volume}");
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (degrees, n_components) in [(vec![0], 2), (vec![0], 1), (vec![0, 2], 3)] {
        let n = 6;
        let engine = crate::engine::Settings { degrees, ..Default::default() };
        let settings = Settings { engine, mixture: Mixture { n_components, ..Mixture::default() } };
        let region = Region::half(n, true);
        let halos = halos(n * n * n, 150);
        let mut model = Model::new(n, 24.0, &settings, THRESHOLD, &region, &halos).expect("valid");
        let n_engine = model.n_weights() - settings.mixture.n_weights();
        let (w, density) = (weights(n_engine, settings.mixture, 5), numbers(n * n * n, -1.0, 3.0, 6));
        let (mut d_density, mut d_w) = (vec![0.0; density.len()], vec![0.0; w.len()]);
        model.value_and_gradient(&density, &w, Some(&mut d_density), &mut d_w);
        let mut unused = d_w.clone();
        let mut value = |density: &[f64], w: &[f64]| model.value_and_gradient(density, w, None, &mut unused);
        let h = 1e-5;
        for i in 0..w.len() {
            let [mut up, mut down] = [w.clone(), w.clone()];
            (up[i], down[i]) = (up[i] + h, down[i] - h);
            let slope = (value(&density, &up) - value(&density, &down)) / (2.0 * h);
            assert!((slope - d_w[i]).abs() < 1e-6 * (10.0 + slope.abs()), "{i}: {slope} {}", d_w[i]);
        }
        for i in 0..density.len() {
            let [mut up, mut down] = [density.clone(), density.clone()];
            (up[i], down[i]) = (up[i] + h * 0.1, down[i] - h * 0.1);
            let slope = (value(&up, &w) - value(&down, &w)) / (0.2 * h);
            assert!((slope - d_density[i]).abs() < 1e-4 * (1.0 + slope.abs()), "{i}: {slope} {}", d_density[i]);
        }
    }
}

#[test]
fn a_known_density_gives_the_same_posterior() {
    let n = 8;
    let (settings, region, halos) = (Settings::default(), Region::half(n, false), halos(n * n * n, 300));
    let density = numbers(n * n * n, -1.0, 3.0, 6);
    let mut model = Model::new(n, 32.0, &settings, THRESHOLD, &region, &halos).expect("valid");
    let mut target = WeightsGivenDensity::new(n, 32.0, &settings, THRESHOLD, &region, &halos, &density).expect("valid");
    assert_eq!((target.dim(), target.n_halos()), (17, model.n_halos()));
    assert_eq!(target.names(), model.names());
    let w = weights(5, settings.mixture, 7);
    let (mut d_w, mut gradient) = (vec![0.0; 17], vec![0.0; 17]);
    let value = model.value_and_gradient(&density, &w, None, &mut d_w);
    let log_density = target.value_and_gradient(&w, &mut gradient);
    let prior: f64 = w.iter().map(|w| -0.005 * w * w - 0.5 * (200.0 * std::f64::consts::PI).ln()).sum();
    assert!((log_density - value - prior).abs() < 1e-9 * value.abs());
    for i in 0..17 {
        assert!((gradient[i] - d_w[i] + 0.01 * w[i]).abs() < 1e-9 * (1.0 + d_w[i].abs()));
    }
}

#[test]
fn far_weights_have_a_likelihood_that_is_low_or_nothing() {
    let n = 4;
    let density = numbers(64, -1.0, 3.0, 6);
    let mut target = WeightsGivenDensity::new(
        n,
        16.0,
        &Settings::default(),
        THRESHOLD,
        &Region::whole(64),
        &halos(64, 20),
        &density,
    )
    .expect("valid");
    let mut gradient = vec![0.0; 17];
    for index in 0..200 {
        let w = numbers(17, -60.0, 60.0, 100 + index);
        let value = target.value_and_gradient(&w, &mut gradient);
        assert!(value.is_nan() || value <= 1e4, "{value}");
        assert!(!value.is_finite() || gradient.iter().all(|g| !g.is_nan()), "{value}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| {
            let n = 20;
            let density = numbers(n * n * n, -1.0, 3.0, 6);
            let (settings, halos) = (Settings::default(), halos(n * n * n, 3000));
            let mut model =
                Model::new(n, 80.0, &settings, THRESHOLD, &Region::whole(n * n * n), &halos).expect("valid");
            let (mut d_density, mut d_w) = (vec![0.0; density.len()], vec![0.0; 17]);
            let value =
                model.value_and_gradient(&density, &weights(5, settings.mixture, 8), Some(&mut d_density), &mut d_w);
            (value, d_density, d_w)
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(3));
}

/// Small likelihoods sum voxel by voxel; a large one takes a table where that is accurate, for weak and for strong
/// weights, wide and narrow components, with halos expected and without.
#[test]
fn a_table_gives_what_the_voxels_give() {
    let (n, part) = (1 << 15, 1 << 11);
    let powers: Vec<f64> = numbers(n, -0.5, 1.0, 20).iter().map(|p| p.max(0.0)).collect();
    let halos = halos(n, 800);
    let mut n_tables = 0;
    for case in 0..24 {
        let mixture = Mixture { n_components: 1 + case % 3, ..Mixture::default() };
        let scale = [0.3, 1.0, 3.0, 10.0][case / 6];
        let mut w = numbers(mixture.n_weights(), -scale, scale, 30 + case as u64);
        w.chunks_exact_mut(6).for_each(|c| c[5] -= [6.5, 9.0, 20.0][case / 2 % 3]);
        let psi: Vec<f64> = numbers(n, -4.0, 2.0, 60 + case as u64).iter().map(|x| x.exp()).collect();
        let (mut d_psi, mut d_w) = (vec![0.0; n], vec![0.0; w.len()]);
        let expected =
            Expected { weights: &w, min_sigma: mixture.min_sigma, ln_threshold: THRESHOLD.ln(), voxel_volume: 64.0 };
        let from_table = Table::new(n).value_and_gradient(expected, &psi, &powers, &mut d_psi, &mut d_w);
        n_tables += usize::from(from_table.is_some());
        d_w.fill(0.0);
        let (mut one_d_psi, mut one_d_w, mut one_value) = (vec![0.0; n], vec![0.0; w.len()], 0.0);
        let value = Likelihood::new(mixture, THRESHOLD, 64.0, &powers, &halos)
            .value_and_gradient(&psi, &w, &mut d_psi, &mut d_w);
        for first in (0..n).step_by(part) {
            let own: Vec<_> = halos.iter().filter(|h| h.0 / part == first / part).map(|h| (h.0 - first, h.1)).collect();
            let here = first..first + part;
            one_value += Likelihood::new(mixture, THRESHOLD, 64.0, &powers[here.clone()], &own).value_and_gradient(
                &psi[here.clone()],
                &w,
                &mut one_d_psi[here],
                &mut one_d_w,
            );
        }
        if value == one_value && value == f64::NEG_INFINITY {
            continue;
        }
        assert!((value - one_value).abs() <= 2e-12 * (1.0 + one_value.abs()), "{case}: {value} {one_value}");
        let norm = one_d_w.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
        assert!(d_w.iter().zip(&one_d_w).all(|(a, b)| (a - b).abs() <= 1e-10 * norm), "{case}: {d_w:?} {one_d_w:?}");
        for (i, (a, b)) in d_psi.iter().zip(&one_d_psi).enumerate() {
            let expected = 64.0 * mixture.integral(&w, psi[i], THRESHOLD);
            assert!((a - b).abs() <= 1e-8 * (1e-6 + b.abs() + expected), "{case}, {i}: {a} {b}");
        }
    }
    // With weights drawn so it is 15 to 18, by a copy of the rule in another language.
    assert!((10..24).contains(&n_tables), "{n_tables} of 24 cases took a table");
}

/// λ is smooth over all ψ, and beyond 10⁹⁰ from panel 6 to panel 39 of 64 in the first case; in the second 18 times less.
#[test]
fn there_is_no_table_where_more_halos_are_expected_in_the_middle_than_it_is_made_for() {
    let n = 1 << 15;
    let (psi, powers) = (numbers(n, 0.0, 4.0, 84), vec![1.0; n]);
    for (sigma, is_table) in [(20.145_719_148_245_863_f64, false), (20.0, true)] {
        // α = s(2ψ); μ falls so that erfc(ψ − 2) remains of the integral; σ is constant.
        let root = std::f64::consts::SQRT_2 * sigma;
        let ln_1000 = f64::ln(1000.0);
        let w = [2.0, ln_1000, -root, 2.0 * root - sigma * sigma, 0.0, sigma - 0.1 - ln_1000];
        let expected = Expected { weights: &w, min_sigma: 0.1, ln_threshold: THRESHOLD.ln(), voxel_volume: 64.0 };
        let found = Table::new(n).value_and_gradient(expected, &psi, &powers, &mut vec![0.0; n], &mut [0.0; 6]);
        assert_eq!(found.is_some(), is_table, "{sigma}: {found:?}");
    }
}

#[test]
fn straight_coordinates_are_one_to_one_and_keep_the_density() {
    let engine = |degrees: &[usize]| engine::Settings { degrees: degrees.to_vec(), ..Default::default() };
    for (degrees, n_components) in [(&[0][..], 1), (&[0], 2), (&[0, 1, 2], 3)] {
        let mixture = Mixture { n_components, ..Mixture::default() };
        let settings = Settings { engine: engine(degrees), mixture };
        let (n, region) = (5, Region::whole(125));
        let density: Vec<f64> = numbers(125, -0.7, 2.0, 80);
        let target =
            WeightsGivenDensity::new(n, 20.0, &settings, THRESHOLD, &region, &halos(125, 40), &density).expect("valid");
        let n_engine = target.names().len() - mixture.n_weights();
        let mut straight = Straightened::new(target);
        for (index, scale) in [(81, 0.2), (82, 3.0), (83, -20.0)] {
            let mut w = weights(n_engine, mixture, index);
            w[0] = scale;
            let x = straight.coordinates(&w);
            let back = straight.weights(&x).0;
            assert!(w.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())), "{w:?} {back:?}");
            // ln |det ∂w/∂x| by differences.
            let dim = w.len();
            let column = |j: usize, straight: &mut Straightened| -> Vec<f64> {
                let step = 1e-5;
                let [plus, minus] = [step, -step].map(|step| {
                    let mut x = x.clone();
                    x[j] += step;
                    straight.weights(&x).0.to_vec()
                });
                plus.iter().zip(minus).map(|(a, b)| (a - b) / (2.0 * step)).collect()
            };
            let columns: Vec<Vec<f64>> = (0..dim).map(|j| column(j, &mut straight)).collect();
            // det(JᵀJ) = det²: positive definite, so by Cholesky factors.
            let square = crate::math::Matrix::from_fn(dim, dim, |i, j| {
                columns[i].iter().zip(&columns[j]).map(|(a, b)| a * b).sum()
            });
            let factor = square.cholesky().expect("one to one");
            let ln_det = 0.5 * factor.ln_det();
            let (_, log_volume) = straight.weights(&x);
            assert!((ln_det - log_volume).abs() < 1e-6, "{degrees:?} {scale}: {ln_det} {log_volume}");
            // The density is that of the weights times the volume, and its gradient that of differences.
            let mut gradient = vec![0.0; dim];
            let value = straight.value_and_gradient(&x, &mut gradient);
            let of_weights = straight.density.value_and_gradient(&w, &mut vec![0.0; dim]);
            assert!((value - of_weights - log_volume).abs() < 1e-8 * value.abs());
            let direction = numbers(dim, -1.0, 1.0, index + 10);
            let [plus, minus] = [1e-5, -1e-5].map(|step| {
                let x: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
                straight.value_and_gradient(&x, &mut vec![0.0; dim])
            });
            let exact: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            assert!(((plus - minus) / 2e-5 - exact).abs() < 1e-4 * (1.0 + exact.abs()), "{degrees:?} {scale}: {exact}");
        }
    }
}
