//! Sources of estimates: the same from any pool and any cut, exact counts of failures, the limit, the end asked for.

use super::*;
use crate::failure::Cause;
use crate::lfi::forward::chunk_size;
use crate::lfi::testing::{Variance, with_threads};
use crate::lfi::{abc, pmc};
use crate::simulator::{Gaussian, Simulator};
use crate::{Parameter, Stream};
use std::sync::atomic::{AtomicU64, Ordering};

/// The variance problem, outside this process in name: with threads of its own, and failures at chance.
struct Outside {
    inner: Gaussian,
    pool: Option<rayon::ThreadPool>,
    failing: fn(&[f64], &mut [f64]) -> Result<()>,
}

impl Outside {
    fn new(threads: Option<usize>, failing: fn(&[f64], &mut [f64]) -> Result<()>) -> Self {
        let pool = threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("pool"));
        Self { inner: Gaussian::variance(10, 0.0), pool, failing }
    }
}

impl Simulator for Outside {
    fn parameters(&self) -> &[Parameter] {
        self.inner.parameters()
    }

    fn shape(&self) -> &[usize] {
        self.inner.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        self.inner.simulate(theta, stream, data)?;
        (self.failing)(theta, data)
    }

    fn pool(&self) -> Option<&rayon::ThreadPool> {
        self.pool.as_ref()
    }
}

/// One in ten fails, one in ten of the others is NaN; as the data fall, so as the stream says.
fn one_in_five(_: &[f64], data: &mut [f64]) -> Result<()> {
    let digits = (data[9].abs() * 1e6) as u64;
    if digits % 10 == 3 {
        return Err(Error::simulation_failed("three"));
    }
    if digits % 100 == 77 {
        data[9] = f64::INFINITY;
    }
    Ok(())
}

fn thetas(n: usize) -> Vec<f64> {
    (0..n).map(|i| 0.1 + 4.9 * i as f64 / n as f64).collect()
}

/// Bits, in which NaN is itself.
fn run(simulator: &Outside, n: usize) -> (Vec<u64>, Failures) {
    let problem = Variance::new();
    let forward = Forward { simulator, ..problem.forward() };
    let mut theta_hat = vec![0.0; n];
    let failures = forward.seeded(Seed::new(1)).estimates("a/b", &thetas(n), 1000, &mut theta_hat).expect("run");
    (theta_hat.iter().map(|x| x.to_bits()).collect(), failures)
}

#[test]
fn it_is_the_same_here_and_outside_on_any_number_of_threads_with_exact_counts() {
    let here = Outside::new(None, one_in_five);
    let expected = run(&here, 5000);
    for threads in [1, 2, 7] {
        assert!(expected == with_threads(threads, || run(&here, 5000)), "{threads} threads");
        assert!(expected == run(&Outside::new(Some(threads), one_in_five), 5000), "{threads} outside");
    }
    let (estimates, failures) = expected;
    let failed = estimates.iter().filter(|bits| f64::from_bits(**bits).is_nan()).count() as u64;
    assert_eq!(failures.n(), failed);
    // Binomial: 500 ± 21 and 50 ± 7; five standard deviations.
    let count = |cause| failures.counts[&cause];
    assert!(count(Cause::Refused).abs_diff(500) < 106 && count(Cause::NotFinite).abs_diff(50) < 35, "{failures:?}");
    for record in &failures.first {
        let row = (record.index - 1000) as usize;
        assert!(f64::from_bits(estimates[row]).is_nan() && record.theta == thetas(5000)[row..=row]);
    }
    // The label is a path of branches.
    let problem = Variance::new();
    let forward = Forward { simulator: &here, ..problem.forward() };
    let mut theta_hat = vec![0.0; 5000];
    forward.simulate(&thetas(5000), Seed::new(1).label("a").label("b"), 1000, &mut theta_hat, &Quiet).expect("run");
    assert!(theta_hat.iter().map(|x| x.to_bits()).eq(estimates));
}

#[test]
fn chunks_depend_on_the_number_of_rows_alone() {
    assert_eq!([1, 64, 1000, 8192, 1 << 18].map(chunk_size), [8, 8, 31, 256, 256]);
}

#[test]
fn an_error_that_stands_in_every_way_is_passed_on() {
    let no_program = |_: &[f64], _: &mut [f64]| Err(Error::invalid_input("no such program"));
    for threads in [None, Some(2)] {
        let simulator = Outside::new(threads, no_program);
        let problem = Variance::new();
        let forward = Forward { simulator: &simulator, ..problem.forward() };
        let error = forward.seeded(Seed::new(1)).estimates("x", &thetas(100), 0, &mut [0.0; 100]).expect_err("error");
        assert!(error.is_invalid_input(), "{error}");
    }
}

#[test]
fn too_many_failures_end_both_methods_at_the_same_simulation() {
    let problem = Variance::new();
    let simulator = Outside::new(None, one_in_five);
    let forward = Forward { simulator: &simulator, ..problem.forward() };
    let local = forward.seeded(Seed::new(3));
    let abc = abc::Settings { n_simulations: 50_000, n_accepted: Some(100), ..abc::Settings::default() };
    let pmc = pmc::Settings { n_particles: 200, n_initial: 1000, ..pmc::Settings::default() };
    let both = |fraction: f64| {
        let (limit, observed) = (|| Limited::new(&local, fraction), [vec![1.0]]);
        let abc = abc::sample(&limit(), &problem.prior, &problem.metric, &observed, &abc, &Quiet).map(|all| all.1);
        let pmc =
            pmc::sample(&limit(), &problem.prior, &problem.metric, &[1.0], &pmc, &Quiet).map(|all| all.1.failures);
        [abc, pmc]
    };
    for outcome in both(0.2) {
        assert!(outcome.expect("few enough").n() > 0);
    }
    let texts: Vec<String> = both(0.05).map(|outcome| outcome.expect_err("too many").to_string()).into();
    for (text, of) in texts.iter().zip(["of 16384 simulations failed: ", "of 1000 simulations failed: "]) {
        let parts = [of, " refused, ", "the first: three; ", "raise max_failed_fraction"];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    let on = |threads| with_threads(threads, || both(0.05).map(|outcome| outcome.expect_err("too many").to_string()));
    assert!(texts == on(1) && texts == on(7));
    // Fewer than twenty say nothing.
    let limited = Limited::new(&local, 0.0);
    for n in [19, 1] {
        let outcome = limited.estimates("x", &thetas(n), if n == 1 { 19 } else { 0 }, &mut vec![0.0; n]);
        assert_eq!(outcome.is_ok(), n == 19);
    }
}

/// Wants an end once it was asked so often.
struct After(AtomicU64);

impl Progress for After {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn stop_requested(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
    }
}

#[test]
fn an_end_is_heard_between_batches_and_between_simulations() {
    let problem = Variance::new();
    let local = problem.forward().seeded(Seed::new(1));
    let abc = abc::Settings { n_simulations: 100_000, n_accepted: Some(100), ..abc::Settings::default() };
    let pmc = pmc::Settings { n_particles: 200, n_initial: 400, ..pmc::Settings::default() };
    let (prior, metric) = (&problem.prior, &problem.metric);
    let after = |n| After(AtomicU64::new(n));
    let error = abc::sample(&local, prior, metric, &[vec![1.0]], &abc, &after(1)).expect_err("stopped");
    assert!(error.is_interrupted() && error.to_string().contains("after 16384 of 100000 simulations"), "{error}");
    let error = pmc::sample(&local, prior, metric, &[1.0], &pmc, &after(1)).expect_err("stopped");
    assert!(error.is_interrupted() && error.to_string().contains("after 400 simulations"), "{error}");
    let stop = after(3);
    let local = Local { progress: &stop, ..local };
    let error = local.estimates("x", &thetas(1000), 0, &mut [0.0; 1000]).expect_err("stopped");
    assert!(error.is_interrupted(), "{error}");
}
