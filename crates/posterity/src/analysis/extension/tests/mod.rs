//! Laws of model extensions, on a mock of a few voxels.

mod checking;
mod running;

use super::super::{Simulating, simulate, template};
use super::*;
use crate::field::{Background, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::halo::Coordinates;
use crate::npy;
use crate::progress::{Progress, Quiet};
use crate::seed::Seed;
use rand::RngExt;
use rand_distr::{Distribution, Poisson, StandardNormal};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

const N: usize = 8;

const BASE: &str = r#"
title = "mock"
seed = 3
[field]
n = 8
box_length = 64.0
density = "density.npy"
white_noise = "noise.npy"
[field.cosmology]
omega_m = 0.3
h = 0.7
[field.power]
kind = "table"
path = "power.txt"
[halos]
path = "halos.csv"
min_mass = 1e13
[sample]
n_chains = 2
n_warm_up = 60
n_draws = 20
save_every = 6
n_fields = 4
[compare]
models = ["homogeneous", "truncated_power"]
mass_bins = 2
n_components = [1, 2]
n_starts = 1
"#;

/// Lines that nothing uses where the weights are sampled alone.
const UNUSED: [&str; 2] = ["white_noise = \"noise.npy\"\n", "n_fields = 4\n"];

/// A folder with a mock: white noise, its density, and halos drawn from the density.
fn mock(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("posterity-extension-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("made");
    let k: Vec<f64> = (0..100).map(|i| 0.01 * 1.08_f64.powi(i)).collect();
    let p: Vec<f64> = k.iter().map(|k| 2e4 * (k / 0.02) / (1.0 + (k / 0.02).powf(2.5))).collect();
    let table = k.iter().zip(&p).fold(String::new(), |mut text, (k, p)| {
        let _ = writeln!(text, "{k:.8e} {p:.8e}");
        text
    });
    std::fs::write(folder.join("power.txt"), table).expect("written");
    let power = LinearPower::table(&k, &p).expect("table");
    let growth = Background::new(0.3, -1.0).expect("flat").growth(1.0).expect("today");
    let grid = Grid::new(N, 64.0).expect("grid");
    let mut gravity = Gravity::new(grid, &power, &growth, Order::Two, MassAssignment::CloudInCell).expect("covered");
    let mut stream = Seed::new(5).stream(0);
    let noise: Vec<f64> = (0..N * N * N).map(|_| StandardNormal.sample(&mut stream)).collect();
    let mut density = vec![0.0; noise.len()];
    gravity.density(&noise, &mut density).expect("sizes");
    let mut halos = "x,y,z,mass\n".to_owned();
    for (i, rho) in density.iter().enumerate() {
        let count: f64 = Poisson::new(0.3 * rho.powf(1.3) + 1e-9).expect("rate").sample(&mut stream);
        for _ in 0..count as usize {
            let x = [i / (N * N), i / N % N, i % N].map(|i| 8.0 * i as f64);
            let mass = 1.001e13 * stream.random_range(0.0_f64..1.0).powf(-1.0 / 1.1).min(30.0);
            let _ = writeln!(halos, "{},{},{},{mass:.6e}", x[0], x[1], x[2]);
        }
    }
    std::fs::write(folder.join("halos.csv"), halos).expect("written");
    npy::write(&folder.join("noise.npy"), &[N, N, N], &noise).expect("written");
    let contrast: Vec<f64> = density.iter().map(|rho| rho - 1.0).collect();
    npy::write(&folder.join("density.npy"), &[N, N, N], &contrast).expect("written");
    folder
}

/// The analysis of this text in a folder.
fn read_text(folder: &Path, text: &str, overrides: &[&str]) -> Result<Extension> {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    let file = folder.join("analysis.toml");
    Extension::from_source(&file, &Source::new(&file, text.to_owned(), &overrides)?, &overrides)
}

/// The analysis of the mock.
fn read(folder: &Path, overrides: &[&str]) -> Result<Extension> {
    let mut text = BASE.to_owned();
    if overrides.contains(&"sample.what=weights") {
        text = UNUSED.iter().fold(text, |text, line| text.replace(line, ""));
    }
    read_text(folder, &text, overrides)
}
