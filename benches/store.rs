//! Writing and reading a table beside the disk's own limits, and opening one: `cargo bench -p posterity --bench store`.
//!
//! The folder is that of temporary files unless `POSTERITY_BENCH_FOLDER` names another.
#![allow(clippy::print_stdout)]

use posterity::progress::Quiet;
use posterity::store::{Filling, Layout, RowMut, SAVE_EVERY, Shard, Table, Values, chunk_rows, fill};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

const N_DATA: usize = 40;
const N_ROWS: u64 = 1_000_000;
const REPEATS: usize = 5;

fn layout() -> Layout {
    Layout {
        parameters: ["omega_m", "w", "m"].map(String::from).to_vec(),
        values: vec![Values::new("data", &[N_DATA])],
        chunk_rows: chunk_rows(8 * N_DATA as u64, N_ROWS, false),
        provenance: serde_json::Map::new(),
    }
}

/// Bytes of a row, and of all rows.
fn bytes() -> u64 {
    (8 * (N_DATA as u64 + 3) + 9) * N_ROWS
}

/// A row that costs next to nothing: what is measured is the store.
fn simulate(row: u64, to: RowMut<'_>) -> posterity::Result<(u64, Option<posterity::failure::Failure>)> {
    let x = row as f64;
    to.theta.fill(x);
    to.values.into_iter().for_each(|values| values.iter_mut().enumerate().for_each(|(i, v)| *v = x + i as f64));
    Ok((row, None))
}

fn filling(n_threads: usize) -> Filling<'static> {
    Filling {
        shard: Shard::whole(),
        rows: 0..u64::MAX,
        name: "simulations",
        retry_failed: false,
        n_threads,
        max_failed_fraction: 0.0,
        progress: &Quiet,
        save_every: SAVE_EVERY,
    }
}

/// Seconds of a call.
fn seconds<T>(call: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let outcome = call();
    (start.elapsed().as_secs_f64(), outcome)
}

/// Writes as many bytes to one file, or to files of one chunk each; `fsync` at the end of each file.
fn plain(folder: &Path, per_file: u64) -> f64 {
    fs::create_dir_all(folder).expect("folder");
    let block = vec![0x5a_u8; 1 << 20];
    let (time, ()) = seconds(|| {
        let (mut left, mut k) = (bytes(), 0);
        while left > 0 {
            let mut file = File::create(folder.join(k.to_string())).expect("made");
            let mut here = left.min(per_file);
            left -= here;
            while here > 0 {
                let n = here.min(block.len() as u64);
                file.write_all(&block[..n as usize]).expect("written");
                here -= n;
            }
            file.sync_all().expect("on the disk");
            k += 1;
        }
    });
    fs::remove_dir_all(folder).expect("removed");
    time
}

fn row(name: &str, times: &mut [f64], bytes: u64) {
    times.sort_by(f64::total_cmp);
    let rate = |time: f64| bytes as f64 / time / 1e6;
    let (median, least, most) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    println!("{name:<48}{:>9.3} s {:>8.0} MB/s  ({:.0} – {:.0})", median, rate(median), rate(most), rate(least));
}

fn main() {
    let base = std::env::var_os("POSTERITY_BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let base = base.join(format!("posterity-bench-store-{}", std::process::id()));
    fs::create_dir_all(&base).expect("folder");
    let rows = layout().chunk_rows;
    println!("{N_ROWS} rows of {} bytes, {rows} to a chunk: {:.0} MB", bytes() / N_ROWS, bytes() as f64 / 1e6);
    let (mut whole, mut pieces, mut one, mut two, mut read) = (vec![], vec![], vec![], vec![], vec![]);
    let (mut open, mut status, mut again) = (vec![], vec![], vec![]);
    for _ in 0..REPEATS {
        whole.push(plain(&base.join("plain"), u64::MAX));
        pieces.push(plain(&base.join("plain"), rows * 8 * N_DATA as u64));
        for (n_threads, times) in [(1, &mut one), (2, &mut two)] {
            let folder = base.join(format!("table-{n_threads}"));
            let table = Table::open_or_create(&folder, &layout(), N_ROWS).expect("made");
            times.push(seconds(|| fill(&table, &filling(n_threads), &simulate).expect("filled")).0);
        }
        let (time, table) = seconds(|| Table::open(&base.join("table-2")).expect("opened"));
        open.push(time);
        status.push(seconds(|| table.status().expect("read")).0);
        read.push(seconds(|| table.values("data", 0..N_ROWS).expect("read")).0);
        again.push(seconds(|| fill(&table, &filling(2), &simulate).expect("nothing to do")).0);
        fs::remove_dir_all(base.join("table-1")).expect("removed");
        fs::remove_dir_all(base.join("table-2")).expect("removed");
    }
    row("plain: one file, fsync", &mut whole, bytes());
    row("plain: a file for each chunk, fsync", &mut pieces, bytes());
    row("fill, 1 thread", &mut one, bytes());
    row("fill, 2 threads", &mut two, bytes());
    row("read data, checksums checked, 2 threads, cached", &mut read, 8 * N_DATA as u64 * N_ROWS);
    for (name, times) in [("open", &mut open), ("status of all rows", &mut status), ("fill what is full", &mut again)] {
        times.sort_by(f64::total_cmp);
        println!("{name:<48}{:>9.2} ms", times[REPEATS / 2] * 1e3);
    }
    // Rows without data in memory, filled at the cost of scheduling alone.
    let folder = base.join("scheduling");
    let layout = Layout { values: vec![Values::new("data", &[1])], ..layout() };
    let table = Table::open_or_create(&folder, &layout, N_ROWS).expect("made");
    let (time, _) = seconds(|| fill(&table, &filling(1), &simulate).expect("filled"));
    println!("{:<48}{:>9.0} ns a row", "fill, rows of one number, 1 thread", time * 1e9 / N_ROWS as f64);
    fs::remove_dir_all(&base).expect("removed");
}
