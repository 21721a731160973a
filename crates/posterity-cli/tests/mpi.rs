//! The program on several ranks of an MPI run: the results of one process, and an end for all where one fails.
//!
//! Compiled with the feature `mpi` alone; needs `mpirun`.
#![cfg(feature = "mpi")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SMALL: [&str; 4] = [
    "compressor.max_iterations=50",
    "compressor.n_independent=1000",
    "infer.abc.n_simulations=50000",
    "infer.pmc={ n_particles = 500, n_initial = 5000 }",
];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("posterity_mpi_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program on so many ranks, without `mpirun` for 0; a run that hangs fails.
fn posterity(ranks: usize, folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_posterity");
    let mut command = Command::new("timeout");
    command.arg("120");
    if ranks > 0 {
        command.args(["mpirun", "-n", &ranks.to_string(), "--oversubscribe"]);
    }
    // Containers run their tests as root, which OpenMPI wants to be told twice.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    let output = command.arg(program).args(arguments).current_dir(folder).output().expect("mpirun starts");
    assert_ne!(output.status.code(), Some(124), "hangs: {}", text(&output));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gaussian/analysis.toml").to_string_lossy().into_owned()
}

fn run(ranks: usize, folder: &Path, out: &str) {
    let example = example();
    let mut arguments = vec!["run", &example, "--out", out];
    arguments.extend(SMALL.iter().flat_map(|set| ["--set", set]));
    let output = posterity(ranks, folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{ranks} ranks: {}", text(&output));
    // One rank speaks.
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("output: {out}\n"));
    assert_eq!(text(&output).matches("population Monte Carlo:").count(), 1, "{}", text(&output));
}

/// The lines of `results.json` that hold no time.
fn results(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("results.json")).expect("written");
    let end = text.find("\"timings_s\"").expect("there");
    let (before, after) = text.split_at(end);
    let after = after.split_once('}').expect("closed").1;
    let lines = before.lines().chain(after.lines()).filter(|line| !line.contains("\"time_s\""));
    lines.map(str::to_owned).collect()
}

#[test]
fn four_ranks_one_rank_and_none_give_the_same() {
    let folder = Folder::new("same");
    for (ranks, out) in [(0, "alone"), (1, "one"), (4, "four")] {
        run(ranks, &folder.0, out);
    }
    let alone = folder.0.join("alone");
    for other in ["one", "four"] {
        let other = folder.0.join(other);
        assert_eq!(results(&alone), results(&other));
        for file in ["samples/pmc.parquet", "samples/abc.parquet", "chains/pmc_1.txt", "predictive.npy"] {
            let bytes = |folder: &Path| std::fs::read(folder.join(file)).expect("written");
            assert!(bytes(&alone) == bytes(&other), "{file}");
        }
    }
}

#[test]
fn an_error_on_one_rank_ends_all_and_is_told_once() {
    let folder = Folder::new("error");
    let example = example();
    let ends = |arguments: &[&str], error: &str| {
        let output = posterity(3, &folder.0, arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert_eq!(text(&output).matches(error).count(), 1, "{}", text(&output));
    };
    ends(&["walk"], "error: unrecognized subcommand");
    ends(&["run", "nowhere.toml"], "error: nowhere.toml: there is no such file");
    ends(&["infer", &example, "--out", "nothing"], "there is no compressor yet");
    run(0, &folder.0, "out");
    // One rank of three reads another analysis: the ranks are started with arguments of their own.
    let program = env!("CARGO_BIN_EXE_posterity");
    let mine: Vec<&str> = [program, "infer", &example, "--out", "out"]
        .into_iter()
        .chain(SMALL.iter().flat_map(|s| ["--set", s]))
        .collect();
    let other = [&mine[..], &["--set", "infer.pmc.percentile=60"]].concat();
    for (last, expected) in [(&other[..], "rank 2"), (&[program, "infer", "nowhere.toml"][..], "rank 2")] {
        let mut command = Command::new("timeout");
        command.args(["120", "mpirun", "--oversubscribe", "-n", "2"]).args(&mine).args([":", "-n", "1"]).args(last);
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let output = command.current_dir(&folder.0).output().expect("mpirun starts");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(expected), "{}", text(&output));
    }
}
