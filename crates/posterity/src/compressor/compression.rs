//! A compressor with all that was learnt about its summaries: what inference starts from, saved and loaded whole.

use super::constant::refuse_insensitive;
use super::imnn::{self, Evaluation, Training};
use super::run::Run;
use super::{Compressor, Fisher, Imnn, Independent, Information, Outlook, QuasiMle, Score, SummaryMoments};
use crate::digest;
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::nn::{Metadata, read_metadata, take_metadata};
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::simulator::SimulationSet;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Key of the metadata that holds what a file says beside the compressor.
const METADATA: &str = "knowledge";
/// Key of the metadata that holds what it was learnt for.
const LEARNT_FOR: &str = "learnt_for";

/// A compressor that was learnt from simulations.
#[derive(Clone, Debug, PartialEq)]
pub enum Trained {
    /// The linear baseline.
    Score(Score),
    /// A network.
    Imnn(Imnn),
}

impl Trained {
    /// Summaries `(n_s, n_summaries)` of a set and their derivatives `(n_d, n_params, n_summaries)`.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn summarise(&self, set: &SimulationSet) -> Result<(Vec<f64>, Vec<f64>)> {
        match self {
            Self::Score(score) => score.summarise(set),
            Self::Imnn(imnn) => imnn.summarise(set),
        }
    }

    /// Number of summaries of the score that a network's come after.
    fn n_added_to(&self) -> usize {
        match self {
            Self::Score(_) => 0,
            Self::Imnn(imnn) => imnn.n_summaries() - imnn.network().n_out(),
        }
    }

    fn as_compressor(&self) -> &dyn Compressor {
        match self {
            Self::Score(score) => score,
            Self::Imnn(imnn) => imnn,
        }
    }
}

impl Compressor for Trained {
    fn n_data(&self) -> usize {
        self.as_compressor().n_data()
    }

    fn n_summaries(&self) -> usize {
        self.as_compressor().n_summaries()
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        self.as_compressor().compress(data, summaries);
    }

    fn references(&self) -> Vec<Reference> {
        self.as_compressor().references()
    }
}

/// How to learn a compressor.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub enum Settings {
    /// The linear baseline.
    Score(super::score::Settings),
    /// A network.
    Imnn(imnn::Settings),
}

/// A compressor, the moments of its summaries, and how far to trust them.
#[derive(Clone, Debug, PartialEq)]
pub struct Compression {
    /// The function from data to summaries.
    pub compressor: Trained,
    /// What was learnt about it.
    pub knowledge: Knowledge,
}

/// What was learnt about a compressor's summaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    /// The parameters that the summaries inform.
    pub parameters: Vec<Parameter>,
    /// Estimates of the parameters from summaries.
    pub quasi_mle: QuasiMle,
    /// On the training simulations: an optimist.
    pub train: Fisher,
    /// On the held-out simulations that chose the weights.
    pub held_out: Fisher,
    /// On simulations that nothing was chosen by; absent where there is no simulator to make them.
    pub independent: Option<Fisher>,
    /// Of the score alone, where a network's summaries are added to one; on the simulations of `information`.
    #[serde(default)]
    pub score: Option<Fisher>,
    /// Three estimates from the independent simulations (else the held-out ones); the standard one is the metric of
    /// distances and the width of the Gaussian approximation.
    pub information: Information,
    /// The same from growing parts of those simulations.
    pub convergence: Vec<Information>,
    /// How well the information is known, and what more simulations would give; absent where there are too few.
    #[serde(default)]
    pub outlook: Option<Outlook>,
    /// Training, judgement by judgement; empty where there was none.
    pub history: Vec<Evaluation>,
    /// Simulations of training, of its score and of the independent estimate that failed; each numbers its own.
    #[serde(default)]
    pub failures: Failures,
    /// Simulations that were run for these.
    #[serde(default)]
    pub n_simulations: u64,
    /// What the user should know before trusting the result.
    pub warnings: Vec<String>,
}

impl Compression {
    /// Learns a compressor.
    ///
    /// # Errors
    /// Invalid input, where no datum of the training set moves with one of the parameters, which is named; those of
    /// [`imnn::train`], [`Score::fit`] and [`Information::from_simulations`]; as with [`imnn::train`] where
    /// independent simulations fail, or the end is asked for between blocks of them.
    pub fn learn(
        settings: &Settings,
        training: Training<'_>,
        held_out: &SimulationSet,
        independent: Option<Independent<'_>>,
        parameters: &[Parameter],
        run: &Run<'_>,
    ) -> Result<Self> {
        let (Training::Fresh { like: first, .. } | Training::Fixed(first)) = training;
        refuse_insensitive(first, parameters)?;
        let (compressor, history, mut failures, mut n_simulations) = match settings {
            Settings::Score(settings) => {
                (Trained::Score(Score::fit(first, settings.statistic)?), Vec::new(), Failures::default(), 0)
            }
            Settings::Imnn(settings) => {
                let outcome = imnn::train(training, held_out, settings, run)?;
                (Trained::Imnn(outcome.imnn), outcome.history, outcome.failures, outcome.n_simulations)
            }
        };
        let (n_summaries, n_params) = (compressor.n_summaries(), first.n_params());
        let moments = |(x, dx): &(Vec<f64>, Vec<f64>)| SummaryMoments::from_simulations(x, dx, n_summaries, n_params);
        let seen = compressor.summarise(first)?;
        let train = moments(&seen)?.fisher()?;
        let mut judged = compressor.summarise(held_out)?;
        let held_out = moments(&judged)?.fisher()?;
        let alone = |(x, dx): &(Vec<f64>, Vec<f64>)| Outlook::new(x, dx, n_summaries, n_params, false);
        let outlooks = alone(&seen).zip(alone(&judged));
        if let Some(independent) = &independent {
            // What a compressor does to the training set tells it from others.
            let digest = digest::of_words([&seen.0, &seen.1].map(|x| digest::of_numbers(x)));
            let (x, dx, tally) = independent.summarise(&compressor, &first.theta_fid, digest, run)?;
            judged = (x, dx);
            failures.merge(tally.failures);
            n_simulations += tally.n_simulations;
        }
        let of_judged = moments(&judged)?;
        let n_score = compressor.n_added_to();
        let of_score = || {
            let (x, dx) =
                (first_columns(&judged.0, n_summaries, n_score), first_columns(&judged.1, n_summaries, n_score));
            SummaryMoments::from_simulations(&x, &dx, n_score, n_params)?.fisher()
        };
        let information = Information::from_simulations(&judged.0, &judged.1, n_summaries, n_params)?;
        let outlook = Outlook::new(&judged.0, &judged.1, n_summaries, n_params, independent.is_some());
        let outlook = outlook.map(|outlook| match (settings, training) {
            (Settings::Score(_), _) => outlook.with_training(&train, Outlook::FITTED),
            (Settings::Imnn(_), Training::Fixed(_)) => outlook.with_training(&train, Outlook::STOPPED),
            (Settings::Imnn(_), Training::Fresh { .. }) => outlook,
        });
        let remedy = match (settings, training) {
            (Settings::Score(_), _) | (_, Training::Fresh { .. }) => "increase n_s and n_d",
            (Settings::Imnn(_), Training::Fixed(_)) => "use fresh simulations, more of them, or more weight_decay",
        };
        let unseen = match &compressor {
            Trained::Score(_) => None,
            Trained::Imnn(imnn) => imnn.unseen_steps(first, parameters)?,
        };
        let warnings = overfitting(&train, &held_out, outlooks, remedy)
            .into_iter()
            .chain(information.warning(outlook.as_ref()))
            .chain(unseen)
            .collect();
        let knowledge = Knowledge {
            parameters: parameters.to_vec(),
            quasi_mle: QuasiMle::new(&first.theta_fid, &of_judged)?,
            train,
            held_out,
            score: (n_score > 0).then(of_score).transpose()?,
            independent: independent.map(|_| of_judged.fisher()).transpose()?,
            convergence: convergence(&judged, n_summaries, n_params),
            information,
            outlook,
            history,
            failures,
            n_simulations,
            warnings,
        };
        Ok(Self { compressor, knowledge })
    }

    /// Where the compressor and the estimates of its information come from.
    pub fn references(&self) -> Vec<Reference> {
        self.compressor.references().into_iter().chain(super::fisher::REFERENCES).collect()
    }

    /// Writes compressor and knowledge to one safetensors file, with a note on what they were learnt for.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path, learnt_for: &serde_json::Value) -> Result<()> {
        let value = serde_json::to_value(&self.knowledge).map_err(|e| Error::numerical(e.to_string()).in_file(path))?;
        let metadata = Metadata::from([(METADATA.into(), value), (LEARNT_FOR.into(), learnt_for.clone())]);
        match &self.compressor {
            Trained::Score(score) => score.write(path, metadata),
            Trained::Imnn(imnn) => imnn.write(path, metadata),
        }
    }

    /// Reads what [`Compression::write`] wrote: the compression and the note.
    ///
    /// # Errors
    /// Where the file cannot be read or is no such file; corrupt file, where its parts do not fit together.
    pub fn read(path: &Path) -> Result<(Self, serde_json::Value)> {
        let mut metadata = read_metadata(path)?;
        let knowledge: Knowledge = take_metadata(path, &mut metadata, METADATA)?;
        let learnt_for = take_metadata(path, &mut metadata, LEARNT_FOR)?;
        let compressor = if metadata.contains_key(imnn::METADATA) {
            Trained::Imnn(Imnn::read(path)?)
        } else {
            Trained::Score(Score::read(path)?)
        };
        if let Some(what) = knowledge.fault(compressor.n_summaries()) {
            return Err(Error::corrupt_file(what).in_file(path).remedy("learn it again"));
        }
        Ok((Self { compressor, knowledge }, learnt_for))
    }
}

impl Knowledge {
    /// Index in the history of the weights that were kept.
    pub fn best(&self) -> Option<usize> {
        let held_out = self.history.iter().map(|e| e.ln_det_fisher_held_out).enumerate();
        held_out
            .fold(None, |best: Option<(usize, f64)>, e| if best.is_none_or(|b| e.1 > b.1) { Some(e) } else { best })
            .map(|b| b.0)
    }

    /// What does not fit together of that which a file says of a compressor with so many summaries.
    fn fault(&self, n_summaries: usize) -> Option<String> {
        let (n_params, mle) = (self.parameters.len(), &self.quasi_mle);
        let found = (mle.n_params(), mle.n_summaries(), mle.projection.n_rows(), mle.projection.n_cols());
        if found != (n_params, n_summaries, n_params, n_summaries) {
            return Some(format!(
                "the estimates of {} parameters from {} summaries do not fit {n_params} parameters and {n_summaries} summaries",
                found.0.max(found.2),
                found.1.max(found.3)
            ));
        }
        let mut fishers: Vec<&Fisher> = [&self.train, &self.held_out].into_iter().chain(&self.independent).collect();
        fishers.extend(&self.score);
        for all in std::iter::once(&self.information).chain(&self.convergence) {
            fishers.extend([&all.standard].into_iter().chain(&all.compressed).chain(&all.combined));
        }
        let of_others = |fisher: &Fisher| (fisher.matrix.n_rows(), fisher.matrix.n_cols()) != (n_params, n_params);
        let n_bars = self.outlook.as_ref().map_or(n_params, |outlook| outlook.error_bars.len());
        (fishers.into_iter().any(of_others) || n_bars != n_params)
            .then(|| format!("a Fisher matrix or its error bars are not those of {n_params} parameters"))
    }
}

/// The first `n` of each row of `width` values.
fn first_columns(rows: &[f64], width: usize, n: usize) -> Vec<f64> {
    rows.chunks_exact(width).flat_map(|row| &row[..n]).copied().collect()
}

/// The three estimates from n/2^k simulations of each kind, fewest first, as far as there are enough.
fn convergence((x, dx): &(Vec<f64>, Vec<f64>), n_summaries: usize, n_params: usize) -> Vec<Information> {
    let (n_s, n_d) = (x.len() / n_summaries, dx.len() / (n_summaries * n_params));
    let part = |k: u32| {
        let (s, d) = (n_s >> k, n_d >> k);
        if s < 16 || d < 4 {
            return None;
        }
        Information::from_simulations(&x[..s * n_summaries], &dx[..d * n_params * n_summaries], n_summaries, n_params)
            .ok()
    };
    (0..8).rev().filter_map(part).collect()
}

/// The alarm: training sees more information than held-out simulations confirm.
///
/// Both are taken without the bias of their estimates, which differs where the numbers of derivatives do. The alarm is two
/// standard deviations of the difference, and at least 0.1: about one healthy run in forty raises it. Of simulations too few
/// for the jackknife, ln det F of Gaussian summaries scatters by √(2 n_params/n_s), and more with noisy derivatives.
fn overfitting(
    train: &Fisher,
    held_out: &Fisher,
    outlooks: Option<(Outlook, Outlook)>,
    remedy: &str,
) -> Option<String> {
    let (gap, sd) = match outlooks {
        Some((train, held_out)) => (train.ln_det - held_out.ln_det, train.sd.hypot(held_out.sd)),
        None => {
            let n_params = train.matrix.n_rows() as f64;
            let sd = (2.0 * n_params * (1.0 / train.n_s as f64 + 1.0 / held_out.n_s as f64)).sqrt();
            (train.ln_det - held_out.ln_det, sd)
        }
    };
    (gap > (2.0 * sd).max(0.1)).then(|| {
        format!(
            "the compressor overfits: ln det F is {:.3} on its training simulations but {:.3} on held-out ones; {remedy}",
            train.ln_det, held_out.ln_det
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Matrix;
    use crate::progress::Quiet;
    use crate::seed::Seed;
    use crate::simulator::{Gaussian, Line, Simulator};
    use rand_distr::{Distribution, StandardNormal};

    fn learn(settings: &Settings, simulator: &dyn Simulator, theta: &[f64], n: usize) -> Compression {
        let mut sets: Vec<SimulationSet> = Vec::new();
        for seed in 0..2 {
            let mut set = SimulationSet::new(simulator, theta, None, n, n).expect("valid");
            set.fill(simulator, Seed::new(seed), 0).expect("simulated");
            sets.push(set);
        }
        let independent = Some(Independent::Drawn { simulator, delta: None, n: 2500 });
        let parameters = simulator.parameters().to_vec();
        Compression::learn(
            settings,
            Training::Fixed(&sets[0]),
            &sets[1],
            independent,
            &parameters,
            &Run::new(Seed::new(3), &Quiet),
        )
        .expect("learnt")
    }

    #[test]
    fn the_score_of_a_line_reaches_the_analytic_information() {
        let line = Line::slope(100, 1.0, 0.0);
        let compression = learn(&Settings::Score(crate::compressor::score::Settings::default()), &line, &[1.0], 5000);
        let truth = line.abscissae().map(|x| x * x).sum::<f64>();
        assert!((truth - 3350.0).abs() < 1.0, "{truth}");
        let fisher = compression.knowledge.independent.as_ref().expect("simulated").matrix[(0, 0)];
        // 2500 independent simulations scatter by √(2/2500) = 2.8 %, and the noisy C⁻¹ of 100 data costs 2 %.
        assert!((fisher / truth - 1.0).abs() < 0.12, "{fisher} {truth}");
        assert!(compression.knowledge.warnings.is_empty(), "{:?}", compression.knowledge.warnings);
        assert_eq!(compression.knowledge.convergence.len(), 8);
    }

    #[test]
    fn what_a_network_adds_to_is_known_alone() {
        let line = Line::slope(5, 1.0, 0.0);
        let settings = imnn::Settings {
            hidden: vec![4],
            max_iterations: 5,
            add_to_score: true,
            score_n_s: None,
            ..imnn::Settings::default()
        };
        let added = learn(&Settings::Imnn(settings), &line, &[1.0], 500).knowledge;
        let alone =
            learn(&Settings::Score(crate::compressor::score::Settings::default()), &line, &[1.0], 500).knowledge;
        // The same score on the same independent simulations, by other sums.
        let (found, expected) = (added.score.expect("added to"), alone.independent.expect("simulated"));
        assert!((found.ln_det - expected.ln_det).abs() < 1e-9 && found.n_s == 2500, "{found:?} {expected:?}");
        assert!(added.information.standard.ln_det > expected.ln_det - 0.01 && alone.score.is_none());
    }

    /// Twenty pairs for each derivative scatter ln det F far more than the summaries do; one alarm in forty is by chance, and
    /// five or more in forty are in one of 300.
    #[test]
    fn few_noisy_derivatives_raise_no_alarm() {
        let line = Line::slope(3, 1.0, 0.0);
        let alarms = (0..40).filter(|seed| {
            let set = |seed: u64| {
                let mut set = SimulationSet::new(&line, &[1.0], Some(&[0.01]), 400, 400).expect("valid");
                set.fill(&line, Seed::new(seed), 0).expect("simulated");
                set
            };
            let (x, mut dx): (Vec<f64>, Vec<f64>) =
                Score::fit(&set(*seed), None).expect("fits").summarise(&set(*seed + 100)).expect("summaries");
            dx.truncate(20);
            let mut noise = Seed::new(*seed).stream(0);
            let mut noisy = |_| {
                let noise: f64 = StandardNormal.sample(&mut noise);
                dx[0] * (1.0 + noise)
            };
            let sides = [(); 2].map(|()| (x.clone(), (0..20).map(&mut noisy).collect::<Vec<f64>>()));
            let fisher = sides.each_ref().map(|(x, dx)| {
                SummaryMoments::from_simulations(x, dx, 1, 1).expect("enough").fisher().expect("positive")
            });
            let [a, b] = sides.each_ref().map(|(x, dx)| Outlook::new(x, dx, 1, 1, false).expect("enough"));
            overfitting(&fisher[0], &fisher[1], Some((a, b)), "").is_some()
        });
        assert!(alarms.count() < 5);
    }

    /// A step of 1e-6 standard deviations is 17 roundings of numbers about 1: the network is told of, the score is not.
    #[test]
    fn a_step_that_single_precision_hardly_sees_is_told_by_name() {
        let gaussian = Gaussian::mean_and_variance(10);
        let settings = imnn::Settings { hidden: vec![8], max_iterations: 1, ..imnn::Settings::default() };
        let score = crate::compressor::score::Settings::default();
        for (delta, is_told) in [([1e-6, 0.1], true), ([1e-3, 0.1], false)] {
            let mut set = SimulationSet::new(&gaussian, &[0.0, 1.0], Some(&delta), 500, 500).expect("valid");
            set.fill(&gaussian, Seed::new(1), 0).expect("simulated");
            for (settings, sees) in
                [(Settings::Imnn(settings.clone()), !is_told), (Settings::Score(score.clone()), true)]
            {
                let (run, fixed) = (Run::new(Seed::new(3), &Quiet), Training::Fixed(&set));
                let learnt = Compression::learn(&settings, fixed, &set, None, gaussian.parameters(), &run);
                let warnings = learnt.expect("learnt").knowledge.warnings;
                let told: Vec<&String> = warnings.iter().filter(|text| text.contains("single precision")).collect();
                assert_eq!(told.is_empty(), sees, "{delta:?}: {warnings:?}");
                assert!(told.iter().all(|text| text.contains("mean (1e-6") && !text.contains("variance")), "{told:?}");
            }
        }
    }

    #[test]
    fn a_file_whose_parts_do_not_fit_is_refused() {
        let line = Line::slope_and_intercept(5, 1.0);
        let score = Settings::Score(crate::compressor::score::Settings::default());
        let compression = learn(&score, &line, &[1.0, 0.0], 100);
        let path = std::env::temp_dir().join(format!("posterity-parts-{}.safetensors", std::process::id()));
        let read = |change: fn(&mut Knowledge)| {
            let mut changed = compression.clone();
            change(&mut changed.knowledge);
            changed.write(&path, &serde_json::json!({})).expect("written");
            Compression::read(&path)
        };
        read(|_| ()).expect("fits");
        let changes: [fn(&mut Knowledge); 6] = [
            |knowledge| knowledge.quasi_mle.mu.truncate(1),
            |knowledge| knowledge.quasi_mle.projection = Matrix::zeros(1, 2),
            |knowledge| knowledge.parameters.truncate(1),
            |knowledge| knowledge.information.standard.matrix = Matrix::zeros(1, 1),
            |knowledge| knowledge.convergence[0].standard.matrix = Matrix::zeros(2, 1),
            |knowledge| knowledge.outlook.iter_mut().for_each(|outlook| outlook.error_bars.truncate(1)),
        ];
        for (k, change) in changes.into_iter().enumerate() {
            let error = read(change).expect_err(&k.to_string());
            assert!(error.is_corrupt_file() && error.file() == Some(&path), "{k}: {error}");
        }
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn an_overfitted_network_raises_the_alarm_and_files_keep_all() {
        let gaussian = Gaussian::mean_and_variance(10);
        let settings =
            imnn::Settings { hidden: vec![64], max_iterations: 300, patience: 1000, ..imnn::Settings::default() };
        let compression = learn(&Settings::Imnn(settings), &gaussian, &[0.0, 1.0], 100);
        assert!(compression.knowledge.warnings.iter().any(|w| w.contains("overfits")), "{:?}", compression.knowledge);
        let score = learn(
            &Settings::Score(crate::compressor::score::Settings::default()),
            &Line::slope(5, 1.0, 0.0),
            &[1.0],
            500,
        );
        let path = std::env::temp_dir().join(format!("posterity-compression-{}.safetensors", std::process::id()));
        for compression in [compression, score] {
            let learnt_for = serde_json::json!({ "seed": 3 });
            compression.write(&path, &learnt_for).expect("written");
            assert_eq!(Compression::read(&path).expect("read"), (compression, learnt_for));
        }
        std::fs::write(&path, b"no such file").expect("written");
        assert!(Compression::read(&path).expect_err("damaged").is_corrupt_file());
        std::fs::remove_file(&path).expect("removed");
    }
}
