//! Known answers of the network's training, files, threads and its gradient as a whole.

use super::loss::{Loss, Regulariser};
use super::*;
use crate::compressor::{Run, SummaryMoments};
use crate::nn::{Activation, Layer, Workspace, initialise};
use crate::npy::{Rows, one_after_another};
use crate::progress::Quiet;
use crate::seed::Seed;
use crate::simulator::{Gaussian, Simulator};
use crate::store::{Origin, StoredSet};
use serde_json::{Value, json};

fn set(simulator: &dyn Simulator, theta: &[f64], delta: Option<&[f64]>, n: usize, seed: u64) -> SimulationSet {
    let mut set = SimulationSet::new(simulator, theta, delta, n, n).expect("valid");
    set.fill(simulator, Seed::new(seed), 0).expect("simulated");
    set
}

fn ln_det(imnn: &Imnn, set: &SimulationSet) -> f64 {
    let (x, dx) = imnn.summarise(set).expect("in memory");
    let moments = SummaryMoments::from_simulations(&x, &dx, imnn.n_summaries(), set.n_params()).expect("enough");
    moments.fisher().expect("regular").ln_det
}

/// The two-pass gradient against differences of the whole loss: simulations in, number out.
#[test]
fn the_two_pass_gradient_is_that_of_finite_differences() {
    let simulator = Gaussian::mean_and_variance(4);
    let regulariser = Regulariser::new(10.0, 0.1).expect("valid");
    for (delta, with_score) in [(None, false), (Some([0.2, 0.2]), false), (None, true)] {
        let set = set(&simulator, &[0.0, 1.0], delta.as_ref().map(<[f64; 2]>::as_slice), 40, 1);
        let score = with_score.then(|| Score::fit(&set, None).expect("regular"));
        let scaling = Scaling::fit(Input::Standardise, &set).expect("valid");
        let inputs = Inputs::new(&set, &scaling, score.as_ref(), u64::MAX).expect("in memory");
        let network = Network::perceptron(4, &[6], Activation::Silu, 2).expect("valid");
        let mut weights: Vec<f32> = initialise(&network, Seed::new(2));
        let value = |weights: &[f32]| {
            let (moments, _) = inputs.moments(&inputs.apply(&network, weights).expect("in memory"), 2).expect("enough");
            Loss::new(&moments, regulariser).expect("regular").value
        };
        let (moments, x) = inputs.moments(&inputs.apply(&network, &weights).expect("in memory"), 2).expect("enough");
        let loss = Loss::new(&moments, regulariser).expect("regular");
        let cotangents = inputs.cotangents(&loss, &moments, &x, 2);
        let mut gradient = vec![0.0; weights.len()];
        let mut workspaces = <[Workspace<f32>; 3]>::default();
        inputs.gradient(&network, &weights, &cotangents, &mut workspaces, &mut gradient).expect("in memory");
        let size = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        for k in 0..weights.len() {
            let kept = weights[k];
            weights[k] = kept + 3e-3;
            let above = value(&weights);
            weights[k] = kept - 3e-3;
            let difference = (above - value(&weights)) / 6e-3;
            weights[k] = kept;
            // Differences in f32 keep three digits.
            assert!(
                (f64::from(gradient[k]) - difference).abs() < 3e-3 * f64::from(size),
                "{k}: {} {difference}",
                gradient[k]
            );
        }
    }
}

fn quick() -> Settings {
    Settings {
        hidden: vec![64],
        activation: Activation::Silu,
        n_s: 500,
        n_d: 500,
        max_iterations: 600,
        learning_rate: 1e-2,
        ..Settings::default()
    }
}

#[test]
fn the_variance_of_ten_points_gives_information_five_from_any_derivative() {
    let simulator = Gaussian::variance(10, 0.0);
    let independent = set(&simulator, &[1.0], None, 20_000, 99);
    for delta in [None, Some([0.1])] {
        let delta = delta.as_ref().map(<[f64; 1]>::as_slice);
        let (first, held_out) = (set(&simulator, &[1.0], delta, 500, 1), set(&simulator, &[1.0], delta, 500, 2));
        let training = Training::Fresh { simulator: &simulator, like: &first };
        let run = Run::new(Seed::new(3), &Quiet);
        let Outcome { imnn, history, .. } = train(training, &held_out, &quick(), &run).expect("trained");
        let fisher = ln_det(&imnn, &independent).exp();
        // The truth is 5; the estimate from 20 000 simulations scatters by 1 %.
        assert!((4.6..5.2).contains(&fisher), "F = {fisher}");
        assert!(history.last().expect("judged").covariance_distance < 0.5);
    }
}

#[test]
fn training_does_not_depend_on_the_number_of_threads_and_the_file_keeps_all() {
    let simulator = Gaussian::mean_and_variance(6);
    let (first, held_out) = (set(&simulator, &[0.0, 1.0], None, 300, 1), set(&simulator, &[0.0, 1.0], None, 300, 2));
    let settings =
        Settings { max_iterations: 10, evaluate_every: 5, add_to_score: true, input: Input::Whiten, ..quick() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let training = Training::Fresh { simulator: &simulator, like: &first };
            train(training, &held_out, &settings, &Run::new(Seed::new(3), &Quiet)).expect("trained")
        })
    };
    let outcome = run(1);
    assert!(run(2) == outcome && run(7) == outcome);
    let imnn = outcome.imnn;
    let path = std::env::temp_dir().join(format!("posterity-imnn-{}.safetensors", std::process::id()));
    imnn.write(&path, Metadata::new()).expect("written");
    assert_eq!(Imnn::read(&path).expect("read"), imnn);
    std::fs::remove_file(&path).expect("removed");
    // Compression, row by row or all at once, is what training saw.
    let mut all = vec![0.0; 300 * imnn.n_summaries()];
    imnn.compress(&first.fiducial.all().expect("in memory"), &mut all);
    let summarised = imnn.summarise(&first).expect("in memory").0;
    all.iter().zip(summarised).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
}

/// A digest covers damage by chance; what a hand has made must fit together as well.
#[test]
fn a_file_whose_parts_do_not_fit_is_refused() {
    let path = std::env::temp_dir().join(format!("posterity-imnn-parts-{}.safetensors", std::process::id()));
    let network = Network::perceptron(2, &[3], Activation::Silu, 2).expect("valid");
    let weights: Vec<f32> = initialise(&network, Seed::new(1));
    let scaling = |n: usize, map: Value| json!({ "mean": vec![0.0; n], "map": map });
    let right = || scaling(2, json!({ "diagonal": [1.0, 2.0] }));
    let score = |n_in: usize, weights: usize| {
        let network = json!({ "input": { "channels": n_in, "size": [] }, "layers": [{ "kind": "dense", "width": 2 }] });
        json!({ "network": network, "weights": vec![0.5; weights] })
    };
    let read = |scaling: Value, score: Value| {
        let beside = json!({ "scaling": scaling, "score": score });
        write_weights(&path, &network, &weights, Metadata::from([(METADATA.into(), beside)])).expect("written");
        Imnn::read(&path)
    };
    let triangle = json!({ "triangle": [[1.0, 0.0], [0.5, 1.0]] });
    for (scaling, score) in [(right(), Value::Null), (scaling(2, triangle), score(2, 6))] {
        let imnn = read(scaling, score).expect("fits");
        imnn.compress(&[0.1, 0.2], &mut vec![0.0; imnn.n_summaries()]);
    }
    let cases = [
        (
            scaling(3, json!({ "diagonal": [1.0, 1.0, 1.0] })),
            Value::Null,
            "the scaling is of 3 data, and the network takes 2",
        ),
        (scaling(2, json!({ "diagonal": [1.0] })), Value::Null, "the scaling maps 2 data to 1, and has means of 2"),
        (scaling(2, json!({ "triangle": [[1.0]] })), Value::Null, "the scaling maps 1 data to 1, and has means of 2"),
        (right(), score(3, 8), "the score is of 3 data, and the network takes 2"),
        (right(), score(2, 5), "the score has 5 weights, and its layer takes 6"),
    ];
    for (scaling, score, expected) in cases {
        let error = read(scaling, score).expect_err(expected);
        assert!(error.is_corrupt_file() && error.file() == Some(&path), "{error}");
        assert!(error.to_string().contains(expected), "{error} / {expected}");
    }
    std::fs::remove_file(&path).expect("removed");
}

/// One normal draw has F = diag(1, ½) about mean and variance 1: summaries that are not linear keep two parameters of it.
#[test]
fn a_network_informs_of_more_parameters_than_there_are_data() {
    let simulator = Gaussian::mean_and_variance(1);
    let (first, held_out) = (set(&simulator, &[0.0, 1.0], None, 500, 1), set(&simulator, &[0.0, 1.0], None, 500, 2));
    let training = Training::Fresh { simulator: &simulator, like: &first };
    let run = Run::new(Seed::new(3), &Quiet);
    let imnn = train(training, &held_out, &quick(), &run).expect("trained").imnn;
    let found = ln_det(&imnn, &set(&simulator, &[0.0, 1.0], None, 20_000, 99));
    // The truth is −ln 2 = −0.693; the estimate scatters by √(2 · 2/20 000) = 0.014.
    assert!((-0.9..-0.62).contains(&found), "{found}");
}

#[test]
fn a_small_fixed_set_is_overfitted_and_the_best_weights_are_the_held_out_ones() {
    let simulator = Gaussian::mean_and_variance(10);
    let (fixed, held_out) = (set(&simulator, &[0.0, 1.0], None, 100, 1), set(&simulator, &[0.0, 1.0], None, 1000, 2));
    let settings = Settings { max_iterations: 400, patience: 1000, evaluate_every: 20, ..quick() };
    let run = Run::new(Seed::new(3), &Quiet);
    let Outcome { imnn, history, .. } = train(Training::Fixed(&fixed), &held_out, &settings, &run).expect("trained");
    let last = history.last().expect("judged");
    let best = history.iter().map(|e| e.ln_det_fisher_held_out).fold(f64::NEG_INFINITY, f64::max);
    assert!(last.ln_det_fisher_train > best + 1.0 && last.ln_det_fisher_held_out < best, "{last:?} {best}");
    assert!((ln_det(&imnn, &held_out) - best).abs() < 1e-6);
}

/// What is not held in memory is read again at each pass, in blocks: not a bit of the outcome differs.
#[test]
fn training_from_a_disk_gives_the_same_bits_as_from_memory() {
    use crate::simulator::GaussianField;
    let folder = std::env::temp_dir().join(format!("posterity-on-disk-{}", std::process::id()));
    let field = GaussianField::new(32, 2).expect("valid");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let layers: Vec<Layer> = serde_json::from_value(serde_json::json!([
        { "kind": "multipole", "channels": 4, "kernel_size": 3 },
        { "kind": "square" },
        { "kind": "global_mean" },
    ]))
    .expect("layers");
    for (delta, augment) in [(None, false), (Some(&[0.1, 0.1][..]), false), (Some(&[0.1, 0.1]), true)] {
        // Several blocks of each kind: one has 2¹⁹ values for each thread.
        let simulations = set(&field, &[1.0, 0.5], delta, 1400, 1);
        let held_out = set(&field, &[1.0, 0.5], delta, 100, 2);
        let stored = StoredSet {
            parameters: vec!["amplitude".into(), "slope".into()],
            simulations: simulations.clone(),
            origin: Origin { simulator: "gaussian_field".into(), ..Origin::default() },
        };
        stored.write(&folder).expect("written");
        let on_disk = StoredSet::read(&folder).expect("read").simulations;
        let apart = |rows: &Rows| one_after_another(vec![rows.slice(0..99), rows.slice(99..usize::MAX)]);
        // Not mapped as a whole, so that it has to be read.
        let on_disk = SimulationSet { fiducial: apart(&on_disk.fiducial), ..on_disk };
        let settings = Settings {
            layers: layers.clone(),
            input: Input::StandardiseField,
            augment,
            simulations: Simulations::Fixed,
            max_iterations: 2,
            ..quick()
        };
        let train = |set: &SimulationSet, memory: u64| {
            let run = Run { memory, ..Run::new(Seed::new(3), &Quiet) };
            pool.install(|| train(Training::Fixed(set), &held_out, &settings, &run)).expect("trained")
        };
        let held = train(&simulations, u64::MAX);
        assert!(train(&simulations, 0) == held && train(&on_disk, 0) == held && train(&on_disk, u64::MAX) == held);
        let summaries = |set: &SimulationSet| held.imnn.summarise(set).expect("read");
        assert!(summaries(&on_disk) == summaries(&simulations));
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
