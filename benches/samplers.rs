//! Effective draws per gradient of every sampler in every metric, and of nuts-rs beside them.
//!
//! `cargo bench --bench samplers`; one table for each target on standard output. AR(1): a Gaussian in 100 dimensions with
//! covariance 0.9^|i−j| s_i s_j, scales from 0.1 to 10; eight schools, non-centred. 4 chains; the bulk effective sample size
//! of the worst coordinate, of x and of x², over the gradients after the warm-up; the metric is frozen then.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use posterity::Seed;
use posterity::diagnostics::{bulk_ess, r_hat, square_ess};
use posterity::hmc::{
    BlockSettings, Chain, ChainSettings, LogDensity, Metric, MetricKind, QuasiNewton, Sampler, Scratch, Settings,
    Single, microcanonical, nuts,
};
use std::time::Instant;

#[allow(dead_code)]
#[path = "../crates/posterity/src/hmc/testing.rs"]
mod testing;

const N_CHAINS: usize = 4;
const N_DRAWS: usize = 4000;
const WARM_UP: u64 = 2000;

/// What one sampler did: draws of each chain, row after row, and gradients in the warm-up and after it.
#[derive(Default)]
struct Run {
    chains: Vec<Vec<f64>>,
    n_warm_up: u64,
    n_gradients: u64,
    n_divergent: usize,
    seconds: f64,
}

fn main() {
    table("AR(1), d = 100", || testing::Ar1::new(100, 0.9));
    table("eight schools, non-centred", testing::EightSchools::default);
}

fn table<D: LogDensity>(name: &str, make: impl Fn() -> D + Sync) {
    println!("{name}: {N_CHAINS} chains, {WARM_UP} + {N_DRAWS} draws");
    println!(
        "{:32} {:>9} {:>9} {:>8} {:>9} {:>10} {:>6} {:>8}",
        "sampler", "x/grad", "x2/grad", "R-hat", "grad/draw", "warm-up", "div.", "us/grad"
    );
    let kinds =
        [("diagonal", MetricKind::Diagonal), ("dense", MetricKind::Dense), ("low-rank", MetricKind::LowRank(1.5))];
    for (kind_name, kind) in kinds {
        for method in ["HMC", "MAMS", "MCLMC (BIASED)"] {
            report(&format!("{method}, {kind_name}"), &sampled(&make, kind, method), make().dim());
        }
    }
    report("HMCLET, frozen", &sampled(&make, MetricKind::Diagonal, "HMCLET"), make().dim());
    for (label, low_rank) in [("nuts-rs, diagonal", false), ("nuts-rs, low-rank", true)] {
        let begun = Instant::now();
        let starts: Vec<Vec<f64>> = (0..N_CHAINS).map(|i| vec![0.1 + 0.1 * i as f64; make().dim()]).collect();
        let draws = nuts::sample(|_| make(), &starts, WARM_UP, N_DRAWS as u64, Seed::new(1), low_rank).unwrap();
        let run = Run {
            n_warm_up: draws.iter().map(|chain| chain.n_gradients.0).sum(),
            n_gradients: draws.iter().map(|chain| chain.n_gradients.1).sum(),
            n_divergent: draws.iter().map(|chain| chain.n_divergent).sum(),
            chains: draws.into_iter().map(|chain| chain.positions).collect(),
            seconds: begun.elapsed().as_secs_f64(),
        };
        report(label, &run, make().dim());
    }
    println!();
}

/// Warm-up by Hamiltonian Monte Carlo finds the metric; then the method draws in it, frozen.
fn sampled<D: LogDensity>(make: &impl Fn() -> D, kind: MetricKind, method: &str) -> Run {
    let (seed, mut run, begun) = (Seed::new(1), Run::default(), Instant::now());
    for index in 0..N_CHAINS {
        let mut target = make();
        let blocks = vec![BlockSettings::adaptive(Sampler::Hmc(Settings::default()), kind)];
        let settings = ChainSettings { warm_up: WARM_UP, blocks };
        let start = vec![0.1 + 0.1 * index as f64; target.dim()];
        let mut chain = Chain::new(index as u64, seed, settings, vec![start], &mut Single(&mut target)).unwrap();
        let mut learnt = QuasiNewton::new(target.dim()).unwrap();
        for _ in 0..WARM_UP {
            chain.step(&mut Single(&mut target)).unwrap();
            let state = &chain.blocks()[0].state;
            if method == "HMCLET" {
                learnt.update(&state.position, &state.gradient);
            }
        }
        let block = &chain.blocks()[0];
        let (mut state, mut scratch) = (block.state.clone(), Scratch::default());
        let mut stream = seed.label("bench").stream(index as u64);
        let mut metric = block.metric.clone();
        let mut sampler = block.sampler;
        let mut n_warm_up = block.n_gradients;
        if method == "HMCLET" {
            metric = learnt.metric().unwrap();
            // The step size and the length for this metric: those of a chain in coordinates that it makes round.
            let blocks = vec![BlockSettings::adaptive(sampler, MetricKind::Identity)];
            let mut round = Round::new(&mut target, metric.clone());
            let start = round.coordinates(&state.position);
            let settings = ChainSettings { warm_up: 500, blocks };
            let mut chain = Chain::new(index as u64, seed, settings, vec![start], &mut Single(&mut round)).unwrap();
            for _ in 0..500 {
                chain.step(&mut Single(&mut round)).unwrap();
            }
            sampler = chain.blocks()[0].sampler;
            n_warm_up += chain.blocks()[0].n_gradients;
        }
        let mut settings = microcanonical::Settings::adjusted(0.25, 1.5);
        if method.starts_with('M') {
            let tuning = microcanonical::Tuning::default();
            let (tuned, n) =
                microcanonical::tune(&tuning, &settings, &metric, &mut state, &mut target, &mut scratch, &mut stream)
                    .unwrap();
            settings = tuned;
            n_warm_up += n as u64;
        }
        if method.starts_with("MCLMC") {
            settings = microcanonical::Settings::biased(2.0 * settings.step_size, settings.length);
        }
        let mut draws = Vec::with_capacity(N_DRAWS * state.position.len());
        for _ in 0..N_DRAWS {
            let info = if method.starts_with('M') {
                microcanonical::step(&settings, &metric, &mut state, &mut target, &mut scratch, &mut stream)
            } else {
                sampler.step(&metric, &mut state, &mut target, &mut scratch, &mut stream)
            };
            run.n_gradients += info.num_integration_steps as u64;
            run.n_divergent += usize::from(info.is_divergent);
            draws.extend_from_slice(&state.position);
        }
        run.n_warm_up += n_warm_up;
        run.chains.push(draws);
    }
    run.seconds = begun.elapsed().as_secs_f64();
    run
}

/// A target in the coordinates u of a metric, x = L u.
struct Round<'a, D> {
    target: &'a mut D,
    metric: Metric,
    position: Vec<f64>,
    gradient: Vec<f64>,
}

impl<'a, D: LogDensity> Round<'a, D> {
    fn new(target: &'a mut D, metric: Metric) -> Self {
        let dim = target.dim();
        Self { target, metric, position: vec![0.0; dim], gradient: vec![0.0; dim] }
    }

    fn coordinates(&self, position: &[f64]) -> Vec<f64> {
        let mut u = vec![0.0; position.len()];
        self.metric.apply_inverse(position, &mut u);
        u
    }
}

impl<D: LogDensity> LogDensity for Round<'_, D> {
    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.metric.apply(position, &mut self.position);
        let value = self.target.value_and_gradient(&self.position, &mut self.gradient);
        self.metric.apply_transposed(&self.gradient, gradient);
        value
    }
}

fn report(name: &str, run: &Run, dim: usize) {
    let (mut x, mut squares, mut worst) = (f64::INFINITY, f64::INFINITY, 0.0f64);
    for i in 0..dim {
        let of: Vec<Vec<f64>> =
            run.chains.iter().map(|chain| chain.iter().skip(i).step_by(dim).copied().collect()).collect();
        x = x.min(bulk_ess(&of));
        squares = squares.min(square_ess(&of));
        worst = worst.max(r_hat(&of));
    }
    let n = run.n_gradients as f64;
    println!(
        "{name:32} {:9.4} {:9.4} {worst:8.4} {:9.2} {:10} {:6} {:8.2}",
        x / n,
        squares / n,
        n / (N_CHAINS * N_DRAWS) as f64,
        run.n_warm_up,
        run.n_divergent,
        1e6 * run.seconds / (n + run.n_warm_up as f64)
    );
}
