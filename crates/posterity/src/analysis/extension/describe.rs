//! What a model extension is going to do, in plain text: what `posterity check` prints.

use super::{BiasModel, Extension, What};
use crate::field::Order;
use std::fmt::Write;

impl Extension {
    /// A summary in plain text: grid, catalogue, engine, chains, comparison, memory, outputs.
    pub fn describe(&self) -> String {
        let lines = [
            ("title", self.title.clone()),
            ("seed", self.seed.to_string()),
            ("field", self.describe_field()),
            ("halos", self.describe_halos()),
            ("engine", self.describe_engine()),
            ("sample", self.describe_sampling()),
            ("compare", self.describe_comparison()),
            ("memory", self.describe_memory()),
            ("output", self.describe_output()),
        ];
        let mut text = String::new();
        for (name, value) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<8} {value}");
        }
        text
    }

    fn describe_field(&self) -> String {
        let grid = &self.field.grid;
        let n = grid.n();
        let order = if self.field.order == Order::One { 1 } else { 2 };
        let known = |there: bool, name: &str| if there { format!(", {name} known") } else { String::new() };
        let voxels = format!("{n}³ voxels of {} Mpc/h", grid.cell_length());
        if self.sampling.what == What::Weights {
            return format!("{voxels}, density known");
        }
        // A table may end within the modes that sigma8 is made of.
        let at_least = if self.field.power.covers_sigma8() { "" } else { "at least " };
        format!(
            "{voxels}, sigma8 {at_least}{:.3}, D {:.4}, LPT of order {order}{}{}",
            self.field.power.sigma8(),
            self.field.growth.first,
            known(self.field.density.is_some(), "density"),
            known(self.field.white_noise.is_some(), "initial field")
        )
    }

    fn describe_halos(&self) -> String {
        let halos = &self.halos;
        let cut = if halos.n_cut > 0 { format!(", {} below it cut", halos.n_cut) } else { String::new() };
        format!("{} halos from {:.4e} Msun/h{cut}", halos.catalogue.n_halos(), halos.threshold)
    }

    fn describe_engine(&self) -> String {
        let (engine, mixture) = (&self.engine.settings.engine, &self.engine.settings.mixture);
        let known = if self.engine.weights.is_some() { ", known" } else { "" };
        format!(
            "kernel {0}³ of degrees {1:?}, {2} components, {3} weights{known}",
            engine.kernel_size[0],
            engine.degrees,
            mixture.n_components,
            self.engine.names.len()
        )
    }

    fn describe_sampling(&self) -> String {
        let s = &self.sampling;
        let what = match s.what {
            What::Joint => "initial field and weights",
            What::Weights => "weights, the density known",
            What::Field => "initial field, the weights known",
        };
        let blocks: Vec<String> =
            s.names.iter().map(|[block, sampler, metric]| format!("{block}: {sampler}, {metric}")).collect();
        let (n, warm_up, draws) = (s.n_chains, s.chain.warm_up, s.n_draws);
        format!("{what}; {n} chains of {warm_up} + {draws} draws; {}", blocks.join("; "))
    }

    fn describe_comparison(&self) -> String {
        let Some(compare) = &self.compare else { return "nothing".to_owned() };
        let numbers: Vec<String> = compare.n_components.iter().map(ToString::to_string).collect();
        let noun = if numbers == ["1"] { "component" } else { "components" };
        let mut models = vec![format!("engines of {} {noun}", numbers.join(", "))];
        let n_classical = compare.models.iter().filter(|model| **model != BiasModel::SingleVoxel).count();
        if n_classical < compare.models.len() {
            models.push("as many of a single voxel".to_owned());
        }
        if n_classical > 0 {
            models.push(format!("{n_classical} bias models in {} mass bins", compare.mass_bins));
        }
        format!("{}; each fitted to half of the box and judged on the other", models.join(", "))
    }

    fn describe_memory(&self) -> String {
        let gib = self.gib();
        let size = if gib < 1.0 { format!("{:.0} MiB", 1024.0 * gib) } else { format!("{gib:.1} GiB") };
        format!("about {size} at its height, besides that of the program")
    }

    fn describe_output(&self) -> String {
        let fields = if self.sampling.what == What::Weights { "" } else { "fields.zarr, " };
        format!("results.json, report.html, chains.zarr, {fields}a checkpoint of each chain")
    }
}
