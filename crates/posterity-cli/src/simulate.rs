//! `posterity simulate`: makes the simulations of an analysis, or a part of them.

use crate::Failure;
use crate::options::{self, Input, Running};
use clap::Args;
use posterity::analysis::{Simulating, failed, simulate};
use posterity::failure::Record;
use posterity::store::Shard;

/// Make the simulations that are missing of those the analysis asks for
///
/// They are kept in the output folder, where `posterity compress` and `posterity infer` find them. It may be ended at
/// any moment, and goes on where it stopped. Simulations that failed are not tried again, unless asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    running: Running,

    /// Make part K of N only, beside other processes that make the others: one job of a Slurm array, …
    #[arg(long, value_name = "K/N", default_value_t = Shard::whole(), hide_default_value = true)]
    shard: Shard,

    /// Show the simulations that failed, with parameters, seed, exit status and standard error; make none
    #[arg(long, conflicts_with_all = ["shard", "retry_failed", "repair", "overwrite"])]
    list_failed: bool,

    /// Try simulations again that failed
    #[arg(long)]
    retry_failed: bool,

    /// Look for corrupt chunks, take them away, and make them again
    #[arg(long)]
    repair: bool,

    /// Take away simulations of another analysis that are in the output folder
    #[arg(long)]
    overwrite: bool,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if self.list_failed {
            return self.list();
        }
        let Self { shard, retry_failed, repair, overwrite, .. } = *self;
        let how = Simulating { shard, retry_failed, repair, overwrite };
        options::run_likelihood_free(&self.input, &self.running, "simulate", |analysis, out_dir, progress| {
            simulate(analysis, out_dir, &how, progress)
        })
    }

    fn list(&self) -> Result<(), Failure> {
        self.running.start_threads()?;
        let (analysis, out_dir) = self.input.likelihood_free("simulate")?;
        let names: Vec<String> = analysis.prior.parameters.iter().map(|p| p.name.clone()).collect();
        let mut n = 0;
        for (table, records) in failed(&analysis, &out_dir)? {
            for record in &records {
                crate::say(&describe(&table, &names, record));
            }
            n += records.len();
        }
        crate::say(&format!("{n} failed"));
        Ok(())
    }
}

/// One failed simulation: a line for what happened, its standard error indented below.
fn describe(table: &str, names: &[String], record: &Record) -> String {
    let theta: Vec<String> = names.iter().zip(&record.theta).map(|(name, x)| format!("{name} = {x}")).collect();
    let failure = &record.failure;
    let mut words = vec![format!("{table} {}: {}", record.index, theta.join(", "))];
    words.extend(failure.program_seed.map(|seed| format!("seed {seed}")));
    words.push(failure.message.clone());
    if failure.attempts > 1 {
        words.push(format!("{} attempts", failure.attempts));
    }
    let stderr = failure.stderr.trim_end().lines().map(|line| format!("\n    {line}"));
    words.join("; ") + &stderr.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use posterity::failure::{Cause, Failure};

    #[test]
    fn a_failed_simulation_is_told_whole() {
        let failure = Failure {
            attempts: 2,
            exit_status: Some(3),
            program_seed: Some(99),
            stderr: "no memory\nbye\n".into(),
            ..Failure::new(Cause::Exit, "exit status 3")
        };
        let record = Record { index: 7, theta: vec![0.3, -1.0], failure };
        assert_eq!(
            describe("train/fiducial", &["omega_m".into(), "w".into()], &record),
            "train/fiducial 7: omega_m = 0.3, w = -1; seed 99; exit status 3; 2 attempts\n    no memory\n    bye"
        );
    }
}
