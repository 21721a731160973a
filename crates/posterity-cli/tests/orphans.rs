//! External programs end with the program `posterity`, however that ends: none of their children is left either.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A worker that begins a child and then hangs, deaf to all signals that it can be deaf to.
const HUNG: &str = r#"trap '' HUP INT TERM
echo '{"protocol": 1}'
read -r line
sleep 1000 & echo $! > grandchild
cut -d ' ' -f 5 /proc/$$/stat > guard
echo $$ > worker
while :; do sleep 1000; done
"#;

const ANALYSIS: &str = r#"
[simulator]
kind = "worker"
command = ["sh", "worker.sh"]
parameters = ["a"]
shape = [2]
n_workers = 1
[observation]
kind = "file"
path = "observed.txt"
[prior.a]
kind = "uniform"
low = 0
high = 1
[fiducial]
a = 0.5
[compressor]
kind = "score"
delta = { a = 0.1 }
n_independent = 0
[infer]
methods = ["gaussian"]
"#;

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("posterity_orphans_{}", std::process::id()));
    std::fs::create_dir_all(folder.join("tmp")).expect("made");
    for (name, text) in [("worker.sh", HUNG), ("analysis.toml", ANALYSIS), ("observed.txt", "1 2\n")] {
        std::fs::write(folder.join(name), text).expect("written");
    }
    folder
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The number that the worker has written to a file.
fn number(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// True while a process is there and no zombie.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn nothing_is_left_of_a_worker_when_the_program_is_killed() {
    if !Path::new("/proc/self/stat").exists() {
        return; // Who is alive is told by /proc here.
    }
    for signal in ["KILL", "INT", "TERM"] {
        let folder = folder();
        let mut posterity = Command::new(env!("CARGO_BIN_EXE_posterity"))
            .args(["simulate", "analysis.toml", "--out", "out", "--quiet"])
            .current_dir(&folder)
            .env("TMPDIR", folder.join("tmp"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        wait_until("no worker starts", || number(&folder.join("worker")).is_some());
        let pids = ["worker", "grandchild", "guard"].map(|name| number(&folder.join(name)).expect("written"));
        assert!(pids.into_iter().all(is_alive) && pids[0] != pids[2], "{pids:?}");
        let kill = |signal: &str| {
            let kill = Command::new("sh").args(["-c", &format!("kill -{signal} {}", posterity.id())]).status();
            assert!(kill.expect("sh").success());
        };
        kill(signal);
        if signal != "KILL" {
            // The first lets the simulation in hand be finished, which this one never is.
            std::thread::sleep(Duration::from_millis(300));
            assert!(pids.into_iter().all(is_alive), "{signal}: {pids:?}");
            kill(signal);
        }
        assert!(!posterity.wait().expect("ends").success());
        for pid in pids {
            wait_until(&format!("{signal}: {pid} of {pids:?} lives"), || !is_alive(pid));
        }
        let left = std::fs::read_dir(folder.join("tmp")).expect("there").count();
        assert_eq!(left, 0, "{signal}: a temporary folder is left");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
