//! Augmentation: a field that is periodic, and alike in all places and directions, may be shifted, turned and mirrored, and is
//! another simulation of the same model.
//!
//! Each simulation, its derivative and its pairs are moved alike, so that they keep their noise in common. With equal axes
//! there are 8 (in two dimensions) or 48 (in three) orders and directions of the axes, and as many shifts as cells. It brings
//! no independent simulations: it keeps a network that does not have the symmetries by itself from learning where a
//! fluctuation happened to be.

use super::{Derivatives, SimulationSet};
use crate::error::Result;
use crate::npy::{Cursor, Numbers, Reader, Rows};
use crate::seed::{Seed, Stream};
use rand::RngExt;
use std::ops::Range;

/// The set with each simulation moved by a symmetry of its own, drawn from stream i of `seed`, whenever it is read.
pub(crate) fn moved(set: &SimulationSet, seed: Seed) -> SimulationSet {
    let n_params = set.n_params();
    // Rows of one simulation lie side by side: `of_each` of them.
    let rows = |rows: &Rows, of_each: usize| {
        Rows::elsewhere(Moved { rows: rows.clone(), shape: set.shape.clone(), of_each, seed })
    };
    let derivative = match &set.derivative {
        Derivatives::Exact(exact) => Derivatives::Exact(rows(exact, n_params)),
        Derivatives::Differences { delta, pairs } => {
            Derivatives::Differences { delta: delta.clone(), pairs: rows(pairs, 2 * n_params) }
        }
    };
    SimulationSet { fiducial: rows(&set.fiducial, 1), derivative, ..set.clone() }
}

struct Moved {
    rows: Rows,
    shape: Vec<usize>,
    of_each: usize,
    seed: Seed,
}

struct Moving<'a> {
    moved: &'a Moved,
    reader: Reader<'a>,
    /// The symmetry of the last simulation.
    map: Option<(usize, Vec<usize>)>,
}

impl Numbers for Moved {
    fn n(&self) -> usize {
        self.rows.len()
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(Moving { moved: self, reader: self.rows.reader(), map: None })
    }
}

impl Cursor for Moving<'_> {
    fn read(&mut self, range: Range<usize>, out: &mut Vec<f64>) -> Result<()> {
        let Moved { shape, of_each, seed, .. } = self.moved;
        let n_data: usize = shape.iter().product();
        for row in range.start / n_data..range.end.div_ceil(n_data) {
            let i = row / of_each;
            if self.map.as_ref().is_none_or(|map| map.0 != i) {
                self.map = Some((i, symmetry(shape, &mut seed.stream(i as u64))));
            }
            let values = self.reader.read(row * n_data..(row + 1) * n_data)?;
            let cells = range.start.max(row * n_data) - row * n_data..range.end.min((row + 1) * n_data) - row * n_data;
            let map = self.map.iter().flat_map(|map| &map.1[cells.clone()]);
            out.extend(map.map(|from| values[*from]));
        }
        Ok(())
    }
}

/// Which cell goes to each place, in C order. Axes of unequal size keep their order.
fn symmetry(shape: &[usize], stream: &mut Stream) -> Vec<usize> {
    let axes = shape.len();
    let mut order: Vec<usize> = (0..axes).collect();
    let are_equal = shape.iter().all(|n| *n == shape[0]);
    // How much is drawn does not depend on the shape's sizes.
    for i in (1..axes).rev() {
        let j = stream.random_range(0..=i);
        if are_equal {
            order.swap(i, j);
        }
    }
    let moves: Vec<(bool, usize)> =
        shape.iter().map(|n| (stream.random_range(0..2u8) == 1, stream.random_range(0..*n))).collect();
    let strides: Vec<usize> = (0..axes).map(|k| shape[k + 1..].iter().product()).collect();
    let n_data: usize = shape.iter().product();
    let from = |cell: usize| -> usize {
        let along = |k: usize| {
            let at = cell / strides[k] % shape[k];
            let (is_mirrored, shift) = moves[k];
            let at = if is_mirrored { shape[k] - 1 - at } else { at };
            (at + shift) % shape[k] * strides[order[k]]
        };
        (0..axes).map(along).sum()
    };
    (0..n_data).map(from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::GaussianField;

    fn set(delta: Option<&[f64]>) -> SimulationSet {
        let field = GaussianField::new(4, 2).expect("valid");
        let mut set = SimulationSet::new(&field, &[1.0, 0.5], delta, 6, 5).expect("valid");
        set.fill(&field, Seed::new(1), 0).expect("simulated");
        set
    }

    #[test]
    fn symmetries_are_permutations_that_keep_neighbours() {
        for shape in [vec![5], vec![4, 4], vec![3, 5], vec![4, 4, 4], vec![2, 3, 4]] {
            let n: usize = shape.iter().product();
            let mut seen = std::collections::BTreeSet::new();
            for k in 0..200 {
                let map = symmetry(&shape, &mut Seed::new(2).stream(k));
                let mut sorted = map.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().copied().eq(0..n), "{shape:?}");
                // Squared distances with wrap are kept.
                let distance = |a: usize, b: usize| -> usize {
                    let (mut a, mut b, mut sum) = (a, b, 0);
                    for size in shape.iter().rev() {
                        let d = (a % size).abs_diff(b % size);
                        sum += d.min(size - d).pow(2);
                        (a, b) = (a / size, b / size);
                    }
                    sum
                };
                (1..n).for_each(|i| assert_eq!(distance(0, i), distance(map[0], map[i]), "{shape:?}"));
                seen.insert(map);
            }
            assert!(seen.len() > 7, "{shape:?}: {}", seen.len());
        }
    }

    #[test]
    fn a_simulation_its_derivative_and_its_pairs_move_alike() {
        for delta in [None, Some([0.1, 0.1])] {
            let set = set(delta.as_ref().map(<[f64; 2]>::as_slice));
            let moved = moved(&set, Seed::new(3));
            let all = |set: &SimulationSet| {
                let fiducial = set.fiducial.all().expect("in memory").into_owned();
                (fiducial, set.derivatives().expect("in memory"))
            };
            let (before, after) = (all(&set), all(&moved));
            for i in 0..set.n_d() {
                let map = symmetry(&set.shape, &mut Seed::new(3).stream(i as u64));
                for (k, from) in map.iter().enumerate() {
                    assert_eq!(after.0[i * 16 + k], before.0[i * 16 + from]);
                    let of = |row: usize, cell: usize| (2 * i + row) * 16 + cell;
                    [0, 1].into_iter().for_each(|row| assert_eq!(after.1[of(row, k)], before.1[of(row, *from)]));
                }
            }
        }
    }
}
