//! The last stage: figures, tables and one page, from what the chains left in the output folder.

use super::super::{Extension, What};
use super::references::references;
use super::results::ExtensionResults;
use super::{figures, identity, told};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::report::{Manifest, Report};
use std::path::Path;
use std::time::Instant;

/// Writes the report from the chains and the results in the output folder.
///
/// # Errors
/// Invalid input, where the chains are not complete or of another analysis; io.
pub fn report(extension: &Extension, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    identity::check(extension, out_dir)?;
    let start = Instant::now();
    let mut results = ExtensionResults::open(extension, out_dir)?;
    if results.blocks.is_empty() {
        // The title or the comparison changed since.
        results.set_chains(extension, out_dir)?;
    }
    told("report", None, progress, || {
        let report = Report {
            title: extension.title.clone(),
            extension: Some(figures::parts(extension, &results, out_dir)?),
            warnings: results.warnings.clone(),
            manifest: manifest(extension, &results)?,
            references: references(extension, !results.comparison.is_empty()),
            ..Report::default()
        };
        let folder = out_dir.join("figures");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, &e))?;
        report.write_figures(&folder)?;
        report.write(&out_dir.join("report.html"))?;
        Ok(((), "report.html".to_owned()))
    })?;
    results.timings_s.insert("report".into(), start.elapsed().as_secs_f64());
    results.write(out_dir)
}

fn manifest(extension: &Extension, results: &ExtensionResults) -> Result<Manifest> {
    let analysis =
        toml::to_string(&extension.settings).map_err(|e| Error::numerical(format!("the analysis has no text: {e}")))?;
    let (sampling, n) = (&extension.sampling, extension.field.grid.n());
    let what = match sampling.what {
        What::Joint => "initial field and weights",
        What::Weights => "weights, the density known",
        What::Field => "initial field, the weights known",
    };
    let facts = [
        ("sampled", what.to_owned()),
        ("grid", format!("{n}³ voxels of {} Mpc/h", extension.field.grid.cell_length())),
        ("halos", format!("{} from {:.4e} Msun/h", results.n_halos, extension.halos.threshold)),
        ("weights", extension.engine.names.len().to_string()),
        ("chains", format!("{} of {} + {} draws", sampling.n_chains, sampling.chain.warm_up, sampling.n_draws)),
    ];
    let timings = ["sample", "compare"].into_iter();
    Ok(Manifest {
        version: results.version.clone(),
        seed: extension.seed,
        analysis,
        timings: timings.filter_map(|stage| Some((stage.to_owned(), *results.timings_s.get(stage)?))).collect(),
        facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}
