//! The comparison of bias models: which explains held-out halos best, as a table and in one sentence each.

use super::extension::{BiasComparison, BiasRow};
use super::label::escape;
use super::page::Tone;
use super::tables::{aligned, count};
use std::fmt::Write as _;

/// Best held-out first; those that are not numbers last.
fn sorted(comparison: &BiasComparison) -> Vec<&BiasRow> {
    let mut rows: Vec<&BiasRow> = comparison.rows.iter().collect();
    let value = |row: &BiasRow| if row.held_out_per_halo.is_nan() { f64::NEG_INFINITY } else { row.held_out_per_halo };
    rows.sort_by(|a, b| value(b).total_cmp(&value(a)));
    rows
}

/// The row that differences are taken from.
fn reference(comparison: &BiasComparison) -> Option<&BiasRow> {
    match comparison.reference {
        Some(i) => comparison.rows.get(i),
        None => sorted(comparison).into_iter().find(|row| !row.is_engine && row.held_out_per_halo.is_finite()),
    }
}

/// For the best engine, one sentence on the classical models that it is better than and one on the others.
pub(super) fn sentences(comparison: &BiasComparison) -> Vec<(Tone, String)> {
    let rows = sorted(comparison);
    let Some(engine) = rows.iter().find(|row| row.is_engine) else { return Vec::new() };
    let classical = || rows.iter().filter(|row| !row.is_engine);
    let name = |row: &BiasRow| row.name.replace('$', "");
    let difference = |row: &BiasRow| engine.held_out_per_halo - row.held_out_per_halo;
    let folds = |row: &BiasRow| {
        let n = engine.folds.len().min(row.folds.len());
        (engine.folds.iter().zip(&row.folds).filter(|(a, b)| a > b).count(), n)
    };
    let better = |row: &&&BiasRow| {
        let folds = match folds(row) {
            (_, 0) => String::new(),
            (won, n) if won == n => " (in all folds)".into(),
            (won, n) => format!(" (in {won} of {n} folds)"),
        };
        format!("by {} per halo than {}{folds}", signed(difference(row)).trim_start_matches('+'), name(row))
    };
    let worse = |row: &&&BiasRow| {
        let folds = match folds(row) {
            (0, _) => String::new(),
            (won, n) => format!(", better in {won} of {n} folds"),
        };
        format!("{} (by {} per halo{folds})", name(row), signed(difference(row)))
    };
    let mut sentences = Vec::new();
    let better_than: Vec<String> = classical().filter(|row| difference(row) > 0.0).map(|row| better(&row)).collect();
    let not_better_than: Vec<String> =
        classical().filter(|row| difference(row) <= 0.0).map(|row| worse(&row)).collect();
    let unknown = classical().filter(|row| difference(row).is_nan()).count();
    let n_engines = rows.iter().filter(|row| row.is_engine).count();
    let best = if n_engines > 1 { format!(", the best of {n_engines} engines") } else { String::new() };
    let ours = format!("{} ({} weights{best})", name(engine), engine.n_weights);
    if !not_better_than.is_empty() {
        let text = format!(
            "{ours} is not better in held-out log likelihood than {}; one with a larger kernel, more multipoles or more \
             components may be.",
            not_better_than.join(", ")
        );
        sentences.push((Tone::Warning, text));
    }
    if unknown > 0 {
        let text =
            format!("the held-out log likelihood of {ours} or of {unknown} of the other bias models is not known.");
        sentences.push((Tone::Warning, text));
    }
    if !better_than.is_empty() {
        let text = format!("{ours} is better in held-out log likelihood: {}.", better_than.join(", "));
        sentences.push((Tone::Finding, text));
    }
    sentences
}

fn signed(x: f64) -> String {
    if x.is_nan() {
        return "unknown".to_string();
    }
    let text = format!("{x:+.4}").replace('-', "\u{2212}");
    if text.chars().all(|c| "\u{2212}+0.".contains(c)) { "0.0000".to_string() } else { text }
}

fn value(x: f64) -> String {
    if x.is_finite() { format!("{x:.4}").replace('-', "\u{2212}") } else { "unknown".to_string() }
}

/// Name, weights, held out, difference, that times the number of halos, each fold, in sample.
fn cells(comparison: &BiasComparison, row: &BiasRow) -> Vec<String> {
    let base = reference(comparison).map_or(f64::NAN, |r| r.held_out_per_halo);
    let difference = row.held_out_per_halo - base;
    let all = difference * comparison.n_halos as f64;
    let all = if all.is_finite() { format!("{all:+.0}").replace('-', "\u{2212}") } else { "unknown".to_string() };
    let is_reference = reference(comparison).is_some_and(|r| std::ptr::eq(r, row));
    let (difference, all) = if is_reference { ("–".into(), "–".into()) } else { (signed(difference), all) };
    let folds: Vec<String> = row.folds.iter().map(|f| value(*f)).collect();
    let weights = row.n_weights.to_string();
    let mut cells = vec![row.name.clone(), weights, value(row.held_out_per_halo), difference, all];
    cells.extend([folds.join(", "), value(row.in_sample)]);
    cells
}

fn head(comparison: &BiasComparison) -> [String; 7] {
    let than = reference(comparison).map_or("the reference", |row| row.name.as_str());
    ["model", "weights", "held out", &format!("against {than}"), "× halos", "each fold", "in sample"].map(String::from)
}

/// The table for the page.
pub(super) fn html(comparison: &BiasComparison) -> String {
    if comparison.rows.is_empty() {
        return String::new();
    }
    let head: String = head(comparison).iter().map(|h| format!("<th>{}</th>", escape(h))).collect();
    let mut body = format!("<table class=\"dense\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in sorted(comparison) {
        let mut cells = cells(comparison, row).into_iter();
        let name = escape(&cells.next().unwrap_or_default());
        let name = if row.is_engine { format!("<b>{name}</b>") } else { name };
        let numbers: String = cells.map(|c| format!("<td class=\"n\">{}</td>", escape(&c))).collect();
        let _ = writeln!(body, "<tr><td>{name}</td>{numbers}</tr>");
    }
    let _ = write!(
        body,
        "</tbody>\n</table>\n<p class=\"note\">Log likelihood per halo, of {} halos in all: fitted to one part of the box, \
         held out on the other, mean over the folds. The first difference is per halo, the second that of the whole \
         catalogue.</p>\n",
        count(comparison.n_halos)
    );
    body
}

/// The table for a terminal.
pub(super) fn text(comparison: &BiasComparison) -> String {
    if comparison.rows.is_empty() {
        return String::new();
    }
    let mut table = vec![head(comparison).to_vec()];
    table.extend(sorted(comparison).into_iter().map(|row| cells(comparison, row)));
    aligned(&table)
}
