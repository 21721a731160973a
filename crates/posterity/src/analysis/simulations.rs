//! The tables of simulations that an analysis asks for: what their rows are, how many, and where they lie.
//!
//! | table | row | random stream |
//! |---|---|---|
//! | `train/fiducial`, `held_out/fiducial`, `independent/fiducial` | a simulation at theta_fid | the row |
//! | `…/differences` | (i, α, −/+): a simulation at θ_α ∓ δ_α/2 | i |
//! | `…/derivative` | the exact derivative at theta_fid | the row |
//! | `abc` | a simulation at a draw of the prior | the row |
//!
//! They lie in `simulations/` of the output folder, each a [`Table`]. Those of `independent` and `abc` are kept where a
//! program outside makes them, or where the analysis asks for it; the built-in models make them again as fast as a disk
//! reads them.

use super::{Analysis, Method};
use crate::compressor::{DerivativeSource, Settings};
use crate::error::{Error, Result};
use crate::failure::{Failure, Failures};
use crate::lfi::abc;
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet, Simulator, attempt, attempt_with_derivative, one_of_pair};
use crate::store::{Layout, RowMut, Status, Table, Values, chunk_rows, without};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folder of the tables in the output folder.
const FOLDER: &str = "simulations";

/// Rows of a chunk of simulations whose number is not known before, and that are slow.
pub(super) const SLOW_ROWS: u64 = 256;

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    Fiducial,
    Differences,
    Derivative,
    Prior,
}

/// One table that an analysis asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    /// Its set, which is also the branch of the seed: `train`, `held_out`, `independent`, `abc`.
    pub(super) set: &'static str,
    /// Its name: the set, and the kind of its rows where a set has several.
    pub(super) name: String,
    /// How many rows.
    pub(super) n_rows: u64,
    rows: Rows,
}

/// All tables of an analysis, in the order in which they are filled.
pub(super) fn planned(analysis: &Analysis) -> Vec<Planned> {
    let mut tables = Vec::new();
    if analysis.compression.stored.is_none() {
        let settings = &analysis.compression.settings;
        let (train, held_out) = counts(settings);
        let n = n_independent(settings);
        let independent = (n > 0 && analysis.keeps_simulations()).then_some((n, n));
        for (set, counts) in [("train", Some(train)), ("held_out", held_out), ("independent", independent)] {
            let Some((n_s, n_d)) = counts else { continue };
            let (second, rows, n_rows) = match analysis.compression.derivative() {
                DerivativeSource::Exact => ("derivative", Rows::Derivative, n_d),
                DerivativeSource::Differences => {
                    ("differences", Rows::Differences, n_d * 2 * analysis.prior.n_params())
                }
            };
            let table = |name: &str, rows, n_rows| Planned { set, name: format!("{set}/{name}"), n_rows, rows };
            tables.push(table("fiducial", Rows::Fiducial, n_s as u64));
            tables.push(table(second, rows, n_rows as u64));
        }
    }
    if analysis.inference.methods.contains(&Method::Abc) && analysis.keeps_simulations() {
        let n_rows = analysis.inference.abc.n_simulations;
        tables.push(Planned { set: "abc", name: "abc".into(), n_rows, rows: Rows::Prior });
    }
    tables
}

/// The folder of all tables.
pub(super) fn folder(out_dir: &Path) -> PathBuf {
    out_dir.join(FOLDER)
}

impl Planned {
    /// The folder of the table.
    pub(super) fn folder(&self, out_dir: &Path) -> PathBuf {
        folder(out_dir).join(format!("{}.zarr", self.name))
    }

    /// What its rows hold, and all that they depend on.
    pub(super) fn layout(&self, analysis: &Analysis) -> Layout {
        let simulator = analysis.simulator();
        let (shape, n_params) = (simulator.shape().to_vec(), analysis.prior.n_params());
        let values = match self.rows {
            Rows::Derivative => Values { name: "derivative".into(), shape: [&[n_params], &shape[..]].concat() },
            _ => Values { name: "data".into(), shape },
        };
        let mut provenance = origin(analysis, self.set);
        match self.rows {
            Rows::Prior => {
                let interest = analysis.prior.parameters.iter().map(|p| &p.name);
                let prior: Map<String, Value> =
                    interest.map(|name| (name.clone(), without_label(&analysis.settings["prior"][name]))).collect();
                provenance.insert("prior".into(), prior.into());
            }
            _ => {
                provenance.insert("theta_fid".into(), json!(analysis.fiducial));
            }
        }
        if self.rows == Rows::Differences {
            provenance.insert("delta".into(), json!(analysis.compression.delta));
        }
        let row_bytes = 8 * values.shape.iter().product::<usize>() as u64;
        Layout {
            parameters: analysis.prior.parameters.iter().map(|p| p.name.clone()).collect(),
            values: vec![values],
            chunk_rows: analysis
                .store
                .chunk_rows
                .unwrap_or_else(|| chunk_rows(row_bytes, self.n_rows, analysis.model.external().is_some())),
            provenance,
        }
    }

    /// Simulates one row: its stream's index, and how it failed if it did.
    pub(super) fn simulate(
        &self,
        analysis: &Analysis,
        simulator: &dyn Simulator,
        row: u64,
        out: RowMut<'_>,
    ) -> Result<(u64, Option<Failure>)> {
        let RowMut { theta, mut values } = out;
        let per_stream = if self.rows == Rows::Differences { 2 * theta.len() as u64 } else { 1 };
        let index = row / per_stream;
        let seed = Seed::new(analysis.seed).label(self.set);
        let values = &mut *values[0];
        let failure = match self.rows {
            Rows::Fiducial => {
                theta.copy_from_slice(&analysis.fiducial);
                attempt(simulator, theta, &mut seed.stream(index), values)?
            }
            Rows::Differences => {
                let delta = analysis.compression.delta.as_deref().unwrap_or_default();
                theta.copy_from_slice(&one_of_pair(&analysis.fiducial, delta, (row % per_stream) as usize));
                attempt(simulator, theta, &mut seed.stream(index), values)?
            }
            Rows::Derivative => {
                theta.copy_from_slice(&analysis.fiducial);
                let mut data = vec![0.0; simulator.n_data()];
                attempt_with_derivative(simulator, theta, &mut seed.stream(index), &mut data, values)?
            }
            Rows::Prior => {
                abc::draw_theta(&analysis.prior, seed, row, theta);
                attempt(simulator, theta, &mut seed.label(abc::SIMULATION).stream(index), values)?
            }
        };
        if failure.is_some() {
            values.fill(f64::NAN);
        }
        Ok((index, failure))
    }

    /// Opens the complete table.
    ///
    /// # Errors
    /// Invalid input, where it is not there, is that of another analysis, or has rows missing; corrupt file; io.
    pub(super) fn open(&self, analysis: &Analysis, out_dir: &Path) -> Result<(Table, Vec<Status>)> {
        let folder = self.folder(out_dir);
        let refused = |message: String| {
            Err(Error::invalid_input(message)
                .remedy("run `posterity simulate` with this analysis first")
                .in_file(&folder))
        };
        if !folder.is_dir() {
            return refused("there are no simulations yet".into());
        }
        let table = Table::open_as(&folder, &self.layout(analysis))?;
        let mut status = table.status()?;
        status.truncate(self.n_rows as usize);
        let missing = self.n_rows as usize - status.iter().filter(|status| **status != Status::Missing).count();
        if missing > 0 {
            return refused(format!("{missing} of {} simulations are missing", self.n_rows));
        }
        Ok((table, status))
    }
}

/// A set of simulations from its tables, which stay on disk, without those that failed and their seed-matched partners.
///
/// # Errors
/// As [`Planned::open`].
pub(super) fn read_set(analysis: &Analysis, out_dir: &Path, set: &str) -> Result<SimulationSet> {
    let mut read = SimulationSet {
        theta_fid: analysis.fiducial.clone(),
        shape: analysis.simulator().shape().to_vec(),
        fiducial: Vec::new().into(),
        derivative: Derivatives::Exact(Vec::new().into()),
    };
    let (mut failed, mut open) = (BTreeSet::new(), Vec::new());
    for planned in planned(analysis).into_iter().filter(|table| table.set == set) {
        let (table, status) = planned.open(analysis, out_dir)?;
        let per_stream = if planned.rows == Rows::Differences { 2 * analysis.prior.n_params() as u64 } else { 1 };
        let rows = (0..).zip(&status).filter(|(_, status)| **status != Status::Done);
        failed.extend(rows.map(|(row, _): (u64, _)| row / per_stream));
        open.push((planned, table, per_stream));
    }
    for (planned, table, per_stream) in open {
        let left = without(&failed, per_stream, planned.n_rows);
        let name = if planned.rows == Rows::Derivative { "derivative" } else { "data" };
        let values = table.into_rows(name, left)?;
        match planned.rows {
            Rows::Differences => {
                let delta = analysis.compression.delta.clone().unwrap_or_default();
                read.derivative = Derivatives::Differences { delta, pairs: values };
            }
            Rows::Derivative => read.derivative = Derivatives::Exact(values),
            _ => read.fiducial = values,
        }
    }
    Ok(read)
}

/// Failures of all tables of a set together, with the number of its simulations.
pub(super) fn failures(analysis: &Analysis, out_dir: &Path, set: &str) -> Result<(u64, Failures)> {
    let (mut n, mut all) = (0, Failures::default());
    for table in planned(analysis).iter().filter(|table| table.set == set) {
        let open = Table::open_as(&table.folder(out_dir), &table.layout(analysis))?;
        n += table.n_rows;
        all.merge(open.failures(0..table.n_rows.min(open.n_rows()))?);
    }
    Ok((n, all))
}

/// All that simulations depend on beside their parameters.
pub(super) fn origin(analysis: &Analysis, label: &str) -> Map<String, Value> {
    let nuisance = analysis.model.simulator().parameters().iter().zip(&analysis.nuisance);
    let nuisance = nuisance.filter(|(_, prior)| prior.is_some());
    let nuisance: Map<String, Value> =
        nuisance.map(|(p, _)| (p.name.clone(), without_label(&analysis.settings["prior"][&p.name]))).collect();
    let mut simulator = analysis.settings["simulator"].clone();
    if let Some(table) = simulator.as_object_mut() {
        // How long to wait, how often and how many at once do not make another simulation.
        // The others keep their order, which files have too.
        table.retain(|key, _| !super::model::OPERATION.contains(&key.as_str()));
        table.extend(analysis.model.digest().map(|digest| ("digest".to_owned(), json!(format!("{digest:016x}")))));
    }
    [("simulator", simulator), ("nuisance", nuisance.into()), ("seed", json!(analysis.seed)), ("label", json!(label))]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

/// A prior without what it is called in figures.
fn without_label(prior: &Value) -> Value {
    let mut prior = prior.clone();
    if let Some(table) = prior.as_object_mut() {
        table.retain(|key, _| key != "latex");
    }
    prior
}

/// Numbers of training and of held-out simulations, the latter where they are a set of their own.
pub(super) fn counts(settings: &Settings) -> ((usize, usize), Option<(usize, usize)>) {
    match settings {
        Settings::Imnn(s) => {
            let held_out = (s.held_out_n_s.unwrap_or(s.n_s), s.held_out_n_d.unwrap_or(s.n_d));
            ((s.n_s, s.n_d), s.held_out_fraction.is_none().then_some(held_out))
        }
        Settings::Score(s) => ((s.n_s, s.n_d), Some((s.n_s, s.n_d))),
    }
}

/// Number of simulations, of each kind, of the independent estimate.
pub(super) fn n_independent(settings: &Settings) -> usize {
    match settings {
        Settings::Imnn(s) => s.n_independent,
        Settings::Score(s) => s.n_independent,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// What does not change a simulation changes no byte of its table's description either.
    #[test]
    fn how_a_program_is_run_leaves_no_trace_in_the_order_of_keys() {
        let text = r#"
[simulator]
kind = "worker"
command = ["sh"]
parameters = ["a"]
shape = [2]
[observation]
kind = "file"
path = "data.txt"
[prior.a]
kind = "normal"
mean = 0
sd = 1
low = -5
[fiducial]
a = 0
[compressor]
kind = "score"
delta = { a = 0.1 }
[infer]
methods = ["gaussian"]
"#;
        let folder = std::env::temp_dir().join(format!("posterity-order-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("data.txt"), "1 2").expect("written");
        let described = |overrides: &[&str]| {
            let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
            let analysis = Analysis::from_text(&folder.join("analysis.toml"), text, &overrides).expect("right");
            let prior = without_label(&analysis.settings["prior"]["a"]);
            format!("{} {prior}", Value::from(origin(&analysis, "train")))
        };
        let plain = described(&[]);
        for operational in ["max_failed_fraction=0.5", "timeout_s=3", "retries=2", "n_workers=2"] {
            assert_eq!(described(&[&format!("simulator.{operational}")]), plain);
        }
        assert_eq!(described(&["prior.a.latex=A"]), plain);
        assert_ne!(described(&["simulator.shape=[1, 2]"]), plain);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
