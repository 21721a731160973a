//! Potential scale reduction R̂: whether chains agree in where they are and how wide they are.

use super::split::{are_valid, halves, mean, normal_scores, quantile, sorted, variance};

/// Chains whose R̂ is below this agree: the limit of Vehtari et al. 2021.
pub const AGREED_R_HAT: f64 = 1.01;
/// Chains whose R̂ is not below this have not converged. In between, means and widths hold, for the variance between
/// chains is at most a tenth of that within, but tails are known less well.
pub const MOST_R_HAT: f64 = 1.05;

/// R̂, rank-normalised and split: the larger of that of the values and that of the folded values |x − median|.
///
/// Each chain is cut in halves, values become normal scores of their ranks, and with m half-chains of n draws
///
/// R̂ = √((B/W + n − 1)/n), B = n · variance of the half-chains' means, W = mean of their variances.
///
/// Folded values find chains that agree in the mean but not in the spread (where the median is infinite, only the values
/// count). Infinite variance does no harm, as only ranks count. What it says is in words at [`AGREED_R_HAT`] and
/// [`MOST_R_HAT`].
///
/// NaN where it is not defined: no chain, fewer than four draws, chains of different lengths, a NaN among the draws, or
/// all draws equal. One chain is judged by its two halves. Chains that each stand still, at different values, give
/// infinity or nearly.
///
/// Reference: Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, Bayesian Analysis 16, 667; arXiv:1903.08008.
pub fn r_hat<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !are_valid(chains) {
        return f64::NAN;
    }
    let split = halves(chains);
    let median = quantile(&sorted(&split), 0.5);
    let folded: Vec<Vec<f64>> = split.iter().map(|chain| chain.iter().map(|x| (x - median).abs()).collect()).collect();
    let bulk = reduction(&normal_scores(&split));
    // Without a finite median there is nothing to fold about.
    if bulk.is_nan() || !median.is_finite() {
        return bulk;
    }
    // The folded values of a two-point chain are all equal: they say nothing, and the values still do.
    bulk.max(reduction(&normal_scores(&folded)))
}

fn reduction(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let variances: Vec<f64> = chains.iter().map(|chain| variance(chain)).collect();
    ((n * variance(&means) / mean(&variances) + n - 1.0) / n).sqrt()
}
