//! What the verdict says of sampled fields and of the halo mass function.

use super::extension::{CrossCorrelation, Extension, MassFunction, MassFunctionBin, PowerSpectra};
use super::page::Tone;
use statrs::function::gamma::gamma_lr;

/// One sentence each on the power spectra, the cross-correlation and the mass function, where they are there.
pub(super) fn sentences(extension: &Extension) -> Vec<(Tone, String)> {
    let power = extension.power_spectra.as_ref().and_then(power);
    let correlation = extension.cross_correlation.as_ref().and_then(correlation);
    let function = extension.mass_function.as_ref().and_then(mass_function);
    [power, correlation, function].into_iter().flatten().collect()
}

/// A warning from three standard deviations of a binomial number above what is expected.
fn tone(outside: usize, expected: f64) -> Tone {
    if outside as f64 > expected + 3.0 * (0.95 * expected).sqrt() { Tone::Warning } else { Tone::Finding }
}

fn lie(n: usize) -> &'static str {
    if n == 1 { "lies" } else { "lie" }
}

fn power(spectra: &PowerSpectra) -> Option<(Tone, String)> {
    let n = spectra.k.len();
    if !spectra.prior.fits(n) || !spectra.posterior.fits(n) {
        return None;
    }
    let (outside, seen) = spectra.prior.outside(&spectra.posterior.q50);
    let text = if outside == 0 {
        format!(
            "the median power of the sampled initial fields lies within the prior's 95 % band in all {seen} bins of $k$."
        )
    } else {
        format!(
            "the median power of the sampled initial fields lies outside the prior's 95 % band in {outside} of {seen} bins of \
             $k$."
        )
    };
    (seen > 0).then(|| (tone(outside, 0.05 * seen as f64), text))
}

fn correlation(r: &CrossCorrelation) -> Option<(Tone, String)> {
    let (k, median) = (r.k.first()?, r.posterior.q50.first()?);
    let is_known = k.is_finite() && median.is_finite() && r.posterior.fits(r.k.len());
    let mean = r.posterior_mean.first().filter(|m| m.is_finite());
    let mean = mean.map_or(String::new(), |m| format!(", that of their mean {m:.2}").replace('-', "\u{2212}"));
    let text = format!(
        "on the largest scales ($k$ = {k:.3} $h$/Mpc) the cross-correlation of the samples with the true initial field is \
         {}{mean}.",
        format!("{median:.2}").replace('-', "\u{2212}")
    );
    is_known.then_some((Tone::Finding, text))
}

/// How many mass bins are outside the 95 % band of the posterior, of how many, and how many are expected there at most:
/// numbers are whole, so that a band of 95 % holds more than that, and the weights were fitted to these very halos.
pub(super) fn mass_bins_outside(function: &MassFunction) -> (usize, usize, f64) {
    let of = |bin: &MassFunctionBin| {
        let (outside, seen) = bin.posterior.outside(&bin.counts.iter().map(|n| *n as f64).collect::<Vec<_>>());
        let band = bin.posterior.q025.iter().zip(&bin.posterior.q975);
        let expected: f64 = bin.expected.iter().zip(band).map(|(mean, (low, high))| beyond(*mean, *low, *high)).sum();
        (outside, seen, expected)
    };
    let whole = function.bins.iter().filter(|bin| bin.is_whole());
    whole.map(of).fold((0, 0, 0.0), |sum, bin| (sum.0 + bin.0, sum.1 + bin.1, sum.2 + bin.2))
}

/// No box has as many halos; the series of the incomplete gamma function takes √mean terms.
const MOST_HALOS: f64 = 1e9;

/// Probability that a Poisson number is below or above a band; 0 where that is not known.
fn beyond(mean: f64, low: f64, high: f64) -> f64 {
    if !((0.0..MOST_HALOS).contains(&mean) && low.is_finite() && high.is_finite()) {
        return 0.0;
    }
    // The smallest number that is not below, and the smallest that is above.
    let (inside, above) = (low.ceil().max(0.0), (high.floor() + 1.0).max(0.0));
    let reaches = |n: f64| match n > 0.0 && mean > 0.0 {
        true => gamma_lr(n, mean),
        false => f64::from(u8::from(n <= 0.0)),
    };
    (1.0 - reaches(inside) + reaches(above)).min(1.0)
}

fn mass_function(function: &MassFunction) -> Option<(Tone, String)> {
    let (outside, seen, expected) = mass_bins_outside(function);
    let text = format!(
        "{outside} of {seen} bins of the halo mass function {} outside the 95 % band of the posterior, at most \
         {expected:.1} are expected.",
        lie(outside)
    );
    (seen > 0).then(|| (tone(outside, expected), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_of_poisson_numbers_are_exact() {
        // By scipy.stats.poisson.
        let table = [
            (0.0, 0.0, 0.0, 0.0),
            (0.5, 0.0, 2.5, 0.014_387_677_967),
            (3.0, 0.0, 7.0, 0.011_904_503_856),
            (3.0, 0.4, 7.6, 0.061_691_572_224),
            (100.0, 81.0, 120.0, 0.045_318_505_721),
        ];
        for (mean, low, high, chance) in table {
            assert!((beyond(mean, low, high) - chance).abs() < 1e-9, "{mean}: {}", beyond(mean, low, high));
        }
        assert_eq!([f64::NAN, -1.0, 1e300].map(|mean| beyond(mean, 0.0, 1.0)), [0.0; 3]);
    }
}
