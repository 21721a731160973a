//! What the report of a model extension shows, from what is stored.

use super::super::{Extension, What};
use super::mass_function;
use super::results::{ExtensionResults, besides, column, quantile};
use super::sampling::{linear, true_linear};
use super::stored::{Stored, bins, block_names, shells};
use crate::engine::Engine;
use crate::error::Result;
use crate::field::{Bin, Spectra};
use crate::halo::PRIOR_SD;
use crate::hmc::Beside;
use crate::parameter::Parameter;
use crate::report::{
    Band, BiasComparison, CrossCorrelation, DensityMaps, Extension as Parts, PowerSpectra, Relation, Sampling,
    SamplingRow, Slices, Traces,
};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::path::Path;

/// Pairs of density and weights that the mass function and ψ are averaged over, at most.
const MOST_PAIRS: usize = 60;
/// Bins of 1 + δ that ψ is shown in.
const RELATION_BINS: usize = 24;

/// All parts that there are draws for.
pub(super) fn parts(extension: &Extension, results: &ExtensionResults, out_dir: &Path) -> Result<Parts> {
    let stored = Stored::open(extension, out_dir)?;
    let besides = besides(extension, out_dir)?;
    let maps = Moments::of(extension, &besides);
    let pairs = pairs(extension, &stored)?;
    let shown = match (&maps, &extension.field.density) {
        (Some(moments), _) => moments.mean.clone(),
        (None, Some(density)) => density.clone(),
        (None, None) => vec![0.0; extension.field.grid.n_cells()],
    };
    let psis = psis(extension, &pairs)?;
    Ok(Parts {
        power_spectra: power_spectra(extension, &stored)?,
        cross_correlation: cross_correlation(extension, &stored, &besides)?,
        density_maps: maps.map(|moments| density_maps(extension, &moments)),
        slices: Some(slices(extension, &shown, &pairs, &psis)),
        mass_function: Some(mass_function::part(extension, &shown, &pairs, &psis)),
        traces: traces(extension, results, &stored)?,
        bias_comparison: (!results.comparison.is_empty()).then(|| BiasComparison {
            rows: results.comparison.clone(),
            reference: None,
            n_halos: results.n_halos as u64,
        }),
        sampling: Some(sampling(extension, results)),
    })
}

/// A density contrast and the weights that were drawn with it.
pub(super) struct Pair {
    pub(super) density: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

/// Draws spread evenly over the chains; what is known stands in for what was not drawn. Fields are read one by one, so
/// that chains with more of them take no more memory.
fn pairs(extension: &Extension, stored: &Stored) -> Result<Vec<Pair>> {
    let sampling = &extension.sampling;
    let n_weights = extension.engine.names.len();
    let weights = match sampling.what {
        What::Field => None,
        _ => Some(stored.chains.read_whole("weights")?),
    };
    let (n_each, stride) = match &stored.fields {
        Some(_) => (sampling.n_kept(stored.draws_apart), stored.draws_apart as usize),
        None => (sampling.n_draws as usize, 1),
    };
    let each = (MOST_PAIRS / sampling.n_chains).clamp(1, n_each.max(1)).min(n_each);
    let mut pairs = Vec::new();
    for chain in 0..sampling.n_chains {
        for i in 0..each {
            let at = (i + 1) * n_each / each - 1;
            let density = match (&stored.fields, &extension.field.density) {
                (Some(fields), _) => fields.read_draw("density", chain, at)?,
                (None, Some(density)) => density.clone(),
                (None, None) => continue,
            };
            let draw = (at + 1) * stride - 1;
            let weights = match (&weights, &extension.engine.weights) {
                (Some(weights), _) => weights[chain][draw * n_weights..][..n_weights].to_vec(),
                (None, Some(known)) => known.clone(),
                (None, None) => continue,
            };
            pairs.push(Pair { density, weights });
        }
    }
    Ok(pairs)
}

/// ψ of each pair.
fn psis(extension: &Extension, pairs: &[Pair]) -> Result<Vec<Vec<f64>>> {
    let n = extension.field.grid.n();
    let mut engine = Engine::new([n; 3], &extension.engine.settings.engine)?;
    let n_weights = engine.n_weights();
    let of = |pair: &Pair| {
        let mut psi = vec![0.0; pair.density.len()];
        engine.forward(&pair.density, &pair.weights[..n_weights], &mut psi);
        psi
    };
    Ok(pairs.iter().map(of).collect())
}

/// Mean and standard deviation of the density contrast over all draws.
struct Moments {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Moments {
    fn of(extension: &Extension, besides: &[Beside]) -> Option<Self> {
        let n = (extension.sampling.n_draws * besides.len() as u64) as f64;
        let mean = mean_of("density", besides, n)?;
        let square = mean_of("density_squared", besides, n)?;
        let sd = mean.iter().zip(square).map(|(m, s)| (s - m * m).max(0.0).sqrt()).collect();
        Some(Self { mean, sd })
    }
}

fn mean_of(name: &str, besides: &[Beside], n: f64) -> Option<Vec<f64>> {
    let mut sum: Option<Vec<f64>> = None;
    for beside in besides {
        let own = beside.get(&format!("sum.{name}"))?;
        match &mut sum {
            Some(sum) => sum.iter_mut().zip(own).for_each(|(s, x)| *s += x),
            None => sum = Some(own.clone()),
        }
    }
    sum.map(|sum| sum.into_iter().map(|x| x / n).collect())
}

/// The five quantiles of the values at each place.
pub(super) fn band(mut places: Vec<Vec<f64>>) -> Band {
    places.iter_mut().for_each(|values| {
        values.retain(|x| x.is_finite());
        values.sort_by(f64::total_cmp);
    });
    let of = |p: f64| places.iter().map(|values| quantile(values, p)).collect();
    Band { q025: of(0.025), q16: of(0.16), q50: of(0.5), q84: of(0.84), q975: of(0.975) }
}

/// The band of each column of a variable, over all chains and draws.
fn band_of(stored: &Stored, name: &str, width: usize) -> Result<Band> {
    let chains = stored.chains.read_whole(name)?;
    Ok(band((0..width).map(|i| column(&chains, width, i).concat()).collect()))
}

fn power_spectra(extension: &Extension, stored: &Stored) -> Result<Option<PowerSpectra>> {
    if extension.sampling.what == What::Weights {
        return Ok(None);
    }
    let grid = &extension.field.grid;
    let shells = shells(grid)?;
    let prior = prior(extension, &shells);
    let truth = match true_linear(extension)? {
        Some(linear) => {
            let bins = Spectra::new(*grid, &bins(grid))?.power(&linear, None)?;
            Some(bins.iter().map(|bin| bin.power_a).collect())
        }
        None => None,
    };
    Ok(Some(PowerSpectra {
        k: shells.iter().map(|bin| bin.k).collect(),
        linear_power: prior.iter().map(|(mean, _)| *mean).collect(),
        prior: chi_squared_band(&prior),
        posterior: band_of(stored, "power", shells.len())?,
        truth,
    }))
}

/// Of each shell the mean power of its modes, and the degrees of freedom of their sum: (Σ P)²/Σ P², the number of modes
/// where P is one.
fn prior(extension: &Extension, shells: &[Bin]) -> Vec<(f64, f64)> {
    let grid = &extension.field.grid;
    let (n, k) = (grid.n(), grid.k_fundamental());
    let mut sums = vec![(0.0, 0.0, 0.0); shells.len()];
    for i in 0..grid.n_cells() {
        let m2: i64 = [i / (n * n), i / n % n, i % n].map(|i| grid.wavenumber(i).pow(2)).iter().sum();
        // Shell m has |m'| in [m − 1/2, m + 1/2), m from 1.
        let shell = ((m2 as f64).sqrt() + 0.5).floor() as usize;
        let Some(sum) = shell.checked_sub(1).and_then(|shell| sums.get_mut(shell)) else { continue };
        let power = extension.field.power.at((m2 as f64).sqrt() * k);
        (sum.0, sum.1, sum.2) = (sum.0 + 1.0, sum.1 + power, sum.2 + power * power);
    }
    sums.into_iter().map(|(n, first, second)| (first / n, first * first / second)).collect()
}

/// Each mode's power is its mean times a χ² of one degree of freedom.
fn chi_squared_band(shells: &[(f64, f64)]) -> Band {
    let of = |p: f64| {
        let quantile =
            |(mean, n): &(f64, f64)| ChiSquared::new(*n).map_or(f64::NAN, |chi| mean * chi.inverse_cdf(p) / n);
        shells.iter().map(quantile).collect()
    };
    Band { q025: of(0.025), q16: of(0.16), q50: of(0.5), q84: of(0.84), q975: of(0.975) }
}

fn cross_correlation(extension: &Extension, stored: &Stored, besides: &[Beside]) -> Result<Option<CrossCorrelation>> {
    let (false, Some(noise)) = (extension.sampling.what == What::Weights, &extension.field.white_noise) else {
        return Ok(None);
    };
    let truth = linear(extension, noise)?;
    let grid = &extension.field.grid;
    let shells = shells(grid)?;
    let posterior_mean = match mean_of("linear", besides, 1.0) {
        Some(mean) => {
            let bins = Spectra::new(*grid, &bins(grid))?.cross(&mean, &truth, [None; 2])?;
            bins.iter().map(Bin::correlation).collect()
        }
        None => Vec::new(),
    };
    Ok(Some(CrossCorrelation {
        k: shells.iter().map(|bin| bin.k).collect(),
        posterior: band_of(stored, "correlation", shells.len())?,
        posterior_mean,
        truth_name: "initial field of the simulation".into(),
    }))
}

/// Plane z = L/2 of a field, i along x and j along y.
fn plane(n: usize, field: &[f64], of: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..n * n).map(|i| of(field[i * n + n / 2])).collect()
}

fn thickness(extension: &Extension) -> String {
    let grid = &extension.field.grid;
    let (cell, z) = (grid.cell_length(), (grid.n() / 2) as f64 * grid.cell_length());
    format!("one voxel, {cell} Mpc/h, at z = {z} Mpc/h")
}

fn density_maps(extension: &Extension, moments: &Moments) -> DensityMaps {
    let grid = &extension.field.grid;
    let n = grid.n();
    DensityMaps {
        n,
        box_length: grid.box_length(),
        thickness: thickness(extension),
        truth: extension.field.density.as_ref().map(|density| plane(n, density, |d| 1.0 + d)),
        mean: plane(n, &moments.mean, |d| 1.0 + d),
        sd: plane(n, &moments.sd, |d| d),
    }
}

fn slices(extension: &Extension, shown: &[f64], pairs: &[Pair], psis: &[Vec<f64>]) -> Slices {
    let grid = &extension.field.grid;
    let n = grid.n();
    let mut mean = vec![0.0; grid.n_cells()];
    for psi in psis {
        mean.iter_mut().zip(psi).for_each(|(m, p)| *m += p / psis.len() as f64);
    }
    let halos = extension.halos.cells.iter().zip(&extension.halos.catalogue.positions);
    Slices {
        n,
        box_length: grid.box_length(),
        thickness: thickness(extension),
        density: plane(n, shown, |d| 1.0 + d),
        psi: plane(n, &mean, |p| p),
        halos: halos.filter(|((voxel, _), _)| voxel % n == n / 2).map(|(_, x)| (x[0], x[1])).collect(),
        relation: relation(pairs, psis),
        weights_are_sampled: extension.sampling.what != What::Field,
    }
}

/// ψ in bins of 1 + δ with as many voxels each, over a few draws together.
fn relation(pairs: &[Pair], psis: &[Vec<f64>]) -> Option<Relation> {
    let every = pairs.len().div_ceil(8).max(1);
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (pair, psi) in pairs.iter().zip(psis).step_by(every) {
        points.extend(pair.density.iter().zip(psi).map(|(d, p)| (1.0 + d, *p)));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (points.first()?, points.last()?);
    let mut edges: Vec<f64> = (0..RELATION_BINS).map(|i| points[i * points.len() / RELATION_BINS].0).collect();
    (edges[0], _) = (first.0, edges.push(last.0 * (1.0 + 1e-12)));
    edges.dedup();
    if edges.len() < 3 {
        return None;
    }
    let mut places = vec![Vec::new(); edges.len() - 1];
    for (density, psi) in points {
        let bin = edges.partition_point(|edge| *edge <= density).clamp(1, edges.len() - 1) - 1;
        places[bin].push(psi);
    }
    Some(Relation { density_edges: edges, psi: band(places) })
}

fn traces(extension: &Extension, results: &ExtensionResults, stored: &Stored) -> Result<Option<Traces>> {
    if extension.sampling.what == What::Field {
        return Ok(None);
    }
    let names = &extension.engine.names;
    let chains = stored.chains.read_whole("weights")?;
    let of = |chain: &Vec<f64>| -> Vec<Vec<f64>> {
        (0..names.len()).map(|i| chain.iter().skip(i).step_by(names.len()).copied().collect()).collect()
    };
    let diagnostic = |of: fn(&super::WeightResults) -> Option<f64>| -> Vec<f64> {
        names.iter().map(|name| results.weights.get(name).and_then(of).unwrap_or(f64::NAN)).collect()
    };
    Ok(Some(Traces {
        parameters: names
            .iter()
            .map(|name| Parameter::new(name.clone(), format!(r"\mathrm{{{}}}", name.replace('_', " "))))
            .collect(),
        chains: chains.iter().map(of).collect(),
        r_hat: diagnostic(|w| w.r_hat),
        ess_bulk: diagnostic(|w| w.ess_bulk),
        ess_tail: diagnostic(|w| w.ess_tail),
        prior_sd: vec![PRIOR_SD; names.len()],
        truth: None,
    }))
}

fn sampling(extension: &Extension, results: &ExtensionResults) -> Sampling {
    let blocks = block_names(extension.sampling.what).iter().zip(&extension.sampling.names);
    let row = |(block, names): (&&str, &[String; 3])| {
        let found = results.blocks.get(*block)?;
        let ess = found.ess_min.unwrap_or(f64::NAN);
        Some(SamplingRow {
            block: names[0].clone(),
            sampler: names[1].clone(),
            metric: names[2].clone(),
            step_size: found.step_size,
            gradients_per_trajectory: found.gradients_per_trajectory,
            acceptance: found.acceptance_rate,
            divergences: found.n_divergent,
            gradient_evaluations: found.n_gradients,
            judged_by: (*block == "field").then(|| "power in shells".into()),
            min_ess_bulk: ess,
            max_r_hat: found.r_hat_max.unwrap_or(f64::NAN),
            seconds: found.ess_per_s.map_or(0.0, |rate| ess / rate),
        })
    };
    Sampling { rows: blocks.filter_map(row).collect() }
}
