//! Fills a table: threads take missing rows in order, chunks are written as they become complete, and before.
//!
//! Each thread takes a block of rows, as many as take about a millisecond, simulates them into memory of its own and
//! puts them into their chunk; complete chunks are written by threads that do nothing else. Memory is that of one chunk
//! for each thread and ten more. What is simulated does not depend on threads, shards or interruptions, and neither does
//! what is on the disk.

use super::chunk::{Chunk, Status, not_finite, part_mut};
use super::queue::{Block, Queue};
use super::shard::Shard;
use super::table::Table;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure, Failures};
use crate::progress::Progress;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often chunks in the making are saved, unless something else is wanted.
pub const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Chunks that are written at the same time: each waits for the disk several times, and these waits are shared.
const WRITERS: usize = 8;
/// How often the calling thread looks about.
const LOOK: Duration = Duration::from_millis(50);
/// How long a block of rows is to take.
const BLOCK: Duration = Duration::from_millis(1);
/// Rows and bytes of a block at the most.
const BLOCK_ROWS: usize = 1024;
const BLOCK_BYTES: usize = 1 << 18;

/// How a table is filled.
pub struct Filling<'a> {
    /// Which chunks.
    pub shard: Shard,
    /// Which rows of them; others stay as they are.
    pub rows: Range<u64>,
    /// Failed rows too, not missing ones only.
    pub retry_failed: bool,
    /// Simulations at the same time; at least 1.
    pub n_threads: usize,
    /// Share of the shard's rows that may fail, 0 to 1.
    pub max_failed_fraction: f64,
    /// What the rows are called where progress is told.
    pub name: &'a str,
    /// Told of the rows simulated; its wish to stop is heeded.
    pub progress: &'a dyn Progress,
    /// Longest time for which a row that is simulated is not on the disk, where simulations are slow; [`SAVE_EVERY`].
    pub save_every: Duration,
}

/// Where a row's simulation goes; NaN at first.
pub struct RowMut<'a> {
    /// The parameters that were drawn, `n_params`.
    pub theta: &'a mut [f64],
    /// The arrays in the order of the layout.
    pub values: Vec<&'a mut [f64]>,
}

/// What there is of the shard after it was filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    /// Rows simulated now.
    pub n_simulated: u64,
    /// Rows of the shard that are done.
    pub n_done: u64,
    /// Rows of the shard that have failed.
    pub n_failed: u64,
    /// How these failed.
    pub failures: Failures,
}

/// Simulates one row of a table into memory; returns the index of its random stream, and how it failed if it did.
pub type Simulate<'a> = dyn Fn(u64, RowMut<'_>) -> Result<(u64, Option<Failure>)> + Sync + 'a;

/// Simulates every missing row of the shard's chunks, and the failed ones too if they are to be tried again.
///
/// A row must depend on its number alone. One without failure but with NaN or infinity has failed.
///
/// # Errors
/// In all cases what is done is saved before. Interrupted, where `progress` asks for an end: rows at work are finished.
/// Simulation failed, where more rows than `max_failed_fraction` of the shard have failed, or all of the first 20 (this
/// not where all may fail). The error of `simulate`. Corrupt file, where a chunk with missing rows is damaged; io.
pub fn fill(table: &Table, how: &Filling, simulate: &Simulate) -> Result<Filled> {
    if how.n_threads == 0 || !(0.0..=1.0).contains(&how.max_failed_fraction) {
        let message = format!("{} threads, max_failed_fraction {}", how.n_threads, how.max_failed_fraction);
        return Err(Error::invalid_input(message).remedy("give at least 1 thread and a fraction from 0 to 1"));
    }
    table.sweep()?;
    let queue = Queue::new(table, how)?;
    let n_rows = queue.n_todo();
    let state = State { table, how, queue: Mutex::new(queue), changed: Condvar::new(), stop: AtomicBool::new(false) };
    how.progress.begin(how.name, Some(n_rows));
    if state.queue().judge(table, how) {
        state.stop.store(true, Ordering::Relaxed);
    }
    let stopped = std::thread::scope(|scope| {
        let n_threads = usize::try_from(n_rows).unwrap_or(usize::MAX).min(how.n_threads);
        state.queue().n_threads = n_threads;
        let (complete, to_write) = sync_channel(1);
        let (state, to_write) = (&state, Arc::new(Mutex::new(to_write)));
        for _ in 0..n_threads {
            let complete = complete.clone();
            scope.spawn(move || {
                let leaving = Leaving(state);
                state.work(simulate, &complete);
                drop(leaving);
            });
        }
        for _ in 0..WRITERS.min(usize::try_from(n_rows).unwrap_or(usize::MAX)) {
            let to_write = to_write.clone();
            scope.spawn(move || state.write(&to_write));
        }
        drop(complete);
        state.attend()
    });
    let outcome = state.finish(stopped);
    how.progress.end(&match &outcome {
        Ok(filled) if filled.n_failed > 0 => format!("{} done, {} failed", filled.n_done, filled.n_failed),
        Ok(filled) => format!("{} done", filled.n_done),
        Err(error) if error.is_interrupted() => "stopped".into(),
        Err(_) => "failed".into(),
    });
    outcome
}

struct State<'a> {
    table: &'a Table,
    how: &'a Filling<'a>,
    queue: Mutex<Queue>,
    changed: Condvar,
    stop: AtomicBool,
}

/// Tells the calling thread that a thread has ended, even where it panics.
struct Leaving<'a>(&'a State<'a>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.queue().n_threads -= 1;
        self.0.changed.notify_all();
    }
}

impl State<'_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first error, and lets all threads come to an end.
    fn give_up(&self, error: Error) {
        self.queue().error.get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// The calling thread: tells of progress, hears of a wish to stop, and saves chunks in the making. True if stopped.
    fn attend(&self) -> bool {
        let mut stopped = false;
        let mut told = 0;
        loop {
            // Before anything is simulated, and once more whenever something happens.
            if self.how.progress.stop_requested() {
                stopped = true;
                self.stop.store(true, Ordering::Relaxed);
            }
            let queue = self.queue();
            if queue.n_threads == 0 {
                return stopped;
            }
            let (mut queue, _) = self.changed.wait_timeout(queue, LOOK).unwrap_or_else(PoisonError::into_inner);
            let (n, failed) = (queue.n_simulated, queue.failures.n());
            let due = queue.due(self.how.save_every);
            drop(queue);
            if n > told {
                told = n;
                self.how.progress.at(n, &if failed > 0 { format!("{failed} failed") } else { String::new() });
            }
            for chunk in due {
                let saved = self.table.write_chunk(&chunk);
                let complete = self.queue().saved(chunk.index);
                // Its last row came in while it was being saved.
                let saved = saved.and_then(|()| complete.map_or(Ok(()), |chunk| self.table.write_chunk(&chunk)));
                if let Err(error) = saved {
                    self.give_up(error);
                }
            }
        }
    }

    /// A thread that writes chunks as they become complete.
    fn write(&self, to_write: &Mutex<Receiver<Chunk>>) {
        loop {
            let next = to_write.lock().unwrap_or_else(PoisonError::into_inner).recv();
            // No thread is left that could complete another.
            let Ok(chunk) = next else { return };
            if let Err(error) = self.table.write_chunk(&chunk) {
                self.give_up(error);
            }
            self.queue().spare.push(chunk);
        }
    }

    /// A thread that simulates: takes blocks until there are none.
    fn work(&self, simulate: &Simulate, complete: &SyncSender<Chunk>) {
        let row_bytes = 8 * self.table.layout.values.iter().map(super::Values::n).sum::<usize>();
        let most = (BLOCK_BYTES / row_bytes.max(1)).clamp(1, BLOCK_ROWS);
        let mut size = 1;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let taken = self.queue().take(self.table, size);
            let mut block = match taken {
                Ok(Some(block)) => block,
                Ok(None) => return,
                Err(error) => return self.give_up(error),
            };
            let start = Instant::now();
            let outcome = self.simulate(&mut block, simulate);
            let each = start.elapsed().as_secs_f64() / block.n_simulated.max(1) as f64;
            let wanted = BLOCK.as_secs_f64() / each.max(1e-9);
            size = (wanted as usize).clamp(1, most.min(8 * size));
            let mut queue = self.queue();
            let whole = queue.put(block);
            if queue.judge(self.table, self.how) {
                self.stop.store(true, Ordering::Relaxed);
            }
            drop(queue);
            if let Some(chunk) = whole {
                // Those who write are there as long as anybody simulates.
                let _ = complete.send(chunk);
            }
            if let Err(error) = outcome {
                return self.give_up(error);
            }
        }
    }

    /// True if an end is wanted, now or in a moment: signals come to some processes sooner than to others.
    fn is_ending(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < 4 * LOOK {
            if self.stop.load(Ordering::Relaxed) || self.how.progress.stop_requested() {
                return true;
            }
            std::thread::sleep(LOOK / 10);
        }
        false
    }

    /// Simulates the rows of a block, or the first of them where all are to stop.
    fn simulate(&self, block: &mut Block, simulate: &Simulate) -> Result<()> {
        let first = block.rows.index * self.table.chunk_rows();
        let layout = &self.table.layout;
        let Block { rows, places, n_simulated, .. } = block;
        let n = places.len();
        for (i, place) in places.iter().enumerate() {
            if i > 0 && self.stop.load(Ordering::Relaxed) {
                break;
            }
            let values = rows.values.iter_mut().map(|values| part_mut(values, n, i)).collect();
            let row = RowMut { theta: part_mut(&mut rows.theta, n, i), values };
            let (seed_index, failure) = simulate(first + *place as u64, row)?;
            if failure.as_ref().is_some_and(|failure| failure.cause == Cause::Killed) && self.is_ending() {
                // A batch system ends the programs with us: that is no failure of the simulation.
                break;
            }
            let failure = failure.or_else(|| {
                let parts =
                    rows.values.iter().zip(&layout.values).map(|(values, v)| (v, super::chunk::part(values, n, i)));
                let theta = rows.theta_of(i).iter().position(|x| !x.is_finite()).map(|k| ("theta", k));
                let (name, k) = theta.or_else(|| not_finite(parts))?;
                Some(Failure::new(Cause::NotFinite, format!("value {k} of `{name}` is not finite")))
            });
            rows.seed_index[i] = seed_index;
            rows.status[i] = failure.as_ref().map_or(Status::Done, |failure| Status::Failed(failure.cause));
            if let Some(failure) = failure {
                rows.values.iter_mut().for_each(|values| part_mut(values, n, i).fill(f64::NAN));
                rows.failures.insert(i, failure);
            }
            *n_simulated += 1;
        }
        Ok(())
    }

    /// Saves what is open, and says how it went.
    fn finish(&self, stopped: bool) -> Result<Filled> {
        let (open, mut error) = {
            let mut queue = self.queue();
            (queue.unsaved(), queue.error.take())
        };
        for chunk in open {
            if let Err(unsaved) = self.table.write_chunk(&chunk) {
                error.get_or_insert(unsaved);
            }
        }
        // It is of no use to a run that has failed to hear of what cannot be swept.
        let swept = self.table.sync_status().and_then(|()| self.table.sweep());
        if let Some(error) = error {
            return Err(error);
        }
        swept?;
        let status = shard_status(self.table, self.how)?;
        let count = |of: fn(&Status) -> bool| status.iter().filter(|status| of(status)).count() as u64;
        let (n_done, n_failed) = (count(|s| *s == Status::Done), count(|s| s.is_failed()));
        let (n, n_simulated) = (status.len() as u64, self.queue().n_simulated);
        if stopped && self.queue().n_todo() > n_simulated {
            let failed = if n_failed > 0 { format!(", {n_failed} failed") } else { String::new() };
            let message = format!("stopped with {n_done} of {n} simulations done{failed}");
            return Err(Error::interrupted(message).remedy("run the same command again to go on"));
        }
        let failures = shard_failures(self.table, self.how)?;
        Ok(Filled { n_simulated, n_done, n_failed, failures })
    }
}

/// Status of the rows that are to be filled.
pub(super) fn shard_status(table: &Table, how: &Filling) -> Result<Vec<Status>> {
    let all = table.status()?;
    let chunks = (0..table.n_chunks()).filter(|chunk| how.shard.has(*chunk));
    Ok(chunks
        .flat_map(|chunk| {
            let rows = rows_of(table, how, chunk);
            all[rows.start as usize..rows.end as usize].iter().copied()
        })
        .collect())
}

/// How rows that are to be filled have failed.
pub(super) fn shard_failures(table: &Table, how: &Filling) -> Result<Failures> {
    let mut failures = Failures::default();
    let mut chunks = table.chunks_there(&table.columns.status)?;
    chunks.retain(|chunk| how.shard.has(*chunk));
    let rows = how.rows.start..how.rows.end.min(table.n_rows);
    table.records_of_chunks(&chunks, &rows)?.into_iter().for_each(|record| failures.add(record));
    Ok(failures)
}

/// The rows of a chunk that are to be filled.
pub(super) fn rows_of(table: &Table, how: &Filling, chunk: u64) -> Range<u64> {
    let rows = table.rows_of(chunk);
    let start = rows.start.max(how.rows.start).min(rows.end);
    start..rows.end.min(how.rows.end).max(start)
}
