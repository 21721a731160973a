//! The last stage: figures, tables and one page, from what the chains left in the output folder.

use super::super::{Extension, What};
use super::results::ExtensionResults;
use super::{figures, identity, told};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reference::Reference;
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
            references: REFERENCES.to_vec(),
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

const REFERENCES: [Reference; 4] = [
    Reference {
        authors: "Charnock T., Lavaux G., Wandelt B. D., Sarma Boruah S., Jasche J., Hudson M. J., 2020",
        title: "Neural physical engines for inferring the halo mass distribution function",
        source: "MNRAS 494, 50; arXiv:1909.06379",
        url: "https://arxiv.org/abs/1909.06379",
    },
    Reference {
        authors: "Jasche J., Lavaux G., 2019",
        title: "Physical Bayesian modelling of the non-linear matter distribution: new insights into the nearby universe",
        source: "A&A 625, A64; arXiv:1806.11117",
        url: "https://arxiv.org/abs/1806.11117",
    },
    Reference {
        authors: "Neyrinck M. C., Aragón-Calvo M. A., Jeong D., Wang X., 2014",
        title: "A halo bias function measured deeply into voids without stochasticity",
        source: "MNRAS 441, 646; arXiv:1309.6641",
        url: "https://arxiv.org/abs/1309.6641",
    },
    Reference {
        authors: "Neal R. M., 2011",
        title: "MCMC using Hamiltonian dynamics",
        source: "Handbook of Markov Chain Monte Carlo, chapter 5; arXiv:1206.1901",
        url: "https://arxiv.org/abs/1206.1901",
    },
];
