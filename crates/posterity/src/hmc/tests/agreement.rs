//! All samplers against one published posterior: eight schools, posteriordb's reference draws.

use super::super::testing::{EIGHT_SCHOOLS, EightSchools};
use super::super::{
    BlockSettings, Chain, ChainSettings, LogDensity, Metric, MetricKind, QuasiNewton, Sampler, Scratch,
};
use super::super::{Settings, Single, State, microcanonical, nuts, step};
use crate::diagnostics::{mcse_mean, r_hat};
use crate::seed::{Seed, Stream};

const N_CHAINS: usize = 4;
const N_DRAWS: usize = 5_000;

/// Means within 4 standard errors of both, and chains that agree, for all ten quantities.
fn assert_agrees(name: &str, chains: &[Vec<Vec<f64>>]) {
    for (k, (quantity, mean, error)) in EIGHT_SCHOOLS.iter().enumerate() {
        let values: Vec<Vec<f64>> =
            chains.iter().map(|chain| chain.iter().map(|x| EightSchools::quantities(x)[k]).collect()).collect();
        let ours = values.iter().flatten().sum::<f64>() / values.iter().map(Vec::len).sum::<usize>() as f64;
        let mcse = mcse_mean(&values);
        let distance = (ours - mean) / mcse.hypot(*error);
        assert!(distance.abs() < 4.0, "{name}: {quantity} is {ours} ± {mcse}, not {mean} ± {error}");
        assert!(r_hat(&values) < 1.01 && mcse < 0.2, "{name}: {quantity} has R̂ {}, MCSE {mcse}", r_hat(&values));
    }
}

/// Chains of a sampler: warm-up by Hamiltonian Monte Carlo, which finds the metric.
fn chains(
    seed: u64,
    mut begin: impl FnMut(&mut Chain, &mut EightSchools, &mut Stream) -> (Metric, Method),
) -> Vec<Vec<Vec<f64>>> {
    let one = |index: usize| {
        let seed = Seed::new(seed);
        let mut target = EightSchools::default();
        let sampler = Sampler::Hmc(Settings::default());
        let blocks = vec![BlockSettings::adaptive(sampler, MetricKind::Diagonal)];
        let settings = ChainSettings { warm_up: 500, blocks };
        let start = vec![0.1 * index as f64; 10];
        let mut chain =
            Chain::new(index as u64, seed, settings, vec![start], &mut Single(&mut target)).expect("starts");
        for _ in 0..500 {
            chain.step(&mut Single(&mut target)).expect("warms up");
        }
        let mut stream = seed.label("agreement").stream(index as u64);
        let (metric, method) = begin(&mut chain, &mut target, &mut stream);
        let mut state = State::new(chain.blocks()[0].state.position.clone(), &mut target);
        let mut scratch = Scratch::default();
        let mut draw = |_| {
            match &method {
                Method::Hmc(settings) => {
                    step(settings, &metric, &mut state, &mut target, &mut scratch, &mut stream);
                }
                Method::Microcanonical(settings) => {
                    microcanonical::step(settings, &metric, &mut state, &mut target, &mut scratch, &mut stream);
                }
            }
            state.position.clone()
        };
        (0..N_DRAWS).map(&mut draw).collect()
    };
    (0..N_CHAINS).map(one).collect()
}

enum Method {
    Hmc(Settings),
    Microcanonical(microcanonical::Settings),
}

fn hmc_settings(chain: &Chain) -> Settings {
    let Sampler::Hmc(settings) = chain.blocks()[0].sampler else { unreachable!("as it began") };
    settings
}

#[test]
fn hamiltonian_monte_carlo_agrees() {
    let draws = chains(1, |chain, _, _| (chain.blocks()[0].metric.clone(), Method::Hmc(hmc_settings(chain))));
    assert_agrees("HMC", &draws);
}

#[test]
fn hmclet_agrees() {
    let draws = chains(2, |chain, target, stream| {
        let settings = Settings { step_size: 0.3, num_integration_steps: 6, ..hmc_settings(chain) };
        let mut learnt = QuasiNewton::new(10).expect("ten dimensions");
        let mut state = State::new(chain.blocks()[0].state.position.clone(), target);
        let mut scratch = Scratch::default();
        for _ in 0..300 {
            learnt.update(&state.position, &state.gradient);
            step(&settings, &Metric::Identity, &mut state, target, &mut scratch, stream);
        }
        (learnt.metric().expect("curvature"), Method::Hmc(settings))
    });
    assert_agrees("HMCLET", &draws);
}

#[test]
fn the_adjusted_microcanonical_sampler_agrees() {
    let draws = chains(3, |chain, target, stream| {
        let metric = chain.blocks()[0].metric.clone();
        let mut state = State::new(chain.blocks()[0].state.position.clone(), target);
        let begin = microcanonical::Settings::adjusted(0.3, 1.0);
        let tuning = microcanonical::Tuning::default();
        let mut scratch = Scratch::default();
        let (tuned, _) =
            microcanonical::tune(&tuning, &begin, &metric, &mut state, target, &mut scratch, stream).expect("tunes");
        (metric, Method::Microcanonical(tuned))
    });
    assert_agrees("MAMS", &draws);
}

#[test]
fn nuts_agrees() {
    for low_rank in [false, true] {
        let starts: Vec<Vec<f64>> = (0..N_CHAINS).map(|i| vec![0.1 + 0.1 * i as f64; 10]).collect();
        let draws = nuts::sample(|_| EightSchools::default(), &starts, 500, N_DRAWS as u64, Seed::new(4), low_rank)
            .expect("samples");
        let dim = EightSchools::default().dim();
        let chains: Vec<Vec<Vec<f64>>> =
            draws.iter().map(|chain| chain.positions.chunks(dim).map(<[f64]>::to_vec).collect()).collect();
        assert_agrees("NUTS", &chains);
    }
}
