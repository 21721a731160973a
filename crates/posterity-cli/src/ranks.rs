//! The program on all ranks of an MPI run: rank 0 is the program, the others simulate for its inference.

use crate::{Failure, Program, Verb};
use posterity::analysis::{lead, serve};
use posterity::lfi::ranks::World;
use std::process::ExitCode;

/// Runs the program on rank 0; on the others, waits for work until that has ended. They write and print nothing.
pub(crate) fn run(program: Result<Program, clap::Error>) -> ExitCode {
    let world = match World::start() {
        Ok(world) => world,
        Err(error) => {
            crate::complain(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if world.rank() == 0 {
        return lead(&world, || crate::run(program));
    }
    let options = match program.as_ref().map(|program| &program.verb) {
        Ok(Verb::Run(arguments)) => Some(arguments.options()),
        Ok(Verb::Infer(arguments)) => Some(arguments.options()),
        // Nothing that these do needs other ranks; what is wrong with the arguments is said once.
        _ => None,
    };
    serve(&world, || {
        let Some((input, running)) = options else {
            return Err(posterity::Error::invalid_input("this verb infers nothing"));
        };
        let told = |failure: Failure| posterity::Error::invalid_input(failure.text);
        running.start_threads().map_err(told)?;
        input.analysis().map_err(told)?.likelihood_free("run")
    });
    ExitCode::SUCCESS
}
