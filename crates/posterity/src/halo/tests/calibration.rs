//! Simulation-based calibration of the whole halo likelihood: weights from the prior, a mock catalogue, the posterior by
//! Hamiltonian Monte Carlo, and ranks of the truth among its draws.
//!
//! The prior here is N(w₀, 0.15²), w₀ a usual mass function: the program's N(0, 10²) draws catalogues of no halo or of more
//! than the universe has atoms. What is judged, engine, mass function, integral, gradients and sampler, is the same. The
//! density is fixed, log-normal with neighbours alike.
//!
//! Of each trial the ranks of the 17 weights, of ln 𝓛 and of the expected number of halos are taken, 19 quantities, each
//! tested for uniformity by χ² and by its empirical distribution function. A run fails where any of the 38 p-values is
//! below 10⁻³/38: a false alarm in a thousand at most (Bonferroni), and none again at a fixed seed. A likelihood with an
//! integral 1.3 times the right one, or half the threshold, must fail: the expected number of halos tells at once, single
//! weights hardly, as the prior hides it.

use super::super::*;
use super::{THRESHOLD, white_noise};
use crate::diagnostics::{bulk_ess, chi_squared_uniformity, ecdf_uniformity, rank_of};
use crate::hmc::{self, BlockSettings, Chain, ChainSettings, LogDensity, Metric, MetricKind, Sampler, Single};
use crate::seed::Seed;

const N: usize = 5;
const BOX_LENGTH: f64 = 20.0;
/// Standard deviation of the prior of each weight.
const SD: f64 = 0.15;
/// Nearly independent draws of each posterior.
const DRAWS: usize = 63;
const BINS: usize = 8;
const ALARM: f64 = 1e-3;

/// w₀: ψ = softplus(ln(1 + δ)), α ∝ ψ and σ ≈ 1.3.
fn centre() -> Vec<f64> {
    let mut w = vec![0.0; 17];
    (w[0], w[5], w[11]) = (1.0, 1.0, 1.0);
    (w[10], w[16]) = (-6.0, -6.0);
    w
}

/// ln 𝓛 with the prior N(w₀, 0.15²).
struct Calibrated(WeightsGivenDensity, Vec<f64>);

impl LogDensity for Calibrated {
    fn dim(&self) -> usize {
        self.1.len()
    }

    fn value_and_gradient(&mut self, w: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = self.0.log_likelihood(w, gradient);
        for (g, (w, c)) in gradient.iter_mut().zip(w.iter().zip(&self.1)) {
            let z = (w - c) / SD;
            value -= 0.5 * z * z;
            *g -= z / SD;
        }
        value
    }
}

/// What the analysis takes for the volume and the threshold: 1 and 1 are right.
#[derive(Clone, Copy)]
struct Mistake {
    volume: f64,
    threshold: f64,
}

const RIGHT: Mistake = Mistake { volume: 1.0, threshold: 1.0 };

/// δ, log-normal of noise averaged with its six neighbours.
fn density() -> Vec<f64> {
    let noise = white_noise(N * N * N, Seed::new(60));
    let at = |x: usize, y: usize, z: usize| noise[(x % N * N + y % N) * N + z % N];
    let smooth = |i: usize| {
        let (x, y, z) = (i / N / N, i / N % N, i % N);
        let sides = at(x + 1, y, z) + at(x + N - 1, y, z) + at(x, y + 1, z) + at(x, y + N - 1, z);
        at(x, y, z) + 0.5 * (sides + at(x, y, z + 1) + at(x, y, z + N - 1))
    };
    (0..N * N * N).map(|i| (0.4 * smooth(i) - 0.2).exp() - 1.0).collect()
}

/// The ranks of one trial, the number of halos, the length of the chain, and whether it mixed.
fn trial(seed: Seed, density: &[f64], mistake: Mistake) -> (Vec<usize>, usize, usize, bool) {
    let (settings, centre) = (Settings::default(), centre());
    let truth: Vec<f64> = white_noise(17, seed).iter().zip(&centre).map(|(z, c)| c + SD * z).collect();
    let halos = mock(N, BOX_LENGTH, &settings, THRESHOLD, density, &truth, seed).expect("a catalogue");
    let target = |mistake: Mistake| {
        let (length, threshold) = (BOX_LENGTH * mistake.volume.cbrt(), THRESHOLD * mistake.threshold);
        WeightsGivenDensity::new(N, length, &settings, threshold, &Region::whole(N * N * N), &halos, density)
    };
    // Of no halos, ln 𝓛 is minus the number that is expected.
    let region = Region::whole(N * N * N);
    let mut expected =
        WeightsGivenDensity::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &[], density).expect("valid");
    let mut target = Single(Calibrated(target(mistake).expect("valid"), centre.clone()));
    let hmc = hmc::Settings { step_size: 0.5, num_integration_steps: 4, length_jitter: 0.5, ..Default::default() };
    let block =
        BlockSettings { searches_length: false, ..BlockSettings::adaptive(Sampler::Hmc(hmc), MetricKind::Dense) };
    let settings = ChainSettings { warm_up: 300, blocks: vec![block] };
    // As a run of the program begins: about the maximum, in the metric of the curvature there.
    let climb = FitSettings { n_starts: 1, ..Default::default() };
    let top = maximise(&mut target.0, &centre, &climb, seed).position;
    let metric = Metric::of_curvature(&mut target.0, &top, 1.0).expect("a curvature");
    let mut step = vec![0.0; 17];
    metric.apply(&white_noise(17, seed.label("start")), &mut step);
    let start = top.iter().zip(step).map(|(x, d)| x + 0.7 * d).collect();
    let mut chain = Chain::new(0, seed, settings, vec![start], &mut target).expect("a start");
    chain.begin_in(0, metric).expect("fits");
    while chain.is_warm_up() {
        chain.step(&mut target).expect("a step");
    }
    let (mut columns, mut unused) = (vec![vec![]; 19], vec![0.0; 17]);
    let mut is_enough = false;
    // Until each quantity has as many independent draws as are taken; every other draw at most is taken.
    while !is_enough && columns[0].len() < 40 * DRAWS {
        for _ in 0..DRAWS {
            chain.step(&mut target).expect("a step");
            let position = &chain.blocks()[0].state.position;
            columns.iter_mut().zip(position).for_each(|(c, x)| c.push(*x));
            columns[17].push(target.0.0.log_likelihood(position, &mut unused));
            columns[18].push(expected.log_likelihood(position, &mut unused));
        }
        let n = columns[0].len();
        is_enough = n >= 2 * DRAWS && columns.iter().all(|c| bulk_ess(&[c]) >= DRAWS as f64);
    }
    let every = columns[0].len() / DRAWS;
    let true_values = [target.0.0.log_likelihood(&truth, &mut unused), expected.log_likelihood(&truth, &mut unused)];
    let ranks = columns.iter().zip(truth.iter().chain(&true_values)).map(|(c, truth)| {
        let thinned: Vec<f64> = c.iter().copied().skip(every - 1).step_by(every).collect();
        rank_of(*truth, &thinned)
    });
    (ranks.collect(), halos.len(), columns[0].len(), is_enough)
}

/// (χ², distribution function) p-values of each of the 19 quantities, and a line on the catalogues and chains.
fn p_values(n_trials: u64, seed: Seed, mistake: Mistake) -> (Vec<[f64; 2]>, String) {
    let density = &density();
    // Each thread has a pool of one: a trial that waits for its own loops would begin another inside.
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let part = |first: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("pool");
        let own = (first..n_trials).step_by(n_threads as usize);
        pool.install(|| own.map(|k| trial(seed.branch(k), density, mistake)).collect::<Vec<_>>())
    };
    let trials: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|first| scope.spawn(move || part(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("trials")).collect()
    });
    let mut counts: Vec<usize> = trials.iter().map(|t| t.1).collect();
    counts.sort_unstable();
    let at = |percent: usize| counts[(counts.len() - 1) * percent / 100];
    let length = trials.iter().map(|t| t.2).sum::<usize>() / trials.len();
    let n_short = trials.iter().filter(|t| !t.3).count();
    let line =
        format!("halos: median {}, 5 to 95 % {} to {}; chains of {length}; {n_short} short", at(50), at(5), at(95));
    assert!(20 * n_short as u64 <= n_trials, "too many chains with too few effective draws: {line}");
    let of = |q: usize| {
        let ranks: Vec<usize> = trials.iter().map(|t| t.0[q]).collect();
        let chi_squared = chi_squared_uniformity(&ranks, DRAWS + 1, BINS).expect("valid");
        [chi_squared.p_value, ecdf_uniformity(&ranks, DRAWS + 1, BINS).expect("valid").p_value]
    };
    ((0..19).map(of).collect(), line)
}

fn lowest(p_values: &[[f64; 2]]) -> f64 {
    p_values.iter().flatten().copied().fold(1.0, f64::min)
}

#[test]
fn ranks_are_uniform() {
    let (p, line) = p_values(100, Seed::new(61), RIGHT);
    assert!(lowest(&p) > ALARM / 38.0, "{line}; {p:.4?}");
}

#[test]
fn a_wrong_likelihood_is_found() {
    for mistake in [Mistake { volume: 1.3, ..RIGHT }, Mistake { threshold: 0.5, ..RIGHT }] {
        let (p, line) = p_values(100, Seed::new(62), mistake);
        assert!(lowest(&p) < ALARM / 38.0, "{line}; {p:.4?}");
    }
}

/// The whole calibration: half a minute. Prints what it saw.
#[test]
#[ignore = "takes half a minute"]
#[expect(clippy::print_stderr, reason = "the p-values are the result")]
fn ranks_are_uniform_in_many_trials() {
    let (p, line) = p_values(500, Seed::new(63), RIGHT);
    eprintln!("{line}; lowest {:.4}; {p:.3?}", lowest(&p));
    assert!(lowest(&p) > ALARM / 38.0);
}
