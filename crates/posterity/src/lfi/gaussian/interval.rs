//! Exact draws from a normal distribution on an interval, however far out, alone and divided by x.

use crate::math::{normal_cdf, normal_quantile};
use crate::seed::Stream;
use rand::RngExt;
use rand::distr::Open01;

/// Beyond so many standard deviations the exponential of the tail is a better proposal than inversion.
const TAIL: f64 = 3.0;
/// On intervals narrower than this (in standard deviations) the density is flat enough to reject from.
const NARROW: f64 = 1e-2;

/// A draw of N(mean, sd²) restricted to [low, high].
pub(super) fn normal(mean: f64, sd: f64, low: f64, high: f64, stream: &mut Stream) -> f64 {
    let (a, b) = ((low - mean) / sd, (high - mean) / sd);
    let x = if a > TAIL {
        low + sd * excess(a, b - a, stream)
    } else if b < -TAIL {
        high - sd * excess(-b, b - a, stream)
    } else if b - a < NARROW {
        mean + sd * narrow(a, b, stream)
    } else if a > 0.0 {
        mean + sd * inverted(a, b, stream)
    } else {
        mean - sd * inverted(-b, -a, stream)
    };
    x.clamp(low, high)
}

/// How far beyond `a` > 0 a standard normal draw lies, at most `width`: truncated exponential, thinned (Robert 1995).
fn excess(a: f64, width: f64, stream: &mut Stream) -> f64 {
    let mass = -(-a * width).exp_m1();
    loop {
        let (u, v): (f64, f64) = (stream.sample(Open01), stream.sample(Open01));
        let e = -(-u * mass).ln_1p() / a;
        if v.ln() <= -0.5 * e * e {
            return e.min(width);
        }
    }
}

fn narrow(a: f64, b: f64, stream: &mut Stream) -> f64 {
    let top = 0.0_f64.clamp(a, b).powi(2);
    loop {
        let (u, v): (f64, f64) = (stream.sample(Open01), stream.sample(Open01));
        let z = a + u * (b - a);
        if v.ln() <= 0.5 * (top - z * z) {
            return z;
        }
    }
}

/// By inversion of the upper tail, which keeps its digits for a > 0.
fn inverted(a: f64, b: f64, stream: &mut Stream) -> f64 {
    let (from, to) = (normal_cdf(-b), normal_cdf(-a));
    let u: f64 = stream.sample(Open01);
    -normal_quantile(from + u * (to - from))
}

/// A draw of the density ∝ N(x | mean, sd²)/x on [low, high], 0 < low < high < ∞.
///
/// Rejection from an envelope of two pieces: G/x below a point c and N/c above it. With c two widths t below the mode
/// of the normal factor on the interval, or at t where that is not positive, each piece accepts a fair fraction.
pub(super) fn normal_over_x(mean: f64, sd: f64, low: f64, high: f64, stream: &mut Stream) -> f64 {
    let mode = mean.clamp(low, high);
    let away = (mean - mode).abs();
    let t = if away > sd { sd * sd / away } else { sd };
    let c = if mode - 2.0 * t > 0.0 { mode - 2.0 * t } else { t }.clamp(low, high);
    let ln_normal = |x: f64| -0.5 * ((x - mean) / sd).powi(2);
    let ln_top = ln_normal(mean.clamp(low, c));
    let ln_below = if c > low { ln_top + (c / low).ln().ln() } else { f64::NEG_INFINITY };
    let ln_above = if c < high {
        (sd * (2.0 * std::f64::consts::PI).sqrt() / c).ln() + ln_mass((c - mean) / sd, (high - mean) / sd)
    } else {
        f64::NEG_INFINITY
    };
    let below = 1.0 / (1.0 + (ln_above - ln_below).exp());
    loop {
        let (u, v): (f64, f64) = (stream.sample(Open01), stream.sample(Open01));
        if u < below {
            let w: f64 = stream.sample(Open01);
            let x = (low * (w * (c / low).ln()).exp()).clamp(low, c);
            if v.ln() <= ln_normal(x) - ln_top {
                return x;
            }
        } else {
            let x = normal(mean, sd, c, high, stream);
            if v * x <= c {
                return x;
            }
        }
    }
}

/// ln of the standard normal's mass between a and b.
fn ln_mass(a: f64, b: f64) -> f64 {
    let (a, b) = if b < 0.0 { (-b, -a) } else { (a, b) };
    if a < 0.0 { (normal_cdf(b) - normal_cdf(a)).ln() } else { ln_tail(a) + (-(ln_tail(b) - ln_tail(a)).exp()).ln_1p() }
}

/// ln Φ(−a) for a ≥ 0, by its asymptotic series where Φ itself is about to underflow.
fn ln_tail(a: f64) -> f64 {
    if a < 30.0 {
        return normal_cdf(-a).ln();
    }
    if a.is_infinite() {
        return f64::NEG_INFINITY;
    }
    let r = 1.0 / (a * a);
    -0.5 * a * a - (a * (2.0 * std::f64::consts::PI).sqrt()).ln() + (-r * (1.0 - 3.0 * r * (1.0 - 5.0 * r))).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const N: usize = 40_000;

    /// Mean and standard deviation of exp(ln_density) on [low, high] by the midpoint rule in ln(x − low + tiny).
    fn quadrature(low: f64, high: f64, ln_density: impl Fn(f64) -> f64) -> (f64, f64) {
        let n = 400_000;
        let points: Vec<(f64, f64)> = (0..n)
            .map(|i| {
                // Steps that grow from both ends: peaks at either bound are resolved.
                let s = (i as f64 + 0.5) / n as f64;
                let g = s * s * s * (10.0 - 15.0 * s + 6.0 * s * s);
                (low + (high - low) * g, 30.0 * (s * (1.0 - s)).powi(2))
            })
            .collect();
        let top = points.iter().map(|&(x, _)| ln_density(x)).fold(f64::NEG_INFINITY, f64::max);
        let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
            points.iter().map(|&(x, dx)| f(x) * dx * (ln_density(x) - top).exp()).sum()
        };
        let mass = sum(&|_| 1.0);
        let mean = sum(&|x| x) / mass;
        (mean, (sum(&|x| (x - mean).powi(2)) / mass).sqrt())
    }

    /// Holds the draws' mean and sd against quadrature within five of their standard errors (fixed seeds).
    fn holds(draw: impl Fn(&mut Stream) -> f64, (mean, sd): (f64, f64), low: f64, high: f64, what: &str) {
        let mut stream = Seed::new(9).label(what).stream(0);
        let x: Vec<f64> = (0..N).map(|_| draw(&mut stream)).collect();
        assert!(x.iter().all(|x| (low..=high).contains(x)), "{what} leaves its interval");
        let m = x.iter().sum::<f64>() / N as f64;
        let s = (x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / N as f64).sqrt();
        let root = (N as f64).sqrt();
        assert!((m - mean).abs() < 5.0 * sd / root, "{what}: mean {m}, not {mean} (sd {sd})");
        // Kurtosis of these densities stays below 12: the sd's standard error is below 1.7 sd/√N.
        assert!((s - sd).abs() < 8.0 * sd / root, "{what}: sd {s}, not {sd}");
    }

    #[test]
    fn normal_draws_on_intervals_agree_with_quadrature() {
        let table = [
            (0.0, 1.0, -1.0, 2.0),
            (0.0, 1.0, 2.0, 5.0),
            (0.0, 1.0, 6.0, 9.0),
            (0.0, 1.0, -46.0, -45.0),
            (3.0, 0.5, 100.0, 100.4),
            (3.0, 0.5, 3.1, 3.101),
            (0.0, 1.0, -2.5, -2.0),
            (0.0, 1.0, 10.0, 10.001),
        ];
        for (mean, sd, low, high) in table {
            let truth = quadrature(low, high, |x| -0.5 * ((x - mean) / sd).powi(2));
            holds(|s| normal(mean, sd, low, high, s), truth, low, high, &format!("{mean} {sd} {low} {high}"));
        }
        let (mut stream, mut sum) = (Seed::new(1).stream(0), 0.0);
        (0..N).for_each(|_| sum += normal(2.0, 3.0, f64::NEG_INFINITY, f64::INFINITY, &mut stream));
        assert!((sum / N as f64 - 2.0).abs() < 5.0 * 3.0 / (N as f64).sqrt());
    }

    #[test]
    fn normal_over_x_agrees_with_quadrature() {
        let table = [
            (5.0, 1.0, 0.01, 10.0),
            (0.3, 1.0, 1e-5, 3.0),
            (-4.0, 1.0, 1e-3, 10.0),
            (-60.0, 1.0, 1e-3, 10.0),
            (0.5, 0.1, 2.0, 3.0),
            (40.0, 1.0, 0.01, 2.0),
            (1.0, 0.5, 1e-3, 0.02),
            (3.0, 100.0, 0.1, 10.0),
        ];
        for (mean, sd, low, high) in table {
            let truth = quadrature(low, high, |x| -0.5 * ((x - mean) / sd).powi(2) - x.ln());
            holds(|s| normal_over_x(mean, sd, low, high, s), truth, low, high, &format!("{mean} {sd} {low} {high}"));
        }
    }

    #[test]
    fn the_mass_of_an_interval_keeps_its_logarithm_far_out() {
        assert!((ln_tail(30.0) - ln_tail(30.0 - 1e-9)).abs() < 1e-6);
        assert!((ln_tail(35.0) - normal_cdf(-35.0).ln()).abs() < 1e-7);
        assert!((ln_mass(-1.0, 1.0) - 0.682689492137086_f64.ln()).abs() < 1e-12);
        assert!((ln_mass(100.0, f64::INFINITY) - ln_mass(f64::NEG_INFINITY, -100.0)).abs() < 1e-12);
    }
}
