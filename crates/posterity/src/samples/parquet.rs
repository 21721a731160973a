//! Samples as a Parquet file: one column of doubles a parameter and one named `weight`, as pandas and ArviZ read them.
//!
//! The key-value metadata hold `posterity.version`, `posterity.labels` (LaTeX, a JSON list), `posterity.n_simulations`
//! and `posterity.epsilon` (where there is one). Parquet readers find the footer from the end of the file; the twelve
//! bytes before it are ours, `FNV1` and the FNV-1a hash of all other bytes, so that a damaged file is known before it
//! is parsed. Limits: one row group, uncompressed; the file is held in memory.
//!
//! In Python: `pandas.read_parquet("pmc.parquet")`.

use super::{Samples, WEIGHT, check_name};
use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::whole_file::write_whole;
use parquet::basic::{Repetition, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::data_type::DoubleType;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

const HASH_MARK: &[u8] = b"FNV1";

/// Writes `samples` to `path`, under another name until complete.
///
/// # Errors
/// Invalid input, as [`check_name`], or if a parameter's name is another's; io, if the file cannot be written.
pub fn write_parquet(samples: &Samples, path: &Path) -> Result<()> {
    let names: Vec<&str> = samples.parameters.iter().map(|p| p.name.as_str()).chain([WEIGHT]).collect();
    samples.parameters.iter().try_for_each(|parameter| check_name(&parameter.name))?;
    if let Some((_, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(Error::invalid_input(format!("`{name}` cannot name two columns")).remedy("rename the parameter"));
    }
    let columns: Vec<Vec<f64>> =
        (0..samples.n_params()).map(|i| samples.column(i)).chain([samples.weights.clone()]).collect();
    let failed = |source: std::io::Error| Error::io(path, &source);
    let bytes = encode(&names, &columns, metadata(samples)).map_err(|e| failed(std::io::Error::other(e)))?;
    let (data, footer) = bytes.split_at(footer_start(&bytes).unwrap_or(bytes.len()));
    write_whole(path, |out| {
        for part in [data, HASH_MARK, &fnv_1a([data, footer]).to_le_bytes(), footer] {
            out.write_all(part).map_err(failed)?;
        }
        Ok(())
    })
}

fn encode(names: &[&str], columns: &[Vec<f64>], metadata: Vec<KeyValue>) -> std::result::Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder();
    // Draws hardly repeat, so a dictionary would only add to them.
    let properties = properties.set_dictionary_enabled(false).set_key_value_metadata(Some(metadata)).build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema(names)?), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        if let Some(mut writer) = group.next_column()? {
            writer.typed::<DoubleType>().write_batch(column, None, None)?;
            writer.close()?;
        }
    }
    group.close()?;
    file.into_inner()
}

fn schema(names: &[&str]) -> std::result::Result<Type, ParquetError> {
    let fields = names.iter().map(|name| {
        Type::primitive_type_builder(name, Physical::DOUBLE).with_repetition(Repetition::REQUIRED).build().map(Arc::new)
    });
    Type::group_type_builder("samples").with_fields(fields.collect::<std::result::Result<_, _>>()?).build()
}

fn metadata(samples: &Samples) -> Vec<KeyValue> {
    let labels: Vec<&str> = samples.parameters.iter().map(|p| p.latex.as_str()).collect();
    let entry = |key: &str, value: String| KeyValue::new(format!("posterity.{key}"), value);
    let mut entries = vec![
        entry("version", env!("CARGO_PKG_VERSION").to_string()),
        entry("labels", serde_json::json!(labels).to_string()),
        entry("n_simulations", samples.n_simulations.to_string()),
    ];
    entries.extend(samples.epsilon.map(|epsilon| entry("epsilon", format!("{epsilon:e}"))));
    entries
}

/// Where the footer begins: a Parquet file ends in its length (4 bytes, little endian) and `PAR1`.
fn footer_start(bytes: &[u8]) -> Option<usize> {
    let length = bytes.strip_suffix(b"PAR1")?.last_chunk().map(|b| u32::from_le_bytes(*b))?;
    bytes.len().checked_sub(8)?.checked_sub(usize::try_from(length).ok()?)
}

fn is_undamaged(bytes: &[u8]) -> bool {
    let Some((before, footer)) = footer_start(bytes).map(|start| bytes.split_at(start)) else { return false };
    let Some((data, hash)) = before.split_last_chunk::<8>() else { return false };
    data.strip_suffix(HASH_MARK).is_some_and(|data| fnv_1a([data, footer]).to_le_bytes() == *hash)
}

fn fnv_1a(parts: [&[u8]; 2]) -> u64 {
    let bytes = parts.into_iter().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Reads what [`write_parquet`] wrote, bit for bit.
///
/// # Errors
/// Io, if the file cannot be opened; corrupt file, if it is not such a file or is damaged.
pub fn read_parquet(path: &Path) -> Result<Samples> {
    let io = |source: std::io::Error| Error::io(path, &source);
    if !is_undamaged(&std::fs::read(path).map_err(io)?) {
        return Err(Error::corrupt_file("damaged, or not a Parquet file that posterity wrote")
            .in_file(path)
            .remedy("infer again to write it anew"));
    }
    read(File::open(path).map_err(io)?).map_err(|e| e.in_file(path))
}

fn read(file: File) -> Result<Samples> {
    let damaged = |e: ParquetError| Error::corrupt_file(format!("not a readable Parquet file ({e})"));
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let about = reader.metadata().file_metadata();
    let entry = |key: &str| {
        let entries = about.key_value_metadata()?;
        entries.iter().find(|e| e.key.strip_prefix("posterity.") == Some(key))?.value.as_deref()
    };
    let required = |key: &str| entry(key).ok_or_else(|| Error::corrupt_file(format!("there is no posterity.{key}")));
    let bad = |key: &str| Error::corrupt_file(format!("posterity.{key} cannot be read"));
    let labels: Vec<String> = serde_json::from_str(required("labels")?).map_err(|_| bad("labels"))?;
    let names: Vec<String> = about.schema_descr().columns().iter().map(|c| c.name().to_string()).collect();
    if names.len() != labels.len() + 1 || names.last().is_none_or(|name| name != WEIGHT) {
        return Err(Error::corrupt_file("the columns are not the labelled parameters and `weight`"));
    }
    let n_rows =
        usize::try_from(about.num_rows()).map_err(|_| Error::corrupt_file("the number of rows is negative"))?;
    let mut columns = vec![Vec::new(); names.len()];
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        for (i, column) in columns.iter_mut().enumerate() {
            match group.get_column_reader(i).map_err(damaged)? {
                ColumnReader::DoubleColumnReader(mut values) => {
                    // Never asks for more than the file says, and the reader stops at the end of the pages.
                    values.read_records(n_rows - column.len().min(n_rows), None, None, column).map_err(damaged)?;
                }
                _ => return Err(Error::corrupt_file(format!("column {} is not of doubles", names[i]))),
            }
        }
    }
    if columns.iter().any(|column| column.len() != n_rows) {
        return Err(Error::corrupt_file("the columns are of different lengths"));
    }
    let weights = columns.pop().unwrap_or_default();
    let parameters = names.into_iter().zip(labels).map(|(name, latex)| Parameter { name, latex }).collect();
    let theta = (0..n_rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    let mut samples =
        Samples::new(parameters, theta, weights.clone()).map_err(|e| Error::corrupt_file(e.to_string()))?;
    // They sum to one but for rounding; dividing by that sum would change their last bits.
    samples.weights = weights;
    samples.n_simulations = required("n_simulations")?.parse().map_err(|_| bad("n_simulations"))?;
    samples.epsilon = entry("epsilon").map(|text| text.parse().map_err(|_| bad("epsilon"))).transpose()?;
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn samples() -> Samples {
        let parameters = vec![Parameter::new("omega_m", r"\Omega_m"), Parameter::new("w", "w")];
        let theta = (0..40).map(|i| (i as f64 * 0.7).sin()).collect();
        let mut samples = Samples::new(parameters, theta, (1..=20).map(f64::from).collect()).expect("valid");
        samples.epsilon = Some(0.1);
        samples.n_simulations = 12345;
        samples
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("posterity-parquet-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        dir
    }

    #[test]
    fn what_is_written_is_read_bit_for_bit() {
        let dir = folder("round");
        let path = dir.join("a.parquet");
        for epsilon in [None, Some(0.1)] {
            let samples = Samples { epsilon, ..samples() };
            write_parquet(&samples, &path).expect("written");
            assert_eq!(read_parquet(&path).expect("read"), samples);
        }
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn every_damaged_byte_and_every_truncation_is_an_error() {
        let dir = folder("damage");
        let path = dir.join("a.parquet");
        write_parquet(&samples(), &path).expect("written");
        let whole = std::fs::read(&path).expect("read");
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 0x55;
            for damaged in [&bytes[..], &whole[..i]] {
                std::fs::write(&path, damaged).expect("written");
                assert!(read_parquet(&path).expect_err("damaged").is_corrupt_file(), "byte {i}");
            }
        }
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn names_that_collide_are_refused() {
        let parameters = vec![Parameter::new(WEIGHT, "w")];
        let samples = Samples::new(parameters, vec![1.0], vec![1.0]).expect("valid");
        assert!(write_parquet(&samples, Path::new("unused")).expect_err("refused").is_invalid_input());
        assert!(read_parquet(Path::new("there/is/none")).expect_err("refused").is_io());
    }
}
