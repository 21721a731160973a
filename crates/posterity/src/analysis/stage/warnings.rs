//! What the user should know of an inference before trusting it: of the estimate, and of the draws.
//!
//! Rejection accepts estimates within ε of the observed one, which are spread about it as a ball of radius ε in the
//! metric F: along each of its n axes by a variance of ε²/(n + 2), in units of that of the estimate (F⁻¹). The
//! posterior is as much wider than that of the summaries. With ε → 0 nothing is left of it; the regression adjustment
//! takes it out as long as the model is linear within the ball.

use super::super::{Analysis, Method};
use crate::compressor::Compression;
use crate::error::Result;
use crate::samples::Samples;

/// An estimate farther from the fiducial point than this (in the metric F) is told: the compression was made elsewhere.
const FAR: f64 = 3.0;
/// Largest part of the estimate's variance that the accepted distance may add untold: error bars grow by an eighth.
const WIDE: f64 = 0.25;
/// Where it adds as many times that variance, nothing accepted is like the data.
const UNLIKE: f64 = 100.0;
/// Effective draws below which moments and quantiles are told to be rough.
const FEW: f64 = 100.0;

/// Of the estimate and the summaries that it comes from.
///
/// # Errors
/// Numerical, where the Fisher matrix is singular.
pub(super) fn of_estimate(analysis: &Analysis, compression: &Compression, theta_hat: &[f64]) -> Result<Vec<String>> {
    let mut warnings = outside_prior(analysis, theta_hat);
    warnings.extend(far_from_fiducial(compression, &analysis.fiducial, theta_hat)?);
    warnings.extend(unconstrained(analysis, compression)?);
    Ok(warnings)
}

/// Of the draws of one method: too few, or too far from the data.
pub(super) fn of_draws(method: Method, draws: &Samples, is_adjusted: bool) -> Vec<String> {
    widened(method, draws, is_adjusted).into_iter().chain(few(method, draws)).collect()
}

/// For each parameter whose estimate the prior excludes.
fn outside_prior(analysis: &Analysis, theta_hat: &[f64]) -> Vec<String> {
    let marginals = analysis.prior.parameters.iter().zip(&analysis.prior.marginals).zip(theta_hat);
    let outside = marginals.filter(|((_, prior), x)| {
        let (low, high) = prior.bounds();
        !(low..=high).contains(*x)
    });
    let told = outside.map(|((parameter, prior), x)| {
        let ((low, high), name) = (prior.bounds(), &parameter.name);
        format!(
            "the estimate of {name}, {x:.4}, lies outside its prior, {low} … {high}: the posterior is what the prior's \
             edge leaves of it; widen the prior, or look for what the model lacks"
        )
    });
    told.collect()
}

/// Where the data lie far from where the compression was made for.
fn far_from_fiducial(compression: &Compression, fiducial: &[f64], theta_hat: &[f64]) -> Result<Option<String>> {
    let shift: Vec<f64> = theta_hat.iter().zip(fiducial).map(|(a, b)| a - b).collect();
    let distance = compression.knowledge.information.standard.matrix.cholesky()?.quadratic_form(&shift).sqrt();
    Ok((distance > FAR).then(|| {
        format!(
            "the estimate lies {distance:.1} standard deviations from the fiducial point, where the compression is no \
             longer the best; move [fiducial] towards it and run again"
        )
    }))
}

/// Where the summaries say less of a parameter than its prior does.
fn unconstrained(analysis: &Analysis, compression: &Compression) -> Result<Vec<String>> {
    let covariance = compression.knowledge.information.standard.matrix.cholesky()?.inverse();
    let marginals = analysis.prior.parameters.iter().zip(&analysis.prior.marginals).enumerate();
    let wider = marginals.filter_map(|(i, (parameter, prior))| {
        let (error, width) = (covariance[(i, i)].sqrt(), (prior.quantile(0.84) - prior.quantile(0.16)) / 2.0);
        (error > width).then(|| {
            format!(
                "the summaries hardly inform {}: their standard error is {error:.3}, the prior's half width {width:.3}; \
                 use more data, or a compressor that sees more than the mean",
                parameter.name
            )
        })
    });
    Ok(wider.collect())
}

/// Where the accepted distance makes the posterior wider than the summaries do.
fn widened(method: Method, draws: &Samples, is_adjusted: bool) -> Option<String> {
    let (epsilon, n) = (draws.epsilon?, draws.n_params() as f64);
    let added = epsilon * epsilon / (n + 2.0);
    let name = in_words(method);
    if added > UNLIKE {
        let more = match method {
            Method::Pmc => "max_simulations",
            Method::Abc | Method::Gaussian => "n_simulations",
        };
        return Some(format!(
            "{name} found nothing like the data: what it accepts lies up to {epsilon:.0} standard deviations of the \
             estimate from them, so that its draws say hardly more than the prior; see whether the model can give such \
             data anywhere in the prior, or increase {more}"
        ));
    }
    // The adjustment takes the ball's width out again.
    (added > WIDE && !is_adjusted).then(|| {
        let remedy = match method {
            Method::Pmc => "decrease min_acceptance_rate, or give such an epsilon, with a larger max_simulations",
            Method::Abc | Method::Gaussian => {
                "decrease epsilon or n_accepted, increase n_simulations, or give regression_adjustment = true"
            }
        };
        format!(
            "the posterior of {name} is too wide: draws are accepted up to epsilon = {epsilon:.2}, which adds {added:.2} \
             times the variance of the estimate to it, and {:.2} would add {WIDE}; {remedy}",
            (WIDE * (n + 2.0)).sqrt()
        )
    })
}

/// Where the draws are too few for what is said of them.
fn few(method: Method, draws: &Samples) -> Option<String> {
    let ess = draws.ess();
    (ess < FEW).then(|| {
        let remedy = match method {
            Method::Gaussian => "increase n_samples",
            Method::Abc => "accept more, of more simulations",
            Method::Pmc => "increase n_particles and n_initial",
        };
        format!(
            "{} has an effective number of {ess:.0} draws: its means are known to {:.2} of an error bar at best, and its \
             95 % limits to less; {remedy}",
            in_words(method),
            ess.sqrt().recip()
        )
    })
}

/// What a method is called in a sentence.
fn in_words(method: Method) -> &'static str {
    match method {
        Method::Gaussian => "the Gaussian approximation",
        Method::Abc => "ABC",
        Method::Pmc => "population Monte Carlo",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::Parameter;

    /// Draws of two parameters, accepted up to `epsilon`.
    fn draws(n: usize, epsilon: Option<f64>) -> Samples {
        let parameters = vec![Parameter::new("a", "a"), Parameter::new("b", "b")];
        let theta = (0..2 * n).map(|i| i as f64).collect();
        Samples { epsilon, ..Samples::new(parameters, theta, vec![1.0; n]).expect("valid") }
    }

    #[test]
    fn a_distance_that_widens_is_told_by_what_it_adds() {
        // ε²/4 of two parameters: 0.25 at 1, 100 at 20.
        let told = |method, epsilon, is_adjusted| of_draws(method, &draws(1000, Some(epsilon)), is_adjusted);
        assert!(told(Method::Abc, 0.99, false).is_empty() && told(Method::Pmc, 0.99, false).is_empty());
        for method in [Method::Abc, Method::Pmc] {
            let wide = told(method, 1.01, false);
            assert!(wide.len() == 1 && wide[0].contains("too wide") && wide[0].contains("1.00 would add"), "{wide:?}");
            let unlike = told(method, 20.1, false);
            assert!(unlike.len() == 1 && unlike[0].contains("found nothing like the data"), "{unlike:?}");
        }
        assert!(told(Method::Abc, 19.9, true).is_empty() && told(Method::Abc, 20.1, true).len() == 1);
        assert!(of_draws(Method::Gaussian, &draws(1000, None), false).is_empty());
    }

    #[test]
    fn an_estimate_that_the_prior_excludes_is_told_by_name() {
        let text = super::super::tests::ANALYSIS.to_owned();
        let analysis = Analysis::from_text(std::path::Path::new("analysis.toml"), &text, &[]).expect("right");
        assert!(outside_prior(&analysis, &[2.9, 0.11]).is_empty());
        let told = outside_prior(&analysis, &[-0.4, 6.25]);
        assert!(told.len() == 1 && told[0].contains("variance, 6.2500, lies outside its prior, 0.1 … 6"), "{told:?}");
        assert_eq!(outside_prior(&analysis, &[3.5, f64::NAN]).len(), 2);
    }

    #[test]
    fn few_effective_draws_are_told_and_how_to_get_more() {
        assert!(few(Method::Pmc, &draws(100, None)).is_none());
        let text = few(Method::Pmc, &draws(25, None)).expect("few");
        assert!(text.contains("number of 25 draws") && text.contains("0.20 of an error bar"), "{text}");
        assert!(text.ends_with("increase n_particles and n_initial"), "{text}");
    }
}
