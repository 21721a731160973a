//! Fisher information as a report shows it: the errors that one set of summaries after another would leave.

use super::tables::percent;
use crate::parameter::Parameter;
use serde::{Deserialize, Serialize};

/// Information of several sets of summaries about one point, the poorest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Information {
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The point.
    pub theta: Vec<f64>,
    /// What is known about the parameters from each set of summaries.
    pub known: Vec<Known>,
    /// True if the last entry is that of the data themselves, which no summaries exceed.
    pub has_exact: bool,
}

/// What some summaries, or the data, know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Whose it is ("score of the power spectrum").
    pub name: String,
    /// F, row after row.
    pub fisher: Vec<f64>,
    /// F⁻¹, row after row.
    pub covariance: Vec<f64>,
    /// ln det F.
    pub ln_det: f64,
}

impl Information {
    /// True if all is finite and of the right length, and all variances are positive.
    pub(super) fn is_whole(&self) -> bool {
        let n = self.parameters.len();
        let fits = |known: &Known| {
            let mut values = known.fisher.iter().chain(&known.covariance).chain([&known.ln_det]);
            known.fisher.len() == n * n
                && known.covariance.len() == n * n
                && values.all(|x| x.is_finite())
                && (0..n).map(|i| i * (n + 1)).all(|at| known.covariance[at] > 0.0 && known.fisher[at] > 0.0)
        };
        n > 0 && self.theta.len() == n && self.theta.iter().all(|x| x.is_finite()) && self.known.iter().all(fits)
    }

    /// Of the information of the data, where it is known, the fraction that each set of summaries has: of that about each
    /// parameter with the others known, then of (det F)^½.
    pub(super) fn shares(&self) -> Vec<Vec<f64>> {
        let Some((exact, others)) = self.known.split_last().filter(|_| self.has_exact) else { return Vec::new() };
        let diagonal = (0..self.parameters.len()).map(|i| i * (self.parameters.len() + 1));
        let of = |known: &Known| {
            let each = diagonal.clone().map(|at| known.fisher[at] / exact.fisher[at]);
            each.chain([(0.5 * (known.ln_det - exact.ln_det)).exp()]).collect()
        };
        others.iter().map(of).collect()
    }

    /// These fractions in words, one sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let sentence = |(known, shares): (&Known, Vec<f64>)| {
            let shares: Vec<String> = shares.into_iter().map(percent).collect();
            let (volume, each) = shares.split_last()?;
            let each = self
                .parameters
                .iter()
                .zip(each)
                .map(|(p, share)| format!("{share} of the information about {}", p.name));
            let each: Vec<String> = each.collect();
            Some(format!("The {} has {volume} of the exact √det F, {}.", known.name, each.join(", ")))
        };
        self.known.iter().zip(self.shares()).filter_map(sentence).collect()
    }
}
