//! The metadata of a table: `zarr.json` of the group, which decides, and of each array, which follow from it.

use super::layout::{Layout, MOST_ROWS, Values};
use crate::error::{Error, Result};
use crate::failure::Cause;
use crc32c::crc32c;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::ArrayToBytesCodecTraits;
use zarrs::array::builder::{ArrayBuilderDataType, ArrayBuilderFillValue};
use zarrs::array::chunk_key_encoding::DefaultChunkKeyEncoding;
use zarrs::array::codec::{BytesCodec, Crc32cCodec};
use zarrs::array::{Array, ArrayBuilder, ArrayBytes, CodecOptions, data_type};
use zarrs::metadata::v3::GroupMetadataV3;

const FORMAT: &str = "posterity simulations";
const VERSION: u64 = 1;

/// Seed index of a row that nobody has simulated.
pub(super) const NO_SEED: u64 = u64::MAX;

/// One array of a table: chunk c of it is one file.
pub(super) struct Column {
    /// Its name, which is that of its folder.
    pub(super) name: String,
    /// Elements in a row.
    pub(super) width: usize,
    array: Array<()>,
    metadata: Value,
}

/// All arrays of a table.
pub(super) struct Columns {
    pub(super) theta: Column,
    pub(super) seed_index: Column,
    pub(super) status: Column,
    pub(super) values: Vec<Column>,
}

impl Columns {
    /// The arrays of a table; checks nothing of the layout.
    pub(super) fn new(layout: &Layout, n_rows: u64) -> Result<Self> {
        let n_params = layout.parameters.len();
        let column = |name: &str, shape: &[usize], dimensions: &[String], attributes| {
            Column::new(name, shape, dimensions, attributes, layout.chunk_rows, n_rows)
        };
        let first = layout.values.first();
        let values =
            layout.values.iter().map(|v| column(&v.name, &v.shape, &dimensions(v, first, n_params), json!({})));
        let meanings: Vec<&str> = ["missing", "done"].into_iter().chain(Cause::ALL.map(name_of)).collect();
        let codes: Vec<usize> = (0..meanings.len()).collect();
        let codes = json!({
            "flag_values": codes,
            "flag_meanings": meanings.join(" "),
            "description": "0: not simulated yet; 1: done; more: failed, and how",
        });
        let seeds = json!({"description": format!("index of the random stream; {NO_SEED}: not simulated yet")});
        Ok(Self {
            theta: column("theta", &[n_params], &["parameter".into()], json!({"parameters": layout.parameters}))?,
            seed_index: column("seed_index", &[], &[], seeds)?,
            status: column("status", &[], &[], codes)?,
            values: values.collect::<Result<_>>()?,
        })
    }

    /// All of them, in the order in which they are written: status last.
    pub(super) fn all(&self) -> impl Iterator<Item = &Column> {
        self.values.iter().chain([&self.theta, &self.seed_index, &self.status])
    }
}

/// The cause's name in files.
fn name_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Refused => "refused",
        Cause::Exit => "exit",
        Cause::Killed => "killed",
        Cause::TimedOut => "timed_out",
        Cause::NotFinite => "not_finite",
        Cause::BadOutput => "bad_output",
    }
}

/// Names of the axes: an array that has those of the first one in it shares their names, and those of the parameters.
fn dimensions(values: &Values, first: Option<&Values>, n_params: usize) -> Vec<String> {
    let own = |k: usize| format!("{}_{k}", values.name);
    let shape = &values.shape;
    let Some(first) = first.filter(|first| first.name != values.name) else {
        return (0..shape.len()).map(own).collect();
    };
    let shared = if shape.ends_with(&first.shape) { first.shape.len() } else { 0 };
    let rest = shape.len() - shared;
    let mut names: Vec<String> = (0..rest).map(own).collect();
    if rest > 0 && shape[0] == n_params {
        names[0] = "parameter".into();
    }
    names.extend((0..shared).map(|k| format!("{}_{k}", first.name)));
    names
}

impl Column {
    fn new(
        name: &str,
        shape: &[usize],
        dimensions: &[String],
        attributes: Value,
        chunk_rows: u64,
        n_rows: u64,
    ) -> Result<Self> {
        let (data_type, fill): (ArrayBuilderDataType, ArrayBuilderFillValue) = match name {
            "status" => (data_type::uint8().into(), 0_u8.into()),
            "seed_index" => (data_type::uint64().into(), NO_SEED.into()),
            _ => (data_type::float64().into(), f64::NAN.into()),
        };
        let bytes = if name == "status" { BytesCodec::new(None) } else { BytesCodec::little() };
        let axes = |rows: u64| [rows].into_iter().chain(shape.iter().map(|n| *n as u64)).collect::<Vec<u64>>();
        let names = [String::from("simulation")].into_iter().chain(dimensions.iter().cloned());
        let mut builder = ArrayBuilder::new(axes(n_rows), axes(chunk_rows), data_type, fill);
        builder
            .chunk_key_encoding(DefaultChunkKeyEncoding::new_dot())
            .array_to_bytes_codec(Arc::new(bytes))
            .bytes_to_bytes_codecs(vec![Arc::new(Crc32cCodec::new())])
            .dimension_names(Some(names))
            .attributes(match attributes {
                Value::Object(map) => map,
                _ => Map::new(),
            });
        let array = builder.build(Arc::new(()), &format!("/{name}")).map_err(refused)?;
        let metadata = serde_json::to_value(builder.build_metadata().map_err(refused)?).map_err(refused)?;
        Ok(Self { name: name.to_owned(), width: shape.iter().product(), array, metadata })
    }

    /// The file of a chunk, below the table's folder.
    pub(super) fn path(&self, folder: &Path, chunk: u64) -> PathBuf {
        let axes = self.array.shape().len();
        let mut at = vec![0; axes];
        at[0] = chunk;
        folder.join(self.array.chunk_key(&at).as_str())
    }

    /// Number of the chunk in a file of this name.
    pub(super) fn chunk_of(&self, file_name: &str) -> Option<u64> {
        let tail = ".0".repeat(self.array.shape().len() - 1);
        let number = file_name.strip_prefix("c.")?.strip_suffix(tail.as_str())?;
        number.parse().ok().filter(|n: &u64| n.to_string() == number)
    }

    /// Bytes of a chunk's file.
    pub(super) fn file_size(&self) -> u64 {
        let elements: u64 = self.chunk_shape().iter().product();
        let size = self.array.data_type().fixed_size().unwrap_or(0) as u64;
        elements * size + 4
    }

    fn chunk_shape(&self) -> Vec<u64> {
        let at = vec![0; self.array.shape().len()];
        self.array.chunk_shape(&at).map(|shape| shape.iter().map(|n| n.get()).collect()).unwrap_or_default()
    }

    /// The content of a chunk's file, from its elements in the memory of this machine.
    pub(super) fn encode(&self, elements: &[u8]) -> Result<Vec<u8>> {
        let at = vec![0; self.array.shape().len()];
        let shape = self.array.chunk_shape(&at).map_err(refused)?;
        let (kind, fill) = (self.array.data_type(), self.array.fill_value());
        let bytes = ArrayBytes::new_flen(Cow::Borrowed(elements));
        let encoded = self.array.codecs().encode(bytes, &shape, kind, fill, &options()).map_err(refused)?;
        Ok(encoded.into_owned())
    }

    /// The elements, from the content of a chunk's file and in the same memory: of a large chunk there is no room for two.
    /// The checksum at its end must be right.
    pub(super) fn decode(&self, mut bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let (elements, sum) = bytes.split_last_chunk().ok_or("the checksum is missing")?;
        if crc32c(elements) != u32::from_le_bytes(*sum) {
            return Err("the checksum is invalid".into());
        }
        let n_bytes = elements.len();
        bytes.truncate(n_bytes);
        let at = vec![0; self.array.shape().len()];
        let shape = self.array.chunk_shape(&at).map_err(|error| error.to_string())?;
        let (kind, fill, codecs) = (self.array.data_type(), self.array.fill_value(), self.array.codecs());
        let decoded = codecs.array_to_bytes_codec().decode(Cow::Owned(bytes), &shape, kind, fill, &options());
        let fixed = decoded.map_err(|error| error.to_string())?.into_fixed().map_err(|error| error.to_string())?;
        Ok(fixed.into_owned())
    }

    /// The text of its `zarr.json`.
    pub(super) fn text(&self) -> String {
        pretty(&self.metadata)
    }

    /// Says where the content of a `zarr.json` is not as it must be; the number of rows may be another.
    pub(super) fn check(&self, text: &[u8]) -> std::result::Result<(), String> {
        let mut found: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if let Some(n @ Value::Number(_)) = found.pointer_mut("/shape/0") {
            *n = self.metadata["shape"][0].clone();
        }
        contains("", &found, &self.metadata)
    }

    /// True if the content of a `zarr.json` has the same number of rows.
    pub(super) fn has_rows(&self, text: &[u8]) -> bool {
        let found: Value = serde_json::from_slice(text).unwrap_or_default();
        found.pointer("/shape/0") == self.metadata.pointer("/shape/0")
    }
}

/// Without threads of its own: chunks are what is done at the same time.
fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::invalid_input(format!("the table cannot be laid out ({error})"))
}

/// The attributes of the group, by which everything else is known.
#[derive(Serialize, Deserialize)]
struct Attributes {
    format: String,
    format_version: u64,
    parameters: Vec<String>,
    values: Vec<Values>,
    chunk_rows: u64,
    n_rows: u64,
    provenance: Map<String, Value>,
    checksum: String,
}

impl Attributes {
    /// CRC-32C of all but itself, whatever order the keys are in.
    fn checksum(&self) -> String {
        let content = json!([
            self.format,
            self.format_version,
            self.parameters,
            self.values,
            self.chunk_rows,
            self.n_rows,
            self.provenance
        ]);
        checksum(canonical(content).to_string().as_bytes())
    }
}

/// The text of the group's `zarr.json`, which holds that of the arrays too, so that one file decides.
pub(super) fn group_text(layout: &Layout, n_rows: u64, columns: &Columns) -> Result<String> {
    let mut attributes = Attributes {
        format: FORMAT.into(),
        format_version: VERSION,
        parameters: layout.parameters.clone(),
        values: layout.values.clone(),
        chunk_rows: layout.chunk_rows,
        n_rows,
        provenance: layout.provenance.clone(),
        checksum: String::new(),
    };
    attributes.checksum = attributes.checksum();
    let attributes = serde_json::to_value(&attributes).map_err(refused)?;
    let mut group = GroupMetadataV3::new();
    if let Value::Object(attributes) = attributes {
        group.attributes = attributes;
    }
    let mut group = serde_json::to_value(&group).map_err(refused)?;
    let arrays: Map<String, Value> = columns.all().map(|c| (c.name.clone(), c.metadata.clone())).collect();
    group["consolidated_metadata"] = json!({"kind": "inline", "must_understand": false, "metadata": arrays});
    Ok(pretty(&group))
}

/// What the group's `zarr.json` says.
///
/// # Errors
/// Invalid input, where it is another program's or a later version's; corrupt file.
pub(super) fn read_group(text: &[u8]) -> Result<(Layout, u64, Columns)> {
    let damaged = |what: String| {
        Error::corrupt_file(format!("the table's description is damaged ({what})"))
            .remedy("put back a copy of this file, or choose another output folder")
    };
    let found: Value = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    let attributes = found.get("attributes").unwrap_or(&Value::Null);
    if attributes.get("format").is_none() {
        return Err(Error::invalid_input("this is no table of simulations").remedy("choose another output folder"));
    }
    if let Some(version) = attributes.get("format_version").and_then(Value::as_u64).filter(|v| *v > VERSION)
        && attributes["format"] == FORMAT
    {
        return Err(Error::invalid_input(format!("the table has version {version} of its format, not {VERSION}"))
            .remedy("read it with the version of the program that made it"));
    }
    let read: Attributes = serde_json::from_value(attributes.clone()).map_err(|error| damaged(error.to_string()))?;
    if read.checksum != read.checksum() || read.format != FORMAT || read.format_version != VERSION {
        return Err(damaged("the checksum is not that of the attributes".into()));
    }
    let Attributes { parameters, values, chunk_rows, n_rows, provenance, .. } = read;
    let layout = Layout { parameters, values, chunk_rows, provenance };
    layout.check().and_then(|()| check_rows(n_rows)).map_err(|error| damaged(error.to_string()))?;
    let columns = Columns::new(&layout, n_rows)?;
    let mut expected: Value = serde_json::from_str(&group_text(&layout, n_rows, &columns)?).map_err(refused)?;
    let known = ["zarr_format", "node_type", "attributes", "consolidated_metadata"];
    if let Some(key) = found.as_object().and_then(|group| group.keys().find(|key| !known.contains(&key.as_str()))) {
        return Err(damaged(format!("`{key}` is not known")));
    }
    if found.get("consolidated_metadata").is_none_or(Value::is_null)
        && let Some(group) = expected.as_object_mut()
    {
        // Other programs may have taken it away: the arrays have their own.
        group.remove("consolidated_metadata");
    }
    contains("", &found, &expected).map_err(damaged)?;
    Ok((layout, n_rows, columns))
}

/// Refuses more rows than a table can have.
pub(super) fn check_rows(n_rows: u64) -> Result<()> {
    if n_rows == 0 || n_rows > MOST_ROWS {
        return Err(Error::invalid_input(format!("a table cannot have {n_rows} rows")).remedy("ask for 1 to 2^32"));
    }
    Ok(())
}

/// CRC-32C in hexadecimal.
pub(super) fn checksum(bytes: &[u8]) -> String {
    format!("crc32c:{:08x}", crc32c(bytes))
}

fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        leaf => leaf,
    }
}

/// Says where `found` is not what is expected; keys that others have added do no harm.
fn contains(path: &str, found: &Value, expected: &Value) -> std::result::Result<(), String> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected.iter().try_for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            found.get(key).map_or_else(|| Err(format!("`{path}` is missing")), |found| contains(&path, found, value))
        }),
        _ if found == expected => Ok(()),
        _ => Err(format!("`{path}` is not what it was")),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk may be as large as memory allows: there must not be a second one while it is decoded.
    #[test]
    fn a_chunk_is_decoded_where_it_lies_and_every_changed_bit_is_seen() {
        let column = Column::new("data", &[3], &["data_0".into()], json!({}), 4, 10).expect("valid");
        let numbers: Vec<u8> = (0..12_u8).flat_map(|k| f64::from(k).to_ne_bytes()).collect();
        let file = column.encode(&numbers).expect("valid");
        assert_eq!(file.len() as u64, column.file_size());
        for bit in 0..8 * file.len() {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(column.decode(changed).expect_err("changed"), "the checksum is invalid");
        }
        assert_eq!(column.decode(vec![0; 3]).expect_err("cut"), "the checksum is missing");
        let place = file.as_ptr();
        let decoded = column.decode(file).expect("whole");
        assert!(decoded == numbers && decoded.as_ptr() == place);
    }
}
