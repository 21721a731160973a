//! Simulations survive: shards that are killed again and again, and completed, leave what an undisturbed run leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// 120 000 simulations at the fiducial point and 20 000 seed-matched pairs for each of two parameters: 200 000 in all.
const ANALYSIS: &str = r#"
seed = 3
[simulator]
kind = "gaussian"
n_data = 10
[store]
chunk_rows = 256
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
simulations = "fixed"
held_out_fraction = 0.2
derivative = "differences"
delta = { mean = 0.1, variance = 0.1 }
n_s = 120000
n_d = 20000
[infer]
methods = ["gaussian"]
"#;

const N_SHARDS: usize = 4;
const N_KILLS: usize = 60;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("posterity_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("analysis.toml"), ANALYSIS).expect("written");
        Self(folder)
    }

    fn posterity(&self, arguments: &[&str], out: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posterity"));
        command.args(arguments).args(["analysis.toml", "--out", out]).current_dir(&self.0);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_path_buf();
                found.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// Numbers below `n`, by a linear congruence (Knuth's MMIX): when to kill, and whom.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn killed_shards_leave_what_an_undisturbed_run_leaves() {
    let folder = Folder::new("faults");
    let status = folder.posterity(&["simulate"], "whole").status().expect("starts");
    assert!(status.success());

    let shards: Vec<String> = (1..=N_SHARDS).map(|k| format!("{k}/{N_SHARDS}")).collect();
    let start = |k: usize| -> Child {
        folder.posterity(&["simulate", "--threads", "1", "--shard", &shards[k]], "shards").spawn().expect("starts")
    };
    let mut children: Vec<Child> = (0..N_SHARDS).map(start).collect();
    let mut chance = Chance(1);
    let mut kills = 0;
    while kills < N_KILLS {
        std::thread::sleep(Duration::from_micros(200 + chance.below(8000)));
        let at_work: Vec<usize> = (0..N_SHARDS).filter(|k| children[*k].try_wait().expect("known").is_none()).collect();
        if at_work.is_empty() {
            break;
        }
        let k = at_work[chance.below(at_work.len() as u64) as usize];
        let _ = children[k].kill();
        // One that came to its end in this very moment was not killed.
        kills += usize::from(children[k].wait().expect("reaped").code().is_none());
        children[k] = start(k);
    }
    for child in &mut children {
        assert!(child.wait().expect("reaped").success());
    }
    assert!(kills >= 50, "{kills} kills hit a process at work");

    let (whole, shards) = (files(&folder.0.join("whole/simulations")), files(&folder.0.join("shards/simulations")));
    assert_eq!(whole.keys().collect::<Vec<_>>(), shards.keys().collect::<Vec<_>>(), "no file more, none less");
    let differ: Vec<&PathBuf> = whole.iter().filter(|(name, bytes)| shards[*name] != **bytes).map(|(n, _)| n).collect();
    assert!(differ.is_empty(), "{differ:?}");

    let output = folder.posterity(&["status", "--verify"], "shards").stdout(Stdio::piped()).output().expect("starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row =
        |name: &str| text.lines().find(|line| line.starts_with(name)).map(str::split_whitespace).map(Vec::from_iter);
    assert_eq!(row("train/fiducial"), Some(vec!["train/fiducial", "120000", "120000", "0", "0"]), "{text}");
    assert_eq!(row("train/differences"), Some(vec!["train/differences", "80000", "80000", "0", "0"]), "{text}");
    assert!(text.ends_with("complete\n"), "{text}");
    // The results are those of all shards together.
    assert!(folder.posterity(&["simulate"], "shards").status().expect("starts").success());
    assert_eq!(files(&folder.0.join("shards/simulations")), whole);
}
