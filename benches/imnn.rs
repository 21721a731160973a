//! Information that networks reach on the mean and variance of ten points, where the truth is det F = 50, and in what time.
//!
//! `cargo bench -p posterity --bench imnn`. Each row is trained with five seeds; det F is that on 100 000 simulations
//! that nothing was chosen by, from exact derivatives (it scatters by 0.6 % from set to set; the row "exact" is the
//! same estimate of the sufficient statistics on the same set). Wall time counts simulations, training and judgements. `benches/peer/imnn_jax.py` is the
//! same problem in the JAX program. With `-- checkpoints`: what these cost.
#![allow(missing_docs, clippy::print_stdout)]

use posterity::Seed;
use posterity::compressor::imnn::{self, Settings, Simulations, Training};
use posterity::compressor::{Checkpoint, DerivativeSource, Run, SummaryMoments};
use posterity::nn::Activation;
use posterity::progress::Quiet;
use posterity::simulator::{Derivatives, Gaussian, SimulationSet};
use std::time::{Duration, Instant};

const SEEDS: u64 = 5;
const N: usize = 100_000;

fn main() {
    if std::env::args().any(|argument| argument == "checkpoints") {
        return checkpoints();
    }
    let independent = simulate(N, Seed::new(1).label("independent"));
    println!("exact: det F = {:.2} on the independent simulations", exact(&independent));
    println!("{:<34} {:>5} {:>24} {:>20} {:>20}", "", "it.", "independent det F", "held out", "wall/s");
    for iterations in [200, 500, 1000, 2000, 4000] {
        row(&format!("fresh, {iterations} iterations"), &fresh(iterations), &independent);
    }
    row("fixed, held out beside it", &fixed(None), &independent);
    row("fixed, a fifth of it held out", &fixed(Some(0.2)), &independent);
}

/// Wall time of the same training without and with checkpoints, in turn: every so often, and after every iteration.
fn checkpoints() {
    let simulator = Gaussian::mean_and_variance(10);
    let settings = fresh(500);
    let path = std::env::temp_dir().join(format!("posterity-bench-{}.safetensors", std::process::id()));
    let checkpoint = |every| Checkpoint { path: path.clone(), every, identity: serde_json::Value::Null };
    let kinds = [None, Some(Duration::from_millis(100)), Some(Duration::ZERO)].map(|every| every.map(checkpoint));
    let mut wall = kinds.each_ref().map(|_| vec![]);
    for seed in 1..=SEEDS {
        let seed = Seed::new(seed);
        let (train, judge) = (simulate(1000, seed.label("train")), simulate(1000, seed.label("held_out")));
        for (kind, wall) in kinds.iter().zip(&mut wall) {
            let training = Training::Fresh { simulator: &simulator, like: &train };
            let run = Run { checkpoint: kind.as_ref(), ..Run::new(seed, &Quiet) };
            let start = Instant::now();
            imnn::train(training, &judge, &settings, &run).expect("trained");
            wall.push(start.elapsed().as_secs_f64());
            kind.iter().for_each(|checkpoint| checkpoint.remove().expect("removed"));
        }
    }
    let [without, seldom, always] = wall.each_mut().map(|wall| spread(wall)[1]);
    println!("fresh, 500 iterations: {without:.3} s; with a checkpoint every 0.1 s {seldom:.3} s");
    println!("one after every iteration: {always:.3} s, {:.3} ms each", (always - without) * 2.0);
}

fn fresh(max_iterations: usize) -> Settings {
    Settings {
        hidden: vec![256],
        activation: Activation::Silu,
        derivative: DerivativeSource::Exact,
        learning_rate: 1e-2,
        max_iterations,
        patience: usize::MAX,
        ..Settings::default()
    }
}

fn fixed(held_out_fraction: Option<f64>) -> Settings {
    Settings {
        simulations: Simulations::Fixed,
        hidden: vec![512],
        learning_rate: 3e-3,
        weight_decay: 1.0,
        held_out_fraction,
        evaluate_every: 10,
        patience: 40,
        max_iterations: 1500,
        ..fresh(0)
    }
}

/// Trains with each seed and prints medians with the least and the largest.
fn row(name: &str, settings: &Settings, independent: &SimulationSet) {
    let (mut det, mut held_out, mut wall, mut iterations) = (vec![], vec![], vec![], vec![]);
    for seed in 1..=SEEDS {
        let (seed, start) = (Seed::new(seed), Instant::now());
        let (mut train, mut judge) = (simulate(1000, seed.label("train")), simulate(1000, seed.label("held_out")));
        if let Some(fraction) = settings.held_out_fraction {
            (train, judge) = train.split(fraction);
        }
        let simulator = Gaussian::mean_and_variance(10);
        let training = match settings.simulations {
            Simulations::Fresh => Training::Fresh { simulator: &simulator, like: &train },
            Simulations::Fixed => Training::Fixed(&train),
        };
        let outcome = imnn::train(training, &judge, settings, &Run::new(seed, &Quiet)).expect("trained");
        let (network, history) = (outcome.imnn, outcome.history);
        wall.push(start.elapsed().as_secs_f64());
        let best = history.iter().map(|e| e.ln_det_fisher_held_out).fold(f64::NEG_INFINITY, f64::max);
        held_out.push(best.exp());
        iterations.push(history.last().map_or(0, |e| e.iteration) as f64);
        let (x, dx) = network.summarise(independent).expect("in memory");
        det.push(det_fisher(&x, &dx));
    }
    let it = spread(&mut iterations)[1];
    let text = |[low, median, high]: [f64; 3]| format!("{median:.2} ({low:.2} – {high:.2})");
    let columns = [&mut det, &mut held_out, &mut wall].map(|column| text(spread(column)));
    println!("{name:<34} {it:>5} {:>24} {:>20} {:>20}", columns[0], columns[1], columns[2]);
}

fn simulate(n: usize, seed: Seed) -> SimulationSet {
    let simulator = Gaussian::mean_and_variance(10);
    let mut set = SimulationSet::new(&simulator, &[0.0, 1.0], None, n, n).expect("valid");
    set.fill(&simulator, seed, 0).expect("simulated");
    set
}

/// det F of Σd and Σd², which hold all the information, by the same estimate.
fn exact(set: &SimulationSet) -> f64 {
    let Derivatives::Exact(derivative) = &set.derivative else { return f64::NAN };
    let (fiducial, derivative) = (set.fiducial.all().expect("in memory"), derivative.all().expect("in memory"));
    let x: Vec<f64> =
        fiducial.chunks(10).flat_map(|d| [d.iter().sum::<f64>(), d.iter().map(|d| d * d).sum()]).collect();
    let rows = derivative.chunks(10).enumerate();
    let dx: Vec<f64> = rows
        .flat_map(|(k, row)| {
            let d = &fiducial[k / 2 * 10..k / 2 * 10 + 10];
            [row.iter().sum::<f64>(), row.iter().zip(d).map(|(r, d)| 2.0 * r * d).sum()]
        })
        .collect();
    det_fisher(&x, &dx)
}

fn det_fisher(x: &[f64], dx: &[f64]) -> f64 {
    SummaryMoments::from_simulations(x, dx, 2, 2).expect("enough").fisher().expect("regular").ln_det.exp()
}

fn spread(x: &mut [f64]) -> [f64; 3] {
    x.sort_by(f64::total_cmp);
    [x[0], x[x.len() / 2], x[x.len() - 1]]
}
