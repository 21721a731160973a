//! Halos in bins of density and mass: those of the catalogue beside those that the posterior expects, with Poisson
//! scatter.

use super::super::Extension;
use super::figures::{Pair, band};
use crate::halo::Mixture;
use crate::report::{MassFunction, MassFunctionBin};
use crate::seed::Seed;
use rand_distr::{Distribution, Poisson};
use rayon::prelude::*;

/// Edges of the density bins, as shares of the volume.
const SHARES: [f64; 5] = [0.0, 0.5, 0.8, 0.95, 1.0];
/// Mass bins, of equal width in ln M.
const N_MASSES: usize = 8;
/// Poisson scatters of each draw: the ends of a 95 % band want many.
const N_SCATTERS: usize = 20;

/// The part of the report. Each draw's voxels are binned by its own density, and so are the halos in them: where the
/// density is sampled, one draw and the catalogue are a pair as the truth and the catalogue are. (Bins of the mean density
/// would not do: voxels have little of it because they have few halos.) What is shown of the catalogue is the mean over
/// draws.
pub(super) fn part(extension: &Extension, shown: &[f64], pairs: &[Pair], psis: &[Vec<f64>]) -> MassFunction {
    let bins = density_bins(pairs.first().map_or(shown, |pair| &pair.density));
    let edges = mass_edges(extension);
    let bin_of = |density: &f64| bins.iter().position(|bin| bin.contains(*density)).unwrap_or(0);
    let volume = extension.field.grid.cell_volume();
    let mixture = extension.engine.settings.mixture;
    let n_engine = extension.engine.names.len() - mixture.n_weights();
    let seed = Seed::new(extension.seed).label("mass_function");
    let drawn: Vec<Counted> = (pairs.par_iter().zip(psis).enumerate())
        .map(|(i, (pair, psi))| {
            let of_voxels: Vec<usize> = pair.density.iter().map(bin_of).collect();
            let mut expected = expected(&mixture, &pair.weights[n_engine..], psi, &of_voxels, bins.len(), &edges);
            expected.iter_mut().for_each(|n| *n *= volume);
            let mut stream = seed.stream(i as u64);
            let mut scatters = |n: &f64| -> Vec<f64> { (0..N_SCATTERS).map(|_| scattered(*n, &mut stream)).collect() };
            let drawn = expected.iter().map(&mut scatters).collect();
            let mut found = vec![0.0; bins.len() * N_MASSES];
            for (voxel, mass) in &extension.halos.cells {
                let mass = edges.partition_point(|edge| edge <= mass).clamp(1, N_MASSES) - 1;
                found[of_voxels[*voxel] * N_MASSES + mass] += 1.0;
            }
            let mut n_voxels = vec![0.0; bins.len()];
            of_voxels.iter().for_each(|bin| n_voxels[*bin] += 1.0);
            Counted { expected, drawn, found, n_voxels }
        })
        .collect();
    let mean = |of: &dyn Fn(&Counted) -> f64| drawn.iter().map(of).sum::<f64>() / drawn.len().max(1) as f64;
    let all = bins.iter().enumerate().map(|(b, bin)| MassFunctionBin {
        density_low: 1.0 + bin.low,
        density_high: 1.0 + bin.high,
        n_voxels: mean(&|counted| counted.n_voxels[b]).round() as u64,
        mass_edges: edges.clone(),
        counts: (0..N_MASSES).map(|m| mean(&|counted| counted.found[b * N_MASSES + m]).round() as u64).collect(),
        expected: (0..N_MASSES).map(|m| mean(&|counted| counted.expected[b * N_MASSES + m])).collect(),
        posterior: band(
            (0..N_MASSES).map(|m| drawn.iter().flat_map(|d| d.drawn[b * N_MASSES + m].clone()).collect()).collect(),
        ),
    });
    MassFunction { bins: all.collect() }
}

/// By a draw, in each bin of density and mass: halos expected; numbers with Poisson scatter about them; halos of the
/// catalogue; and voxels in each bin of density.
struct Counted {
    expected: Vec<f64>,
    drawn: Vec<Vec<f64>>,
    found: Vec<f64>,
    n_voxels: Vec<f64>,
}

/// From `low` to below `high`.
struct Bin {
    low: f64,
    high: f64,
}

impl Bin {
    fn contains(&self, density: f64) -> bool {
        density >= self.low && density < self.high
    }
}

fn density_bins(density: &[f64]) -> Vec<Bin> {
    let mut sorted = density.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = SHARES.len() - 1;
    let edge = |i: usize| {
        if i == last { f64::INFINITY } else { sorted[(SHARES[i] * sorted.len() as f64) as usize] }
    };
    (0..last).map(|i| Bin { low: edge(i), high: edge(i + 1) }).collect()
}

fn mass_edges(extension: &Extension) -> Vec<f64> {
    let masses = &extension.halos.catalogue.masses;
    let (low, high) = (extension.halos.threshold.ln(), masses.iter().copied().fold(0.0, f64::max).ln() + 1e-3);
    (0..=N_MASSES).map(|i| (low + (high - low) * i as f64 / N_MASSES as f64).exp()).collect()
}

/// Halos expected per voxel volume in each bin of density and mass.
fn expected(
    mixture: &Mixture,
    weights: &[f64],
    psi: &[f64],
    of_voxels: &[usize],
    n_bins: usize,
    edges: &[f64],
) -> Vec<f64> {
    let mut expected = vec![0.0; n_bins * N_MASSES];
    for (psi, bin) in psi.iter().zip(of_voxels) {
        let mut above = mixture.integral(weights, *psi, edges[0]);
        for (m, edge) in edges[1..].iter().enumerate() {
            let next = mixture.integral(weights, *psi, *edge);
            expected[bin * N_MASSES + m] += above - next;
            above = next;
        }
    }
    expected
}

/// A number with Poisson scatter; NaN where none is expected that can be drawn.
fn scattered(mean: f64, stream: &mut crate::seed::Stream) -> f64 {
    match mean > 0.0 {
        true => Poisson::new(mean).map_or(f64::NAN, |poisson| poisson.sample(stream)),
        false => mean * 0.0,
    }
}
