//! A step (forward, then gradient by the weights) of networks of fields, in f32.
//!
//! `cargo bench -p posterity --bench convolution`. Least and median of 15 rounds; operations are those of products and of
//! gathering what kernels see, three times those of a forward pass for a gradient.
#![allow(missing_docs, clippy::print_stdout)]

use posterity::Seed;
use posterity::nn::{Layer, Network, Padding, Shape, Workspace, initialise};
use std::time::Instant;

const ROUNDS: usize = 15;

fn main() {
    println!("threads: {}", rayon::current_num_threads());
    println!(
        "{:>34} {:>6} {:>9} {:>10} {:>10} {:>9}",
        "network", "batch", "weights", "least/ms", "median/ms", "Gflop/s"
    );
    let convolution = |channels, kernel_size, stride| Layer::Convolution {
        channels,
        kernel_size,
        stride,
        padding: Padding::Periodic,
    };
    let mut deep: Vec<Layer> =
        [16, 32, 64, 64].into_iter().flat_map(|channels| [convolution(channels, 3, 2), Layer::LeakyRelu {}]).collect();
    deep.extend([Layer::GlobalMean {}, Layer::Dense { width: 2 }]);
    row("128², four layers of stride 2", &[128, 128], deep, 64, 0);
    row("64³, one layer 1 → 8 of 3³", &[64; 3], vec![convolution(8, 3, 1), Layer::GlobalMean {}], 2, 0);
    let multipole = |channels, activation| {
        let degrees = vec![0];
        let first = Layer::Multipole { channels, kernel_size: 5, degrees, stride: 1, padding: Padding::Periodic };
        vec![first, activation, Layer::GlobalMean {}, Layer::Dense { width: 2 }]
    };
    row("128², multipole 5², square", &[128, 128], multipole(16, Layer::Square {}), 100, 2);
    row("128², multipole 5², silu", &[128, 128], multipole(16, Layer::Silu {}), 100, 2);
}

fn row(name: &str, size: &[usize], layers: Vec<Layer>, batch: usize, n_tangents: usize) {
    let network = Network::new(Shape::field(size), layers).expect("valid");
    let weights: Vec<f32> = initialise(&network, Seed::new(1));
    let n = batch * (1 + n_tangents) * network.n_in();
    let input: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
    let (mut workspace, mut gradient) = (Workspace::default(), vec![0.0; network.n_weights()]);
    let mut step = || {
        let start = Instant::now();
        network.gradient(&weights, &input, n_tangents, &mut workspace, &mut gradient, |_, x, c| c.copy_from_slice(x));
        start.elapsed().as_secs_f64()
    };
    step();
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| step()).collect();
    times.sort_by(f64::total_cmp);
    let (least, median) = (times[0] * 1e3, times[ROUNDS / 2] * 1e3);
    let gflops = (3 * network.flops() * batch * (1 + n_tangents)) as f64 / times[0] / 1e9;
    let n_weights = network.n_weights();
    println!("{name:>34} {batch:>6} {n_weights:>9} {least:>10.2} {median:>10.2} {gflops:>9.1}");
}
