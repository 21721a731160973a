//! Gradients to an effective draw of an initial field, by sampler and whitening.
//!
//! `cargo bench -p posterity --bench initial_field [-- N]`. N³ cells of 10 Mpc/h (16 where it is not given), white noise →
//! second-order perturbation theory → Poisson counts of mean 10⁻³ (1 + δ + 0.01)^1.5 (h/Mpc)³. 4 chains from beside the
//! truth, 600 sweeps of warm-up and 1000 draws; all gradients after the warm-up over the bulk effective sample size of every
//! eighth voxel of the noise, and of the modes up to twice the fundamental one, real and imaginary parts.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use posterity::Seed;
use posterity::diagnostics::{bulk_ess, r_hat};
use posterity::field::{Background, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order, whitening};
use posterity::hmc::{
    BlockSettings, Blocks, Chain, ChainSettings, Integrator, LogDensity, MetricKind, Sampler, Settings, Window,
    microcanonical,
};
use posterity::math::{Complex, RealFft3};
use rand::RngExt;
use rand_distr::{Poisson, StandardNormal};
use rayon::prelude::*;

const CELL: f64 = 10.0;
const DENSITY: f64 = 1e-3;
const POWER: f64 = 1.5;
const FLOOR: f64 = 0.01;
const N_CHAINS: u64 = 4;
const WARM_UP: u64 = 600;
const N_DRAWS: usize = 1000;

/// The posterior of the noise in whitened coordinates.
struct Toy {
    gravity: Gravity,
    amplitude: Vec<f64>,
    adapts: bool,
    counts: Vec<f64>,
    density: Vec<f64>,
    d_density: Vec<f64>,
}

impl Toy {
    fn noise(&mut self, u: &[f64], inverse: bool) -> Vec<f64> {
        let mut out = vec![0.0; u.len()];
        self.gravity.lpt_mut().whiten(u, inverse, &mut out).unwrap();
        out
    }
}

impl LogDensity for Toy {
    fn dim(&self) -> usize {
        self.counts.len()
    }

    fn value_and_gradient(&mut self, u: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = self.gravity.density(u, &mut self.density).unwrap();
        let mean = DENSITY * CELL.powi(3);
        for ((rho, d), count) in self.density.iter().zip(&mut self.d_density).zip(&self.counts) {
            let expected = mean * (rho + FLOOR).powf(POWER);
            value += count * expected.ln() - expected;
            *d = POWER * (count - expected) / (rho + FLOOR);
        }
        self.gravity.gradient(&self.d_density, gradient).unwrap();
        value
    }
}

impl Blocks for Toy {
    fn block(&mut self, _: usize) -> &mut dyn LogDensity {
        self
    }

    fn adapt(&mut self, _: usize, window: &Window, position: &mut Vec<f64>) -> bool {
        if !self.adapts {
            return false;
        }
        let grid = *self.gravity.lpt().grid();
        let found = whitening::from_rows(&grid, &self.amplitude, window.draws(), window.gradients()).unwrap();
        let noise = self.noise(position, false);
        self.gravity.lpt_mut().set_whitening(&found).unwrap();
        self.amplitude = found;
        *position = self.noise(&noise, true);
        true
    }

    fn wants_rows(&self, _: usize) -> bool {
        self.adapts
    }
}

/// One case: draws of the noise by chain, and gradients after the warm-up.
struct Run {
    chains: Vec<Vec<Vec<f64>>>,
    n_gradients: u64,
    acceptance: f64,
}

struct Problem {
    grid: Grid,
    power: LinearPower,
    truth: Vec<f64>,
    counts: Vec<f64>,
}

impl Problem {
    fn new(n: usize) -> Self {
        let grid = Grid::new(n, CELL * n as f64).unwrap();
        let cosmology = Cosmology { omega_m: 0.3111, omega_b: 0.049, h: 0.6766, n_s: 0.9665, sigma8: 0.8102 };
        let power = LinearPower::eisenstein_hu(&cosmology).unwrap();
        let mut stream = Seed::new(5).label("truth").stream(0);
        let truth: Vec<f64> = (0..grid.n_cells()).map(|_| stream.sample(StandardNormal)).collect();
        let mut problem = Self { grid, power, truth, counts: vec![0.0; grid.n_cells()] };
        let mut density = vec![0.0; grid.n_cells()];
        problem.gravity().density(&problem.truth, &mut density).unwrap();
        let mean = |rho: &f64| (DENSITY * CELL.powi(3) * (rho + FLOOR).powf(POWER)).max(1e-12);
        problem.counts = density.iter().map(|rho| stream.sample(Poisson::new(mean(rho)).unwrap())).collect();
        problem
    }

    fn gravity(&self) -> Gravity {
        let growth = Background::new(0.3111, -1.0).unwrap().growth(1.0).unwrap();
        Gravity::new(self.grid, &self.power, &growth, Order::Two, MassAssignment::TriangularShapedCloud).unwrap()
    }

    fn toy(&self, is_whitened: bool) -> Toy {
        let n_cells = self.counts.len();
        let growth = Background::new(0.3111, -1.0).unwrap().growth(1.0).unwrap();
        let wiener = whitening::wiener(&self.grid, &self.power, &growth, POWER, DENSITY);
        let amplitude = if is_whitened { wiener } else { vec![1.0; wiener.len()] };
        let mut gravity = self.gravity();
        gravity.lpt_mut().set_whitening(&amplitude).unwrap();
        let (density, d_density) = (vec![0.0; n_cells], vec![0.0; n_cells]);
        Toy { gravity, amplitude, adapts: is_whitened, counts: self.counts.clone(), density, d_density }
    }

    fn run(&self, is_whitened: bool, block: BlockSettings) -> Run {
        let one = |index: u64| {
            let mut toy = self.toy(is_whitened);
            let mut stream = Seed::new(5).label("start").stream(index);
            let mut start = toy.noise(&self.truth, true);
            start.iter_mut().for_each(|u| *u += 0.1 * stream.sample::<f64, _>(StandardNormal));
            let settings = ChainSettings { warm_up: WARM_UP, blocks: vec![block] };
            let mut chain = Chain::new(index, Seed::new(5), settings, vec![start], &mut toy).unwrap();
            while chain.is_warm_up() {
                chain.step(&mut toy).unwrap();
            }
            let (before, mut acceptance) = (chain.blocks()[0].n_gradients, 0.0);
            let draw = |_| {
                acceptance += chain.step(&mut toy).unwrap()[0].acceptance_rate;
                toy.noise(&chain.blocks()[0].state.position, false)
            };
            let rows: Vec<Vec<f64>> = (0..N_DRAWS).map(draw).collect();
            (rows, chain.blocks()[0].n_gradients - before, acceptance / N_DRAWS as f64)
        };
        let all: Vec<_> = (0..N_CHAINS).into_par_iter().map(one).collect();
        let n_gradients = all.iter().map(|(_, n, _)| n).sum();
        let acceptance = all.iter().map(|(_, _, acceptance)| acceptance / N_CHAINS as f64).sum();
        Run { chains: all.into_iter().map(|(rows, ..)| rows).collect(), n_gradients, acceptance }
    }

    /// Values of each draw that are looked at: voxels, and large-scale modes.
    fn seen(&self, row: &[f64], fft: &mut RealFft3) -> [Vec<f64>; 2] {
        let (n, half) = (self.grid.n(), self.grid.n() / 2 + 1);
        let mut modes = vec![Complex::default(); fft.len()];
        fft.forward(row, &mut modes);
        let is_large = |i: &usize| {
            let [x, y, z] = [i / (n * half), i / half % n, i % half];
            let square = self.grid.wavenumber(x).pow(2) + self.grid.wavenumber(y).pow(2) + (z * z) as i64;
            // Of a pair of mirror images, one.
            (1..=4).contains(&square) && (z > 0 || (self.grid.wavenumber(x), self.grid.wavenumber(y)) > (0, 0))
        };
        let large = (0..modes.len()).filter(is_large).flat_map(|i| [modes[i].re, modes[i].im]);
        [row.iter().step_by(8).copied().collect(), large.collect()]
    }
}

fn main() {
    let n = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(16);
    let problem = Problem::new(n);
    println!("{n}³ cells, {} halos; gradients to an effective draw", problem.counts.iter().sum::<f64>());
    println!(
        "| sampler | whitening | median voxel | median mode | worst mode | worst R-hat | acceptance | gradients |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let hmc = |integrator, n| {
        let settings = Settings { integrator, num_integration_steps: n, ..Settings::default() };
        BlockSettings::adaptive(Sampler::Hmc(settings), MetricKind::Identity)
    };
    let mams = Sampler::Microcanonical(microcanonical::Settings::adjusted(0.25, 1.5));
    let cases = [
        ("HMC, leapfrog", hmc(Integrator::Leapfrog, 10)),
        ("HMC, minimal norm", hmc(Integrator::MinimalNorm, 5)),
        ("HMC, geodesic", hmc(Integrator::Geodesic, 10)),
        ("MAMS", BlockSettings::adaptive(mams, MetricKind::Identity)),
    ];
    for (name, block) in cases {
        for (whitening, is_whitened) in [("none", false), ("Wiener, adapted", true)] {
            report(&problem, name, whitening, &problem.run(is_whitened, block));
        }
    }
}

fn report(problem: &Problem, name: &str, whitening: &str, run: &Run) {
    let mut fft = RealFft3::new(problem.grid.n());
    let mut seen = |row: &Vec<f64>| problem.seen(row, &mut fft);
    let rows: Vec<Vec<[Vec<f64>; 2]>> = run.chains.iter().map(|chain| chain.iter().map(&mut seen).collect()).collect();
    let mut worst_r_hat = 0.0_f64;
    let costs = [0, 1].map(|kind| {
        let of = |i: usize| -> f64 {
            let chains: Vec<Vec<f64>> =
                rows.iter().map(|chain| chain.iter().map(|row| row[kind][i]).collect()).collect();
            worst_r_hat = worst_r_hat.max(r_hat(&chains));
            run.n_gradients as f64 / bulk_ess(&chains)
        };
        let mut costs: Vec<f64> = (0..rows[0][0][kind].len()).map(of).collect();
        costs.sort_by(f64::total_cmp);
        (costs[costs.len() / 2], costs[costs.len() - 1])
    });
    let [(voxel, _), (mode, worst)] = costs;
    println!(
        "| {name} | {whitening} | {voxel:.0} | {mode:.0} | {worst:.0} | {worst_r_hat:.3} | {:.2} | {} |",
        run.acceptance, run.n_gradients
    );
}
