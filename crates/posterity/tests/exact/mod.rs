//! The exact posterior of flat wCDM from supernovae, on a grid, with the offset marginalised in closed form.
#![allow(dead_code)] // Each test that shares this file uses a part of it.

use posterity::simulator::{Simulator, Supernovae};

/// Even grid points of a parameter, each in the middle of its cell, within a flat prior.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) n: usize,
}

impl Axis {
    pub(crate) fn points(self) -> impl Iterator<Item = f64> {
        let step = (self.high - self.low) / self.n as f64;
        (0..self.n).map(move |i| self.low + (i as f64 + 0.5) * step)
    }
}

/// Moments of (omega_m, w, offset) under the exact posterior, and the best fit on the grid.
#[derive(Clone, Debug)]
pub(crate) struct Posterior {
    pub(crate) mean: [f64; 3],
    pub(crate) sd: [f64; 3],
    /// (omega_m, w, offset) of least χ².
    pub(crate) best: [f64; 3],
    /// χ² there.
    pub(crate) chi2: f64,
    /// Posterior mass of each grid point, w fastest; sums to one.
    pub(crate) mass: Vec<f64>,
}

/// The offset M enters linearly: with r the residual at M = 0, χ²(M) = χ² + (M − M̂)²/σ², where σ⁻² = 1ᵀC⁻¹1 and
/// M̂ = σ² 1ᵀC⁻¹r. Its flat prior integrates to a constant.
pub(crate) struct Offset {
    /// χ² at the best offset.
    pub(crate) chi2: f64,
    /// M̂.
    pub(crate) best: f64,
    /// σ.
    pub(crate) sd: f64,
}

/// Profile and marginal of the offset at one (omega_m, w).
pub(crate) fn offset(supernovae: &Supernovae, omega_m: f64, w: f64, data: &[f64]) -> Offset {
    let factor = supernovae.covariance();
    let mut residual = vec![0.0; data.len()];
    supernovae.mean(&[omega_m, w, 0.0], &mut residual).expect("within the model");
    residual.iter_mut().zip(data).for_each(|(r, d)| *r = d - *r);
    let mut one = vec![1.0; data.len()];
    factor.solve_lower(&mut one);
    factor.solve_lower(&mut residual);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (precision, projection) = (dot(&one, &one), dot(&one, &residual));
    let best = projection / precision;
    // The residual at the best offset: its square is that of a few sigma, not of 24 magnitudes.
    residual.iter_mut().zip(&one).for_each(|(r, one)| *r -= best * one);
    Offset { chi2: dot(&residual, &residual), best, sd: precision.sqrt().recip() }
}

/// The posterior of the observed magnitudes under flat priors on both axes; an axis of one point fixes a parameter.
pub(crate) fn posterior(supernovae: &Supernovae, omega_m: Axis, w: Axis) -> Posterior {
    assert_eq!(supernovae.n_params(), 3);
    let points: Vec<[f64; 2]> = omega_m.points().flat_map(|o| w.points().map(move |w| [o, w])).collect();
    let offsets: Vec<Offset> = points.iter().map(|[o, w]| offset(supernovae, *o, *w, supernovae.observed())).collect();
    let at = (0..points.len()).min_by(|a, b| offsets[*a].chi2.total_cmp(&offsets[*b].chi2)).expect("a grid");
    let chi2 = offsets[at].chi2;
    let mut mass: Vec<f64> = offsets.iter().map(|offset| (-0.5 * (offset.chi2 - chi2)).exp()).collect();
    let total: f64 = mass.iter().sum();
    mass.iter_mut().for_each(|m| *m /= total);
    let value = |k: usize| [points[k][0], points[k][1], offsets[k].best];
    let (mut mean, mut square) = ([0.0; 3], [0.0; 3]);
    for (k, m) in mass.iter().enumerate() {
        for (alpha, x) in value(k).into_iter().enumerate() {
            mean[alpha] += m * x;
            square[alpha] += m * x * x;
        }
        square[2] += m * offsets[k].sd.powi(2);
    }
    let sd = std::array::from_fn(|alpha| (square[alpha] - mean[alpha] * mean[alpha]).max(0.0).sqrt());
    Posterior { mean, sd, best: value(at), chi2, mass }
}
