//! The stores of a sampling: `chains.zarr` with every draw's numbers, `fields.zarr` with the fields of some draws.

use super::super::{Extension, What};
use super::identity;
use crate::error::Result;
use crate::field::{Bin, Bins, Grid, Spectra};
use crate::samples::chains::{Chains, Coordinate, Group, Kind, Layout, Variable, attributes};
use std::path::{Path, PathBuf};

/// The two stores; no fields where none are sampled.
pub(super) struct Stored {
    pub(super) chains: Chains,
    pub(super) fields: Option<Chains>,
    /// Draws from one kept field to the next.
    pub(super) draws_apart: u64,
}

/// Where the chains are in the output folder.
pub(super) fn chains_path(out_dir: &Path) -> PathBuf {
    out_dir.join("chains.zarr")
}

/// Where the fields are.
pub(super) fn fields_path(out_dir: &Path) -> PathBuf {
    out_dir.join("fields.zarr")
}

/// Where chain i can go on from.
pub(super) fn checkpoint_path(out_dir: &Path, i: usize) -> PathBuf {
    out_dir.join(format!("chain_{i}.safetensors"))
}

/// Whether a path is that of some chain's checkpoint.
pub(super) fn is_checkpoint(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let number = name.strip_prefix("chain_").and_then(|name| name.strip_suffix(".safetensors"));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Names of the blocks, in order: what their statistics end with.
pub(super) fn block_names(what: What) -> &'static [&'static str] {
    match what {
        What::Joint => &["field", "weights"],
        What::Field => &["field"],
        What::Weights => &["weights"],
    }
}

/// The shells in which initial fields are measured: up to below the Nyquist wavenumber, whose modes are not whole.
pub(super) fn bins(grid: &Grid) -> Bins {
    let edges = (0..(grid.n() / 2).max(2)).map(|m| (m as f64 + 0.5) * grid.k_fundamental());
    Bins::Edges(edges.collect())
}

/// The shells of the power that a field of zeros has: wavenumbers and numbers of modes.
pub(super) fn shells(grid: &Grid) -> Result<Vec<Bin>> {
    Spectra::new(*grid, &bins(grid))?.power(&vec![0.0; grid.n_cells()], None)
}

impl Stored {
    /// Lays both out; chunks that are there stay.
    pub(super) fn create(extension: &Extension, out_dir: &Path) -> Result<Self> {
        Self::with(extension, out_dir, Chains::create)
    }

    /// Opens both.
    pub(super) fn open(extension: &Extension, out_dir: &Path) -> Result<Self> {
        Self::with(extension, out_dir, Chains::open)
    }

    fn with(extension: &Extension, out_dir: &Path, open: fn(&Path, Layout) -> Result<Chains>) -> Result<Self> {
        let chains = open(&chains_path(out_dir), chains_layout(extension)?)?;
        let draws_apart = identity::draws_apart(out_dir)?;
        let fields = match (extension.sampling.what, extension.sampling.n_kept(draws_apart)) {
            (What::Weights, _) | (_, 0) => None,
            _ => Some(open(&fields_path(out_dir), fields_layout(extension, draws_apart))?),
        };
        Ok(Self { chains, fields, draws_apart })
    }
}

fn chains_layout(extension: &Extension) -> Result<Layout> {
    let sampling = &extension.sampling;
    let variable = |name: &str, group: Group, kind: Kind, axes: &[(&str, usize)]| Variable {
        name: name.to_owned(),
        group,
        kind,
        axes: axes.iter().map(|(axis, n)| ((*axis).to_owned(), *n)).collect(),
    };
    let drawn = |name: &str, axes: &[(&str, usize)]| variable(name, Group::Posterior, Kind::F64, axes);
    let (mut variables, mut coordinates) = (Vec::new(), Vec::new());
    if sampling.what != What::Field {
        let names = extension.engine.names.clone();
        variables.push(drawn("weights", &[("weight", names.len())]));
        coordinates.push(("weight".to_owned(), Coordinate::Names(names)));
    }
    if sampling.what != What::Weights {
        let shells = shells(&extension.field.grid)?;
        variables.push(drawn("power", &[("k", shells.len())]));
        if extension.field.white_noise.is_some() {
            variables.push(drawn("correlation", &[("k", shells.len())]));
        }
        coordinates.push(("k".to_owned(), Coordinate::Numbers(shells.iter().map(|bin| bin.k).collect())));
    }
    variables.push(drawn("log_likelihood", &[]));
    variables.push(variable("lp", Group::SampleStats, Kind::F64, &[]));
    for block in block_names(sampling.what) {
        for (name, kind) in STATISTICS {
            variables.push(variable(&format!("{name}_{block}"), Group::SampleStats, kind, &[]));
        }
    }
    Ok(Layout {
        n_chains: sampling.n_chains,
        n_draws: sampling.n_draws as usize,
        chunk_draws: sampling.save_every as usize,
        variables,
        coordinates,
        attributes: attributes(extension.seed),
    })
}

/// What the sampler says of each block in each draw.
pub(super) const STATISTICS: [(&str, Kind); 5] = [
    ("energy", Kind::F64),
    ("acceptance_rate", Kind::F64),
    ("diverging", Kind::Bool),
    ("n_steps", Kind::I64),
    ("step_size", Kind::F64),
];

fn fields_layout(extension: &Extension, draws_apart: u64) -> Layout {
    let sampling = &extension.sampling;
    let n = extension.field.grid.n();
    let field = |name: &str| Variable {
        name: name.to_owned(),
        group: Group::Posterior,
        kind: Kind::F32,
        axes: ["x", "y", "z"].map(|axis| (axis.to_owned(), n)).to_vec(),
    };
    let mut attributes = attributes(extension.seed);
    attributes.insert("draws_apart".into(), draws_apart.into());
    Layout {
        n_chains: sampling.n_chains,
        n_draws: sampling.n_kept(draws_apart),
        chunk_draws: 1,
        variables: vec![field("white_noise"), field("density")],
        coordinates: Vec::new(),
        attributes,
    }
}
