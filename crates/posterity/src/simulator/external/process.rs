//! Processes that end with this one: a guarded group, waiting with a deadline, standard error kept in a file.

use crate::error::{Error, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Waits until its standard input ends, which it does when this process ends in whatever way; then removes the folder
/// for files of this process and ends its group.
const GUARD: &str = "trap '' HUP INT TERM; read -r _; rm -rf -- \"$1\"; kill -9 0";
const SHELL: &str = "/bin/sh";

/// A process group with a guard, which ends all of it when this process is no more.
///
/// The guard leads the group and is reaped last of all, so that the group's number is nobody else's.
pub(super) struct Group {
    guard: Child,
}

impl Group {
    /// A group with nothing but its guard, which removes `scratch` if nobody else is left to do it.
    pub(super) fn start(scratch: &Path) -> Result<Self> {
        let mut command = Command::new(SHELL);
        command.args(["-c", GUARD, "guard"]).arg(scratch).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn().map_err(|error| Error::io(Path::new(SHELL), &error))?;
        Ok(Self { guard })
    }

    /// False once somebody has ended the guard; it is not reaped by asking.
    pub(super) fn is_guarded(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid()), options), Ok(None))
    }

    /// Lets the command start within the group.
    pub(super) fn admit(&self, command: &mut Command) {
        // A process number is positive and fits.
        command.process_group(i32::try_from(self.guard.id()).unwrap_or(0));
    }

    /// Ends every process of the group, the guard too.
    pub(super) fn end(&self) {
        // What is no more need not be ended.
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }

    /// The number of the group.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.guard)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        let _ = self.guard.wait();
    }
}

/// A child whose end is waited for by a thread of its own.
pub(super) struct Waiting {
    ended: Receiver<std::io::Result<ExitStatus>>,
}

impl Waiting {
    /// Begins to wait.
    pub(super) fn new(mut child: Child) -> Result<Self> {
        let (send, ended) = sync_channel(1);
        let thread = std::thread::Builder::new().stack_size(1 << 16);
        // If nobody wants to know any more, the child is reaped all the same.
        let spawned = thread.spawn(move || drop(send.send(child.wait())));
        spawned.map_err(|error| Error::io(Path::new("a thread to wait for a program"), &error))?;
        Ok(Self { ended })
    }

    /// How the child ended, or nothing, if it did not before the deadline. Each second `tick` is called.
    pub(super) fn until(&self, deadline: Instant, mut tick: impl FnMut()) -> Option<ExitStatus> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.ended.recv_timeout(left.min(TICK)) {
                Ok(status) => return status.ok(),
                Err(RecvTimeoutError::Timeout) if left > TICK => tick(),
                Err(_) => return None,
            }
        }
    }
}

/// How often a long wait is looked after.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What the programs of one slot write to standard error, in a file of bounded size.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Above this size the file is begun anew.
    const MOST: u64 = 16 << 20;
    /// Bytes that a failed simulation tells.
    const TAIL: u64 = 4096;

    /// A file that is appended to.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(&path);
        let file = file.map_err(|error| Error::io(&path, &error))?;
        Ok(Self { path, file })
    }

    /// For a program to write to.
    pub(super) fn stdio(&self) -> Result<Stdio> {
        self.file.try_clone().map(Stdio::from).map_err(|error| Error::io(&self.path, &error))
    }

    /// Where the file ends now; a file that has grown too large is emptied first.
    pub(super) fn mark(&self) -> u64 {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        // A file that cannot be emptied stays as it is: its size is no reason to stop a simulation.
        if length > Self::MOST && self.file.set_len(0).is_ok() { 0 } else { length }
    }

    /// The last of what was written since the mark.
    pub(super) fn since(&self, mark: u64) -> String {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mark = if mark > length { 0 } else { mark };
        let start = mark.max(length.saturating_sub(Self::TAIL));
        let mut bytes = vec![0; (length - start) as usize];
        let n = self.file.read_at(&mut bytes, start).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..n]).into_owned()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(group: &Group, script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        group.admit(&mut command);
        command.spawn().expect("started")
    }

    #[test]
    fn a_group_ends_with_all_that_is_in_it() {
        let group = Group::start(&std::env::temp_dir().join("posterity-nothing")).expect("started");
        assert!(group.is_guarded());
        let mut hung = sh(&group, "sleep 1000 & wait");
        group.end();
        let status = hung.wait().expect("reaped");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        let start = Instant::now();
        while group.is_guarded() {
            assert!(start.elapsed() < Duration::from_secs(10), "the guard lives on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_guard_ends_its_group_when_its_input_ends() {
        let scratch = std::env::temp_dir().join(format!("posterity-guarded-{}", std::process::id()));
        std::fs::create_dir_all(scratch.join("within")).expect("made");
        let mut group = Group::start(&scratch).expect("started");
        let hung = Waiting::new(sh(&group, "trap '' TERM HUP; sleep 1000 & wait")).expect("waits");
        drop(group.guard.stdin.take());
        let status = hung.until(Instant::now() + Duration::from_secs(20), || ()).expect("ended");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        assert!(!scratch.exists());
    }

    #[test]
    fn an_end_is_waited_for_until_the_deadline() {
        let group = Group::start(&std::env::temp_dir().join("posterity-nothing")).expect("started");
        let soon = || Instant::now() + Duration::from_secs(60);
        let status = Waiting::new(sh(&group, "exit 3")).expect("waits").until(soon(), || ());
        assert_eq!(status.and_then(|status| status.code()), Some(3));
        let hung = Waiting::new(sh(&group, "exec sleep 1000")).expect("waits");
        assert!(hung.until(Instant::now() + Duration::from_millis(20), || ()).is_none());
        group.end();
        assert!(hung.until(soon(), || ()).is_some());
    }

    #[test]
    fn the_tail_of_a_log_belongs_to_one_simulation_and_the_file_stays_small() {
        use std::io::Write;
        let path = std::env::temp_dir().join(format!("posterity-log-{}", std::process::id()));
        let log = Log::open(path.clone()).expect("opened");
        let mut writer = log.file.try_clone().expect("cloned");
        writer.write_all(b"before").expect("written");
        let mark = log.mark();
        assert_eq!(log.since(mark), "");
        writer.write_all(&[b'x'; 5000]).expect("written");
        writer.write_all(b"\xff end").expect("written");
        let tail = log.since(mark);
        assert!(tail.starts_with("xxx") && tail.ends_with("\u{fffd} end") && tail.len() == 4096 + 2, "{}", tail.len());
        writer.write_all(&vec![b'y'; 17 << 20]).expect("written");
        assert_eq!(log.mark(), 0);
        writer.write_all(b"after").expect("written");
        assert_eq!((log.since(mark), log.mark()), ("after".to_owned(), 5));
        log.file.set_len(0).expect("emptied");
        drop(log);
        assert!(!path.exists(), "an empty log is left");
    }
}
