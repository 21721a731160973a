//! Any text as an analysis with overrides: read, or refused with a text; nothing is written, nothing is run.
//!
//! Lines that begin with `--set ` are overrides, the others the analysis. The files it may name lie in the folder of the
//! environment variable `POSTERITY_FUZZ_DATA` (examples/stored, say); without it there are none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posterity::analysis::Analysis;
use std::path::Path;
use std::sync::LazyLock;

static FOLDER: LazyLock<String> =
    LazyLock::new(|| std::env::var("POSTERITY_FUZZ_DATA").unwrap_or_else(|_| "none".into()));

fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (overrides, lines): (Vec<&str>, Vec<&str>) = input.lines().partition(|line| line.starts_with("--set "));
    let overrides: Vec<String> = overrides.iter().map(|line| line[6..].to_owned()).collect();
    match Analysis::from_text(&Path::new(&*FOLDER).join("analysis.toml"), &lines.join("\n"), &overrides) {
        Ok(analysis) => assert!(!analysis.describe().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
