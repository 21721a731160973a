//! The first stage: simulations for the compressor to learn from and to be judged by, kept where nothing loses them.

use super::super::{Analysis, simulations};
use crate::compressor::{DerivativeSource, Settings};
use crate::error::Result;
use crate::failure::{Failures, Record};
use crate::progress::Progress;
use crate::simulator::SimulationSet;
use crate::store::{Corrupt, Filling, Shard, Status, Table, fill};
use std::path::Path;

/// How the simulations are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulating {
    /// Which part of them; another process makes the others.
    pub shard: Shard,
    /// Tries those again that failed.
    pub retry_failed: bool,
    /// Takes away what is corrupt, and simulates it again.
    pub repair: bool,
    /// Takes away tables of another analysis.
    pub overwrite: bool,
}

impl Default for Simulating {
    fn default() -> Self {
        Self { shard: Shard::whole(), retry_failed: false, repair: false, overwrite: false }
    }
}

/// Makes all simulations that are missing of those that the analysis asks for, in the output folder.
///
/// A stored set is used where it lies. With fresh simulations the training set is that of the first iteration.
///
/// # Errors
/// Invalid input, where the folder holds simulations of another analysis; simulation failed, where more fail than
/// `max_failed_fraction` allows; interrupted, where an end was asked for; corrupt file; io. What is done is kept.
pub fn simulate(analysis: &Analysis, out_dir: &Path, how: &Simulating, progress: &dyn Progress) -> Result<()> {
    if how.shard != Shard::whole() {
        analysis.check_folder(out_dir)?;
        // The results belong to all shards together: none writes them.
        let note = format!("simulate, shard {}", how.shard);
        progress.begin(&note, None);
        let outcome = fill_tables(analysis, out_dir, how, progress);
        progress.end(outcome.as_ref().map_or("failed", String::as_str));
        return outcome.map(|_| ());
    }
    super::timed("simulate", analysis, out_dir, progress, |results| {
        let note = fill_tables(analysis, out_dir, how, progress)?;
        for set in sets(analysis) {
            let (n, failures) = simulations::failures(analysis, out_dir, set)?;
            results.set_failures(set, n, &failures);
        }
        Ok(note)
    })
}

/// The sets that have tables, in order.
fn sets(analysis: &Analysis) -> Vec<&'static str> {
    let mut sets: Vec<&'static str> = simulations::planned(analysis).iter().map(|table| table.set).collect();
    sets.dedup();
    sets
}

fn fill_tables(analysis: &Analysis, out_dir: &Path, how: &Simulating, progress: &dyn Progress) -> Result<String> {
    let tables = simulations::planned(analysis);
    if tables.is_empty() {
        let stored = analysis.compression.stored.as_ref().map(|set| format!("{} + {}", set.n_s(), set.n_d()));
        return Ok(format!("nothing to simulate: {} simulations are stored", stored.unwrap_or_default()));
    }
    let simulator = analysis.simulator();
    let n_threads = simulator.pool().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
    // All are opened before any is filled: what is in the way is told at once.
    let open = tables.iter().map(|planned| {
        let (folder, layout) = (planned.folder(out_dir), planned.layout(analysis));
        if how.overwrite && folder.exists() {
            Table::remove_others(&folder, &layout)?;
        }
        Table::open_or_create(&folder, &layout, planned.n_rows)
    });
    let open = open.collect::<Result<Vec<Table>>>()?;
    let (mut n_new, mut failures) = (0, Failures::default());
    for (planned, table) in tables.iter().zip(&open) {
        table.sweep()?;
        if how.repair {
            table.repair(how.shard)?;
        }
        let filling = Filling {
            shard: how.shard,
            rows: 0..planned.n_rows,
            retry_failed: how.retry_failed,
            n_threads,
            max_failed_fraction: analysis.max_failed_fraction,
            save_every: super::SAVE_EVERY,
            name: &planned.name.replace('_', "-"),
            progress,
        };
        let filled = fill(table, &filling, &|row, out| planned.simulate(analysis, &*simulator, row, out))?;
        n_new += filled.n_simulated;
        failures.merge(filled.failures);
    }
    let n: u64 = tables.iter().map(|table| table.n_rows).sum();
    let failed =
        if failures.n() > 0 { format!(", {} failed ({})", failures.n(), failures.text()) } else { String::new() };
    Ok(match n_new {
        0 => format!("all {n} simulations are there"),
        _ => format!("{n_new} new simulations of {n}{failed}"),
    })
}

/// How far a table is.
#[derive(Clone, Debug, PartialEq)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// Rows that the analysis asks for.
    pub n_rows: u64,
    /// Rows with data.
    pub n_done: u64,
    /// Rows that failed.
    pub failures: Failures,
    /// Rows that nothing is known of.
    pub n_missing: u64,
    /// What is corrupt, where it was looked for.
    pub corrupt: Vec<Corrupt>,
}

/// How far the simulations of an analysis are; with `verify` every byte of them is read.
///
/// # Errors
/// Invalid input, where the folder holds simulations of another analysis; corrupt file; io.
pub fn status(analysis: &Analysis, out_dir: &Path, verify: bool) -> Result<Vec<TableStatus>> {
    let of_table = |planned: &simulations::Planned| {
        let folder = planned.folder(out_dir);
        let (name, n_rows) = (planned.name.clone(), planned.n_rows);
        if !folder.is_dir() {
            let failures = Failures::default();
            return Ok(TableStatus { name, n_rows, n_done: 0, failures, n_missing: n_rows, corrupt: Vec::new() });
        }
        let table = Table::open_as(&folder, &planned.layout(analysis))?;
        let corrupt = if verify { table.verify()? } else { Vec::new() };
        if !corrupt.is_empty() {
            // Nothing else can be said of it for sure.
            let failures = Failures::default();
            return Ok(TableStatus { name, n_rows, n_done: 0, failures, n_missing: 0, corrupt });
        }
        let status = table.status()?;
        let rows = &status[..status.len().min(n_rows as usize)];
        let n_done = rows.iter().filter(|status| **status == Status::Done).count() as u64;
        let failures = table.failures(0..rows.len() as u64)?;
        let n_missing = n_rows - n_done - failures.n();
        Ok(TableStatus { name, n_rows, n_done, failures, n_missing, corrupt })
    };
    simulations::planned(analysis).iter().map(of_table).collect()
}

/// All simulations that failed, by table.
///
/// # Errors
/// As [`status`].
pub fn failed(analysis: &Analysis, out_dir: &Path) -> Result<Vec<(String, Vec<Record>)>> {
    let of_table = |planned: &simulations::Planned| {
        let folder = planned.folder(out_dir);
        if !folder.is_dir() {
            return Ok((planned.name.clone(), Vec::new()));
        }
        let table = Table::open_as(&folder, &planned.layout(analysis))?;
        Ok((planned.name.clone(), table.records(0..planned.n_rows.min(table.n_rows()))?))
    };
    simulations::planned(analysis).iter().map(of_table).collect()
}

/// Training and held-out simulations of an analysis, as the stage before left them.
///
/// # Errors
/// Invalid input, where they are not there or were drawn for another analysis; corrupt file; io.
pub(super) fn read(analysis: &Analysis, out_dir: &Path) -> Result<(SimulationSet, SimulationSet)> {
    let settings = &analysis.compression.settings;
    let fraction = match settings {
        Settings::Imnn(settings) => settings.held_out_fraction,
        Settings::Score(_) => Some(0.5).filter(|_| analysis.compression.stored.is_some()),
    };
    if let (Some(set), Some(fraction)) = (&analysis.compression.stored, fraction) {
        return Ok(set.split(fraction));
    }
    let train = simulations::read_set(analysis, out_dir, "train")?;
    match fraction {
        Some(fraction) => Ok(train.split(fraction)),
        None => Ok((train, simulations::read_set(analysis, out_dir, "held_out")?)),
    }
}

/// δ for differences, nothing for exact derivatives.
pub(super) fn delta(analysis: &Analysis) -> Option<&[f64]> {
    let differences = analysis.compression.derivative() == DerivativeSource::Differences;
    analysis.compression.delta.as_deref().filter(|_| differences)
}
