//! What an external program costs beside its own time: this bench is its own worker, which answers without computing.
//!
//! `cargo bench --bench external`; a table on standard output. The worker's reading and writing count as overhead.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use posterity::Seed;
use posterity::simulator::external::{Kind, Settings};
use posterity::simulator::{External, Simulator};
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

/// Numbers with all their digits, as a simulation has them.
fn numbers(n_data: usize) -> Vec<f64> {
    (0..n_data).map(|i| (i as f64).sin() / 3.0).collect()
}

/// Answers every request with the same data.
fn work(n_data: usize) {
    let data: Vec<String> = numbers(n_data).iter().map(ToString::to_string).collect();
    let data = data.join(", ");
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let (mut request, mut answer) = (String::new(), Vec::new());
    output.write_all(b"{\"protocol\": 1}\n").unwrap();
    output.flush().unwrap();
    while input.read_line(&mut request).unwrap() > 0 {
        let id = request.strip_prefix("{\"id\": ").unwrap().split(',').next().unwrap();
        answer.clear();
        writeln!(answer, "{{\"id\": {id}, \"data\": [{data}]}}").unwrap();
        output.write_all(&answer).unwrap();
        output.flush().unwrap();
        request.clear();
    }
}

/// Writes an array, and is done.
fn write(path: &str) {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (10,), }";
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    writeln!(bytes, "{header:117}").unwrap();
    bytes.extend(numbers(10).iter().flat_map(|x| x.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Microseconds for one simulation: the median of some batches, and the fastest.
fn measure(kind: Kind, n_data: usize, batch: u64) -> (f64, f64) {
    let program = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let arguments: Vec<String> = match kind {
        Kind::Command => ["write", "{output}", "{seed}", "{theta.a}"].map(str::to_owned).to_vec(),
        Kind::Worker => vec!["work".into(), n_data.to_string()],
    };
    let settings = Settings {
        command: std::iter::once(program).chain(arguments).collect(),
        parameters: vec!["a".into()],
        shape: vec![n_data],
        output: None,
        array: None,
        timeout_s: 60.0,
        retries: 0,
        n_workers: Some(1),
    };
    let external = External::new(kind, settings, Path::new("")).unwrap();
    let (seed, expected, mut data) = (Seed::new(1), numbers(n_data), vec![0.0; n_data]);
    let mut run = |first: u64| {
        let start = Instant::now();
        for i in first..first + batch {
            external.simulate(&[0.3], &mut seed.stream(i), &mut data).unwrap();
            assert_eq!(data, expected);
        }
        start.elapsed().as_secs_f64() * 1e6 / batch as f64
    };
    run(0);
    let mut times: Vec<f64> = (1..22).map(|i| run(i * batch)).collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[0])
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("work") => return work(arguments[2].parse().unwrap()),
        Some("write") => return write(&arguments[2]),
        _ => {}
    }
    println!("one simulation more than the program's own time [µs]   median   fastest batch");
    for (n_data, batch) in [(10, 2000), (100, 2000), (1000, 500)] {
        let (median, fastest) = measure(Kind::Worker, n_data, batch);
        println!("  worker, {n_data:5} data                               {median:9.1} {fastest:15.1}");
    }
    let (median, fastest) = measure(Kind::Command, 10, 10);
    println!("  command,   10 data, its start and end included     {median:9.1} {fastest:15.1}");
}
