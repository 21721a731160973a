//! Simulations per second of rejection on ten normal draws with an exact compressor.
//!
//! `cargo bench --bench abc`; a table on standard output, by parts and in all, for one thread and for all of them.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use posterity::compressor::{Compressor, QuasiMle};
use posterity::lfi::{Distance, Forward, abc};
use posterity::math::Matrix;
use posterity::prior::{Marginal, Prior, Uniform};
use posterity::progress::Quiet;
use posterity::simulator::{Gaussian, Simulator};
use posterity::{Reference, Seed};
use rand::Rng;
use std::hint::black_box;
use std::time::Instant;

const N_DATA: usize = 10;

/// Mean and variance.
struct Moments;

impl Compressor for Moments {
    fn n_data(&self) -> usize {
        N_DATA
    }

    fn n_summaries(&self) -> usize {
        2
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        let n = N_DATA as f64;
        for (d, x) in data.chunks_exact(N_DATA).zip(summaries.chunks_exact_mut(2)) {
            let (sum, squares) = d.iter().fold((0.0, 0.0), |(s, q), d| (s + d, q + d * d));
            x[0] = sum / n;
            x[1] = (squares - sum * sum / n) / (n - 1.0);
        }
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

fn as_they_are(n: usize) -> QuasiMle {
    QuasiMle { theta_fid: vec![0.0; n], mu: vec![0.0; n], projection: Matrix::identity(n) }
}

fn uniform(low: f64, high: f64) -> Marginal {
    Marginal::Uniform(Uniform::new(low, high).unwrap())
}

/// Million calls a second, on this thread.
fn rate(n: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..n).for_each(&mut call);
    n as f64 / start.elapsed().as_secs_f64() / 1e6
}

/// Largest memory held so far, where the system tells (Linux).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_string()
}

fn main() {
    let (simulator, compressor, quasi_mle) = (Gaussian::mean_and_variance(N_DATA), Moments, as_they_are(2));
    let forward = Forward { simulator: &simulator, compressor: &compressor, quasi_mle: &quasi_mle };
    let parameters = simulator.parameters().to_vec();
    let prior = Prior { parameters, marginals: vec![uniform(-5.0, 5.0), uniform(0.1, 10.0)] };
    let metric = Matrix::from_rows(2, 2, vec![10.0, 0.0, 0.0, 5.0]);
    let (seed, observed) = (Seed::new(1), vec![vec![0.0, 1.0]]);
    let source = forward.seeded(seed);

    println!("parts, one thread                          M/s");
    let mut data = vec![0.0; N_DATA];
    let n = 2_000_000;
    println!("  stream                             {:9.2}", rate(n, |i| drop(black_box(seed.stream(i)))));
    println!("  stream and its first number        {:9.2}", rate(n, |i| _ = black_box(seed.stream(i).next_u64())));
    let simulate = |i| simulator.simulate(&[0.0, 1.0], &mut seed.stream(i), black_box(&mut data)).unwrap();
    println!("  stream and ten normal draws        {:9.2}", rate(n, simulate));
    let (mut stream, mut theta) = (seed.stream(0), [0.0; 2]);
    println!(
        "  prior                              {:9.2}",
        rate(n, |_| prior.sample(&mut stream, black_box(&mut theta)))
    );
    let mut estimates = [0.0; 512];
    let rows = vec![0.5; 256 * N_DATA];
    let compress = rate(n / 256, |_| forward.estimate(black_box(&rows), black_box(&mut estimates)));
    println!("  compress and estimate              {:9.2}", 256.0 * compress);
    let distance = Distance::new(&metric).unwrap();
    let between = rate(n, |_| _ = black_box(distance.between(black_box(&theta), &observed[0])));
    println!("  distance                           {between:9.2}");

    println!("rejection, M simulations/s                in all   per thread   peak memory");
    for threads in [1, rayon::current_num_threads()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for n_simulations in [1_000_000, 16_000_000, 64_000_000] {
            let settings = abc::Settings { n_simulations, n_accepted: Some(1000), ..abc::Settings::default() };
            let run = || abc::sample(&source, &prior, &metric, &observed, &settings, &Quiet).unwrap();
            let start = Instant::now();
            pool.install(run);
            let rate = n_simulations as f64 / start.elapsed().as_secs_f64() / 1e6;
            println!(
                "  {threads:2} threads, {n_simulations:9} simulations {rate:12.2} {:12.2}   {}",
                rate / threads as f64,
                peak_memory()
            );
        }
    }
}
