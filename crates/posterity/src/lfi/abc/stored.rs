//! Rejection with simulations that are there already: drawn from the prior once, by whatever program.
//!
//! What [`sample`](super::sample) does with simulations of its own, this does with stored ones: their parameters must be
//! independent draws from the prior, for it is their density that the posterior is taken from. [`check_drawn`] tests
//! what can be tested: that each lies in the support, and for each parameter by Kolmogorov's and Smirnov's statistic
//!
//! D = sup |F_n(θ) − F(θ)|, P(D > d) ≈ Q((√n + 0.12 + 0.11/√n) d), Q(λ) = 2 Σ_k (−1)^{k−1} exp(−2 k² λ²),
//!
//! that their distribution is the prior's (a right set is refused once in a million for each parameter). Draws that
//! fill the prior more evenly than random ones, such as a Latin hypercube, pass and are right too.
//!
//! Limits: draws that depend on each other, or parameters in another order with the same prior, are not found out.
//!
//! References: Stephens 1970, J. R. Stat. Soc. B 32, 115, doi:10.1111/j.2517-6161.1970.tb00821.x.

use super::{Candidate, Settings, WISHED, accepted, posterior};
use crate::error::{Error, Result};
use crate::lfi::Distance;
use crate::math::Matrix;
use crate::prior::Prior;
use crate::samples::Samples;
use rayon::prelude::*;

/// Probability of a departure as large as that found, below which draws are not the prior's.
const LEAST_PROBABLE: f64 = 1e-6;
/// Simulations that one task takes the distance of.
const CHUNK: usize = 4096;

/// Draws of the approximate posterior of each observation, in the order of their simulations.
///
/// `thetas` and `theta_hats`, both `(n, n_params)`, are the parameters of the simulations and the estimates from their
/// data; NaN marks a failed simulation, which is never accepted. The rest is as for [`sample`](super::sample);
/// `settings.n_simulations` must be n.
///
/// # Errors
/// Those of [`sample`](super::sample).
pub fn sample_stored(
    thetas: &[f64],
    theta_hats: &[f64],
    prior: &Prior,
    metric: &Matrix,
    observed: &[Vec<f64>],
    settings: &Settings,
) -> Result<Vec<Samples>> {
    settings.check()?;
    let n_params = prior.n_params();
    let fits = thetas.len() == theta_hats.len()
        && thetas.len() as u64 == settings.n_simulations.saturating_mul(n_params as u64)
        && (metric.n_rows(), metric.n_cols()) == (n_params, n_params);
    if !fits || observed.iter().any(|x| x.len() != n_params || x.iter().any(|x| !x.is_finite())) {
        return Err(Error::invalid_input(format!(
            "{} parameters and {} estimates of {} simulations do not fit a prior of {n_params} parameters, a metric of \
             {} × {} and finite observations",
            thetas.len(),
            theta_hats.len(),
            settings.n_simulations,
            metric.n_rows(),
            metric.n_cols()
        )));
    }
    let distance = Distance::new(metric)?;
    let all = observed.iter().enumerate();
    all.map(|(k, observed)| {
        let kept = nearest(thetas, theta_hats, observed, &distance, settings);
        posterior(accepted(kept, settings, k)?, observed, prior, &distance, settings)
    })
    .collect()
}

/// Those within ε, and in any case as many of the nearest as are wanted, in the order of distance, then of number.
fn nearest(
    thetas: &[f64],
    theta_hats: &[f64],
    observed: &[f64],
    distance: &Distance,
    settings: &Settings,
) -> Vec<Candidate> {
    let n_params = observed.len();
    let of_chunk = |(c, rows): (usize, &[f64])| {
        let to = |(i, row): (usize, &[f64])| (distance.between(row, observed), c * CHUNK + i);
        rows.chunks_exact(n_params).enumerate().map(to).filter(|(d, _)| d.is_finite()).collect::<Vec<_>>()
    };
    let chunks: Vec<Vec<(f64, usize)>> = theta_hats.par_chunks(CHUNK * n_params).enumerate().map(of_chunk).collect();
    let mut near: Vec<(f64, usize)> = chunks.into_iter().flatten().collect();
    near.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let within = settings.epsilon.map_or(0, |epsilon| near.partition_point(|(d, _)| *d <= epsilon));
    near.truncate(within.max(settings.n_accepted.unwrap_or(WISHED)));
    let row = |rows: &[f64], i: usize| rows[i * n_params..(i + 1) * n_params].into();
    let candidate = |(distance, i): (f64, usize)| Candidate {
        distance,
        index: i as u64,
        theta: row(thetas, i),
        theta_hat: row(theta_hats, i),
    };
    near.into_iter().map(candidate).collect()
}

/// Refuses parameters `(n, n_params)` that cannot have been drawn from the prior.
///
/// # Errors
/// Invalid input, naming the row outside the prior, or the parameter that is distributed otherwise.
pub fn check_drawn(thetas: &[f64], prior: &Prior) -> Result<()> {
    let n_params = prior.n_params();
    for (i, theta) in thetas.chunks_exact(n_params).enumerate() {
        if let Some(alpha) = (0..n_params).find(|k| prior.marginals[*k].log_prob(theta[*k]) == f64::NEG_INFINITY) {
            let (low, high) = prior.marginals[alpha].bounds();
            let message =
                format!("row {i}: {} = {} lies outside its prior, {low} … {high}", name(prior, alpha), theta[alpha]);
            return Err(Error::invalid_input(message)
                .remedy("give the prior that the simulations were drawn from, or take out the row"));
        }
    }
    for (alpha, marginal) in prior.marginals.iter().enumerate() {
        let mut column: Vec<f64> = thetas.iter().skip(alpha).step_by(n_params).copied().collect();
        column.par_sort_unstable_by(f64::total_cmp);
        let n = column.len() as f64;
        let departure = |(i, x): (usize, &f64)| {
            let (i, f) = (i as f64, marginal.cdf(*x));
            ((i + 1.0) / n - f).max(f - i / n)
        };
        let largest = column.iter().enumerate().map(departure).fold(0.0, f64::max);
        let p = kolmogorov((n.sqrt() + 0.12 + 0.11 / n.sqrt()) * largest);
        if p < LEAST_PROBABLE {
            let message = format!(
                "the {} values of {} were not drawn from its prior: their distribution departs from it by {largest:.3}, \
                 which has a probability of {p:.0e}",
                column.len(),
                name(prior, alpha)
            );
            return Err(Error::invalid_input(message).remedy("give the prior that the simulations were drawn from"));
        }
    }
    Ok(())
}

fn name(prior: &Prior, alpha: usize) -> &str {
    prior.parameters.get(alpha).map_or("a parameter", |parameter| &parameter.name)
}

/// Q(λ), the probability that Kolmogorov's statistic exceeds λ.
fn kolmogorov(lambda: f64) -> f64 {
    if lambda < 0.2 {
        return 1.0; // To 1e-12; the sum needs ever more terms.
    }
    let term = |k: i32| (if k % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * f64::from(k * k) * lambda * lambda).exp();
    (1..=40).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lfi::testing::{Variance, departure, prior, uniform};
    use crate::prior::{LogUniform, Marginal, Normal};
    use crate::seed::Seed;

    /// Parameters and estimates of `n` simulations of the variance problem.
    fn simulated(problem: &Variance, n: usize) -> (Vec<f64>, Vec<f64>) {
        let (seed, mut thetas) = (Seed::new(1), vec![0.0; n]);
        let stream = &mut seed.stream(0);
        thetas.chunks_exact_mut(1).for_each(|theta| problem.prior.sample(stream, theta));
        let mut theta_hats = vec![0.0; n];
        problem
            .forward()
            .simulate(&thetas, seed.label("data"), 0, &mut theta_hats, &crate::progress::Quiet)
            .expect("possible");
        (thetas, theta_hats)
    }

    #[test]
    fn it_is_the_exact_approximate_posterior() {
        let problem = Variance::new();
        let (thetas, mut theta_hats) = simulated(&problem, 200_000);
        theta_hats[7] = f64::NAN;
        let observed = [vec![1.0], vec![2.0]];
        let settings = Settings { n_simulations: 200_000, epsilon: Some(0.5), ..Settings::default() };
        let run = |settings: &Settings| {
            sample_stored(&thetas, &theta_hats, &problem.prior, &problem.metric, &observed, settings).expect("accepted")
        };
        for (samples, observed) in run(&settings).iter().zip(&observed) {
            let (mean, width) = departure(samples, 0, problem.exact(observed[0], 0.5));
            let n = samples.n_samples() as f64;
            // Five standard errors; the kurtosis on this prior is below 9.
            assert!(n > 3000.0 && mean.abs() < 5.0 / n.sqrt() && width.abs() < 7.5 / n.sqrt(), "{mean} {width} {n}");
            assert_eq!((samples.epsilon, samples.n_simulations), (Some(0.5), 200_000));
        }
        let nearest = Settings { n_accepted: Some(500), epsilon: None, ..settings.clone() };
        let samples = &run(&nearest)[0];
        assert_eq!(samples.n_samples(), 500);
        let within = Settings { epsilon: samples.epsilon, ..settings };
        assert_eq!(run(&within)[0].theta, samples.theta);
        let few = Settings { n_simulations: 10, ..within };
        let error = sample_stored(&thetas, &theta_hats, &problem.prior, &problem.metric, &observed, &few);
        assert!(error.expect_err("shapes").is_invalid_input());
    }

    #[test]
    fn draws_of_another_prior_are_refused() {
        let log_uniform = Marginal::LogUniform(LogUniform::new(0.1, 10.0).expect("valid"));
        let normal = Marginal::Normal(Normal::truncated(0.0, 1.0, 0.5, 3.0).expect("valid"));
        let right = prior(vec![uniform(-1.0, 2.0), log_uniform, normal]);
        let mut thetas = vec![0.0; 3 * 2000];
        let stream = &mut Seed::new(2).stream(0);
        thetas.chunks_exact_mut(3).for_each(|theta| right.sample(stream, theta));
        check_drawn(&thetas, &right).expect("drawn from it");
        let refused = |marginals| check_drawn(&thetas, &prior(marginals)).expect_err("refused").to_string();
        let text = refused(vec![uniform(-1.0, 1.5), log_uniform, normal]);
        assert!(text.contains("lies outside its prior, -1 … 1.5; give the prior"), "{text}");
        for (alpha, other) in [(0, uniform(-1.0, 2.5)), (1, uniform(0.1, 10.0)), (2, uniform(0.5, 3.0))] {
            let mut marginals = right.marginals.clone();
            marginals[alpha] = other;
            let text = refused(marginals);
            assert!(text.starts_with(&format!("the 2000 values of p{alpha} were not drawn from its prior")), "{text}");
        }
    }

    /// Values of Q from a table (Smirnov 1948).
    #[test]
    fn the_distribution_of_kolmogorov() {
        for (lambda, q) in [(0.5, 0.963_945), (1.0, 0.269_999_7), (1.36, 0.049_485_9), (2.0, 0.000_670_93)] {
            assert!((kolmogorov(lambda) / q - 1.0).abs() < 1e-4, "{lambda} {}", kolmogorov(lambda));
        }
        assert!((kolmogorov(0.2) - 1.0).abs() < 1e-9 && kolmogorov(10.0) < 1e-80);
    }
}
