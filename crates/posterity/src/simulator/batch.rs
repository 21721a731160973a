//! Many simulations at once: one stream an index, chunks over the threads, results in the order of the indices.
//!
//! Every function lays simulation `first_index + i` at row i of its output; a row is
//!
//! | function | row | shape |
//! |---|---|---|
//! | [`simulate_at`], [`simulate_many`] | d | `n_data` |
//! | [`derivatives`] | ∂d/∂θ | `(n_params, n_data)` |
//! | [`differences`] | d below and above | `(n_params, 2, n_data)` |
//!
//! in C order, as numpy would. The length of the output decides how many simulations are drawn.

use super::Simulator;
use crate::error::{Error, Result};
use crate::seed::Seed;
use rayon::prelude::*;

/// Simulations that one task of the thread pool runs in a row.
const CHUNK: usize = 64;

/// Draws simulations `first_index..` at one `theta` into the rows of `data`.
///
/// # Errors
/// Invalid input, if `theta` or `data` has a length that does not fit; the first failure in the order of the indices.
pub fn simulate_at(
    simulator: &dyn Simulator,
    theta: &[f64],
    seed: Seed,
    first_index: u64,
    data: &mut [f64],
) -> Result<()> {
    check(simulator, theta, data.len(), simulator.n_data())?;
    each(data, simulator.n_data(), first_index, |index, row| simulator.simulate(theta, &mut seed.stream(index), row))
}

/// Draws simulation `first_index + i` at row i of `thetas`, `n_params` values each; the outcome of each row stands in
/// the result, and the data of a row that failed mean nothing.
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
/// Invalid input, if a length does not fit or the simulator has no derivative; the first failure in the order of the
/// indices.
pub fn derivatives(
    simulator: &dyn Simulator,
    theta: &[f64],
    seed: Seed,
    first_index: u64,
    out: &mut [f64],
) -> Result<()> {
    let n_data = simulator.n_data();
    check(simulator, theta, out.len(), simulator.n_params() * n_data)?;
    each(out, simulator.n_params() * n_data, first_index, |index, row| {
        simulator.simulate_with_derivative(theta, &mut seed.stream(index), &mut vec![0.0; n_data], row)
    })
}

/// Seed-matched pairs at theta_α ∓ delta_α/2 for each parameter, each simulation `n_params * 2 * n_data` values:
/// `out[((i * n_params + alpha) * 2 + sign) * n_data + k]`, sign 0 below and 1 above.
///
/// # Errors
/// Invalid input, if a length does not fit or a step is not positive; the first failure in the order of the indices.
pub fn differences(
    simulator: &dyn Simulator,
    theta: &[f64],
    delta: &[f64],
    seed: Seed,
    first_index: u64,
    out: &mut [f64],
) -> Result<()> {
    let n_data = simulator.n_data();
    check(simulator, theta, out.len(), simulator.n_params() * 2 * n_data)?;
    if delta.len() != theta.len() || !delta.iter().all(|d| *d > 0.0 && d.is_finite()) {
        return Err(Error::invalid_input(format!("steps {delta:?} for {} parameters", theta.len()))
            .remedy("give one positive step a parameter"));
    }
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

fn check(simulator: &dyn Simulator, theta: &[f64], len: usize, width: usize) -> Result<()> {
    if theta.len() != simulator.n_params() {
        let message = format!("{} values for the {} parameters", theta.len(), simulator.n_params());
        return Err(Error::invalid_input(message).remedy("give one value a parameter"));
    }
    if width == 0 || !len.is_multiple_of(width) {
        return Err(Error::invalid_input(format!("{len} values are no whole number of rows of {width}"))
            .remedy("give room for whole simulations"));
    }
    Ok(())
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
