//! Reads the text files in which supernova compilations are passed around: a table with a header, and a covariance.

use super::{asymmetry, pair};
use crate::error::{Error, Result};
use crate::math::Matrix;
use std::path::Path;

/// The columns that are used, row by row.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) zcmb: Vec<f64>,
    pub(super) zhel: Vec<f64>,
    pub(super) mb: Vec<f64>,
    pub(super) dmb: Vec<f64>,
}

/// Columns whose values, where they are not zero, would need more than this model: redshift errors, and light curves
/// that are not standardised.
const MUST_BE_ZERO: [(&str, &str); 3] = [
    ("dz", "add the variance that it causes to dmb or the covariance, and set it to 0"),
    ("x1", "give magnitudes already corrected for the shape of the light curve, with this column 0 or left out"),
    ("color", "give magnitudes already corrected for colour, with this column 0 or left out"),
];

/// Reads the table; the header is the first line that names a column `zcmb`, with or without a `#` before it.
pub(super) fn read_table(path: &Path) -> Result<Table> {
    let text = read(path)?;
    table(&text).map_err(|error| error.in_file(path))
}

fn table(text: &str) -> Result<Table> {
    let mut lines = lines(text);
    let header = lines.by_ref().find_map(|(line, content)| {
        let names: Vec<&str> = content.trim_start_matches('#').split_whitespace().collect();
        names.contains(&"zcmb").then_some((line, names))
    });
    let (header_line, names) = header.ok_or_else(|| {
        Error::invalid_input("no line names the columns")
            .remedy("begin the table with a header such as `#name zcmb zhel dz mb dmb`")
    })?;
    let column = |wanted: &str| names.iter().position(|name| *name == wanted);
    let needed = |wanted: &str| {
        column(wanted).ok_or_else(|| {
            Error::invalid_input(format!("the header names no column `{wanted}`"))
                .remedy(remedy_for_missing(wanted))
                .at_line(header_line)
        })
    };
    let columns = [needed("zcmb")?, needed("zhel")?, needed("mb")?, needed("dmb")?];
    let mut table = Table::default();
    let mut width = None;
    for (line, content) in lines.filter(|(_, content)| !content.starts_with('#')) {
        let fields: Vec<&str> = content.split_whitespace().collect();
        // Rows may end before the header does, as those of Pantheon; but all in the same column, one that is not used.
        let width = *width.get_or_insert(fields.len());
        if fields.len() != width || width > names.len() || columns.iter().any(|k| *k >= width) {
            let message = format!("{} values under the {} names of the header", fields.len(), names.len());
            return Err(Error::invalid_input(message).remedy("give each column one value in each row").at_line(line));
        }
        let value = |k: usize| number(fields[k], names[k], line);
        let [zcmb, zhel, mb, dmb] = columns;
        table.zcmb.push(redshift(value(zcmb)?, "zcmb", line)?);
        table.zhel.push(redshift(value(zhel)?, "zhel", line)?);
        table.mb.push(value(mb)?);
        let dmb = value(dmb)?;
        if dmb < 0.0 {
            return Err(Error::invalid_input(format!("the error dmb is {dmb}"))
                .remedy("give a standard deviation, 0 or more")
                .at_line(line));
        }
        table.dmb.push(dmb);
        for (name, remedy) in MUST_BE_ZERO {
            let other = column(name).filter(|k| *k < width).map_or(Ok(0.0), value)?;
            if other != 0.0 {
                return Err(Error::invalid_input(format!("`{name}` is {other}, which this model has no place for"))
                    .remedy(remedy)
                    .at_line(line));
            }
        }
    }
    if table.mb.is_empty() {
        return Err(Error::invalid_input("the table has a header but no supernova").at_line(header_line));
    }
    Ok(table)
}

fn remedy_for_missing(name: &str) -> &'static str {
    match name {
        "zhel" => "name one, a copy of zcmb where there is no heliocentric redshift",
        "dmb" => "name one, 0 in each row where the covariance file holds the whole variance",
        _ => "name one: the observed magnitude, standardised [mag]",
    }
}

fn redshift(z: f64, name: &str, line: usize) -> Result<f64> {
    if z > 0.0 {
        Ok(z)
    } else {
        Err(Error::invalid_input(format!("the redshift {name} is {z}"))
            .remedy("take out supernovae without a positive redshift")
            .at_line(line))
    }
}

/// Adds the covariance in the file to `total`, which holds the other variances.
pub(super) fn add_covariance(path: &Path, total: Matrix) -> Result<Matrix> {
    let text = read(path)?;
    added(&text, total).map_err(|error| error.in_file(path))
}

fn added(text: &str, total: Matrix) -> Result<Matrix> {
    let n = total.n_rows();
    let mut last_line = 1;
    let mut tokens = lines(text)
        .flat_map(|(line, content)| {
            content.split('#').next().unwrap_or_default().split_whitespace().map(move |word| (line, word))
        })
        .inspect(|(line, _)| last_line = *line);
    let (line, first) = tokens.next().ok_or_else(|| Error::invalid_input("the covariance file is empty"))?;
    if number(first, "number of supernovae", line)? != n as f64 {
        return Err(Error::invalid_input(format!("a covariance of {first} supernovae for a table of {n}"))
            .remedy("give the table and the covariance of one release; the first number is that of supernovae")
            .at_line(line));
    }
    let mut at_lines = Vec::with_capacity(n * n);
    let mut values = Vec::with_capacity(n * n);
    for (line, word) in tokens {
        values.push(number(word, "covariance", line)?);
        at_lines.push(line);
    }
    if values.len() != n * n {
        let message = format!("{} numbers after the first, where {n} × {n} = {} are wanted", values.len(), n * n);
        return Err(Error::invalid_input(message).remedy("give the whole matrix, row after row").at_line(last_line));
    }
    let part = Matrix::from_rows(n, n, values);
    let total = total.plus(&part);
    if let Some((i, j)) = asymmetry(&part, &total) {
        return Err(Error::invalid_input(format!("the covariance is not symmetric: {}", pair(&part, i, j)))
            .remedy("give the whole symmetric matrix, row after row")
            .at_line(at_lines[i * n + j]));
    }
    Ok(total)
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
    String::from_utf8(bytes).map_err(|_| {
        Error::invalid_input("this is not a text file").remedy("give the plain text files of the release").in_file(path)
    })
}

/// Lines with their numbers from 1, without blanks.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(str::trim).enumerate().map(|(k, content)| (k + 1, content)).filter(|(_, c)| !c.is_empty())
}

fn number(word: &str, name: &str, line: usize) -> Result<f64> {
    match word.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(Error::invalid_input(format!("`{name}` is `{word}`, not a finite number"))
            .remedy("mend or take out this entry")
            .at_line(line)),
    }
}
