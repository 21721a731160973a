//! Poisson numbers by inversion: one uniform number gives one count, whatever its mean.
//!
//! Sampling by refusal draws more or fewer numbers as the mean changes, and with them moves all that is drawn after. By
//! inversion a cell's count at theta ± delta comes of the same number as at theta, and rises with the mean.

use crate::math::ln_gamma;

/// The least k for which P(N ≤ k) > `uniform`, N of this `mean` (finite, 0 or more); `uniform` in [0, 1).
///
/// Terms are summed from where less than 10⁻¹⁸ lies below, so that it takes of the order of √mean steps.
pub(super) fn quantile(mean: f64, uniform: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let mut k = (mean - 9.0 * mean.sqrt() - 20.0).floor().max(0.0);
    let mut term = if k == 0.0 { (-mean).exp() } else { (k * mean.ln() - mean - ln_gamma(k + 1.0)).exp() };
    let mut below = term;
    // Where terms have vanished, rounding has kept their sum under a number next to 1.
    while below <= uniform && (k < mean || term > 1e-18) {
        k += 1.0;
        term *= mean / k;
        below += term;
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand::RngExt;

    #[test]
    fn counts_have_the_mean_and_variance_of_poisson() {
        for mean in [1e-3, 0.3, 4.0, 90.0, 800.0, 3e5] {
            let mut stream = Seed::new(6).stream(0);
            let n = 20_000;
            let counts: Vec<f64> = (0..n).map(|_| quantile(mean, stream.random())).collect();
            let found = counts.iter().sum::<f64>() / f64::from(n);
            let variance = counts.iter().map(|c| (c - found).powi(2)).sum::<f64>() / f64::from(n - 1);
            // The fourth moment is 3 mean² + mean.
            let (of_mean, of_variance) =
                ((mean / f64::from(n)).sqrt(), ((2.0 * mean * mean + mean) / f64::from(n)).sqrt());
            assert!((found - mean).abs() < 5.0 * of_mean, "{mean}: {found}");
            assert!((variance - mean).abs() < 5.0 * of_variance, "{mean}: {variance}");
        }
    }

    #[test]
    fn quantiles_are_where_the_sums_of_terms_are() {
        // 1 − e⁻² (1 + 2 + 2) and the terms before.
        let e = (-2.0f64).exp();
        for (uniform, k) in
            [(0.0, 0.0), (0.99 * e, 0.0), (1.01 * e, 1.0), (2.99 * e, 1.0), (3.01 * e, 2.0), (5.01 * e, 3.0)]
        {
            assert_eq!(quantile(2.0, uniform), k);
        }
        assert_eq!((quantile(0.0, 0.9), quantile(-0.0, 0.9)), (0.0, 0.0));
        let largest = 1.0 - f64::EPSILON / 2.0;
        assert!((8.0..30.0).contains(&quantile(1.0, largest)), "it ends");
        assert!((1e6 + 7e3..1e6 + 1.2e4).contains(&quantile(1e6, largest)), "{}", quantile(1e6, largest));
    }
}
