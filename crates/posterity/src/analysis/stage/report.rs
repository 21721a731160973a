//! The last stage: figures, tables and one page, from what the other stages left in the output folder.

use super::super::{Analysis, Method, Observation, Results};
use super::{PREDICTIVE, field, infer, predictive as predictions};
use crate::compressor::{self, Compression, Knowledge, Outlook, Statistic};
use crate::error::{Error, Result};
use crate::lfi::{abc, gaussian, pmc};
use crate::math::Matrix;
use crate::npy;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::report::{
    self, Consequence, Convergence, Failed, Information, Known, Manifest, Predictive, PredictiveMaps, Report, Round,
    Training, Truth,
};
use crate::samples::read_parquet;
use std::path::Path;

/// Writes the report from the results in the output folder.
///
/// # Errors
/// Invalid input, where a stage has not run yet; io.
pub fn report(analysis: &Analysis, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    super::timed("report", analysis, out_dir, progress, |results| {
        let compression = infer::read_compressor(analysis, out_dir)?;
        let predicted = analysis.model.can_simulate().then(|| predictive(analysis, out_dir)).transpose()?;
        let (predictive, predictive_maps) = predicted.unzip();
        let report = Report {
            title: analysis.title.clone(),
            methods: methods(analysis, results, out_dir)?,
            bounds: analysis.prior.marginals.iter().map(crate::prior::Marginal::bounds).collect(),
            exact: None,
            truth: truth(analysis),
            training: training(&compression.knowledge, exact(results)),
            known: information(analysis, results, &compression)?,
            information: Some(convergence(&compression.knowledge, exact(results))),
            predictive,
            predictive_maps: predictive_maps.flatten(),
            rounds: rounds(results),
            extension: None,
            failed: failed(results),
            warnings: results.warnings.clone(),
            manifest: manifest(analysis, results, &compression)?,
            references: references(analysis, &compression),
        };
        report.write_figures(&super::folder(out_dir, "figures")?)?;
        report.write(&out_dir.join("report.html"))?;
        Ok("report.html".into())
    })
}

/// The draws of each method, least trusted first.
fn methods(analysis: &Analysis, results: &Results, out_dir: &Path) -> Result<Vec<report::Method>> {
    let mut methods = analysis.inference.methods.clone();
    methods.sort_by_key(|method| *method as usize);
    let read = |method: &Method| {
        let path = out_dir.join("samples").join(format!("{}.parquet", method.name()));
        if !results.methods.contains_key(method.name()) || !path.is_file() {
            return Err(Error::invalid_input(format!("there are no draws of the method {}", method.name()))
                .remedy("run `posterity infer` first")
                .in_file(&path));
        }
        let (name, note) = match method {
            Method::Gaussian => ("Gaussian approximation", "F⁻¹ about the estimate, times the prior"),
            Method::Abc if analysis.inference.abc.regression_adjustment => ("ABC", "rejection, regression adjusted"),
            Method::Abc => ("ABC", "rejection"),
            Method::Pmc => ("population Monte Carlo", ""),
        };
        let mut samples = read_parquet(&path)?;
        samples.parameters.clone_from(&analysis.prior.parameters);
        Ok(report::Method { name: name.into(), samples, note: note.into() })
    };
    methods.iter().map(read).collect()
}

/// The parameters of interest of a mock observation.
fn truth(analysis: &Analysis) -> Option<Truth> {
    let Observation::Mock { theta, .. } = &analysis.observation else { return None };
    let of_interest = theta.iter().zip(&analysis.nuisance).filter(|(_, nuisance)| nuisance.is_none());
    Some(Truth { name: "truth".into(), theta: of_interest.map(|(x, _)| *x).collect() })
}

/// ln det F of the data, where it is known.
fn exact(results: &Results) -> Option<f64> {
    results.fisher.as_ref()?.exact.as_ref().map(|exact| exact.ln_det)
}

/// Fisher information of the score that a network adds to, of all summaries, and of the data, as far as they are known.
fn information(analysis: &Analysis, results: &Results, compression: &Compression) -> Result<Option<Information>> {
    let knowledge = &compression.knowledge;
    let (statistic, adds) = match &analysis.compression.settings {
        compressor::Settings::Score(settings) => (settings.statistic, None),
        compressor::Settings::Imnn(settings) => (settings.statistic, Some(settings.add_to_score)),
    };
    let score = match statistic {
        None => "score of the data",
        Some(Statistic::PowerSpectrum { .. }) => "score of the power spectrum",
    };
    let all = match adds {
        None => score.to_owned(),
        Some(false) => "network".to_owned(),
        Some(true) => format!("{score} with the network"),
    };
    let known = |name: &str, matrix: &Matrix| -> Result<Known> {
        let factor = matrix.cholesky()?;
        let [fisher, covariance] = [matrix, &factor.inverse()].map(|matrix| matrix.as_slice().to_vec());
        Ok(Known { name: name.into(), fisher, covariance, ln_det: factor.ln_det() })
    };
    let mut all = vec![known(&all, &knowledge.information.standard.matrix)?];
    if let Some(alone) = &knowledge.score {
        all.insert(0, known(score, &alone.matrix)?);
    }
    let exact = results.fisher.as_ref().and_then(|fisher| fisher.exact.as_ref());
    if let Some(exact) = exact {
        all.push(known("exact", &exact.matrix)?);
    }
    let parameters = analysis.prior.parameters.clone();
    let has_exact = exact.is_some();
    Ok(Some(Information { parameters, theta: analysis.fiducial.clone(), known: all, has_exact }))
}

fn training(knowledge: &Knowledge, known_ln_det: Option<f64>) -> Option<Training> {
    let history = &knowledge.history;
    let column = |f: fn(&crate::compressor::imnn::Evaluation) -> f64| history.iter().map(f).collect::<Vec<f64>>();
    (!history.is_empty()).then(|| Training {
        iterations: history.iter().map(|e| e.iteration as u64).collect(),
        ln_det_train: column(|e| e.ln_det_fisher_train),
        ln_det_held_out: column(|e| e.ln_det_fisher_held_out),
        covariance_distance: column(|e| e.covariance_distance),
        regularisation: column(|e| e.regulariser),
        best: knowledge.best(),
        known_ln_det,
    })
}

fn convergence(knowledge: &Knowledge, known_ln_det: Option<f64>) -> Convergence {
    let all = &knowledge.convergence;
    Convergence {
        n_simulations: all.iter().map(|i| i.standard.n_s as u64).collect(),
        standard: all.iter().map(|i| i.standard.ln_det).collect(),
        combined: all.iter().filter_map(|i| Some(i.combined.as_ref()?.ln_det)).collect(),
        compressed: all.iter().filter_map(|i| Some(i.compressed.as_ref()?.ln_det)).collect(),
        known_ln_det,
        limit: knowledge.outlook.as_ref().map(|outlook| (outlook.ln_det, outlook.sd)),
        advice: knowledge.outlook.as_ref().map(Outlook::advice).unwrap_or_default(),
    }
}

/// Most data that the figure of the predictions shows: more lie on top of one another, and make a page of megabytes.
const MOST_DRAWN: usize = 1000;

fn predictive(analysis: &Analysis, out_dir: &Path) -> Result<(Predictive, Option<PredictiveMaps>)> {
    let simulator = analysis.simulator();
    let axes = [("n_draws", None), ("data", Some(simulator.n_data()))];
    let path = out_dir.join(PREDICTIVE);
    if !path.is_file() {
        return Err(Error::invalid_input("there are no predictions yet")
            .remedy("run `posterity infer` first")
            .in_file(&path));
    }
    let draws = npy::read(&path, &axes)?.data;
    let (axes, shape) = (analysis.model.axes(), simulator.shape());
    let maps = field::maps(shape, &analysis.observed, &draws, axes.data_label);
    let n_data = simulator.n_data();
    let every = n_data.div_ceil(MOST_DRAWN);
    let thinned = |values: &[f64]| values.chunks(n_data).flat_map(|row| row.iter().copied().step_by(every)).collect();
    let mut note = predictions::note(analysis);
    if maps.is_some()
        && let Some(spectrum) = field::spectrum(shape, &analysis.observed, &draws, note.clone())
    {
        return Ok((spectrum, maps));
    }
    if every > 1 {
        let sentence = format!("Of {n_data} data one in {every} is drawn, those of a field in C order.");
        note = [note, sentence].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    }
    let numbered = || (1..=n_data).map(|i| i as f64).collect();
    let predictive = Predictive {
        abscissa: Some(thinned(&axes.abscissa.unwrap_or_else(numbered))),
        log_abscissa: axes.log_abscissa,
        abscissa_label: axes.abscissa_label.into(),
        data_label: axes.data_label.into(),
        data: thinned(&analysis.observed),
        errors: Vec::new(),
        note,
        draws: thinned(&draws),
    };
    Ok((predictive, maps))
}

/// Simulations that failed, in the order in which they were made.
fn failed(results: &Results) -> Vec<Failed> {
    let order = [
        ("train", "training", Consequence::LeftOutWithTheirNoise),
        ("held_out", "the held-out set", Consequence::LeftOutWithTheirNoise),
        ("independent", "the independent set", Consequence::LeftOutWithTheirNoise),
        ("compress", "fresh sets", Consequence::LeftOutWithTheirNoise),
        ("abc", "ABC", Consequence::Rejected),
        ("pmc", "population Monte Carlo", Consequence::Rejected),
        ("predictive", "the posterior predictions", Consequence::LeftOut),
    ];
    let found = order.iter().filter_map(|(key, name, consequence)| {
        results.failures.get(*key).map(|failures| Failed {
            name: (*name).into(),
            n_simulations: failures.n_simulations,
            n_failed: failures.n_failed,
            causes: failures.causes.iter().map(|(cause, n)| (cause.text().to_owned(), *n)).collect(),
            theta: failures.first.iter().flat_map(|record| record.theta.iter().copied()).collect(),
            consequence: *consequence,
        })
    });
    found.collect()
}

fn rounds(results: &Results) -> Vec<Round> {
    let rounds = results.methods.get(Method::Pmc.name()).map_or(&[][..], |pmc| &pmc.rounds);
    let round = |r: &pmc::Round| Round {
        epsilon: r.epsilon,
        acceptance: r.acceptance_rate.unwrap_or(f64::NAN),
        n_simulations: r.n_simulations,
    };
    rounds.iter().map(round).collect()
}

fn manifest(analysis: &Analysis, results: &Results, compression: &Compression) -> Result<Manifest> {
    let text =
        toml::to_string(&analysis.settings).map_err(|e| Error::numerical(format!("the analysis has no text: {e}")))?;
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let knowledge = &compression.knowledge;
    let judged = knowledge.independent.as_ref().unwrap_or(&knowledge.held_out);
    let mut facts = vec![
        (
            "parameters".to_owned(),
            analysis.prior.parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "),
        ),
        ("fiducial point".to_owned(), list(&analysis.fiducial)),
        ("simulations behind F".to_owned(), format!("{} + {}", judged.n_s, judged.n_d)),
    ];
    facts.extend(results.methods.iter().map(|(name, m)| (format!("simulations, {name}"), m.n_simulations.to_string())));
    if !analysis.model.can_simulate() {
        let text = "left out: there is no simulator to draw data at parameters of the posterior";
        facts.push(("predictive check".to_owned(), text.to_owned()));
    }
    facts.extend(analysis.reference.iter().map(|reference| ("observed data".to_owned(), reference.clone())));
    let order = ["simulate", "compress", "infer"];
    let timings = order.iter().filter_map(|stage| results.timings_s.get(*stage).map(|s| ((*stage).to_owned(), *s)));
    Ok(Manifest {
        version: results.version.clone(),
        seed: analysis.seed,
        analysis: text,
        timings: timings.collect(),
        facts,
    })
}

/// References of the simulator, the compressor and the methods that ran.
fn references(analysis: &Analysis, compression: &Compression) -> Vec<Reference> {
    let mut references = analysis.simulator().references();
    references.extend(compression.references());
    for method in &analysis.inference.methods {
        match method {
            Method::Gaussian => references.extend(gaussian::REFERENCES),
            Method::Abc => {
                references.extend(abc::REFERENCES);
                if analysis.inference.abc.regression_adjustment {
                    references.extend(abc::REGRESSION_REFERENCES);
                }
            }
            Method::Pmc => references.extend(pmc::REFERENCES),
        }
    }
    references
}
