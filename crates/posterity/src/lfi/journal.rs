//! A journal of estimates: an inference that was ended, however it was, goes over what it had before and on from there.
//!
//! An adaptive method is a function of the estimates that it is given, in the order in which it asks for them. So no
//! state of it needs to be saved: with the estimates of the first run it takes the same way again, without simulating,
//! to the same result bit for bit. The journal is a scratch file of one run; it is removed when all is done.

use super::Estimates;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure, Failures};
use crate::seed::Seed;
use crate::store::{Layout, Status, Table};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Name of the array of estimates in the tables, `(n_params)` a row.
pub const ESTIMATE: &str = "estimate";
/// Numbers that wait to be saved, at the most: 16 MB.
const MOST_WAITING: usize = 1 << 21;
/// What is said of a row whose simulation has data, but no finite estimate.
const NO_ESTIMATE: &str = "the estimate is not finite";
/// What is said of a failed row beyond the first thousand of its batch.
const UNRECORDED: &str = "one of many that failed";

/// A source of estimates that writes down what another one finds.
pub struct Journal<'a> {
    inner: &'a dyn Estimates,
    layout: &'a Layout,
    folder: &'a Path,
    save_every: Duration,
    branches: Mutex<Vec<Branch>>,
}

/// The table of one branch of the seed, whose batches follow each other.
struct Branch {
    label: String,
    /// Number of the simulation in its first row.
    first: u64,
    table: Table,
    /// Rows on disk, from the first without a gap.
    n_saved: u64,
    waiting: Waiting,
    saved_at: Instant,
}

/// Rows that are not on disk yet.
#[derive(Default)]
struct Waiting {
    thetas: Vec<f64>,
    theta_hat: Vec<f64>,
    failures: Vec<Option<Failure>>,
}

impl<'a> Journal<'a> {
    /// A journal of `inner` in the tables of `folder`, one for each branch; `layout` has the one value [`ESTIMATE`], and
    /// its provenance is all that the estimates depend on. Tables of another provenance give way, and those that are
    /// damaged, each alone.
    pub fn new(inner: &'a dyn Estimates, layout: &'a Layout, folder: &'a Path, save_every: Duration) -> Self {
        Self { inner, layout, folder, save_every, branches: Mutex::default() }
    }

    /// Saves what waits.
    ///
    /// # Errors
    /// Io.
    pub fn save(&self) -> Result<()> {
        self.branches.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().try_for_each(Branch::save)
    }

    /// Removes the journal of a run that is done, or a table of it, if there is one.
    ///
    /// # Errors
    /// Io.
    pub fn remove(folder: &Path) -> Result<()> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(folder, &error)),
            _ => Ok(()),
        }
    }

    fn table_of(&self, label: &str) -> PathBuf {
        self.folder.join(format!("{}.zarr", label.replace('/', "_")))
    }

    fn open(&self, label: &str, first: u64) -> Result<Branch> {
        let folder = self.table_of(label);
        let table = match Table::open_or_create(&folder, self.layout, 1) {
            Err(error) if error.is_invalid_input() || error.is_corrupt_file() => {
                // With what is beside it on how rows failed.
                Self::remove(&folder)?;
                Self::remove(&folder.with_extension("zarr.quarantine"))?;
                Table::open_or_create(&folder, self.layout, 1)?
            }
            outcome => outcome?,
        };
        table.sweep()?;
        let n_saved = table.status()?.iter().take_while(|status| **status != Status::Missing).count() as u64;
        let (label, waiting, saved_at) = (label.to_owned(), Waiting::default(), Instant::now());
        Ok(Branch { label, first, table, n_saved, waiting, saved_at })
    }
}

impl Estimates for Journal<'_> {
    fn n_params(&self) -> usize {
        self.inner.n_params()
    }

    fn seed(&self) -> Seed {
        self.inner.seed()
    }

    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        let mut branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match branches.iter().position(|branch| branch.label == label) {
            Some(at) => at,
            None => {
                branches.push(self.open(label, first_index)?);
                branches.len() - 1
            }
        };
        let branch = &mut branches[at];
        let rows = first_index - branch.first..first_index - branch.first + (thetas.len() / self.n_params()) as u64;
        if rows.end <= branch.n_saved && branch.table.theta(rows.clone())? == thetas {
            return branch.read(rows, theta_hat);
        }
        if rows.start < branch.n_saved {
            // A save that was cut short, or a journal that is not this run's: from here on it is written anew.
            branch.cut(rows.start, self.layout, &self.table_of(label))?;
        }
        let failures = self.inner.estimates(label, thetas, first_index, theta_hat)?;
        branch.waiting.add(self.n_params(), thetas, theta_hat, first_index, &failures);
        let waiting = branch.waiting.thetas.len() + branch.waiting.theta_hat.len();
        if branch.saved_at.elapsed() >= self.save_every || waiting >= MOST_WAITING {
            branch.save()?;
        }
        Ok(failures)
    }
}

impl Waiting {
    fn add(&mut self, n_params: usize, thetas: &[f64], theta_hat: &[f64], first_index: u64, failures: &Failures) {
        let recorded: BTreeMap<u64, &Failure> =
            failures.first.iter().map(|record| (record.index, &record.failure)).collect();
        let mut unrecorded = failures.counts.clone();
        for failure in recorded.values() {
            unrecorded.entry(failure.cause).and_modify(|n| *n = n.saturating_sub(1));
        }
        self.thetas.extend_from_slice(thetas);
        self.theta_hat.extend_from_slice(theta_hat);
        for (index, estimate) in (first_index..).zip(theta_hat.chunks_exact(n_params)) {
            self.failures.push(if estimate.iter().all(|x| x.is_finite()) {
                None
            } else if let Some(failure) = recorded.get(&index) {
                Some((*failure).clone())
            } else if let Some((cause, n)) = unrecorded.iter_mut().find(|(_, n)| **n > 0) {
                *n -= 1;
                Some(Failure::new(*cause, UNRECORDED))
            } else {
                Some(Failure::new(Cause::NotFinite, NO_ESTIMATE))
            });
        }
    }
}

impl Branch {
    /// Estimates and failures of rows that are on disk.
    fn read(&self, rows: Range<u64>, theta_hat: &mut [f64]) -> Result<Failures> {
        theta_hat.copy_from_slice(&self.table.values(ESTIMATE, rows.clone())?);
        let mut failures = Failures::default();
        let failed = self.table.records(rows)?.into_iter();
        failed.filter(|record| record.failure.message != NO_ESTIMATE).for_each(|record| failures.add(record));
        Ok(failures)
    }

    /// Writes what waits behind what is saved.
    fn save(&mut self) -> Result<()> {
        self.saved_at = Instant::now();
        let n_params = self.table.layout().parameters.len();
        let waiting = std::mem::take(&mut self.waiting);
        let end = self.n_saved + waiting.failures.len() as u64;
        if end == self.n_saved {
            return Ok(());
        }
        self.table.extend(end)?;
        let chunk_rows = self.table.chunk_rows();
        for index in self.n_saved / chunk_rows..=(end - 1) / chunk_rows {
            let mut chunk = self.table.read_chunk(index)?;
            let start = index * chunk_rows;
            for row in self.n_saved.max(start)..end.min(start + chunk_rows) {
                let (to, from) = ((row - start) as usize, (row - self.n_saved) as usize);
                let (to_values, from_values) =
                    (to * n_params..(to + 1) * n_params, from * n_params..(from + 1) * n_params);
                chunk.theta[to_values.clone()].copy_from_slice(&waiting.thetas[from_values.clone()]);
                chunk.seed_index[to] = self.first + row;
                if let Some(failure) = &waiting.failures[from] {
                    chunk.status[to] = Status::Failed(failure.cause);
                    chunk.failures.insert(to, failure.clone());
                } else {
                    chunk.status[to] = Status::Done;
                    chunk.values[0][to_values].copy_from_slice(&waiting.theta_hat[from_values]);
                }
            }
            self.table.write_chunk(&chunk)?;
        }
        self.n_saved = end;
        Ok(())
    }

    /// Forgets the rows from `end` on.
    fn cut(&mut self, end: u64, layout: &Layout, folder: &Path) -> Result<()> {
        let n_params = layout.parameters.len();
        let thetas = self.table.theta(0..end)?;
        let mut theta_hat = vec![0.0; thetas.len()];
        let failures = self.read(0..end, &mut theta_hat)?;
        Journal::remove(folder)?;
        self.table = Table::open_or_create(folder, layout, 1)?;
        self.n_saved = 0;
        self.waiting.add(n_params, &thetas, &theta_hat, self.first, &failures);
        self.save()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Record;
    use serde_json::Map;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Estimates that are a function of theta and number; every seventh simulation fails.
    struct Counting(AtomicU64);

    impl Estimates for Counting {
        fn n_params(&self) -> usize {
            2
        }

        fn seed(&self) -> Seed {
            Seed::new(1)
        }

        fn estimates(&self, _: &str, thetas: &[f64], first: u64, theta_hat: &mut [f64]) -> Result<Failures> {
            let mut failures = Failures::default();
            for (i, (theta, x)) in (first..).zip(thetas.chunks(2).zip(theta_hat.chunks_mut(2))) {
                self.0.fetch_add(1, Ordering::Relaxed);
                x.copy_from_slice(&[theta[0] + i as f64, theta[1].exp()]);
                if i % 7 == 3 {
                    x.fill(f64::NAN);
                    let failure = Failure::new(Cause::Exit, "exit status 1");
                    failures.add(Record { index: i, theta: theta.to_vec(), failure });
                }
            }
            Ok(failures)
        }
    }

    fn layout(chunk_rows: u64, key: &str) -> Layout {
        Layout {
            parameters: vec!["a".into(), "b".into()],
            values: vec![crate::store::Values::new(ESTIMATE, &[2])],
            chunk_rows,
            provenance: Map::from_iter([("key".into(), key.into())]),
        }
    }

    /// Batches of several sizes in two branches; the numbers of the second begin where those of the first end.
    fn batches(estimates: &dyn Estimates, n: usize, scale: f64) -> (Vec<u64>, Failures) {
        let (mut bits, mut failures) = (Vec::new(), Failures::default());
        let mut first = 0;
        for (label, size) in [("first/a", 40), ("a", 3), ("a", 25), ("a", 64), ("a", 11)].into_iter().take(n) {
            let thetas: Vec<f64> = (0..2 * size).map(|k| scale * (first as f64 + k as f64).sin()).collect();
            let mut theta_hat = vec![0.0; 2 * size];
            failures.merge(estimates.estimates(label, &thetas, first, &mut theta_hat).expect("possible"));
            bits.extend(theta_hat.iter().map(|x| x.to_bits()));
            first += size as u64;
        }
        (bits, failures)
    }

    #[test]
    fn what_is_in_the_journal_is_not_simulated_again() {
        let folder = std::env::temp_dir().join(format!("posterity-journal-{}", std::process::id()));
        let plain = Counting(AtomicU64::new(0));
        let expected = batches(&plain, 5, 1.0);
        for chunk_rows in [8, 4096] {
            let layout = layout(chunk_rows, "one");
            let run = |n: usize, scale: f64, layout: &Layout, save: bool| {
                let inner = Counting(AtomicU64::new(0));
                let journal = Journal::new(&inner, layout, &folder, Duration::from_secs(1000));
                let found = batches(&journal, n, scale);
                if save {
                    journal.save().expect("written");
                }
                (found, inner.0.load(Ordering::Relaxed))
            };
            assert_eq!(run(3, 1.0, &layout, true).1, 68);
            // Ended without a save: what was there stays.
            assert_eq!(run(4, 1.0, &layout, false), (batches(&plain, 4, 1.0), 64));
            assert_eq!(run(5, 1.0, &layout, true), (expected.clone(), 75));
            assert_eq!(run(5, 1.0, &layout, true), (expected.clone(), 0));
            // Another way, though the provenance is the same: nothing of the old one is taken for the new one's.
            let (other, n) = run(5, 2.0, &layout, true);
            assert!(other == batches(&plain, 5, 2.0) && n == 143, "{n}");
            assert_eq!(run(5, 2.0, &layout, true).1, 0);
            assert_eq!(run(5, 2.0, &self::layout(chunk_rows, "two"), true).1, 143);
            Journal::remove(&folder).expect("removed");
        }
        assert_eq!(run_saving_always(&folder), expected);
        Journal::remove(&folder).expect("removed");
        assert!(!folder.exists());
    }

    #[test]
    fn a_damaged_table_costs_its_own_simulations_alone() {
        let folder = std::env::temp_dir().join(format!("posterity-journal-damaged-{}", std::process::id()));
        let (plain, layout) = (Counting(AtomicU64::new(0)), layout(16, "one"));
        let run = || {
            let inner = Counting(AtomicU64::new(0));
            let journal = Journal::new(&inner, &layout, &folder, Duration::from_secs(1000));
            let found = batches(&journal, 5, 1.0);
            journal.save().expect("written");
            (found, inner.0.load(Ordering::Relaxed))
        };
        let expected = batches(&plain, 5, 1.0);
        assert_eq!(run(), (expected.clone(), 143));
        // That of the branch `a`, whose batches have 3, 25, 64 and 11 rows; 40 are of the other one.
        std::fs::write(folder.join("a.zarr").join("zarr.json"), "{ damaged").expect("written");
        assert_eq!(run(), (expected.clone(), 103));
        assert_eq!(run(), (expected, 0));
        Journal::remove(&folder).expect("removed");
    }

    fn run_saving_always(folder: &Path) -> (Vec<u64>, Failures) {
        let (inner, layout) = (Counting(AtomicU64::new(0)), layout(16, "one"));
        for n in 1..5 {
            batches(&Journal::new(&inner, &layout, folder, Duration::ZERO), n, 1.0);
        }
        let found = batches(&Journal::new(&inner, &layout, folder, Duration::ZERO), 5, 1.0);
        assert_eq!(inner.0.load(Ordering::Relaxed), 143, "each once");
        found
    }
}
