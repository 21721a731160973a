//! Simulations at draws of the posterior, for comparison with the data.
//!
//! Nuisance parameters are not inferred, so each simulation has them from their prior, and the data would be lost in
//! their spread. What a nuisance parameter does to the data (its direction, from two simulations of the same noise) is
//! therefore fitted and set, in each simulation, to what it is in the data.

use super::super::Analysis;
use super::PREDICTIVE;
use crate::error::{Error, Result};
use crate::failure::{Failure, Failures, Record};
use crate::npy;
use crate::prior::Marginal;
use crate::progress::Progress;
use crate::samples::Samples;
use crate::seed::Seed;
use crate::simulator::{Simulator, attempt, on_its_threads};
use rayon::prelude::*;
use std::path::Path;

/// Draws that are simulated.
const N_DRAWS: usize = 400;
/// The same where a program outside simulates: enough for the bands of the figure.
const N_DRAWS_OUTSIDE: usize = 100;
/// Fewer where there are so many data that all of them would take more than 256 MB, but never fewer than some.
const MOST_VALUES: usize = 1 << 25;
const FEWEST_DRAWS: usize = 20;

/// Writes one simulation at each of so many draws of equal weight; failed simulations are left out. Returns how many
/// simulations there were, and those that failed.
///
/// # Errors
/// What stands in the way of every simulation; interrupted, where `progress` asks for an end; io.
pub(super) fn write(
    analysis: &Analysis,
    simulator: &dyn Simulator,
    draws: &Samples,
    out_dir: &Path,
    progress: &dyn Progress,
) -> Result<(u64, Failures)> {
    let seed = Seed::new(analysis.seed).label("predictive");
    let n_data = simulator.n_data();
    let directions = nuisance_directions(analysis, &draws.mean(), seed.label("nuisance"))?;
    let n = if analysis.model.external().is_some() { N_DRAWS_OUTSIDE } else { N_DRAWS };
    let n = n.min((MOST_VALUES / n_data).max(FEWEST_DRAWS));
    let chosen = equal_weight(draws, n);
    let mut rows = vec![0.0; n * n_data];
    let outcomes: Vec<Option<Failure>> = on_its_threads(simulator, |least| {
        let rows = rows.par_chunks_exact_mut(n_data).with_min_len(least).zip(&chosen).enumerate();
        let simulate = |(i, (row, draw)): (usize, (&mut [f64], &usize))| {
            if progress.stop_requested() {
                return Err(Error::interrupted("stopped before the simulations at draws of the posterior were done"));
            }
            attempt(simulator, draws.draw(*draw), &mut seed.stream(i as u64), row)
        };
        rows.map(simulate).collect::<Result<_>>()
    })?;
    let (mut kept, mut failures) = (Vec::with_capacity(rows.len()), Failures::default());
    for (i, (row, failure)) in rows.chunks_exact_mut(n_data).zip(outcomes).enumerate() {
        if let Some(failure) = failure {
            failures.add(Record { index: i as u64, theta: draws.draw(chosen[i]).to_vec(), failure });
            continue;
        }
        for direction in &directions {
            let shift: f64 =
                direction.iter().zip(row.iter().zip(&analysis.observed)).map(|(e, (d, o))| e * (d - o)).sum();
            row.iter_mut().zip(direction).for_each(|(d, e)| *d -= shift * e);
        }
        kept.extend_from_slice(row);
    }
    npy::write(&out_dir.join(PREDICTIVE), &[kept.len() / n_data, n_data], &kept)?;
    Ok((n as u64, failures))
}

/// Indices of `n` draws of equal weight, by systematic resampling.
fn equal_weight(draws: &Samples, n: usize) -> Vec<usize> {
    let (mut cumulative, mut draw) = (0.0, 0);
    let levels = (0..n).map(|i| (i as f64 + 0.5) / n as f64);
    levels
        .map(|level| {
            while draw + 1 < draws.n_samples() && cumulative + draws.weights[draw] < level {
                cumulative += draws.weights[draw];
                draw += 1;
            }
            draw
        })
        .collect()
}

/// What the figure's caption says of the nuisance parameters.
pub(super) fn note(analysis: &Analysis) -> String {
    let parameters = analysis.model.simulator().parameters().iter().zip(&analysis.nuisance);
    let names: Vec<&str> = parameters.filter(|(_, prior)| prior.is_some()).map(|(p, _)| p.name.as_str()).collect();
    match names.len() {
        0 => String::new(),
        _ => format!(
            "The nuisance part ({}) is fitted, and set in each simulation to that of the data.",
            names.join(", ")
        ),
    }
}

/// Orthonormal directions in which the nuisance parameters move the data, at the mean of the posterior.
fn nuisance_directions(analysis: &Analysis, theta: &[f64], seed: Seed) -> Result<Vec<Vec<f64>>> {
    let inner = analysis.model.simulator();
    let mut kept = theta.iter();
    let value = |prior: &Option<Marginal>| {
        prior.as_ref().map_or_else(|| kept.next().copied().unwrap_or(f64::NAN), |p| p.quantile(0.5))
    };
    let middle: Vec<f64> = analysis.nuisance.iter().map(value).collect();
    let mut directions: Vec<Vec<f64>> = Vec::new();
    for (alpha, prior) in analysis.nuisance.iter().enumerate() {
        let Some(prior) = prior else { continue };
        let simulate = |p: f64| -> Result<Option<Vec<f64>>> {
            let (mut theta, mut data) = (middle.clone(), vec![0.0; inner.n_data()]);
            theta[alpha] = prior.quantile(p);
            let failure = attempt(inner, &theta, &mut seed.stream(0), &mut data)?;
            Ok(failure.is_none().then_some(data))
        };
        // A simulator without data at these quartiles has no direction to fit.
        let (Some(below), Some(above)) = (simulate(0.25)?, simulate(0.75)?) else { continue };
        let mut direction: Vec<f64> = above.iter().zip(below).map(|(a, b)| a - b).collect();
        for earlier in &directions {
            let overlap: f64 = earlier.iter().zip(&direction).map(|(a, b)| a * b).sum();
            direction.iter_mut().zip(earlier).for_each(|(d, e)| *d -= overlap * e);
        }
        let norm = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        if norm > 0.0 && norm.is_finite() {
            direction.iter_mut().for_each(|d| *d /= norm);
            directions.push(direction);
        }
    }
    Ok(directions)
}

#[cfg(test)]
mod tests {
    use super::super::super::template;
    use super::*;

    #[test]
    fn predictions_have_the_nuisance_part_of_the_data() {
        let folder = std::env::temp_dir().join(format!("posterity-predictive-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = template("gaussian").expect("there").replace("# nuisance = false ", "nuisance = true ");
        let text = text.replace("mean = 0.0\nvariance", "variance").replace("{ mean = 0.1, ", "{ ");
        let file = folder.join("analysis.toml");
        std::fs::write(&file, text).expect("written");
        let analysis = Analysis::read(&file, &[]).expect("right");
        let draws = Samples::new(analysis.prior.parameters.clone(), vec![1.0, 2.0], vec![1.0, 1.0]).expect("valid");
        write(&analysis, &*analysis.simulator(), &draws, &folder, &crate::progress::Quiet).expect("written");
        let rows = npy::read(&folder.join(PREDICTIVE), &[("draws", Some(N_DRAWS)), ("data", Some(10))]).expect("read");
        std::fs::remove_dir_all(folder).expect("removed");
        let mean = |row: &[f64]| row.iter().sum::<f64>() / 10.0;
        // The mean moves all data alike: its part of them is their mean. What is left spreads as the variance says.
        assert!(rows.data.chunks(10).all(|row| (mean(row) - mean(&analysis.observed)).abs() < 1e-12));
        let spread =
            |rows: &[f64]| rows.chunks(10).map(|row| row.iter().map(|d| (d - mean(row)).powi(2)).sum::<f64>()).sum();
        let (first, second): (f64, f64) = (spread(&rows.data[..2000]), spread(&rows.data[2000..]));
        // 1800 degrees of freedom each: the ratio of the sums is 2 within 5 %.
        assert!((second / first - 2.0).abs() < 0.4, "{}", second / first);
        assert!(note(&analysis).contains("(mean)"), "{}", note(&analysis));
    }
}
