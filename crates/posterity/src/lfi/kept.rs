//! Simulations of an inference that are kept on disk: each is run once, whatever becomes of the process.
//!
//! The estimates come from a [`Table`] of data, one for each branch of the method's seed; rows that are missing there
//! are simulated and saved first. For simulators that cost more than a disk: programs outside.

use super::estimates::branch;
use super::forward::{chunk_size, slab_rows};
use super::{Estimates, Forward};
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::progress::{Progress, Quiet};
use crate::seed::Seed;
use crate::simulator::attempt;
use crate::store::{Filling, Layout, Shard, Status, Table, fill};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A source of estimates that keeps the data behind them.
pub struct Kept<'a> {
    /// Simulates and compresses.
    pub forward: Forward<'a>,
    /// The method's seed.
    pub seed: Seed,
    /// What the tables hold; its provenance is all that the simulations depend on beside their parameters.
    pub layout: &'a Layout,
    /// The folder of a branch's table.
    pub folder: &'a (dyn Fn(&str) -> PathBuf + Sync),
    /// What is done is saved at least so often.
    pub save_every: Duration,
    /// Asked whether to end.
    pub progress: &'a dyn Progress,
}

impl Estimates for Kept<'_> {
    fn n_params(&self) -> usize {
        self.forward.n_params()
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        let n_params = self.n_params();
        let rows = first_index..first_index + (thetas.len() / n_params) as u64;
        let folder = (self.folder)(label);
        let table = Table::open_or_create(&folder, self.layout, rows.end)?;
        let simulator = self.forward.simulator;
        let n_threads =
            simulator.pool().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
        let seed = branch(self.seed, label);
        let filling = Filling {
            shard: Shard::whole(),
            rows: rows.clone(),
            retry_failed: false,
            n_threads,
            // The method itself judges how many may fail.
            max_failed_fraction: 1.0,
            save_every: self.save_every,
            name: label,
            progress: &Listening(self.progress),
        };
        fill(&table, &filling, &|row, out| {
            let start = (row - first_index) as usize * n_params;
            out.theta.copy_from_slice(&thetas[start..start + n_params]);
            let mut values = out.values;
            Ok((row, attempt(simulator, out.theta, &mut seed.stream(row), &mut *values[0])?))
        })?;
        if table.theta(rows.clone())? != thetas {
            return Err(others(&folder));
        }
        // As they would be compressed where they are not kept.
        let chunk = chunk_size(thetas.len() / n_params);
        let slab = slab_rows(simulator.n_data(), chunk);
        self.estimate(&table, first_index, (chunk, slab), theta_hat)?;
        table.failures(rows)
    }
}

impl Kept<'_> {
    /// Estimates of the table's rows from the first of a batch on, NaN where a simulation failed: `slab` rows of data are
    /// held at once, a multiple of the `chunk` rows that are compressed together.
    fn estimate(&self, table: &Table, first: u64, (chunk, slab): (usize, usize), theta_hat: &mut [f64]) -> Result<()> {
        let (n_params, n_data) = (self.n_params(), self.forward.simulator.n_data());
        let status = table.status()?;
        for (k, theta_hat) in theta_hat.chunks_mut(slab * n_params).enumerate() {
            let first = first + (k * slab) as u64;
            let rows = first..first + (theta_hat.len() / n_params) as u64;
            let mut data = table.values("data", rows.clone())?;
            let is_failed = |(_, row): &(usize, u64)| status[*row as usize] != Status::Done;
            let failed: Vec<usize> = rows.enumerate().filter(is_failed).map(|(i, _)| i).collect();
            // A network would spread NaN to all that it compresses with them.
            failed.iter().for_each(|i| data[i * n_data..(i + 1) * n_data].fill(0.0));
            let chunks = data.par_chunks(chunk * n_data).zip(theta_hat.par_chunks_mut(chunk * n_params));
            chunks.for_each(|(data, theta_hat)| self.forward.estimate(data, theta_hat));
            failed.iter().for_each(|i| theta_hat[i * n_params..(i + 1) * n_params].fill(f64::NAN));
        }
        Ok(())
    }
}

fn others(folder: &Path) -> Error {
    Error::invalid_input("the simulations kept here have other parameters than those that are wanted")
        .remedy("choose another output folder, or take this one away")
        .in_file(folder)
}

/// Says nothing of the batches, and passes on that an end is wanted.
struct Listening<'a>(&'a dyn Progress);

impl Progress for Listening<'_> {
    fn begin(&self, stage: &str, total: Option<u64>) {
        Quiet.begin(stage, total);
    }

    fn at(&self, step: u64, note: &str) {
        Quiet.at(step, note);
    }

    fn end(&self, note: &str) {
        Quiet.end(note);
    }

    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lfi::testing::Variance;
    use crate::simulator::{Gaussian, Simulator};
    use crate::store::Values;
    use crate::{Parameter, Stream};

    /// The variance problem, in which some simulations fail.
    struct Failing(Gaussian);

    impl Simulator for Failing {
        fn parameters(&self) -> &[Parameter] {
            self.0.parameters()
        }

        fn shape(&self) -> &[usize] {
            self.0.shape()
        }

        fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
            self.0.simulate(theta, stream, data)?;
            match data[9] > 0.7 {
                true => Err(Error::simulation_failed("large")),
                false => Ok(()),
            }
        }
    }

    #[test]
    fn data_are_read_in_slabs_with_the_same_bits() {
        let (problem, simulator) = (Variance::new(), Failing(Gaussian::variance(10, 0.0)));
        let forward = Forward { simulator: &simulator, ..problem.forward() };
        let folder = std::env::temp_dir().join(format!("posterity-kept-{}", std::process::id()));
        let layout = Layout {
            parameters: vec!["variance".into()],
            values: vec![Values::new("data", &[10])],
            chunk_rows: 50,
            provenance: serde_json::Map::new(),
        };
        let kept = Kept {
            forward,
            seed: Seed::new(1),
            layout: &layout,
            folder: &|_: &str| folder.clone(),
            save_every: Duration::from_secs(10),
            progress: &Quiet,
        };
        let bits = |theta_hat: &[f64]| theta_hat.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        let of = |estimates: &dyn Estimates, first: u64, n: usize| {
            let thetas: Vec<f64> = (0..n).map(|i| 0.1 + (first as f64 + i as f64) / 500.0).collect();
            let mut theta_hat = vec![0.0; n];
            estimates.estimates("a", &thetas, first, &mut theta_hat).expect("simulated");
            bits(&theta_hat)
        };
        // Two batches, the second of which begins within a chunk of the table.
        let here = forward.seeded(Seed::new(1));
        let first = of(&here, 0, 170);
        assert!(of(&kept, 0, 170) == first && first.iter().any(|bits| f64::from_bits(*bits).is_nan()));
        let expected = of(&here, 170, 333);
        assert!(of(&kept, 170, 333) == expected);
        let table = Table::open_or_create(&folder, &layout, 503).expect("there");
        let chunk = chunk_size(333);
        for slab in [chunk, 3 * chunk, 1000 * chunk] {
            let mut theta_hat = vec![0.0; 333];
            kept.estimate(&table, 170, (chunk, slab), &mut theta_hat).expect("read");
            assert!(bits(&theta_hat) == expected, "{slab} rows");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn slabs_are_whole_chunks_of_64_mib_at_the_most() {
        // 2²³ values: 83 rows of 10⁵ data are 10 chunks of 8; one chunk is held however large.
        let cases = [((100_000, 8), 80), ((100_000, 256), 256), ((10, 256), 838_656), ((1 << 24, 8), 8)];
        for ((n_data, chunk), rows) in cases {
            assert_eq!(slab_rows(n_data, chunk), rows, "{n_data} data");
        }
    }
}
