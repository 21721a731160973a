//! An array of a table as rows that are read from the disk when they are wanted, a chunk at a time.

use super::metadata::Column;
use super::table::Table;
use crate::error::Result;
use crate::npy::{Cursor, Numbers, Rows};
use std::collections::BTreeSet;
use std::ops::Range;

impl Table {
    /// An array of the layout, of the rows in these ranges (in order, without overlap), which must be done. A chunk is in
    /// memory while it is read from.
    ///
    /// # Errors
    /// Invalid input, where there is no such array or row.
    pub fn into_rows(self, name: &str, ranges: Vec<Range<u64>>) -> Result<Rows> {
        ranges.iter().try_for_each(|range| self.check_rows(range))?;
        let column = self.column(name)?;
        let mut begins = vec![0];
        ranges.iter().for_each(|range| begins.push(begins[begins.len() - 1] + (range.end - range.start)));
        Ok(Rows::elsewhere(TableRows { table: self, column, ranges, begins }))
    }
}

/// The ranges of the first `n_rows` rows that are left without these random streams, each of `per_stream` rows.
pub fn without(streams: &BTreeSet<u64>, per_stream: u64, n_rows: u64) -> Vec<Range<u64>> {
    let (mut left, mut first) = (Vec::new(), 0);
    for row in streams.iter().map(|stream| stream * per_stream).take_while(|row| *row < n_rows) {
        left.push(first..row);
        first = row + per_stream;
    }
    left.push(first..n_rows);
    left.retain(|range| !range.is_empty());
    left
}

struct TableRows {
    table: Table,
    /// Place of the array in the layout.
    column: usize,
    ranges: Vec<Range<u64>>,
    /// Which of these rows each range begins with, and how many there are.
    begins: Vec<u64>,
}

impl TableRows {
    fn column(&self) -> &Column {
        &self.table.columns.values[self.column]
    }
}

impl Numbers for TableRows {
    fn n(&self) -> usize {
        let rows = self.begins.last().copied().unwrap_or_default();
        usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(self.column().width)
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(InChunk { rows: self, chunk: None })
    }
}

struct InChunk<'a> {
    rows: &'a TableRows,
    /// The chunk read last, and the bytes of its numbers.
    chunk: Option<(u64, Vec<u8>)>,
}

impl Cursor for InChunk<'_> {
    fn read(&mut self, range: Range<usize>, out: &mut Vec<f64>) -> Result<()> {
        let TableRows { table, ranges, begins, .. } = self.rows;
        let column = self.rows.column();
        let mut at = range.start;
        while at < range.end {
            let (row, first) = ((at / column.width) as u64, at % column.width);
            let k = begins.partition_point(|begin| *begin <= row) - 1;
            let row = ranges[k].start + (row - begins[k]);
            let chunk = row / table.chunk_rows();
            if self.chunk.as_ref().is_none_or(|(there, _)| *there != chunk) {
                // The last one goes before the next one comes.
                self.chunk = None;
                self.chunk = Some((chunk, table.settled(chunk, || table.read_bytes_there(column, chunk))?));
            }
            let begin = (row - chunk * table.chunk_rows()) as usize * column.width + first;
            let rows_left = (table.rows_of(chunk).end.min(ranges[k].end) - row) as usize;
            let n = (rows_left * column.width - first).min(range.end - at);
            let bytes = self.chunk.iter().flat_map(|(_, bytes)| bytes[8 * begin..8 * (begin + n)].as_chunks::<8>().0);
            let before = out.len();
            out.extend(bytes.map(|bytes| f64::from_ne_bytes(*bytes)));
            if out[before..].iter().any(|x| !x.is_finite()) {
                return Err(table.corrupt(column, chunk, "rows are done, but have numbers that are not finite"));
            }
            at += n;
        }
        Ok(())
    }
}
