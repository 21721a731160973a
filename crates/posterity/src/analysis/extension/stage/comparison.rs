//! The second stage: the engine and the classical bias models on the known density, each fitted to one half of the box
//! and judged on the other, both ways.

use super::super::{BiasModel, Extension};
use super::results::ExtensionResults;
use super::start::first_weights;
use super::{identity, told};
use crate::error::Result;
use crate::halo::{
    self, BiasGivenDensity, BiasSettings, FitSettings, Law, Mixture, Region, WeightsGivenDensity, maximise,
};
use crate::hmc::{LogDensity, State};
use crate::progress::Progress;
use crate::report::BiasRow;
use crate::seed::Seed;
use std::path::Path;
use std::time::Instant;

/// Compares what `[compare]` names, and enters it into `results.json`; nothing where there is no such section.
///
/// # Errors
/// Invalid input, where the chains are of another analysis; interrupted; io.
pub fn compare(extension: &Extension, out_dir: &Path, progress: &dyn Progress) -> Result<()> {
    let Some(compare) = &extension.compare else { return Ok(()) };
    identity::check(extension, out_dir)?;
    let mut results = ExtensionResults::open(extension, out_dir)?;
    let start = Instant::now();
    let models = models(extension);
    results.comparison = told("compare", Some(models.len() as u64), progress, || {
        let mut rows = Vec::new();
        for (i, model) in models.iter().enumerate() {
            progress.at(i as u64, &model.name);
            if progress.stop_requested() {
                let error = crate::Error::interrupted("stopped while bias models were compared");
                return Err(error.remedy("the same command again compares them"));
            }
            rows.push(model.row(extension, compare.n_starts)?);
        }
        let judged = rows.iter().filter(|row: &&BiasRow| row.held_out_per_halo.is_finite());
        let best = judged.max_by(|a, b| a.held_out_per_halo.total_cmp(&b.held_out_per_halo));
        let note = best.map_or(String::new(), |best| format!("best on held-out halos: {}", best.name));
        Ok((rows, note))
    })?;
    results.timings_s.insert("compare".into(), start.elapsed().as_secs_f64());
    results.write(out_dir)
}

/// A model with what it is made of.
struct Model {
    name: String,
    is_engine: bool,
    kind: Kind,
}

enum Kind {
    Engine(halo::Settings),
    Bias(BiasSettings),
}

/// The engines first, then the models in the order of the analysis. Mixtures of a single voxel have the components of the
/// engines, one after the other, and mass functions of the others as many as the largest of them.
fn models(extension: &Extension) -> Vec<Model> {
    let settings = &extension.engine.settings;
    let Some(compare) = &extension.compare else { return Vec::new() };
    let size = settings.engine.kernel_size[0];
    let mixture = |n: usize| Mixture { n_components: n, ..settings.mixture };
    let components = |n: usize| if n == 1 { "1 component".to_owned() } else { format!("{n} components") };
    let engine = |n: &usize| {
        let name = format!("neural physical engine, {size}³, {}", components(*n));
        let kind = Kind::Engine(halo::Settings { mixture: mixture(*n), ..settings.clone() });
        Model { name, is_engine: true, kind }
    };
    let single = |n: &usize| {
        let name = format!("mixture of a single voxel, {}", components(*n));
        let mut single = halo::Settings { mixture: mixture(*n), ..settings.clone() };
        (single.engine.kernel_size, single.engine.degrees) = ([1; 3], vec![0]);
        Model { name, is_engine: false, kind: Kind::Engine(single) }
    };
    let most = compare.n_components.iter().copied().max().unwrap_or(settings.mixture.n_components);
    let edges = edges(extension, compare.mass_bins);
    let bias = |name: &str, law| {
        let (mixture, floor) = (mixture(most), settings.engine.floor);
        let kind = Kind::Bias(BiasSettings { law, edges: edges.clone(), mixture, floor });
        vec![Model { name: name.to_owned(), is_engine: false, kind }]
    };
    let classical = compare.models.iter().flat_map(|model| match model {
        BiasModel::Homogeneous => bias("homogeneous", Law::Homogeneous),
        BiasModel::ClippedLinear => bias("clipped linear bias", Law::ClippedLinear),
        BiasModel::Power => bias("power law", Law::Power),
        BiasModel::TruncatedPower => bias("truncated power law", Law::TruncatedPower),
        BiasModel::SingleVoxel => compare.n_components.iter().map(single).collect(),
    });
    compare.n_components.iter().map(engine).chain(classical).collect()
}

/// Edges of the mass bins after the first: each further bin has half of the halos that are left, so that the rare heavy
/// ones have bins of their own.
fn edges(extension: &Extension, n_bins: usize) -> Vec<f64> {
    let mut masses = extension.halos.catalogue.masses.clone();
    masses.sort_by(f64::total_cmp);
    let n = masses.len();
    let mut edges: Vec<f64> =
        (1..n_bins).map(|b| masses[((1.0 - 0.5_f64.powi(b as i32)) * n as f64) as usize]).collect();
    // Masses come in multiples of the particle mass, and few halos in few masses.
    edges.dedup();
    edges.retain(|edge| *edge > extension.halos.threshold);
    edges
}

impl Model {
    fn row(&self, extension: &Extension, n_starts: usize) -> Result<BiasRow> {
        let n = extension.field.grid.n();
        let halves = [Region::half(n, true), Region::half(n, false)];
        let settings = FitSettings { n_starts, ..FitSettings::default() };
        let (mut folds, mut in_sample, mut n_weights) = (Vec::new(), 0.0, 0);
        for (fold, (fitted, held_out)) in [(0, 1), (1, 0)].into_iter().enumerate() {
            let seed = Seed::new(extension.seed).label("compare").branch(fold as u64);
            let mut target = self.target(extension, &halves[fitted])?;
            let mut best: Option<State> = None;
            for start in self.starts(&target, extension) {
                let found = maximise(target.density(), &start, &settings, seed);
                let is_higher = |best: &State| !best.log_density.is_finite() || found.log_density > best.log_density;
                if best.as_ref().is_none_or(is_higher) {
                    best = Some(found);
                }
            }
            let Some(State { position, .. }) = best else { continue };
            in_sample += 0.5 * target.per_halo(&position);
            folds.push(self.target(extension, &halves[held_out])?.per_halo(&position));
            n_weights = position.len();
        }
        Ok(BiasRow {
            name: self.name.clone(),
            is_engine: self.is_engine,
            n_weights,
            held_out_per_halo: folds.iter().sum::<f64>() / folds.len() as f64,
            folds,
            in_sample,
        })
    }

    fn target(&self, extension: &Extension, region: &Region) -> Result<Target> {
        let grid = &extension.field.grid;
        let (n, box_length, threshold) = (grid.n(), grid.box_length(), extension.halos.threshold);
        let (cells, density) = (&extension.halos.cells, extension.known_density()?);
        Ok(match &self.kind {
            Kind::Engine(settings) => Target::Engine(Box::new(WeightsGivenDensity::new(
                n, box_length, settings, threshold, region, cells, density,
            )?)),
            Kind::Bias(settings) => Target::Bias(Box::new(BiasGivenDensity::new(
                n, box_length, settings, threshold, region, cells, density,
            )?)),
        })
    }

    /// Where climbs begin: with either sign of the kernel, where there is one.
    fn starts(&self, target: &Target, extension: &Extension) -> Vec<Vec<f64>> {
        match target {
            Target::Engine(engine) => [1.0, -1.0].map(|sign| first_weights(engine.names(), sign)).to_vec(),
            Target::Bias(bias) => {
                let number = extension.halos.cells.len() as f64 / extension.field.grid.volume();
                let of = |name: &String| match name {
                    name if name.ends_with("ln_density") => (number / 1e-3).ln() - 1.0,
                    name if name.ends_with("_slope") || name.ends_with("_power") && !name.contains("cut") => 1.0,
                    name if name.ends_with("ln_cut") => -1.0,
                    name if name.starts_with("sigma_") => -6.0,
                    _ => 0.0,
                };
                vec![bias.names().iter().map(of).collect()]
            }
        }
    }
}

/// A model's likelihood of one half.
enum Target {
    Engine(Box<WeightsGivenDensity>),
    Bias(Box<BiasGivenDensity>),
}

impl Target {
    fn density(&mut self) -> &mut dyn LogDensity {
        match self {
            Self::Engine(engine) => &mut **engine,
            Self::Bias(bias) => &mut **bias,
        }
    }

    /// Log likelihood per halo; NaN of none.
    fn per_halo(&mut self, weights: &[f64]) -> f64 {
        let mut gradient = vec![0.0; weights.len()];
        match self {
            Self::Engine(engine) => engine.log_likelihood(weights, &mut gradient) / engine.n_halos() as f64,
            Self::Bias(bias) => bias.log_likelihood(weights, &mut gradient) / bias.n_halos() as f64,
        }
    }
}
