//! Opens and reads tables whose descriptions, chunks and quarantine come from the input: no panic, no absurd memory.
//!
//! Even inputs edit the files of a small table, with or without the checksums set right again; odd ones ask for a table
//! of a layout of their own and put their bytes into its chunks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use posterity::failure::{Cause, Failure};
use posterity::progress::Quiet;
use posterity::store::{Filling, Layout, RowMut, SAVE_EVERY, Shard, Table, Values, fill};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The files of a whole table, by their path below the folder of the test.
static BASE: LazyLock<(PathBuf, BTreeMap<String, Vec<u8>>)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("posterity-fuzz-store-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let layout = Layout {
        parameters: vec!["a".into(), "b".into()],
        values: vec![Values::new("data", &[3])],
        chunk_rows: 4,
        provenance: Map::from_iter([("seed".to_owned(), json!(7))]),
    };
    let table = Table::open_or_create(&folder.join("t"), &layout, 10).expect("made");
    fill_up(&table).expect("filled");
    let mut files = BTreeMap::new();
    collect(&folder, &folder, &mut files);
    (folder, files)
});

fn fill_up(table: &Table) -> posterity::Result<()> {
    let how = Filling {
        shard: Shard::whole(),
        rows: 0..u64::MAX,
        name: "fuzz",
        retry_failed: false,
        n_threads: 1,
        max_failed_fraction: 1.0,
        progress: &Quiet,
        save_every: SAVE_EVERY,
    };
    let simulate = |row: u64, to: RowMut<'_>| {
        to.theta.fill(row as f64);
        to.values.into_iter().for_each(|values| values.fill(0.5));
        Ok((row, (row % 5 == 2).then(|| Failure::new(Cause::Killed, "signal 9"))))
    };
    fill(table, &how, &simulate).map(|_| ())
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            files.insert(name, fs::read(&path).expect("read"));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    if first % 2 == 0 { edited(first / 2, rest) } else { laid_out(rest) }
});

/// Takes bytes from the front.
fn take<'a>(data: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (head, tail) = data.split_at(n.min(data.len()));
    *data = tail;
    head
}

fn number(data: &mut &[u8], n: usize) -> u64 {
    take(data, n).iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn edited(mode: u8, mut data: &[u8]) {
    let (folder, base) = &*BASE;
    let names: Vec<&String> = base.keys().collect();
    let mut files: BTreeMap<&String, Vec<u8>> = BTreeMap::new();
    while !data.is_empty() {
        let name = names[number(&mut data, 1) as usize % names.len()];
        let bytes = files.entry(name).or_insert_with(|| base[name].clone());
        let at = number(&mut data, 2) as usize;
        let n = number(&mut data, 2) as usize;
        let new = take(&mut data, n % 600);
        match at.checked_rem(bytes.len()) {
            Some(at) if n >= 600 => drop(bytes.splice(at..(at + n / 600).min(bytes.len()), new.iter().copied())),
            _ => *bytes = new.to_vec(),
        }
    }
    for (name, bytes) in &mut files {
        if mode % 2 == 1 {
            reseal(name, bytes);
        }
        fs::write(folder.join(name), bytes).expect("written");
    }
    if let Ok(table) = Table::open(&folder.join("t")) {
        read(&table);
    }
    for name in files.keys() {
        fs::write(folder.join(name), &base[*name]).expect("written");
    }
}

/// Sets the checksum right, so that what it guards is reached.
fn reseal(name: &str, bytes: &mut Vec<u8>) {
    if name.contains("/c.") {
        let n = bytes.len().saturating_sub(4);
        bytes.truncate(n);
        bytes.extend(crc32c::crc32c(bytes).to_le_bytes());
    } else if name.contains("quarantine") {
        if let Ok(mut content) = serde_json::from_slice::<Value>(bytes)
            && content.get("checksum").is_some()
        {
            let text = content["failures"].to_string();
            content["checksum"] = json!(format!("crc32c:{:08x}", crc32c::crc32c(text.as_bytes())));
            *bytes = format!("{content:#}\n").into_bytes();
        }
    } else if name == "t/zarr.json"
        && let Ok(mut group) = serde_json::from_slice::<Value>(bytes)
        && group.get("attributes").is_some_and(Value::is_object)
    {
        let a = &group["attributes"];
        let keys = ["format", "format_version", "parameters", "values", "chunk_rows", "n_rows", "provenance"];
        let content: Vec<Value> = keys.iter().map(|key| sorted(a.get(key).cloned().unwrap_or_default())).collect();
        let text = Value::Array(content).to_string();
        group["attributes"]["checksum"] = json!(format!("crc32c:{:08x}", crc32c::crc32c(text.as_bytes())));
        *bytes = format!("{group:#}\n").into_bytes();
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        leaf => leaf,
    }
}

fn laid_out(mut data: &[u8]) {
    let folder = BASE.0.join("own");
    let _ = fs::remove_dir_all(&folder);
    let n_params = number(&mut data, 1) as usize;
    let mut values = Vec::new();
    for k in 0..number(&mut data, 1) % 4 {
        let axes = number(&mut data, 1) % 20;
        let lengths = (0..axes).map(|_| {
            let bytes = 1 + (number(&mut data, 1) % 8) as usize;
            number(&mut data, bytes) as usize
        });
        values.push(Values::new(format!("v{k}"), &lengths.collect::<Vec<usize>>()));
    }
    let chunk_bytes = 1 + number(&mut data, 1) as usize % 8;
    let chunk_rows = number(&mut data, chunk_bytes);
    let row_bytes = 1 + number(&mut data, 1) as usize % 8;
    let n_rows = number(&mut data, row_bytes);
    let provenance = match serde_json::from_slice(data) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let layout = Layout { parameters: vec!["p".into(); n_params], values, chunk_rows, provenance };
    let Ok(table) = Table::open_or_create(&folder, &layout, n_rows) else { return };
    let again = Table::open(&folder).expect("what is made can be opened");
    assert_eq!((again.layout(), again.n_rows()), (&layout, n_rows));
    for (name, tail) in [("theta", ".0"), ("status", ""), ("seed_index", "")] {
        let half = data.len() / 2;
        let mut bytes = take(&mut data, half).to_vec();
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        fs::write(folder.join(name).join(format!("c.0{tail}")), bytes).expect("written");
    }
    read(&table);
    let row = 8 * (n_params + layout.values.iter().map(Values::n).sum::<usize>()) as u64;
    if table.n_rows().max(chunk_rows).saturating_mul(row) < 1 << 16 {
        // What `posterity simulate --repair` does.
        for corrupt in table.verify().expect("read") {
            table.discard(corrupt.chunk).expect("discarded");
        }
        fill_up(&table).expect("filled");
        assert!(table.verify().expect("read").is_empty());
    }
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::remove_dir_all(BASE.0.join("own.quarantine"));
}

/// Everything that a caller can ask for, of as many rows as a caller would ask for.
fn read(table: &Table) {
    if table.n_rows() <= 1 << 20 {
        let _ = table.status();
    }
    let rows = 0..table.n_rows().min(8);
    let _ = table.theta(rows.clone());
    for values in &table.layout().values {
        if values.n() < 1 << 16 {
            let _ = table.values(&values.name, rows.clone());
        }
    }
    let _ = (table.failures(rows.clone()), table.records(rows));
    // A chunk that is not there is made of as many rows as the description says; one that is there has its file's size.
    if table.folder().join("status/c.0").metadata().is_ok_and(|status| status.len() == table.chunk_rows() + 4) {
        let _ = table.verify();
    }
}
