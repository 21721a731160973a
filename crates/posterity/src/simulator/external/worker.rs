//! A program that stays and answers one line per simulation on its standard output.

use super::once::{cannot_start, ended, timed_out};
use super::output::read_output;
use super::process::{Group, Log, TICK, Waiting};
use super::protocol::{self, Answer, Lines};
use super::settings::Program;
use super::slots::Outcome;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Workers that end before their first line, one after the other, until it is said that the program does not start.
const MOST_DEATHS: usize = 3;
/// What a worker that has closed its standard output is given to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// A running worker.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    lines: Lines,
    request: Vec<u8>,
    /// Requests so far.
    id: u64,
}

/// What was heard of a worker.
type Heard<T> = std::result::Result<T, Trouble>;

/// Why a worker gave no data.
enum Trouble {
    /// Its standard output has ended.
    Closed,
    /// It took too long.
    TimedOut,
    /// It said something that it should not.
    Garbage(String),
    /// It has no data at these parameters.
    Refused(String),
}

impl Worker {
    /// Starts the program in a group and waits for its first line; a program that ends before is started again.
    ///
    /// # Errors
    /// Io or invalid input, where the program cannot be started or is no worker.
    pub(super) fn start(
        program: &Program,
        group: &mut Group,
        log: &Log,
        new_group: impl Fn() -> Result<Group>,
    ) -> Result<Self> {
        let mut deaths = 1;
        loop {
            let mark = log.mark();
            let mut worker = Self::spawn(program, group, log)?;
            let deadline = Instant::now() + program.timeout;
            let (failure, for_certain) = match worker.line(program, log, deadline) {
                Ok(length) => match protocol::read_greeting(&worker.lines.bytes()[..length]) {
                    Ok(()) => {
                        worker.lines.take(length);
                        return Ok(worker);
                    }
                    Err(message) => (worker.end(Trouble::Garbage(message), program, group), true),
                },
                Err(trouble) => {
                    let for_certain = matches!(trouble, Trouble::Garbage(_));
                    (worker.end(trouble, program, group), for_certain)
                }
            };
            if for_certain || deaths == MOST_DEATHS {
                return Err(no_worker(program, &failure, deaths, &log.since(mark)));
            }
            deaths += 1;
            *group = new_group()?;
        }
    }

    fn spawn(program: &Program, group: &Group, log: &Log) -> Result<Self> {
        let mut command = Command::new(&program.path);
        command.args(program.arguments(0, &[], Path::new(""))).current_dir(&program.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.stdio()?);
        group.admit(&mut command);
        let mut child = command.spawn().map_err(|error| cannot_start(program, &error))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| cannot_start(program, &ErrorKind::BrokenPipe.into()))?;
        for pipe in [stdin.as_fd(), stdout.as_fd()] {
            ioctl_fionbio(pipe, true).map_err(|error| cannot_start(program, &error.into()))?;
        }
        Ok(Self { child, stdin, stdout, lines: Lines::default(), request: Vec::new(), id: 0 })
    }

    /// One simulation. A worker that failed is ended, and nothing of it is left to ask again.
    pub(super) fn simulate(
        mut self,
        program: &Program,
        group: &Group,
        log: &Log,
        (theta, seed): (&[f64], u64),
        data: &mut [f64],
    ) -> (Option<Self>, Outcome) {
        match self.ask(program, log, (theta, seed), data) {
            Ok(()) => (Some(self), Ok(())),
            Err(Trouble::Refused(text)) => (Some(self), Err(Failure::new(Cause::Refused, text))),
            Err(trouble) => (None, Err(self.end(trouble, program, group))),
        }
    }

    fn ask(&mut self, program: &Program, log: &Log, input: (&[f64], u64), data: &mut [f64]) -> Heard<()> {
        let ((theta, seed), id) = (input, self.id);
        self.id += 1;
        protocol::write_request(&mut self.request, id, seed, &program.parameters, theta);
        let deadline = Instant::now() + program.timeout;
        self.send(log, deadline)?;
        let length = self.line(program, log, deadline)?;
        let answer = protocol::read_answer(&self.lines.bytes()[..length], data);
        self.lines.take(length);
        let (found, answer) = answer.map_err(Trouble::Garbage)?;
        if found != id {
            return Err(Trouble::Garbage(format!("an answer to request {found}, where {id} was asked")));
        }
        if !self.lines.bytes().is_empty() {
            let rest = protocol::excerpt(self.lines.bytes());
            return Err(Trouble::Garbage(format!("more than one line in answer: `{rest}`")));
        }
        match answer {
            Answer::Data => Ok(()),
            Answer::Refused(text) => Err(Trouble::Refused(text)),
            Answer::Output(path) => take_file(program, &path, data).map_err(Trouble::Garbage),
        }
    }

    fn send(&mut self, log: &Log, deadline: Instant) -> Heard<()> {
        let mut sent = 0;
        while sent < self.request.len() {
            match self.stdin.write(&self.request[sent..]) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_for(&self.stdin, PollFlags::OUT, log, deadline)?;
                }
                Err(_) => return Err(Trouble::Closed),
            }
        }
        Ok(())
    }

    /// The length of the next line, once it is there.
    fn line(&mut self, program: &Program, log: &Log, deadline: Instant) -> Heard<usize> {
        let longest = protocol::longest_line(program.shape.iter().product());
        loop {
            if let Some(length) = self.lines.line(longest).map_err(Trouble::Garbage)? {
                return Ok(length);
            }
            wait_for(&self.stdout, PollFlags::IN, log, deadline)?;
            match self.stdout.read(self.lines.room()) {
                Ok(0) => return Err(Trouble::Closed),
                Ok(n) => self.lines.received(n),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Err(Trouble::Closed),
            }
        }
    }

    /// Ends the worker with its group, and says how it failed.
    fn end(self, trouble: Trouble, program: &Program, group: &Group) -> Failure {
        let Self { child, stdin, stdout, .. } = self;
        let waiting = Waiting::new(child);
        let status = match (&trouble, &waiting) {
            // It is about to end, most likely, and its exit status says why.
            (Trouble::Closed, Ok(waiting)) => waiting.until(Instant::now() + GRACE, || ()),
            _ => None,
        };
        group.end();
        drop((stdin, stdout));
        if let (None, Ok(waiting)) = (status, &waiting) {
            waiting.until(Instant::now() + GRACE, || ());
        }
        match (trouble, status) {
            (Trouble::Closed, Some(status)) => ended(status),
            (Trouble::Closed, None) => Failure::new(Cause::BadOutput, "the worker closed its standard output"),
            (Trouble::TimedOut, _) => timed_out(program),
            (Trouble::Garbage(message), _) => Failure::new(Cause::BadOutput, message),
            (Trouble::Refused(message), _) => Failure::new(Cause::Refused, message),
        }
    }

    /// Asks the worker to end, by closing its standard input, and hands over the child to be waited for.
    pub(super) fn dismiss(self) -> Option<Waiting> {
        drop(self.stdin);
        Waiting::new(self.child).ok()
    }
}

/// How long an answer is waited for awake.
const SPIN: std::time::Duration = std::time::Duration::from_micros(100);

/// Waits until a pipe is ready, or has ended.
fn wait_for(pipe: &impl AsFd, flags: PollFlags, log: &Log, deadline: Instant) -> Heard<()> {
    // Sleeping and being woken costs more than the answer of a quick program: for a moment it is looked for awake.
    let start = Instant::now();
    while start.elapsed() < SPIN {
        if matches!(poll(&mut [PollFd::new(pipe, flags)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..)) {
            return Ok(());
        }
        std::thread::yield_now();
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let span = left.min(TICK);
        let timeout = Timespec { tv_sec: span.as_secs() as i64, tv_nsec: i64::from(span.subsec_nanos()) };
        match poll(&mut [PollFd::new(pipe, flags)], Some(&timeout)) {
            Ok(0) if left > TICK => _ = log.mark(),
            Ok(0) => return Err(Trouble::TimedOut),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(_) => return Err(Trouble::Closed),
        }
    }
}

/// Reads a file of data that the worker names, and deletes it.
fn take_file(program: &Program, name: &str, data: &mut [f64]) -> std::result::Result<(), String> {
    let path = program.folder.join(name);
    if !path.extension().is_some_and(|extension| extension == "npy" || extension == "npz") {
        return Err(format!("the output `{}` is neither .npy nor .npz", protocol::excerpt(name.as_bytes())));
    }
    read_output(&path, None, &program.shape, data)?;
    std::fs::remove_file(&path).map_err(|error| format!("the output `{name}` cannot be deleted: {error}"))
}

fn no_worker(program: &Program, failure: &Failure, deaths: usize, stderr: &str) -> Error {
    let often = if deaths > 1 { format!(", {deaths} times in a row") } else { String::new() };
    let said = if stderr.trim().is_empty() { String::new() } else { format!("; it said: {}", stderr.trim()) };
    let message = format!("the program is no worker: {}{often}{said}", failure.message);
    let remedy = "a worker writes {\"protocol\": 1} as its first line, as docs/external.md says";
    Error::invalid_input(message).remedy(remedy).in_file(&program.path)
}
