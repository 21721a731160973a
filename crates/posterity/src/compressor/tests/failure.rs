//! Learning from simulations of which some fail: counted, left out with their partners, and no harm to the rest.

use super::*;
use crate::compressor::imnn::{Outcome, train};
use crate::compressor::{Compression, Independent, Knowledge, Run};
use crate::failure::Cause;
use crate::progress::Quiet;
use crate::simulator::{Gaussian, attempt};

fn fails(fraction: f64, above: Option<f64>) -> Fails<Gaussian> {
    Fails { simulator: Gaussian::variance(10, 0.0), fraction, above }
}

fn quick() -> Settings {
    Settings { hidden: vec![64], max_iterations: 600, learning_rate: 1e-2, ..Settings::default() }
}

fn run(simulator: &Fails<Gaussian>, delta: Option<&[f64]>, settings: &Settings, run: &Run<'_>) -> Result<Outcome> {
    let [first, held_out] = [1, 2].map(|seed| set(&fails(0.0, None), &[1.0], delta, 500, seed));
    train(Training::Fresh { simulator, like: &first }, &held_out, settings, run)
}

#[test]
fn three_in_a_hundred_failures_are_counted_and_cost_no_information() {
    let independent = set(&Gaussian::variance(10, 0.0), &[1.0], None, 20_000, 99);
    let delta = [0.1];
    // Differences lose pairs that fail above the fiducial point alone; exact derivatives go with their simulation.
    for (delta, above) in [(None, None), (Some(&delta[..]), Some(1.01))] {
        let of = |fraction| {
            let run_ = Run::new(Seed::new(3), &Quiet);
            run(&fails(fraction, above), delta, &quick(), &run_).expect("trained")
        };
        let (clean, outcome) = (of(0.0), of(0.03));
        assert_eq!(clean.failures.n(), 0);
        // Streams of iterations 2 to 600, tried one by one.
        let (simulator, streams) = (fails(0.03, above), Seed::new(3).label("fresh"));
        let theta = [if above.is_some() { 1.05 } else { 1.0 }];
        let mut counts = [0, 0];
        for index in 2 * 500..601 * 500 {
            let mut data = [0.0; 10];
            match attempt(&simulator, &theta, &mut streams.stream(index), &mut data).expect("tried") {
                Some(failure) if failure.cause == Cause::Refused => counts[0] += 1,
                Some(_) => counts[1] += 1,
                None => {}
            }
        }
        assert!(counts[0] > 4000 && counts[1] > 4000, "{counts:?}");
        let told = [Cause::Refused, Cause::NotFinite].map(|cause| outcome.failures.counts[&cause]);
        assert_eq!(told, counts);
        assert_eq!(outcome.failures.first.len(), 1000);
        // A derivative beside another's simulation would be noise.
        let seen = [&clean, &outcome].map(|o| o.history.last().expect("judged").ln_det_fisher_train);
        assert!((seen[0] - seen[1]).abs() < 0.5, "{seen:?}");
        // Both are 5 less what the networks miss; on the same 20 000 simulations, two trainings scatter by 0.01.
        let [clean, outcome] = [&clean.imnn, &outcome.imnn].map(|imnn| ln_det(imnn, &independent));
        assert!((clean.exp() - 4.9).abs() < 0.3 && (clean - outcome).abs() < 0.05, "{clean} {outcome}");
    }
}

#[test]
fn failures_do_not_let_threads_matter() {
    let settings =
        Settings { max_iterations: 12, evaluate_every: 4, add_to_score: true, score_n_s: Some(700), ..quick() };
    let simulator = fails(0.1, None);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| run(&simulator, None, &settings, &Run::new(Seed::new(3), &Quiet)).expect("trained"))
    };
    let outcome = on(1);
    // 11 iterations of 500 and a score of 700: 6200 simulations, 620 ± 24 failures.
    assert!((500..740).contains(&outcome.failures.n()), "{}", outcome.failures.text());
    assert!(on(2) == outcome && on(7) == outcome);
}

#[test]
fn too_many_failures_end_it_and_say_so() {
    let some = fails(0.2, None);
    let limited = Run { max_failed_fraction: 0.1, ..Run::new(Seed::new(3), &Quiet) };
    let error = run(&some, None, &quick(), &limited).expect_err("too many");
    let text = error.to_string();
    assert!(error.is_simulation_failed(), "{text}");
    for part in
        [" of 500 simulations failed (", " refused, ", " NaN or infinity; the first: ", "raise max_failed_fraction"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(run(&some, None, &Settings { max_iterations: 20, ..quick() }, &Run::new(Seed::new(3), &Quiet)).is_ok());
    for (settings, least) in [(quick(), 5), (Settings { add_to_score: true, score_n_s: Some(400), ..quick() }, 13)] {
        let error =
            run(&fails(0.999, None), None, &settings, &Run::new(Seed::new(3), &Quiet)).expect_err("too few left");
        let (text, wanted) = (error.to_string(), format!("of which {least} are wanted"));
        assert!(error.is_simulation_failed() && text.contains(&wanted) && text.contains("move the fiducial"), "{text}");
    }
}

#[test]
fn the_independent_estimate_leaves_failures_out_and_knowledge_tells_of_them() {
    let (simulator, clean) = (fails(0.03, None), fails(0.0, None));
    let [first, held_out] = [1, 2].map(|seed| set(&clean, &[1.0], None, 1000, seed));
    let learn = |simulator: &dyn Simulator, max_failed_fraction| {
        let settings = crate::compressor::Settings::Imnn(Settings { max_iterations: 200, ..quick() });
        let (training, independent) = (Training::Fixed(&first), Independent::Drawn { simulator, delta: None, n: 4500 });
        let run = Run { max_failed_fraction, ..Run::new(Seed::new(3), &Quiet) };
        Compression::learn(&settings, training, &held_out, Some(independent), simulator.parameters(), &run)
    };
    let (clean, knowledge) =
        (learn(&clean, 1.0).expect("learnt").knowledge, learn(&simulator, 1.0).expect("learnt").knowledge);
    let independent = |knowledge: &Knowledge| knowledge.independent.clone().expect("simulated");
    let n = knowledge.failures.n() as usize;
    assert!((100..180).contains(&n), "{n}");
    assert_eq!((independent(&knowledge).n_s, independent(&knowledge).n_d), (4500 - n, 4500 - n));
    // The same simulations but for 3 %: ln det F of these scatters by √(2/4500) √0.03 = 0.004.
    let difference = independent(&knowledge).ln_det - independent(&clean).ln_det;
    assert!(difference.abs() < 0.02, "{difference}");
    assert!(learn(&simulator, 0.01).expect_err("too many").is_simulation_failed());
    assert!(learn(&fails(0.9999, None), 1.0).expect_err("none left").is_simulation_failed());
    // Files of before know nothing of failures.
    let mut old = serde_json::to_value(&clean).expect("written");
    old.as_object_mut().expect("a table").remove("failures").expect("there");
    assert_eq!(serde_json::from_value::<Knowledge>(old).expect("read"), clean);
}
