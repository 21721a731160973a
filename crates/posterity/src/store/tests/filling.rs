//! Filling a table: the same bits whoever fills it, and the ends that it can come to.

use super::{Folder, fails, filled, how, layout, simulate};
use crate::error::Error;
use crate::failure::{Cause, Failure};
use crate::progress::{Progress, Quiet};
use crate::store::{Filling, RowMut, Shard, Status, Table, fill};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Wants an end after so many questions, which may come late on a busy machine.
struct Impatient(AtomicU64);

impl Impatient {
    fn has_had_enough(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

impl Progress for Impatient {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn stop_requested(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
    }
}

#[test]
fn threads_shards_and_interruptions_change_nothing() {
    let reference = Folder::new("reference");
    filled(&reference, 1000, 64);
    let files = reference.files();
    for n_threads in [1, 7] {
        let folder = Folder::new(&format!("threads-{n_threads}"));
        let table = Table::open_or_create(&folder.table(), &layout(64), 1000).expect("made");
        let done = fill(&table, &Filling { n_threads, ..how(&Quiet) }, &simulate).expect("filled");
        let n_failed = (0..1000).filter(|row| fails(*row)).count() as u64;
        assert_eq!((done.n_simulated, done.n_done, done.n_failed), (1000, 1000 - n_failed, n_failed));
        assert_eq!((done.failures.n(), done.failures.first[0].index), (n_failed, 1005));
        folder.has(&files, &format!("{n_threads} threads"));
    }

    let folder = Folder::new("shards");
    let table = Table::open_or_create(&folder.table(), &layout(64), 1000).expect("made");
    std::thread::scope(|scope| {
        for k in [3, 1, 2] {
            let table = &table;
            scope.spawn(move || {
                let shard = Shard::new(k, 3).expect("valid");
                fill(table, &Filling { shard, ..how(&Quiet) }, &simulate).expect("filled");
            });
        }
        // And somebody who fills all of it, on the same chunks.
        scope.spawn(|| fill(&table, &how(&Quiet), &simulate).expect("filled"));
    });
    folder.has(&files, "shards");

    let folder = Folder::new("interrupted");
    let table = Table::open_or_create(&folder.table(), &layout(64), 1000).expect("made");
    let (mut stops, mut n_simulated) = (0, 0);
    loop {
        let (impatient, n) = (Impatient(AtomicU64::new(2)), AtomicU64::new(0));
        // No more than about 300 at a time.
        let slow = |row: u64, to: RowMut<'_>| {
            std::thread::sleep(Duration::from_millis(1));
            while n.load(Ordering::SeqCst) >= 300 && !impatient.has_had_enough() {
                std::thread::sleep(Duration::from_millis(1));
            }
            n.fetch_add(1, Ordering::SeqCst);
            simulate(row, to)
        };
        let how = Filling { save_every: Duration::from_millis(5), ..how(&impatient) };
        let before = table.status().expect("read").iter().filter(|s| **s != Status::Missing).count();
        match fill(&table, &how, &slow) {
            Ok(done) => break n_simulated += done.n_simulated,
            Err(error) => {
                let there = table.status().expect("read").iter().filter(|s| **s != Status::Missing).count();
                assert!(error.is_interrupted() && there >= before, "{error}");
                n_simulated += (there - before) as u64;
                let text = error.to_string();
                assert!(text.contains(" of 1000 simulations done"), "{text}");
                assert!(text.ends_with("; run the same command again to go on"), "{text}");
                stops += 1;
            }
        }
    }
    assert!(stops >= 2, "{stops} interruptions");
    assert_eq!(n_simulated, 1000, "nothing is simulated twice");
    folder.has(&files, "interruptions");
}

#[test]
fn slow_simulations_are_saved_in_between() {
    let folder = Folder::new("slow");
    let table = Table::open_or_create(&folder.table(), &layout(64), 64).expect("made");
    let seen = AtomicU64::new(0);
    let slow = |row: u64, to: RowMut<'_>| {
        std::thread::sleep(Duration::from_millis(10));
        let there = table.status()?.iter().filter(|s| **s != Status::Missing).count();
        seen.fetch_max(there as u64, Ordering::SeqCst);
        simulate(row, to)
    };
    fill(&table, &Filling { save_every: Duration::from_millis(20), ..how(&Quiet) }, &slow).expect("filled");
    let seen = seen.into_inner();
    assert!(seen > 5 && seen < 64, "{seen} rows on the disk before the end");
    assert_eq!(table.verify().expect("read"), []);
}

#[test]
fn a_simulator_that_never_works_stops_after_twenty() {
    let folder = Folder::new("never");
    let table = Table::open_or_create(&folder.table(), &layout(64), 1000).expect("made");
    let broken = |row: u64, to: RowMut<'_>| {
        to.theta.fill(row as f64);
        let stderr = "Traceback\nImportError: no module named camb\n\n".to_owned();
        Ok((row, Some(Failure { stderr, ..Failure::new(Cause::Exit, format!("row {row} failed")) })))
    };
    let one = Filling { n_threads: 1, ..how(&Quiet) };
    let error = fill(&table, &one, &broken).expect_err("broken");
    assert!(error.is_simulation_failed());
    let text = error.to_string();
    let counts = table.failures(0..1000).expect("read");
    assert_eq!(
        text,
        format!(
            "all of the first 20 simulations have failed ({}); the first: row 0 failed (its standard error ends: \
             ImportError: no module named camb); `posterity simulate --list-failed` shows them; raise \
             max_failed_fraction if that is expected",
            counts.text()
        )
    );
    assert!(counts.n() >= 20 && counts.n() < 1000, "what is done is saved: {}", counts.text());
    // All may fail, if that is what is wanted.
    let done = fill(&table, &Filling { max_failed_fraction: 1.0, ..one }, &broken).expect("all");
    assert_eq!((done.n_done, done.n_failed), (0, 1000));
}

#[test]
fn too_many_failures_stop_and_go_on_when_they_may() {
    let folder = Folder::new("fraction");
    let table = Table::open_or_create(&folder.table(), &layout(8), 1000).expect("made");
    let strict = Filling { max_failed_fraction: 0.01, n_threads: 1, ..how(&Quiet) };
    for _ in 0..2 {
        let text = fill(&table, &strict, &simulate).expect_err("too many").to_string();
        let n = table.failures(0..1000).expect("read").n();
        assert!(n > 10 && n < 50, "{n}");
        let expected = format!(
            "{n} of 1000 simulations have failed, more than max_failed_fraction = 0.01 allows ({n} exit status other \
             than 0); the first: exit status 3 (its standard error ends: row 5); "
        );
        assert!(text.starts_with(&expected), "{text}");
    }
    let n_there = table.status().expect("read").iter().filter(|s| **s != Status::Missing).count() as u64;
    let done = fill(&table, &how(&Quiet), &simulate).expect("filled");
    assert_eq!(done.n_simulated, 1000 - n_there);

    let mended = |row: u64, to: RowMut<'_>| simulate(row, to).map(|(seed_index, _)| (seed_index, None));
    let again = Filling { retry_failed: true, ..how(&Quiet) };
    let mended = fill(&table, &again, &mended).expect("filled");
    assert_eq!((mended.n_simulated, mended.n_done, mended.n_failed), (done.n_failed, 1000, 0));
    assert_eq!(table.verify().expect("read"), []);
    // Those that fail again are no sign of a simulator that never works.
    let folder = Folder::new("again");
    let table = filled(&folder, 1000, 8);
    let files = folder.files();
    fill(&table, &again, &simulate).expect("filled");
    folder.has(&files, "all");
}

#[test]
fn an_error_stops_and_numbers_that_are_not_finite_are_failures() {
    let folder = Folder::new("error");
    let table = Table::open_or_create(&folder.table(), &layout(8), 100).expect("made");
    let stops = |row: u64, to: RowMut<'_>| {
        if row == 50 { Err(Error::invalid_input("cannot be started")) } else { simulate(row, to) }
    };
    let error = fill(&table, &Filling { n_threads: 1, ..how(&Quiet) }, &stops).expect_err("stops");
    assert!(error.is_invalid_input() && error.to_string() == "cannot be started");
    let status = table.status().expect("read");
    assert!(status[..50].iter().all(|s| *s != Status::Missing) && status[50] == Status::Missing);

    let infinite = |row: u64, mut to: RowMut<'_>| {
        to.theta.fill(1.0);
        to.values[0].fill(0.0);
        to.values[1].fill(if row == 60 { f64::INFINITY } else { 0.0 });
        Ok((row, None))
    };
    fill(&table, &how(&Quiet), &infinite).expect("filled");
    assert_eq!(table.status().expect("read")[60], Status::Failed(Cause::NotFinite));
    assert!(table.values("data", 60..61).expect("read").iter().all(|x| x.is_nan()));
    assert_eq!(table.records(60..61).expect("read")[0].failure.message, "value 0 of `derivative` is not finite");

    for wrong in [Filling { n_threads: 0, ..how(&Quiet) }, Filling { max_failed_fraction: f64::NAN, ..how(&Quiet) }] {
        assert!(fill(&table, &wrong, &simulate).expect_err("wrong").is_invalid_input());
    }
}

#[test]
fn progress_is_told_by_the_calling_thread() {
    struct Told(std::thread::ThreadId, std::sync::Mutex<Vec<String>>);
    impl Told {
        fn tell(&self, text: String) {
            assert_eq!(std::thread::current().id(), self.0);
            self.1.lock().expect("whole").push(text);
        }
    }
    impl Progress for Told {
        fn begin(&self, stage: &str, total: Option<u64>) {
            self.tell(format!("{stage} {total:?}"));
        }
        fn at(&self, _: u64, _: &str) {
            self.tell("at".into());
        }
        fn end(&self, note: &str) {
            self.tell(note.to_owned());
        }
    }
    let folder = Folder::new("told");
    let table = Table::open_or_create(&folder.table(), &layout(8), 100).expect("made");
    let told = Told(std::thread::current().id(), std::sync::Mutex::default());
    fill(&table, &how(&told), &simulate).expect("filled");
    let told = told.1.into_inner().expect("whole");
    assert_eq!((told[0].as_str(), told.last().expect("end").as_str()), ("simulations Some(100)", "91 done, 9 failed"));
}
