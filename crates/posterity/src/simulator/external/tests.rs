//! Programs that behave, and that fail in every way there is: small scripts for `sh`.

use super::*;
use crate::seed::Seed;
use crate::simulator::{SimulationSet, attempt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A folder of its own with a script, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(script: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("posterity-external-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("script.sh"), script).expect("written");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// How many lines a script has left in a file.
    fn count(&self, name: &str) -> usize {
        self.text(name).lines().count()
    }

    fn external(&self, kind: Kind, change: impl FnOnce(&mut Settings)) -> External {
        let arguments: &[&str] = match kind {
            Kind::Command => &["{output}", "{seed}", "{theta.a}", "{theta.b}"],
            Kind::Worker => &[],
        };
        let mut settings = Settings {
            command: ["sh", "script.sh"].iter().chain(arguments).map(|text| (*text).to_owned()).collect(),
            parameters: vec!["a".into(), "b".into()],
            shape: vec![3],
            output: None,
            array: None,
            timeout_s: 60.0,
            retries: 0,
            n_workers: Some(1),
        };
        change(&mut settings);
        let external = External::new(kind, settings, &self.0).expect("right");
        external.keep_logs_in(&self.path("logs"));
        external
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A worker that answers with the parameters and the seed, once `$before` was done for request `$id`.
fn worker(before: &str) -> String {
    format!(
        r#"echo started >> starts
echo '{{"protocol": 1}}'
while read -r line; do
  rest=${{line#*'"id": '}}; id=${{rest%%,*}}
  rest=${{line#*'"seed": '}}; seed=${{rest%%,*}}
  rest=${{line#*'"a": '}}; a=${{rest%%,*}}
  rest=${{line#*'"b": '}}; b=${{rest%%\}}*}}
  {before}
  echo "{{\"id\": $id, \"data\": [$a, $b, $seed]}}"
done
echo ended >> ends
"#
    )
}

/// One simulation of the stream of this index.
fn outcome(external: &External, index: u64, theta: [f64; 2]) -> Result<std::result::Result<Vec<f64>, Failure>> {
    let mut data = vec![0.0; external.n_data()];
    let failure = attempt(external, &theta, &mut Seed::new(1).stream(index), &mut data)?;
    assert!(failure.is_none() || data.iter().all(|d| d.is_nan()));
    Ok(failure.map_or(Ok(data), Err))
}

fn simulated(external: &External, index: u64, theta: [f64; 2]) -> Vec<f64> {
    outcome(external, index, theta).expect("runs").expect("no failure")
}

fn failure(external: &External, index: u64) -> Failure {
    outcome(external, index, [0.3, 2.0]).expect("runs").expect_err("fails")
}

/// The seed that a program is given for a stream.
fn seed(index: u64) -> u64 {
    Seed::new(1).stream(index).next_u64() >> 11
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_worker_is_told_parameters_and_seed_and_is_asked_again_and_again() {
    let folder = Folder::new(&worker(""));
    let external = folder.external(Kind::Worker, |_| ());
    for index in [0, 1, 2, 0] {
        assert_eq!(simulated(&external, index, [0.1, -2e-9]), [0.1, -2e-9, seed(index) as f64]);
    }
    // The seed is that of the index, wherever the parameters are.
    assert_eq!(simulated(&external, 5, [0.1, 1.0])[2], simulated(&external, 5, [0.2, 3.0])[2]);
    assert_eq!(folder.count("starts"), 1);
    drop(external);
    assert_eq!(folder.count("ends"), 1, "it was asked to end");
    assert!(!folder.path("logs").exists(), "an empty log is left");
}

#[test]
fn many_at_once_give_the_same_and_are_no_more_than_asked_for() {
    let folder = Folder::new(&worker("test $id = 0 || sleep 0.01"));
    let rows = |n_workers| {
        let external = folder.external(Kind::Worker, |s| s.n_workers = Some(n_workers));
        let mut set = SimulationSet::new(&external, &[1.0, 2.0], Some(&[0.1, 0.1]), 20, 5).expect("fits");
        let failures = set.fill(&external, Seed::new(3), 0).expect("runs");
        assert_eq!(failures.n(), 0);
        set
    };
    let one = rows(1);
    assert_eq!(rows(3), one);
    assert!((2..=4).contains(&folder.count("starts")), "{}", folder.count("starts"));
    // Differences at matched seeds: the third datum is the seed alone.
    assert!(
        one.derivatives()
            .expect("in memory")
            .chunks(3)
            .all(|row| row[2] == 0.0 && (row[0] + row[1] - 1.0).abs() < 1e-12)
    );
}

#[test]
fn faults_of_a_worker_cost_one_simulation_each() {
    // By the second parameter; what stands before the answer, the failure's cause, and what its message says.
    let cases: [(&str, Cause, &str); 15] = [
        ("exit 3", Cause::Exit, "exit status 3"),
        ("exit 0", Cause::BadOutput, "ended without an answer"),
        ("kill -9 $$", Cause::Killed, "signal 9"),
        ("kill -TERM $$", Cause::Killed, "signal 15"),
        ("sleep 100", Cause::TimedOut, "no result within 1.5 s"),
        ("(sleep 100 & echo $! > grandchild; wait)", Cause::TimedOut, "no result within"),
        ("exec >&-; sleep 100", Cause::BadOutput, "closed its standard output"),
        ("echo hello", Cause::BadOutput, "`hello`"),
        ("printf '{\"id\": '; exit 1", Cause::Exit, "exit status 1"),
        ("printf '{\"id\": '; sleep 100", Cause::TimedOut, "no result within"),
        ("head -c 5000 /dev/zero | tr '\\0' x; sleep 100", Cause::BadOutput, "a line of more than 4192 bytes: `xxx"),
        ("id=77", Cause::BadOutput, "an answer to request 77, where 1 was asked"),
        (
            "echo \"{\\\"id\\\": $id, \\\"data\\\": [1, 2]}\"; continue",
            Cause::BadOutput,
            "the data end after 2 numbers",
        ),
        ("a=NaN", Cause::NotFinite, "value 0 of the simulation is NaN"),
        ("echo \"{\\\"id\\\": $id, \\\"error\\\": \\\"no such star\\\"}\"; continue", Cause::Refused, "no such star"),
    ];
    let holds = |(fault, cause, message): (&str, Cause, &str)| {
        let folder = Folder::new(&worker(&format!("if test $b = 2.0; then echo about to fail >&2; {fault}; fi")));
        let external = folder.external(Kind::Worker, |s| s.timeout_s = 1.5);
        let before = outcome(&external, 7, [1.0, 1.0]).expect("runs").expect(fault);
        let failed = failure(&external, 8);
        assert!(failed.cause == cause && failed.message.contains(message), "{fault}: {failed:?}");
        assert_eq!((failed.attempts, failed.program_seed), (1, Some(seed(8))), "{fault}");
        assert!(failed.stderr.ends_with("about to fail\n"), "{fault}: {failed:?}");
        let lives = matches!(cause, Cause::NotFinite | Cause::Refused);
        assert_eq!(simulated(&external, 7, [1.0, 1.0]), before, "{fault}");
        assert_eq!(folder.count("starts"), if lives { 1 } else { 2 }, "{fault}");
        drop(external);
        if let Ok(pid) = folder.text("grandchild").trim().parse() {
            wait_until("a grandchild of a hung worker lives", || !is_alive(pid));
        }
    };
    at_once(cases, holds);
}

/// All cases beside each other: most of their time is waiting.
fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, holds: impl Fn(T) + Sync) {
    let holds = &holds;
    std::thread::scope(|scope| cases.into_iter().for_each(|case| drop(scope.spawn(move || holds(case)))));
}

/// True while a process is there and no zombie.
fn is_alive(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).expect("a number");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    rustix::process::test_kill_process(pid).is_ok() && !state.contains(") Z ")
}

#[test]
fn a_failed_simulation_is_tried_again_with_its_seed() {
    let folder = Folder::new(&worker("echo $seed >> seeds; if test $(wc -l < seeds) -lt 3; then exit 1; fi"));
    let external = folder.external(Kind::Worker, |s| s.retries = 2);
    assert_eq!(simulated(&external, 4, [1.0, 2.0])[2], seed(4) as f64);
    assert_eq!(folder.text("seeds"), format!("{0}\n{0}\n{0}\n", seed(4)));
    let folder = Folder::new(&worker("exit 9"));
    let external = folder.external(Kind::Worker, |s| s.retries = 2);
    let failed = failure(&external, 0);
    assert_eq!((failed.attempts, failed.exit_status, failed.cause), (3, Some(9), Cause::Exit));
    // What the parameters forbid, no second attempt allows.
    let folder = Folder::new(&worker("echo \"{\\\"id\\\": $id, \\\"error\\\": \\\"no\\\"}\"; continue"));
    let external = folder.external(Kind::Worker, |s| s.retries = 2);
    assert_eq!(failure(&external, 0).attempts, 1);
    let nan = outcome(&external, 0, [f64::NAN, 1.0]).expect("runs").expect_err("refused");
    assert_eq!((nan.cause, nan.message.as_str()), (Cause::Refused, "a = NaN cannot be given to a program"));
}

#[test]
fn a_worker_killed_by_hand_or_without_its_guard_is_started_anew() {
    let folder = Folder::new(&worker(
        "echo $$ > pid; ps -o pgid= -p $$ > group 2>/dev/null || cut -d ' ' -f 5 /proc/$$/stat > group",
    ));
    let external = folder.external(Kind::Worker, |_| ());
    let pid = |name: &str| folder.text(name).trim().parse::<i32>().expect("a number");
    let kill = |pid: i32| {
        let pid = rustix::process::Pid::from_raw(pid).expect("a number");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    };
    simulated(&external, 0, [1.0, 1.0]);
    kill(pid("pid"));
    let failed = failure(&external, 1);
    assert_eq!((failed.cause, failed.signal), (Cause::Killed, Some(9)));
    simulated(&external, 2, [1.0, 1.0]);
    let (worker, guard) = (pid("pid"), pid("group"));
    assert_ne!(worker, guard);
    kill(guard);
    wait_until("the guard lives", || !is_alive(guard));
    simulated(&external, 3, [1.0, 1.0]);
    assert!(!is_alive(worker) && pid("pid") != worker, "the worker without guard lives");
    assert_eq!(folder.count("starts"), 3);
    let last = pid("pid");
    drop(external);
    assert!(!is_alive(last), "the last worker lives");
}

#[test]
fn what_is_no_worker_is_told_at_once() {
    let error = |script: &str, timeout_s| {
        let folder = Folder::new(&format!("echo started >> starts; echo a warning >&2; {script}"));
        let external = folder.external(Kind::Worker, |s| s.timeout_s = timeout_s);
        let error = outcome(&external, 0, [1.0, 1.0]).expect_err("no worker");
        assert!(error.is_invalid_input());
        let text = error.to_string();
        assert_eq!(outcome(&external, 1, [1.0, 1.0]).expect_err("no worker").to_string(), text, "it is said again");
        assert!(text.contains("sh: the program is no worker: ") && text.contains("it said: a warning"), "{text}");
        assert!(text.ends_with("; a worker writes {\"protocol\": 1} as its first line, as docs/external.md says"));
        (text, folder.count("starts"))
    };
    let (text, starts) = error("exit 5", 20.0);
    assert!(
        text.contains("no worker: exit status 5, 3 times in a row; it said: a warning\na warning") || starts == 3,
        "{text}"
    );
    assert_eq!(starts, 3);
    let (text, starts) = error("echo hello; sleep 100", 20.0);
    assert!(text.contains("first line is not {\"protocol\": 1} but `hello`;") && starts == 1, "{text}");
    let (text, starts) = error("echo '{\"protocol\": 2}'; sleep 100", 20.0);
    assert!(text.contains("speaks protocol 2, not 1;") && starts == 1, "{text}");
    let (text, starts) = error("sleep 100", 0.3);
    assert!(text.contains("no result within 0.3 s, 3 times in a row;") && starts == 3, "{text}");
}

#[test]
fn a_slow_start_is_waited_for() {
    let folder = Folder::new(&format!("sleep 0.2\n{}", worker("")));
    assert_eq!(simulated(&folder.external(Kind::Worker, |_| ()), 0, [1.0, 2.0])[..2], [1.0, 2.0]);
}

/// The bytes of an array of three doubles, the first two with a value, as a command for `sh`.
const WRITE: &str = r#"printf '\223NUMPY\1\0v\0%-117s\n\0\0\0\0\0\0\360?\0\0\0\0\0\0\0@\0\0\0\0\0\0\10@' "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" > "$1""#;

#[test]
fn a_command_is_run_once_per_simulation() {
    let folder = Folder::new(&format!("echo \"$2 $3 $4 $PWD\" >> calls; {WRITE}"));
    let external = folder.external(Kind::Command, |_| ());
    assert_eq!(simulated(&external, 0, [0.3, 1e-7]), [1.0, 2.0, 3.0]);
    assert_eq!(simulated(&external, 1, [1.0, -2.0]), [1.0, 2.0, 3.0]);
    let folder_name = folder.0.display();
    assert_eq!(
        folder.text("calls"),
        format!("{} 0.3 1e-7 {folder_name}\n{} 1.0 -2.0 {folder_name}\n", seed(0), seed(1))
    );
}

#[test]
fn data_in_a_file_are_read_and_the_file_is_deleted() {
    let write = WRITE.replace("$1", "large.npy");
    let folder = Folder::new(&worker(&format!(
        "{write}; echo \"{{\\\"id\\\": $id, \\\"output\\\": \\\"large.npy\\\"}}\"; continue"
    )));
    let external = folder.external(Kind::Worker, |_| ());
    assert_eq!(simulated(&external, 0, [0.3, 1.0]), [1.0, 2.0, 3.0]);
    assert!(!folder.path("large.npy").exists());
    let folder = Folder::new(&worker("echo \"{\\\"id\\\": $id, \\\"output\\\": \\\"script.sh\\\"}\"; continue"));
    let failed = failure(&folder.external(Kind::Worker, |_| ()), 0);
    assert_eq!(failed.message, "the output `script.sh` is neither .npy nor .npz");
    assert!(folder.path("script.sh").exists());
}

#[test]
fn faults_of_a_command_cost_one_simulation_each() {
    let nan = WRITE.replace("\\360?", "\\370\\177");
    let cases: [(&str, Cause, &str); 9] = [
        ("exit 3", Cause::Exit, "exit status 3"),
        ("kill -9 $$", Cause::Killed, "ended by signal 9"),
        ("exec sleep 100", Cause::TimedOut, "no result within 1.5 s"),
        ("sleep 100 & echo $! > grandchild; wait", Cause::TimedOut, "no result within"),
        ("exit 0", Cause::BadOutput, "the program wrote no output file"),
        ("echo garbage > $1", Cause::BadOutput, "no array in numpy's format"),
        (&WRITE.replace("(3,)", "(1,3)"), Cause::BadOutput, "(the shape is (1, 3), expected (3,)); leave out the axis"),
        (&WRITE.replace("f8", "i8"), Cause::BadOutput, "of type '<i8', not f4 or f8"),
        (&nan, Cause::NotFinite, "value 0 of the simulation is NaN"),
    ];
    let holds = |(fault, cause, message): (&str, Cause, &str)| {
        let script = format!(
            "echo run >> runs; echo $1 > output; echo about to fail >&2; if test $4 = 2.0; then\n{fault}\nelse\n{WRITE}\nfi"
        );
        let folder = Folder::new(&script);
        let external = folder.external(Kind::Command, |s| (s.timeout_s, s.retries) = (1.5, 1));
        let failed = failure(&external, 8);
        assert!(failed.cause == cause && failed.message.contains(message), "{fault}: {failed:?}");
        assert_eq!(failed.program_seed, Some(seed(8)), "{fault}");
        let attempts = if cause == Cause::NotFinite { 1 } else { 2 };
        assert_eq!((failed.attempts, folder.count("runs")), (attempts, attempts as usize), "{fault}");
        assert_eq!(failed.stderr, "about to fail\n", "{fault}");
        assert!(!Path::new(folder.text("output").trim()).exists(), "{fault}");
        assert_eq!(simulated(&external, 7, [1.0, 1.0]), [1.0, 2.0, 3.0], "{fault}");
        if let Ok(pid) = folder.text("grandchild").trim().parse() {
            wait_until("a grandchild of a hung program lives", || !is_alive(pid));
        }
    };
    at_once(cases, holds);
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_and_no_failure() {
    for kind in [Kind::Command, Kind::Worker] {
        let folder = Folder::new("");
        let program = folder.path("program");
        std::fs::write(&program, b"\x7fELF no program").expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        let external = folder.external(kind, |s| s.command[0] = "./program".into());
        let error = outcome(&external, 0, [1.0, 1.0]).expect_err("no program");
        assert!(error.is_invalid_input() && error.to_string().contains("/program: the program cannot be started: "));
        // It is not tried again, and the same is said.
        std::fs::remove_file(&program).expect("removed");
        assert_eq!(outcome(&external, 1, [1.0, 1.0]).expect_err("no program").to_string(), error.to_string());
    }
}

#[test]
fn a_command_in_time_is_noticed_at_once() {
    let folder = Folder::new(WRITE);
    let external = folder.external(Kind::Command, |_| ());
    simulated(&external, 0, [1.0, 1.0]);
    let start = Instant::now();
    (0..20).for_each(|index| drop(simulated(&external, index, [1.0, 1.0])));
    // Start, run and end of a shell, a few milliseconds; a wait in steps would show.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
