//! A program that is run once per simulation: arguments in, a file out.

use super::output::read_output;
use super::process::{Group, Log, Waiting};
use super::settings::Program;
use super::slots::Outcome;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// Runs the program to its end and reads what it wrote.
///
/// # Errors
/// Invalid input, where the program cannot be started: that stands in the way of every simulation.
pub(super) fn run(
    program: &Program,
    group: &Group,
    log: &Log,
    output: &Path,
    (theta, seed): (&[f64], u64),
    data: &mut [f64],
) -> Result<Outcome> {
    let mut command = Command::new(&program.path);
    command.args(program.arguments(seed, theta, output)).current_dir(&program.folder);
    command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
    group.admit(&mut command);
    let deadline = Instant::now() + program.timeout;
    let child = command.spawn().map_err(|error| cannot_start(program, &error))?;
    let waiting = Waiting::new(child)?;
    let outcome = match waiting.until(deadline, || _ = log.mark()) {
        Some(status) if status.success() => {
            let read = read_output(output, program.array.as_deref(), &program.shape, data);
            read.map_err(|message| Failure::new(Cause::BadOutput, message))
        }
        Some(status) => Err(ended(status)),
        None => {
            group.end();
            Err(timed_out(program))
        }
    };
    // Of a failed run there may be none.
    let _ = std::fs::remove_file(output);
    Ok(outcome)
}

/// That a program did not start, which no other simulation would mend.
pub(super) fn cannot_start(program: &Program, error: &std::io::Error) -> Error {
    Error::invalid_input(format!("the program cannot be started: {error}"))
        .remedy("see that it runs from a shell in the folder of the analysis")
        .in_file(&program.path)
}

/// That a simulation took too long.
pub(super) fn timed_out(program: &Program) -> Failure {
    Failure::new(Cause::TimedOut, format!("no result within {} s", program.timeout.as_secs_f64()))
}

/// That a program ended when it should not have, or badly.
pub(super) fn ended(status: ExitStatus) -> Failure {
    match (status.code(), status.signal()) {
        (Some(0), _) => Failure {
            exit_status: Some(0),
            ..Failure::new(Cause::BadOutput, "the program ended without an answer (exit status 0)")
        },
        (Some(code), _) => {
            Failure { exit_status: Some(code), ..Failure::new(Cause::Exit, format!("exit status {code}")) }
        }
        (None, signal) => {
            let message = format!("ended by signal {}", signal.unwrap_or(0));
            Failure { signal, ..Failure::new(Cause::Killed, message) }
        }
    }
}
