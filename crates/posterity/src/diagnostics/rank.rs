//! Ranks of simulation-based calibration: are they uniform, and how far may they stray if they are.
//!
//! Parameters are drawn from the prior, data from the parameters, draws from the posterior of the data; the rank of the true
//! parameter among n posterior draws is then uniform over the n + 1 values 0 … n if and only if the posterior is right on
//! average over the prior. The draws must be independent: thin a chain to its effective sample size first.
//!
//! Two tests, both with stated false alarms: χ² of the binned histogram (any shape, weak against a slow tilt), and the
//! empirical distribution function of the ranks against its simultaneous band, which is exact for any number of ranks: its
//! p-value is the probability, for uniform ranks, of a point as improbable as the worst one found.
//!
//! References: Talts, Betancourt, Simpson, Vehtari, Gelman 2018, arXiv:1804.06788; Säilynoja, Bürkner, Vehtari 2022,
//! Statistics and Computing 32, 32; arXiv:2103.10522.

use crate::error::{Error, Result};
use crate::math::ln_gamma;
use statrs::function::gamma::gamma_ur;

/// How well ranks agree with uniform ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniformity {
    /// What was measured: χ², or the smallest two-sided pointwise probability.
    pub statistic: f64,
    /// Probability of a worse value with uniform ranks: a test at level α has α of false alarms (χ²: nearly).
    pub p_value: f64,
}

/// Where the empirical distribution function of uniform ranks stays, at every bin edge at once.
#[derive(Clone, Debug, PartialEq)]
pub struct EcdfBand {
    /// Upper edges of the bins as a fraction of the values, without the last, 1.
    pub edges: Vec<f64>,
    /// Least number of ranks below each edge.
    pub low: Vec<usize>,
    /// Largest number of ranks below each edge.
    pub high: Vec<usize>,
    /// Probability that uniform ranks stay inside: at least what was asked.
    pub coverage: f64,
}

/// The rank of the truth among posterior draws: how many are below it, 0 to the number of draws. For continuous values:
/// equal ones count as not below.
pub fn rank_of(truth: f64, draws: &[f64]) -> usize {
    draws.iter().filter(|&&draw| draw < truth).count()
}

/// Pearson's χ² of ranks, each one of 0 … `n_values` − 1, in `n_bins` bins of nearly equal width.
///
/// The p-value is that of the χ² distribution with `n_bins` − 1 degrees of freedom: an approximation for many ranks.
///
/// # Errors
/// Invalid input: fewer than 2 bins, more bins than values, a rank that is not below `n_values`, or fewer than 5 ranks
/// expected in a bin.
pub fn chi_squared_uniformity(ranks: &[usize], n_values: usize, n_bins: usize) -> Result<Uniformity> {
    let counts = counts(ranks, n_values, n_bins)?;
    let expected = |bin: usize| ranks.len() as f64 * width(bin, n_values, n_bins);
    if (0..n_bins).any(|bin| expected(bin) < 5.0) {
        return Err(Error::invalid_input(format!(
            "{} ranks in {n_bins} bins are fewer than 5 to a bin, too few for a χ² test",
            ranks.len()
        ))
        .remedy("use fewer bins or more ranks"));
    }
    let statistic: f64 = (0..n_bins).map(|bin| (counts[bin] as f64 - expected(bin)).powi(2) / expected(bin)).sum();
    // Γ(a, 0) is 1, which the function does not say itself.
    let p_value = if statistic > 0.0 { gamma_ur(0.5 * (n_bins as f64 - 1.0), 0.5 * statistic) } else { 1.0 };
    Ok(Uniformity { statistic, p_value })
}

/// The largest deviation of the ranks' empirical distribution function at the edges of `n_bins` bins, in units that make
/// all edges alike (the two-sided binomial probability), with its exact p-value.
///
/// Costs about n_bins · n operations for n ranks.
///
/// # Errors
/// Invalid input: no ranks, fewer than 2 bins, more bins than values, or a rank that is not below `n_values`.
pub fn ecdf_uniformity(ranks: &[usize], n_values: usize, n_bins: usize) -> Result<Uniformity> {
    let counts = counts(ranks, n_values, n_bins)?;
    let edges = edges(n_values, n_bins);
    let mut below = 0;
    let worst = edges.iter().zip(&counts).fold(f64::INFINITY, |worst, (&edge, count)| {
        below += count;
        worst.min(two_sided(&binomial(ranks.len(), edge))[below])
    });
    // A point as improbable as the worst is outside: "as" to rounding.
    let inside = coverage(ranks.len(), &edges, worst * (1.0 + 1e-9));
    Ok(Uniformity { statistic: worst.min(1.0), p_value: (1.0 - inside).clamp(0.0, 1.0) })
}

/// The band in which the whole empirical distribution function of `n_ranks` uniform ranks stays with at least the given
/// probability.
///
/// # Errors
/// Invalid input: no ranks, fewer than 2 bins, more bins than values, or a probability not between 0 and 1.
pub fn ecdf_band(n_ranks: usize, n_values: usize, n_bins: usize, probability: f64) -> Result<EcdfBand> {
    check(n_ranks, n_values, n_bins)?;
    check_probability(probability)?;
    let edges = edges(n_values, n_bins);
    // The coverage falls as the pointwise level that is left outside rises: bisection keeps the side that covers.
    let (mut covers, mut fails) = (0.0, 1.0 - probability);
    if coverage(n_ranks, &edges, fails) >= probability {
        covers = fails;
    }
    for _ in 0..40 {
        let level = 0.5 * (covers + fails);
        if coverage(n_ranks, &edges, level) >= probability { covers = level } else { fails = level }
    }
    let inside: Vec<_> = edges.iter().map(|&edge| interval(&binomial(n_ranks, edge), covers)).collect();
    let (low, high) = inside.into_iter().unzip();
    Ok(EcdfBand { coverage: coverage(n_ranks, &edges, covers), edges, low, high })
}

/// Least and largest count in each bin of the histogram of `n_ranks` uniform ranks, with at least the given probability
/// for all bins at once (Bonferroni: a little wider than need be).
///
/// # Errors
/// Invalid input: no ranks, fewer than 2 bins, more bins than values, or a probability not between 0 and 1.
pub fn histogram_band(n_ranks: usize, n_values: usize, n_bins: usize, probability: f64) -> Result<Vec<(usize, usize)>> {
    check(n_ranks, n_values, n_bins)?;
    check_probability(probability)?;
    let level = (1.0 - probability) / n_bins as f64;
    Ok((0..n_bins).map(|bin| interval(&binomial(n_ranks, width(bin, n_values, n_bins)), level)).collect())
}

fn check(n_ranks: usize, n_values: usize, n_bins: usize) -> Result<()> {
    if n_ranks == 0 {
        return Err(Error::invalid_input("there are no ranks to judge"));
    }
    if n_bins < 2 || n_bins > n_values {
        return Err(Error::invalid_input(format!("{n_bins} bins cannot hold ranks of {n_values} values"))
            .remedy("use at least 2 bins, and no more than there are values (draws + 1)"));
    }
    Ok(())
}

fn check_probability(probability: f64) -> Result<()> {
    if probability > 0.0 && probability < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_input(format!("a band of probability {probability} does not exist"))
        .remedy("use one between 0 and 1, such as 0.95"))
}

/// First rank of a bin.
fn start(bin: usize, n_values: usize, n_bins: usize) -> usize {
    bin * n_values / n_bins
}

fn width(bin: usize, n_values: usize, n_bins: usize) -> f64 {
    (start(bin + 1, n_values, n_bins) - start(bin, n_values, n_bins)) as f64 / n_values as f64
}

fn edges(n_values: usize, n_bins: usize) -> Vec<f64> {
    (1..n_bins).map(|bin| start(bin, n_values, n_bins) as f64 / n_values as f64).collect()
}

fn counts(ranks: &[usize], n_values: usize, n_bins: usize) -> Result<Vec<usize>> {
    check(ranks.len(), n_values, n_bins)?;
    let mut counts = vec![0; n_bins];
    for &rank in ranks {
        if rank >= n_values {
            return Err(Error::invalid_input(format!("rank {rank} among {n_values} values"))
                .remedy("n_values is the number of posterior draws + 1"));
        }
        // The last bin that starts at or below the rank.
        counts[((rank + 1) * n_bins - 1) / n_values] += 1;
    }
    Ok(counts)
}

/// Probabilities of 0 … n successes.
fn binomial(n: usize, p: f64) -> Vec<f64> {
    if p >= 1.0 {
        return (0..=n).map(|k| if k == n { 1.0 } else { 0.0 }).collect();
    }
    let (total, success, failure) = (ln_gamma(n as f64 + 1.0), p.ln(), (-p).ln_1p());
    (0..=n)
        .map(|k| {
            let (k, rest) = (k as f64, (n - k) as f64);
            (total - ln_gamma(k + 1.0) - ln_gamma(rest + 1.0) + k * success + rest * failure).exp()
        })
        .collect()
}

/// 2 min(P(X ≤ x), P(X ≥ x)) for every x.
fn two_sided(probabilities: &[f64]) -> Vec<f64> {
    let mut upper = probabilities.to_vec();
    for k in (1..upper.len()).rev() {
        upper[k - 1] += upper[k];
    }
    let mut lower = 0.0;
    let both = probabilities.iter().zip(&upper).map(|(p, upper)| {
        lower += p;
        2.0 * upper.min(lower)
    });
    both.collect()
}

/// Least and largest x whose two-sided probability is above the level.
fn interval(probabilities: &[f64], level: f64) -> (usize, usize) {
    let sides = two_sided(probabilities);
    let low = sides.iter().position(|&side| side > level).unwrap_or(0);
    (low, sides.iter().rposition(|&side| side > level).unwrap_or(sides.len() - 1))
}

/// Probability that the count of uniform ranks stays inside the pointwise intervals at all edges: a recursion from edge to
/// edge over the counts that are inside.
fn coverage(n: usize, edges: &[f64], level: f64) -> f64 {
    let (mut first, mut inside) = (0, vec![1.0]);
    let mut before = 0.0;
    for &edge in edges {
        let sides = two_sided(&binomial(n, edge));
        let Some(low) = sides.iter().position(|&side| side > level) else { return 0.0 };
        let high = sides.iter().rposition(|&side| side > level).unwrap_or(low);
        let mut next = vec![0.0; high + 1 - low];
        let (success, failure) = ((edge - before) / (1.0 - before), (1.0 - edge) / (1.0 - before));
        for (i, weight) in inside.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let count = first + i;
            let rest = n - count;
            let total = ln_gamma(rest as f64 + 1.0);
            for (k, to) in (low..=high).zip(&mut next).filter(|(k, _)| *k >= count) {
                let (gain, left) = ((k - count) as f64, (n - k) as f64);
                let ln = total - ln_gamma(gain + 1.0) - ln_gamma(left + 1.0);
                *to += weight * (ln + gain * success.ln() + left * failure.ln()).exp();
            }
        }
        (first, inside, before) = (low, next, edge);
    }
    inside.iter().sum()
}

#[cfg(test)]
mod tests;
