//! A worker that fails as programs do, for the tests: a straight line with noise, and faults that the seed decides.
//!
//! `flaky LOG RATE`: `LOG` gets a line for each simulation that begins and one for how it is going to end; `RATE` times
//! 5 % of the simulations end the program with exit status 3, 2 % hang, 1 % give NaN, 1 % write garbage.

use posterity::Seed;
use rand::RngExt;
use std::io::{BufRead, Write};

/// Points of the line.
const N_DATA: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (log, rate) = (&arguments[1], arguments[2].parse::<f64>()?);
    let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log)?;
    let pid = std::process::id();
    let mut out = std::io::stdout();
    writeln!(out, "{{\"protocol\": 1}}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let request: serde_json::Value = serde_json::from_str(&line?)?;
        let (id, seed) = (request["id"].as_u64().ok_or("no id")?, request["seed"].as_u64().ok_or("no seed")?);
        let [slope, intercept] = ["slope", "intercept"].map(|name| request["theta"][name].as_f64().unwrap_or(f64::NAN));
        let mut stream = Seed::new(seed).stream(0);
        let chance = 100.0 * stream.random::<f64>() / rate;
        // A line in one write, so that those of several workers do not mix.
        let mut tell = |what: &str| log.write_all(format!("{pid} {seed} {slope} {intercept} {what}\n").as_bytes());
        tell("begin")?;
        let mut data: Vec<f64> = (0..N_DATA)
            .map(|i| {
                // Twelve uniform numbers are a normal one, near enough.
                let noise = (0..12).map(|_| stream.random::<f64>()).sum::<f64>() - 6.0;
                slope * i as f64 + intercept + noise
            })
            .collect();
        // Long enough to be killed in.
        std::thread::sleep(std::time::Duration::from_millis(if rate < 0.5 { 1 } else { 20 }));
        if chance < 5.0 {
            tell("exit")?;
            writeln!(std::io::stderr(), "no memory for seed {seed}")?;
            std::process::exit(3);
        } else if chance < 7.0 {
            tell("timed_out")?;
            std::thread::sleep(std::time::Duration::from_secs(3600));
        } else if chance < 8.0 {
            tell("not_finite")?;
            data[3] = f64::NAN;
        } else if chance < 9.0 {
            tell("bad_output")?;
            writeln!(out, "Segmentation almost a fault")?;
            out.flush()?;
            continue;
        } else {
            tell("done")?;
        }
        let data: Vec<String> = data.iter().map(|x| if x.is_nan() { "NaN".into() } else { format!("{x:?}") }).collect();
        writeln!(out, "{{\"id\": {id}, \"data\": [{}]}}", data.join(", "))?;
        out.flush()?;
    }
    Ok(())
}
