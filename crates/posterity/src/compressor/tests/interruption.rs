//! Interrupted at any moment and run again, learning gives what it gives undisturbed, bit for bit.

use super::*;
use crate::compressor::imnn::{Outcome, Simulations, train};
use crate::compressor::{Compression, Independent, Run, score};
use crate::progress::Quiet;
use crate::simulator::Gaussian;
use std::panic::{AssertUnwindSafe, catch_unwind};

const NEVER: Duration = Duration::from_secs(1_000_000);
const THETA: [f64; 2] = [0.0, 1.0];

fn quick() -> Settings {
    Settings {
        hidden: vec![16],
        max_iterations: 60,
        evaluate_every: 10,
        patience: 3,
        weight_decay: 0.1,
        learning_rate: 1e-2,
        ..Settings::default()
    }
}

/// Kinds of training: name, settings, δ.
fn cases() -> [(&'static str, Settings, Option<[f64; 2]>); 4] {
    let fixed = Settings { simulations: Simulations::Fixed, learning_rate: 0.3, evaluate_every: 5, ..quick() };
    let fixed = Settings { average: 0.9, ..fixed };
    [
        ("fresh and exact", quick(), None),
        ("fixed with differences, out of patience", fixed, Some([0.2, 0.2])),
        ("added to the score of the set", Settings { add_to_score: true, ..quick() }, Some([0.2, 0.2])),
        (
            "added to a score of its own",
            Settings { add_to_score: true, score_n_s: Some(300), average: 0.0, ..quick() },
            None,
        ),
    ]
}

fn run(settings: &Settings, delta: Option<[f64; 2]>, run: &Run<'_>) -> Result<Outcome> {
    let simulator = Fails { simulator: Gaussian::mean_and_variance(5), fraction: 0.02, above: None };
    let delta = delta.as_ref().map(<[f64; 2]>::as_slice);
    let [first, held_out] = [1, 2].map(|seed| set(&simulator, &THETA, delta, 100, seed));
    let training = match settings.simulations {
        Simulations::Fresh => Training::Fresh { simulator: &simulator, like: &first },
        Simulations::Fixed => Training::Fixed(&first),
    };
    train(training, &held_out, settings, run)
}

fn kept<'a>(progress: &'a dyn Progress, checkpoint: &'a Checkpoint) -> Run<'a> {
    Run { checkpoint: Some(checkpoint), ..Run::new(Seed::new(3), progress) }
}

#[test]
fn training_that_is_stopped_and_continued_is_the_undisturbed_one() {
    let folder = Folder::new("stopped");
    for (name, settings, delta) in cases() {
        let whole = run(&settings, delta, &Run::new(Seed::new(3), &Quiet)).expect("trained");
        let last = whole.history.last().expect("judged").iteration;
        assert!((last < 60) == name.contains("patience") && last >= 20, "{name}: {last}");
        assert_eq!(whole.failures.n() > 0, settings.simulations == Simulations::Fresh);
        let checkpoint = folder.checkpoint(NEVER);
        for (first, second) in [(0, 0), (1, 0), (9, 1), (10, 9), (11, 4), (18, 1)] {
            // The n-th question is asked after n − 1 iterations.
            let mut stands = 0;
            for more in [first, second] {
                let stops = Stops::after(more + 1);
                let error = run(&settings, delta, &kept(&stops, &checkpoint)).expect_err("stopped");
                let continued = (stands > 0).then(|| format!("continued from iteration {stands}"));
                assert_eq!(stops.continued().filter(|_| stands > 0), continued, "{name}");
                stands += more;
                let told = format!("stopped after iteration {stands} of 60; the same again continues there");
                assert!(error.is_interrupted() && error.to_string() == told, "{error}");
            }
            let outcome = run(&settings, delta, &kept(&Quiet, &checkpoint)).expect("trained");
            assert_eq!(outcome, whole, "{name} after {first} and {second}");
            assert_eq!(bytes(&outcome.imnn, &folder.0), bytes(&whole.imnn, &folder.0), "{name}");
            checkpoint.remove().expect("removed");
        }
        // Past the end: what was kept last is the outcome already.
        let checkpoint = folder.checkpoint(Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(run(&settings, delta, &kept(&Quiet, &checkpoint)).expect("trained"), whole, "{name}");
        }
        checkpoint.remove().expect("removed");
        assert_eq!(folder.n_files(), 0);
    }
    let error = run(&quick(), None, &Run::new(Seed::new(3), &Stops::after(4))).expect_err("stopped");
    assert!(error.to_string().contains("nothing is kept without a checkpoint"), "{error}");
}

#[test]
fn training_that_dies_between_two_writes_continues_from_the_last() {
    let folder = Folder::new("died");
    let checkpoint = folder.checkpoint(Duration::ZERO);
    for (name, settings, delta) in cases() {
        let whole = run(&settings, delta, &Run::new(Seed::new(3), &Quiet)).expect("trained");
        for at in [10, 20] {
            let stops = Stops { panics_at: at, ..Stops::after(usize::MAX) };
            let died = catch_unwind(AssertUnwindSafe(|| run(&settings, delta, &kept(&stops, &checkpoint))));
            assert!(died.is_err(), "{name}");
        }
        let watches = Stops::after(usize::MAX);
        assert_eq!(run(&settings, delta, &kept(&watches, &checkpoint)).expect("trained"), whole, "{name}");
        // It died after the judgement of iteration 20 and before that was written.
        assert_eq!(watches.continued().expect("told"), "continued from iteration 19", "{name}");
        checkpoint.remove().expect("removed");
    }
}

/// Where the process that is to be killed finds its folder.
const VICTIM: &str = "POSTERITY_TEST_VICTIM";

/// Started by the next test in a process of its own.
#[test]
#[ignore = "the next test runs it"]
fn victim() {
    let Some(folder) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let settings = Settings { max_iterations: 400, patience: 1000, ..quick() };
    let outcome = run(&settings, None, &kept(&Quiet, &checkpoint(&folder, Duration::ZERO))).expect("trained");
    outcome.imnn.write(&folder.join("out"), Metadata::new()).expect("written");
}

#[test]
fn training_that_is_killed_again_and_again_is_the_undisturbed_one() {
    let folder = Folder::new("killed");
    let settings = Settings { max_iterations: 400, patience: 1000, ..quick() };
    let whole = run(&settings, None, &Run::new(Seed::new(3), &Quiet)).expect("trained");
    let mut kills = 0;
    for attempt in 0.. {
        assert!(attempt < 500, "it never ends");
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "compressor::tests::interruption::victim", "--ignored"]).env(VICTIM, &folder.0);
        let mut child = child.stdout(std::process::Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(20 + 7 * (attempt % 11)));
        child.kill().expect("killed");
        let status = child.wait().expect("ended");
        if status.success() {
            break;
        }
        // Ended by a signal and by nothing else: a damaged checkpoint would end it with a status.
        assert_eq!(status.code(), None, "after {kills} kills");
        kills += 1;
        // Half-written files of killed processes have names of their own and stay.
        let left = std::fs::read_dir(&folder.0).expect("there").map(|entry| entry.expect("there").path());
        left.filter(|path| path.extension().is_some_and(|e| e == "partial"))
            .for_each(|path| std::fs::remove_file(path).expect("removed"));
    }
    assert!(kills >= 3, "{kills} kills");
    assert_eq!(std::fs::read(folder.0.join("out")).expect("there"), bytes(&whole.imnn, &folder.0));
}

#[test]
fn a_damaged_checkpoint_is_named_and_stays() {
    let folder = Folder::new("damaged");
    let checkpoint = folder.checkpoint(NEVER);
    run(&quick(), None, &kept(&Stops::after(20), &checkpoint)).expect_err("stopped");
    let whole = std::fs::read(&checkpoint.path).expect("there");
    let mut changed = whole.clone();
    changed[whole.len() - 5] ^= 4;
    for damaged in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &[], &changed] {
        std::fs::write(&checkpoint.path, damaged).expect("written");
        let error = run(&quick(), None, &kept(&Quiet, &checkpoint)).expect_err("damaged");
        assert!(error.is_corrupt_file() && error.file() == Some(&checkpoint.path), "{error}");
        assert!(error.to_string().ends_with("take it away, and training begins anew"), "{error}");
        assert_eq!(std::fs::read(&checkpoint.path).expect("there"), *damaged);
    }
    // Another file of ours is not taken for a checkpoint, nor overwritten.
    let imnn = run(&quick(), None, &Run::new(Seed::new(3), &Quiet)).expect("trained").imnn;
    imnn.write(&checkpoint.path, Metadata::new()).expect("written");
    assert!(run(&quick(), None, &kept(&Quiet, &checkpoint)).expect_err("no checkpoint").is_corrupt_file());
    assert_eq!(Imnn::read(&checkpoint.path).expect("read"), imnn);
}

#[test]
fn a_checkpoint_of_anything_else_is_not_continued_but_overwritten() {
    let folder = Folder::new("other");
    let mine = folder.checkpoint(NEVER);
    let simulator = Gaussian::mean_and_variance(5);
    let sets = [1, 2, 3].map(|seed| set(&simulator, &THETA, None, 100, seed));
    let settings = quick();
    let other_settings = Settings { weight_decay: 0.2, ..quick() };
    let other_caller = Checkpoint { identity: serde_json::json!({ "of": [1, 0.2] }), ..mine.clone() };
    let fixed = Training::Fixed(&sets[0]);
    let fresh = Training::Fresh { simulator: &simulator, like: &sets[0] };
    let others = [
        ("seed", fixed, &sets[1], &settings, &mine, 4),
        ("settings", fixed, &sets[1], &other_settings, &mine, 3),
        ("caller", fixed, &sets[1], &settings, &other_caller, 3),
        ("training set", Training::Fixed(&sets[2]), &sets[1], &settings, &mine, 3),
        ("held-out set", fixed, &sets[2], &settings, &mine, 3),
        ("kind of training", fresh, &sets[1], &settings, &mine, 3),
    ];
    for (name, training, held_out, settings, checkpoint, seed) in others {
        let stops = Stops::after(21);
        train(fixed, &sets[1], &quick(), &kept(&stops, &mine)).expect_err("stopped");
        let again = Stops::after(2);
        train(fixed, &sets[1], &quick(), &kept(&again, &mine)).expect_err("stopped");
        assert_eq!(again.continued().as_deref(), Some("continued from iteration 20"), "the same");
        let watches = Stops::after(6);
        let other = Run { seed: Seed::new(seed), ..kept(&watches, checkpoint) };
        train(training, held_out, settings, &other).expect_err("stopped");
        assert_eq!(watches.continued(), None, "{name}");
        let watches = Stops::after(usize::MAX);
        let other = Run { progress: &watches, ..other };
        let outcome = train(training, held_out, settings, &other).expect("trained");
        assert_eq!(watches.continued().as_deref(), Some("continued from iteration 5"), "{name}");
        let whole = train(training, held_out, settings, &Run { checkpoint: None, ..other }).expect("trained");
        assert_eq!(outcome, whole, "{name}");
        mine.remove().expect("removed");
    }
}

#[test]
fn the_independent_simulations_are_continued_block_by_block() {
    let folder = Folder::new("independent");
    let simulator = Fails { simulator: Gaussian::mean_and_variance(5), fraction: 0.02, above: None };
    let [first, held_out] = [1, 2].map(|seed| set(&simulator, &THETA, None, 200, seed));
    let independent = Independent::Drawn { simulator: &simulator, delta: None, n: 3500 };
    let learn = |settings: &crate::compressor::Settings, run: &Run<'_>| {
        let training = Training::Fresh { simulator: &simulator, like: &first };
        Compression::learn(settings, training, &held_out, Some(independent), simulator.parameters(), run)
    };
    let of_score = crate::compressor::Settings::Score(score::Settings::default());
    for settings in [of_score, crate::compressor::Settings::Imnn(quick())] {
        let whole = learn(&settings, &Run::new(Seed::new(3), &Quiet)).expect("learnt");
        let checkpoint = folder.checkpoint(NEVER);
        let questions = if let crate::compressor::Settings::Imnn(_) = settings { 60 } else { 0 };
        for done in [0, 1000, 2000, 3000] {
            let stops = Stops::after(questions + done / 1000 + 1);
            let error = learn(&settings, &kept(&stops, &checkpoint)).expect_err("stopped");
            let told = format!("stopped after {done} of 3500 independent simulations");
            assert!(error.is_interrupted() && error.to_string().contains(&told), "{error}");
            let watches = Stops::after(usize::MAX);
            assert_eq!(learn(&settings, &kept(&watches, &checkpoint)).expect("learnt"), whole, "{done}");
            let continued = watches.continued().expect("told");
            assert_eq!(continued, format!("continued from simulation {done}"));
            checkpoint.remove().expect("removed");
        }
        assert_eq!(folder.n_files(), 0);
    }
}
