//! What goes wrong on one rank of an MPI run ends the method on rank 0 with an error, and the service of all ranks.
//!
//! Compiled with the feature `mpi` alone; needs `mpirun`, under which this test starts itself.
#![cfg(feature = "mpi")]

use posterity::compressor::{Compressor, QuasiMle};
use posterity::lfi::ranks::{Ranks, World, serve};
use posterity::lfi::{Estimates, Forward};
use posterity::math::Matrix;
use posterity::simulator::Simulator;
use posterity::{Error, Parameter, Reference, Result, Seed, Stream};
use std::process::Command;
use std::time::{Duration, Instant};

/// Two milliseconds a simulation, and on the last rank what is asked for.
struct Slow {
    parameters: Vec<Parameter>,
    wrong: Option<String>,
}

impl Simulator for Slow {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &[1]
    }

    fn simulate(&self, theta: &[f64], _: &mut Stream, data: &mut [f64]) -> Result<()> {
        std::thread::sleep(Duration::from_millis(2));
        match self.wrong.as_deref() {
            Some("error") => return Err(Error::numerical("no more disk")),
            Some("panic") => panic!("this is wrong"),
            _ => data[0] = theta[0],
        }
        if theta[0] < 10.0 { Err(Error::simulation_failed("small")) } else { Ok(()) }
    }
}

struct Same;

impl Compressor for Same {
    fn n_data(&self) -> usize {
        1
    }

    fn n_summaries(&self) -> usize {
        1
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        summaries.copy_from_slice(data);
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

/// What each rank does, started by the test below.
#[test]
#[ignore = "runs under mpirun"]
fn one_rank() {
    let world = World::start().expect("MPI");
    let wrong = std::env::var("WRONG").ok().filter(|_| world.rank() + 1 == world.size());
    let simulator = Slow { parameters: vec![Parameter::new("p", "p")], wrong };
    let quasi_mle = QuasiMle { theta_fid: vec![0.0], mu: vec![0.0], projection: Matrix::identity(1) };
    let forward = Forward { simulator: &simulator, compressor: &Same, quasi_mle: &quasi_mle };
    let local = forward.seeded(Seed::new(0));
    if world.rank() > 0 {
        return serve(&world, local);
    }
    let ranks = Ranks::new(&world, local).expect("ready");
    let thetas: Vec<f64> = (0..4000).map(f64::from).collect();
    let mut theta_hat = vec![0.0; 4000];
    let start = Instant::now();
    match ranks.estimates("x", &thetas, 7, &mut theta_hat) {
        Ok(failures) => {
            let indices: Vec<u64> = failures.first.iter().map(|record| record.index).collect();
            assert_eq!(indices, (7..17).collect::<Vec<u64>>());
            assert!(theta_hat[..10].iter().all(|x| x.is_nan()) && theta_hat[10..] == thetas[10..]);
            eprintln!("outcome: right");
        }
        Err(error) => eprintln!("outcome: {error} (early: {})", start.elapsed() < Duration::from_secs(1)),
    }
}

#[test]
fn what_goes_wrong_on_a_rank_reaches_all() {
    let cases = [
        (None, "outcome: right"),
        (Some("error"), "outcome: rank 2: no more disk (early: true)"),
        (Some("panic"), "outcome: rank 2: a simulation panicked: this is wrong; mend the simulator (early: true)"),
    ];
    for (wrong, expected) in cases {
        let mut command = Command::new("timeout");
        command.args(["60", "mpirun", "-n", "3", "--oversubscribe"]).arg(std::env::current_exe().expect("a name"));
        command.args(["--ignored", "--exact", "one_rank", "--nocapture"]);
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command.envs(wrong.map(|wrong| ("WRONG", wrong)));
        let output = command.output().expect("mpirun starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{wrong:?}: {:?}: {text}", output.status);
        assert!(text.contains(expected), "{wrong:?}: {text}");
    }
}
