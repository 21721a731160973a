//! Passes over rows that need not fit into memory: block by block in order, the next one read meanwhile.

use super::Rows;
use crate::error::Result;
use std::ops::Range;
use std::sync::mpsc::sync_channel;

/// Hands the rows `range` of several arrays, each with its number of values to a row, to `work`: at most `n` rows at once,
/// in order, those of all arrays side by side. What is in memory is not copied; of the rest, two blocks are in memory and a third on its way.
///
/// # Errors
/// Io; corrupt file; what `work` returns, after which nothing more is read.
pub fn in_blocks(
    arrays: &[(&Rows, usize)],
    range: Range<usize>,
    n: usize,
    mut work: impl FnMut(Range<usize>, &[&[f64]]) -> Result<()>,
) -> Result<()> {
    let blocks = range.clone().step_by(n.max(1)).map(|first| first..(first + n.max(1)).min(range.end));
    let slices: Option<Vec<(&[f64], usize)>> =
        arrays.iter().map(|(rows, width)| Some((rows.as_slice()?, *width))).collect();
    if let Some(slices) = slices {
        for block in blocks {
            let parts = slices.iter().map(|(rows, width)| &rows[block.start * width..block.end * width]);
            let parts: Vec<&[f64]> = parts.collect();
            work(block, &parts)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<Result<(Range<usize>, Vec<Vec<f64>>)>>(1);
        scope.spawn(move || {
            let mut readers: Vec<_> = arrays.iter().map(|(rows, width)| (rows.reader(), *width)).collect();
            for block in blocks {
                let parts = readers
                    .iter_mut()
                    .map(|(reader, width)| reader.read_owned(block.start * *width..block.end * *width));
                let parts: Result<Vec<Vec<f64>>> = parts.collect();
                let is_over = parts.is_err();
                // Nobody receives any more where the work has failed.
                if send.send(parts.map(|parts| (block, parts))).is_err() || is_over {
                    return;
                }
            }
        });
        receive.iter().try_for_each(|read| {
            let (block, parts) = read?;
            work(block, &parts.iter().map(Vec::as_slice).collect::<Vec<&[f64]>>())
        })
        // The receiver goes here, before the scope waits for the reader.
    })
}
