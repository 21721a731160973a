//! Draws of Markov chains on disk, as ArviZ and xarray read them: a Zarr (version 3) group of groups.
//!
//! A store is one folder: group `posterior` with what was drawn, group `sample_stats` with what the sampler says of each
//! draw, each array `(chain, draw, …)` with its axes named, beside them the coordinates. What opens it is
//! `xarray.open_datatree(folder, engine="zarr")`, and `arviz.InferenceData.from_datatree` takes it from there.
//! The arrays have their whole length from the beginning; draws that are still to come are NaN (0 for whole numbers,
//! false). A chunk is one chain and so many draws, so that chains write beside each other, and a chunk that was being
//! written when the process was killed is written again. Chunks of nothing but 0 or false are written too: where one is
//! not there, draws are missing.

use crate::error::{Error, Result};
use crate::whole_file::write_text;
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::builder::{ArrayBuilderDataType, ArrayBuilderFillValue};
use zarrs::array::codec::Crc32cCodec;
use zarrs::array::{Array, ArrayBuilder, ArraySubset, CodecOptions, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::GroupBuilder;

/// The group of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What was drawn.
    Posterior,
    /// What the sampler says of each draw.
    SampleStats,
}

impl Group {
    fn path(self) -> &'static str {
        match self {
            Self::Posterior => "/posterior",
            Self::SampleStats => "/sample_stats",
        }
    }
}

/// How values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Double precision.
    F64,
    /// Single precision, for fields.
    F32,
    /// Whole numbers of 64 bits.
    I64,
    /// True where not 0.
    Bool,
}

/// One array of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub group: Group,
    /// How its values are kept.
    pub kind: Kind,
    /// Names of the axes after chain and draw, with their lengths.
    pub axes: Vec<(String, usize)>,
}

impl Variable {
    fn width(&self) -> usize {
        self.axes.iter().map(|(_, n)| n).product()
    }
}

/// Values along an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Coordinate {
    /// Names.
    Names(Vec<String>),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Number of chains.
    pub n_chains: usize,
    /// Draws of each chain.
    pub n_draws: usize,
    /// Draws in a chunk.
    pub chunk_draws: usize,
    /// The arrays.
    pub variables: Vec<Variable>,
    /// Values along axes, by name of the axis.
    pub coordinates: Vec<(String, Coordinate)>,
    /// What the group `posterior` says of itself.
    pub attributes: Map<String, Value>,
}

type Stored = Array<FilesystemStore>;

/// A store of chains that is open.
pub struct Chains {
    folder: PathBuf,
    layout: Layout,
    arrays: Vec<Stored>,
}

impl Chains {
    /// Writes the description of a store; chunks that are there already stay.
    ///
    /// # Errors
    /// Io.
    pub fn create(folder: &Path, layout: Layout) -> Result<Self> {
        let chains = Self::lay_out(folder, layout)?;
        let described = |path: &str, attributes: Map<String, Value>| {
            let group = GroupBuilder::new().attributes(attributes).build(chains.store()?, path);
            group.map_err(|e| chains.failed(&e))?.store_metadata().map_err(|e| chains.failed(&e))
        };
        described("/", Map::new())?;
        let mut paths = Vec::new();
        for group in [Group::Posterior, Group::SampleStats] {
            if !chains.layout.variables.iter().any(|v| v.group == group) {
                continue;
            }
            let is_first = group == Group::Posterior;
            described(group.path(), if is_first { chains.layout.attributes.clone() } else { Map::new() })?;
            let mut members = chains.write_coordinates(group)?;
            for (variable, array) in
                chains.layout.variables.iter().zip(&chains.arrays).filter(|(v, _)| v.group == group)
            {
                array.store_metadata().map_err(|e| chains.failed(&e))?;
                members.push(variable.name.clone());
            }
            chains.consolidate(group.path(), &members)?;
            paths.extend(members.iter().map(|name| format!("{}/{name}", &group.path()[1..])));
            paths.push(group.path()[1..].to_owned());
        }
        chains.consolidate("/", &paths)?;
        Ok(chains)
    }

    /// Opens a store of this layout.
    ///
    /// # Errors
    /// Invalid input, if there is none of this layout.
    pub fn open(folder: &Path, layout: Layout) -> Result<Self> {
        let chains = Self::lay_out(folder, layout)?;
        let store = chains.store()?;
        for array in &chains.arrays {
            let path = array.path().as_str();
            let other = |what: String| {
                Error::invalid_input(format!("`{path}` is not as this analysis would have it{what}"))
                    .remedy("sample again, or choose another output folder")
                    .in_file(folder)
            };
            let there = Array::open(store.clone(), path).map_err(|e| other(format!(": {e}")))?;
            if there.shape() != array.shape() || there.data_type() != array.data_type() {
                return Err(other(String::new()));
            }
        }
        Ok(chains)
    }

    /// Writes draws of one variable: chunk `chunk` of a chain, `chunk_draws × width` values, less in the last one.
    ///
    /// # Errors
    /// Io.
    pub fn write(&self, name: &str, chain: usize, chunk: usize, values: &[f64]) -> Result<()> {
        let (variable, array) = self.find(name)?;
        let mut at = vec![0_u64; array.shape().len()];
        (at[0], at[1]) = (chain as u64, chunk as u64);
        // Chunks at the end are as long as the others; what lies beyond the array is not read.
        let length = self.layout.chunk_draws * variable.width();
        let padded = |fill: f64| values.iter().copied().chain(std::iter::repeat(fill)).take(length);
        let options = CodecOptions::default().with_store_empty_chunks(true);
        let outcome = match variable.kind {
            Kind::F64 => array.store_chunk_opt(&at, padded(f64::NAN).collect::<Vec<f64>>(), &options),
            Kind::F32 => array.store_chunk_opt(&at, padded(f64::NAN).map(|x| x as f32).collect::<Vec<f32>>(), &options),
            Kind::I64 => array.store_chunk_opt(&at, padded(0.0).map(|x| x as i64).collect::<Vec<i64>>(), &options),
            Kind::Bool => array.store_chunk_opt(&at, padded(0.0).map(|x| x != 0.0).collect::<Vec<bool>>(), &options),
        };
        outcome.map_err(|e| self.failed(&e))
    }

    /// All draws of one variable of chains that are complete.
    ///
    /// # Errors
    /// As [`Chains::read`]; corrupt file, where a draw is missing.
    pub fn read_whole(&self, name: &str) -> Result<Vec<Vec<f64>>> {
        let chains = self.read(name)?;
        let (_, array) = self.find(name)?;
        let incomplete = chains.iter().enumerate().map(|(i, chain)| {
            let n_chunks = self.layout.n_draws.div_ceil(self.layout.chunk_draws);
            let is_whole = !chain.iter().any(|x| x.is_nan()) && self.has_chunks(array, i, 0..n_chunks)?;
            Ok((!is_whole).then_some(i))
        });
        match incomplete.collect::<Result<Vec<_>>>()?.into_iter().flatten().next() {
            None => Ok(chains),
            Some(i) => Err(self.missing(name, i)),
        }
    }

    /// One draw (from 0) of one variable of a chain, `width` values: of the store only the chunk that it lies in is read.
    ///
    /// # Errors
    /// Invalid input, for a chain or a draw that there is none of; corrupt file, where it is missing or damaged.
    pub fn read_draw(&self, name: &str, chain: usize, draw: usize) -> Result<Vec<f64>> {
        let (variable, array) = self.find(name)?;
        let Layout { n_chains, n_draws, chunk_draws, .. } = self.layout;
        if chain >= n_chains || draw >= n_draws {
            let message = format!("there is no draw {draw} of chain {chain} among {n_draws} of {n_chains} chains");
            return Err(Error::invalid_input(message).in_file(&self.folder));
        }
        let one = |i: usize| i as u64..i as u64 + 1;
        let others = variable.axes.iter().map(|(_, n)| 0..*n as u64);
        let ranges: Vec<_> = [one(chain), one(draw)].into_iter().chain(others).collect();
        let values = self.values(variable, array, &ArraySubset::new_with_ranges(&ranges))?;
        let chunk = draw / chunk_draws;
        match !values.iter().any(|x| x.is_nan()) && self.has_chunks(array, chain, chunk..chunk + 1)? {
            true => Ok(values),
            false => Err(self.missing(name, chain)),
        }
    }

    fn missing(&self, name: &str, chain: usize) -> Error {
        Error::corrupt_file(format!("draws of `{name}` of chain {chain} are missing"))
            .remedy("bring back the store's files, or sample again into another output folder")
            .in_file(&self.folder)
    }

    /// Whether these chunks of a chain are there: whole numbers and truth values have none that says that it is not.
    fn has_chunks(&self, array: &Stored, chain: usize, chunks: Range<usize>) -> Result<bool> {
        for chunk in chunks {
            let mut at = vec![0_u64; array.shape().len()];
            (at[0], at[1]) = (chain as u64, chunk as u64);
            if array.retrieve_encoded_chunk(&at).map_err(|e| self.failed(&e))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All draws of one variable, `n_draws × width` values for each chain; NaN where there are none yet.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn read(&self, name: &str) -> Result<Vec<Vec<f64>>> {
        let (variable, array) = self.find(name)?;
        let values = self.values(variable, array, &array.subset_all())?;
        Ok(values.chunks(self.layout.n_draws * variable.width()).map(<[f64]>::to_vec).collect())
    }

    /// A part of an array.
    fn values(&self, variable: &Variable, array: &Stored, subset: &ArraySubset) -> Result<Vec<f64>> {
        let name = &variable.name;
        let corrupt = |e: zarrs::array::ArrayError| {
            Error::corrupt_file(format!("`{name}` cannot be read: {e}"))
                .remedy("sample again into another output folder")
                .in_file(&self.folder)
        };
        Ok(match variable.kind {
            Kind::F64 => array.retrieve_array_subset(subset).map_err(corrupt)?,
            Kind::F32 => {
                let values: Vec<f32> = array.retrieve_array_subset(subset).map_err(corrupt)?;
                values.into_iter().map(f64::from).collect()
            }
            Kind::I64 => {
                let values: Vec<i64> = array.retrieve_array_subset(subset).map_err(corrupt)?;
                values.into_iter().map(|x| x as f64).collect()
            }
            Kind::Bool => {
                let values: Vec<bool> = array.retrieve_array_subset(subset).map_err(corrupt)?;
                values.into_iter().map(|x| f64::from(u8::from(x))).collect()
            }
        })
    }

    /// What the store holds.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn lay_out(folder: &Path, layout: Layout) -> Result<Self> {
        let mut chains = Self { folder: folder.to_path_buf(), layout, arrays: Vec::new() };
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        let store = chains.store()?;
        let Layout { n_chains, n_draws, chunk_draws, .. } = chains.layout;
        for variable in &chains.layout.variables {
            let lengths = variable.axes.iter().map(|(_, n)| *n as u64);
            let shape = [n_chains as u64, n_draws as u64].into_iter().chain(lengths.clone()).collect::<Vec<_>>();
            let chunk = [1, chunk_draws as u64].into_iter().chain(lengths).collect::<Vec<_>>();
            let names = ["chain", "draw"].into_iter().chain(variable.axes.iter().map(|(name, _)| name.as_str()));
            let (kind, fill): (ArrayBuilderDataType, ArrayBuilderFillValue) = match variable.kind {
                Kind::F64 => (data_type::float64().into(), f64::NAN.into()),
                Kind::F32 => (data_type::float32().into(), f32::NAN.into()),
                Kind::I64 => (data_type::int64().into(), 0_i64.into()),
                Kind::Bool => (data_type::bool().into(), zarrs::array::FillValue::from(false).into()),
            };
            let mut builder = ArrayBuilder::new(shape, chunk, kind, fill);
            builder
                .bytes_to_bytes_codecs(vec![Arc::new(Crc32cCodec::new())])
                .dimension_names(Some(names.map(str::to_owned)));
            let path = format!("{}/{}", variable.group.path(), variable.name);
            chains.arrays.push(builder.build(store.clone(), &path).map_err(|e| chains.failed(&e))?);
        }
        Ok(chains)
    }

    /// Puts the metadata of a group's members into its own, so that readers open one file.
    fn consolidate(&self, group: &str, members: &[String]) -> Result<()> {
        let read = |path: &Path| -> Result<Value> {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
            serde_json::from_str(&text).map_err(|e| self.failed(&e))
        };
        let folder = self.folder.join(&group[1..]);
        let own = folder.join("zarr.json");
        let mut metadata = read(&own)?;
        let of_members = members.iter().map(|name| {
            let mut member = read(&folder.join(name).join("zarr.json"))?;
            member.as_object_mut().map(|object| object.remove("consolidated_metadata"));
            Ok((name.clone(), member))
        });
        let of_members: Map<String, Value> = of_members.collect::<Result<_>>()?;
        metadata["consolidated_metadata"] = json!({"kind": "inline", "must_understand": false, "metadata": of_members});
        write_text(&own, &format!("{metadata:#}\n"))
    }

    /// The coordinates of the axes that a group has; their names.
    fn write_coordinates(&self, group: Group) -> Result<Vec<String>> {
        let numbers = |n: usize| Coordinate::Numbers((0..n).map(|i| i as f64).collect());
        let of_all =
            [("chain".to_owned(), numbers(self.layout.n_chains)), ("draw".into(), numbers(self.layout.n_draws))];
        let axes = || self.layout.variables.iter().filter(|v| v.group == group).flat_map(|v| &v.axes);
        let named = self.layout.coordinates.iter().filter(|(name, _)| axes().any(|(axis, _)| axis == name));
        let mut names = Vec::new();
        for (i, (name, values)) in of_all.iter().chain(named).enumerate() {
            self.write_coordinate(&format!("{}/{name}", group.path()), name, values, i < of_all.len())?;
            names.push(name.clone());
        }
        Ok(names)
    }

    fn write_coordinate(&self, path: &str, name: &str, values: &Coordinate, is_index: bool) -> Result<()> {
        let n = match values {
            Coordinate::Names(names) => names.len(),
            Coordinate::Numbers(numbers) => numbers.len(),
        };
        let (kind, fill): (ArrayBuilderDataType, ArrayBuilderFillValue) = match values {
            Coordinate::Names(_) => (data_type::string().into(), "".into()),
            Coordinate::Numbers(_) if is_index => (data_type::int64().into(), 0_i64.into()),
            Coordinate::Numbers(_) => (data_type::float64().into(), f64::NAN.into()),
        };
        let mut builder = ArrayBuilder::new(vec![n as u64], vec![n.max(1) as u64], kind, fill);
        builder.dimension_names(Some([name.to_owned()]));
        let array = builder.build(self.store()?, path).map_err(|e| self.failed(&e))?;
        array.store_metadata().map_err(|e| self.failed(&e))?;
        let outcome = match values {
            Coordinate::Names(names) => array.store_chunk(&[0], names.clone()),
            Coordinate::Numbers(x) if is_index => {
                array.store_chunk(&[0], x.iter().map(|x| *x as i64).collect::<Vec<_>>())
            }
            Coordinate::Numbers(numbers) => array.store_chunk(&[0], numbers.clone()),
        };
        outcome.map_err(|e| self.failed(&e))
    }

    fn store(&self) -> Result<Arc<FilesystemStore>> {
        FilesystemStore::new(&self.folder).map(Arc::new).map_err(|e| self.failed(&e))
    }

    fn find(&self, name: &str) -> Result<(&Variable, &Stored)> {
        let found = self.layout.variables.iter().zip(&self.arrays).find(|(v, _)| v.name == name);
        found.ok_or_else(|| Error::invalid_input(format!("the chains have no variable `{name}`")).in_file(&self.folder))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Error {
        Error::io(&self.folder, &std::io::Error::other(error.to_string()))
    }
}

/// The attributes that a store of chains carries for its readers.
pub fn attributes(seed: u64) -> Map<String, Value> {
    let all = json!({
        "inference_library": "posterity",
        "inference_library_version": env!("CARGO_PKG_VERSION"),
        "seed": seed,
    });
    match all {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(n_draws: usize) -> Layout {
        let variable = |name: &str, group, kind, axes: &[(&str, usize)]| Variable {
            name: name.into(),
            group,
            kind,
            axes: axes.iter().map(|(name, n)| ((*name).into(), *n)).collect(),
        };
        Layout {
            n_chains: 2,
            n_draws,
            chunk_draws: 3,
            variables: vec![
                variable("weights", Group::Posterior, Kind::F64, &[("weight", 2)]),
                variable("field", Group::Posterior, Kind::F32, &[("x", 2), ("y", 2)]),
                variable("diverging", Group::SampleStats, Kind::Bool, &[]),
                variable("n_steps", Group::SampleStats, Kind::I64, &[]),
            ],
            coordinates: vec![("weight".into(), Coordinate::Names(vec!["bias".into(), "μ".into()]))],
            attributes: attributes(7),
        }
    }

    #[test]
    fn draws_come_back_and_those_to_come_are_missing() {
        let folder = std::env::temp_dir().join(format!("posterity_chains_{}", std::process::id()));
        let chains = Chains::create(&folder, layout(5)).expect("created");
        chains.write("weights", 1, 0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("written");
        chains.write("weights", 1, 1, &[7.0, 8.0, 9.0, 10.0]).expect("a short last chunk");
        chains.write("diverging", 0, 0, &[0.0, 1.0, 0.0]).expect("written");
        let again = Chains::open(&folder, layout(5)).expect("there");
        let weights = again.read("weights").expect("read");
        assert_eq!(weights[1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!(weights[0].iter().all(|x| x.is_nan()) && weights[0].len() == 10);
        assert_eq!(again.read("diverging").expect("read")[0], [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(again.read("n_steps").expect("read")[1], [0.0; 5]);
        assert!(Chains::open(&folder, layout(6)).is_err_and(|e| e.is_invalid_input()));
        assert!(again.read("weight").is_err_and(|e| e.is_invalid_input()));
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_missing_chunk_of_any_kind_is_found() {
        let folder = std::env::temp_dir().join(format!("posterity_chains_missing_{}", std::process::id()));
        let chains = Chains::create(&folder, layout(5)).expect("created");
        for (name, width) in [("weights", 2), ("field", 4), ("diverging", 1), ("n_steps", 1)] {
            for (chain, chunk) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                // What is nothing but 0 and false is written all the same.
                let draws = if chunk == 0 { 3 } else { 2 };
                chains.write(name, chain, chunk, &vec![0.0; draws * width]).expect("written");
            }
            assert!(chains.read_whole(name).is_ok_and(|all| all == vec![vec![0.0; 5 * width]; 2]), "{name}");
        }
        let gone = [
            ("weights", "posterior/weights/c/1/0/0"),
            ("field", "posterior/field/c/0/1/0/0"),
            ("diverging", "sample_stats/diverging/c/1/1"),
            ("n_steps", "sample_stats/n_steps/c/0/0"),
        ];
        for (name, chunk) in gone {
            std::fs::remove_file(folder.join(chunk)).expect("there");
            assert!(chains.read_whole(name).is_err_and(|e| e.is_corrupt_file()), "{name}");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn one_draw_is_read_of_its_chunk_alone() {
        let folder = std::env::temp_dir().join(format!("posterity_chains_draw_{}", std::process::id()));
        let chains = Chains::create(&folder, layout(5)).expect("created");
        let field: Vec<f64> = (0..12).map(f64::from).collect();
        chains.write("field", 1, 0, &field).expect("written");
        chains.write("field", 1, 1, &[0.5; 8]).expect("written");
        chains.write("n_steps", 1, 0, &[3.0, 0.0, 4.0]).expect("written");
        assert_eq!(chains.read_draw("field", 1, 2).expect("read"), [8.0, 9.0, 10.0, 11.0]);
        assert_eq!(chains.read_draw("field", 1, 4).expect("read"), [0.5; 4]);
        assert_eq!(chains.read_draw("n_steps", 1, 1).expect("read"), [0.0]);
        // What was never written is missing, of other kinds than floats too; what was is there without the rest.
        std::fs::remove_file(folder.join("posterior/field/c/1/1/0/0")).expect("there");
        assert_eq!(chains.read_draw("field", 1, 0).expect("read"), [0.0, 1.0, 2.0, 3.0]);
        for (name, chain, draw) in [("field", 1, 3), ("field", 0, 0), ("n_steps", 1, 3), ("weights", 0, 0)] {
            assert!(chains.read_draw(name, chain, draw).is_err_and(|e| e.is_corrupt_file()), "{name} {chain} {draw}");
        }
        for (chain, draw) in [(2, 0), (1, 5)] {
            assert!(chains.read_draw("field", chain, draw).is_err_and(|e| e.is_invalid_input()));
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_damaged_chunk_is_found() {
        let folder = std::env::temp_dir().join(format!("posterity_chains_damaged_{}", std::process::id()));
        let chains = Chains::create(&folder, layout(3)).expect("created");
        chains.write("weights", 0, 0, &[1.0; 6]).expect("written");
        let chunk = folder.join("posterior/weights/c/0/0/0");
        let mut bytes = std::fs::read(&chunk).expect("there");
        bytes[3] ^= 1;
        std::fs::write(&chunk, bytes).expect("written");
        assert!(chains.read("weights").is_err_and(|e| e.is_corrupt_file()));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
