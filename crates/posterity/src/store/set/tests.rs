//! A set comes back from disk as it went there; every way in which its files can disagree is named.

use super::*;
use crate::seed::Seed;
use crate::simulator::{Gaussian, Simulator};
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posterity-set-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn example(delta: Option<&[f64]>) -> StoredSet {
    let gaussian = Gaussian::mean_and_variance(5);
    let mut simulations = SimulationSet::new(&gaussian, &[0.0, 1.0], delta, 6, 3).expect("possible");
    simulations.fill(&gaussian, Seed::new(9), 10).expect("possible");
    let parameters = gaussian.parameters().iter().map(|p| p.name.clone()).collect();
    let origin = Origin {
        simulator: "gaussian".into(),
        seed: 9,
        label: "train".into(),
        settings: serde_json::json!({ "n_data": 5 }),
    };
    StoredSet { parameters, simulations, origin }
}

const PAIRS: Option<&[f64]> = Some(&[0.1, 0.2]);

#[test]
fn a_set_comes_back_from_disk() {
    for (name, delta) in [("exact", None), ("pairs", PAIRS)] {
        let folder = Folder::new(name);
        let set = example(delta);
        set.write(&folder.0).expect("written");
        assert_eq!(StoredSet::read(&folder.0).expect("read"), set);
        let text = std::fs::read_to_string(folder.0.join("set.json")).expect("a description");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["origin"]["seed"], serde_json::json!(9));
        assert_eq!(json["parameters"], serde_json::json!(["mean", "variance"]));
        let names: Vec<_> =
            std::fs::read_dir(&folder.0).expect("a folder").map(|e| e.expect("e").file_name()).collect();
        assert_eq!(names.len(), 3, "no temporary file stays: {names:?}");
        set.write(&folder.0).expect("the same set again");
        // A set that nobody can draw again does not give way.
        let mut measured = set.clone();
        measured.origin = Origin::default();
        measured.write(&folder.0).expect("over one that can be drawn again");
        let error = set.write(&folder.0).expect_err("not over it");
        assert!(error.is_invalid_input() && error.to_string().contains("already"), "{error}");
        assert_eq!(StoredSet::read(&folder.0).expect("still there"), measured);
    }
}

#[test]
fn an_empty_folder_gives_way() {
    let folder = Folder::new("empty");
    std::fs::create_dir_all(&folder.0).expect("made");
    example(PAIRS).write(&folder.0).expect("written");
    StoredSet::read(&folder.0).expect("read");
}

#[test]
fn files_that_disagree_are_named() {
    let json = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("set.json");
        let text = std::fs::read_to_string(&path).expect("a description");
        let compact: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let text = compact.to_string();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).expect("written");
    };
    type Break = fn(&dyn Fn(&Path, &str, &str), &Path);
    let faults: [(&str, Break, &str); 12] = [
        ("delta", |json, f| json(f, r#""delta":[0.1,0.2],"#, ""), "differences.npy has no `delta`"),
        ("step", |json, f| json(f, "[0.1,0.2]", "[0.1,0.0]"), "`delta`: [0.1, 0.0] for the parameters"),
        ("theta", |json, f| json(f, "[0.0,1.0]", "[0.0]"), "`theta_fid`: [0.0] for the parameters"),
        (
            "shape",
            |json, f| json(f, "[5]", "[4]"),
            "fiducial.npy: axis 1 (data) has length 5, expected 4 (the shape is (6, 5), expected (n_s, 4))",
        ),
        ("key", |json, f| json(f, r#""seed""#, r#""sed""#), "unknown field `sed`"),
        (
            "neither",
            |_, f| std::fs::remove_file(f.join("differences.npy")).expect("gone"),
            "neither derivative.npy nor differences.npy, nor mean_minus.npy and mean_plus.npy; give derivative.npy, or",
        ),
        (
            "both",
            |_, f| npy::write(&f.join("derivative.npy"), &[1, 2, 5], &[0.0; 10]).expect("written"),
            "both derivative.npy and differences.npy",
        ),
        (
            "pairs",
            |_, f| npy::write(&f.join("differences.npy"), &[1, 2, 3, 5], &[0.0; 30]).expect("written"),
            "axis 2 (below and above) has length 3, expected 2 (the shape is (1, 2, 3, 5), expected (n_d, 2, 2, 5))",
        ),
        (
            "params",
            |_, f| npy::write(&f.join("differences.npy"), &[1, 3, 2, 5], &[0.0; 30]).expect("written"),
            "axis 1 (parameter) has length 3, expected 2: mean, variance (the shape is (1, 3, 2, 5), expected",
        ),
        ("twice", |json, f| json(f, r#""variance""#, r#""mean""#), r#"`parameters`: ["mean", "mean"] names one twice"#),
        ("nameless", |json, f| json(f, r#""parameters":["mean","variance"],"#, ""), "says `parameters`"),
        (
            "exact",
            |_, f| std::fs::rename(f.join("differences.npy"), f.join("derivative.npy")).expect("renamed"),
            "`delta` is for differences, but there is derivative.npy",
        ),
    ];
    for (name, damage, message) in faults {
        let folder = Folder::new(&format!("fault-{name}"));
        let set = example(PAIRS);
        set.write(&folder.0).expect("written");
        damage(&json, &folder.0);
        let error = StoredSet::read(&folder.0).expect_err(name);
        assert!(error.is_invalid_input() && error.to_string().contains(message), "{error}");
    }
    let error = StoredSet::read(Path::new("no-such-set")).expect_err("absent");
    assert!(error.is_io() && error.to_string().contains("set.json"), "{error}");
}

/// Writes arrays as numpy.savez does, but for the compression.
fn archive(path: &Path, arrays: &[(&str, Vec<u64>, Vec<f64>)], names: &[&str]) {
    use npyz::WriterBuilder;
    let mut npz = npyz::npz::NpzWriter::create(path).expect("begun");
    for (name, shape, data) in arrays {
        let mut array =
            npz.array(name, Default::default()).expect("begun").default_dtype().shape(shape).begin_nd().expect("begun");
        array.extend(data.iter().copied()).expect("written");
        array.finish().expect("finished");
    }
    if !names.is_empty() {
        let dtype = npyz::DType::new_scalar("<U9".parse().expect("a type"));
        let shape = [names.len() as u64];
        let mut array = npz
            .array("parameters", Default::default())
            .expect("begun")
            .dtype(dtype)
            .shape(&shape)
            .begin_nd()
            .expect("begun");
        array.extend(names.iter().map(|name| (*name).to_owned())).expect("written");
        array.finish().expect("finished");
    }
}

const KNOWN: Known = Known { parameters: &["variance", "mean"], theta_fid: &[1.0, 0.0], delta: Some(&[0.2, 0.1]) };

/// One set in each layout: all are read as the same.
#[test]
fn every_layout_is_read_as_the_same_set() {
    let folder = Folder::new("layouts");
    let set = StoredSet { origin: Origin::default(), ..example(PAIRS) };
    set.write(&folder.0.join("whole")).expect("written");
    let simulations = &set.simulations;
    let Derivatives::Differences { pairs, .. } = &simulations.derivative else { panic!("differences") };
    let pairs = pairs.all().expect("in memory");
    let fiducial = simulations.fiducial.all().expect("in memory");
    let of = |k: usize| pairs.chunks_exact(5).skip(k).step_by(4).flatten().copied().collect::<Vec<f64>>();
    let separate: Vec<(String, Vec<u64>, Vec<f64>)> = ["mean_minus", "mean_plus", "variance_minus", "variance_plus"]
        .iter()
        .enumerate()
        .map(|(k, name)| ((*name).to_owned(), vec![3, 5], of(k)))
        .collect();
    // Arrays of each parameter in a folder that says nothing: names, point and steps are known, in another order.
    let bare = folder.0.join("bare");
    std::fs::create_dir_all(&bare).expect("made");
    npy::write(&bare.join("fiducial.npy"), &[6, 5], &fiducial).expect("written");
    for (name, _, data) in &separate {
        npy::write(&bare.join(format!("{name}.npy")), &[3, 5], data).expect("written");
    }
    let read = StoredSet::read_with(&bare, &KNOWN).expect("read");
    assert_eq!(read.parameters, ["variance", "mean"]);
    std::fs::write(bare.join("set.json"), r#"{ "parameters": ["mean", "variance"] }"#).expect("written");
    assert_eq!(StoredSet::read_with(&bare, &KNOWN).expect("read"), set);
    // Archives that say all, or all but the steps.
    let fiducial = ("fiducial", vec![6, 5], fiducial.to_vec());
    let differences = ("differences", vec![3, 2, 2, 5], pairs.to_vec());
    let (theta_fid, delta) = (("theta_fid", vec![2], vec![0.0, 1.0]), ("delta", vec![2], vec![0.1, 0.2]));
    let whole = [fiducial.clone(), differences.clone(), theta_fid.clone(), delta];
    let path = folder.0.join("set.npz");
    archive(&path, &whole, &["mean", "variance"]);
    assert_eq!(StoredSet::read(&path).expect("read"), set);
    let error = StoredSet::read_with(&path, &KNOWN).expect_err("delta from both");
    assert!(error.key() == Some("delta") && error.file().is_none(), "{error}");
    archive(&path, &whole[..3], &["mean", "variance"]);
    assert_eq!(StoredSet::read_with(&path, &KNOWN).expect("read"), set);
    let mut parts: Vec<(&str, Vec<u64>, Vec<f64>)> =
        separate.iter().map(|(name, shape, data)| (name.as_str(), shape.clone(), data.clone())).collect();
    parts.push(fiducial.clone());
    archive(&path, &parts, &["mean", "variance"]);
    assert_eq!(StoredSet::read_with(&path, &KNOWN).expect("read"), set);
    let text = |path: &Path, known: &Known| {
        let error = StoredSet::read_with(path, known).expect_err("refused");
        assert!(error.is_invalid_input(), "{error}");
        error.to_string().replace(&format!("{}/", folder.0.display()), "")
    };
    assert_eq!(
        text(&path, &Known { delta: None, ..KNOWN }),
        "set.npz: the arrays of each parameter have no `delta`; give `derivative`, or `differences` or \
         `<parameter>_minus` and `<parameter>_plus` with `delta` in an array or in the analysis"
    );
    parts.retain(|part| part.0 != "variance_plus");
    archive(&path, &parts, &["mean", "variance"]);
    assert!(text(&path, &KNOWN).starts_with("set.npz: there is no `variance_plus` beside the other arrays: "));
    parts.push(("variance_plus", vec![2, 5], vec![0.0; 10]));
    archive(&path, &parts, &["mean", "variance"]);
    let expected = "set.npz: `variance_plus`: axis 0 (n_d) has length 2, expected 3: as many as `mean_minus` (";
    assert!(text(&path, &KNOWN).starts_with(expected), "{}", text(&path, &KNOWN));
    // The order of parameters along an axis is never guessed.
    archive(&path, &[fiducial, differences], &[]);
    let expected = "set.npz: the set does not name its parameters, and their order could be any; add an array of";
    assert!(text(&path, &KNOWN).starts_with(expected), "{}", text(&path, &KNOWN));
}
