//! Tests of the table as a whole: what is written is read, whoever wrote it and however often they were stopped.

mod damage;
mod filling;
mod suites;
mod table;

use super::{Filling, Layout, RowMut, SAVE_EVERY, Shard, Table, Values};
use crate::error::Result;
use crate::failure::{Cause, Failure};
use crate::progress::{Progress, Quiet};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posterity-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        Self(path)
    }

    fn table(&self) -> PathBuf {
        self.0.join("simulations")
    }

    /// All files below, by their path, with their content.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.0, &self.0, &mut files);
        files
    }

    /// Asserts that these files are there and no others.
    fn has(&self, expected: &BTreeMap<String, Vec<u8>>, what: &str) {
        let files = self.files();
        assert!(files.keys().eq(expected.keys()), "{what}: {:?}, not {:?}", files.keys(), expected.keys());
        for (name, bytes) in expected {
            assert!(files[name] == *bytes, "{what}: {name} is another");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            files.insert(name, std::fs::read(&path).expect("read"));
        }
    }
}

/// Two parameters, data of shape (3) with a derivative, `chunk_rows` rows to a chunk.
fn layout(chunk_rows: u64) -> Layout {
    let Value::Object(provenance) = json!({"seed": 7, "simulator": {"name": "test", "sigma": 0.1}}) else {
        unreachable!()
    };
    Layout {
        parameters: vec!["a".into(), "b".into()],
        values: vec![Values::new("data", &[3]), Values::new("derivative", &[2, 3])],
        chunk_rows,
        provenance,
    }
}

/// Row 5, 16, 27, … fail.
fn fails(row: u64) -> bool {
    row % 11 == 5
}

/// What a row of the tests holds.
fn simulate(row: u64, to: RowMut<'_>) -> Result<(u64, Option<Failure>)> {
    let x = row as f64;
    to.theta.copy_from_slice(&[x, (x * 0.3).sin()]);
    for (a, values) in to.values.into_iter().enumerate() {
        values.iter_mut().enumerate().for_each(|(i, v)| *v = (x * 0.7 + i as f64).cos() + a as f64);
    }
    let failure = Failure { stderr: format!("first line\nrow {row}\n"), ..Failure::new(Cause::Exit, "exit status 3") };
    Ok((row + 1000, fails(row).then_some(failure)))
}

fn how(progress: &dyn Progress) -> Filling<'_> {
    Filling {
        shard: Shard::whole(),
        rows: 0..u64::MAX,
        name: "simulations",
        retry_failed: false,
        n_threads: 2,
        max_failed_fraction: 0.5,
        progress,
        save_every: SAVE_EVERY,
    }
}

/// A table that is filled.
fn filled(folder: &Folder, n_rows: u64, chunk_rows: u64) -> Table {
    let table = Table::open_or_create(&folder.table(), &layout(chunk_rows), n_rows).expect("made");
    super::fill(&table, &how(&Quiet), &simulate).expect("filled");
    table
}
