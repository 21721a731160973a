//! The program `posterity`: simulate, compress, infer, sample and report from one analysis file.

mod check;
mod compress;
mod infer;
mod init;
mod interrupt;
mod options;
mod progress;
#[cfg(feature = "mpi")]
mod ranks;
mod report;
mod run;
mod sample;
mod simulate;
mod status;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Infers the parameters of a model that can be simulated, from one analysis file.
#[derive(Parser)]
#[command(
    name = "posterity",
    version,
    about,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110
)]
#[command(
    after_help = "Exit codes: 0 done, 2 invalid input (usage, analysis, files), 130 ended by Ctrl-C or a signal,\n\
    1 anything else.\n\
    Begin with: posterity init my_analysis && posterity run my_analysis/analysis.toml"
)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Arguments),
    Simulate(simulate::Arguments),
    Status(status::Arguments),
    Compress(compress::Arguments),
    Infer(infer::Arguments),
    Sample(sample::Arguments),
    Report(report::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
}

/// Why the program ends early, and with which exit code.
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Input that cannot be used.
    fn input(error: impl ToString) -> Self {
        Self { text: error.to_string(), code: 2 }
    }
}

impl From<posterity::Error> for Failure {
    fn from(error: posterity::Error) -> Self {
        if error.is_interrupted() {
            return Self { text: error.to_string(), code: interrupt::EXIT_CODE };
        }
        let code = if error.is_invalid_input() { 2 } else { 1 };
        Self { text: error.to_string(), code }
    }
}

fn main() -> ExitCode {
    let program = Program::try_parse();
    #[cfg(feature = "mpi")]
    return ranks::run(program);
    #[cfg(not(feature = "mpi"))]
    run(program)
}

/// Does what the arguments say, or tells what is wrong with them.
fn run(program: Result<Program, clap::Error>) -> ExitCode {
    let verb = match program {
        Ok(program) => program.verb,
        Err(usage) => {
            // A reader who has left is no error.
            let _ = usage.print();
            return ExitCode::from(usage.exit_code() as u8);
        }
    };
    let outcome = match verb {
        Verb::Run(arguments) => arguments.run(),
        Verb::Simulate(arguments) => arguments.run(),
        Verb::Status(arguments) => arguments.run(),
        Verb::Compress(arguments) => arguments.run(),
        Verb::Infer(arguments) => arguments.run(),
        Verb::Sample(arguments) => arguments.run(),
        Verb::Report(arguments) => arguments.run(),
        Verb::Init(arguments) => arguments.run(),
        Verb::Check(arguments) => arguments.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let kind = if failure.code == interrupt::EXIT_CODE { "ended" } else { "error" };
            complain(&format!("{kind}: {}", failure.text));
            ExitCode::from(failure.code)
        }
    }
}

/// A line to standard output; a reader who has left is no error.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line to standard error.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
