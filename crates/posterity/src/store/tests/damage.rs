//! Damage of every kind is named, and a damaged chunk that is taken away and filled again is as it was.

use super::{Folder, filled, how, layout, simulate};
use crate::progress::Quiet;
use crate::store::{Table, fill};
use std::path::Path;

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[at] ^= 4;
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_chunk_is_named_repaired_by_its_shard_and_filled_again() {
    let folder = Folder::new("damage");
    let table = filled(&folder, 50, 8);
    let files = folder.files();
    for name in [
        "simulations/data/c.2.0",
        "simulations/derivative/c.2.0.0",
        "simulations/theta/c.2.0",
        "simulations/seed_index/c.2",
        "simulations/status/c.2",
        "simulations.quarantine/2.json",
    ] {
        let path = folder.0.join(name);
        let length = files[name].len();
        for at in [0, length / 2, length - 5, length - 1] {
            flip(&path, at);
            check(&table, &path, &format!("{name}, byte {at}"));
            folder.has(&files, &format!("{name}, byte {at}"));
        }
        for short in [0, length / 2, length - 1] {
            std::fs::write(&path, &files[name][..short]).expect("written");
            check(&table, &path, &format!("{name}, {short} bytes"));
        }
        std::fs::write(&path, [&files[name][..], b"x"].concat()).expect("written");
        check(&table, &path, &format!("{name}, too long"));
        if !name.contains("status") {
            std::fs::remove_file(&path).expect("removed");
            check(&table, &path, &format!("{name}, missing"));
        }
        folder.has(&files, name);
    }
}

/// The damage is found and named, and mended by filling again.
fn check(table: &Table, path: &Path, what: &str) {
    let found = table.verify().expect(what);
    assert_eq!(found.len(), 1, "{what}");
    assert_eq!((found[0].chunk, found[0].file.as_path()), (2, path), "{what}");
    let message = &found[0].message;
    assert!(message.contains("chunk 2 (rows 16 to 23) is damaged: "), "{message}");
    assert!(message.contains("; `posterity simulate --repair` simulates these rows again"), "{message}");
    let name = path.to_string_lossy();
    if name.contains("/status/") {
        let error = fill(table, &how(&Quiet), &simulate).expect_err(what);
        assert!(error.is_corrupt_file() && error.file() == Some(path), "{error}");
    } else if name.contains("/data/") {
        assert!(table.values("data", 0..50).expect_err(what).is_corrupt_file());
        assert!(table.values("data", 0..16).is_ok(), "the rest can be read");
    } else if name.contains("quarantine") {
        assert!(table.failures(0..50).expect_err(what).is_corrupt_file());
    }
    let repaired = |shard: &str| table.repair(shard.parse().expect("valid")).expect(what);
    assert_eq!([repaired("2/2"), repaired("1/2"), repaired("1/1")], [0, 1, 0], "{what}");
    let done = fill(table, &how(&Quiet), &simulate).expect(what);
    assert_eq!(done.n_simulated, 8, "{what}");
}

/// Whole files that say something else than they did.
#[test]
fn chunks_that_do_not_agree_are_named() {
    let folder = Folder::new("agree");
    let table = filled(&folder, 50, 8);
    let path = |name: &str| folder.0.join(name);
    for (name, other, fault) in [
        ("simulations/status/c.2", "simulations/status/c.4", "row 16 is done, but value 0 of its `data`"),
        ("simulations/theta/c.2.0", "simulations/theta/c.3.0", "another theta or seed index"),
        ("simulations.quarantine/2.json", "simulations.quarantine/0.json", "it tells of rows that are not 16 to 24"),
    ] {
        let whole = std::fs::read(path(name)).expect("read");
        std::fs::copy(path(other), path(name)).expect("copied");
        let found = table.verify().expect("read");
        assert!(found.len() == 1 && found[0].message.contains(fault), "{name}: {found:?}");
        std::fs::write(path(name), whole).expect("written");
    }
}

#[test]
fn every_flipped_byte_of_the_descriptions_is_named() {
    let folder = Folder::new("json");
    filled(&folder, 16, 8);
    let files = folder.files();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with("zarr.json")) {
        let path = folder.0.join(name);
        // All of what the others follow from, samples of what follows.
        for at in (0..bytes.len()).filter(|at| name == "simulations/zarr.json" && *at < 700 || at % 7 == 0) {
            flip(&path, at);
            let error = match Table::open(&folder.table()) {
                Err(error) => error,
                // The length of an array follows from that of the group: it is mended, and found by looking for it.
                Ok(table) => table.verify().expect_err(&format!("{name}, byte {at}")),
            };
            let text = error.to_string();
            let named = error.file().is_some_and(|file| file == path) || text.contains("not as long as");
            assert!(named && (error.is_corrupt_file() || error.is_invalid_input()), "{name}, byte {at}: {error}");
            std::fs::write(&path, bytes).expect("written");
        }
    }
    // What others add does no harm.
    let path = folder.table().join("zarr.json");
    let text = String::from_utf8(files["simulations/zarr.json"].clone()).expect("text");
    let added = text.replacen("\"attributes\": {", "\"attributes\": {\n    \"comment\": \"mine\",", 1);
    assert_ne!(added, text);
    std::fs::write(&path, added).expect("written");
    Table::open_or_create(&folder.table(), &layout(8), 16).expect("opened");
}
