//! What the outlook says against what comes true: with more simulations, and with more training simulations.

use crate::compressor::fisher::tests::draw;
use crate::compressor::imnn::{self, Training};
use crate::compressor::{Compression, Independent, Outlook, Run, Settings, score};
use crate::math::Matrix;
use crate::progress::Quiet;
use crate::seed::Seed;
use crate::simulator::{Gaussian, Line, SimulationSet, Simulator};

/// The law a + b/n takes the bias of noisy derivatives off, and standard deviations are as large as the scatter.
#[test]
fn the_extrapolation_is_at_the_truth_within_its_error() {
    let n_trials = 200_u64;
    let (mut bias, mut off, mut square, mut variance, mut expected, mut found) = (0.0, 0.0_f64, 0.0, 0.0, 0.0, 0.0);
    for trial in 0..n_trials {
        let (x, dx, fisher) = draw(Seed::new(5).branch(trial), 400, 100, 0.8);
        let truth = fisher.cholesky().expect("positive").ln_det();
        let outlook = Outlook::new(&x, &dx, 8, 2, true).expect("enough");
        let n = n_trials as f64;
        bias += (outlook.ln_det + outlook.bias - truth) / n;
        off += (outlook.ln_det - truth) / n;
        square += (outlook.ln_det - truth).powi(2) / n;
        variance += outlook.sd.powi(2) / n;
        expected += outlook.error_bar_accuracy(1.0).powi(2) / n;
        // The error bar of the first parameter against the true one.
        let all = super::SummaryMoments::from_simulations(&x, &dx, 8, 2).expect("enough").fisher().expect("regular");
        let bar = |f: &Matrix| f.cholesky().expect("positive").inverse()[(0, 0)].sqrt();
        found += (bar(&all.matrix) / bar(&fisher) - 1.0).powi(2) / n;
    }
    // The mean of 200 scatters by 0.35/√200 = 0.025; a variance from 200 by a tenth.
    assert!(bias > 0.07 && off.abs() < 0.065, "{bias} {off}");
    assert!((0.7..1.4).contains(&(variance / square)), "{variance} {square}");
    // Of two error bars the worse is told.
    assert!((0.75..2.0).contains(&(expected / found)), "{expected} {found}");
}

#[test]
fn four_times_as_many_simulations_give_what_was_said() {
    let (mut said, mut came) = (0.0_f64, 0.0_f64);
    for trial in 0..40 {
        let accuracy = |n: usize| {
            let (x, dx, _) = draw(Seed::new(6).branch(trial), n, n, 0.3);
            let outlook = Outlook::new(&x, &dx, 8, 2, true).expect("enough");
            (outlook.error_bar_accuracy(1.0), outlook.error_bar_accuracy(4.0))
        };
        said += accuracy(300).1;
        came += accuracy(1200).0;
    }
    assert!((said / came - 1.0).abs() < 0.15, "{said} {came}");
}

/// ln det F of independent simulations after learning from so many fixed ones, and what is said of `factor` as many.
fn learn(simulator: &dyn Simulator, theta: &[f64], settings: &Settings, n: usize, seed: u64) -> Outlook {
    let sets = [0, 1].map(|part| {
        let mut set = SimulationSet::new(simulator, theta, None, n, n).expect("valid");
        set.fill(simulator, Seed::new(seed).branch(part), 0).expect("simulated");
        set
    });
    let independent = Some(Independent::Drawn { simulator, delta: None, n: 10_000 });
    let run = Run::new(Seed::new(seed), &Quiet);
    let training = Training::Fixed(&sets[0]);
    let learnt = Compression::learn(settings, training, &sets[1], independent, simulator.parameters(), &run);
    learnt.expect("learnt").knowledge.outlook.expect("enough")
}

/// What was said of `factor` times as many training simulations, and what came of them, on average over seeds.
fn said_and_came(simulator: &dyn Simulator, theta: &[f64], settings: &Settings, n: usize, factor: usize) -> (f64, f64) {
    const SEEDS: u64 = 4;
    let (mut said, mut came) = (0.0_f64, 0.0_f64);
    for seed in 0..SEEDS {
        let [few, many] = [n, factor * n].map(|n| learn(simulator, theta, settings, n, 10 * seed));
        let gain = few.gain(factor as f64).unwrap_or_default();
        said += gain.0 / SEEDS as f64;
        came += (many.ln_det - few.ln_det) / SEEDS as f64;
    }
    (said, came)
}

/// Fresh simulations leave nothing to be overfitted, and a gap within its noise promises nothing.
#[test]
fn there_is_no_false_alarm() {
    let (x, dx, _) = draw(Seed::new(8), 1000, 1000, 0.1);
    let outlook = Outlook::new(&x, &dx, 8, 2, true).expect("enough");
    assert!(outlook.gain(4.0).is_none() && !outlook.advice().contains("training"), "{}", outlook.advice());
    let mut train = super::SummaryMoments::from_simulations(&x, &dx, 8, 2).expect("enough").fisher().expect("regular");
    train.ln_det += outlook.sd;
    let same = outlook.clone().with_training(&train, Outlook::STOPPED);
    assert!(same.gain(4.0).is_none() && same.advice().contains("less than can be seen"), "{}", same.advice());
    train.ln_det += 8.0 * outlook.sd;
    let far = outlook.with_training(&train, Outlook::STOPPED);
    let (gain, _) = far.gain(4.0).expect("overfitted");
    let gap = far.overfitting.expect("overfitted").gap;
    assert!((gain - gap / 4.0).abs() < 1e-12 && far.advice().contains("would raise it by about"), "{}", far.advice());
    assert!(Outlook::new(&x[..40 * 8], &dx[..4 * 16], 8, 2, true).is_none());
}

/// The score of 100 data: C from n simulations loses ln(1 − 100/n), whatever the line.
#[test]
fn more_training_simulations_give_the_score_what_was_said() {
    let line = Line::slope(100, 1.0, 0.0);
    let settings = Settings::Score(score::Settings::default());
    let (said, came) = said_and_came(&line, &[1.0], &settings, 600, 4);
    let exact = (1.0 - 100.0 / 2400.0_f64).ln() - (1.0 - 100.0 / 600.0_f64).ln();
    // Independent simulations are others after each: a scatter of 2 · √(2/10⁴)/√4 = 0.01.
    assert!((came - exact).abs() < 0.04, "{came} {exact}");
    assert!((said / exact - 1.0).abs() < 0.35, "{said} {exact}");
}

#[test]
#[ignore = "takes minutes"]
fn more_training_simulations_give_a_network_what_was_said() {
    const SEEDS: u64 = 8;
    let gaussian = Gaussian::mean_and_variance(10);
    for (hidden, max_iterations) in [(vec![32, 32], 600), (vec![128, 128], 600), (vec![64], 2000)] {
        let settings =
            Settings::Imnn(imnn::Settings { hidden: hidden.clone(), max_iterations, ..imnn::Settings::default() });
        let numbers = [200, 400, 800, 1600];
        let found = numbers.map(|n| {
            let of = |seed| learn(&gaussian, &[0.0, 1.0], &settings, n, 10 * seed);
            let all: Vec<_> = (0..SEEDS).map(of).collect();
            let mean = |f: &dyn Fn(&Outlook) -> f64| all.iter().map(f).sum::<f64>() / SEEDS as f64;
            let said = mean(&|o| o.gain(4.0).unwrap_or_default().0);
            [mean(&|o| o.overfitting.expect("fixed").gap), said, mean(&|o| o.ln_det)]
        });
        for (few, many) in [(found[0], found[2]), (found[1], found[3])] {
            let (said, came) = (few[1], many[2] - few[2]);
            assert!((0.65..1.5).contains(&(said / came)), "{hidden:?}: {said} {came} {found:?}");
        }
    }
}
