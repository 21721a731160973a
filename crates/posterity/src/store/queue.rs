//! Which rows are to be simulated, the chunks that are being filled, and when there is no point in going on.

use super::chunk::{Chunk, Status, part, part_mut};
use super::fill::{Filling, rows_of, shard_failures};
use super::table::Table;
use crate::error::{Error, Result};
use crate::failure::Failures;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// As many failures in a row at the beginning are a simulator that does not work.
const FIRST: u64 = 20;

/// Rows that one thread simulates.
pub(super) struct Block {
    /// The rows, nothing else of the chunk.
    pub(super) rows: Chunk,
    /// Place in the chunk of each.
    pub(super) places: Vec<usize>,
    /// How many of them are simulated, the first ones.
    pub(super) n_simulated: usize,
}

/// What is to be done and what is at work.
pub(super) struct Queue {
    /// Chunks that are still closed, with the number of rows wanted of each.
    closed: VecDeque<(u64, u64)>,
    /// The chunk of which rows are given out, and the places of those in it.
    giving: Option<(u64, VecDeque<usize>)>,
    open: BTreeMap<u64, Open>,
    /// Memory of chunks that are written, for those to come.
    pub(super) spare: Vec<Chunk>,
    retry_failed: bool,
    /// Rows that are to be filled.
    rows: Range<u64>,
    /// Rows not given out yet, as far as it is known.
    n_left: u64,
    n_todo: u64,
    n_rows: u64,
    /// Failed rows that are not tried again.
    n_failed_before: u64,
    /// Of the first rows that were missing: simulated, failed.
    first: (u64, u64),
    pub(super) n_simulated: u64,
    pub(super) failures: Failures,
    pub(super) n_threads: usize,
    pub(super) error: Option<Error>,
}

/// A chunk that is being filled.
struct Open {
    chunk: Chunk,
    /// Rows that are still to come.
    n_left: usize,
    /// Rows that are not on the disk.
    n_fresh: usize,
    /// True while it is being saved.
    saving: bool,
    saved: Instant,
    /// Rows that had failed before and are tried again.
    again: Vec<bool>,
}

impl Queue {
    pub(super) fn new(table: &Table, how: &Filling) -> Result<Self> {
        let all = table.status()?;
        let mut queue = Self {
            closed: VecDeque::new(),
            giving: None,
            open: BTreeMap::new(),
            spare: Vec::new(),
            retry_failed: how.retry_failed,
            rows: how.rows.clone(),
            n_left: 0,
            n_todo: 0,
            n_rows: 0,
            n_failed_before: 0,
            first: (0, 0),
            n_simulated: 0,
            failures: Failures::default(),
            n_threads: 0,
            error: None,
        };
        for chunk in (0..table.n_chunks()).filter(|chunk| how.shard.has(*chunk)) {
            let rows = rows_of(table, how, chunk);
            let status = &all[rows.start as usize..rows.end as usize];
            let n = status.iter().filter(|status| queue.wants(**status)).count() as u64;
            let failed = status.iter().filter(|status| status.is_failed()).count() as u64;
            queue.n_rows += status.len() as u64;
            queue.n_failed_before += if how.retry_failed { 0 } else { failed };
            queue.n_todo += n;
            if n > 0 {
                queue.closed.push_back((chunk, n));
            }
        }
        queue.n_left = queue.n_todo;
        Ok(queue)
    }

    /// Rows to be simulated in all.
    pub(super) fn n_todo(&self) -> u64 {
        self.n_todo
    }

    fn wants(&self, status: Status) -> bool {
        status == Status::Missing || self.retry_failed && status.is_failed()
    }

    /// The next rows, at most `size` and fewer towards the end, all of one chunk.
    pub(super) fn take(&mut self, table: &Table, size: usize) -> Result<Option<Block>> {
        while self.giving.as_ref().is_none_or(|(_, places)| places.is_empty()) {
            let Some((chunk, n)) = self.closed.pop_front() else { return Ok(None) };
            self.open(table, chunk, n)?;
        }
        let share = self.n_left / (2 * self.n_threads.max(1) as u64);
        let size = size.min(usize::try_from(share).unwrap_or(usize::MAX)).max(1);
        let Some((chunk, places)) = &mut self.giving else { return Ok(None) };
        let places: Vec<usize> = places.drain(..size.min(places.len())).collect();
        self.n_left = self.n_left.saturating_sub(places.len() as u64);
        Ok(Some(Block { rows: Chunk::with_rows(table.layout(), *chunk, places.len())?, places, n_simulated: 0 }))
    }

    fn open(&mut self, table: &Table, index: u64, n: u64) -> Result<()> {
        let chunk = match self.spare.pop() {
            Some(mut spare) if table.read_status(index)?.is_none() => {
                spare.index = index;
                spare.status.fill(Status::Missing);
                spare.blank();
                spare
            }
            _ => table.read_chunk(index)?,
        };
        let rows = table.rows_of(index);
        let n_rows = (rows.end - rows.start) as usize;
        let inside = |row: &usize| self.rows.contains(&(rows.start + *row as u64));
        let places: VecDeque<usize> = (0..n_rows).filter(|row| inside(row) && self.wants(chunk.status[*row])).collect();
        // Another process may have been here since the table was looked through.
        let by_others = n.saturating_sub(places.len() as u64);
        self.n_todo -= by_others;
        self.n_left = self.n_left.saturating_sub(by_others);
        let again = chunk.status.iter().map(|status| status.is_failed()).collect();
        if !places.is_empty() {
            let n_left = places.len();
            self.open.insert(index, Open { chunk, n_left, n_fresh: 0, saving: false, saved: Instant::now(), again });
        }
        self.giving = Some((index, places));
        Ok(())
    }

    /// Puts simulated rows into their chunk; returns it if it is complete.
    pub(super) fn put(&mut self, block: Block) -> Option<Chunk> {
        let Block { rows, places, n_simulated } = block;
        let index = rows.index;
        let open = self.open.get_mut(&index)?;
        let (n, width) = (open.chunk.n(), places.len());
        for (i, &place) in places.iter().enumerate().take(n_simulated) {
            part_mut(&mut open.chunk.theta, n, place).copy_from_slice(part(&rows.theta, width, i));
            for (to, from) in open.chunk.values.iter_mut().zip(&rows.values) {
                part_mut(to, n, place).copy_from_slice(part(from, width, i));
            }
            open.chunk.seed_index[place] = rows.seed_index[i];
            open.chunk.status[place] = rows.status[i];
            open.chunk.failures.remove(&place);
            if !open.again[place] && self.first.0 < FIRST {
                self.first.0 += 1;
                self.first.1 += u64::from(rows.status[i].is_failed());
            }
        }
        for (i, record) in rows.records() {
            self.failures.add(record);
            open.chunk.failures.insert(places[i], rows.failures[&i].clone());
        }
        self.n_simulated += n_simulated as u64;
        open.n_left -= n_simulated;
        open.n_fresh += n_simulated;
        if open.n_left == 0 && !open.saving { self.open.remove(&index).map(|open| open.chunk) } else { None }
    }

    /// Copies of the chunks that have not been saved for so long.
    pub(super) fn due(&mut self, save_every: Duration) -> Vec<Chunk> {
        let due = self
            .open
            .values_mut()
            .filter(|open| open.n_fresh > 0 && open.n_left > 0 && !open.saving && open.saved.elapsed() >= save_every);
        due.map(|open| {
            (open.saving, open.n_fresh, open.saved) = (true, 0, Instant::now());
            open.chunk.clone()
        })
        .collect()
    }

    /// A chunk has been saved; returns it if it has become complete meanwhile.
    pub(super) fn saved(&mut self, index: u64) -> Option<Chunk> {
        let open = self.open.get_mut(&index)?;
        open.saving = false;
        if open.n_left == 0 { self.open.remove(&index).map(|open| open.chunk) } else { None }
    }

    /// All chunks with rows that are not on the disk.
    pub(super) fn unsaved(&mut self) -> Vec<Chunk> {
        let open = std::mem::take(&mut self.open).into_values();
        open.filter(|open| open.n_fresh > 0).map(|open| open.chunk).collect()
    }

    /// Keeps the error that too many rows have failed, if they have; true then.
    pub(super) fn judge(&mut self, table: &Table, how: &Filling) -> bool {
        if self.error.is_some() {
            return true;
        }
        let n_failed = self.n_failed_before + self.failures.n();
        let too_many = n_failed as f64 > how.max_failed_fraction * self.n_rows as f64;
        let from_the_start = how.max_failed_fraction < 1.0 && self.first == (FIRST, FIRST);
        if !too_many && !from_the_start {
            return false;
        }
        let told = if self.failures.n() > 0 {
            self.failures.clone()
        } else {
            match shard_failures(table, how) {
                Ok(failures) => failures,
                Err(error) => {
                    self.error = Some(error);
                    return true;
                }
            }
        };
        let what = if from_the_start {
            format!("all of the first {FIRST} simulations have failed")
        } else {
            let (n, most) = (self.n_rows, how.max_failed_fraction);
            format!("{n_failed} of {n} simulations have failed, more than max_failed_fraction = {most} allows")
        };
        let mut text = format!("{what} ({})", told.text());
        if let Some(first) = told.first.first() {
            text += &format!("; the first: {}", first.failure.message);
            if let Some(line) = first.failure.stderr.lines().rfind(|line| !line.trim().is_empty()) {
                text += &format!(" (its standard error ends: {})", line.trim());
            }
        }
        let remedy = "`posterity simulate --list-failed` shows them; raise max_failed_fraction if that is expected";
        self.error = Some(Error::simulation_failed(text).remedy(remedy));
        true
    }
}
