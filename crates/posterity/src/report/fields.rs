//! What the verdict says of sampled fields and of the halo mass function.

use super::extension::{CrossCorrelation, Extension, MassFunction, MassFunctionBin, PowerSpectra};
use super::page::Tone;

/// One sentence each on the power spectra, the cross-correlation and the mass function, where they are there.
pub(super) fn sentences(extension: &Extension) -> Vec<(Tone, String)> {
    let power = extension.power_spectra.as_ref().and_then(power);
    let correlation = extension.cross_correlation.as_ref().and_then(correlation);
    let function = extension.mass_function.as_ref().and_then(mass_function);
    [power, correlation, function].into_iter().flatten().collect()
}

/// A warning from three standard deviations of a binomial number above the twentieth that is expected.
fn tone(outside: usize, seen: usize) -> Tone {
    let expected = 0.05 * seen as f64;
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
    (seen > 0).then(|| (tone(outside, seen), text))
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

/// How many mass bins are outside the 95 % band of the posterior, and of how many.
pub(super) fn mass_bins_outside(function: &MassFunction) -> (usize, usize) {
    let of = |bin: &MassFunctionBin| bin.posterior.outside(&bin.counts.iter().map(|n| *n as f64).collect::<Vec<_>>());
    let whole = function.bins.iter().filter(|bin| bin.is_whole());
    whole.map(of).fold((0, 0), |sum, bin| (sum.0 + bin.0, sum.1 + bin.1))
}

fn mass_function(function: &MassFunction) -> Option<(Tone, String)> {
    let (outside, seen) = mass_bins_outside(function);
    let text = format!(
        "{outside} of {seen} bins of the halo mass function {} outside the 95 % band of the posterior, {:.1} are expected.",
        lie(outside),
        0.05 * seen as f64
    );
    (seen > 0).then(|| (tone(outside, seen), text))
}
