//! Simulations that failed, as the page tells of them: how many, why, and where.

use super::label::{self, escape};
use super::tables::{count, significant};
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
    /// What becomes of them.
    pub consequence: Consequence,
}

/// What becomes of simulations that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consequence {
    /// They count as rejected; their parameters were drawn all over the prior.
    #[default]
    Rejected,
    /// They are left out of a set about one point, and with them all others that have their noise.
    LeftOutWithTheirNoise,
    /// They are left out of the predictions.
    LeftOut,
}

impl Consequence {
    fn text(self) -> &'static str {
        match self {
            Self::Rejected => "they count as rejected",
            Self::LeftOutWithTheirNoise => "they are left out, with all others of the same noise",
            Self::LeftOut => "they are left out: the prediction is that of parameters at which the simulation succeeds",
        }
    }
}

impl Failed {
    /// A sentence for the verdict.
    pub(super) fn sentence(&self) -> String {
        let Self { name, n_simulations, n_failed, .. } = self;
        let percent = 100.0 * *n_failed as f64 / (*n_simulations).max(1) as f64;
        let causes = self.causes.iter().map(|(cause, n)| format!("{} {cause}", count(*n))).collect::<Vec<_>>();
        format!(
            "{} of {} simulations ({percent:.2}\u{202f}%) of {name} failed ({}); {}",
            count(*n_failed),
            count(*n_simulations),
            causes.join(", "),
            self.consequence.text()
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
            let [low, high] = [low, high].map(|end| significant(end, 4));
            let text = if low == high { low } else { format!("{low} … {high}") };
            let _ = write!(body, "<td class=\"n\">{}</td>", text.replace('-', "\u{2212}"));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody>\n</table>\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(consequence: Consequence) -> Failed {
        Failed {
            name: "a set".into(),
            n_simulations: 400,
            n_failed: 3,
            causes: vec![("timed out".into(), 3)],
            theta: vec![2.1e-9, 1234.56, 2.1e-9, 0.5],
            consequence,
        }
    }

    #[test]
    fn each_consequence_has_its_sentence() {
        let said = |consequence| failed(consequence).sentence();
        let begin = "3 of 400 simulations (0.75\u{202f}%) of a set failed (3 timed out); they ";
        assert_eq!(said(Consequence::Rejected), format!("{begin}count as rejected"));
        assert_eq!(
            said(Consequence::LeftOutWithTheirNoise),
            format!("{begin}are left out, with all others of the same noise")
        );
        let prediction = "the prediction is that of parameters at which the simulation succeeds";
        assert_eq!(said(Consequence::LeftOut), format!("{begin}are left out: {prediction}"));
    }

    #[test]
    fn small_and_large_parameters_keep_their_digits() {
        let parameters = ["a", "b"].map(|name| Parameter::new(name, name));
        let page = html(&[failed(Consequence::Rejected)], &parameters);
        assert!(page.contains(">2.100e\u{2212}9<") && page.contains(">0.5000 … 1235<"), "{page}");
    }
}
