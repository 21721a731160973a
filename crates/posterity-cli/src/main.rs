//! The program `posterity`: simulate, compress, infer and report from one analysis file.

mod check;
mod compress;
mod infer;
mod init;
mod options;
mod progress;
mod report;
mod run;
mod simulate;

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
#[command(after_help = "Exit codes: 0 done, 2 invalid input (usage, analysis, files), 1 anything else.\n\
    Begin with: posterity init my_analysis && posterity run my_analysis/analysis.toml")]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Arguments),
    Simulate(simulate::Arguments),
    Compress(compress::Arguments),
    Infer(infer::Arguments),
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
        let code = if error.is_invalid_input() { 2 } else { 1 };
        Self { text: error.to_string(), code }
    }
}

fn main() -> ExitCode {
    let outcome = match Program::parse().verb {
        Verb::Run(arguments) => arguments.run(),
        Verb::Simulate(arguments) => arguments.run(),
        Verb::Compress(arguments) => arguments.run(),
        Verb::Infer(arguments) => arguments.run(),
        Verb::Report(arguments) => arguments.run(),
        Verb::Init(arguments) => arguments.run(),
        Verb::Check(arguments) => arguments.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("error: {}", failure.text));
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
