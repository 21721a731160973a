//! Simulations that failed, as the page tells of them: how many, why, and where.

use super::label::{self, escape};
use super::tables::count;
use crate::parameter::Parameter;
use std::fmt::Write as _;

/// The failed simulations of a set or a method.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failed {
    /// What they were for ("training", "ABC").
    pub name: String,
    /// Simulations, those that failed among them.
    pub n_simulations: u64,
    /// How many failed.
    pub n_failed: u64,
    /// Causes in words, with how many each.
    pub causes: Vec<(String, u64)>,
    /// Parameters of the first of them, row after row.
    pub theta: Vec<f64>,
    /// False where all simulations were drawn about one point.
    pub is_spread: bool,
}

impl Failed {
    /// A sentence for the verdict.
    pub(super) fn sentence(&self) -> String {
        let Self { name, n_simulations, n_failed, .. } = self;
        let percent = 100.0 * *n_failed as f64 / (*n_simulations).max(1) as f64;
        let causes = self.causes.iter().map(|(cause, n)| format!("{} {cause}", count(*n))).collect::<Vec<_>>();
        let consequence = if self.is_spread {
            "they count as rejected"
        } else {
            "they are left out, with all others of the same noise"
        };
        format!(
            "{} of {} simulations ({percent:.2}\u{202f}%) of {name} failed ({}); {consequence}",
            count(*n_failed),
            count(*n_simulations),
            causes.join(", ")
        )
    }
}

/// The table: sets and methods in rows, causes and the range of each parameter in columns.
pub(super) fn html(failed: &[Failed], parameters: &[Parameter]) -> String {
    let mut body = String::from("<table>\n<thead><tr><th></th><th>simulations</th><th>failed</th><th>causes</th>");
    for parameter in parameters {
        let _ = write!(body, "<th>{}</th>", label::html(&label::latex(&parameter.latex)));
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for set in failed {
        let causes: Vec<String> = set.causes.iter().map(|(cause, n)| format!("{} {cause}", count(*n))).collect();
        let _ = write!(
            body,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>",
            escape(&set.name),
            count(set.n_simulations),
            count(set.n_failed),
            escape(&causes.join(", "))
        );
        for alpha in 0..parameters.len() {
            let values = set.theta.chunks_exact(parameters.len()).map(|theta| theta[alpha]);
            let (low, high) = super::axis::range(values);
            let text = if low == high { format!("{low:.4}") } else { format!("{low:.4} … {high:.4}") };
            let _ = write!(body, "<td class=\"n\">{}</td>", text.replace('-', "\u{2212}"));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody>\n</table>\n");
    body
}
