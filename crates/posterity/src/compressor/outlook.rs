//! How well the information of a compressor is known, and what more simulations would give.
//!
//! Two questions with two answers.
//!
//! *How well is ln det F known?* At fixed summaries the standard estimate from n simulations is a + b/n on average, to
//! leading order: noise in the mean derivative adds tr(F⁻¹S)/n_d, S_αβ = tr(C⁻¹ Cov(∂_αx, ∂_βx)), less half the
//! variance of the term linear in that noise; the covariance, with Hartlap's factor, takes away q(q + 1)/2n_s for q
//! parameters. It scatters by √(2q/n_s) and more with noisy derivatives. The jackknife applies this law to the
//! simulations themselves: with the groups g = 1 … G left out one after the other, the pseudo-values G y − (G − 1) y_g
//! are free of b/n, their mean is the value at infinitely many simulations, and their scatter over √G its standard
//! deviation, without assumptions about how summaries are distributed. A straight line through the estimates at n, n/2,
//! n/4, … has the same law, but b then comes of differences of a few noisy values: its result scatters more, and second
//! orders of the fewest simulations come in. Quenouille 1956 (Biometrika 43, 353); Efron & Stein 1981 (Ann. Statist. 9,
//! 586).
//!
//! *Would more training simulations give a better compressor?* Weights that are fitted to n simulations see, to leading
//! order in 1/n, as much information too much on these as they lose on all others: L_n(ŵ) − L_n(w*) ≈ L(w*) − L(ŵ) ≈ ½
//! gᵀH⁻¹g, g the gradient's noise and H the curvature (Takeuchi's criterion, the theory behind Akaike's: Stone 1977, J.
//! R. Stat. Soc. B 39, 44). The gap Δ between ln det F on training simulations and on others is twice the loss. For the
//! score, all of whose weights are fitted, the loss falls as 1/n. A network is stopped where it does best on held-out
//! simulations, before it has fitted the directions in which noise (variance v ∝ 1/n) exceeds signal (S): it loses Σ
//! Sv/(S + v), half the gap as before, but this falls more slowly, since with more simulations more directions come in:
//! as 1/√n where the signals of successive directions fall as 1/i². So r times as many training simulations give back
//! Δ/2 · (1 − r^−p) with p = 1 for the score and ½ for a network. Measured on draws of unknown mean and variance (10
//! data, n = 200 … 1600 fixed, three networks, eight seeds each): half the gap is 0.8 to 1.4 times the true loss, the
//! loss falls as n^−0.52 to n^−0.64, and for r = 4 the rule says 0.85 to 1.4 of what came, where p = 1 says 1.3 to 2.1.
//! With fresh simulations there is no such gap.

use super::{Fisher, SummaryMoments};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// Groups that the jackknife leaves out; its standard deviations are right within 1/√(2 · 19) = 16 %.
const GROUPS: usize = 20;
/// Fewer groups do not tell a scatter.
const FEWEST: usize = 5;
/// How many times as many simulations the advice is about.
const FACTOR: f64 = 4.0;

/// What is known of ln det F, and what more simulations would give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// ln det F at infinitely many independent (or held-out) simulations, for this compressor.
    pub ln_det: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// The standard estimate less `ln_det`: what the law a + b/n takes off.
    pub bias: f64,
    /// For each parameter, of the error bar √(F⁻¹)_αα of the standard estimate.
    pub error_bars: Vec<ErrorBar>,
    /// Simulations behind the covariance.
    pub n_s: usize,
    /// Simulations behind the derivative.
    pub n_d: usize,
    /// True if nothing was chosen by these simulations, false for the held-out ones.
    pub independent: bool,
    /// What is lost to overfitting; absent where training simulations are fresh.
    pub overfitting: Option<Overfitting>,
}

/// How far off an error bar is, as a fraction of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBar {
    /// Above 0: too wide. ∝ 1/n.
    pub bias: f64,
    /// Standard deviation, ∝ 1/√n.
    pub sd: f64,
}

/// ln det F on the training simulations against that on others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// Δ, both without the bias of their estimates.
    pub gap: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// Training simulations behind the covariance.
    pub n_s: usize,
    /// Training simulations behind the derivative.
    pub n_d: usize,
    /// p: the loss falls as n^−p.
    pub exponent: f64,
}

impl Outlook {
    /// Exponent of the loss of a compressor with all of its weights fitted.
    pub const FITTED: f64 = 1.0;
    /// Exponent of the loss of one that was stopped where it did best on other simulations.
    pub const STOPPED: f64 = 0.5;

    /// From the simulations that [`SummaryMoments::from_simulations`] takes. `None` where there are too few to leave
    /// any out.
    pub fn new(
        summaries: &[f64],
        derivatives: &[f64],
        n_summaries: usize,
        n_params: usize,
        independent: bool,
    ) -> Option<Self> {
        let block = n_params * n_summaries;
        let (n_s, n_d) = (summaries.len() / n_summaries, derivatives.len() / block);
        let n_groups = GROUPS.min(n_s).min(n_d);
        if n_groups < FEWEST {
            return None;
        }
        let fisher = |x: &[f64], dx: &[f64]| SummaryMoments::from_simulations(x, dx, n_summaries, n_params)?.fisher();
        let all = values(&fisher(summaries, derivatives).ok()?).ok()?;
        let mut pseudo = Vec::with_capacity(n_groups);
        for group in 0..n_groups {
            // Rows of one number share their noise, so they are left out together.
            let (x, dx) = (but(summaries, n_summaries, group, n_groups), but(derivatives, block, group, n_groups));
            let less = values(&fisher(&x, &dx).ok()?).ok()?;
            let g = n_groups as f64;
            pseudo.push(all.iter().zip(less).map(|(y, less)| g * y - (g - 1.0) * less).collect::<Vec<f64>>());
        }
        let moments = |k: usize| {
            let n = n_groups as f64;
            let mean = pseudo.iter().map(|p| p[k]).sum::<f64>() / n;
            let variance = pseudo.iter().map(|p| (p[k] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (mean, (variance / n).sqrt())
        };
        let (ln_det, sd) = moments(0);
        let error_bar = |k: usize| {
            let (mean, sd) = moments(k);
            ErrorBar { bias: all[k] - mean, sd }
        };
        let error_bars = (1..=n_params).map(error_bar).collect();
        Some(Self { ln_det, sd, bias: all[0] - ln_det, error_bars, n_s, n_d, independent, overfitting: None })
    }

    /// With what the simulations that the compressor was fitted to say of it; `exponent` is 1 where all of its weights
    /// are fitted ([`FITTED`](Self::FITTED)) and ½ where the fit is stopped early ([`STOPPED`](Self::STOPPED)).
    #[must_use]
    pub fn with_training(mut self, train: &Fisher, exponent: f64) -> Self {
        let times = |more: usize, fewer: usize| more as f64 / fewer as f64;
        let ratio = times(self.n_s, train.n_s).max(times(self.n_d, train.n_d));
        let gap = train.ln_det - self.bias * ratio - self.ln_det;
        let sd = self.sd * (1.0 + ratio).sqrt();
        self.overfitting = Some(Overfitting { gap, sd, n_s: train.n_s, n_d: train.n_d, exponent });
        self
    }

    /// Root mean square error of the error bar that is known least well, as a fraction, with `factor` times as many
    /// simulations as there were.
    pub fn error_bar_accuracy(&self, factor: f64) -> f64 {
        let of = |e: &ErrorBar| ((e.bias / factor).powi(2) + e.sd * e.sd / factor).sqrt();
        self.error_bars.iter().map(of).fold(0.0, f64::max)
    }

    /// What `factor` times as many training simulations would add to ln det F, and its standard deviation; `None` where
    /// the gap is no larger than its noise.
    pub fn gain(&self, factor: f64) -> Option<(f64, f64)> {
        let Overfitting { gap, sd, exponent, .. } = self.overfitting?;
        let of_gap = 0.5 * (1.0 - factor.powf(-exponent));
        (gap > 2.0 * sd).then_some((of_gap * gap, of_gap * sd))
    }

    /// The same in a few words.
    pub fn in_short(&self) -> String {
        let now = percent(self.error_bar_accuracy(1.0));
        let known = format!("with more simulations → {}, error bars known to {now}", self.estimate());
        match self.gain(FACTOR) {
            Some((gain, _)) => format!("{known}; {FACTOR} × the training simulations: about +{gain:.2}"),
            None => known,
        }
    }

    /// Where ln det F goes, how well error bars are known, and what more simulations would give, in sentences.
    pub fn advice(&self) -> String {
        let more = |n_s: usize, n_d: usize| format!("n_s = {}, n_d = {}", FACTOR * n_s as f64, FACTOR * n_d as f64);
        let which = if self.independent { "independent" } else { "held-out" };
        let known = format!(
            "ln det F → {} with more {which} simulations; error bars are known to {} now, and would be to {} with \
             {FACTOR} times as many ({})",
            self.estimate(),
            percent(self.error_bar_accuracy(1.0)),
            percent(self.error_bar_accuracy(FACTOR)),
            more(self.n_s, self.n_d)
        );
        let Some(training) = self.overfitting else { return known + "." };
        let Some((gain, sd)) = self.gain(FACTOR) else {
            return known + ". More training simulations would change the compressor by less than can be seen.";
        };
        let narrower = 1.0 - (-0.5 * gain / self.error_bars.len() as f64).exp();
        format!(
            "{known}. {FACTOR} times as many training simulations ({}) would raise it by about {}, error bars {} \
             narrower.",
            more(training.n_s, training.n_d),
            with_error(gain, sd),
            percent(narrower)
        )
    }

    /// ln det F at infinitely many simulations with its standard deviation, as text.
    pub fn estimate(&self) -> String {
        with_error(self.ln_det, self.sd)
    }
}

fn percent(x: f64) -> String {
    if x < 0.0995 { format!("{:.1} %", 100.0 * x) } else { format!("{:.0} %", 100.0 * x) }
}

/// A value to the second digit of its error.
fn with_error(value: f64, sd: f64) -> String {
    let digits = if sd > 0.0 && sd.is_finite() { (1.0 - sd.log10().floor()).clamp(0.0, 6.0) as usize } else { 3 };
    format!("{value:.digits$} ± {sd:.digits$}")
}

/// ln det F, then ln of each parameter's error bar.
fn values(fisher: &Fisher) -> Result<Vec<f64>> {
    let inverse = fisher.matrix.cholesky()?.inverse();
    let error_bars = (0..inverse.n_rows()).map(|i| 0.5 * inverse[(i, i)].ln());
    Ok(std::iter::once(fisher.ln_det).chain(error_bars).collect())
}

/// Rows of the given width but for one in `n_groups`.
fn but(rows: &[f64], width: usize, group: usize, n_groups: usize) -> Vec<f64> {
    let kept = rows.chunks_exact(width).enumerate().filter(|(i, _)| i % n_groups != group);
    kept.flat_map(|(_, row)| row.iter().copied()).collect()
}
