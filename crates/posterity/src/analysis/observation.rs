//! The section `[observation]`: what was measured, from the simulator's own files, another file, or a mock.

use super::model::{Model, try_at};
use super::section::Section;
use crate::error::{Error, Result};
use crate::npy;
use crate::seed::Seed;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The kinds of observation an analysis can name.
pub(super) const KINDS: [&str; 3] = ["measured", "file", "mock"];

/// Where the observed data come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The simulator's own data file.
    Measured,
    /// Another file.
    File(PathBuf),
    /// A simulation at known parameters.
    Mock {
        /// The true parameters.
        theta: Vec<f64>,
        /// Which of the simulations there.
        index: u64,
    },
}

/// The observation as it was read.
pub(super) struct Observed {
    pub(super) kind: Observation,
    pub(super) data: Vec<f64>,
    pub(super) reference: Option<String>,
}

/// Keys of `kind = "file"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKeys {
    path: PathBuf,
    array: Option<String>,
}

/// Keys of `kind = "mock"`, less `theta`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MockKeys {
    index: u64,
}

/// The observation and its data; a mock is drawn from its own branch of the seed.
pub(super) fn read(mut section: Section<'_>, model: &Model, seed: Seed, folder: &Path) -> Result<Observed> {
    let reference = section.take("reference")?;
    let (kind, data) = data(section, model, seed, folder)?;
    Ok(Observed { kind, data, reference })
}

fn data(mut section: Section<'_>, model: &Model, seed: Seed, folder: &Path) -> Result<(Observation, Vec<f64>)> {
    let document = section.document;
    let simulator = model.simulator();
    let kind = section.kind(&KINDS)?;
    document.demand(
        model.can_simulate() || kind == "file",
        "observation.kind",
        "there is no simulator that this observation could come from",
        "use kind = \"file\" with a path",
    )?;
    match kind {
        "measured" => {
            section.only(&["reference"])?;
            let data = model.measured().ok_or_else(|| {
                let message = format!("the simulator {} comes with no measured data", model.kind());
                let remedy = match model.external() {
                    Some(_) => "use kind = \"file\" with a path",
                    None => "use kind = \"file\" with a path, or kind = \"mock\" with theta",
                };
                document.blame("observation.kind", Error::invalid_input(message).remedy(remedy))
            })?;
            Ok((Observation::Measured, data.to_vec()))
        }
        "file" => {
            let keys: FileKeys = section.rest(&["kind", "reference"])?;
            let path = folder.join(keys.path);
            let array = keys.array.as_deref();
            let numpy = is_numpy(&path);
            document.demand(
                array.is_none() || numpy,
                "observation.array",
                "only an archive has arrays by name",
                "name a .npz file, or leave it out",
            )?;
            let data =
                load(&path, array, simulator.shape()).map_err(|error| document.blame("observation.path", error))?;
            Ok((Observation::File(path), data))
        }
        _ => {
            let message = "no mock is drawn by a program outside: reading an analysis starts none";
            let remedy = "run the program once and give its output with kind = \"file\"";
            document.demand(model.external().is_none(), "observation.kind", message, remedy)?;
            let names: Vec<&str> = simulator.parameters().iter().map(|p| p.name.as_str()).collect();
            let theta = section.required_section("theta")?.by_parameter(&names)?;
            let keys: MockKeys = section.rest(&["kind", "theta", "reference"])?;
            try_at(simulator, &theta).map_err(|error| {
                let message = format!("the simulator has no data there: {error}");
                let remedy = "choose parameters where the model makes sense";
                document.blame("observation.theta", Error::invalid_input(message).remedy(remedy))
            })?;
            let mut data = vec![0.0; simulator.n_data()];
            simulator.simulate(&theta, &mut seed.label("observation").stream(keys.index), &mut data)?;
            Ok((Observation::Mock { theta, index: keys.index }, data))
        }
    }
}

fn is_numpy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy" || extension == "npz")
}

/// Reads data of this shape from a NumPy file (`.npy`, or `.npz` with the array's name) or from text, where numbers stand between white space or commas
/// and `#` begins a comment. The errors name the file where its content is at fault.
fn load(path: &Path, array: Option<&str>, shape: &[usize]) -> Result<Vec<f64>> {
    if !path.is_file() {
        return Err(Error::invalid_input(format!("there is no file {}", path.display()))
            .remedy("file names count from the folder of the analysis"));
    }
    if is_numpy(path) {
        let axes: Vec<npy::Axis<'_>> = shape.iter().map(|n| ("data: as in the simulations", Some(*n))).collect();
        return npy::read_from(path, array, &axes).map(|array| array.data);
    }
    let bytes = std::fs::read(path).map_err(|source| Error::io(path, &source))?;
    let data = from_text(&bytes).map_err(|e| e.in_file(path))?;
    let n_data: usize = shape.iter().product();
    if data.is_empty() {
        return Err(Error::invalid_input("there is no number in the file")
            .remedy(format!("write the observed data into it, {n_data} numbers"))
            .in_file(path));
    }
    if data.len() != n_data {
        return Err(Error::invalid_input(format!("there are {} numbers, a simulation has {n_data}", data.len()))
            .remedy("observe what is simulated")
            .in_file(path));
    }
    match data.iter().position(|d| !d.is_finite()) {
        Some(i) => Err(Error::invalid_input(format!("value {} is {}", i + 1, data[i]))
            .remedy("leave no missing values in an observation")
            .in_file(path)),
        None => Ok(data),
    }
}

fn from_text(bytes: &[u8]) -> Result<Vec<f64>> {
    let mut data = Vec::new();
    for (i, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default();
        // A comma may end a line. Between two there is a datum, or one is missing.
        let fields: Vec<&str> = content.split(',').map(str::trim).collect();
        if fields.len() > 2 && fields[1..fields.len() - 1].contains(&"") {
            return Err(Error::invalid_input("there is nothing between two commas")
                .remedy("leave no missing values in an observation")
                .at_line(i + 1));
        }
        for word in content.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
            let value = word.parse().map_err(|_| {
                Error::invalid_input(format!("`{word}` is no number")).remedy("begin comments with #").at_line(i + 1)
            })?;
            data.push(value);
        }
    }
    Ok(data)
}
