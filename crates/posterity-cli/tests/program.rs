//! The program from outside: exit codes, what goes to which stream, and that errors come before anything is written.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of its own, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("posterity_program_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        Self(folder)
    }

    /// Runs the program in this folder.
    fn posterity(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_posterity");
        Command::new(program).args(arguments).current_dir(&self.0).output().expect("the program starts")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("there");
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn example(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(name).join("analysis.toml").to_string_lossy().into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_describes_every_example_and_writes_nothing() {
    let folder = Folder::new("check");
    for name in ["gaussian", "line", "pantheon"] {
        let output = folder.posterity(&["check", &example(name)]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains(&format!("output folder: runs/{name}\n")), "{text}");
        assert!(text.contains("infer pmc") && text.contains("simulator"), "{text}");
        assert!(stderr(&output).is_empty());
    }
    assert!(folder.names().is_empty());
}

#[test]
fn errors_have_exit_code_2_and_one_line_and_come_before_any_file() {
    let folder = Folder::new("errors");
    let gaussian = example("gaussian");
    let set = |key: &str| format!("error: --set {key}: ");
    let cases: [(&[&str], String); 6] = [
        (&["run", &gaussian, "--set", "compressor.n_ss=1"], set("compressor.n_ss=1")),
        (&["simulate", &gaussian, "--set", "prior.mean.low=9"], set("prior.mean.low=9")),
        (&["compress", &gaussian, "--set", "compressor.lambda=100"], set("compressor.lambda=100")),
        (&["infer", &gaussian, "--set", "infer.pmc.percentile=200"], set("infer.pmc.percentile=200")),
        (&["report", &gaussian, "--set", "nothing"], set("nothing")),
        (&["check", "no.toml"], "error: no.toml: there is no such file; ".to_owned()),
    ];
    for (arguments, begin) in cases {
        let output = folder.posterity(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = stderr(&output);
        assert!(text.starts_with(&begin) && text.lines().count() == 1, "{arguments:?}: {text}");
        assert!(stdout(&output).is_empty());
        assert!(folder.names().is_empty(), "{arguments:?} wrote {:?}", folder.names());
    }
}

#[test]
fn usage_errors_have_exit_code_2() {
    let folder = Folder::new("usage");
    let cases: [&[&str]; 5] = [
        &["run"],
        &["walk"],
        &["check", "a.toml", "--seed", "-1"],
        &["run", "a.toml", "--threads", "0"],
        &["check", "a.toml", "--quick"],
    ];
    for arguments in cases {
        let output = folder.posterity(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}: {}", stderr(&output));
    }
}

/// Arrays are looked through with all threads as soon as an analysis is read.
#[test]
fn threads_are_started_before_arrays_are_read() {
    let folder = Folder::new("threads");
    let stored = example("stored");
    for verb in ["simulate", "compress"] {
        let output = folder.posterity(&[verb, &stored, "--threads", "2"]);
        assert_eq!(output.status.code(), Some(0), "{verb}: {}", stderr(&output));
    }
    let output = folder.posterity(&["simulate", &stored, "--threads", "2", "--list-failed"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // A folder of other chains ends a sampling before its work.
    std::fs::create_dir(folder.0.join("out")).expect("made");
    std::fs::write(folder.0.join("out/sampling.json"), "{}").expect("written");
    for verb in ["run", "sample", "report"] {
        let output = folder.posterity(&[verb, &example("halos"), "--threads", "1", "--out", "out"]);
        assert_eq!(output.status.code(), Some(2), "{verb}: {}", stderr(&output));
        assert!(stderr(&output).contains("the chains of another analysis"), "{verb}: {}", stderr(&output));
    }
}

#[test]
fn an_output_folder_that_is_a_file_is_refused() {
    let folder = Folder::new("out");
    std::fs::write(folder.0.join("taken"), "mine").expect("written");
    for out in ["taken", "taken/run"] {
        let output = folder.posterity(&["run", &example("gaussian"), "--out", out]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).starts_with("error: taken: "), "{}", stderr(&output));
    }
    assert_eq!(folder.names(), ["taken"]);
}

#[test]
fn the_seed_option_is_an_override() {
    let folder = Folder::new("seed");
    let output = folder.posterity(&["check", &example("gaussian"), "--seed", "42"]);
    let text = stdout(&output);
    assert!(text.lines().any(|line| line.split_whitespace().eq(["seed", "42"])), "{text}");
}

#[test]
fn init_writes_an_analysis_that_passes_the_check_and_never_overwrites() {
    let folder = Folder::new("init");
    let output = folder.posterity(&["init", "mine"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = folder.posterity(&["check", "mine/analysis.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("output folder: runs/mine\n"));
    let output = folder.posterity(&["init", "line.toml", "--simulator", "line"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = folder.posterity(&["check", "line.toml"]);
    assert!(stdout(&output).contains("output folder: runs/line\n"), "{}", stderr(&output));
    let output = folder.posterity(&["init", "line.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "error: line.toml: there is an analysis already; name another folder\n");
    let text = std::fs::read_to_string(folder.0.join("line.toml")).expect("there");
    assert!(text.contains("kind = \"line\""), "the first analysis is whole");
    assert_eq!(folder.posterity(&["init", "--simulator", "lines"]).status.code(), Some(2));
}

#[test]
fn help_and_version_are_there() {
    let folder = Folder::new("help");
    let version = stdout(&folder.posterity(&["--version"]));
    assert_eq!(version, format!("posterity {}\n", env!("CARGO_PKG_VERSION")));
    let help = stdout(&folder.posterity(&["run", "--help"]));
    for word in ["--out", "--seed", "--threads", "--set", "--quiet", "runs/NAME", "report.html"] {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
    let help = stdout(&folder.posterity(&["--help"]));
    for verb in ["run", "simulate", "compress", "infer", "report", "init", "check", "Exit codes"] {
        assert!(help.contains(verb), "{verb} is not in:\n{help}");
    }
}

#[test]
fn without_a_simulator_there_is_nothing_to_simulate() {
    let folder = Folder::new("stored");
    let output = folder.posterity(&["check", &example("stored")]);
    assert!(stdout(&output).contains("none: stored simulations of 3 data"), "{}", stderr(&output));
    let output = folder.posterity(&["simulate", &example("stored")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("nothing to simulate: 2000 + 400 simulations are stored"), "{}", stderr(&output));
    let output = folder.posterity(&["init", "mine", "--simulator", "stored"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = folder.posterity(&["check", "mine/analysis.toml"]);
    assert!(
        stderr(&output).contains("`compressor.stored`: there is no folder or archive mine/suite"),
        "{}",
        stderr(&output)
    );
}
