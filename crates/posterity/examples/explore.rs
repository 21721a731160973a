#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]
use posterity::Seed;
use posterity::compressor::{
    SummaryMoments,
    imnn::{self, Settings, Training},
};
use posterity::progress::Quiet;
use posterity::simulator::{Gaussian, SimulationSet, Simulator};
use std::time::Instant;

fn main() {
    let json = std::env::args().nth(1).unwrap_or("{}".into());
    let settings: Settings = serde_json::from_str(&json).unwrap();
    let seeds: u64 = std::env::args().nth(2).map_or(1, |s| s.parse().unwrap());
    let simulator = Gaussian::mean_and_variance(10);
    let theta = [0.0, 1.0];
    let delta = [0.1, 0.1];
    let delta =
        if settings.derivative == posterity::compressor::DerivativeSource::Exact { None } else { Some(&delta[..]) };
    for seed in 1..=seeds {
        let start = Instant::now();
        let root = Seed::new(seed);
        let make = |n: usize, label: &str| {
            let mut set = SimulationSet::new(&simulator, &theta, delta, n, n).unwrap();
            set.fill(&simulator, root.label(label), 0).unwrap();
            set
        };
        let mut train = make(settings.n_s, "train");
        let mut held = make(settings.held_out_n_s.unwrap_or(settings.n_s), "held_out");
        if let Some(f) = settings.held_out_fraction {
            (train, held) = train.split(f);
        }
        let training = match settings.simulations {
            imnn::Simulations::Fresh => Training::Fresh { simulator: &simulator, like: &train },
            _ => Training::Fixed(&train),
        };
        let (net, history) = imnn::train(training, &held, &settings, root, &Quiet).unwrap();
        let wall = start.elapsed().as_secs_f64();
        let mut set = SimulationSet::new(&simulator, &theta, None, 100_000, 100_000).unwrap();
        set.fill(&simulator, Seed::new(1000).label("independent"), 0).unwrap();
        let (x, dx) = net.summarise(&set);
        let f = SummaryMoments::from_simulations(&x, &dx, x.len() / 100_000, simulator.n_params())
            .unwrap()
            .fisher()
            .unwrap();
        let last = history.last().unwrap();
        let best = history.iter().max_by(|a, b| a.ln_det_fisher_held_out.total_cmp(&b.ln_det_fisher_held_out)).unwrap();
        println!(
            "seed {seed}: det F independent {:.2}; best held out {:.2} at {}; last train {:.2} held out {:.2} at {}; {:.2} s, {:.2} ms/it; g {:.2}",
            f.ln_det.exp(),
            best.ln_det_fisher_held_out.exp(),
            best.iteration,
            last.ln_det_fisher_train.exp(),
            last.ln_det_fisher_held_out.exp(),
            last.iteration,
            wall,
            wall * 1e3 / last.iteration as f64,
            last.gradient_norm
        );
    }
}
