//! `results.json`: what a run found, for scripts. Its form is stable: keys are added, not renamed.
//!
//! | key | content |
//! |---|---|
//! | `version`, `seed`, `title`, `analysis` | program version; seed; title; the analysis with its overrides, as JSON |
//! | `parameters` | name and LaTeX label of each parameter of interest |
//! | `observed`, `theta_hat` | the observed data; their quasi maximum likelihood estimate, by name |
//! | `fisher.{train,held_out,independent}` | `{matrix, ln_det, n_s, n_d}`; `independent` is null without independent simulations |
//! | `fisher.{combined,compressed}` | the other estimates of Coulton & Wandelt 2023, of the set that inference uses; null with as many summaries as parameters, where there are none |
//! | `fisher.outlook` | how well `ln_det` is known, what more simulations would give; see [`Outlook`] |
//! | `fisher.score` | `{matrix, ln_det, n_s, n_d}` of the score alone, where a network's summaries are added to one |
//! | `fisher.exact` | `{matrix, ln_det}` of the data, where the simulator knows it |
//! | `training` | `{n_iterations, best_iteration}` of a network |
//! | `methods.<gaussian, abc, pmc>.parameters.<name>` | `{mean, sd, q025, q16, q50, q84, q975}` |
//! | `methods.<m>` | `n_simulations`, `n_samples`, `ess`, `epsilon` (null for the Gaussian approximation), `time_s`, for pmc `stop` and `rounds` |
//! | `failures.<set or method>` | `n_simulations`, `n_failed`, `causes.<cause>`, `theta.<name>`: `{min, median, max}` of those that failed, `first`: the first hundred |
//! | `timings_s.<stage>` | wall time of `simulate`, `compress`, `infer`, `report` |
//! | `warnings` | what the user should know before trusting the result |

use super::Analysis;
use super::results_file::{self, but_title};
use crate::compressor::{Fisher, Knowledge, Outlook};
use crate::error::Result;
use crate::failure::{Cause, Failures, Record};
use crate::lfi::pmc;
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::samples::Samples;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The content of `results.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of the program.
    pub version: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// Title of the analysis.
    pub title: String,
    /// The analysis with its overrides.
    pub analysis: serde_json::Value,
    /// Parameters of interest.
    pub parameters: Vec<Parameter>,
    /// The observed data.
    pub observed: Vec<f64>,
    /// Their estimate, by parameter.
    pub theta_hat: Option<BTreeMap<String, f64>>,
    /// Fisher information of the summaries.
    pub fisher: Option<FisherResults>,
    /// Training of a network.
    pub training: Option<TrainingResults>,
    /// What each method found.
    pub methods: BTreeMap<String, MethodResults>,
    /// Simulations that failed: of the sets `train`, `held_out` and `independent`, of the compressor's others
    /// (`compress`), of the methods.
    #[serde(default)]
    pub failures: BTreeMap<String, FailureResults>,
    /// Wall time of each stage in seconds.
    pub timings_s: BTreeMap<String, f64>,
    /// Warnings of the compression, then of inference.
    pub warnings: Vec<String>,
}

/// Fisher information of the summaries, on different simulations and by different estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FisherResults {
    /// On the training simulations.
    pub train: Fisher,
    /// On held-out simulations.
    pub held_out: Fisher,
    /// On independent simulations.
    pub independent: Option<Fisher>,
    /// Geometric mean of standard and compressed estimate; absent with as many summaries as parameters.
    pub combined: Option<Fisher>,
    /// Compressed estimate.
    pub compressed: Option<Fisher>,
    /// How well they are known, and what more simulations would give.
    #[serde(default)]
    pub outlook: Option<Outlook>,
    /// Of the score alone, where a network's summaries are added to one.
    #[serde(default)]
    pub score: Option<Fisher>,
    /// Of the data themselves, where the simulator knows it.
    #[serde(default)]
    pub exact: Option<ExactFisher>,
}

impl FisherResults {
    fn of(knowledge: &Knowledge, exact: Option<ExactFisher>) -> Self {
        Self {
            train: knowledge.train.clone(),
            held_out: knowledge.held_out.clone(),
            independent: knowledge.independent.clone(),
            combined: knowledge.information.combined.clone(),
            compressed: knowledge.information.compressed.clone(),
            outlook: knowledge.outlook.clone(),
            score: knowledge.score.clone(),
            exact,
        }
    }
}

/// The Fisher information of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExactFisher {
    /// F, `(n_params, n_params)`.
    pub matrix: Matrix,
    /// ln det F.
    pub ln_det: f64,
}

impl ExactFisher {
    /// At the fiducial point of an analysis; none where it is not known, or the formula fails there.
    pub(super) fn of(analysis: &Analysis) -> Option<Self> {
        let matrix = analysis.simulator().exact_fisher(&analysis.fiducial).ok()??;
        let ln_det = matrix.cholesky().ok()?.ln_det();
        Some(Self { matrix, ln_det })
    }
}

/// Length of a network's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingResults {
    /// Iterations done.
    pub n_iterations: usize,
    /// The one whose weights were kept.
    pub best_iteration: usize,
}

impl TrainingResults {
    /// Nothing where no network was trained.
    fn of(knowledge: &Knowledge) -> Option<Self> {
        let (last, best) = knowledge.history.last().zip(knowledge.best())?;
        Some(Self { n_iterations: last.iteration, best_iteration: knowledge.history[best].iteration })
    }
}

/// What one method found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodResults {
    /// Marginal posterior of each parameter.
    pub parameters: BTreeMap<String, Summary>,
    /// Simulations run.
    pub n_simulations: u64,
    /// Draws kept.
    pub n_samples: usize,
    /// Effective number of draws for their weights.
    pub ess: f64,
    /// Largest distance accepted.
    pub epsilon: Option<f64>,
    /// Wall time in seconds.
    pub time_s: f64,
    /// Why the rounds of population Monte Carlo ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop: Option<pmc::Stop>,
    /// The rounds of population Monte Carlo.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rounds: Vec<pmc::Round>,
}

/// Simulations that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureResults {
    /// Simulations, those that failed among them.
    pub n_simulations: u64,
    /// How many failed.
    pub n_failed: u64,
    /// How many for each cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Where they lie, by parameter; of the first thousand.
    pub theta: BTreeMap<String, Extent>,
    /// The first hundred.
    pub first: Vec<Record>,
}

/// Where some values lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// The smallest.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

/// Failed simulations that the results have in full.
const FIRST: usize = 100;

/// Moments and quantiles of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// 2.5 % quantile.
    pub q025: f64,
    /// 16 % quantile.
    pub q16: f64,
    /// Median.
    pub q50: f64,
    /// 84 % quantile.
    pub q84: f64,
    /// 97.5 % quantile.
    pub q975: f64,
}

impl MethodResults {
    /// Of draws that took so many seconds.
    pub(super) fn new(samples: &Samples, time_s: f64) -> Self {
        let (mean, sd) = (samples.mean(), samples.sd());
        let summary = |i: usize| {
            let q = samples.quantiles(i, &[0.025, 0.16, 0.5, 0.84, 0.975]);
            Summary { mean: mean[i], sd: sd[i], q025: q[0], q16: q[1], q50: q[2], q84: q[3], q975: q[4] }
        };
        let names = samples.parameters.iter().enumerate();
        Self {
            parameters: names.map(|(i, parameter)| (parameter.name.clone(), summary(i))).collect(),
            n_simulations: samples.n_simulations,
            n_samples: samples.n_samples(),
            ess: samples.ess(),
            epsilon: samples.epsilon,
            time_s,
            stop: None,
            rounds: Vec::new(),
        }
    }
}

impl Results {
    /// Those in the folder, where they are of this very analysis; else new ones.
    ///
    /// # Errors
    /// Io; corrupt file, if it is none that this program wrote.
    pub(super) fn open(analysis: &Analysis, folder: &Path) -> Result<Self> {
        let new = Self {
            version: env!("CARGO_PKG_VERSION").into(),
            seed: analysis.seed,
            title: analysis.title.clone(),
            analysis: analysis.settings.clone(),
            parameters: analysis.prior.parameters.clone(),
            observed: analysis.observed.clone(),
            theta_hat: None,
            fisher: None,
            training: None,
            methods: BTreeMap::new(),
            failures: BTreeMap::new(),
            timings_s: BTreeMap::new(),
            warnings: Vec::new(),
        };
        if !folder.join(results_file::FILE).is_file() {
            return Ok(new);
        }
        let old = Self::read(folder)?;
        let same = (&old.version, old.seed, but_title(&old.analysis), &old.observed)
            == (&new.version, new.seed, but_title(&new.analysis), &new.observed);
        Ok(if same { Self { title: new.title, analysis: new.analysis, ..old } } else { new })
    }

    /// Reads the results of a folder.
    ///
    /// # Errors
    /// Io; corrupt file, if it is none that this program wrote.
    pub fn read(folder: &Path) -> Result<Self> {
        results_file::read(folder)
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// Io.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        results_file::write(self, folder)
    }

    /// Enters the failures among so many simulations of a set or method; none leave no trace.
    pub(super) fn set_failures(&mut self, of: &str, n_simulations: u64, failures: &Failures) {
        self.failures.remove(of);
        if failures.n() == 0 {
            return;
        }
        let extent = |i: usize| {
            let mut values: Vec<f64> = failures.first.iter().map(|record| record.theta[i]).collect();
            values.sort_by(f64::total_cmp);
            Extent { min: values[0], median: values[values.len() / 2], max: values[values.len() - 1] }
        };
        let names = self.parameters.iter().enumerate();
        let found = FailureResults {
            n_simulations,
            n_failed: failures.n(),
            causes: failures.counts.clone(),
            theta: names.map(|(i, parameter)| (parameter.name.clone(), extent(i))).collect(),
            first: failures.first.iter().take(FIRST).cloned().collect(),
        };
        self.failures.insert(of.into(), found);
    }

    /// As [`Results::set_knowledge`], unless it is what is known already: then what was inferred stays.
    pub(super) fn keep_knowledge(&mut self, knowledge: &Knowledge, exact: Option<ExactFisher>) {
        let is_there = self.fisher.as_ref() == Some(&FisherResults::of(knowledge, exact.clone()))
            && self.training == TrainingResults::of(knowledge);
        if !is_there {
            self.set_knowledge(knowledge, exact);
        }
    }

    /// Takes in what was learnt about the summaries; what was inferred with earlier ones no longer holds.
    pub(super) fn set_knowledge(&mut self, knowledge: &Knowledge, exact: Option<ExactFisher>) {
        self.fisher = Some(FisherResults::of(knowledge, exact));
        self.training = TrainingResults::of(knowledge);
        self.warnings.clone_from(&knowledge.warnings);
        self.set_failures("compress", knowledge.n_simulations, &knowledge.failures);
        self.methods.clear();
        ["abc", "pmc", "predictive"].iter().for_each(|of| {
            self.failures.remove(*of);
        });
        self.theta_hat = None;
    }
}
