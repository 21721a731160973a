//! The section `[simulator]`: which of the built-in models, on which data, or which program.

use super::external;
use super::fields::{self, FieldModel};
use super::section::Section;
use super::stored::StoredModel;
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::simulator::external::Kind;
use crate::simulator::{External, Gaussian, Line, Simulator, Supernovae};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The kinds of simulator an analysis can name.
pub(super) const KINDS: [&str; 9] = [
    "gaussian",
    "line",
    "supernovae",
    fields::KINDS[0],
    fields::KINDS[1],
    fields::KINDS[2],
    fields::KINDS[3],
    "command",
    "worker",
];

/// A simulator that an analysis can name, or what stands in for one.
pub enum Model {
    /// Independent normal draws.
    Gaussian(Gaussian),
    /// A straight line with noise.
    Line(Line),
    /// Magnitudes of supernovae in flat wCDM.
    Supernovae(Box<Supernovae>),
    /// A field on a grid.
    Field(Box<FieldModel>),
    /// None: stored simulations alone.
    Stored(Box<StoredModel>),
    /// A program outside.
    External(Box<External>),
}

impl Model {
    /// The kind, as the analysis names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gaussian(_) => KINDS[0],
            Self::Line(_) => KINDS[1],
            Self::Supernovae(_) => KINDS[2],
            Self::Field(field) => field.kind(),
            Self::Stored(_) => "stored",
            Self::External(program) if program.kind() == Kind::Command => "command",
            Self::External(_) => "worker",
        }
    }

    /// The simulator, whichever it is.
    pub fn simulator(&self) -> &dyn Simulator {
        match self {
            Self::Gaussian(simulator) => simulator,
            Self::Line(simulator) => simulator,
            Self::Supernovae(simulator) => &**simulator,
            Self::Field(field) => field.simulator(),
            Self::Stored(stored) => &**stored,
            Self::External(simulator) => &**simulator,
        }
    }

    /// True where there is a simulator.
    pub fn can_simulate(&self) -> bool {
        !matches!(self, Self::Stored(_))
    }

    /// What has the parameters, in words.
    pub(super) fn owner(&self) -> &'static str {
        if self.can_simulate() { "simulator" } else { "stored set" }
    }

    /// Why its data, shifted or turned, are not as good as others of the model, where that is known: they are no periodic
    /// field that is alike in all places and directions.
    pub(super) fn lack_of_symmetry(&self) -> Option<String> {
        let what = match self {
            Self::Gaussian(_) | Self::Line(_) | Self::Supernovae(_) => "lists of numbers, no field",
            Self::Field(field) if field.has_edges() => "fields with edges (periodic = false)",
            // Whoever wrote them knows.
            Self::Field(_) | Self::Stored(_) | Self::External(_) => return None,
        };
        Some(format!("the simulator {} draws {what}", self.kind()))
    }

    /// How its data are drawn.
    pub(super) fn axes(&self) -> Axes {
        let (abscissa, log_abscissa, abscissa_label, data_label) = match self {
            Self::Gaussian(_) => (None, false, "draw", "value"),
            Self::Stored(_) => (None, false, "datum", "value"),
            Self::Line(line) => (Some(line.abscissae().collect()), false, "$x$", "$d$"),
            Self::Supernovae(sn) => (Some(sn.redshifts().to_vec()), true, "redshift $z$", "magnitude $m_B$ [mag]"),
            Self::Field(field) => {
                let (abscissa_label, data_label) = field.labels();
                (None, false, abscissa_label, data_label)
            }
            Self::External(_) => (None, false, "datum", "value"),
        };
        Axes { abscissa, log_abscissa, abscissa_label, data_label }
    }

    /// The measured data that came with the simulator's files.
    pub fn measured(&self) -> Option<&[f64]> {
        match self {
            Self::Gaussian(_) | Self::Line(_) | Self::Field(_) | Self::Stored(_) | Self::External(_) => None,
            Self::Supernovae(simulator) => Some(simulator.observed()),
        }
    }

    /// The program, where the simulator is one outside this process: the check does not run it.
    pub fn external(&self) -> Option<&External> {
        match self {
            Self::External(simulator) => Some(simulator),
            _ => None,
        }
    }

    /// A digest of the content of the simulator's data files: the same name can stand for other data.
    pub(super) fn digest(&self) -> Option<u64> {
        match self {
            Self::Supernovae(simulator) => Some(simulator.digest()),
            Self::Field(field) => field.digest(),
            Self::Gaussian(_) | Self::Line(_) | Self::External(_) | Self::Stored(_) => None,
        }
    }
}

/// Keys of `[simulator]` that say how a program is run, and change nothing about what it simulates.
pub(super) const OPERATION: [&str; 4] = ["max_failed_fraction", "timeout_s", "retries", "n_workers"];

/// Values of one simulation at the most: 800 MB.
const MOST_DATA: usize = 100_000_000;

/// How the data of a model are drawn.
pub(super) struct Axes {
    /// One value a datum, where the data have an abscissa.
    pub(super) abscissa: Option<Vec<f64>>,
    /// True where it is drawn in the logarithm.
    pub(super) log_abscissa: bool,
    /// Its name and unit.
    pub(super) abscissa_label: &'static str,
    /// Name and unit of the data.
    pub(super) data_label: &'static str,
}

/// Keys of `kind = "gaussian"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GaussianKeys {
    n_data: usize,
    known_mean: Option<f64>,
}

/// Keys of `kind = "line"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineKeys {
    n_data: usize,
    sd: f64,
    known_intercept: Option<f64>,
}

/// Keys of `kind = "supernovae"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupernovaeKeys {
    table: PathBuf,
    covariance: Option<PathBuf>,
}

/// Builds the simulator; file names count from `folder`.
pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Result<Model> {
    let document = section.document;
    let demand = |holds: bool, key: &str, message: String, remedy: &str| {
        document.demand(holds, &format!("simulator.{key}"), message, remedy)
    };
    let finite = |value: Option<f64>, key: &str| {
        let bad = value.filter(|x| !x.is_finite());
        demand(bad.is_none(), key, format!("{} is no finite number", bad.unwrap_or(0.0)), "give a finite number")
    };
    let enough = |n_data: usize, n_params: usize| {
        let message = format!("{n_data} values are more than one simulation can hold");
        demand(n_data <= MOST_DATA, "n_data", message, &format!("give {MOST_DATA} at the most"))?;
        let message = format!("{n_data} is too few to infer anything");
        demand(n_data >= n_params, "n_data", message, &format!("give n_data = {n_params} or more"))
    };
    match section.kind(&KINDS)? {
        "gaussian" => {
            let keys: GaussianKeys = section.rest(&["kind"])?;
            finite(keys.known_mean, "known_mean")?;
            enough(keys.n_data, if keys.known_mean.is_some() { 1 } else { 2 })?;
            Ok(Model::Gaussian(match keys.known_mean {
                Some(mean) => Gaussian::variance(keys.n_data, mean),
                None => Gaussian::mean_and_variance(keys.n_data),
            }))
        }
        "line" => {
            let keys: LineKeys = section.rest(&["kind"])?;
            finite(keys.known_intercept, "known_intercept")?;
            enough(keys.n_data, if keys.known_intercept.is_some() { 1 } else { 2 })?;
            let message = format!("{} is no standard deviation", keys.sd);
            demand(keys.sd > 0.0 && keys.sd.is_finite(), "sd", message, "give a finite sd > 0")?;
            Ok(Model::Line(match keys.known_intercept {
                Some(intercept) => Line::slope(keys.n_data, keys.sd, intercept),
                None => Line::slope_and_intercept(keys.n_data, keys.sd),
            }))
        }
        "command" => external::read(section, Kind::Command, folder),
        "worker" => external::read(section, Kind::Worker, folder),
        kind if fields::KINDS.contains(&kind) => fields::read(section, kind, folder).map(Box::new).map(Model::Field),
        _ => {
            let keys: SupernovaeKeys = section.rest(&["kind"])?;
            let file = |key: &str, path: &Path| {
                let path = folder.join(path);
                let message = format!("there is no file {}", path.display());
                demand(path.is_file(), key, message, "file names count from the folder of the analysis").map(|()| path)
            };
            let table = file("table", &keys.table)?;
            let covariance = keys.covariance.map(|path| file("covariance", &path)).transpose()?;
            Supernovae::from_files(&table, covariance.as_deref())
                .map(|supernovae| Model::Supernovae(Box::new(supernovae)))
                .map_err(|error| document.blame("simulator", error))
        }
    }
}

/// Runs one simulation to see whether the simulator has data at these parameters; a program outside is not run, for the
/// check starts nothing.
pub(super) fn try_at(simulator: &dyn Simulator, theta: &[f64]) -> Result<()> {
    if simulator.pool().is_some() {
        return Ok(());
    }
    let mut data = vec![0.0; simulator.n_data()];
    simulator.simulate(theta, &mut Seed::new(0).label("check").stream(0), &mut data)?;
    match data.iter().find(|d| !d.is_finite()) {
        Some(d) => Err(Error::simulation_failed(format!("the simulation holds {d}"))),
        None => Ok(()),
    }
}
