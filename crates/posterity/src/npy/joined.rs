//! Several arrays as one: one after another, or a row of each in turn. What is on disk stays there.

use super::rows::{Cursor, Numbers, Reader, Rows};
use crate::error::Result;
use std::ops::Range;

/// Row i of the arrays, one after another, then row i + 1: all of them of `width` values.
pub fn interleaved(arrays: Vec<Rows>, width: usize) -> Rows {
    Rows::elsewhere(Joined { arrays, order: Order::InTurn { width } })
}

/// The numbers of the first array, then those of the next; copied where all are in memory.
pub fn one_after_another(arrays: Vec<Rows>) -> Rows {
    let slices: Option<Vec<&[f64]>> =
        arrays.iter().map(|rows| rows.as_slice().filter(|_| !rows.is_on_disk())).collect();
    match slices {
        Some(slices) => slices.concat().into(),
        None => Rows::elsewhere(Joined { arrays, order: Order::OneAfterAnother }),
    }
}

#[derive(Clone, Copy)]
enum Order {
    InTurn { width: usize },
    OneAfterAnother,
}

struct Joined {
    arrays: Vec<Rows>,
    order: Order,
}

struct JoinedCursor<'a> {
    readers: Vec<Reader<'a>>,
    /// Where each array begins, if they come one after another, and the end.
    begins: Vec<usize>,
    order: Order,
}

impl Numbers for Joined {
    fn n(&self) -> usize {
        let lengths = self.arrays.iter().map(Rows::len);
        match self.order {
            Order::InTurn { .. } => lengths.min().unwrap_or_default() * self.arrays.len(),
            Order::OneAfterAnother => lengths.sum(),
        }
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        let mut begins = vec![0];
        self.arrays.iter().for_each(|rows| begins.push(begins[begins.len() - 1] + rows.len()));
        Box::new(JoinedCursor { readers: self.arrays.iter().map(Rows::reader).collect(), begins, order: self.order })
    }
}

impl JoinedCursor<'_> {
    /// The array that has this number, its place there, and how many follow one another there.
    fn find(&self, at: usize) -> (usize, usize, usize) {
        match self.order {
            Order::InTurn { width } => {
                let (row, column, n) = (at / width, at % width, self.readers.len());
                (row % n, row / n * width + column, width - column)
            }
            Order::OneAfterAnother => {
                let k = self.begins.partition_point(|begin| *begin <= at) - 1;
                (k, at - self.begins[k], self.begins[k + 1] - at)
            }
        }
    }
}

impl Cursor for JoinedCursor<'_> {
    fn read(&mut self, range: Range<usize>, out: &mut Vec<f64>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let (k, first, n) = self.find(at);
            let n = n.min(range.end - at);
            out.extend_from_slice(self.readers[k].read(first..first + n)?);
            at += n;
        }
        Ok(())
    }
}
