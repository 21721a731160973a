//! Whether the chains of the weights have converged: a table, and sentences for the verdict.

use super::extension::Traces;
use super::label;
use super::page::Tone;
use super::tables::{aligned, count};
use crate::diagnostics::{AGREED_R_HAT, MOST_R_HAT};
use std::fmt::Write as _;

/// Fewer effective samples than this do not carry an R-hat or the ends of an interval (Vehtari et al. 2021, four chains).
pub(super) const LEAST_ESS: f64 = 400.0;

/// Whether the numbers of each parameter are there.
fn is_whole(traces: &Traces) -> bool {
    let n = traces.parameters.len();
    n > 0 && [&traces.r_hat, &traces.ess_bulk, &traces.ess_tail].iter().all(|v| v.len() == n)
}

/// Indices of the parameters, those of the largest R-hat first; unknown ones before all others.
pub(super) fn worst(traces: &Traces) -> Vec<usize> {
    let badness = |p: &usize| traces.r_hat.get(*p).copied().filter(|r| r.is_finite()).unwrap_or(f64::INFINITY);
    let mut order: Vec<usize> = (0..traces.parameters.len()).collect();
    order.sort_by(|a, b| badness(b).total_cmp(&badness(a)));
    order
}

/// Where R-hat is above the limit in print, though not by much: what holds all the same; nothing elsewhere.
pub(super) fn note(of: &str, largest: f64) -> Option<(Tone, String)> {
    (AGREED_R_HAT..MOST_R_HAT).contains(&largest).then(|| {
        let text = format!(
            "R-hat of {of} is up to {largest:.3}, above the {AGREED_R_HAT} of Vehtari et al. 2021: means and widths hold, ask \
             for more draws where tails matter."
        );
        (Tone::Finding, text)
    })
}

/// Warnings where the chains are not good enough, else one sentence on what they are good for. NaN is not good enough.
pub(super) fn sentences(traces: &Traces) -> Vec<(Tone, String)> {
    if !is_whole(traces) {
        return Vec::new();
    }
    let n = traces.parameters.len();
    let plain = |p: usize| traces.parameters[p].latex.replace('$', "");
    let mut sentences = Vec::new();
    let bad = traces.r_hat.iter().filter(|r| !is_converged(**r)).count();
    let first = worst(traces)[0];
    let largest = number(traces.r_hat[first], 3);
    if bad > 0 {
        let text =
            format!("R-hat of {bad} of {n} weights is {MOST_R_HAT} or more (largest {largest}, ${}$).", plain(first));
        sentences.push((Tone::Warning, text));
    }
    let ess: Vec<f64> = traces.ess_bulk.iter().zip(&traces.ess_tail).map(|(b, t)| least(*b, *t)).collect();
    let few = ess.iter().filter(|e| !is_enough(**e)).count();
    let fewest = (0..n).min_by(|a, b| ess[*a].total_cmp(&ess[*b])).unwrap_or(0);
    let smallest = number(ess[fewest], 0);
    if few > 0 {
        let text = format!(
            "{few} of {n} weights have fewer than {LEAST_ESS:.0} effective samples in the bulk or the tails (fewest \
             {smallest}, ${}$): their intervals are rough.",
            plain(fewest)
        );
        sentences.push((Tone::Warning, text));
    }
    if bad == 0 {
        sentences.extend(note(&format!("the weights (${}$)", plain(first)), traces.r_hat[first]));
    }
    if sentences.is_empty() {
        let text = format!(
            "The chains of all {n} weights agree: the largest R-hat is {largest}, the smallest effective sample size \
             {smallest}."
        );
        sentences.push((Tone::Finding, text));
    }
    sentences
}

fn is_converged(r_hat: f64) -> bool {
    r_hat < MOST_R_HAT
}

fn is_enough(ess: f64) -> bool {
    ess >= LEAST_ESS
}

/// The smaller, and the unknown before any other: as a number below all.
fn least(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NEG_INFINITY } else { a.min(b) }
}

fn number(x: f64, decimals: usize) -> String {
    if x.is_finite() { format!("{x:.decimals$}") } else { "unknown".to_string() }
}

fn remark(traces: &Traces, p: usize) -> &'static str {
    let few = !is_enough(least(traces.ess_bulk[p], traces.ess_tail[p]));
    match (is_converged(traces.r_hat[p]), few) {
        (true, false) => "",
        (false, false) => "not converged",
        (true, true) => "few samples",
        (false, true) => "not converged, few samples",
    }
}

/// The table for the page: weights in rows, many of them in two halves beside each other.
pub(super) fn html(traces: &Traces) -> String {
    if !is_whole(traces) {
        return String::new();
    }
    let n = traces.parameters.len();
    let halves = if n > 8 { 2 } else { 1 };
    let rows = n.div_ceil(halves);
    let head = "<th></th><th>R-hat</th><th>bulk ESS</th><th>tail ESS</th><th></th>".repeat(halves);
    let mut body = format!("<table class=\"dense\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in 0..rows {
        let places = (row..n).step_by(rows).map(|p| cells(traces, p));
        let _ = writeln!(body, "<tr>{}</tr>", places.collect::<String>());
    }
    body.push_str("</tbody>\n</table>\n");
    body
}

fn cells(traces: &Traces, p: usize) -> String {
    let remark = remark(traces, p);
    let mark = if remark.is_empty() { String::new() } else { format!("<b class=\"warn\">{remark}</b>") };
    format!(
        "<th>{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{mark}</td>",
        label::html(&label::latex(&traces.parameters[p].latex)),
        number(traces.r_hat[p], 3),
        whole(traces.ess_bulk[p]),
        whole(traces.ess_tail[p])
    )
}

/// The table for a terminal.
pub(super) fn text(traces: &Traces) -> String {
    if !is_whole(traces) {
        return String::new();
    }
    let mut table = vec![["weight", "R-hat", "bulk ESS", "tail ESS", ""].map(String::from).to_vec()];
    for (p, parameter) in traces.parameters.iter().enumerate() {
        let ess = [traces.ess_bulk[p], traces.ess_tail[p]].map(|e| number(e, 0));
        let [bulk, tail] = ess;
        table.push(vec![parameter.name.clone(), number(traces.r_hat[p], 3), bulk, tail, remark(traces, p).into()]);
    }
    aligned(&table)
}

fn whole(ess: f64) -> String {
    if ess.is_finite() && ess >= 0.0 { count(ess.round() as u64) } else { "unknown".to_string() }
}
