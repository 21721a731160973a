//! Known answer: a catalogue drawn from the model at known weights and known initial field; both must be recovered
//! within their posteriors, the weights alone given the density, and together with the field.

use super::super::*;
use super::{THRESHOLD, white_noise};
use crate::diagnostics::{bulk_ess, r_hat};
use crate::field::{
    Background, Bins, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order, Spectra, whitening,
};
use crate::hmc::{self, BlockSettings, Chain, ChainSettings, MetricKind, Sampler, Single};
use crate::math::mean_and_covariance;
use crate::seed::Seed;
use rayon::prelude::*;
use statrs::function::gamma::gamma_ur;

/// Side of a voxel [Mpc/h].
const VOXEL: f64 = 4.0;
const COSMOLOGY: Cosmology = Cosmology { omega_m: 0.31, omega_b: 0.048, h: 0.68, n_s: 0.96, sigma8: 0.82 };

fn grid(n: usize) -> Grid {
    Grid::new(n, VOXEL * n as f64).expect("valid")
}

fn gravity(n: usize) -> Gravity {
    let growth = Background::new(COSMOLOGY.omega_m, -1.0).expect("valid").growth(1.0).expect("valid");
    let power = LinearPower::eisenstein_hu(&COSMOLOGY).expect("valid");
    Gravity::new(grid(n), &power, &growth, Order::Two, MassAssignment::TriangularShapedCloud).expect("valid")
}

/// What was put in: white noise, δ, weights, halos.
struct Truth {
    n: usize,
    settings: Settings,
    noise: Vec<f64>,
    density: Vec<f64>,
    weights: Vec<f64>,
    halos: Vec<(usize, f64)>,
}

impl Truth {
    fn new(seed: Seed, n: usize, settings: Settings, weights: &[f64]) -> Self {
        let n_cells = n * n * n;
        let noise = white_noise(n_cells, seed);
        let mut density = vec![0.0; n_cells];
        gravity(n).density(&noise, &mut density).expect("sized");
        density.iter_mut().for_each(|rho| *rho -= 1.0);
        let box_length = VOXEL * n as f64;
        let halos = mock(n, box_length, &settings, THRESHOLD, &density, weights, seed).expect("a catalogue");
        Self { n, settings, noise, density, weights: weights.to_vec(), halos }
    }

    fn box_length(&self) -> f64 {
        VOXEL * self.n as f64
    }

    fn n_cells(&self) -> usize {
        self.density.len()
    }

    fn weights_given(&self, density: &[f64]) -> Straightened {
        let region = Region::whole(self.n_cells());
        let weights = WeightsGivenDensity::new(
            self.n,
            self.box_length(),
            &self.settings,
            THRESHOLD,
            &region,
            &self.halos,
            density,
        );
        Straightened::new(weights.expect("valid"))
    }

    /// Weights that know nothing of the truth: those an analysis begins with.
    fn first_weights(&self) -> Vec<f64> {
        let mut w = vec![0.0; self.weights.len()];
        w[0] = 1.0;
        w[5..].chunks_exact_mut(6).for_each(|component| (component[0], component[5]) = (1.0, -6.0));
        w
    }
}

/// χ² of mean − truth in the covariance of rows, and the probability of a larger one.
fn agreement(rows: &[f64], truth: &[f64]) -> (f64, f64) {
    let (mean, covariance) = mean_and_covariance(rows, truth.len());
    let off: Vec<f64> = mean.iter().zip(truth).map(|(m, t)| m - t).collect();
    let chi_squared = covariance.cholesky().expect("positive definite").inverse_quadratic_form(&off);
    (chi_squared, gamma_ur(0.5 * truth.len() as f64, 0.5 * chi_squared))
}

/// R̂ and bulk ESS of each column of chains of rows.
fn convergence(chains: &[Vec<f64>], dim: usize) -> Vec<(f64, f64)> {
    let column = |j| -> Vec<Vec<f64>> {
        chains.iter().map(|rows| rows.iter().skip(j).step_by(dim).copied().collect()).collect()
    };
    (0..dim).map(column).map(|column| (r_hat(&column), bulk_ess(&column))).collect()
}

/// The worst R̂ and the least bulk ESS.
fn worst(columns: &[(f64, f64)]) -> (f64, f64) {
    columns.iter().fold((0.0, f64::INFINITY), |(r, e), (r_hat, ess)| (f64::max(r, *r_hat), f64::min(e, *ess)))
}

/// A block as analyses have it: some steps are short, for where the kernel's scale is large.
fn block(metric: MetricKind, integrator: hmc::Integrator, num_integration_steps: usize) -> BlockSettings {
    let jitter = hmc::Settings { step_size_jitter: 0.8, step_size_skew: 3, ..Default::default() };
    let hmc = hmc::Settings { num_integration_steps, integrator, ..jitter };
    BlockSettings { searches_length: false, ..BlockSettings::adaptive(Sampler::Hmc(hmc), metric) }
}

/// Chains of the weights given the true density, from about the maximum that a climb from `first_weights` finds.
fn weights_alone(truth: &Truth, seed: Seed, n_chains: u64, warm_up: u64, n_draws: usize) -> Vec<Vec<f64>> {
    let mut target = Single(truth.weights_given(&truth.density));
    let first = target.0.coordinates(&truth.first_weights());
    let top = maximise(&mut target.0, &first, &FitSettings { n_starts: 1, ..Default::default() }, seed);
    let metric = target.0.metric(&top.position).expect("a curvature");
    let one = |k: u64| {
        let mut target = Single(truth.weights_given(&truth.density));
        let mut step = vec![0.0; truth.weights.len()];
        metric.apply(&white_noise(step.len(), seed.branch(k)), &mut step);
        let start = top.position.iter().zip(step).map(|(x, d)| x + 0.7 * d).collect();
        let blocks = vec![block(MetricKind::Dense, hmc::Integrator::Leapfrog, 20)];
        let settings = ChainSettings { warm_up, blocks };
        let mut chain = Chain::new(k, seed, settings, vec![start], &mut target).expect("a start");
        chain.begin_in(0, metric.clone()).expect("fits");
        let mut rows = Vec::new();
        while chain.draw() < warm_up + n_draws as u64 {
            let is_warm_up = chain.is_warm_up();
            chain.step(&mut target).expect("a step");
            if !is_warm_up {
                rows.extend_from_slice(target.0.weights(&chain.blocks()[0].state.position).0);
            }
        }
        rows
    };
    (0..n_chains).into_par_iter().map(one).collect()
}

/// R̂ tells whether chains have converged (the posterior has a long tail of large scales of the kernel, which chains visit
/// now and then), χ² whether the truth is in them.
#[test]
fn weights_are_recovered_given_the_density() {
    let mut weights = vec![1.8, 0.3, 0.1, -0.05, 0.0];
    weights.extend([0.8, -2.0, 0.3, 0.3, 0.2, -7.6, 1.0, -2.0, 0.3, 2.0, -0.1, -7.1]);
    let truth = Truth::new(Seed::new(70), 16, Settings::default(), &weights);
    let chains = weights_alone(&truth, Seed::new(71), 4, 500, 2000);
    let (r_hat, ess) = worst(&convergence(&chains, truth.weights.len()));
    let (chi_squared, p) = agreement(&chains.concat(), &truth.weights);
    assert!(r_hat < 1.05, "R̂ {r_hat}, ESS {ess}, {} halos", truth.halos.len());
    assert!(p > 5e-4 && p < 1.0 - 5e-4, "χ² {chi_squared}, p {p}");
}

/// What a chain of both leaves: rows of weights in their coordinates, in which their posterior is about normal, and sums
/// over the white noise.
struct Run {
    weights: Vec<f64>,
    values: Vec<f64>,
    sum: Vec<f64>,
    square: Vec<f64>,
    line: String,
}

fn joint(truth: &Truth, seed: Seed, k: u64, warm_up: u64, n_draws: u64) -> Run {
    let power = LinearPower::eisenstein_hu(&COSMOLOGY).expect("valid");
    let growth = Background::new(COSMOLOGY.omega_m, -1.0).expect("valid").growth(1.0).expect("valid");
    let (n, n_cells, box_length) = (truth.n, truth.n_cells(), truth.box_length());
    let region = Region::whole(n_cells);
    let model = Model::new(n, box_length, &truth.settings, THRESHOLD, &region, &truth.halos).expect("valid");
    let number_density = truth.halos.len() as f64 / box_length.powi(3);
    let amplitude = whitening::wiener(&grid(n), &power, &growth, 1.2, number_density);
    let least = amplitude.clone();
    let mut field =
        FieldGivenWeights::new(gravity(n), model, truth.weights.clone(), amplitude, least, true).expect("valid");
    // Chains begin in the mode of the truth: which one a search finds is another question. A climb to a maximum of the
    // field, the coordinates of its curvature, and a start a width of the posterior away.
    let climb = FitSettings { n_starts: 1, n_iterations: 100, tolerance: 1e-2, ..Default::default() };
    let mut u = white_noise(n_cells, seed.branch(k));
    u = maximise(&mut field, &u, &climb, seed).position;
    field.whiten_by_curvature(20, seed.branch(k), &mut u).expect("sized");
    u.iter_mut().zip(white_noise(n_cells, seed.branch(k).label("start"))).for_each(|(u, z)| *u += z);
    let density = field.evolve(&u).0.to_vec();
    let mut weights = truth.weights_given(&density);
    let climb = FitSettings { n_starts: 1, ..Default::default() };
    let first = weights.coordinates(&truth.weights);
    let top = maximise(&mut weights, &first, &climb, seed).position;
    let metric = weights.metric(&top).expect("a curvature");
    let mut target = Joint::new(field, weights, top.clone(), metric.clone()).expect("fits");
    u.resize(n_cells + top.len(), 0.0);
    let blocks = vec![
        BlockSettings { acceptance_rate: Some(0.65), ..block(MetricKind::Identity, hmc::Integrator::MinimalNorm, 28) },
        block(MetricKind::Dense, hmc::Integrator::Leapfrog, 20),
    ];
    let settings = ChainSettings { warm_up, blocks };
    let mut chain = Chain::new(k, seed, settings, vec![u, top], &mut target).expect("a start");
    chain.begin_in(1, metric).expect("fits");
    let mut run = Run {
        weights: vec![],
        values: vec![],
        sum: vec![0.0; n_cells],
        square: vec![0.0; n_cells],
        line: String::new(),
    };
    let mut s = vec![0.0; n_cells];
    while chain.draw() < warm_up + n_draws {
        let is_warm_up = chain.is_warm_up();
        chain.step(&mut target).expect("a step");
        if !is_warm_up {
            let [field, weights] = chain.blocks() else { unreachable!() };
            target.field().white_noise(&field.state.position[..n_cells], &mut s).expect("sized");
            for ((sum, square), s) in run.sum.iter_mut().zip(&mut run.square).zip(&s) {
                (*sum, *square) = (*sum + s, *square + s * s);
            }
            run.weights.extend_from_slice(&weights.state.position);
            run.values.push(weights.state.log_density);
        }
    }
    for block in chain.blocks() {
        let (sampler, n) = (&block.sampler, block.n_gradients);
        let (step, steps) = (sampler.step_size(), sampler.num_integration_steps());
        run.line += &format!(" step {step:.3} × {steps}, {n} gradients, {} divergent;", block.n_divergent);
    }
    run
}

/// Field and weights at once, in the example's size and settings, with one component: with two, chains find modes that
/// they do not leave. Half an hour; prints what it saw.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stderr, reason = "the figures are the result")]
fn field_and_weights_are_recovered_together() {
    let mixture = Mixture { n_components: 1, ..Mixture::default() };
    let engine = crate::engine::Settings { floor: 0.3, ..Default::default() };
    // A draw of the example's posterior, with its voxels, threshold and settings: about as many halos.
    let weights = [9.962, -0.971, -0.138, 0.1, 5.542, -0.833, 11.897, 0.647, -21.836, 0.047, -4.708];
    let truth = Truth::new(Seed::new(70), 32, Settings { mixture, engine }, &weights);
    let n_cells = truth.n_cells();
    let (n_chains, warm_up, n_draws) = (4, 250, 1000);
    eprintln!("{} halos", truth.halos.len());
    let runs: Vec<Run> =
        (0..n_chains).into_par_iter().map(|k| joint(&truth, Seed::new(72), k, warm_up, n_draws)).collect();
    runs.iter().for_each(|run| eprintln!("{}", run.line));
    let chains: Vec<Vec<f64>> = runs.iter().map(|run| run.weights.clone()).collect();
    let columns = convergence(&chains, truth.weights.len());
    let (worst, ess) = worst(&columns);
    let values: Vec<&[f64]> = runs.iter().map(|run| run.values.as_slice()).collect();
    eprintln!(
        "weights: R̂ {worst:.3}, ESS {ess:.0}; ln π of them: R̂ {:.3}, ESS {:.0}",
        r_hat(&values),
        bulk_ess(&values)
    );
    let (mean, covariance) = mean_and_covariance(&chains.concat(), truth.weights.len());
    let put_in = truth.weights_given(&truth.density).coordinates(&truth.weights);
    for (j, (truth, (r_hat, ess))) in put_in.iter().zip(&columns).enumerate() {
        let sd = covariance[(j, j)].sqrt();
        eprintln!("coordinate {j}: {truth:.3} put in, {:.3} ± {sd:.3}; R̂ {r_hat:.3}, ESS {ess:.0}", mean[j]);
    }
    let (chi_squared, p) = agreement(&chains.concat(), &put_in);
    eprintln!("weights: χ² {chi_squared:.2} of {}, p {p:.4}", truth.weights.len());

    let n = (n_chains * n_draws) as f64;
    let sum = |of: fn(&Run) -> &[f64]| -> Vec<f64> {
        (0..n_cells).map(|i| runs.iter().map(|run| of(run)[i]).sum::<f64>() / n).collect()
    };
    let (mean, square) = (sum(|run| &run.sum), sum(|run| &run.square));
    // Of a right posterior, mean and error are uncorrelated: their product in a shell is zero within √(P_mm P_ee/modes).
    let error: Vec<f64> = mean.iter().zip(&truth.noise).map(|(m, t)| t - m).collect();
    let mut spectra = Spectra::new(grid(truth.n), &Bins::Fundamental).expect("valid");
    let shells = spectra.cross(&mean, &truth.noise, [None; 2]).expect("sized");
    let errors = spectra.cross(&mean, &error, [None; 2]).expect("sized");
    let mut worst_shell = 0.0f64;
    for (shell, error) in shells.iter().zip(&errors) {
        let expected = (shell.power_a / shell.power_b).sqrt();
        let z = error.cross_power / (error.power_a * error.power_b / error.n_modes as f64).sqrt();
        worst_shell = worst_shell.max(z.abs());
        let (k, r) = (shell.k, shell.correlation());
        eprintln!("k {k:.3} h/Mpc, {} modes: r {r:.3}, expected {expected:.3}, {z:.2} σ", shell.n_modes);
        assert!(r > 0.0);
    }
    let pulls: f64 =
        (0..n_cells).map(|i| error[i] * error[i] / (square[i] - mean[i] * mean[i])).sum::<f64>() / n_cells as f64;
    let width = (square.iter().sum::<f64>() - mean.iter().map(|m| m * m).sum::<f64>()) / n_cells as f64;
    eprintln!("white noise: χ² {pulls:.4} a voxel, posterior variance {width:.3}");
    assert!(worst < 1.05, "not converged: R̂ {worst}");
    assert!(p > 5e-4 && p < 1.0 - 5e-4, "χ² {chi_squared}, p {p}");
    assert!(worst_shell < 4.5, "{worst_shell}");
    // √(2/4096) is the standard error of independent voxels.
    assert!((pulls - 1.0).abs() < 6.0 * (2.0 / n_cells as f64).sqrt(), "{pulls}");
}
