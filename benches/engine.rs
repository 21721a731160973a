//! Times of engine, mass function and likelihood with gradients, and where the time goes.
//!
//! `cargo bench --bench engine`. Milliseconds, f64, with 1 and 2 threads; 17 weights (2 components) and 23
//! (3 components); one halo in 40 voxels. The lowest of 41 runs; of the whole map the median as well. Then ψ with its
//! gradients by field and weights for larger kernels.

#![allow(clippy::print_stdout)]

use posterity::engine::{Engine, Settings as EngineSettings};
use posterity::halo::{Likelihood, Mixture, Model, Region, Settings, WeightsGivenDensity};
use posterity::hmc::LogDensity;
use rand::RngExt;
use std::hint::black_box;
use std::time::Instant;

/// Lowest and median.
fn times(mut work: impl FnMut()) -> [f64; 2] {
    let times = (0..41).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    });
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    [times[0], times[times.len() / 2]]
}

fn main() {
    println!(
        "threads    n components | value + both gradients, ms: all (median) | forward  likelihood  adjoint | by weights alone"
    );
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        for (n, n_components) in [(32, 2), (32, 3), (64, 2), (64, 3)] {
            pool.install(|| row(threads, n, n_components));
        }
    }
    println!("\nthreads    n kernel | psi + both gradients, ms: degree 0 | degrees 0 and 1");
    for (n, kernel_size) in [32, 64].into_iter().flat_map(|n| [3, 5, 7, 9, 15].map(|size| (n, size))) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("pool");
        let [even, odd] = [vec![0], vec![0, 1]].map(|degrees| pool.install(|| kernel(n, kernel_size, degrees)));
        println!("      2 {n:4} {kernel_size:6} | {even:28.2} | {odd:15.2}");
    }
}

fn kernel(n: usize, size: usize, degrees: Vec<usize>) -> f64 {
    let settings = EngineSettings { kernel_size: [size; 3], degrees, ..EngineSettings::default() };
    let mut engine = Engine::new([n; 3], &settings).expect("valid");
    let mut stream = posterity::Seed::new(1).stream(1);
    let density: Vec<f64> = (0..n * n * n).map(|_| stream.random_range(-2.0f64..2.0).exp() - 1.0).collect();
    let weights: Vec<f64> = (0..engine.n_weights()).map(|_| stream.random_range(-0.1..0.1)).collect();
    let (mut psi, mut d_density, mut d_weights) = (density.clone(), density.clone(), weights.clone());
    times(|| {
        engine.forward(&density, &weights, &mut psi);
        engine.vjp(&weights, &psi, Some(&mut d_density), &mut d_weights);
    })[0]
}

fn row(threads: usize, n: usize, n_components: usize) {
    let mut stream = posterity::Seed::new(1).stream(0);
    let n_voxels = n * n * n;
    let density: Vec<f64> = (0..n_voxels).map(|_| stream.random_range(-2.0f64..2.0).exp() - 1.0).collect();
    let halos: Vec<(usize, f64)> = (0..n_voxels / 40)
        .map(|_| (stream.random_range(0..n_voxels), 2e12 * stream.random_range(0f64..4.0).exp()))
        .collect();
    let settings = Settings { mixture: Mixture { n_components, ..Mixture::default() }, ..Settings::default() };
    let mut weights: Vec<f64> = (0..5 + 6 * n_components).map(|_| stream.random_range(-0.3..0.3)).collect();
    weights[5..].chunks_exact_mut(6).for_each(|c| c[5] -= 6.5);
    let region = Region::whole(n_voxels);
    let box_length = 4.0 * n as f64;
    let mut model = Model::new(n, box_length, &settings, 2e12, &region, &halos).expect("valid");
    let (mut d_density, mut d_weights) = (vec![0.0; n_voxels], vec![0.0; weights.len()]);
    let [all, median] = times(|| {
        black_box(model.value_and_gradient(&density, &weights, Some(&mut d_density), &mut d_weights));
    });
    let mut engine = Engine::new([n; 3], &EngineSettings::default()).expect("valid");
    let mut likelihood = Likelihood::new(settings.mixture, 2e12, 64.0, region.powers(), &halos);
    let (mut psi, mut d_psi) = (vec![0.0; n_voxels], vec![0.0; n_voxels]);
    let (of_engine, of_mixture) = weights.split_at(5);
    let (d_engine, d_mixture) = d_weights.split_at_mut(5);
    let [forward, _] = times(|| engine.forward(&density, of_engine, &mut psi));
    let [middle, _] = times(|| {
        black_box(likelihood.value_and_gradient(&psi, of_mixture, &mut d_psi, d_mixture));
    });
    let [adjoint, _] = times(|| engine.vjp(of_engine, &d_psi, Some(&mut d_density), d_engine));
    let mut known = WeightsGivenDensity::new(n, box_length, &settings, 2e12, &region, &halos, &density).expect("valid");
    let [by_weights, _] = times(|| {
        black_box(known.value_and_gradient(&weights, &mut d_weights));
    });
    println!(
        "{threads:7} {n:4} {n_components:10} | {all:31.2} {median:8.2} | {forward:7.2} {middle:11.2} {adjoint:8.2} | {by_weights:16.2}"
    );
}
