//! What the sampling cost: a table of the blocks.

use super::extension::{Sampling, SamplingRow};
use super::label::escape;
use super::tables::{aligned, count};
use std::fmt::Write as _;

const HEAD: [&str; 11] = [
    "block",
    "sampler",
    "metric",
    "step size",
    "gradients per trajectory",
    "acceptance",
    "divergences",
    "gradients",
    "least bulk ESS",
    "ESS per 1000 gradients",
    "ESS per second",
];

/// Three significant digits, without a power of ten where it is not needed.
fn short(x: f64) -> String {
    if !x.is_finite() {
        return "unknown".to_string();
    }
    if x == 0.0 {
        return "0".to_string();
    }
    let exponent = x.abs().log10().floor() as i32;
    if (-4..5).contains(&exponent) { format!("{:.*}", (2 - exponent).max(0) as usize, x) } else { format!("{x:.2e}") }
}

fn cells(row: &SamplingRow) -> Vec<String> {
    let or_unknown = |x: Option<f64>| x.map_or("unknown".to_string(), short);
    let per_1000 = or_unknown(row.ess_per_gradient().map(|e| 1000.0 * e));
    let acceptance = if row.acceptance.is_finite() { format!("{:.2}", row.acceptance) } else { "unknown".to_string() };
    let steps = if row.gradients_per_trajectory.is_finite() {
        format!("{:.1}", row.gradients_per_trajectory)
    } else {
        "unknown".into()
    };
    let ess = if row.min_ess_bulk.is_finite() { format!("{:.0}", row.min_ess_bulk) } else { "unknown".into() };
    let cells = [
        row.block.clone(),
        row.sampler.clone(),
        row.metric.clone(),
        short(row.step_size),
        steps,
        acceptance,
        count(row.divergences),
        count(row.gradient_evaluations),
        ess,
        per_1000,
        or_unknown(row.ess_per_second()),
    ];
    cells.map(|cell| cell.replace('-', "\u{2212}")).to_vec()
}

/// The table for the page: blocks in columns, since what is said of each is long.
pub(super) fn html(sampling: &Sampling) -> String {
    if sampling.rows.is_empty() {
        return String::new();
    }
    let columns: Vec<Vec<String>> = sampling.rows.iter().map(cells).collect();
    let line = |i: usize| columns.iter().map(|c| format!("<td class=\"n\">{}</td>", escape(&c[i]))).collect::<String>();
    let blocks: String = columns.iter().map(|c| format!("<th>{}</th>", escape(&c[0]))).collect();
    let mut body = format!("<table class=\"dense\">\n<thead><tr><th></th>{blocks}</tr></thead>\n<tbody>\n");
    for (i, name) in HEAD.iter().enumerate().skip(1) {
        let _ = writeln!(body, "<tr><td>{name}</td>{}</tr>", line(i));
    }
    body.push_str("</tbody>\n</table>\n");
    body
}

/// The table for a terminal, blocks in columns.
pub(super) fn text(sampling: &Sampling) -> String {
    if sampling.rows.is_empty() {
        return String::new();
    }
    let columns: Vec<Vec<String>> = sampling.rows.iter().map(cells).collect();
    let line = |(i, name): (usize, &&str)| {
        [name.to_string()].into_iter().chain(columns.iter().map(|c| c[i].clone())).collect::<Vec<_>>()
    };
    aligned(&HEAD.iter().enumerate().map(line).collect::<Vec<_>>())
}
