//! Rejection against posteriors known by quadrature, its laws, and what it refuses.

use super::*;
use crate::Seed;
use crate::failure::Cause;
use crate::lfi::Forward;
use crate::lfi::testing::{Sufficient, Variance, as_they_are, departure, prior, uniform, with_threads};
use crate::progress::Quiet;
use crate::simulator::{Gaussian, Simulator};

fn run(problem: &Variance, observed: &[Vec<f64>], settings: &Settings, seed: u64) -> Result<Vec<Samples>> {
    let estimates = problem.forward().seeded(Seed::new(seed));
    Ok(sample(&estimates, &problem.prior, &problem.metric, observed, settings, &Quiet)?.0)
}

fn within(epsilon: f64, n_simulations: u64) -> Settings {
    Settings { n_simulations, epsilon: Some(epsilon), ..Settings::default() }
}

fn nearest_of(n_accepted: usize, n_simulations: u64) -> Settings {
    Settings { n_simulations, n_accepted: Some(n_accepted), ..Settings::default() }
}

#[test]
fn it_is_the_exact_approximate_posterior_at_any_epsilon_for_each_observation() {
    let problem = Variance::new();
    for epsilon in [1.0, 0.1] {
        let all = run(&problem, &[vec![1.0], vec![2.0]], &within(epsilon, 1_000_000), 1).expect("accepted");
        for (samples, observed) in all.iter().zip([1.0, 2.0]) {
            let n = samples.n_samples() as f64;
            let (mean, width) = departure(samples, 0, problem.exact(observed, epsilon));
            // Five standard errors; the kurtosis on this prior is below 9, the width's error below 1.5/√n.
            assert!(n > 5000.0 && mean.abs() < 5.0 / n.sqrt(), "ε = {epsilon}: mean off by {mean} of {n}");
            assert!(width.abs() < 7.5 / n.sqrt(), "ε = {epsilon}: width off by {width} of {n}");
            assert_eq!((samples.epsilon, samples.n_simulations), (Some(epsilon), 1_000_000));
        }
    }
    // At ε = 0.1 the approximate posterior is the posterior, to 1 %.
    let (near, exact) = (problem.exact(1.0, 0.1), problem.exact(1.0, 0.0));
    assert!((near.0 - exact.0).abs() < 0.01 * exact.1 && (near.1 / exact.1 - 1.0).abs() < 0.01);
}

#[test]
fn mean_and_variance_agree_with_the_analytic_posterior() {
    let (simulator, compressor) = (Gaussian::mean_and_variance(10), Sufficient { n_data: 10, n_summaries: 2 });
    let quasi_mle = as_they_are(2);
    let forward = Forward { simulator: &simulator, compressor: &compressor, quasi_mle: &quasi_mle };
    let prior = prior(vec![uniform(-5.0, 5.0), uniform(0.1, 10.0)]);
    let metric = Matrix::from_rows(2, 2, vec![10.0, 0.0, 0.0, 5.0]);
    let (mut mass, mut exact) = (0.0, [0.0; 4]);
    for i in 0..1000 {
        for j in 0..1000 {
            let (mu, v) = (-5.0 + 0.01 * (f64::from(i) + 0.5), 0.1 + 0.0099 * (f64::from(j) + 0.5));
            // Observed: mean 0, unbiased variance 1.
            let w = (-5.0 * v.ln() - (10.0 * mu * mu + 9.0) / (2.0 * v)).exp();
            mass += w;
            [mu, v, mu * mu, v * v].iter().zip(&mut exact).for_each(|(f, e)| *e += w * f);
        }
    }
    exact.iter_mut().for_each(|e| *e /= mass);
    let settings = nearest_of(2000, 4_000_000);
    let estimates = forward.seeded(Seed::new(2));
    let (all, _) = sample(&estimates, &prior, &metric, &[vec![0.0, 1.0]], &settings, &Quiet).expect("accepted");
    let samples = &all[0];
    assert!(samples.n_samples() == 2000 && samples.epsilon.expect("ε") < 0.4);
    for k in 0..2 {
        let (mean, width) = departure(samples, k, (exact[k], (exact[k + 2] - exact[k] * exact[k]).sqrt()));
        // Five standard errors of the mean are 0.11; the width's, of a skew posterior, wants more.
        assert!(mean.abs() < 0.11 && width.abs() < 0.15, "parameter {k}: {mean} {width}");
    }
}

#[test]
fn regression_repairs_a_coarse_epsilon_and_stays_inside_the_prior() {
    // Observed near a bound: the posterior presses against it.
    let mut problem = Variance::new();
    problem.prior = prior(vec![uniform(0.8, 10.0)]);
    let exact = problem.exact(1.0, 0.0);
    let coarse = within(1.2, 400_000);
    let adjusted = Settings { regression_adjustment: true, ..coarse.clone() };
    let before = departure(&run(&problem, &[vec![1.0]], &coarse, 3).expect("accepted")[0], 0, exact);
    let samples = &run(&problem, &[vec![1.0]], &adjusted, 3).expect("accepted")[0];
    let after = departure(samples, 0, exact);
    assert!(before.0.abs() > 2.0 * after.0.abs() && after.0.abs() < 0.1, "mean off by {before:?}, then {after:?}");
    assert!(samples.theta.iter().all(|x| (0.8..=10.0).contains(x)));
    assert!(samples.ess() < samples.n_samples() as f64);
}

#[test]
fn one_two_and_seven_threads_give_the_same() {
    let problem = Variance::new();
    for settings in [nearest_of(333, 100_001), within(0.5, 100_001)] {
        let on =
            |threads| with_threads(threads, || run(&problem, &[vec![1.0], vec![1.5]], &settings, 4).expect("accepted"));
        let one = on(1);
        assert!(one == on(2) && one == on(7));
    }
}

#[test]
fn the_nearest_are_those_within_their_own_distance() {
    let problem = Variance::new();
    let nearest = &run(&problem, &[vec![1.0]], &nearest_of(500, 60_000), 5).expect("accepted")[0];
    let within = &run(&problem, &[vec![1.0]], &within(nearest.epsilon.expect("ε"), 60_000), 5).expect("accepted")[0];
    assert_eq!(nearest.theta, within.theta);
}

/// Fails above a variance of 1, and gives NaN below 0.9.
struct Fragile(Gaussian);

impl Simulator for Fragile {
    fn parameters(&self) -> &[crate::Parameter] {
        self.0.parameters()
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut crate::Stream, data: &mut [f64]) -> Result<()> {
        self.0.simulate(theta, stream, data)?;
        if theta[0] < 0.9 {
            data[3] = f64::NAN;
        }
        if theta[0] > 1.0 { Err(Error::simulation_failed("too loud")) } else { Ok(()) }
    }
}

#[test]
fn failed_simulations_are_never_accepted() {
    let problem = Variance::new();
    let simulator = Fragile(Gaussian::variance(10, 0.0));
    let forward = Forward { simulator: &simulator, ..problem.forward() };
    let run = |observed, settings: &Settings| {
        let estimates = forward.seeded(Seed::new(6));
        sample(&estimates, &problem.prior, &problem.metric, &[vec![observed]], settings, &Quiet)
    };
    // A failed row of zeros would lie on an observation of 0.
    for settings in [within(100.0, 50_000), nearest_of(400, 50_000)] {
        let (samples, failures) = run(0.0, &settings).expect("accepted");
        let samples = &samples[0];
        // Of the prior's width, 0.8 is too quiet and 4.0 too loud.
        let share = |cause| failures.counts[&cause] as f64 / 50_000.0;
        assert!((share(Cause::NotFinite) - 0.8 / 4.9).abs() < 0.01 && (share(Cause::Refused) - 4.0 / 4.9).abs() < 0.01);
        assert!(failures.first.windows(2).all(|pair| pair[0].index < pair[1].index) && failures.first.len() == 1000);
        assert!(samples.theta.iter().all(|x| (0.9..=1.0).contains(x)));
    }
    let error = run(1.0, &nearest_of(5000, 50_000)).expect_err("too few");
    assert!(error.is_simulation_failed() && error.to_string().contains("narrow the prior"), "{error}");
}

#[test]
fn no_acceptance_names_the_epsilon_that_would_do() {
    let problem = Variance::new();
    let error = run(&problem, &[vec![1.0], vec![40.0]], &within(0.01, 50_000), 7).expect_err("none");
    let text = error.to_string();
    assert!(error.is_numerical() && text.contains("observation 1: the smallest distance is"), "{text}");
    let epsilon: f64 = text.split("epsilon = ").nth(1).and_then(|t| t.split(' ').next()?.parse().ok()).expect("number");
    let samples = &run(&problem, &[vec![40.0]], &within(epsilon, 50_000), 7).expect("accepted")[0];
    assert!(samples.n_samples().abs_diff(1000) <= 1, "{}", samples.n_samples());
}

#[test]
fn impossible_settings_and_shapes_are_refused_by_key() {
    let problem = Variance::new();
    let refused = |settings: Settings| run(&problem, &[vec![1.0]], &settings, 0).expect_err("refused");
    let both = Settings { n_accepted: Some(10), ..within(0.1, 100) };
    for (settings, key) in [
        (Settings::default(), "n_accepted"),
        (both, "epsilon"),
        (within(0.0, 100), "epsilon"),
        (within(f64::NAN, 100), "epsilon"),
        (nearest_of(0, 100), "n_accepted"),
        (nearest_of(101, 100), "n_accepted"),
        (within(0.1, 0), "n_simulations"),
    ] {
        let error = refused(settings);
        assert!(error.is_invalid_input() && error.key() == Some(key), "{error}");
    }
    assert!(run(&problem, &[vec![1.0, 2.0]], &within(0.1, 100), 0).expect_err("shape").is_invalid_input());
    assert!(run(&problem, &[vec![f64::NAN]], &within(0.1, 100), 0).expect_err("NaN").is_invalid_input());
    assert!(toml::from_str::<Settings>("epsilonn = 1.0").is_err());
    assert_eq!(toml::from_str::<Settings>("epsilon = 0.5").expect("reads").epsilon, Some(0.5));
    let few = Settings { regression_adjustment: true, ..nearest_of(2, 100) };
    assert!(run(&problem, &[vec![1.0]], &few, 0).expect_err("too few").is_numerical());
}

#[test]
fn an_epsilon_of_four_digits_accepts_no_fewer() {
    for x in [0.000_012_345_6, 0.999_999_9, 0.123_44, 0.123_45, 12.345_000_1, 98_765.4, 3e-9] {
        let (near, above) = (four_digits(x, false), four_digits(x, true));
        assert!(above >= x && above <= 1.001 * x && (near / x - 1.0).abs() <= 0.0005, "{x}: {near} {above}");
        let digits = above.to_string().replace('.', "").trim_matches('0').len();
        assert!(digits <= 4, "{above}");
    }
    assert_eq!([four_digits(0.123_41, true), four_digits(0.123_41, false)], [0.1235, 0.1234]);
}
