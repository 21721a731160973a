//! The periodic Gaussian correlation exp(−r²/4β²), and the power of its modes without loss to rounding.
//!
//! r² is a sum over axes, so correlation and spectrum are products of one factor an axis. Along an axis of n cells
//! ```text
//! ξ(x) = Σ_j exp(−(x + n j)²/4β²) / N,    λ(m) = Σ_x ξ(x) exp(−2πi m x/n),    N so that ξ(0) = 1
//! ```
//! sums over all periodic images, which differ from the nearest one alone by exp(−n²/16β²) at the most, but have no
//! negative power however large β is. By Poisson's formula N λ(m) is also √(4πβ²) Σ_j exp(−4π²β² (m/n + j)²), of which all
//! terms are positive: no power is lost to cancellation, and its logarithm has a range without end. For small β, where
//! that sum is long, the one over x is short and loses nothing either.

use std::f64::consts::PI;

/// Below this β the sum over cells is the shorter one; at 1/√(4π) they are equally long.
const SMALL: f64 = 0.28;

/// Power along an axis, m = 0 … n − 1 (0, 1, … −1).
#[derive(Clone, Debug)]
pub(super) struct AxisPower {
    /// √λ(m); 0 where it is below the range of floats.
    pub(super) root: Vec<f64>,
    /// ∂ ln λ/∂β.
    pub(super) slope: Vec<f64>,
}

impl AxisPower {
    /// Of a correlation length β > 0 on `n` cells.
    pub(super) fn new(n: usize, beta: f64) -> Self {
        let of_mode = |[ln, slope]: [f64; 2]| ((0.5 * ln).exp(), slope);
        let (root, slope) = normalised(n, beta).into_iter().map(of_mode).unzip();
        Self { root, slope }
    }
}

/// ln λ(m) and its derivative by β.
fn normalised(n: usize, beta: f64) -> Vec<[f64; 2]> {
    let raw: Vec<[f64; 2]> = (0..=n / 2).map(|m| ln_power(m as f64 / n as f64, beta)).collect();
    let at = |m: usize| raw[m.min(n - m)];
    // N is the mean of N λ over m. The largest power, at m = 0, keeps the sum in range.
    let weight = |m: usize| (at(m)[0] - raw[0][0]).exp();
    let sum: f64 = (0..n).map(weight).sum();
    let ln_norm = raw[0][0] + (sum / n as f64).ln();
    let norm_slope = (0..n).map(|m| weight(m) * at(m)[1]).sum::<f64>() / sum;
    (0..n).map(|m| [at(m)[0] - ln_norm, at(m)[1] - norm_slope]).collect()
}

/// ln of N λ at `turn` = m/n in [0, 1/2], and its derivative by β.
fn ln_power(turn: f64, beta: f64) -> [f64; 2] {
    if beta < SMALL {
        let (mut sum, mut slope) = (1.0, 0.0);
        for x in (1..=4).map(f64::from) {
            let term = 2.0 * (-x * x / (4.0 * beta * beta)).exp() * (2.0 * PI * turn * x).cos();
            sum += term;
            slope += term * x * x / (2.0 * beta.powi(3));
        }
        return [sum.ln(), slope / sum];
    }
    let c = 4.0 * PI * PI * beta * beta;
    let (mut sum, mut mean_square) = (0.0, 0.0);
    for j in -5..=5 {
        let at = turn + f64::from(j);
        let term = (-c * (at * at - turn * turn)).exp();
        sum += term;
        mean_square += term * at * at;
    }
    let ln = (4.0 * PI).ln() * 0.5 + beta.ln() - c * turn * turn + sum.ln();
    [ln, 1.0 / beta - 2.0 * c / beta * mean_square / sum]
}

/// ξ(x) along an axis of `n` cells, x = 0 … n − 1, and ∂ξ/∂β.
pub(super) fn correlation(n: usize, beta: f64) -> (Vec<f64>, Vec<f64>) {
    // As far as an image still counts, 12 β and more.
    let most = (13.0 * beta / n as f64).ceil() as i64 + 1;
    let images = |x: f64| {
        let at = (-most..=most).map(|j| ((x + n as f64 * j as f64) / (2.0 * beta)).powi(2));
        at.fold([0.0, 0.0], |[sum, slope], s| [sum + (-s).exp(), slope + 2.0 * s / beta * (-s).exp()])
    };
    let [norm, of_norm] = images(0.0);
    let one = |x: usize| {
        let [sum, slope] = images(x as f64);
        (sum / norm, slope / norm - sum * of_norm / (norm * norm))
    };
    (0..n).map(one).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spectrum is the transform of the correlation, for β on both sides of the change from one sum to the other.
    #[test]
    fn power_is_the_transform_of_the_correlation() {
        for (n, beta) in [(2, 0.5), (7, 0.1), (8, 0.2799), (8, 0.2801), (20, 0.5), (9, 1.2), (6, 4.0)] {
            let (xi, slope) = correlation(n, beta);
            let (ln_power, power) = (normalised(n, beta), AxisPower::new(n, beta));
            let (above, below) = (correlation(n, beta * (1.0 + 1e-6)).0, correlation(n, beta * (1.0 - 1e-6)).0);
            for x in 0..n {
                let difference = (above[x] - below[x]) / (2e-6 * beta);
                assert!((slope[x] - difference).abs() < 1e-8, "{n} {beta} {x}: {} {difference}", slope[x]);
            }
            assert!((xi[0] - 1.0).abs() < 1e-15);
            for (m, [ln, _]) in ln_power.into_iter().enumerate() {
                let turn = 2.0 * PI * m as f64 / n as f64;
                let sum: f64 = xi.iter().enumerate().map(|(x, xi)| xi * (turn * x as f64).cos()).sum();
                let lambda = ln.exp();
                assert!((sum - lambda).abs() < 1e-13 * n as f64, "{n} {beta} {m}: {sum} {lambda}");
                assert!((power.root[m] * power.root[m] - lambda).abs() < 1e-14 * n as f64);
            }
        }
    }

    #[test]
    fn the_slope_is_that_of_the_logarithm_also_far_below_the_range_of_floats() {
        for (n, beta) in [(8, 0.05), (8, 0.2), (20, 0.5), (7, 3.0), (16, 40.0), (16, 900.0)] {
            let h = 1e-5 * beta;
            let [below, at, above] = [beta - h, beta, beta + h].map(|beta| normalised(n, beta));
            for m in 0..n {
                let difference = (above[m][0] - below[m][0]) / (2.0 * h);
                let scale = 1.0 + at[m][1].abs() + at[m][0].abs();
                assert!((at[m][1] - difference).abs() < 1e-6 * scale, "{n} {beta} {m}: {difference}");
            }
        }
    }
}
