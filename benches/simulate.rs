//! Time of one simulation, by one thread, for the built-in models: `cargo bench -p posterity --bench simulate`.
#![allow(clippy::print_stdout)]

use posterity::Seed;
use posterity::math::Matrix;
use posterity::simulator::{Gaussian, Line, Simulator, Supernovae};
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;
use std::time::Instant;

const REPEATS: usize = 15;

/// Median time of a call [ns] over repeats of `n` calls.
fn median(n: u64, mut call: impl FnMut(u64)) -> f64 {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|repeat| {
            let start = Instant::now();
            (0..n).for_each(|i| call(repeat as u64 * n + i));
            start.elapsed().as_secs_f64() * 1e9 / n as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPEATS / 2]
}

/// 40 redshifts spread as those of a survey, with errors and correlations of its size.
fn supernovae() -> Supernovae {
    let z: Vec<f64> = (0..40).map(|i| 0.014 * (1.6123_f64 / 0.014).powf(i as f64 / 39.0)).collect();
    let covariance = Matrix::from_fn(40, 40, |i, j| if i == j { 1.2e-3 } else { 2e-4 });
    Supernovae::new(&z, &z, &[20.0; 40], &covariance).expect("valid")
}

fn main() {
    println!("{:<44}{:>12}", "one thread, median", "ns a call");
    let show = |name: &str, ns: f64| println!("{name:<44}{ns:>12.1}");
    let seed = Seed::new(1).label("bench");

    show("stream(i)", median(200_000, |i| drop(black_box(seed.stream(i)))));
    show(
        "stream(i), 1 normal",
        median(200_000, |i| {
            let z: f64 = StandardNormal.sample(&mut seed.stream(i));
            black_box(z);
        }),
    );
    let mut stream = seed.stream(0);
    show(
        "1 normal of a long stream",
        median(2_000_000, |_| {
            let z: f64 = StandardNormal.sample(&mut stream);
            black_box(z);
        }),
    );

    let supernovae = supernovae();
    let models: [(&str, &dyn Simulator, &[f64]); 4] = [
        ("gaussian(10), mean and variance", &Gaussian::mean_and_variance(10), &[0.0, 1.0]),
        ("line(100), slope and intercept", &Line::slope_and_intercept(100, 1.0), &[1.0, 0.0]),
        ("supernovae(40)", &supernovae, &[0.3, -1.0, 23.8]),
        ("supernovae(40), w = -1.3", &supernovae, &[0.35, -1.3, 23.8]),
    ];
    for (name, model, theta) in models {
        let mut data = vec![0.0; model.n_data()];
        let mut derivative = vec![0.0; model.n_params() * model.n_data()];
        let plain = median(20_000, |i| {
            model.simulate(black_box(theta), &mut seed.stream(i), &mut data).expect("valid");
            black_box(&data);
        });
        show(name, plain);
        let with_derivative = median(20_000, |i| {
            let mut stream = seed.stream(i);
            model.simulate_with_derivative(black_box(theta), &mut stream, &mut data, &mut derivative).expect("valid");
            black_box((&data, &derivative));
        });
        show(&format!("{name}, derivative too"), with_derivative);
    }
    let mut mean = vec![0.0; supernovae.n_data()];
    let without_noise = median(20_000, |_| {
        supernovae.mean(black_box(&[0.3, -1.0, 23.8]), &mut mean).expect("valid");
        black_box(&mean);
    });
    show("supernovae(40), magnitudes without noise", without_noise);
}
