//! Laws of whole chains: Gibbs blocks, resuming, threads, changed coordinates.

use super::{Gaussian, Odd, slide};
use crate::Seed;
use crate::hmc::*;
use crate::math::{Matrix, mean_and_covariance};
use crate::progress::Quiet;
use std::path::PathBuf;

/// The Gaussian of the slide, one block for each coordinate; how often each was evaluated.
struct Halves {
    at: [f64; 2],
    which: usize,
    n: [u64; 2],
}

impl LogDensity for Halves {
    fn dim(&self) -> usize {
        1
    }

    fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut at = self.at;
        at[self.which] = x[0];
        self.n[self.which] += 1;
        let mut whole = [0.0; 2];
        let value = slide().value_and_gradient(&at, &mut whole);
        gradient[0] = whole[self.which];
        value
    }
}

impl Blocks for Halves {
    fn n_blocks(&self) -> usize {
        2
    }

    fn block(&mut self, i: usize) -> &mut dyn LogDensity {
        self.which = i;
        self
    }

    fn set(&mut self, i: usize, position: &[f64]) {
        self.at[i] = position[0];
    }
}

fn halves() -> Halves {
    Halves { at: [0.0; 2], which: 0, n: [0; 2] }
}

fn hmc(settings: Settings) -> BlockSettings {
    BlockSettings::adaptive(Sampler::Hmc(settings), MetricKind::Identity)
}

#[test]
fn blocks_in_turn_sample_the_joint_gaussian_and_every_gradient_is_counted() {
    let slow = BlockSettings { metric: MetricKind::Diagonal, ..hmc(Settings::default()) };
    let blocks = vec![BlockSettings { transitions: 2, ..hmc(Settings::default()) }, slow];
    let (mut target, settings) = (halves(), ChainSettings { warm_up: 300, blocks });
    let mut chain = Chain::new(0, Seed::new(1), settings, vec![vec![10.0], vec![-10.0]], &mut target).expect("starts");
    let mut rows = vec![];
    for draw in 0..20_300 {
        let infos = chain.step(&mut target).expect("steps");
        assert_eq!(infos.len(), 2);
        if draw >= 300 {
            rows.extend(chain.blocks().iter().map(|block| block.state.position[0]));
        }
    }
    let counted: Vec<u64> = chain.blocks().iter().map(|block| block.n_gradients).collect();
    assert_eq!(counted, target.n);
    let (mean, covariance) = mean_and_covariance(&rows, 2);
    assert!((mean[0] - 1.0).abs() < 0.2 && (mean[1] - 4.0).abs() < 0.14, "{mean:?}");
    let off = covariance.plus(&Matrix::from_rows(2, 2, vec![-9.0, -1.0, -1.0, -4.0]));
    assert!(off.as_slice().iter().all(|x| x.abs() < 0.6), "{covariance:?}");
}

#[test]
fn gradients_of_a_single_density_are_counted_too() {
    struct Counted(u64);
    impl LogDensity for Counted {
        fn dim(&self) -> usize {
            3
        }
        fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            self.0 += 1;
            Odd(3).value_and_gradient(x, gradient)
        }
    }
    let settings = ChainSettings { warm_up: 200, blocks: vec![hmc(Settings::default())] };
    let mut target = Single(Counted(0));
    let mut chain = Chain::new(0, Seed::new(1), settings, vec![vec![0.0; 3]], &mut target).expect("starts");
    let mut sum = 1;
    for _ in 0..400 {
        sum += chain.step(&mut target).expect("steps")[0].num_integration_steps as u64;
    }
    assert_eq!((chain.blocks()[0].n_gradients, sum), (target.0.0, target.0.0));
}

fn bits(chain: &Chain) -> String {
    let mut chain = chain.clone();
    for block in &mut chain.blocks {
        block.scratch = Scratch::default();
        if let Some(adaptation) = &mut block.adaptation {
            (adaptation.before, adaptation.after) = (vec![], vec![]);
        }
    }
    format!("{chain:?}")
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("posterity-chain-{name}-{}.safetensors", std::process::id()))
}

/// Every sampler, and every metric.
fn samplers() -> Vec<BlockSettings> {
    let plain = Settings::default();
    let persistent = Settings { persistence: 0.7, num_integration_steps: 2, ..plain };
    let geodesic = Settings { integrator: Integrator::Geodesic, ..plain };
    let minimal = Settings { integrator: Integrator::MinimalNorm, ..plain };
    let kinds = [MetricKind::Identity, MetricKind::Diagonal, MetricKind::Dense, MetricKind::LowRank(1.2)];
    let mut all: Vec<_> = kinds.map(|metric| BlockSettings { metric, ..hmc(plain) }).to_vec();
    all.extend([hmc(geodesic), hmc(minimal), BlockSettings { searches_length: false, ..hmc(persistent) }]);
    all.push(BlockSettings { acceptance_rate: None, searches_length: false, ..hmc(plain) });
    all.push(BlockSettings { metric: MetricKind::QuasiNewton, ..hmc(plain) });
    let mams = Sampler::Microcanonical(microcanonical::Settings::adjusted(0.2, 1.5));
    all.push(BlockSettings::adaptive(mams, MetricKind::Dense));
    all.push(BlockSettings { searches_length: false, ..BlockSettings::adaptive(mams, MetricKind::Identity) });
    let biased = Sampler::Microcanonical(microcanonical::Settings::biased(0.2, 1.5));
    let fixed = BlockSettings::adaptive(biased, MetricKind::Identity);
    all.push(BlockSettings { acceptance_rate: None, searches_length: false, ..fixed });
    all
}

#[test]
fn a_chain_saved_and_loaded_goes_on_with_the_same_bits_in_and_after_the_warm_up() {
    let (path, seed) = (file("resumed"), Seed::new(2));
    for (k, own) in samplers().into_iter().enumerate() {
        let settings = ChainSettings { warm_up: 160, blocks: vec![own] };
        let mut target = Single(Odd(4));
        let mut whole = Chain::new(3, seed, settings.clone(), vec![vec![0.5; 4]], &mut target).expect("starts");
        for save_at in [0, 30, 90, 159, 160, 170] {
            while whole.draw() < save_at {
                whole.step(&mut target).expect("steps");
            }
            let beside = Beside::from([("scales".to_owned(), vec![0.1, 0.2])]);
            save(&path, &whole, &beside).expect("saved");
            let (mut resumed, found) = load(&path, 3, seed, &settings).expect("loaded");
            assert_eq!((bits(&resumed), found), (bits(&whole), beside), "sampler {k} at {save_at}");
            let mut target = Single(Odd(4));
            resumed.place(&mut target).expect("fits");
            let mut straight = whole.clone();
            for _ in 0..20 {
                assert_eq!(resumed.step(&mut target).expect("steps"), straight.step(&mut target).expect("steps"));
            }
            assert_eq!(bits(&resumed), bits(&straight), "sampler {k} from {save_at}");
        }
    }
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn a_damaged_file_or_that_of_another_chain_is_refused() {
    let (path, seed) = (file("damaged"), Seed::new(2));
    let settings = ChainSettings { warm_up: 20, blocks: vec![hmc(Settings::default())] };
    let chain = Chain::new(0, seed, settings.clone(), vec![vec![0.5; 4]], &mut Single(Odd(4))).expect("starts");
    save(&path, &chain, &Beside::new()).expect("saved");
    let other = ChainSettings { warm_up: 30, ..settings.clone() };
    for refused in
        [load(&path, 1, seed, &settings), load(&path, 0, Seed::new(3), &settings), load(&path, 0, seed, &other)]
    {
        assert!(refused.expect_err("another").is_invalid_input());
    }
    assert!(chain.place(&mut Single(Odd(5))).expect_err("other").is_invalid_input());
    let whole = std::fs::read(&path).expect("there");
    for k in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..k]).expect("written");
        let error = load(&path, 0, seed, &settings).expect_err("cut short");
        assert!(error.is_corrupt_file() && error.file() == Some(&path), "{k}: {error}");
    }
    let mut changed = whole.clone();
    let last = whole.len() - 5;
    changed[last] ^= 4;
    std::fs::write(&path, changed).expect("written");
    assert!(load(&path, 0, seed, &settings).expect_err("changed").is_corrupt_file());
    std::fs::remove_file(&path).expect("removed");
    assert!(load(&path, 0, seed, &settings).expect_err("none").is_io());
}

/// Keeps all draws; stops the run after so many checkpoints.
struct Kept(Vec<u64>);

impl<B> Sink<B> for Kept {
    fn draw(&mut self, chain: &Chain, _: &[Info], _: &mut B) -> crate::Result<()> {
        self.0.extend(chain.blocks()[0].state.position.iter().map(|x| x.to_bits()));
        Ok(())
    }
}

/// Dimensions beyond one chunk, so that threads share a vector.
#[test]
fn draws_of_several_chains_do_not_depend_on_threads_or_rounds() {
    let dim = 17_000;
    let fixed = |settings| {
        let own = BlockSettings::adaptive(Sampler::Microcanonical(settings), MetricKind::Identity);
        BlockSettings { acceptance_rate: None, searches_length: false, ..own }
    };
    let samplers = [
        BlockSettings { metric: MetricKind::Diagonal, ..hmc(Settings::default()) },
        fixed(microcanonical::Settings::adjusted(0.01, 0.05)),
        fixed(microcanonical::Settings::biased(0.01, 0.05)),
    ];
    let all = |own: BlockSettings, threads: usize, round: u64| {
        let settings = ChainSettings { warm_up: 12, blocks: vec![own] };
        let lanes = (0..3).map(|i| {
            let mut target = Single(Odd(dim));
            let start = vec![vec![0.1 * i as f64; dim]];
            let chain = Chain::new(i, Seed::new(5), settings.clone(), start, &mut target).expect("starts");
            Lane { chain, target, sink: Kept(vec![]) }
        });
        let mut lanes: Vec<_> = lanes.collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| run(&mut lanes, 15, round, &Quiet)).expect("runs");
        lanes.into_iter().map(|lane| lane.sink.0).collect::<Vec<_>>()
    };
    for (k, own) in samplers.into_iter().enumerate() {
        let one = all(own, 1, 15);
        assert!(one[0] != one[1] && one[0].len() == 15 * dim, "sampler {k}");
        assert!(one[0][..dim] != one[0][14 * dim..], "sampler {k} stands still");
        assert!(all(own, 2, 4) == one && all(own, 7, 1) == one, "sampler {k}");
    }
}

#[test]
fn a_run_that_is_told_to_stop_does_so_between_draws_and_goes_on() {
    use std::sync::atomic::{AtomicU64, Ordering};
    struct After(AtomicU64);
    impl crate::progress::Progress for After {
        fn begin(&self, _: &str, _: Option<u64>) {}
        fn at(&self, _: u64, note: &str) {
            assert!(note.starts_with("acceptance 0.") && note.contains(" divergent, "), "{note}");
        }
        fn end(&self, _: &str) {}
        fn stop_requested(&self) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) > 50
        }
    }
    let settings = ChainSettings { warm_up: 30, blocks: vec![hmc(Settings::default())] };
    let lane = || {
        let mut target = Single(slide());
        let chain = Chain::new(0, Seed::new(5), settings.clone(), vec![vec![0.0; 2]], &mut target).expect("starts");
        vec![Lane { chain, target, sink: Kept(vec![]) }]
    };
    let (mut straight, mut stopped) = (lane(), lane());
    run(&mut straight, 100, 10, &Quiet).expect("runs");
    assert!(run(&mut stopped, 100, 10, &After(AtomicU64::new(0))).expect_err("stopped").is_interrupted());
    assert!(stopped[0].chain.draw() < 60);
    run(&mut stopped, 100, 7, &Quiet).expect("runs");
    assert_eq!(straight[0].sink.0, stopped[0].sink.0);
}

/// N(0, s²), sampled as x = s' u with a scale s' that the owner chooses from the window's draws, too short by a factor.
struct Whitened {
    scale: f64,
    short: f64,
    times: usize,
}

impl LogDensity for Whitened {
    fn dim(&self) -> usize {
        1
    }

    fn value_and_gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> f64 {
        let ratio = (self.scale / 50.0).powi(2);
        gradient[0] = -ratio * u[0];
        -0.5 * ratio * u[0] * u[0]
    }
}

impl Blocks for Whitened {
    fn block(&mut self, _: usize) -> &mut dyn LogDensity {
        self
    }

    fn adapt(&mut self, _: usize, window: &Window, position: &mut Vec<f64>) -> bool {
        self.times += 1;
        let factor = (window.variances()[0] / window.gradient_variances()[0]).powf(0.25) / self.short;
        self.scale *= factor;
        position[0] /= factor;
        true
    }
}

/// The slide, block 0 both coordinates in a unit that windows change, block 1 the second alone.
struct Shared {
    at: [f64; 2],
    unit: f64,
    which: usize,
}

impl LogDensity for Shared {
    fn dim(&self) -> usize {
        2 - self.which
    }

    fn value_and_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut whole = [0.0; 2];
        let at = if self.which == 0 { [x[0] * self.unit, x[1] * self.unit] } else { [self.at[0], x[0]] };
        let value = slide().value_and_gradient(&at, &mut whole);
        let unit = if self.which == 0 { self.unit } else { 1.0 };
        gradient.iter_mut().zip(&whole[self.which..]).for_each(|(g, whole)| *g = unit * whole);
        value
    }
}

impl Blocks for Shared {
    fn n_blocks(&self) -> usize {
        2
    }

    fn block(&mut self, i: usize) -> &mut dyn LogDensity {
        self.which = i;
        self
    }

    fn set(&mut self, i: usize, x: &[f64]) {
        if i == 0 { self.at = [x[0] * self.unit, x[1] * self.unit] } else { self.at[1] = x[0] }
    }

    fn align(&mut self, i: usize, x: &mut [f64]) {
        if i == 0 { x[1] = self.at[1] / self.unit } else { x[0] = self.at[1] }
    }

    fn adapt(&mut self, i: usize, window: &Window, x: &mut Vec<f64>) -> bool {
        if i == 0 {
            let found = self.unit * window.variances()[0].sqrt();
            x.iter_mut().for_each(|x| *x *= self.unit / found);
            self.unit = found;
        }
        i == 0
    }
}

/// What one block has moved of another's coordinates stays moved where coordinates change, in a chain that is loaded too.
#[test]
fn blocks_that_share_coordinates_go_on_with_the_same_bits_at_the_end_of_a_window() {
    let (path, seed) = (file("shared"), Seed::new(8));
    let settings = ChainSettings { warm_up: 160, blocks: vec![hmc(Settings::default()); 2] };
    let mut target = Shared { at: [0.0; 2], unit: 1.0, which: 0 };
    let mut whole =
        Chain::new(0, seed, settings.clone(), vec![vec![1.0, 2.0], vec![2.0]], &mut target).expect("starts");
    for _ in 0..200 {
        whole.step(&mut target).expect("steps");
        assert_eq!(target.at[1], whole.blocks()[1].state.position[0], "{}", whole.draw());
        save(&path, &whole, &Beside::new()).expect("saved");
        let (mut resumed, _) = load(&path, 0, seed, &settings).expect("loaded");
        let mut beside = Shared { at: [0.0; 2], ..target };
        resumed.place(&mut beside).expect("fits");
        let (mut straight, mut target) = (whole.clone(), Shared { ..target });
        for _ in 0..3 {
            assert_eq!(resumed.step(&mut beside).expect("steps"), straight.step(&mut target).expect("steps"));
        }
        assert_eq!(bits(&resumed), bits(&straight), "from {}", whole.draw());
    }
    assert!(target.unit != 1.0);
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn blocks_that_share_coordinates_sample_the_joint_gaussian() {
    let settings = ChainSettings { warm_up: 300, blocks: vec![hmc(Settings::default()); 2] };
    let mut target = Shared { at: [0.0; 2], unit: 1.0, which: 0 };
    let start = vec![vec![10.0, -10.0], vec![-10.0]];
    let mut chain = Chain::new(0, Seed::new(12), settings, start, &mut target).expect("starts");
    let mut rows = vec![];
    for draw in 0..20_300 {
        chain.step(&mut target).expect("steps");
        if draw >= 300 {
            rows.extend(target.at);
        }
    }
    // About the deviation of the first coordinate.
    assert!((1.5..6.0).contains(&target.unit), "{}", target.unit);
    let (mean, covariance) = mean_and_covariance(&rows, 2);
    assert!((mean[0] - 1.0).abs() < 0.2 && (mean[1] - 4.0).abs() < 0.14, "{mean:?}");
    let off = covariance.plus(&Matrix::from_rows(2, 2, vec![-9.0, -1.0, -1.0, -4.0]));
    assert!(off.as_slice().iter().all(|x| x.abs() < 0.6), "{covariance:?}");
}

#[test]
fn the_length_that_was_found_stays_where_the_owner_changes_coordinates() {
    let settings = ChainSettings { warm_up: 2000, blocks: vec![hmc(Settings::default())] };
    let length = |short: f64| {
        let mut target = Whitened { scale: 50.0 / short, short, times: 0 };
        let mut chain = Chain::new(0, Seed::new(9), settings.clone(), vec![vec![30.0]], &mut target).expect("starts");
        for _ in 0..2000 {
            chain.step(&mut target).expect("steps");
        }
        let sampler = chain.blocks()[0].sampler;
        sampler.step_size() * sampler.num_integration_steps() as f64
    };
    // u is 8 wide where the scale is 8 too short.
    assert!(length(8.0) > 3.0 * length(1.0), "{} {}", length(8.0), length(1.0));
}

#[test]
fn the_owner_may_change_coordinates_at_the_end_of_a_window() {
    let settings = ChainSettings { warm_up: 300, blocks: vec![hmc(Settings::default())] };
    let mut target = Whitened { scale: 1.0, short: 1.0, times: 0 };
    let mut chain = Chain::new(0, Seed::new(9), settings, vec![vec![300.0]], &mut target).expect("starts");
    let mut sum = 0.0;
    for draw in 0..5300 {
        chain.step(&mut target).expect("steps");
        if draw >= 300 {
            sum += (target.scale * chain.blocks()[0].state.position[0]).powi(2) / 5000.0;
        }
    }
    assert_eq!(target.times, 3);
    assert!((target.scale - 50.0).abs() < 1e-6 && (sum / 2500.0 - 1.0).abs() < 0.2, "{} {sum}", target.scale);
}

#[test]
fn starts_and_settings_that_cannot_be_are_refused() {
    let block = hmc(Settings::default());
    let start = |block: BlockSettings, position: Vec<f64>| {
        let settings = ChainSettings { warm_up: 10, blocks: vec![block] };
        Chain::new(0, Seed::new(1), settings, vec![position], &mut Single(Odd(3))).expect_err("refused")
    };
    assert!(start(block, vec![0.0; 2]).to_string().contains("2 values, not 3"));
    assert!(start(block, vec![f64::INFINITY; 3]).to_string().contains("not finite"));
    assert_eq!(start(BlockSettings { transitions: 0, ..block }, vec![0.0; 3]).key(), Some("transitions"));
    assert_eq!(
        start(BlockSettings { acceptance_rate: Some(1.0), ..block }, vec![0.0; 3]).key(),
        Some("acceptance_rate")
    );
    assert_eq!(start(BlockSettings { metric: MetricKind::LowRank(0.5), ..block }, vec![0.0; 3]).key(), Some("metric"));
    let geodesic = Settings { integrator: Integrator::Geodesic, ..Settings::default() };
    let diagonal = BlockSettings { metric: MetricKind::Diagonal, ..hmc(geodesic) };
    assert_eq!(start(diagonal, vec![0.0; 3]).key(), Some("integrator"));
    let mams = Sampler::Microcanonical(microcanonical::Settings::adjusted(0.2, 1.5));
    let settings = ChainSettings { warm_up: 10, blocks: vec![BlockSettings::adaptive(mams, MetricKind::Identity)] };
    let one = Chain::new(0, Seed::new(1), settings, vec![vec![0.0]], &mut Single(Odd(1)));
    assert!(one.expect_err("one dimension").to_string().contains("two dimensions"));
    let biased = Sampler::Microcanonical(microcanonical::Settings::biased(0.2, 1.5));
    let adapting = BlockSettings::adaptive(biased, MetricKind::Identity);
    assert_eq!(start(adapting, vec![0.0; 3]).key(), Some("acceptance_rate"));
    let settings = ChainSettings { warm_up: 10, blocks: vec![block, block] };
    let two = Chain::new(0, Seed::new(1), settings, vec![vec![0.0; 3]], &mut Single(Odd(3)));
    assert!(two.expect_err("two").is_invalid_input());
}

/// Part refreshment and jitter to the full keep the moments too.
#[test]
fn moments_are_right_with_a_persistent_momentum_and_in_full_jitter() {
    let factor = slide().factor.clone();
    let persistent = Settings { persistence: 0.8, num_integration_steps: 1, step_size: 1.6, ..Settings::default() };
    let full = Settings { step_size_jitter: 1.0, length_jitter: 1.0, step_size: 2.4, ..Settings::default() };
    let skewed = Settings { step_size_skew: 3, ..full };
    for settings in [persistent, full, skewed] {
        let mut target = Gaussian { mean: vec![1.0, 4.0], factor: factor.clone() };
        let mut state = State::new(vec![0.0; 2], &mut target);
        let (mut scratch, mut rows, mut refused, mut length) = (Scratch::default(), vec![], 0, 0.0);
        for i in 0..60_000 {
            let mut stream = Seed::new(11).stream(i);
            let info = step(&settings, &Metric::Identity, &mut state, &mut target, &mut scratch, &mut stream);
            refused += usize::from(!info.is_accepted);
            length += info.step_size * info.num_integration_steps as f64 / 60_000.0;
            rows.extend(&state.position);
        }
        if settings.length_jitter == 1.0 {
            // N from 1 to 10 is 5.5 on average, a tenth more than half of 10.
            let ratio = length / (settings.step_size * settings.num_integration_steps as f64);
            let mean = 1.1 * Sampler::Hmc(settings).mean_length();
            assert!((ratio / mean - 1.0).abs() < 0.01, "{ratio} {mean}");
        }
        let (mean, covariance) = mean_and_covariance(&rows, 2);
        assert!(refused > 1000, "{refused}: too few to see the turn on refusal");
        assert!((mean[0] - 1.0).abs() < 0.2 && (mean[1] - 4.0).abs() < 0.14, "{mean:?}");
        let off = covariance.plus(&Matrix::from_rows(2, 2, vec![-9.0, -1.0, -1.0, -4.0]));
        assert!(off.as_slice().iter().all(|x| x.abs() < 0.5), "{covariance:?}");
    }
}
