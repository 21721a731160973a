//! Approximate Bayesian computation by rejection: draws of the prior whose simulations come close to the observation.
//!
//! θ ~ π, d ~ M(θ); accepted where √((x − x_obs)ᵀ F (x − x_obs)) ≤ ε, x the estimate theta_hat of d. What is accepted
//! is distributed as the posterior of "x within ε of x_obs", and for ε → 0 as p(θ|x_obs). With F the Fisher
//! information, ε is in standard deviations of the estimate.
//!
//! Several observations share one set of simulations. Only what is accepted is held in memory. Simulations are numbered
//! and each number has its own stream, so the result does not depend on the number of threads.
//!
//! Limits: the share accepted falls as ε to the power of n_params; [`crate::lfi::pmc`] reaches a given ε with
//! far fewer simulations of one observation. A failed simulation counts as rejected: what is inferred is the posterior
//! for the prior restricted to where simulations succeed, ∝ π(θ) p(success|θ), which is right where failure says that θ
//! is impossible, and biased where it does not and depends on θ.
//!
//! References: Rubin 1984; Pritchard et al. 1999; Beaumont, Zhang, Balding 2002 for the adjustment.

mod nearest;
mod regression;
mod stored;

pub(in crate::lfi) use nearest::{Candidate, nearest};
pub use nearest::{SIMULATION, draw_theta};
pub use stored::{check_drawn, sample_stored};

use super::{Distance, Estimates};
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::math::Matrix;
use crate::prior::Prior;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::samples::Samples;
use serde::{Deserialize, Serialize};

/// References of rejection sampling.
pub const REFERENCES: [Reference; 1] = [Reference {
    authors: "Pritchard, Seielstad, Perez-Lezaun, Feldman 1999",
    title: "Population growth of human Y chromosomes: a study of Y chromosome microsatellites",
    source: "Mol. Biol. Evol. 16, 1791, doi:10.1093/oxfordjournals.molbev.a026091",
    url: "https://doi.org/10.1093/oxfordjournals.molbev.a026091",
}];

/// References of the regression adjustment.
pub const REGRESSION_REFERENCES: [Reference; 1] = [Reference {
    authors: "Beaumont, Zhang, Balding 2002",
    title: "Approximate Bayesian computation in population genetics",
    source: "Genetics 162, 2025, doi:10.1093/genetics/162.4.2025",
    url: "https://doi.org/10.1093/genetics/162.4.2025",
}];

/// If none is accepted, the error names the ε that would have accepted so many.
const WISHED: usize = 1000;

/// What can be chosen about rejection sampling. Exactly one of `epsilon` and `n_accepted` must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Simulations drawn from the prior.
    pub n_simulations: u64,
    /// Largest distance that is accepted, in standard deviations of the estimate if F is its Fisher information.
    pub epsilon: Option<f64>,
    /// Accepts so many of the nearest simulations instead.
    pub n_accepted: Option<usize>,
    /// Moves accepted draws by local-linear regression, which allows a larger ε.
    pub regression_adjustment: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_simulations: 1_000_000, epsilon: None, n_accepted: None, regression_adjustment: false }
    }
}

impl Settings {
    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// Invalid input, naming the key at fault.
    pub fn check(&self) -> Result<()> {
        if self.n_simulations == 0 {
            return Err(Error::invalid_input("no simulation is asked for")
                .at_key("n_simulations")
                .remedy("increase it"));
        }
        match (self.epsilon, self.n_accepted) {
            (Some(epsilon), None) if epsilon > 0.0 && epsilon.is_finite() => Ok(()),
            (Some(epsilon), None) => Err(Error::invalid_input(format!("no distance is accepted up to {epsilon}"))
                .at_key("epsilon")
                .remedy("give a finite epsilon > 0, in standard deviations of the estimate")),
            (None, Some(n)) if n < 2 => Err(Error::invalid_input(format!("{n} is too few: one draw has no spread"))
                .at_key("n_accepted")
                .remedy("give 2 at the very least, better 1000")),
            (None, Some(n)) if n as u64 <= self.n_simulations => Ok(()),
            (None, Some(n)) => {
                Err(Error::invalid_input(format!("{n} of {} simulations cannot be accepted", self.n_simulations))
                    .at_key("n_accepted")
                    .remedy("give a number from 2 to n_simulations"))
            }
            (Some(_), Some(_)) => Err(Error::invalid_input("epsilon and n_accepted exclude each other")
                .at_key("epsilon")
                .remedy("remove one of the two")),
            (None, None) => Err(Error::invalid_input("neither epsilon nor n_accepted says what is accepted")
                .at_key("n_accepted")
                .remedy("give one of the two, for example n_accepted = 1000")),
        }
    }
}

/// Draws of the approximate posterior of each observation, in the order of their simulations, and the simulations that
/// failed.
///
/// `observed` holds the estimate theta_hat of each observation, `metric` is `(n_params, n_params)`. Weights are equal
/// unless the regression adjustment is on; `Samples::epsilon` is the ε asked for, or the distance of the farthest of the
/// nearest, and `Samples::n_simulations` counts every simulation, shared by all observations.
///
/// # Errors
/// Invalid input for impossible settings or shapes; numerical if nothing is accepted for an observation, or too little
/// for the regression; simulation failed if too few simulations have a result; interrupted, between batches, once
/// `progress` wants an end; what the estimates' source refuses.
pub fn sample(
    estimates: &dyn Estimates,
    prior: &Prior,
    metric: &Matrix,
    observed: &[Vec<f64>],
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<(Vec<Samples>, Failures)> {
    settings.check()?;
    let distance = checked_distance(estimates, prior, metric, observed)?;
    let rule = match (settings.epsilon, settings.n_accepted) {
        (Some(epsilon), _) => (settings.n_simulations, epsilon, WISHED),
        (None, n_accepted) => (settings.n_simulations, f64::NEG_INFINITY, n_accepted.unwrap_or(WISHED)),
    };
    progress.begin("ABC", Some(settings.n_simulations));
    let outcome = nearest(estimates, "", prior, &distance, observed, rule, progress);
    progress.end(&outcome.as_ref().map_or("failed".into(), |_| format!("{} simulations", settings.n_simulations)));
    let (kept, failures) = outcome?;
    let all = kept.into_iter().zip(observed).enumerate();
    let samples = all.map(|(k, (kept, observed))| {
        let accepted = accepted(kept, settings, k)?;
        posterior(accepted, observed, prior, &distance, settings)
    });
    Ok((samples.collect::<Result<_>>()?, failures))
}

/// Shapes that fit, or what does not; the distance that goes with them.
pub(in crate::lfi) fn checked_distance(
    estimates: &dyn Estimates,
    prior: &Prior,
    metric: &Matrix,
    observed: &[Vec<f64>],
) -> Result<Distance> {
    let n = prior.n_params();
    if estimates.n_params() != n || metric.n_rows() != n || metric.n_cols() != n {
        return Err(Error::invalid_input(format!(
            "a prior of {n} parameters, estimates of {} and a metric of {} × {} do not fit together",
            estimates.n_params(),
            metric.n_rows(),
            metric.n_cols()
        )));
    }
    if let Some(k) = observed.iter().position(|x| x.len() != n || x.iter().any(|x| !x.is_finite())) {
        return Err(Error::invalid_input(format!("the estimate of observation {k} is not {n} finite values"))
            .remedy("look for NaN or infinite values in the observed data"));
    }
    Distance::new(metric)
}

/// What the settings accept among those kept (in the order of distance), in the order of simulation.
fn accepted(mut kept: Vec<Candidate>, settings: &Settings, observation: usize) -> Result<Vec<Candidate>> {
    let n_simulations = settings.n_simulations;
    let wanted = settings.n_accepted.unwrap_or(1);
    if kept.len() < wanted {
        return Err(Error::simulation_failed(format!(
            "only {} of {n_simulations} simulations have a finite estimate, {wanted} are wanted",
            kept.len()
        ))
        .remedy("narrow the prior to where the simulator has data, or increase n_simulations"));
    }
    if let Some(epsilon) = settings.epsilon {
        let n = kept.partition_point(|c| c.distance <= epsilon);
        if n == 0 {
            let (first, last) = (kept[0].distance, kept[kept.len() - 1].distance);
            return Err(Error::numerical(format!(
                "none of {n_simulations} simulations lies within {epsilon} of observation {observation}: the smallest \
                 distance is {}",
                four_digits(first, false)
            ))
            .at_key("epsilon")
            .remedy(format!(
                "epsilon = {} would accept {} of them; or increase n_simulations",
                four_digits(last, true),
                kept.len()
            )));
        }
        kept.truncate(n);
    }
    kept.sort_unstable_by_key(|c| c.index);
    Ok(kept)
}

/// A positive number of four significant digits near another, and not below it if that is asked.
fn four_digits(x: f64, not_below: bool) -> f64 {
    let power = if x > 0.0 { x.log10().floor() as i32 - 3 } else { 0 };
    // By its decimals, which print as they are.
    let with = |digits: f64| format!("{digits}e{power}").parse().unwrap_or(x);
    let digits = (x / 10_f64.powi(power)).round();
    let near: f64 = with(digits);
    if not_below && near < x { with(digits + 1.0) } else { near }
}

fn posterior(
    accepted: Vec<Candidate>,
    observed: &[f64],
    prior: &Prior,
    distance: &Distance,
    settings: &Settings,
) -> Result<Samples> {
    let largest = accepted.iter().map(|c| c.distance).fold(0.0, f64::max);
    let epsilon = settings.epsilon.unwrap_or(largest);
    let (theta, weights) = if settings.regression_adjustment {
        regression::adjust(&accepted, epsilon, observed, prior, distance)?
    } else {
        (accepted.iter().flat_map(|c| c.theta.iter().copied()).collect(), vec![1.0; accepted.len()])
    };
    let mut samples = Samples::new(prior.parameters.clone(), theta, weights)?;
    samples.epsilon = Some(epsilon);
    samples.n_simulations = settings.n_simulations;
    Ok(samples)
}

#[cfg(test)]
mod tests;
