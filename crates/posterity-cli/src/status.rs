//! `posterity status`: how far the simulations of an analysis are.

use crate::Failure;
use crate::options::Input;
use clap::Args;
use posterity::analysis::{TableStatus, status};

/// Show what is filled, failed and missing of an analysis' simulations
///
/// Reads only, also while other processes fill the tables.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,

    /// Read every byte and name what is corrupt
    #[arg(long)]
    verify: bool,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let (analysis, out_dir) = self.input.likelihood_free("status")?;
        let tables = status(&analysis, &out_dir, self.verify)?;
        crate::say(&format!(
            "{:<24} {:>10} {:>10} {:>10} {:>10}",
            "simulations", "wanted", "done", "failed", "missing"
        ));
        for table in &tables {
            crate::say(&line(table));
            for corrupt in &table.corrupt {
                crate::say(&format!("  {}: {}", corrupt.file.display(), corrupt.message));
            }
        }
        crate::say(&next(&tables));
        if tables.iter().any(|table| !table.corrupt.is_empty()) {
            return Err(Failure { text: "some simulations are corrupt".into(), code: 1 });
        }
        Ok(())
    }
}

fn line(table: &TableStatus) -> String {
    let TableStatus { name, n_rows, n_done, failures, n_missing, corrupt } = table;
    if !corrupt.is_empty() {
        return format!("{name:<24} {n_rows:>10} {} corrupt chunks", corrupt.len());
    }
    let causes = if failures.n() > 0 { format!("   {}", failures.text()) } else { String::new() };
    format!("{name:<24} {n_rows:>10} {n_done:>10} {:>10} {n_missing:>10}{causes}", failures.n())
}

/// What to do next.
fn next(tables: &[TableStatus]) -> String {
    let (missing, failed): (u64, u64) =
        tables.iter().fold((0, 0), |(m, f), table| (m + table.n_missing, f + table.failures.n()));
    if tables.iter().any(|table| !table.corrupt.is_empty()) {
        "`posterity simulate --repair` makes corrupt chunks again, and only them".into()
    } else if missing > 0 {
        format!("{missing} are missing: `posterity simulate` makes them")
    } else if failed > 0 {
        "complete; `posterity simulate --list-failed` shows what failed, --retry-failed tries it again".into()
    } else {
        "complete".into()
    }
}
