//! A set comes back from disk as it went there; every way in which its files can disagree is named.

use super::*;
use crate::simulator::Gaussian;
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

fn example(kind: &DerivativeKind) -> SimulationSet {
    let gaussian = Gaussian::mean_and_variance(5);
    simulate_set(&gaussian, &[0.0, 1.0], kind, 6, 3, Seed::new(9), 10).expect("possible")
}

fn pairs() -> DerivativeKind {
    DerivativeKind::Differences(vec![0.1, 0.2])
}

#[test]
fn a_set_is_seed_matched_and_independent_of_its_fiducial_simulations() {
    let (exact, pairs) = (example(&DerivativeKind::Exact), example(&pairs()));
    assert_eq!((exact.n_s(), exact.n_d(), exact.n_params(), exact.n_data()), (6, 3, 2, 5));
    assert_eq!((pairs.n_s(), pairs.n_d()), (6, 3));
    assert_eq!(exact.fiducial, pairs.fiducial);
    assert!(exact.differences().is_none() && pairs.derivatives().is_none());
    let (delta, rows) = pairs.differences().expect("pairs");
    // The mean shifts all data by delta; the noise of pair i is that of exact derivative i: z/2 for the variance.
    let z = exact.derivatives().expect("exact").chunks_exact(10).map(|rows| &rows[5..]);
    for (pair, half_z) in rows.chunks_exact(20).zip(z) {
        for i in 0..5 {
            assert!((pair[5 + i] - pair[i] - delta[0]).abs() < 1e-15);
            assert!((pair[i] + 0.05 - 2.0 * half_z[i]).abs() < 1e-15);
        }
    }
    // Neither the first simulation nor its noise is that of the first derivative.
    assert!((exact.fiducial[0] - (rows[0] + 0.05)).abs() > 1e-6);
    // A later set goes on where this one ends.
    let gaussian = Gaussian::mean_and_variance(5);
    let seed = Seed::new(9);
    let later = simulate_set(&gaussian, &[0.0, 1.0], &DerivativeKind::Exact, 2, 1, seed, 12).expect("possible");
    assert_eq!(later.fiducial, exact.fiducial[10..20]);
    assert_eq!(later.derivatives(), Some(&exact.derivatives().expect("exact")[20..30]));
}

#[test]
fn a_set_comes_back_from_disk() {
    for (name, kind) in [("exact", DerivativeKind::Exact), ("pairs", pairs())] {
        let folder = Folder::new(name);
        let mut set = example(&kind);
        set.origin.simulator = Some("gaussian".into());
        set.origin.seed = Some(9);
        set.write(&folder.0).expect("written");
        assert_eq!(SimulationSet::read(&folder.0).expect("read"), set);
        let text = std::fs::read_to_string(folder.0.join("set.json")).expect("a description");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["derivative_indices"], serde_json::json!([10, 13]));
        assert_eq!(json["parameters"], serde_json::json!(["mean", "variance"]));
        let names: Vec<_> =
            std::fs::read_dir(&folder.0).expect("a folder").map(|e| e.expect("e").file_name()).collect();
        assert_eq!(names.len(), 3, "no temporary file stays: {names:?}");
        let error = set.write(&folder.0).expect_err("not twice");
        assert!(error.is_invalid_input() && error.to_string().contains("already"), "{error}");
    }
}

#[test]
fn an_empty_folder_gives_way() {
    let folder = Folder::new("empty");
    std::fs::create_dir_all(&folder.0).expect("made");
    example(&pairs()).write(&folder.0).expect("written");
    SimulationSet::read(&folder.0).expect("read");
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
    let faults: [(&str, Break, &str); 10] = [
        ("delta", |json, f| json(f, r#""delta":[0.1,0.2],"#, ""), "differences.npy has no `delta`"),
        ("step", |json, f| json(f, "[0.1,0.2]", "[0.1,0.0]"), "`delta`: [0.1, 0.0] for the parameters"),
        ("theta", |json, f| json(f, "[0.0,1.0]", "[0.0]"), "`theta_fid`: [0.0] for the parameters"),
        ("shape", |json, f| json(f, "[5]", "[4]"), "fiducial.npy: axis 1 (data) has length 5, not 4"),
        ("range", |json, f| json(f, "[10,16]", "[10,17]"), "the ranges of indices do not hold 6 and 3 simulations"),
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
        let mut set = example(&pairs());
        set.origin.seed = Some(9);
        set.write(&folder.0).expect("written");
        damage(&json, &folder.0);
        let error = SimulationSet::read(&folder.0).expect_err(name);
        assert!(error.is_invalid_input() && error.to_string().contains(message), "{error}");
    }
    let error = SimulationSet::read(Path::new("no-such-set")).expect_err("absent");
    assert!(error.is_io() && error.to_string().contains("set.json"), "{error}");
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let gaussian = Gaussian::mean_and_variance(5);
    let set = |theta: &[f64], kind| simulate_set(&gaussian, theta, &kind, 6, 3, Seed::new(9), 0).expect_err("refused");
    assert!(set(&[0.0], DerivativeKind::Exact).is_invalid_input());
    assert!(set(&[0.0, 1.0], DerivativeKind::Differences(vec![0.1])).is_invalid_input());
    assert!(set(&[0.0, 1.0], DerivativeKind::Differences(vec![0.1, 3.0])).is_simulation_failed());
}
