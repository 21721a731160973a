//! Laws of the analysis file: what is read, what an override changes, and every error text of the check.

mod fields;

use super::*;
use crate::compressor::imnn::Input;
use crate::nn::Activation;
use crate::simulator::{Gaussian, SimulationSet};
use crate::store::{Origin, StoredSet};
use std::path::PathBuf;

/// The analysis that every error text is an edit of; `analysis.toml` in the texts.
const BASE: &str = r#"title = "t"
seed = 1
[simulator]
kind = "gaussian"
n_data = 10
[observation]
kind = "mock"
theta = { mean = 0.0, variance = 1.0 }
[prior.mean]
kind = "uniform"
low = -3
high = 3
[prior.variance]
kind = "uniform"
low = 0.1
high = 6
[fiducial]
mean = 0.0
variance = 1.0
[compressor]
kind = "imnn"
delta = { mean = 0.1, variance = 0.1 }
[infer]
methods = ["gaussian", "abc", "pmc"]
[infer.abc]
epsilon = 0.3
"#;

/// The changes, and the texts they bring.
const TEXTS: &str = include_str!("texts.txt");

/// Results of a run that sampled the weights of the default engine.
fn earlier() -> String {
    let crate::halo::Settings { engine, mixture } = crate::halo::Settings::default();
    let names = engine.names().into_iter().chain(mixture.names());
    let weights: serde_json::Map<String, serde_json::Value> =
        names.map(|name| (name, serde_json::json!({ "mean": 0.5 }))).collect();
    let field = serde_json::json!({ "n": 16, "box_length": 128.0 });
    let analysis = serde_json::json!({ "field": field, "halos": { "min_mass": 1e13 } });
    serde_json::json!({ "weights": weights, "analysis": analysis }).to_string()
}

/// A folder of its own with data files, right and wrong, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("posterity_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("written");
        write("ten.txt", b"# ten\n1 2,3\n4 5 6 7 # more\n8 9 10\n");
        write("gap.txt", b"1, 2, 3,\n4, 5, , 6, 7, 8, 9, 10, 11\n");
        write("empty.txt", b"# nothing\n\n");
        write("four.txt", b"1 2 3 4");
        write("nine.txt", b"1 2 3 4 5 6 7 8 9");
        write("word.txt", b"1 2 3\n4 five 6 7 8 9 10");
        write("nan.txt", b"1 2 3 4 5 6 7 8 9 nan");
        write("text.npy", b"1 2 3");
        write("ten.npy", &numpy(&(0..10).map(f64::from).collect::<Vec<_>>(), &[10], npyz::Order::C));
        write("single.npy", &numpy(&(0..10u8).map(f32::from).collect::<Vec<_>>(), &[10], npyz::Order::C));
        write("nine.npy", &numpy(&[0.0; 9], &[9], npyz::Order::C));
        write("whole.npy", &numpy(&[0i64; 10], &[10], npyz::Order::C));
        for (name, n_data) in [("set", 10), ("short", 9)] {
            let gaussian = Gaussian::mean_and_variance(n_data);
            let mut simulations = SimulationSet::new(&gaussian, &[0.0, 1.0], None, 20, 20).expect("fits");
            simulations.fill(&gaussian, Seed::new(1), 0).expect("possible");
            let parameters = gaussian.parameters().iter().map(|p| p.name.clone()).collect();
            let origin = Origin {
                simulator: "gaussian".into(),
                seed: 1,
                label: "train".into(),
                settings: serde_json::json!({ "n_data": 5 }),
            };
            StoredSet { parameters, simulations, origin }.write(&folder.join(name)).expect("written");
        }
        write("earlier.json", earlier().as_bytes());
        write_sets(&folder);
        write("there.sh", b"#!/bin/sh\necho never > run\n");
        write("data.sh", b"");
        #[cfg(unix)]
        {
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(folder.join("there.sh"), executable).expect("set");
        }
        write("fortran.npy", &numpy(&[0.0; 10], &[2, 5], npyz::Order::Fortran));
        Self(folder)
    }

    fn read(&self, text: &str, overrides: &[&str]) -> Result<Analysis> {
        let file = self.0.join("analysis.toml");
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Analysis::from_source(&file, &Source::new(&file, text.to_owned(), &overrides)?, &overrides)
    }

    /// The error of a text that must be wrong, without this folder's name.
    fn error(&self, text: &str, overrides: &[&str]) -> String {
        match self.read(text, overrides) {
            Ok(_) => "no error".into(),
            Err(error) => error.to_string().replace(&format!("{}/", self.0.display()), ""),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The right analysis without a simulator.
const NONE: &str = r#"[observation]
kind = "file"
path = "ten.npy"
[prior.mean]
kind = "uniform"
low = -3
high = 3
[prior.variance]
kind = "uniform"
low = 0.1
high = 6
[fiducial]
mean = 0.0
variance = 1.0
[compressor]
kind = "imnn"
stored = "bare"
delta = { mean = 0.1, variance = 0.1 }
simulations = "fixed"
held_out_fraction = 0.5
[infer]
methods = ["gaussian", "abc"]
[infer.abc]
n_accepted = 100
stored = "drawn"
"#;

/// Stored simulations in the layouts that an analysis can name, right and wrong.
fn write_sets(folder: &Path) {
    let gaussian = Gaussian::mean_and_variance(10);
    let mut set = SimulationSet::new(&gaussian, &[0.0, 1.0], Some(&[0.1, 0.1]), 20, 20).expect("fits");
    set.fill(&gaussian, Seed::new(1), 0).expect("possible");
    let crate::simulator::Derivatives::Differences { pairs, .. } = set.derivative.clone() else { panic!("pairs") };
    let npy = |place: &str, shape: &[usize], data: &[f64]| {
        let path = folder.join(place);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        crate::npy::write(&path, shape, data).expect("written");
    };
    let in_memory = |rows: &crate::npy::Rows| rows.all().expect("in memory").into_owned();
    let fiducial = |place: &str| npy(&format!("{place}/fiducial.npy"), &[20, 10], &in_memory(&set.fiducial));
    // Says nothing itself; one array below and above for each parameter.
    fiducial("bare");
    for (k, name) in ["mean_minus", "mean_plus", "variance_minus", "variance_plus"].iter().enumerate() {
        let rows: Vec<f64> = in_memory(&pairs).chunks(10).skip(k).step_by(4).flatten().copied().collect();
        npy(&format!("bare/{name}.npy"), &[20, 10], &rows);
    }
    // As the one before, but with an axis of parameters that are not named.
    fiducial("nameless");
    npy("nameless/differences.npy", &[20, 2, 2, 10], &in_memory(&pairs));
    // The axes of parameters and of below and above one after the other.
    fiducial("swapped");
    npy("swapped/differences.npy", &[10, 4, 10, 2], &in_memory(&pairs));
    std::fs::write(folder.join("swapped/set.json"), r#"{ "parameters": ["mean", "variance"] }"#).expect("written");
    let mut theta = vec![0.0; 2 * 200];
    let stream = &mut Seed::new(3).stream(0);
    theta.chunks_exact_mut(2).for_each(|theta| {
        [theta[0], theta[1]] =
            [(-3.0, 3.0), (0.1, 6.0)].map(|(low, high)| low + (high - low) * rand::RngExt::random::<f64>(stream));
    });
    npy("drawn/theta.npy", &[200, 2], &theta);
    npy("drawn/data.npy", &[200, 10], &[0.5; 2000]);
    npy("short_data/theta.npy", &[200, 2], &theta);
    npy("short_data/data.npy", &[199, 10], &[0.5; 1990]);
    theta.chunks_exact_mut(2).for_each(|theta| theta.swap(0, 1));
    npy("swapped/theta.npy", &[200, 2], &theta);
    npy("swapped/data.npy", &[200, 10], &[0.5; 2000]);
    set.derivative = crate::simulator::Derivatives::Differences { delta: vec![0.1; 2], pairs };
    let parameters = gaussian.parameters().iter().map(|p| p.name.clone()).collect();
    let mut stored = StoredSet { parameters, simulations: set, origin: Origin::default() };
    stored.write(&folder.join("pairs")).expect("written");
    stored.parameters[0] = "the mean".into();
    stored.write(&folder.join("spaced")).expect("written");
    use npyz::WriterBuilder;
    let mut npz = npyz::npz::NpzWriter::create(folder.join("several.npz")).expect("begun");
    for (name, n) in [("a", 10), ("b", 9)] {
        let options = npz.array(name, Default::default()).expect("begun").default_dtype();
        let mut array = options.shape(&[n]).begin_nd().expect("begun");
        array.extend((0..n).map(|i| i as f64)).expect("written");
        array.finish().expect("finished");
    }
}

fn numpy<T: npyz::AutoSerialize + Copy>(values: &[T], shape: &[u64], order: npyz::Order) -> Vec<u8> {
    use npyz::WriterBuilder;
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
    let mut writer = options.writer(&mut bytes).begin_nd().expect("begun");
    writer.extend(values.iter().copied()).expect("written");
    writer.finish().expect("finished");
    bytes
}

#[test]
fn every_error_text_of_the_check() {
    let folder = Folder::new("texts");
    folder.read(BASE, &[]).expect("the base is right");
    folder.read(NONE, &[]).expect("and so is that without a simulator");
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut lines = TEXTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    while let (Some(change), Some(expected)) = (lines.next(), lines.next()) {
        let found = if let Some(edit) = change.strip_prefix("edit: ") {
            let edit = edit.replace("\\n", "\n");
            let (from, to) = edit.split_once(" ->").expect("an edit has an arrow");
            assert_eq!(BASE.matches(from).count(), 1, "{from:?} is not once in the base");
            folder.error(&BASE.replace(from, to.trim_start_matches(' ')), &[])
        } else if let Some(edit) = change.strip_prefix("none: ") {
            let edit = edit.replace("\\n", "\n");
            let (from, to) = edit.split_once(" ->").expect("an edit has an arrow");
            assert_eq!(NONE.matches(from).count(), 1, "{from:?} is not once in the analysis without a simulator");
            folder.error(&NONE.replace(from, to.trim_start_matches(' ')), &[])
        } else {
            let overrides = change.strip_prefix("set: ").expect("edit or set");
            folder.error(BASE, &overrides.split(" | ").collect::<Vec<_>>())
        };
        count += 1;
        if found != expected.trim_start() {
            wrong.push(format!("{change}\n  expected {}\n  found    {found}", expected.trim_start()));
        }
    }
    assert!(count > 150, "only {count} texts were found");
    assert!(wrong.is_empty(), "{} texts differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_base_is_read_as_it_stands() {
    let folder = Folder::new("base");
    let analysis = folder.read(BASE, &[]).expect("right");
    assert_eq!((analysis.title.as_str(), analysis.seed, analysis.model.kind()), ("t", 1, "gaussian"));
    assert_eq!(analysis.folder, folder.0);
    assert_eq!(analysis.fiducial, [0.0, 1.0]);
    assert_eq!(analysis.prior.marginals[1].bounds(), (0.1, 6.0));
    assert_eq!(analysis.inference.methods, [Method::Gaussian, Method::Abc, Method::Pmc]);
    assert_eq!(analysis.compression.delta, Some(vec![0.1, 0.1]));
    assert_eq!(analysis.observation, Observation::Mock { theta: vec![0.0, 1.0], index: 0 });
    assert_eq!(analysis.settings["infer"]["abc"]["epsilon"], 0.3);
    assert_eq!((analysis.nuisance.as_slice(), analysis.simulator().n_params()), (&[None, None][..], 2));
}

#[test]
fn overrides_change_what_they_name_and_nothing_else() {
    let folder = Folder::new("overrides");
    let overrides = [
        "seed=7",
        "compressor.activation=silu",
        "compressor.input=\"raw\"",
        "compressor.hidden=[16, 8]",
        "compressor.delta.mean=0.2",
        "infer.methods=[\"pmc\"]",
        "infer.pmc.percentile=60",
        "prior.mean={ kind = \"normal\", mean = 0, sd = 2, high = 9.5 }",
        "prior.variance.latex=s/t",
        "title='a = b'",
        "title=twice",
    ];
    let analysis = folder.read(BASE, &overrides).expect("right");
    assert_eq!((analysis.seed, analysis.title.as_str()), (7, "twice"));
    let crate::compressor::Settings::Imnn(settings) = &analysis.compression.settings else { panic!("imnn") };
    assert_eq!((settings.activation, settings.input), (Activation::Silu, Input::Raw));
    assert_eq!((settings.hidden.as_slice(), settings.n_s), (&[16, 8][..], 1000));
    assert_eq!(analysis.compression.delta, Some(vec![0.2, 0.1]));
    assert_eq!((analysis.inference.methods.as_slice(), analysis.inference.pmc.percentile), (&[Method::Pmc][..], 60.0));
    assert_eq!(analysis.prior.marginals[0].bounds(), (f64::NEG_INFINITY, 9.5));
    assert_eq!((analysis.prior.parameters[1].latex.as_str(), analysis.overrides.len()), ("s/t", overrides.len()));
    assert_eq!(analysis.settings["infer"]["methods"][0], "pmc");
}

/// The base with its mean a nuisance parameter.
fn marginal_base() -> String {
    let nuisance = BASE.replace("[prior.mean]\n", "[prior.mean]\nnuisance = true\n");
    nuisance
        .replace("delta = { mean = 0.1, variance = 0.1 }", "delta = { variance = 0.1 }")
        .replace("mean = 0.0\nvariance = 1.0", "variance = 1.0")
}

#[test]
fn a_nuisance_parameter_is_drawn_by_the_simulator_and_not_inferred() {
    let folder = Folder::new("nuisance");
    let analysis = folder.read(&marginal_base(), &[]).expect("right");
    assert_eq!(analysis.prior.parameters[0].name, "variance");
    assert_eq!((analysis.prior.n_params(), analysis.fiducial.as_slice()), (1, &[1.0][..]));
    assert_eq!(analysis.compression.delta, Some(vec![0.1]));
    assert!(analysis.nuisance[0].is_some() && analysis.nuisance[1].is_none());
    assert_eq!(analysis.simulator().n_params(), 1);
    // The mock's true parameters are all there.
    assert_eq!(analysis.observation, Observation::Mock { theta: vec![0.0, 1.0], index: 0 });
}

#[test]
fn observations_are_read_from_text_and_numpy_and_mocks_follow_the_seed() {
    let folder = Folder::new("observations");
    let data = |path: &str| {
        let overrides = [format!("observation={{ kind = \"file\", path = \"{path}\" }}")];
        folder.read(BASE, &[&overrides[0]]).expect("right").observed
    };
    assert_eq!(data("ten.txt"), (1..=10).map(f64::from).collect::<Vec<_>>());
    assert_eq!(data("ten.npy"), (0..10).map(f64::from).collect::<Vec<_>>());
    assert_eq!(data("single.npy"), data("ten.npy"));
    assert_eq!(data("several.npz\", array = \"a"), data("ten.npy"));
    let mock = |overrides: &[&str]| folder.read(BASE, overrides).expect("right").observed;
    assert_eq!(mock(&[]), mock(&["compressor.n_s=500"]));
    assert_ne!(mock(&[]), mock(&["seed=2"]));
    assert_ne!(mock(&[]), mock(&["observation.index=1"]));
}

#[cfg(unix)]
#[test]
fn a_program_is_found_and_not_run() {
    let folder = Folder::new("program");
    let program = "simulator={ kind = \"worker\", command = [\"./there.sh\"], parameters = [\"mean\", \"variance\"], \
                   shape = [2, 5], n_workers = 3 }";
    let overrides = [program, "observation={ kind = \"file\", path = \"ten.txt\" }", "prior.mean.latex=m"];
    let error = folder.error(BASE, &overrides);
    assert!(error.starts_with("no error"), "{error}");
    let analysis = folder.read(BASE, &overrides).expect("right");
    assert_eq!((analysis.model.kind(), analysis.model.simulator().shape()), ("worker", &[2, 5][..]));
    let there = folder.0.join("there.sh");
    assert_eq!(analysis.model.external().map(|program| (program.n_workers(), program.path())), Some((3, &*there)));
    let line = format!("simulator           worker, 10 data, 3 at once of {}\n", there.display());
    assert!(analysis.describe().contains(&line), "{}", analysis.describe());
    assert_eq!(analysis.prior.parameters[1].latex, "\\mathrm{variance}");
    assert!(!folder.0.join("run").exists(), "the check ran the program");
}

#[test]
fn a_missing_or_unreadable_analysis_says_so() {
    let folder = Folder::new("files");
    std::fs::write(folder.0.join("latin.toml"), b"title = \"\xe9\"").expect("written");
    let error = |name: &str| {
        let error = Analysis::read(&folder.0.join(name), &[]).err().expect("refused");
        assert!(error.is_invalid_input());
        error.to_string().replace(&format!("{}/", folder.0.display()), "")
    };
    assert_eq!(
        error("no.toml"),
        "no.toml: there is no such file; name an analysis file, or let `posterity init` write one"
    );
    assert_eq!(error(""), ": this is a folder; name the analysis file in it, such as analysis.toml");
    assert_eq!(error("latin.toml"), "latin.toml: the text is not UTF-8; save it as UTF-8");
}

#[test]
fn the_description_says_what_will_be_done() {
    let folder = Folder::new("describe");
    let overrides = ["compressor.max_iterations=100", "infer.pmc.epsilon=0.1"];
    let expected = "\
title               t
seed                1
simulator           gaussian, 10 data
observation         mock 0 at mean = 0, variance = 1
parameter variance  uniform on 0.1 … 6, fiducial 1
nuisance mean       uniform on -3 … 3, drawn in each simulation
compressor          imnn, hidden [128, 128], 1 summaries, fresh simulations, seed-matched differences, \
at most 333000 simulations
infer gaussian      10000 samples, no simulation
infer abc           1000000 simulations, distance below 0.3
infer pmc           2000 particles, at most 5000000 simulations, down to distance 0.1
output              results.json, report.html, the trained compressor, the samples of each method
";
    assert_eq!(folder.read(&marginal_base(), &overrides).expect("right").describe(), expected);
}

#[test]
fn without_a_simulator_the_stored_set_says_what_the_data_are() {
    let folder = Folder::new("stored");
    let analysis = folder.read(NONE, &[]).expect("right");
    let set = analysis.compression.stored.as_ref().expect("stored");
    assert_eq!((analysis.model.kind(), analysis.model.can_simulate()), ("stored", false));
    assert_eq!((set.shape.as_slice(), set.n_s(), set.n_d()), (&[10][..], 20, 20));
    assert_eq!(
        (set.theta_fid.as_slice(), analysis.compression.delta.as_deref()),
        (&[0.0, 1.0][..], Some(&[0.1; 2][..]))
    );
    let crate::compressor::Settings::Imnn(settings) = &analysis.compression.settings else { panic!("imnn") };
    assert_eq!((settings.n_s, settings.n_d, settings.n_independent), (20, 20, 0));
    let stored = analysis.inference.abc_stored.as_ref().expect("stored");
    assert!(stored.theta.is_on_disk() && stored.data.is_on_disk() && set.fiducial.is_on_disk());
    assert_eq!(analysis.inference.abc.n_simulations, 200);
    let error = analysis.simulator().simulate(&[0.0, 1.0], &mut Seed::new(0).stream(0), &mut [0.0; 10]);
    assert!(error.expect_err("no simulator").is_invalid_input());
    let text = analysis.describe();
    for line in ["none: stored simulations of 10 data", "20 + 20 stored simulations", "200 stored simulations, the"] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    // The set's order of parameters holds where it has one, not that of the sections.
    let swapped = NONE.replace("stored = \"bare\"\ndelta = { mean = 0.1, variance = 0.1 }", "stored = \"pairs\"");
    let (mean, rest) = swapped.split_at(swapped.find("[prior.variance]").expect("there"));
    let (variance, rest) = rest.split_at(rest.find("[fiducial]").expect("there"));
    let (before, mean) = mean.split_at(mean.find("[prior.mean]").expect("there"));
    let analysis = folder.read(&[before, variance, mean, rest].concat(), &[]).expect("right");
    assert_eq!(analysis.prior.parameters[0].name, "mean");
    let analysis = folder.read(&NONE.replace("kind = \"imnn\"", "kind = \"imnn\"\nn_independent = 0"), &[]);
    analysis.expect("right");
}
