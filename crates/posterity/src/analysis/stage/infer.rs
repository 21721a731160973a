//! The third stage: the posterior, by every method that the analysis names.

use super::super::{Analysis, Method, MethodResults, Results};
use super::{COMPRESSOR, predictive};
use crate::compressor::Compression;
use crate::error::{Error, Result};
use crate::lfi::{Forward, abc, gaussian, pmc};
use crate::progress::Progress;
use crate::samples::{Samples, write_getdist, write_parquet};
use crate::seed::Seed;
use std::path::Path;
use std::time::Instant;

/// An estimate farther from the fiducial point than this (in the metric F) is told: the compression was made elsewhere.
const FAR: f64 = 3.0;

/// Infers the posterior with the compressor of the output folder, and keeps the draws there.
///
/// # Errors
/// Invalid input, if there is no compressor or it was learnt for another analysis; those of the methods.
pub fn infer(analysis: &Analysis, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    super::timed("infer", analysis, out_dir, progress, |results| {
        let compression = read_compressor(analysis, out_dir)?;
        let simulator = analysis.simulator();
        let forward = Forward {
            simulator: &*simulator,
            compressor: &compression.compressor,
            quasi_mle: &compression.knowledge.quasi_mle,
        };
        results.set_knowledge(&compression.knowledge);
        let mut theta_hat = vec![0.0; forward.n_params()];
        forward.estimate(&analysis.observed, &mut theta_hat);
        let names: Vec<String> = analysis.prior.parameters.iter().map(|p| p.name.clone()).collect();
        results.theta_hat = Some(names.iter().cloned().zip(theta_hat.iter().copied()).collect());
        results.warnings.extend(far_from_fiducial(&compression, &analysis.fiducial, &theta_hat)?);
        let (samples, chains) = (super::folder(out_dir, "samples")?, super::folder(out_dir, "chains")?);
        let bounds: Vec<(f64, f64)> = analysis.prior.marginals.iter().map(crate::prior::Marginal::bounds).collect();
        remove_stale(&samples, &chains)?;
        results.warnings.extend(unconstrained(analysis, &compression)?);
        // Least trusted first: the last one's draws are compared with the data.
        let mut methods = analysis.inference.methods.clone();
        methods.sort_by_key(|method| *method as usize);
        for (i, method) in methods.iter().enumerate() {
            let draws = sample(analysis, *method, &compression, &forward, &theta_hat, results, progress)?;
            write_parquet(&draws, &samples.join(format!("{}.parquet", method.name())))?;
            write_getdist(&draws, &chains.join(method.name()), &bounds)?;
            if i + 1 == methods.len() {
                predictive::write(analysis, &*simulator, &draws, out_dir)?;
            }
        }
        Ok(format!("{} of {}", results.methods.keys().cloned().collect::<Vec<_>>().join(", "), names.join(", ")))
    })
}

/// The compressor in the output folder, if it was learnt for this analysis.
pub(super) fn read_compressor(analysis: &Analysis, out_dir: &Path) -> Result<Compression> {
    let path = out_dir.join(COMPRESSOR);
    if !path.is_file() {
        return Err(Error::invalid_input("there is no compressor yet")
            .remedy("run `posterity compress` first")
            .in_file(&path));
    }
    let (compression, learnt_for) = Compression::read(&path)?;
    for key in ["seed", "simulator", "prior", "fiducial", "compressor"] {
        if learnt_for[key] != analysis.settings[key] {
            return Err(Error::invalid_input(format!("the compressor was learnt with other settings in `{key}`"))
                .remedy("run `posterity compress` again, or choose another output folder")
                .in_file(&path));
        }
    }
    Ok(compression)
}

/// Runs one method and enters what it found.
fn sample(
    analysis: &Analysis,
    method: Method,
    compression: &Compression,
    forward: &Forward<'_>,
    theta_hat: &[f64],
    results: &mut Results,
    progress: &dyn Progress,
) -> Result<Samples> {
    let (prior, inference) = (&analysis.prior, &analysis.inference);
    let fisher = &compression.knowledge.information.standard.matrix;
    let seed = Seed::new(analysis.seed).label(method.name());
    let start = Instant::now();
    let mut history = None;
    let draws = match method {
        Method::Gaussian => gaussian::sample(theta_hat, fisher, prior, &inference.gaussian, seed)?,
        Method::Abc => {
            let observed = [theta_hat.to_vec()];
            abc::sample(forward, prior, fisher, &observed, &inference.abc, seed, progress)?.remove(0)
        }
        Method::Pmc => {
            let (draws, rounds) = pmc::sample(forward, prior, fisher, theta_hat, &inference.pmc, seed, progress)?;
            history = Some(rounds);
            draws
        }
    };
    let mut found = MethodResults::new(&draws, start.elapsed().as_secs_f64());
    if let Some(pmc::History { rounds, stop }) = history {
        // Without an epsilon to reach, the acceptance rate is how the rounds are meant to end.
        let meant = stop == pmc::Stop::AcceptanceRate && inference.pmc.epsilon.is_none();
        let remedy = stop.remedy().filter(|_| !meant);
        results.warnings.extend(remedy.map(|remedy| format!("population Monte Carlo ended early; {remedy}")));
        found.rounds = rounds;
        found.stop = Some(stop);
    }
    results.methods.insert(method.name().into(), found);
    Ok(draws)
}

/// Takes away the draws of an earlier run, so that none stand beside results that they do not belong to.
fn remove_stale(samples: &Path, chains: &Path) -> Result<()> {
    for method in [Method::Gaussian, Method::Abc, Method::Pmc].map(Method::name) {
        let files = ["_1.txt", ".paramnames", ".ranges"].map(|end| chains.join(format!("{method}{end}")));
        for path in files.into_iter().chain([samples.join(format!("{method}.parquet"))]).filter(|path| path.exists()) {
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
        }
    }
    Ok(())
}

/// Warnings, where the summaries say less of a parameter than its prior does.
fn unconstrained(analysis: &Analysis, compression: &Compression) -> Result<Vec<String>> {
    let covariance = compression.knowledge.information.standard.matrix.cholesky()?.inverse();
    let marginals = analysis.prior.parameters.iter().zip(&analysis.prior.marginals).enumerate();
    let wider = marginals.filter_map(|(i, (parameter, prior))| {
        let (error, width) = (covariance[(i, i)].sqrt(), (prior.quantile(0.84) - prior.quantile(0.16)) / 2.0);
        (error > width).then(|| {
            format!(
                "the summaries hardly inform {}: their standard error is {error:.3}, the prior's half width {width:.3}; \
                 use more data, or a compressor that sees more than the mean",
                parameter.name
            )
        })
    });
    Ok(wider.collect())
}

/// A warning, where the data lie far from where the compression was made for.
fn far_from_fiducial(compression: &Compression, fiducial: &[f64], theta_hat: &[f64]) -> Result<Option<String>> {
    let shift: Vec<f64> = theta_hat.iter().zip(fiducial).map(|(a, b)| a - b).collect();
    let distance = compression.knowledge.information.standard.matrix.cholesky()?.quadratic_form(&shift).sqrt();
    Ok((distance > FAR).then(|| {
        format!(
            "the estimate lies {distance:.1} standard deviations from the fiducial point, where the compression is no \
             longer the best; move [fiducial] towards it and run again"
        )
    }))
}
