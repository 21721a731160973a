//! Local-linear regression adjustment: accepted draws are moved to where they would be had they hit the observation.
//!
//! θ* = g⁻¹(g(θ) − β (x − x_obs)), β from the regression of g(θ) on x − x_obs with Epanechnikov's weights
//! 1 − (d/ε)², which become the weights of the draws. The transform g takes each parameter's support to the whole line
//! (logit between two bounds, logarithm above or below one, identity without), so no adjusted draw leaves the prior.
//!
//! Reference: Beaumont, Zhang, Balding 2002, Genetics 162, 2025; the transform is Hamilton et al.'s 2005 idea.

use super::nearest::Candidate;
use crate::error::{Error, Result};
use crate::lfi::Distance;
use crate::math::Matrix;
use crate::prior::Prior;

/// A map of an interval, bounded or not, to the whole line.
#[derive(Clone, Copy)]
enum Transform {
    Identity,
    AboveLow(f64),
    BelowHigh(f64),
    Logit(f64, f64),
}

impl Transform {
    fn of((low, high): (f64, f64)) -> Self {
        match (low.is_finite(), high.is_finite()) {
            (true, true) => Self::Logit(low, high),
            (true, false) => Self::AboveLow(low),
            (false, true) => Self::BelowHigh(high),
            (false, false) => Self::Identity,
        }
    }

    fn forward(self, x: f64) -> f64 {
        // A draw on the bound itself, which rounding may give, stays finite.
        let ln = |x: f64| x.max(f64::MIN_POSITIVE).ln();
        match self {
            Self::Identity => x,
            Self::AboveLow(low) => ln(x - low),
            Self::BelowHigh(high) => ln(high - x),
            Self::Logit(low, high) => ln(x - low) - ln(high - x),
        }
    }

    fn back(self, y: f64) -> f64 {
        match self {
            Self::Identity => y,
            Self::AboveLow(low) => (low + y.exp()).clamp(low, f64::MAX),
            Self::BelowHigh(high) => (high - y.exp()).clamp(f64::MIN, high),
            Self::Logit(low, high) => (low + (high - low) / (1.0 + (-y).exp())).clamp(low, high),
        }
    }
}

/// Adjusted draws, row after row, and their weights; `epsilon` is the largest distance among the accepted.
pub(super) fn adjust(
    accepted: &[Candidate],
    epsilon: f64,
    observed: &[f64],
    prior: &Prior,
    distance: &Distance,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let n = prior.n_params();
    let transforms: Vec<Transform> = prior.marginals.iter().map(|m| Transform::of(m.bounds())).collect();
    let weights: Vec<f64> = accepted.iter().map(|c| 1.0 - (c.distance / epsilon).powi(2)).collect();
    // Offsets in units of ε: of order one, and 1 in front for the intercept.
    let rows: Vec<Vec<f64>> = accepted
        .iter()
        .map(|c| {
            let offset = distance.whitened(&c.theta_hat, observed);
            std::iter::once(1.0).chain(offset.iter().map(|x| x / epsilon)).collect()
        })
        .collect();
    let targets: Vec<Vec<f64>> =
        accepted.iter().map(|c| transforms.iter().zip(&c.theta).map(|(t, &x)| t.forward(x)).collect()).collect();
    let (mut xx, mut xy) = (Matrix::zeros(n + 1, n + 1), Matrix::zeros(n + 1, n));
    for ((row, target), &w) in rows.iter().zip(&targets).zip(&weights) {
        for i in 0..=n {
            (0..=n).for_each(|j| xx[(i, j)] += w * row[i] * row[j]);
            (0..n).for_each(|j| xy[(i, j)] += w * row[i] * target[j]);
        }
    }
    let too_few = || {
        Error::numerical(format!("{} accepted simulations do not determine the regression adjustment", accepted.len()))
            .at_key("regression_adjustment")
            .remedy("accept more simulations, or switch the adjustment off")
    };
    let positive = weights.iter().filter(|&&w| w > 0.0).count();
    if positive < n + 2 {
        return Err(too_few());
    }
    let beta = xx.cholesky().map_err(|_| too_few())?.solve(&xy);
    let mut theta = Vec::with_capacity(accepted.len() * n);
    for (row, target) in rows.iter().zip(&targets) {
        for (j, transform) in transforms.iter().enumerate() {
            let slope: f64 = (1..=n).map(|i| beta[(i, j)] * row[i]).sum();
            theta.push(transform.back(target[j] - slope));
        }
    }
    Ok((theta, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_invert_and_stay_inside() {
        for bounds in [(0.0, 1.0), (-2.0, f64::INFINITY), (f64::NEG_INFINITY, 3.0), (f64::NEG_INFINITY, f64::INFINITY)]
        {
            let transform = Transform::of(bounds);
            for x in [0.001, 0.4, 0.999] {
                assert!((transform.back(transform.forward(x)) - x).abs() < 1e-12);
            }
            for y in [-1e4, -40.0, 0.0, 40.0, 1e4] {
                let x = transform.back(y);
                assert!(x >= bounds.0 && x <= bounds.1 && x.is_finite(), "{y} goes to {x}, outside {bounds:?}");
            }
        }
        assert!(Transform::of((0.0, 1.0)).forward(0.0).is_finite());
    }
}
