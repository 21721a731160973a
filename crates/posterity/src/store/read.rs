//! Reading a table: status, values and parameters of rows, how rows failed; and whether all of it is whole.

use super::chunk::{Chunk, Status, filled};
use super::folder;
use super::metadata::Column;
use super::shard::Shard;
use super::table::Table;
use crate::error::{Error, Result};
use crate::failure::{Failures, Record};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

/// A chunk that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Which one.
    pub chunk: u64,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, with file, chunk and rows.
    pub message: String,
}

impl Table {
    /// What there is of each row.
    ///
    /// # Errors
    /// Corrupt file; io.
    pub fn status(&self) -> Result<Vec<Status>> {
        let n = usize::try_from(self.n_rows()).unwrap_or(usize::MAX);
        let mut all = filled(n, Status::Missing)?;
        let there = self.chunks_there(&self.columns.status)?;
        let read: Result<Vec<_>> = there.par_iter().map(|chunk| Ok((*chunk, self.read_status(*chunk)?))).collect();
        for (chunk, status) in read? {
            let rows = self.rows_of(chunk);
            let rows = rows.start as usize..rows.end as usize;
            if let Some(status) = status {
                all[rows.clone()].copy_from_slice(&status[..rows.len()]);
            }
        }
        Ok(all)
    }

    /// An array of the layout for these rows, `(rows.len(), *shape)`; NaN where a row is not done.
    ///
    /// # Errors
    /// Invalid input, where there is no such array or row; corrupt file; io.
    pub fn values(&self, name: &str, rows: Range<u64>) -> Result<Vec<f64>> {
        let column = &self.columns.values[self.column(name)?];
        self.read_rows(column, rows, |status| status == Status::Done)
    }

    /// Place of an array in the layout.
    pub(super) fn column(&self, name: &str) -> Result<usize> {
        self.columns.values.iter().position(|column| column.name == name).ok_or_else(|| {
            let there: Vec<&str> = self.columns.values.iter().map(|column| column.name.as_str()).collect();
            Error::invalid_input(format!("the table has no array `{name}`; it has {}", there.join(", ")))
                .in_file(&self.folder)
        })
    }

    /// Parameters of these rows, `(rows.len(), n_params)`; NaN where a row is missing.
    ///
    /// # Errors
    /// As [`Table::values`].
    pub fn theta(&self, rows: Range<u64>) -> Result<Vec<f64>> {
        self.read_rows(&self.columns.theta, rows, |status| status != Status::Missing)
    }

    /// How rows among these have failed: all counted, the first kept.
    ///
    /// # Errors
    /// As [`Table::values`].
    pub fn failures(&self, rows: Range<u64>) -> Result<Failures> {
        let mut failures = Failures::default();
        self.records(rows)?.into_iter().for_each(|record| failures.add(record));
        Ok(failures)
    }

    /// All failed rows among these, in order.
    ///
    /// # Errors
    /// As [`Table::values`].
    pub fn records(&self, rows: Range<u64>) -> Result<Vec<Record>> {
        self.check_rows(&rows)?;
        let there = self.chunks_there(&self.columns.status)?;
        let within = |chunk: &&u64| self.rows_of(**chunk).start < rows.end && rows.start < self.rows_of(**chunk).end;
        self.records_of_chunks(&there.iter().filter(within).copied().collect::<Vec<u64>>(), &rows)
    }

    /// As [`Table::records`], of these chunks, which are looked for no further.
    pub(super) fn records_of_chunks(&self, chunks: &[u64], rows: &Range<u64>) -> Result<Vec<Record>> {
        let found: Result<Vec<Vec<Record>>> =
            chunks.par_iter().map(|chunk| self.settled(*chunk, || self.records_of(*chunk, rows))).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    fn records_of(&self, chunk: u64, rows: &Range<u64>) -> Result<Vec<Record>> {
        let Some(status) = self.read_status(chunk)? else { return Ok(Vec::new()) };
        let first = chunk * self.chunk_rows();
        let n_rows = self.rows_of(chunk).end - first;
        let wanted = |row: u64| rows.contains(&row) && row < first + n_rows;
        let failed = |row: u64| status[(row - first) as usize].is_failed();
        let n = (first..first + n_rows).filter(|row| wanted(*row) && failed(*row)).count();
        if n == 0 {
            return Ok(Vec::new());
        }
        let mut entries = self.read_quarantine(chunk)?;
        entries.retain(|entry| wanted(entry.row) && failed(entry.row));
        entries.sort_by_key(|entry| entry.row);
        if entries.len() != n {
            let fault = format!("{n} rows have failed, but there is how {} did", entries.len());
            return Err(self.corrupt(&self.columns.status, chunk, &fault));
        }
        Ok(entries.into_iter().map(|entry| entry.record()).collect())
    }

    /// Reads everything: checksums, and whether status, values and how rows failed agree. Returns the damaged chunks.
    ///
    /// # Errors
    /// Corrupt file, where a description is damaged; io.
    pub fn verify(&self) -> Result<Vec<Corrupt>> {
        self.check_described()?;
        let there = self.chunks_there(&self.columns.status)?;
        let found = there.par_iter().map(|chunk| self.damage(*chunk));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Takes away the damaged chunks of a shard, so that their rows are missing; returns how many.
    ///
    /// # Errors
    /// As [`Table::verify`].
    pub fn repair(&self, shard: Shard) -> Result<u64> {
        self.check_described()?;
        let mut there = self.chunks_there(&self.columns.status)?;
        there.retain(|chunk| shard.has(*chunk));
        let taken = there.par_iter().map(|chunk| {
            if self.damage(*chunk)?.is_none() {
                return Ok(0);
            }
            // Looked at again with the lock: another process may have mended it since.
            let _lock = self.lock_chunk(*chunk)?;
            match self.damage(*chunk)? {
                Some(_) => self.take_away(*chunk).map(|()| 1),
                None => Ok(0),
            }
        });
        Ok(taken.collect::<Result<Vec<u64>>>()?.into_iter().sum())
    }

    /// What is wrong with a chunk.
    fn damage(&self, chunk: u64) -> Result<Option<Corrupt>> {
        let read = || self.read_chunk_once(chunk).and_then(|read| self.check_failures(&read));
        match self.settled(chunk, read) {
            Err(error) if error.is_corrupt_file() => {
                let file = error.file().map_or_else(|| self.folder.clone(), PathBuf::from);
                Ok(Some(Corrupt { chunk, file, message: error.to_string() }))
            }
            outcome => outcome.map(|()| None),
        }
    }

    /// Holds parameters and seed index in the quarantine against those of the table.
    fn check_failures(&self, read: &Chunk) -> Result<()> {
        if read.failures.is_empty() {
            return Ok(());
        }
        let first = read.index * self.chunk_rows();
        for entry in self.read_quarantine(read.index)? {
            let row = (entry.row - first) as usize;
            if read.failures.contains_key(&row) && !entry.is_of(read.theta_of(row), read.seed_index[row]) {
                let fault = format!("row {} failed with another theta or seed index", entry.row);
                return Err(self.corrupt(&self.columns.theta, read.index, &fault));
            }
        }
        Ok(())
    }

    /// Numbers of the chunks of an array that are there, in order.
    pub(super) fn chunks_there(&self, column: &Column) -> Result<Vec<u64>> {
        let names = folder::names(&self.folder.join(&column.name))?;
        let chunk = |path: PathBuf| column.chunk_of(&path.file_name()?.to_string_lossy());
        let there: BTreeSet<u64> = names.into_iter().filter_map(chunk).filter(|c| *c < self.n_chunks()).collect();
        Ok(there.into_iter().collect())
    }

    pub(super) fn check_rows(&self, rows: &Range<u64>) -> Result<()> {
        if rows.start > rows.end || rows.end > self.n_rows() {
            let message = format!("rows {} to {} of a table of {}", rows.start, rows.end, self.n_rows());
            return Err(Error::invalid_input(message).remedy("ask for rows that there are").in_file(&self.folder));
        }
        Ok(())
    }

    fn read_rows(&self, column: &Column, rows: Range<u64>, has: fn(Status) -> bool) -> Result<Vec<f64>> {
        self.check_rows(&rows)?;
        let n = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        let mut all = filled(n.saturating_mul(column.width), f64::NAN)?;
        let mut parts = Vec::new();
        let (mut rest, mut row) = (&mut all[..], rows.start);
        while row < rows.end {
            let chunk = row / self.chunk_rows();
            let end = self.rows_of(chunk).end.min(rows.end);
            let (part, after) = rest.split_at_mut((end - row) as usize * column.width);
            parts.push((chunk, row, part));
            (rest, row) = (after, end);
        }
        parts.into_par_iter().try_for_each(|(chunk, row, part)| -> Result<()> {
            let Some(status) = self.read_status(chunk)? else { return Ok(()) };
            if !status.iter().any(|status| has(*status)) {
                return Ok(());
            }
            let read = self.read_bytes_there(column, chunk)?;
            let first = (row - chunk * self.chunk_rows()) as usize;
            let rows = read.chunks_exact(8 * column.width).zip(&status).skip(first);
            for (to, (from, status)) in part.chunks_exact_mut(column.width).zip(rows).filter(|(_, row)| has(*row.1)) {
                let (numbers, _) = from.as_chunks::<8>();
                to.iter_mut().zip(numbers).for_each(|(to, bytes)| *to = f64::from_ne_bytes(*bytes));
                if *status == Status::Done && to.iter().any(|x| !x.is_finite()) {
                    return Err(self.corrupt(column, chunk, "rows are done, but have numbers that are not finite"));
                }
            }
            Ok(())
        })?;
        Ok(all)
    }
}
