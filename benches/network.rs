//! A training step of the perceptron 10-128-128-128-2 (forward, gradient, Adam) beside the matrix product peak.
#![allow(missing_docs, unsafe_code, clippy::print_stdout)]
//!
//! `cargo bench -p posterity --bench network`. The peak is that of the `gemm` crate on 768³ products, one on each
//! thread at once; peak and step are measured in turn, so that a machine whose speed drifts does so for both.

use posterity::Seed;
use posterity::nn::{Activation, Adam, AdamSettings, Network, Real, Workspace, initialise};
use rayon::prelude::*;
use std::time::Instant;

const N: usize = 768;

fn main() {
    println!("threads: {}", rayon::current_num_threads());
    println!(
        "{:>10} {:>6} {:>5} {:>9} {:>9} {:>9} {:>7}",
        "activation", "batch", "type", "step/ms", "Gflop/s", "peak", "share"
    );
    for activation in [Activation::LeakyRelu, Activation::Silu, Activation::Tanh] {
        for batch in [1000, 2000, 5000] {
            // On a thread of the pool, as training runs: nobody has to be woken to start a step.
            rayon::scope(|_| {
                row::<f32>("f32", activation, batch);
                row::<f64>("f64", activation, batch);
            });
        }
    }
}

fn row<T: Real>(name: &str, activation: Activation, batch: usize) {
    // `-- Silu/f32/1000` picks rows.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if wanted.is_some_and(|wanted| !format!("{activation:?}/{name}/{batch}").contains(&wanted)) {
        return;
    }
    let network = Network::perceptron(10, &[128, 128, 128], activation, 2).expect("valid");
    let mut weights: Vec<T> = initialise(&network, Seed::new(1));
    let input: Vec<T> = (0..batch * 10).map(|i| T::from_f64((i as f64 * 0.7).sin())).collect();
    let mut adam = Adam::init(&weights, AdamSettings { average: 0.99, ..AdamSettings::default() });
    let (mut workspace, mut gradient) = (Workspace::default(), vec![T::ZERO; network.n_weights()]);
    let mut step = || {
        network.gradient(&weights, &input, 0, &mut workspace, &mut gradient, |_, x, c| c.copy_from_slice(x));
        adam.step(&mut weights, &gradient, 1e-4);
    };
    let mut matrices: Vec<[Vec<T>; 3]> =
        (0..rayon::current_num_threads()).map(|_| std::array::from_fn(|_| vec![T::from_f64(0.5); N * N])).collect();
    let (mut steps, mut peaks) = (vec![], vec![]);
    for round in 0..40 {
        let (s, p) = (seconds(5, &mut step), seconds(1, || matrices.par_iter_mut().for_each(square_product)));
        if round >= 5 {
            steps.push(s);
            peaks.push(p);
        }
    }
    // Forward, and twice that for the gradient less the cotangent of the input, which nobody asks for.
    let flops = (3 * network.flops() - 2 * 10 * 128) * batch;
    let gflops = flops as f64 / median(&mut steps) / 1e9;
    let peak = (matrices.len() * 2 * N * N * N) as f64 / median(&mut peaks) / 1e9;
    let ms = median(&mut steps) * 1e3;
    let activation = format!("{activation:?}");
    println!(
        "{activation:>10} {batch:>6} {name:>5} {ms:>9.3} {gflops:>9.1} {peak:>9.1} {:>6.1}%",
        100.0 * gflops / peak
    );
}

fn square_product<T: Real>([out, a, b]: &mut [Vec<T>; 3]) {
    let n = N as isize;
    // Sound: the three buffers hold N² values each.
    unsafe {
        gemm::gemm(
            N,
            N,
            N,
            out.as_mut_ptr(),
            1,
            n,
            false,
            a.as_ptr(),
            1,
            n,
            b.as_ptr(),
            1,
            n,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn seconds(repeats: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..repeats).for_each(|_| run());
    start.elapsed().as_secs_f64() / f64::from(repeats)
}

fn median(x: &mut [f64]) -> f64 {
    x.sort_by(f64::total_cmp);
    x[x.len() / 2]
}
