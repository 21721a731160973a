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
    let faults: [(&str, Break, &str); 9] = [
        ("delta", |json, f| json(f, r#""delta":[0.1,0.2],"#, ""), "differences.npy has no `delta`"),
        ("step", |json, f| json(f, "[0.1,0.2]", "[0.1,0.0]"), "`delta`: [0.1, 0.0] for the parameters"),
        ("theta", |json, f| json(f, "[0.0,1.0]", "[0.0]"), "`theta_fid`: [0.0] for the parameters"),
        ("shape", |json, f| json(f, "[5]", "[4]"), "fiducial.npy: axis 1 (data) has length 5, not 4"),
        ("key", |json, f| json(f, r#""seed""#, r#""sed""#), "unknown field `sed`"),
        (
            "neither",
            |_, f| std::fs::remove_file(f.join("differences.npy")).expect("gone"),
            "neither derivative.npy nor differences.npy",
        ),
        (
            "both",
            |_, f| npy::write(&f.join("derivative.npy"), &[1, 2, 5], &[0.0; 10]).expect("written"),
            "both derivative.npy and differences.npy",
        ),
        (
            "pairs",
            |_, f| npy::write(&f.join("differences.npy"), &[1, 2, 3, 5], &[0.0; 30]).expect("written"),
            "axis 2 (below and above) has length 3, not 2: the shape is (1, 2, 3, 5), where (n_d, 2, 2, 5) is wanted",
        ),
        (
            "exact",
            |_, f| std::fs::rename(f.join("differences.npy"), f.join("derivative.npy")).expect("renamed"),
            "`delta` is for differences.npy",
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
