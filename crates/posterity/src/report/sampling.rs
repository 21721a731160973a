//! What the sampling cost: a table of the blocks.

use super::chains::note;
use super::extension::{Sampling, SamplingRow};
use super::label::escape;
use super::page::Tone;
use super::tables::{aligned, count, significant};
use std::fmt::Write as _;

const HEAD: [&str; 13] = [
    "block",
    "sampler",
    "metric",
    "step size",
    "gradients per trajectory",
    "acceptance",
    "divergences",
    "gradients",
    "judged by",
    "largest R-hat",
    "least bulk ESS",
    "ESS per 1000 gradients",
    "ESS per second",
];

fn short(x: f64) -> String {
    significant(x, 3)
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
    let r_hat = if row.max_r_hat.is_finite() { format!("{:.3}", row.max_r_hat) } else { "unknown".into() };
    let cells = [
        row.block.clone(),
        row.sampler.clone(),
        row.metric.clone(),
        short(row.step_size),
        steps,
        acceptance,
        count(row.divergences),
        count(row.gradient_evaluations),
        row.judged_by.clone().unwrap_or_else(|| "all of it".into()),
        r_hat,
        ess,
        per_1000,
        or_unknown(row.ess_per_second()),
    ];
    cells.map(|cell| cell.replace('-', "\u{2212}")).to_vec()
}

/// One sentence for each block that is judged by something else than its values, where R-hat asks for it; of the others
/// the table of the weights speaks.
pub(super) fn sentences(sampling: &Sampling) -> Vec<(Tone, String)> {
    let of = |row: &SamplingRow| {
        let by = row.judged_by.as_ref()?;
        note(&format!("the {} of the {}", by.replace('$', ""), row.block.replace('$', "")), row.max_r_hat)
    };
    sampling.rows.iter().filter_map(of).collect()
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
