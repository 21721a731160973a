//! What is needed to do a run again, and nothing that depends on the machine's name or place.

use super::label::escape;
use serde::{Deserialize, Serialize};

/// Version, seed, settings and timings of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program.
    pub version: String,
    /// The seed, from which with the settings everything follows.
    pub seed: u64,
    /// The analysis as it was run, as text.
    pub analysis: String,
    /// Stage and wall time in seconds, in order.
    pub timings: Vec<(String, f64)>,
    /// Further facts: name and value.
    pub facts: Vec<(String, String)>,
}

/// The manifest as HTML.
pub(super) fn html(manifest: &Manifest) -> String {
    let row = |name: &str, value: &str| format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(name), escape(value));
    let mut rows = row("posterity", &manifest.version) + &row("seed", &manifest.seed.to_string());
    rows.extend(manifest.facts.iter().map(|(name, value)| row(name, value)));
    rows.extend(manifest.timings.iter().map(|(stage, seconds)| row(&format!("time, {stage}"), &duration(*seconds))));
    let total: f64 = manifest.timings.iter().map(|t| t.1).sum();
    if manifest.timings.len() > 1 {
        rows.push_str(&row("time, in all", &duration(total)));
    }
    let analysis = if manifest.analysis.is_empty() {
        String::new()
    } else {
        format!("<h3>The analysis</h3>\n<pre>{}</pre>\n", escape(&manifest.analysis))
    };
    format!("<table class=\"plain\">\n{rows}</table>\n{analysis}")
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}
