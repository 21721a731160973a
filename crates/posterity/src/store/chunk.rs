//! The rows of a table that are written together, each with its status.

use super::Layout;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure, Record};
use crate::store::metadata::NO_SEED;
use std::collections::BTreeMap;

/// What there is of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody has simulated it yet.
    Missing,
    /// All of it is there.
    Done,
    /// There is how it failed.
    Failed(Cause),
}

impl Status {
    /// Its number in the array `status`: 0 missing, 1 done, 2 … 7 failed in the order of [`Cause::ALL`].
    pub fn code(self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Done => 1,
            Self::Failed(cause) => {
                let at = Cause::ALL.iter().position(|other| *other == cause);
                2 + u8::try_from(at.unwrap_or_default()).unwrap_or_default()
            }
        }
    }

    /// The status of a number.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Missing),
            1 => Some(Self::Done),
            _ => Cause::ALL.get(usize::from(code) - 2).copied().map(Self::Failed),
        }
    }

    /// True where the row has failed.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// The rows of one chunk, all `chunk_rows` of them, those beyond the table's end missing.
///
/// What is missing has NaN for theta and values, and `u64::MAX` for its seed index; what has failed NaN for values.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Which chunk: it begins with row `index * chunk_rows`.
    pub index: u64,
    /// Parameters, `(chunk_rows, n_params)`.
    pub theta: Vec<f64>,
    /// Index of each row's random stream.
    pub seed_index: Vec<u64>,
    /// What there is of each row.
    pub status: Vec<Status>,
    /// The arrays in the order of the layout, `(chunk_rows, *shape)` each.
    pub values: Vec<Vec<f64>>,
    /// How rows have failed, by place in the chunk.
    pub failures: BTreeMap<usize, Failure>,
}

impl Chunk {
    /// A chunk of which every row is missing.
    ///
    /// # Errors
    /// Invalid input, where the memory is too small for it.
    pub fn missing(layout: &Layout, index: u64) -> Result<Self> {
        Self::with_rows(layout, index, usize::try_from(layout.chunk_rows).unwrap_or(usize::MAX))
    }

    /// As [`Chunk::missing`], of another number of rows.
    pub(super) fn with_rows(layout: &Layout, index: u64, rows: usize) -> Result<Self> {
        Ok(Self {
            index,
            theta: filled(rows.saturating_mul(layout.parameters.len()), f64::NAN)?,
            seed_index: filled(rows, NO_SEED)?,
            status: filled(rows, Status::Missing)?,
            values: layout
                .values
                .iter()
                .map(|v| filled(rows.saturating_mul(v.n()), f64::NAN))
                .collect::<Result<_>>()?,
            failures: BTreeMap::new(),
        })
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.status.len()
    }

    /// Parameters of a row.
    pub fn theta_of(&self, row: usize) -> &[f64] {
        part(&self.theta, self.n(), row)
    }

    /// The failed rows, in order.
    pub fn records(&self) -> impl Iterator<Item = (usize, Record)> {
        self.failures.iter().map(|(&row, failure)| {
            (row, Record { index: self.seed_index[row], theta: self.theta_of(row).to_vec(), failure: failure.clone() })
        })
    }

    /// Takes from `other`, a chunk of the same index, each row that it has more of: done before failed before missing.
    pub(super) fn take_from(&mut self, other: &Self) {
        let rank = |status: Status| match status {
            Status::Missing => 0,
            Status::Failed(_) => 1,
            Status::Done => 2,
        };
        let n = self.n();
        for row in (0..n).filter(|row| rank(other.status[*row]) > rank(self.status[*row])).collect::<Vec<_>>() {
            part_mut(&mut self.theta, n, row).copy_from_slice(part(&other.theta, n, row));
            self.seed_index[row] = other.seed_index[row];
            self.status[row] = other.status[row];
            for (mine, others) in self.values.iter_mut().zip(&other.values) {
                part_mut(mine, n, row).copy_from_slice(part(others, n, row));
            }
            self.failures.remove(&row);
            if let Some(failure) = other.failures.get(&row) {
                self.failures.insert(row, failure.clone());
            }
        }
    }

    /// Makes what is not there NaN, whatever stood in its place.
    pub(super) fn blank(&mut self) {
        let n = self.n();
        for row in 0..n {
            if self.status[row] == Status::Missing {
                part_mut(&mut self.theta, n, row).fill(f64::NAN);
                self.seed_index[row] = NO_SEED;
            }
            if self.status[row] != Status::Done {
                self.values.iter_mut().for_each(|values| part_mut(values, n, row).fill(f64::NAN));
            }
        }
        let Self { status, failures, .. } = self;
        failures.retain(|row, _| status[*row].is_failed());
    }

    /// Says what is wrong with a chunk of this layout: lengths, numbers that are not finite where the row is done,
    /// numbers where there should be none, failures that are not those of the status.
    pub(super) fn fault(&self, layout: &Layout) -> Option<String> {
        let n = usize::try_from(layout.chunk_rows).unwrap_or(usize::MAX);
        let lengths = [self.status.len() == n, self.seed_index.len() == n];
        let widths = self.values.iter().zip(&layout.values).all(|(values, v)| values.len() == n.saturating_mul(v.n()));
        let theta = self.theta.len() == n.saturating_mul(layout.parameters.len());
        if lengths.contains(&false) || !widths || !theta || self.values.len() != layout.values.len() {
            return Some(format!("the arrays do not have {n} rows of the table's shape"));
        }
        let bits = f64::NAN.to_bits();
        let number = |row: usize| self.index.saturating_mul(layout.chunk_rows).saturating_add(row as u64);
        for (row, status) in self.status.iter().enumerate() {
            let values = self.values.iter().zip(&layout.values).map(|(values, v)| (v, part(values, n, row)));
            if *status == Status::Done {
                let first = self.theta_of(row).iter().position(|x| !x.is_finite()).map(|k| ("theta", k));
                let wrong = first.or_else(|| not_finite(values));
                if let Some((name, k)) = wrong {
                    return Some(format!("row {} is done, but value {k} of its `{name}` is not finite", number(row)));
                }
            } else {
                let mut values = values;
                if let Some((v, _)) = values.find(|(_, part)| part.iter().any(|x| x.to_bits() != bits)) {
                    return Some(format!("row {} is not done, but has `{}`", number(row), v.name));
                }
            }
            match (status, self.failures.get(&row)) {
                (Status::Failed(cause), Some(failure)) if failure.cause == *cause => {}
                (Status::Missing | Status::Done, None) => {}
                _ => return Some(format!("the status of row {} does not agree with how it failed", number(row))),
            }
        }
        self.failures.keys().find(|row| **row >= n).map(|row| format!("row {row} is not in the chunk"))
    }
}

/// The first value that is not finite: name of its array, and its place in the row.
pub(super) fn not_finite<'a>(
    values: impl IntoIterator<Item = (&'a super::Values, &'a [f64])>,
) -> Option<(&'a str, usize)> {
    let mut values = values.into_iter();
    values.find_map(|(v, part)| part.iter().position(|x| !x.is_finite()).map(|k| (v.name.as_str(), k)))
}

/// Row `row` of `n` in an array.
pub(super) fn part<T>(array: &[T], n: usize, row: usize) -> &[T] {
    let width = array.len() / n.max(1);
    &array[row * width..(row + 1) * width]
}

/// As [`part`], to be written.
pub(super) fn part_mut<T>(array: &mut [T], n: usize, row: usize) -> &mut [T] {
    let width = array.len() / n.max(1);
    &mut array[row * width..(row + 1) * width]
}

/// `n` times the same, or the memory is too small.
pub(super) fn filled<T: Clone>(n: usize, value: T) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(n).map_err(|_| {
        let bytes = n.saturating_mul(size_of::<T>());
        Error::invalid_input(format!("there is no memory for {bytes} bytes")).remedy("ask for fewer rows at once")
    })?;
    all.resize(n, value);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_pinned() {
        let all = [Status::Missing, Status::Done].into_iter().chain(Cause::ALL.map(Status::Failed));
        let codes: Vec<u8> = all.clone().map(Status::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(all.zip(codes).all(|(status, code)| Status::from_code(code) == Some(status)));
        assert_eq!(Status::Failed(Cause::BadOutput).code(), 7);
        assert_eq!((Status::from_code(8), Status::from_code(255)), (None, None));
    }
}
