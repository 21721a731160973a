//! The third stage: the posterior, by every method that the analysis names.

use super::super::results::ExactFisher;
use super::super::{Analysis, Method, MethodResults, PriorSimulations, Results};
use super::source::{Source, remove_journal};
use super::{COMPRESSOR, PREDICTIVE, compress, predictive, warnings};
use crate::compressor::Compression;
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::lfi::{Forward, Local, abc, gaussian, pmc};
use crate::npy::{Rows, in_blocks};
use crate::progress::Progress;
use crate::samples::{Samples, write_getdist, write_parquet};
use crate::seed::Seed;
use rayon::prelude::*;
use std::path::Path;
use std::time::Instant;

/// Stored simulations that one task compresses.
const CHUNK: usize = 512;

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
        results.set_knowledge(&compression.knowledge, ExactFisher::of(analysis));
        let mut theta_hat = vec![0.0; forward.n_params()];
        forward.estimate(&analysis.observed, &mut theta_hat);
        let names: Vec<String> = analysis.prior.parameters.iter().map(|p| p.name.clone()).collect();
        results.theta_hat = Some(names.iter().cloned().zip(theta_hat.iter().copied()).collect());
        results.warnings.extend(warnings::of_estimate(analysis, &compression, &theta_hat)?);
        let (samples, chains) = (super::folder(out_dir, "samples")?, super::folder(out_dir, "chains")?);
        let bounds: Vec<(f64, f64)> = analysis.prior.marginals.iter().map(crate::prior::Marginal::bounds).collect();
        remove_stale(&samples, &chains, &out_dir.join(PREDICTIVE))?;
        // Least trusted first: the last one's draws are compared with the data.
        let mut methods = analysis.inference.methods.clone();
        methods.sort_by_key(|method| *method as usize);
        for (i, method) in methods.iter().enumerate() {
            let draws = sample(analysis, out_dir, *method, &compression, forward, &theta_hat, results, progress)?;
            write_parquet(&draws, &samples.join(format!("{}.parquet", method.name())))?;
            write_getdist(&draws, &chains.join(method.name()), &bounds)?;
            if i + 1 == methods.len() && analysis.model.can_simulate() {
                let (n, failures) = predictive::write(analysis, &*simulator, &draws, out_dir, progress)?;
                results.set_failures("predictive", n, &failures);
            }
        }
        let methods = results.methods.keys().cloned().collect::<Vec<_>>().join(", ");
        let left_out = if analysis.model.can_simulate() { "" } else { "; no predictive check without a simulator" };
        Ok(format!("{methods} of {}{left_out}", names.join(", ")))
    })?;
    // Draws, predictions and results are on disk: nothing would be simulated twice.
    if analysis.inference.methods.contains(&Method::Pmc) { remove_journal(out_dir) } else { Ok(()) }
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
    let wanted = compress::learnt_for(analysis);
    for key in ["seed", "simulator", "prior", "fiducial", "compressor"] {
        if learnt_for[key] != wanted[key] {
            return Err(Error::invalid_input(format!("the compressor was learnt with other settings in `{key}`"))
                .remedy("run `posterity compress` again, or choose another output folder")
                .in_file(&path));
        }
    }
    Ok(compression)
}

/// Runs one method and enters what it found.
#[allow(clippy::too_many_arguments)]
fn sample(
    analysis: &Analysis,
    out_dir: &Path,
    method: Method,
    compression: &Compression,
    forward: Forward<'_>,
    theta_hat: &[f64],
    results: &mut Results,
    progress: &dyn Progress,
) -> Result<Samples> {
    let (prior, inference) = (&analysis.prior, &analysis.inference);
    let fisher = &compression.knowledge.information.standard.matrix;
    let seed = Seed::new(analysis.seed).label(method.name());
    let start = Instant::now();
    let (mut failures, mut history) = (Failures::default(), None);
    let source = Source { analysis, out_dir, method, local: Local { progress, ..forward.seeded(seed) } };
    let draws = match method {
        Method::Gaussian => gaussian::sample(theta_hat, fisher, prior, &inference.gaussian, seed)?,
        Method::Abc => {
            let observed = [theta_hat.to_vec()];
            match &inference.abc_stored {
                Some(PriorSimulations { theta, data }) => {
                    let theta_hats = estimates(&forward, data)?;
                    abc::sample_stored(&theta.all()?, &theta_hats, prior, fisher, &observed, &inference.abc)?.remove(0)
                }
                None => {
                    let (mut draws, failed) = source
                        .run(|estimates| abc::sample(estimates, prior, fisher, &observed, &inference.abc, progress))?;
                    failures = failed;
                    draws.remove(0)
                }
            }
        }
        Method::Pmc => {
            let (draws, rounds) =
                source.run(|estimates| pmc::sample(estimates, prior, fisher, theta_hat, &inference.pmc, progress))?;
            history = Some(rounds);
            draws
        }
    };
    let mut found = MethodResults::new(&draws, start.elapsed().as_secs_f64());
    if let Some(pmc::History { rounds, stop, failures: failed }) = history {
        failures = failed;
        // Without an epsilon to reach, the acceptance rate is how the rounds are meant to end.
        let meant = stop == pmc::Stop::AcceptanceRate && inference.pmc.epsilon.is_none();
        let remedy = stop.remedy().filter(|_| !meant);
        results.warnings.extend(remedy.map(|remedy| format!("population Monte Carlo ended early; {remedy}")));
        found.rounds = rounds;
        found.stop = Some(stop);
    }
    let is_adjusted = method == Method::Abc && inference.abc.regression_adjustment;
    results.warnings.extend(warnings::of_draws(method, &draws, is_adjusted));
    results.set_failures(method.name(), draws.n_simulations, &failures);
    results.methods.insert(method.name().into(), found);
    Ok(draws)
}

/// Estimates from rows of stored data, chunk by chunk.
fn estimates(forward: &Forward<'_>, data: &Rows) -> Result<Vec<f64>> {
    let (n_data, n_params) = (forward.simulator.n_data(), forward.n_params());
    let n = data.len() / n_data;
    let mut theta_hats = vec![0.0; n * n_params];
    in_blocks(&[(data, n_data)], 0..n, CHUNK * rayon::current_num_threads(), |block, parts| {
        let theta_hats = &mut theta_hats[block.start * n_params..block.end * n_params];
        let chunks = theta_hats.par_chunks_mut(CHUNK * n_params).zip(parts[0].par_chunks(CHUNK * n_data));
        chunks.for_each(|(theta_hats, data)| forward.estimate(data, theta_hats));
        Ok(())
    })?;
    Ok(theta_hats)
}

/// Takes away the draws of an earlier run, so that none stand beside results that they do not belong to.
fn remove_stale(samples: &Path, chains: &Path, predictive: &Path) -> Result<()> {
    if predictive.exists() {
        std::fs::remove_file(predictive).map_err(|e| Error::io(predictive, &e))?;
    }
    for method in [Method::Gaussian, Method::Abc, Method::Pmc].map(Method::name) {
        let files = ["_1.txt", ".paramnames", ".ranges"].map(|end| chains.join(format!("{method}{end}")));
        for path in files.into_iter().chain([samples.join(format!("{method}.parquet"))]).filter(|path| path.exists()) {
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
        }
    }
    Ok(())
}
