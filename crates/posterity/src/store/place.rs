//! Where a stored set lies, a folder, an archive or a Zarr group, and what it says of itself there.

use super::group;
use super::set::{Json, Known, Origin};
use crate::error::{Error, Result};
use crate::npy::{self, Axis, Rows};
use serde::Deserialize;
use std::path::Path;

/// Ends of the names of the two arrays of each parameter.
pub(super) const ENDS: [&str; 2] = ["_minus", "_plus"];

/// A folder of arrays, an archive or a group of them.
pub(super) struct Place<'a> {
    path: &'a Path,
    kind: Kind,
}

/// What holds the arrays.
enum Kind {
    /// `.npy` files.
    Folder,
    /// A `.npz` file with arrays of these names.
    Archive(Vec<String>),
    /// A Zarr group.
    Group,
}

/// What a set says of itself; every part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Description {
    parameters: Option<Vec<String>>,
    theta_fid: Option<Vec<f64>>,
    pub(super) shape: Option<Vec<usize>>,
    pub(super) delta: Option<Vec<f64>>,
    origin: Option<Origin>,
}

impl<'a> Place<'a> {
    /// A folder, or else a file that must be an archive.
    pub(super) fn new(path: &'a Path) -> Result<Self> {
        if path.is_file() && path.extension().is_some_and(|extension| extension == "npy") {
            return Err(Error::invalid_input("one array is no set of simulations")
                .remedy("name the folder that holds this array and those for the derivative, or an archive of them")
                .in_file(path));
        }
        let kind = match (path.is_file(), group::is_group(path)) {
            (true, _) => Kind::Archive(npy::names(path)?),
            (_, true) => Kind::Group,
            _ => Kind::Folder,
        };
        Ok(Self { path, kind })
    }

    /// What an axis of the data is called in errors, and where its length comes from where the set says no shape.
    pub(super) fn data_axis(&self, shape: &[usize]) -> String {
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        format!("data: as in {}, (n_s, {})", self.name("fiducial"), shape.join(", "))
    }

    /// Names of the arrays that are there.
    fn names(&self) -> Vec<String> {
        let is_array = |name: &str| match self.kind {
            Kind::Group => group::is_array(&self.path.join(name)),
            _ => name.ends_with(".npy"),
        };
        let mut names: Vec<String> = match &self.kind {
            Kind::Archive(names) => names.clone(),
            _ => {
                let entries = std::fs::read_dir(self.path).into_iter().flatten().flatten();
                let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
                names.filter(|name| is_array(name)).collect()
            }
        };
        names.sort();
        names
    }

    /// True if an array of this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Archive(names) => names.iter().any(|there| there == name),
            Kind::Group => group::is_array(&self.path.join(name)),
            Kind::Folder => self.path.join(format!("{name}.npy")).is_file(),
        }
    }

    /// What an array is called there.
    pub(super) fn name(&self, name: &str) -> String {
        if self.is_folder() { format!("{name}.npy") } else { format!("`{name}`") }
    }

    fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder)
    }

    /// Maps an array, or reads it where it cannot be mapped.
    pub(super) fn map(&self, name: &str, axes: &[Axis]) -> Result<Rows> {
        match self.kind {
            Kind::Group => group::read(&self.path.join(name), axes),
            _ => self.with(name, |path, name| npy::map(path, name, axes).map(|mapped| mapped.rows)),
        }
    }

    fn with<T>(&self, name: &str, read: impl FnOnce(&Path, Option<&str>) -> Result<T>) -> Result<T> {
        match self.kind {
            Kind::Archive(_) => read(self.path, Some(name)).map_err(|error| error.at_key(name)),
            _ => read(&self.path.join(format!("{name}.npy")), None),
        }
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>> {
        match self.kind {
            Kind::Group => group::shape(&self.path.join(name)),
            _ => self.with(name, npy::shape),
        }
    }

    /// Names the file at fault: one in the folder, or the archive.
    pub(super) fn blame(&self, file: &str, error: Error) -> Error {
        let file = Some(self.path.join(file)).filter(|file| self.is_folder() && file.is_file());
        error.in_file(file.as_deref().unwrap_or(self.path))
    }

    /// That it is not clear where the derivative comes from.
    pub(super) fn unclear(&self, message: &str) -> Error {
        let named = "`derivative`, or `differences` or `<parameter>_minus` and `<parameter>_plus`";
        let (arrays, delta) = match self.kind {
            Kind::Archive(_) => (named, "an array"),
            Kind::Group => (named, "the group's attributes"),
            Kind::Folder => {
                ("derivative.npy, or differences.npy or <parameter>_minus.npy and <parameter>_plus.npy", "set.json")
            }
        };
        let remedy = format!("give {arrays} with `delta` in {delta} or in the analysis");
        Error::invalid_input(message).remedy(remedy).in_file(self.path)
    }

    /// What the set says of itself.
    pub(super) fn description(&self) -> Result<Description> {
        let names = match &self.kind {
            Kind::Folder => return self.json(),
            Kind::Group => return self.attributes(),
            Kind::Archive(names) => names,
        };
        let has = |name: &str| names.iter().any(|there| there == name);
        let numbers = |name: &str| {
            let rows = has(name).then(|| self.map(name, &[("parameter", None)]));
            rows.map(|rows| rows.and_then(Rows::into_vec)).transpose()
        };
        let words = has("parameters").then(|| self.with("parameters", npy::words));
        let (theta_fid, delta) = (numbers("theta_fid")?, numbers("delta")?);
        Ok(Description { parameters: words.transpose()?, theta_fid, delta, ..Description::default() })
    }

    /// Of a group: its attributes, in which others may stand too.
    fn attributes(&self) -> Result<Description> {
        let attributes = group::attributes(self.path)?;
        let mut said = serde_json::Map::new();
        for key in ["parameters", "theta_fid", "delta"] {
            said.extend(attributes.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        serde_json::from_value(said.into()).map_err(|error| {
            Error::invalid_input(format!("the attributes of the group cannot be read ({error})"))
                .remedy("give lists: parameters of names, theta_fid and delta of numbers")
                .in_file(self.path)
        })
    }

    fn json(&self) -> Result<Description> {
        let path = self.path.join("set.json");
        if !path.exists() && self.path.is_dir() {
            return Ok(Description::default());
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::invalid_input(format!("the description of the set cannot be read ({error})"))
                .remedy("give parameters, theta_fid, shape and, with differences, delta")
                .in_file(&path)
                .at_line(error.line())
        })
    }

    /// The pairs of the arrays of each parameter, `(n_d, n_params, 2, *shape)`.
    pub(super) fn join(&self, parameters: &[String], shape: &[usize], data: &str) -> Result<Rows> {
        let width: usize = shape.iter().product();
        let first = format!("n_d: as many as {}", self.name(&format!("{}{}", parameters[0], ENDS[0])));
        let (mut n_d, mut arrays) = (None, Vec::new());
        for name in parameters.iter().flat_map(|name| ENDS.map(|end| format!("{name}{end}"))) {
            if !self.has(&name) {
                let there = self.names().join(", ");
                let message = format!("there is no {} beside the other arrays: {there}", self.name(&name));
                return Err(self.unclear(&message));
            }
            let data = shape.iter().map(|n| (data, Some(*n)));
            let axes: Vec<Axis> = std::iter::once((first.as_str(), n_d)).chain(data).collect();
            let rows = self.map(&name, &axes)?;
            n_d = Some(rows.len() / width);
            arrays.push(rows);
        }
        for (name, pair) in parameters.iter().zip(arrays.chunks_exact(2)) {
            if is_same(&pair[0], &pair[1], width)? {
                let [minus, plus] = ENDS.map(|end| self.name(&format!("{name}{end}")));
                return Err(Error::invalid_input(format!("{minus} and {plus} hold the same numbers"))
                    .remedy(format!("write simulations below and above the fiducial {name} there"))
                    .in_file(self.path));
            }
        }
        Ok(npy::interleaved(arrays, width))
    }
}

impl Description {
    /// Takes what is not said from what is known, in the order of the set's own parameters, and checks all of it.
    pub(super) fn complete(self, known: &Known, place: &Place) -> Result<Json> {
        let in_file = |error: Error| place.blame("set.json", error);
        let lacks = |key: &str, remedy: &str| {
            let message = format!("neither the set nor the analysis says `{key}`");
            in_file(Error::invalid_input(message).remedy(remedy.to_string()))
        };
        let joint = place.has("derivative") || place.has("differences");
        let in_order = joint || self.theta_fid.is_some() || self.delta.is_some();
        let parameters = match self.parameters {
            Some(names) => names,
            None if known.parameters.len() > 1 && in_order => {
                let message = "the set does not name its parameters, and their order could be any";
                let example = format!("{:?}", known.parameters);
                let remedy = match place.kind {
                    Kind::Archive(_) => {
                        format!("add an array of their names in order, parameters = numpy.array({example})")
                    }
                    Kind::Group => format!("add the attribute parameters = {example}, their names in order"),
                    Kind::Folder => {
                        format!("add a file set.json with their names in order, {{ \"parameters\": {example} }}")
                    }
                };
                return Err(in_file(Error::invalid_input(message).remedy(remedy)));
            }
            None if known.parameters.is_empty() => {
                return Err(lacks("parameters", "name them in the set"));
            }
            None => known.parameters.iter().map(|name| (*name).to_owned()).collect(),
        };
        let of_known = |values: &[f64], key: &str| -> Result<Vec<f64>> {
            let value = |name: &String| known.parameters.iter().position(|n| n == name).and_then(|i| values.get(i));
            let values = parameters.iter().map(|name| value(name).copied()).collect::<Option<Vec<f64>>>();
            values.ok_or_else(|| {
                let message = format!(
                    "the set is about {}, the analysis about {}, and gives no `{key}` of them",
                    parameters.join(", "),
                    known.parameters.join(", ")
                );
                in_file(Error::invalid_input(message).remedy("give both the same names"))
            })
        };
        let theta_fid = match self.theta_fid {
            Some(theta_fid) => theta_fid,
            None if known.theta_fid.is_empty() => {
                return Err(lacks(
                    "theta_fid",
                    "give every parameter its value in [fiducial], or the point in the set",
                ));
            }
            None => of_known(known.theta_fid, "theta_fid")?,
        };
        let delta = match (self.delta, known.delta) {
            (None, Some(delta)) => Some(of_known(delta, "delta")?),
            (delta, _) => delta,
        };
        let shape = match self.shape {
            Some(shape) => shape,
            None if place.has("fiducial") => {
                let shape = place.shape("fiducial")?;
                if shape.len() < 2 {
                    let message = format!(
                        "the array has {} axis, of length {}, expected 2 or more: n_s, then those of one simulation",
                        shape.len(),
                        shape.iter().product::<usize>()
                    );
                    let remedy = "write lists as (n_s, n_data), fields as (n_s, n, n) or (n_s, n, n, n)";
                    let error = Error::invalid_input(message).remedy(remedy);
                    let error = if place.is_folder() { error } else { error.at_key("fiducial") };
                    return Err(place.blame("fiducial.npy", error));
                }
                shape[1..].to_vec()
            }
            None => {
                let error = Error::invalid_input(format!("there is no {}", place.name("fiducial")));
                return Err(error.remedy("write the simulations at the fiducial point there").in_file(place.path));
            }
        };
        let json = Json { parameters, theta_fid, shape, delta, origin: self.origin };
        json.check().map_err(in_file)?;
        Ok(json)
    }
}

/// True where two arrays hold the same rows; they are read up to the first that differs.
fn is_same(a: &Rows, b: &Rows, width: usize) -> Result<bool> {
    let (mut of_a, mut of_b) = (a.reader(), b.reader());
    for row in 0..a.len().max(b.len()) / width.max(1) {
        if of_a.read(row * width..(row + 1) * width)? != of_b.read(row * width..(row + 1) * width)? {
            return Ok(false);
        }
    }
    Ok(true)
}
