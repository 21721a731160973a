//! Rows of x, y, z, mass from CSV, Parquet and numpy files.

use super::{Columns, Place};
use crate::error::{Error, Result};
use crate::npy;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::fs::File;
use std::path::Path;

type Rows = Vec<(Place, [f64; 4])>;

pub(super) fn rows(path: &Path, columns: &Columns) -> Result<Rows> {
    let names = [&columns.position[0], &columns.position[1], &columns.position[2], &columns.mass];
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => from_csv(path, names),
        Some("parquet") => from_parquet(path, names),
        Some("npy") => from_npy(path),
        _ => {
            Err(Error::invalid_input("the catalogue's format is not known")
                .remedy("give a .csv, .parquet or .npy file"))
        }
    }
}

/// Where each of the four columns is among those found.
fn places(names: [&String; 4], found: &[String]) -> Result<[usize; 4]> {
    let mut places = [0; 4];
    for (place, name) in places.iter_mut().zip(names) {
        *place = found.iter().position(|f| f == name).ok_or_else(|| {
            Error::invalid_input(format!("there is no column `{name}`"))
                .remedy(format!("name one of the columns there: {}", found.join(", ")))
        })?;
    }
    Ok(places)
}

fn from_csv(path: &Path, names: [&String; 4]) -> Result<Rows> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let bad = |e: csv::Error| {
        let line = e.position().map(|p| p.line() as usize);
        let error = Error::corrupt_file(format!("not a readable CSV file ({e})"));
        match line {
            Some(line) => error.at_line(line),
            None => error,
        }
    };
    let header: Vec<String> = reader.headers().map_err(bad)?.iter().map(String::from).collect();
    let places = places(names, &header)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let place = Place::Line(record.position().map_or(0, |p| p.line() as usize));
        let mut row = [0.0; 4];
        for ((value, column), name) in row.iter_mut().zip(places).zip(names) {
            let text = record.get(column).unwrap_or_default();
            let number = text.parse::<f64>();
            *value = number.map_err(|_| place.error(format!("`{name}` is `{text}`, no number"), "mend the line"))?;
        }
        rows.push((place, row));
    }
    Ok(rows)
}

fn from_npy(path: &Path) -> Result<Rows> {
    let array = npy::read(path, &[("halo", None), ("column: x, y, z, mass", Some(4))])?;
    let rows = array.data.as_chunks::<4>().0.iter().enumerate();
    Ok(rows.map(|(i, row)| (Place::Row(i + 1), *row)).collect())
}

fn from_parquet(path: &Path, names: [&String; 4]) -> Result<Rows> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let about = reader.metadata().file_metadata();
    let found: Vec<String> = about.schema_descr().columns().iter().map(|c| c.path().string()).collect();
    let places = places(names, &found)?;
    for (place, name) in places.into_iter().zip(names) {
        if !is_plain(&about.schema_descr().column(place)) {
            let message =
                format!("the integers of column `{name}` are unsigned, or stand for decimals, dates or times");
            return Err(Error::invalid_input(message).remedy("store floats"));
        }
    }
    let mut columns: [Vec<f64>; 4] = Default::default();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        for ((column, place), name) in columns.iter_mut().zip(places).zip(names) {
            append(&*group, place, name, column)?;
        }
    }
    let n = columns[3].len();
    if columns.iter().any(|c| c.len() != n) {
        return Err(Error::corrupt_file("the columns are of different lengths"));
    }
    Ok((0..n).map(|i| (Place::Row(i + 1), std::array::from_fn(|c| columns[c][i]))).collect())
}

/// Whether the numbers of a column are what they seem: floats, or integers that are neither unsigned nor the storage of
/// decimals, dates or times.
fn is_plain(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE};
    if !matches!(column.physical_type(), Physical::INT32 | Physical::INT64) {
        return true;
    }
    match column.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => integer.is_signed,
        Some(_) => false,
        None => matches!(column.converted_type(), NONE | INT_8 | INT_16 | INT_32 | INT_64),
    }
}

fn append(group: &dyn RowGroupReader, place: usize, name: &str, out: &mut Vec<f64>) -> Result<()> {
    let n = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    match group.get_column_reader(place).map_err(damaged)? {
        ColumnReader::DoubleColumnReader(reader) => values(reader, n, name, out, |x| x),
        ColumnReader::FloatColumnReader(reader) => values(reader, n, name, out, f64::from),
        ColumnReader::Int32ColumnReader(reader) => values(reader, n, name, out, f64::from),
        ColumnReader::Int64ColumnReader(reader) => values(reader, n, name, out, |x| x as f64),
        _ => Err(Error::invalid_input(format!("column `{name}` is not of numbers")).remedy("store floats")),
    }
}

/// All values of a column in a row group; a null is an error.
fn values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    n: usize,
    name: &str,
    out: &mut Vec<f64>,
    number: impl Fn(T::T) -> f64,
) -> Result<()> {
    let (mut read, mut definitions) = (Vec::new(), Vec::new());
    while read.len() < n {
        let before = read.len();
        let (records, ..) =
            reader.read_records(n - before, Some(&mut definitions), None, &mut read).map_err(damaged)?;
        if records > read.len() - before {
            let row = out.len() + definitions.iter().position(|d| *d == 0).unwrap_or(0) + 1;
            return Err(Place::Row(row).error(format!("`{name}` is null"), "take out halos without position or mass"));
        }
        if records == 0 {
            return Err(Error::corrupt_file(format!("column `{name}` ends early")));
        }
    }
    out.extend(read.into_iter().map(number));
    Ok(())
}

fn damaged(e: ParquetError) -> Error {
    Error::corrupt_file(format!("not a readable Parquet file ({e})"))
}
