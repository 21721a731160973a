//! Rows that stand twice in a catalogue, as where files that overlap were put together: each halo would count twice.

use super::{Place, REPEATS};
use crate::error::Result;

/// That no more than two rows repeat another in position and mass. Where at least as many share a place with a row of
/// another mass, positions are those of cells, and equal masses there are chance.
///
/// # Errors
/// Invalid input: how many there are, and the first one's place.
pub(super) fn check(rows: &[(Place, [f64; 4])]) -> Result<()> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let compare = |a: &[f64; 4], b: &[f64; 4]| a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
    order.sort_by(|i, j| compare(&rows[*i].1, &rows[*j].1).unwrap_or(i.cmp(j)));
    let (mut n_repeated, mut n_beside, mut first) = (0, 0, usize::MAX);
    for pair in order.windows(2) {
        let (before, row) = (&rows[pair[0]].1, &rows[pair[1]].1);
        if before == row {
            (n_repeated, first) = (n_repeated + 1, first.min(pair[1]));
        } else if before[..3] == row[..3] {
            n_beside += 1;
        }
    }
    if n_repeated < REPEATS || n_repeated <= n_beside {
        return Ok(());
    }
    let (place, [x, y, z, mass]) = rows[first];
    let n = rows.len();
    let message = format!(
        "the halo at ({x}, {y}, {z}) with {mass:.6e} Msun/h stands there before, as do {n_repeated} of {n} in all"
    );
    Err(place.error(message, "take out rows that are there twice"))
}
