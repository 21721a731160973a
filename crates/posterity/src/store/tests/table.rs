//! Making, opening, extending and refusing a table; reading what is written; files that cannot be written.

use super::{Folder, fails, filled, layout};
use crate::failure::{Cause, Failure};
use crate::progress::Quiet;
use crate::store::{Chunk, Filling, RowMut, Status, Table};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

#[test]
fn what_is_written_is_read() {
    let folder = Folder::new("round");
    let table = filled(&folder, 50, 8);
    let again = Table::open(&folder.table()).expect("opened");
    assert_eq!((again.n_rows(), again.chunk_rows(), again.n_chunks()), (50, 8, 7));
    assert_eq!(again.layout(), table.layout());
    let status = again.status().expect("read");
    for (row, status) in status.iter().enumerate() {
        let expected = if fails(row as u64) { Status::Failed(Cause::Exit) } else { Status::Done };
        assert_eq!(*status, expected, "row {row}");
    }
    let theta = again.theta(0..50).expect("read");
    let data = again.values("data", 3..31).expect("read");
    let derivative = again.values("derivative", 3..31).expect("read");
    assert!((0..50).all(|row| theta[2 * row] == row as f64));
    for row in 3..31_usize {
        for i in 0..3 {
            let expected = (row as f64 * 0.7 + i as f64).cos();
            let found = data[(row - 3) * 3 + i];
            assert!(if fails(row as u64) { found.is_nan() } else { found == expected });
        }
        assert!(fails(row as u64) || derivative[(row - 3) * 6 + 4] == (row as f64 * 0.7 + 4.0).cos() + 1.0);
    }
    let records = again.records(6..50).expect("read");
    assert_eq!(records.iter().map(|record| record.index).collect::<Vec<_>>(), [1016, 1027, 1038, 1049]);
    assert_eq!((records[0].theta[0], records[0].failure.stderr.as_str()), (16.0, "first line\nrow 16\n"));
    assert_eq!(again.failures(0..50).expect("read").text(), "5 exit status other than 0");
    assert_eq!(again.verify().expect("read"), []);
    let last = again.read_chunk(6).expect("read");
    assert!(last.status[2..].iter().all(|status| *status == Status::Missing) && last.theta_of(2)[0].is_nan());
    // The rows that are done, left on the disk, as one array.
    let done = vec![0..5, 6..16, 17..17, 17..27, 45..49];
    assert!(done.iter().all(|range| range.clone().all(|row| !fails(row))));
    let values = |range: &std::ops::Range<u64>| again.values("derivative", range.clone()).expect("read");
    let expected = done.iter().flat_map(values).collect::<Vec<f64>>();
    let rows = Table::open(&folder.table()).expect("opened").into_rows("derivative", done).expect("there");
    assert!(rows.is_on_disk() && *rows.all().expect("read") == expected);
    let mut reader = rows.reader();
    for range in [0..1, 4..31, 31..120, 7..13] {
        assert_eq!(reader.read(range.clone()).expect("read"), &expected[range]);
    }
    let all = std::iter::once(0..50).collect();
    let failed = Table::open(&folder.table()).expect("opened").into_rows("derivative", all).expect("there");
    assert!(failed.all().expect_err("not all are done").is_corrupt_file());
    for (text, error) in [
        ("no array `x`; it has data, derivative", again.values("x", 0..1).expect_err("name")),
        ("rows 40 to 51 of a table of 50", again.theta(40..51).expect_err("rows")),
    ] {
        assert!(error.is_invalid_input() && error.to_string().contains(text), "{error}");
    }
}

#[test]
fn rows_are_appended_and_chunks_stay() {
    let (folder, other) = (Folder::new("extend"), Folder::new("at-once"));
    let mut table = filled(&folder, 20, 8);
    let before = folder.files();
    table.extend(50).expect("extended");
    table.extend(10).expect("stays");
    assert_eq!(table.n_rows(), 50);
    let after = folder.files();
    assert!(before.iter().filter(|(name, _)| !name.ends_with("zarr.json")).all(|(name, bytes)| after[name] == *bytes));
    let status = table.status().expect("read");
    assert!(status[..20].iter().all(|s| *s != Status::Missing) && status[20..].iter().all(|s| *s == Status::Missing));
    assert!(table.theta(20..50).expect("read").iter().all(|x| x.is_nan()));
    filled(&folder, 50, 99);
    filled(&other, 50, 8);
    folder.has(&other.files(), "all");
}

#[test]
fn other_simulations_and_other_things_are_refused() {
    let folder = Folder::new("refuse");
    filled(&folder, 20, 8);
    let mut other = layout(8);
    other.provenance["seed"] = json!(8);
    other.provenance["simulator"]["sigma"] = json!(0.2);
    let error = Table::open_or_create(&folder.table(), &other, 20).err().expect("refused");
    let text = error.to_string();
    assert!(error.is_invalid_input());
    assert!(text.contains("are others: seed (7 there, 8 now), simulator.sigma (0.1 there, 0.2 now); choose"), "{text}");

    let occupied = folder.0.join("occupied");
    std::fs::create_dir_all(&occupied).expect("folder");
    std::fs::write(occupied.join("thesis.tex"), "x").expect("written");
    let error = Table::open_or_create(&occupied, &layout(8), 20).err().expect("refused").to_string();
    assert!(error.contains("something else than simulations (thesis.tex); choose another"), "{error}");
    std::fs::write(occupied.join("zarr.json"), r#"{"zarr_format":3,"node_type":"group"}"#).expect("written");
    let error = Table::open_or_create(&occupied, &layout(8), 20).err().expect("refused").to_string();
    assert!(error.contains("this is no table of simulations"), "{error}");

    let error = Table::open(&folder.0.join("absent")).err().expect("absent");
    assert!(error.is_io() && error.to_string().contains("no table of simulations here"), "{error}");
    assert!(Table::open_or_create(&folder.table(), &layout(8), 0).err().expect("rows").is_invalid_input());

    let path = folder.table().join("zarr.json");
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, text.replace("\"format_version\": 1", "\"format_version\": 2")).expect("written");
    let error = Table::open(&folder.table()).err().expect("later").to_string();
    assert!(error.contains("has version 2 of its format, not 1"), "{error}");
}

/// A process that died while it made or extended a table leaves beginnings, which the next one takes further.
#[test]
fn beginnings_are_taken_further() {
    let (folder, other) = (Folder::new("begun"), Folder::new("whole"));
    filled(&folder, 20, 8);
    filled(&other, 20, 8);
    let text = |name: &str| std::fs::read_to_string(folder.table().join(name)).expect("read");
    let array = text("theta/zarr.json");
    std::fs::write(folder.table().join("theta/zarr.json"), array.replacen("20", "70", 1)).expect("written");
    std::fs::remove_file(folder.table().join("data/zarr.json")).expect("removed");
    assert!(
        Table::open(&folder.table()).err().expect("missing").to_string().contains("(it is missing); take this file")
    );
    filled(&folder, 20, 8);
    folder.has(&other.files(), "all");

    let begun = Folder::new("made");
    std::fs::create_dir_all(begun.table().join("theta")).expect("folder");
    std::fs::write(begun.table().join("theta/zarr.json"), &array[..30]).expect("written");
    std::fs::write(begun.table().join(".zarr.json.1-0.partial"), &array[..30]).expect("written");
    filled(&begun, 20, 8);
    begun.has(&other.files(), "all");
}

#[test]
fn many_may_make_and_extend_a_table_at_once() {
    let (folder, other) = (Folder::new("at-once-many"), Folder::new("at-once-one"));
    std::thread::scope(|scope| {
        for k in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                Table::open_or_create(&folder.table(), &layout(8), 20 + 10 * (k % 4)).expect("made");
            });
        }
    });
    Table::open_or_create(&other.table(), &layout(8), 50).expect("made");
    folder.has(&other.files(), "all");
}

#[test]
fn a_chunk_takes_in_the_rows_that_others_wrote() {
    let folder = Folder::new("merge");
    let table = filled(&folder, 8, 8);
    let whole = table.read_chunk(0).expect("read");
    let files = folder.files();
    table.discard(0).expect("discarded");
    let half = |keep: fn(usize) -> bool| {
        let mut chunk = whole.clone();
        (0..8).filter(|row| !keep(*row)).for_each(|row| chunk.status[row] = Status::Missing);
        chunk.blank();
        chunk
    };
    table.write_chunk(&half(|row| row < 4)).expect("written");
    table.write_chunk(&half(|row| row > 2)).expect("written");
    folder.has(&files, "all");
    // A row that is done does not give way to one that failed, one that failed does to one that is done.
    let failure = Failure::new(Cause::TimedOut, "late");
    let mut failed = half(|row| row < 2);
    (failed.status[0], failed.status[1]) = (Status::Failed(Cause::TimedOut), Status::Failed(Cause::TimedOut));
    failed.failures.extend([(0, failure.clone()), (1, failure)]);
    failed.blank();
    table.write_chunk(&failed).expect("written");
    folder.has(&files, "all");
    let mut done = whole.clone();
    done.status[5] = Status::Done;
    done.failures.clear();
    done.values.iter_mut().for_each(|values| values.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 1.0));
    table.write_chunk(&done).expect("written");
    assert_eq!(table.read_chunk(0).expect("read").status, [Status::Done; 8]);
    assert!(!folder.files().keys().any(|name| name.contains("quarantine")));
    assert_eq!(table.verify().expect("read"), []);
}

#[test]
fn chunks_that_do_not_fit_are_refused() {
    let folder = Folder::new("fit");
    let table = filled(&folder, 20, 8);
    let chunk = table.read_chunk(0).expect("read");
    for (text, change) in [
        ("do not have 8 rows", (|c| c.theta.truncate(1)) as fn(&mut Chunk)),
        ("such chunk", |c| c.index = 3),
        ("row 1 is not done, but has `data`", |c| c.status[1] = Status::Missing),
        ("value 2 of its `data` is not finite", |c| c.values[0][5] = f64::INFINITY),
        ("does not agree with how it failed", |c| drop(c.failures.remove(&5))),
    ] {
        let mut chunk = chunk.clone();
        change(&mut chunk);
        let error = table.write_chunk(&chunk).expect_err(text);
        assert!(error.is_invalid_input() && error.to_string().contains(text), "{error}");
    }
}

/// Files that can still be written.
static ROOM: AtomicI64 = AtomicI64::new(0);

fn until_full(file: &mut std::fs::File, bytes: &[u8]) -> io::Result<()> {
    if ROOM.fetch_sub(1, Ordering::SeqCst) <= 0 {
        // Part of it fits.
        io::Write::write_all(file, &bytes[..bytes.len() / 2])?;
        return Err(io::ErrorKind::StorageFull.into());
    }
    io::Write::write_all(file, bytes)
}

#[test]
fn a_full_disk_is_an_error_that_loses_nothing() {
    let (folder, other) = (Folder::new("full"), Folder::new("room"));
    filled(&other, 50, 8);
    let mut table = Table::open_or_create(&folder.table(), &layout(8), 50).expect("made");
    table.put = until_full;
    let mut before = 0;
    for room in 0..60 {
        ROOM.store(room, Ordering::SeqCst);
        match super::super::fill(&table, &super::how(&Quiet), &super::simulate) {
            Ok(_) => break,
            Err(error) => {
                let text = error.to_string();
                assert!(error.is_io() && text.contains("make room and run the same command again"), "{text}");
                let names_it = text.contains("/c.") || text.contains("quarantine/");
                assert!(names_it && !text.contains("partial"), "{text}");
            }
        }
        let there = table.status().expect("read").iter().filter(|s| **s != Status::Missing).count();
        assert!(there >= before, "{there} rows, and {before} before");
        assert_eq!(table.verify().expect("read"), []);
        assert!(folder.files().keys().all(|name| !name.ends_with(".partial") && !name.ends_with(".lock")));
        before = there;
    }
    folder.has(&other.files(), "all");

    // Failed rows that are tried again are at no time what they are not.
    let mended = |row: u64, to: RowMut<'_>| super::simulate(row, to).map(|(seed_index, _)| (seed_index, None));
    let again = Filling { retry_failed: true, ..super::how(&Quiet) };
    let mut stopped = 0;
    for room in 0..60 {
        ROOM.store(room, Ordering::SeqCst);
        let outcome = super::super::fill(&table, &again, &mended);
        assert_eq!(table.verify().expect("read"), [], "room for {room} files");
        if outcome.is_ok() {
            break;
        }
        stopped += 1;
    }
    assert!(stopped > 4, "{stopped} times the disk was full");
    assert_eq!(table.status().expect("read"), [Status::Done; 50]);
}

#[test]
fn python_finds_names_and_codes() {
    let folder = Folder::new("names");
    filled(&folder, 8, 8);
    let json = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.table().join(name)).expect("read")).expect("json")
    };
    let group = json("zarr.json");
    assert_eq!(group["attributes"]["provenance"]["seed"], 7);
    assert_eq!(group["attributes"]["parameters"], json!(["a", "b"]));
    assert_eq!(group["attributes"]["n_rows"], 8);
    assert_eq!(group["consolidated_metadata"]["metadata"]["theta"], json("theta/zarr.json"));
    assert_eq!(json("theta/zarr.json")["dimension_names"], json!(["simulation", "parameter"]));
    assert_eq!(json("data/zarr.json")["dimension_names"], json!(["simulation", "data_0"]));
    assert_eq!(json("derivative/zarr.json")["dimension_names"], json!(["simulation", "parameter", "data_0"]));
    let status = json("status/zarr.json");
    assert_eq!(status["attributes"]["flag_values"], json!([0, 1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(
        status["attributes"]["flag_meanings"],
        "missing done refused exit killed timed_out not_finite bad_output"
    );
    let codecs = json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]);
    assert_eq!(json("data/zarr.json")["codecs"], codecs);
    assert_eq!(std::fs::metadata(folder.table().join("data/c.0.0")).expect("there").len(), 8 * 3 * 8 + 4);
}
