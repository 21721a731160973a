//! The page: one HTML file with inline style and figures, made to be read on a screen and from the back of a room.

use super::extension::Extension;
use super::label::{self, Span, escape};
use super::{Report, bias, chains, compare, failed, fields, joint, manifest, references, sampling, tables};
use crate::parameter::Parameter;
use std::fmt::Write as _;

/// What kind of sentence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Warning,
    Finding,
}

/// Fewer effective draws than this do not carry a 95 % interval.
const FEW_DRAWS: f64 = 200.0;

/// Warnings first, then where the methods differ from the last one; labels with formulas where a parameter is named.
pub(super) fn verdict(report: &Report) -> Vec<(Tone, Vec<Span>)> {
    let mut sentences: Vec<_> = report.warnings.iter().map(|w| (Tone::Warning, label::words(&sentence(w)))).collect();
    sentences.extend(report.failed.iter().map(|f| (Tone::Warning, label::words(&sentence(&f.sentence())))));
    let found = report.extension.as_ref().map_or(Vec::new(), found);
    sentences.extend(found.iter().filter(|(tone, _)| *tone == Tone::Warning).cloned());
    for method in report.methods.iter().filter(|m| m.samples.ess() < FEW_DRAWS) {
        let (name, ess) = (&method.name, method.samples.ess());
        let text = format!("{name} has {ess:.0} effective draws only: its intervals are rough; ask for more.");
        sentences.push((Tone::Warning, label::words(&sentence(&text))));
    }
    if let Some((trusted, others)) = report.methods.split_last() {
        // A dollar in a name would begin a formula.
        let plain = |name: &str| name.replace('$', "");
        for method in others {
            let (a, b) = (plain(&method.name), plain(&trusted.name));
            let name = |p: &Parameter| format!("${}$", plain(&p.latex));
            let words = compare::sentences((&a, &method.samples), (&b, &trusted.samples), name);
            let bent = joint::sentences((&a, &method.samples), (&b, &trusted.samples), name);
            let words = words.into_iter().chain(bent).map(|w| (Tone::Finding, label::mixed(&label::nbsp(&w))));
            sentences.extend(words);
        }
    }
    sentences.extend(found.into_iter().filter(|(tone, _)| *tone == Tone::Finding));
    sentences
}

/// What a run of model extension has to say.
fn found(extension: &Extension) -> Vec<(Tone, Vec<Span>)> {
    let mut found: Vec<(Tone, String)> = extension.traces.as_ref().map_or(Vec::new(), chains::sentences);
    found.extend(extension.sampling.iter().flat_map(sampling::sentences));
    found.extend(extension.bias_comparison.iter().flat_map(bias::sentences));
    found.extend(fields::sentences(extension));
    found.into_iter().map(|(tone, text)| (tone, label::mixed(&label::nbsp(&sentence(&text))))).collect()
}

const STYLE: &str = "
:root { color-scheme: light; }
body { margin: 0; background: #ffffff; color: #222222;
  font: 18px/1.55 Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 36px; line-height: 1.2; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 8px; }
h2 { font-size: 26px; font-weight: 650; margin: 56px 0 14px; }
h3 { font-size: 19px; font-weight: 650; margin: 28px 0 8px; }
.headline { font-size: 22px; margin: 4px 0 20px; color: #333333; }
.headline span.v { white-space: nowrap; margin-right: 1.6em; }
.f { font-family: 'STIX Two Text', Cambria, 'Times New Roman', 'Liberation Serif', serif; font-size: 1.08em; }
sub, sup { font-size: 0.72em; line-height: 0; }
ul.verdict { list-style: none; margin: 0; padding: 0; }
ul.verdict li { padding: 9px 16px; margin: 8px 0; border-left: 5px solid #0072B2; background: #f1f6fa; }
ul.verdict li.warning { border-color: #D55E00; background: #fdf3ec; }
ul.verdict li.warning b { color: #a84900; }
table { border-collapse: collapse; margin: 12px 0 28px; width: 100%; }
th, td { text-align: left; padding: 6px 14px 6px 0; vertical-align: top; }
thead th { font-weight: 600; color: #555555; font-size: 16px; border-bottom: 2px solid #222222; }
tbody th { font-size: 21px; font-weight: 400; }
tr.first > * { border-top: 1px solid #cccccc; }
table { border-bottom: 1px solid #cccccc; }
thead .f { font-weight: 400; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
table.plain { width: auto; border: 0; }
table.plain th { font-size: 17px; color: #555555; padding-right: 28px; border: 0; }
table.plain td { border: 0 !important; }
figure { margin: 12px 0 0; }
figure svg { display: block; max-width: 100%; height: auto; }
figcaption { font-size: 17px; color: #444444; margin-top: 10px; }
pre { font: 15px/1.45 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; background: #f6f6f6;
  padding: 16px 18px; overflow-x: auto; }
ul.references { padding-left: 1.2em; }
ul.references li { margin: 6px 0; }
a { color: #0072B2; }
@media print { h2 { break-after: avoid; } figure, ul.verdict li { break-inside: avoid; } }
";

/// What the tables of model extension need besides.
const EXTENSION_STYLE: &str = "
b.warn { color: #a84900; }
p.note { font-size: 17px; color: #444444; margin-top: -16px; }
table.dense { font-size: 16px; }
table.dense thead th { font-size: 15px; vertical-align: bottom; }
table.dense th, table.dense td { padding: 4px 12px 4px 0; }
table.dense tbody th { font-size: 19px; }
table.dense tbody tr > * { border-top: 1px solid #eeeeee; }
";

/// The whole page.
pub(super) fn html(report: &Report) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(&report.title));
    if let Some(trusted) = report.methods.last() {
        let s = &trusted.samples;
        let values = s.parameters.iter().zip(s.mean().into_iter().zip(s.sd())).map(|(p, (mean, sd))| {
            let name = label::html(&label::latex(&p.latex));
            format!("<span class=\"v\">{name} = {}</span> ", tables::with_error(mean, sd))
        });
        let _ = writeln!(
            body,
            "<p class=\"headline\">{}<br/>by {}, mean and standard deviation.</p>",
            values.collect::<String>(),
            escape(&trusted.name)
        );
    }
    let sentences = verdict(report);
    if !sentences.is_empty() {
        body.push_str("<h2>Verdict</h2>\n<ul class=\"verdict\">\n");
        for (tone, sentence) in &sentences {
            let sentence = label::html(sentence);
            let _ = match tone {
                Tone::Warning => writeln!(body, "<li class=\"warning\"><b>Warning.</b> {sentence}</li>"),
                Tone::Finding => writeln!(body, "<li>{sentence}</li>"),
            };
        }
        body.push_str("</ul>\n");
    }
    if !report.methods.is_empty() {
        body.push_str("<h2>Results</h2>\n");
        body.push_str(&tables::results_html(&report.methods));
        body.push_str(&tables::methods_html(&report.methods));
    }
    let comparison = report.extension.as_ref().and_then(|e| e.bias_comparison.as_ref());
    section(&mut body, "Bias models", comparison.map(bias::html));
    if !report.failed.is_empty() {
        body.push_str("<h2>Simulations that failed</h2>\n");
        body.push_str(&failed::html(&report.failed, report.parameters()));
    }
    for figure in report.figures() {
        let _ = write!(
            body,
            "<h2>{}</h2>\n<figure id=\"{}\">\n{}<figcaption>{}</figcaption>\n</figure>\n",
            escape(figure.title),
            figure.name,
            figure.svg,
            escape(&figure.caption)
        );
    }
    if let Some(extension) = &report.extension {
        section(&mut body, "Convergence of the weights", extension.traces.as_ref().map(chains::html));
        section(&mut body, "Sampling", extension.sampling.as_ref().map(sampling::html));
    }
    body.push_str("<h2>Manifest</h2>\n");
    body.push_str(&manifest::html(&report.manifest));
    if !report.references.is_empty() {
        body.push_str("<h2>References of what ran</h2>\n");
        body.push_str(&references::html(&report.references));
    }
    let more = if report.extension.is_some() { EXTENSION_STYLE } else { "" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{}</title>\n\
         <style>{STYLE}{more}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(&report.title)
    )
}

/// A heading and a table, if there is one.
fn section(body: &mut String, title: &str, table: Option<String>) {
    if let Some(table) = table.filter(|table| !table.is_empty()) {
        let _ = write!(body, "<h2>{title}</h2>\n{table}");
    }
}

/// Verdict and results for a terminal.
pub(super) fn text(report: &Report) -> String {
    let mut out = format!("{}\n\n", report.title);
    for (tone, sentence) in verdict(report) {
        let mark = if tone == Tone::Warning { "Warning: " } else { "" };
        let _ = writeln!(out, "{mark}{}", label::text(&sentence));
    }
    if !report.methods.is_empty() {
        out.push('\n');
        out.push_str(&tables::results_text(&report.methods));
    }
    if let Some(extension) = &report.extension {
        let tables = [
            extension.bias_comparison.as_ref().map(bias::text),
            extension.traces.as_ref().map(chains::text),
            extension.sampling.as_ref().map(sampling::text),
        ];
        for table in tables.into_iter().flatten().filter(|table| !table.is_empty()) {
            out.push('\n');
            out.push_str(&table);
        }
    }
    out
}

/// With a capital first letter and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    let rest = text.chars().next().map_or("", |first| &text[first.len_utf8()..]);
    let first: String = text.chars().take(1).flat_map(char::to_uppercase).collect();
    format!("{first}{rest}{stop}")
}
