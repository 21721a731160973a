//! Effective sample size: how many independent draws would estimate as well as these.

use super::autocovariance::autocovariances;
use super::split::{are_valid, halves, mean, normal_scores, quantile, sorted, variance};

/// Effective sample size in the bulk: that of the normal scores of the ranks, over split chains.
///
/// With m half-chains of n draws, S = m n: ESS = S/τ, τ = −1 + 2 Σ_t P_t, P_t = ρ_{2t} + ρ_{2t+1} summed while positive
/// and made to fall (Geyer's initial monotone sequence), ρ_t = 1 − (W − mean of the autocovariances at lag t)/var⁺, where
/// var⁺ joins the variance within and between chains: chains that disagree have few effective draws. τ is not let
/// below 1/log₁₀ S, so that anticorrelated draws count more than S, but within reason. The numbers are ArviZ's.
///
/// NaN where it is not defined: no chain, fewer than four draws, chains of different lengths, a NaN among the draws. Where
/// all draws are equal it is their number, as nothing is left to estimate; R̂ is NaN then.
///
/// Reference: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, Bayesian Analysis 16, 667; arXiv:1903.08008; Geyer 1992,
/// Statistical Science 7, 473.
pub fn bulk_ess<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !are_valid(chains) {
        return f64::NAN;
    }
    effective(&normal_scores(&halves(chains)))
}

/// Effective sample size in the tails: the smaller of those of the indicators x ≤ q at the 5 % and 95 % quantiles.
///
/// Not defined where [`bulk_ess`] is not.
pub fn tail_ess<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !are_valid(chains) {
        return f64::NAN;
    }
    let sorted = sorted(chains);
    let at = |probability: f64| {
        let bound = quantile(&sorted, probability);
        effective(&halves(&mapped(chains, |x| if x <= bound { 1.0 } else { 0.0 })))
    };
    let (low, high) = (at(0.05), at(0.95));
    if low.is_nan() { low } else { low.min(high) }
}

/// Effective sample size of the mean: of the values themselves, which must have a variance.
///
/// Not defined where [`bulk_ess`] is not, nor with infinite values.
pub fn mean_ess<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !are_valid(chains) {
        return f64::NAN;
    }
    effective(&halves(chains))
}

/// Effective sample size of the mean square: of x², rank-normalised as [`bulk_ess`] is; x is centred by the caller where
/// a spread is meant.
pub fn square_ess<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    bulk_ess(&mapped(chains, |x| x * x))
}

/// Monte Carlo standard error of the mean of all draws: their standard deviation / √[`mean_ess`].
///
/// Not defined where [`mean_ess`] is not.
pub fn mcse_mean<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !are_valid(chains) {
        return f64::NAN;
    }
    (variance(&sorted(chains)) / mean_ess(chains)).sqrt()
}

fn mapped<C: AsRef<[f64]>>(chains: &[C], f: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    chains.iter().map(|chain| chain.as_ref().iter().map(|&x| f(x)).collect()).collect()
}

fn effective(chains: &[Vec<f64>]) -> f64 {
    let (m, n) = (chains.len(), chains[0].len());
    let size = (m * n) as f64;
    let (low, high) = chains.iter().flatten().fold((f64::MAX, f64::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    let largest = high.abs().max(low.abs());
    if largest.is_finite() && high - low <= 1e-15 * largest {
        return size;
    }
    let covariances = autocovariances(chains);
    let at_lag = |t: usize| covariances.iter().map(|c| c[t]).sum::<f64>() / m as f64;
    let ratio = n as f64 / (n as f64 - 1.0);
    let within = at_lag(0) * ratio;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let total = within / ratio + if m > 1 { variance(&means) } else { 0.0 };
    if !total.is_finite() {
        return f64::NAN;
    }
    let correlation = |t: usize| 1.0 - (within - at_lag(t)) / total;

    // Geyer's initial positive sequence: pairs of neighbouring lags while their sum is positive.
    let mut rho = vec![0.0; n + 1];
    let (mut even, mut odd) = (1.0, correlation(1));
    (rho[0], rho[1]) = (even, odd);
    let mut t = 1;
    while t + 3 < n && even + odd > 0.0 {
        (even, odd) = (correlation(t + 1), correlation(t + 2));
        if even + odd >= 0.0 {
            (rho[t + 1], rho[t + 2]) = (even, odd);
        }
        t += 2;
    }
    // The number of lags in whole pairs; the even lag after them still counts, once.
    let n_lags = t - 1;
    if even > 0.0 {
        rho[n_lags] = even;
    }
    // Made to fall: no pair above the one before it.
    for t in (1..n_lags.saturating_sub(2)).step_by(2) {
        let before = rho[t - 1] + rho[t];
        if rho[t + 1] + rho[t + 2] > before {
            (rho[t + 1], rho[t + 2]) = (0.5 * before, 0.5 * before);
        }
    }
    let tau = -1.0 + 2.0 * rho[..n_lags].iter().sum::<f64>() + rho[n_lags];
    size / tau.max(1.0 / size.log10())
}
