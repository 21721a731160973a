//! What a sampler costs beyond the target's gradients.
//!
//! `cargo bench --bench hmc`; for 100 and 64³ dimensions and each metric, microseconds of a gradient of N(0, 1), of a
//! leapfrog step with it, and their difference. The momentum's drawing is spread over the 10 steps of a trajectory.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use posterity::Seed;
use posterity::hmc::{Integrator, LogDensity, Metric, Scratch, Settings, State, step};
use std::time::Instant;

/// N(0, 1) in many dimensions.
struct Normal(usize);

impl LogDensity for Normal {
    fn dim(&self) -> usize {
        self.0
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(position).for_each(|(g, x)| *g = -x);
        -0.5 * position.iter().map(|x| x * x).sum::<f64>()
    }
}

/// Draws, and gradients there, with a scale for each coordinate.
fn rows(dim: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
    let draws: Vec<f64> = (0..dim * n).map(|i| (i as f64 * 0.7).sin() * (1.0 + (i % dim) as f64)).collect();
    let gradients = draws.iter().enumerate().map(|(i, x)| -x / (1.0 + (i % dim) as f64).powi(2)).collect();
    (draws, gradients)
}

fn main() {
    println!("{:>8} {:<22} {:>12} {:>12} {:>12}", "dim", "metric", "gradient/us", "step/us", "overhead/us");
    for dim in [100, 64 * 64 * 64] {
        let repeats = if dim == 100 { 2000 } else { 20 };
        let plain = Settings { step_size: 0.05, length_jitter: 0.0, ..Settings::default() };
        let geodesic = Settings { integrator: Integrator::Geodesic, ..plain };
        let mut cases = vec![
            ("identity", plain, Metric::Identity),
            ("identity, geodesic", geodesic, Metric::Identity),
            ("diagonal", plain, Metric::Diagonal(vec![1.0; dim])),
        ];
        let (draws, gradients) = rows(dim, 8);
        let low_rank = Metric::low_rank_from(dim, &draws, &gradients, 1.0).unwrap();
        cases.push(("low rank", plain, low_rank));
        if dim == 100 {
            let (draws, gradients) = rows(dim, 300);
            cases.push(("dense", plain, Metric::dense_from(dim, &draws, &gradients).unwrap()));
        }
        for (name, settings, metric) in cases {
            let mut target = Normal(dim);
            let mut state = State::new(vec![0.1; dim], &mut target);
            let mut scratch = Scratch::default();
            let mut stream = Seed::new(1).stream(0);
            // A step size that moves little: what is timed does not depend on it.
            let settings = Settings { step_size: 1e-9, ..settings };
            let mut n = 0;
            let begin = Instant::now();
            for _ in 0..repeats {
                n += step(&settings, &metric, &mut state, &mut target, &mut scratch, &mut stream).num_integration_steps;
            }
            let whole = begin.elapsed().as_secs_f64() * 1e6 / n as f64;
            let mut gradient = vec![0.0; dim];
            let begin = Instant::now();
            for _ in 0..n {
                std::hint::black_box(target.value_and_gradient(&state.position, &mut gradient));
            }
            let alone = begin.elapsed().as_secs_f64() * 1e6 / n as f64;
            println!("{dim:>8} {name:<22} {alone:>12.2} {whole:>12.2} {:>12.2}", whole - alone);
        }
    }
}
