//! The section `[simulator]` of simulators of fields: keys, checks, and which of them it is.

use super::extension;
use super::section::Section;
use crate::digest;
use crate::error::{Error, Result};
use crate::field::Grid;
use crate::simulator::{
    CosmologicalLogNormalField, FixedCosmology, GaussianField, HaloCounts, HaloCountsSettings, HaloWeights,
    LogNormalField, Simulator,
};
use serde::Deserialize;
use std::path::Path;

/// The kinds of field an analysis can name.
pub(super) const KINDS: [&str; 4] =
    ["gaussian_field", "log_normal_field", "cosmological_log_normal_field", "halo_counts"];

/// A simulator of fields that an analysis can name.
pub enum FieldModel {
    /// Gaussian, with a power law.
    Gaussian(GaussianField),
    /// Log-normal, with a Gaussian correlation.
    LogNormal(LogNormalField),
    /// Log-normal, with the spectrum of matter.
    Cosmological(CosmologicalLogNormalField),
    /// Halos counted in voxels.
    HaloCounts(HaloCounts),
}

impl FieldModel {
    /// The kind, as the analysis names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Gaussian(_) => KINDS[0],
            Self::LogNormal(_) => KINDS[1],
            Self::Cosmological(_) => KINDS[2],
            Self::HaloCounts(_) => KINDS[3],
        }
    }

    /// The simulator, whichever it is.
    pub(super) fn simulator(&self) -> &dyn Simulator {
        match self {
            Self::Gaussian(field) => field,
            Self::LogNormal(field) => field,
            Self::Cosmological(field) => field,
            Self::HaloCounts(counts) => counts,
        }
    }

    /// True where opposite edges are not neighbours.
    pub(super) fn has_edges(&self) -> bool {
        matches!(self, Self::LogNormal(field) if !field.is_periodic())
    }

    /// Name of a datum, and of its number.
    pub(super) fn labels(&self) -> (&'static str, &'static str) {
        match self {
            Self::HaloCounts(_) => ("voxel", "halos"),
            _ => ("cell", r"density contrast $\delta$"),
        }
    }

    /// A digest of weights that came from a file.
    pub(super) fn digest(&self) -> Option<u64> {
        match self {
            Self::HaloCounts(counts) => Some(digest::of_numbers(&counts.settings().weights.values)),
            _ => None,
        }
    }
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

fn three() -> usize {
    3
}

/// Keys of `kind = "gaussian_field"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GaussianKeys {
    n: usize,
    #[serde(default = "two")]
    dims: usize,
}

/// Keys of `kind = "log_normal_field"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogNormalKeys {
    n: usize,
    #[serde(default = "two")]
    dims: usize,
    #[serde(default = "yes")]
    periodic: bool,
}

/// Keys of `kind = "cosmological_log_normal_field"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CosmologicalKeys {
    n: usize,
    #[serde(default = "three")]
    dims: usize,
    box_length: f64,
    omega_b: Option<f64>,
    h: Option<f64>,
    n_s: Option<f64>,
}

/// Keys of `kind = "halo_counts"`, less `engine`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HaloCountsKeys {
    n: usize,
    #[serde(default = "three")]
    dims: usize,
    box_length: f64,
    omega_b: Option<f64>,
    h: Option<f64>,
    n_s: Option<f64>,
    min_mass: Option<f64>,
    scale_factor: Option<f64>,
    completeness: Option<f64>,
}

/// Reads a section of one of the kinds, whose `kind` was taken.
pub(super) fn read(mut section: Section<'_>, kind: &str, folder: &Path) -> Result<FieldModel> {
    let document = section.document;
    let within = |error: Error| {
        let error = error.under_key("simulator");
        let key = error.key().unwrap_or("simulator").to_owned();
        document.blame(&key, error)
    };
    if kind == KINDS[3] {
        let engine = section.section("engine")?;
        let keys: HaloCountsKeys = section.rest(&["kind", "engine"])?;
        let mut settings = HaloCountsSettings::new(keys.n, keys.box_length);
        settings.dims = keys.dims;
        settings.fixed = fixed(keys.omega_b, keys.h, keys.n_s);
        settings.min_mass = keys.min_mass.unwrap_or(settings.min_mass);
        settings.scale_factor = keys.scale_factor.unwrap_or(settings.scale_factor);
        settings.completeness = keys.completeness.unwrap_or(settings.completeness);
        if let Some(engine) = engine {
            let length = Grid::new(keys.n, keys.box_length).map_err(within)?.cell_length();
            let voxels = extension::Voxels { threshold: settings.min_mass, length };
            let (of_weights, values) = extension::read_known(engine, voxels, folder)?;
            settings.weights = HaloWeights { settings: of_weights, values };
        }
        return HaloCounts::new(settings).map(FieldModel::HaloCounts).map_err(within);
    }
    if kind == KINDS[2] {
        let keys: CosmologicalKeys = section.rest(&["kind"])?;
        let fixed = fixed(keys.omega_b, keys.h, keys.n_s);
        let field = CosmologicalLogNormalField::new(keys.n, keys.dims, keys.box_length, fixed);
        return field.map(FieldModel::Cosmological).map_err(within);
    }
    if kind == KINDS[1] {
        let LogNormalKeys { n, dims, periodic } = section.rest(&["kind"])?;
        let field = if periodic { LogNormalField::periodic(n, dims) } else { LogNormalField::open(n, dims) };
        return field.map(FieldModel::LogNormal).map_err(within);
    }
    let keys: GaussianKeys = section.rest(&["kind"])?;
    GaussianField::new(keys.n, keys.dims).map(FieldModel::Gaussian).map_err(within)
}

fn fixed(omega_b: Option<f64>, h: Option<f64>, n_s: Option<f64>) -> FixedCosmology {
    let default = FixedCosmology::default();
    FixedCosmology {
        omega_b: omega_b.unwrap_or(default.omega_b),
        h: h.unwrap_or(default.h),
        n_s: n_s.unwrap_or(default.n_s),
    }
}
