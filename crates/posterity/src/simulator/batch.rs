//! Many simulations at once: one stream an index, chunks over the threads, results in the order of the indices.

use super::Simulator;
use crate::error::Result;
use crate::seed::Seed;
use rayon::prelude::*;

/// Simulations that one task of the thread pool runs in a row.
const CHUNK: usize = 64;

/// Draws simulations `first_index..` at one `theta` into `data` (as many rows as fit).
///
/// # Errors
/// The first failure in the order of the indices.
pub fn simulate_at(
    simulator: &dyn Simulator,
    theta: &[f64],
    seed: Seed,
    first_index: u64,
    data: &mut [f64],
) -> Result<()> {
    each(data, simulator.n_data(), first_index, |index, row| simulator.simulate(theta, &mut seed.stream(index), row))
}

/// Draws simulation `first_index + i` at row i of `thetas`; the outcome of each row stands in the result.
pub fn simulate_many(
    simulator: &dyn Simulator,
    thetas: &[f64],
    seed: Seed,
    first_index: u64,
    data: &mut [f64],
) -> Vec<Result<()>> {
    let (n_params, n_data) = (simulator.n_params(), simulator.n_data());
    let rows = data.par_chunks_exact_mut(n_data).with_min_len(CHUNK);
    rows.zip(thetas.par_chunks_exact(n_params))
        .enumerate()
        .map(|(i, (row, theta))| simulator.simulate(theta, &mut seed.stream(first_index + i as u64), row))
        .collect()
}

/// Exact derivatives of simulations `first_index..` at `theta`, each `n_params * n_data` values:
/// `out[(i * n_params + alpha) * n_data + k]` = ∂d_k/∂θ_α of simulation i.
///
/// # Errors
/// The first failure in the order of the indices; invalid input if the simulator has no derivative.
pub fn derivatives(
    simulator: &dyn Simulator,
    theta: &[f64],
    seed: Seed,
    first_index: u64,
    out: &mut [f64],
) -> Result<()> {
    let n_data = simulator.n_data();
    each(out, simulator.n_params() * n_data, first_index, |index, row| {
        simulator.simulate_with_derivative(theta, &mut seed.stream(index), &mut vec![0.0; n_data], row)
    })
}

/// Seed-matched pairs at theta_α ∓ delta_α/2 for each parameter, each simulation `n_params * 2 * n_data` values:
/// `out[((i * n_params + alpha) * 2 + sign) * n_data + k]`, sign 0 below and 1 above.
///
/// # Errors
/// The first failure in the order of the indices.
pub fn differences(
    simulator: &dyn Simulator,
    theta: &[f64],
    delta: &[f64],
    seed: Seed,
    first_index: u64,
    out: &mut [f64],
) -> Result<()> {
    let n_data = simulator.n_data();
    each(out, theta.len() * 2 * n_data, first_index, |index, rows| {
        let mut shifted = theta.to_vec();
        for (k, row) in rows.chunks_exact_mut(n_data).enumerate() {
            let (alpha, sign) = (k / 2, if k % 2 == 0 { -0.5 } else { 0.5 });
            shifted[alpha] = theta[alpha] + sign * delta[alpha];
            simulator.simulate(&shifted, &mut seed.stream(index), row)?;
            shifted[alpha] = theta[alpha];
        }
        Ok(())
    })
}

fn each(
    out: &mut [f64],
    width: usize,
    first_index: u64,
    run: impl Fn(u64, &mut [f64]) -> Result<()> + Sync,
) -> Result<()> {
    let outcomes: Vec<Result<()>> = out
        .par_chunks_exact_mut(width)
        .with_min_len(CHUNK)
        .enumerate()
        .map(|(i, row)| run(first_index + i as u64, row))
        .collect();
    outcomes.into_iter().collect()
}
