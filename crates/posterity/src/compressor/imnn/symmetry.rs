//! Augmentation: a field that is periodic, and alike in all places and directions, may be shifted, turned and mirrored, and is
//! another simulation of the same model.
//!
//! Each simulation, its derivative and its pairs are moved alike, so that they keep their noise in common. With equal axes
//! there are 8 (in two dimensions) or 48 (in three) orders and directions of the axes, and as many shifts as cells. It brings
//! no independent simulations: it keeps a network that does not have the symmetries by itself from learning where a
//! fluctuation happened to be.

use crate::seed::{Seed, Stream};
use crate::simulator::{Derivatives, SimulationSet};
use rand::RngExt;
use rayon::prelude::*;

/// The set with each simulation moved by a symmetry of its own, drawn from stream i of `seed`.
pub(super) fn moved(set: &SimulationSet, seed: Seed) -> SimulationSet {
    let n_data = set.n_data();
    let symmetries = |n: usize| (0..n).map(|i| symmetry(&set.shape, &mut seed.stream(i as u64)));
    // Rows of one simulation lie side by side: `of_each` of them.
    let each = |rows: &[f64], of_each: usize| -> Vec<f64> {
        let mut out = vec![0.0; rows.len()];
        let n = rows.len() / (of_each * n_data);
        let maps: Vec<Vec<usize>> = symmetries(n).collect();
        let width = of_each * n_data;
        let parts = out.par_chunks_exact_mut(width).zip(rows.par_chunks_exact(width)).zip(&maps);
        parts.for_each(|((out, rows), map)| {
            for (out, row) in out.chunks_exact_mut(n_data).zip(rows.chunks_exact(n_data)) {
                out.iter_mut().zip(map).for_each(|(out, from)| *out = row[*from]);
            }
        });
        out
    };
    let n_params = set.n_params();
    let derivative = match &set.derivative {
        Derivatives::Exact(exact) => Derivatives::Exact(each(exact, n_params).into()),
        Derivatives::Differences { delta, pairs } => {
            Derivatives::Differences { delta: delta.clone(), pairs: each(pairs, 2 * n_params).into() }
        }
    };
    SimulationSet { fiducial: each(&set.fiducial, 1).into(), derivative, ..set.clone() }
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
            for i in 0..set.n_d() {
                let map = symmetry(&set.shape, &mut Seed::new(3).stream(i as u64));
                let (before, after) =
                    (set.data_derivatives(2 * i..2 * i + 2), moved.data_derivatives(2 * i..2 * i + 2));
                for (k, from) in map.iter().enumerate() {
                    assert_eq!(moved.fiducial[i * 16 + k], set.fiducial[i * 16 + from]);
                    [0, 16].into_iter().for_each(|row| assert_eq!(after[row + k], before[row + from]));
                }
            }
        }
    }
}
