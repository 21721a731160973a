//! Accuracy and draws of population Monte Carlo on the variance of ten normal draws, against the analytic posterior.
//!
//! `cargo bench -p posterity --bench pmc`. The mean square of the observed data is 1, the prior of the variance uniform
//! on 0.1 … 5, the summary exact. Each row averages runs with different seeds; "of one run" is their scatter.
#![allow(missing_docs, clippy::print_stdout)]

use posterity::compressor::{Compressor, QuasiMle};
use posterity::lfi::{Forward, pmc};
use posterity::math::Matrix;
use posterity::prior::{Marginal, Prior, Uniform};
use posterity::progress::Quiet;
use posterity::simulator::{Gaussian, Simulator};
use posterity::{Reference, Seed};
use std::time::Instant;

const N_DATA: usize = 10;
const PRIOR: (f64, f64) = (0.1, 5.0);

/// The mean square, which holds all that the data say of the variance.
struct MeanSquare;

impl Compressor for MeanSquare {
    fn n_data(&self) -> usize {
        N_DATA
    }

    fn n_summaries(&self) -> usize {
        1
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        for (d, x) in data.chunks_exact(N_DATA).zip(summaries) {
            *x = d.iter().map(|d| d * d).sum::<f64>() / N_DATA as f64;
        }
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

fn main() {
    let (mean, sd) = analytic();
    println!("analytic posterior: {mean:.4} ± {sd:.4}");
    println!(
        "{:>9} {:>9} {:>9} {:>5} {:>18} {:>18} {:>14} {:>9} {:>7} {:>7}",
        "particles",
        "epsilon",
        "criterion",
        "runs",
        "mean, % of sd",
        "width, %",
        "of one run",
        "draws",
        "rounds",
        "s/run"
    );
    let rows = [
        (1000, None, 0.1, 100),
        (1000, Some(0.1), 0.0, 100),
        (4000, Some(0.1), 0.0, 40),
        (10_000, Some(0.05), 0.0, 10),
    ];
    for (n_particles, epsilon, min_acceptance_rate, n_runs) in rows {
        let settings = pmc::Settings {
            n_particles,
            n_initial: 10 * n_particles,
            epsilon,
            min_acceptance_rate,
            ..pmc::Settings::default()
        };
        let (mut shifts, mut widths, mut draws, mut rounds) = (vec![], vec![], vec![], vec![]);
        let start = Instant::now();
        for seed in 0..n_runs {
            let (samples, history) = run(&settings, Seed::new(seed));
            shifts.push(100.0 * (samples.mean()[0] - mean) / sd);
            widths.push(100.0 * (samples.sd()[0] / sd - 1.0));
            draws.push(samples.n_simulations as f64);
            rounds.push(history.rounds.len() as f64);
        }
        let seconds = start.elapsed().as_secs_f64() / n_runs as f64;
        let ((shift, a), (width, b)) = (average(&shifts), average(&widths));
        let error = |scatter: f64| scatter / (n_runs as f64).sqrt();
        println!(
            "{n_particles:>9} {:>9} {min_acceptance_rate:>9} {n_runs:>5} {:>18} {:>18} {:>14} {:>9.0} {:>7.1} {seconds:>7.2}",
            epsilon.map_or("-".into(), |e| e.to_string()),
            format!("{shift:+.2} ± {:.2}", error(a)),
            format!("{width:+.2} ± {:.2}", error(b)),
            format!("{a:.1}, {b:.1}"),
            average(&draws).0,
            average(&rounds).0,
        );
    }
}

fn run(settings: &pmc::Settings, seed: Seed) -> (posterity::Samples, pmc::History) {
    let simulator = Gaussian::variance(N_DATA, 0.0);
    let quasi_mle = QuasiMle { theta_fid: vec![0.0], mu: vec![0.0], projection: Matrix::identity(1) };
    let forward = Forward { simulator: &simulator, compressor: &MeanSquare, quasi_mle: &quasi_mle };
    let uniform = Marginal::Uniform(Uniform::new(PRIOR.0, PRIOR.1).expect("valid"));
    let prior = Prior { parameters: simulator.parameters().to_vec(), marginals: vec![uniform] };
    let metric = Matrix::from_rows(1, 1, vec![5.0]);
    pmc::sample(&forward.seeded(seed), &prior, &metric, &[1.0], settings, &Quiet).expect("runs")
}

/// Mean and standard deviation of p(v) ∝ v^(−n/2) exp(−n/(2v)) on the prior, by the midpoint rule.
fn analytic() -> (f64, f64) {
    let (n, steps) = (N_DATA as f64, 1_000_000);
    let mut sums = [0.0; 3];
    for i in 0..steps {
        let v = PRIOR.0 + (PRIOR.1 - PRIOR.0) * (f64::from(i) + 0.5) / f64::from(steps);
        let p = (-0.5 * n * (v.ln() + 1.0 / v)).exp();
        sums.iter_mut().enumerate().for_each(|(k, sum)| *sum += p * v.powi(k as i32));
    }
    let mean = sums[1] / sums[0];
    (mean, (sums[2] / sums[0] - mean * mean).sqrt())
}

/// Mean and standard deviation over runs.
fn average(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}
