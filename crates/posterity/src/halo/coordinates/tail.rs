//! Amplitude and slope of a component's mass function at one ψ, for its α and μ.
//!
//! Where a catalogue sees but the tail of a component, as of halos above a threshold it does, mean and width are known
//! through the slope alone, and α through the amplitude: the posterior bends along (distance of the mean) ∝ σ². With s the
//! softplus, α = s(v_α + ln 10⁻³), σ = s(v_σ + ln 10³), and v_μ the mean relative to ln(2·10¹²), the coordinates are, at
//! the distance D = s(−v_μ) from the mean (at 2·10¹² where the mean is far below, at the mean where it is above),
//!
//! - t = ln(D/σ²), ln of the slope there,
//! - A = ln α − v_μ − ln σ − D²/2σ², but for a constant ln of the number there.
//!
//! (A, t, v_σ) ↔ (v_α, v_μ, v_σ), the values of the lines, is smooth and one to one, with volume element h(α) h(D), h(y) = y/(1 − e^−y).

use super::softplus;

const LN_LARGE: f64 = 6.907_755_278_982_137;
/// Below it eˣ and ln(1 + eˣ) are the same.
const SMALL: f64 = -30.0;

/// A positive number y = s(z), by its logarithm.
#[derive(Clone, Copy)]
struct Positive {
    ln: f64,
    y: f64,
}

impl Positive {
    /// ln s(z).
    fn ln_of(z: f64) -> f64 {
        if z < SMALL { z } else { softplus(z).0.ln() }
    }

    fn new(ln: f64) -> Self {
        Self { ln, y: ln.exp() }
    }

    /// z.
    fn inverse(self) -> f64 {
        if self.ln < SMALL { self.ln } else { self.y + (-(-self.y).exp_m1()).ln() }
    }

    /// h = ∂z/∂ ln y.
    fn slope(self) -> f64 {
        if self.ln < SMALL { 1.0 } else { self.y / -(-self.y).exp_m1() }
    }

    /// ∂ ln h/∂ ln y.
    fn bend(self) -> f64 {
        if self.ln < SMALL { 0.0 } else { 1.0 - self.y / self.y.exp_m1() }
    }
}

/// Where the coordinates stand.
pub(super) struct Tail {
    line_of_sigma: f64,
    sigma: f64,
    sigma_slope: f64,
    distance: Positive,
    alpha: Positive,
}

impl Tail {
    /// At (A, t, v_σ).
    pub(super) fn new([amplitude, slope, line_of_sigma]: [f64; 3]) -> Self {
        let (sigma, sigma_slope) = softplus(line_of_sigma + LN_LARGE);
        let distance = Positive::new(slope + 2.0 * sigma.ln());
        let in_widths = distance.y / sigma;
        let alpha = Positive::new(amplitude - distance.inverse() + sigma.ln() + 0.5 * in_widths * in_widths);
        Self { line_of_sigma, sigma, sigma_slope, distance, alpha }
    }

    /// (A, t, v_σ) of (v_α, v_μ, v_σ).
    pub(super) fn coordinates([line_of_alpha, line_of_mu, line_of_sigma]: [f64; 3]) -> [f64; 3] {
        let (sigma, _) = softplus(line_of_sigma + LN_LARGE);
        let ln_distance = Positive::ln_of(-line_of_mu);
        let in_widths = ln_distance.exp() / sigma;
        let ln_alpha = Positive::ln_of(line_of_alpha - LN_LARGE);
        let amplitude = ln_alpha - line_of_mu - sigma.ln() - 0.5 * in_widths * in_widths;
        [amplitude, ln_distance - 2.0 * sigma.ln(), line_of_sigma]
    }

    /// (v_α, v_μ, v_σ).
    pub(super) fn line_values(&self) -> [f64; 3] {
        [self.alpha.inverse() + LN_LARGE, -self.distance.inverse(), self.line_of_sigma]
    }

    /// ln of the volume element.
    pub(super) fn log_volume(&self) -> f64 {
        (self.alpha.slope() * self.distance.slope()).ln()
    }

    /// The gradient by (A, t, v_σ) of a function, whose gradient by (v_α, v_μ, v_σ) is given, plus ln of the volume.
    pub(super) fn pull_back(&self, [d_alpha, d_mu, d_sigma]: [f64; 3]) -> [f64; 3] {
        let Self { sigma, sigma_slope, distance, alpha, .. } = *self;
        let square = (distance.y / sigma).powi(2);
        let by_alpha = d_alpha * alpha.slope() + alpha.bend();
        let by_distance = distance.bend() - d_mu * distance.slope() + by_alpha * (square - distance.slope());
        let by_sigma = (2.0 * by_distance + by_alpha * (1.0 - square)) / sigma;
        [by_alpha, by_distance, d_sigma + by_sigma * sigma_slope]
    }
}
