//! How the failed rows of a chunk failed, in a JSON file beside the table, under a checksum.

use super::metadata::checksum;
use crate::error::{Error, Result};
use crate::failure::{Failure, Record};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One failed row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Row of the table.
    pub(super) row: u64,
    /// Index of its random stream.
    index: u64,
    /// Its parameters; null where there were none.
    theta: Vec<Option<f64>>,
    /// What happened.
    #[serde(flatten)]
    pub(super) failure: Failure,
}

#[derive(Serialize, Deserialize)]
struct Content {
    checksum: String,
    failures: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(row: u64, record: Record) -> Self {
        let theta = record.theta.iter().map(|x| x.is_finite().then_some(*x)).collect();
        Self { row, index: record.index, theta, failure: record.failure }
    }

    /// As others know it.
    pub(super) fn record(self) -> Record {
        let theta = self.theta.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect();
        Record { index: self.index, theta, failure: self.failure }
    }

    /// True if the row of the table has the same parameters and seed index.
    pub(super) fn is_of(&self, theta: &[f64], seed_index: u64) -> bool {
        let same = |(mine, there): (&Option<f64>, &f64)| mine.is_none_or(|x| x == *there);
        self.index == seed_index && self.theta.len() == theta.len() && self.theta.iter().zip(theta).all(same)
    }
}

/// The folder beside a table: its name and `.quarantine`.
pub(super) fn folder(table: &Path) -> Result<PathBuf> {
    let Some(name) = table.file_name() else {
        return Err(Error::invalid_input("a table needs a folder of its own").remedy("name a new one").in_file(table));
    };
    let mut name = name.to_os_string();
    name.push(".quarantine");
    Ok(table.with_file_name(name))
}

/// The content of a file.
pub(super) fn encode(failures: Vec<Entry>) -> Result<Vec<u8>> {
    let refused = |error: serde_json::Error| Error::invalid_input(format!("a failure cannot be written ({error})"));
    let checksum = checksum(&serde_json::to_vec(&failures).map_err(refused)?);
    let mut text = serde_json::to_vec_pretty(&Content { checksum, failures }).map_err(refused)?;
    text.push(b'\n');
    Ok(text)
}

/// The failures in a file, each byte of which must be as it was written.
pub(super) fn decode(bytes: &[u8]) -> std::result::Result<Vec<Entry>, String> {
    let content: Content = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let again = encode(content.failures.clone()).map_err(|error| error.to_string())?;
    if again == bytes { Ok(content.failures) } else { Err("the checksum is not that of the failures".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Cause;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let failure =
            Failure { exit_status: Some(3), stderr: "line\nno\t\"Ω\"".into(), ..Failure::new(Cause::Exit, "3") };
        let record = Record { index: 7, theta: vec![0.1 + 0.2, f64::NAN], failure };
        let entries = vec![Entry::new(9, record)];
        let bytes = encode(entries.clone()).expect("written");
        assert_eq!(decode(&bytes).expect("read"), entries);
        assert!(entries[0].is_of(&[0.1 + 0.2, 5.0], 7) && !entries[0].is_of(&[0.1, 5.0], 7));
        assert!(entries[0].clone().record().theta[1].is_nan());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(decode(&flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}
