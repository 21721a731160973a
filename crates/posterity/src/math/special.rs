//! Special functions of probability, in the names this project uses for them; computed by libm and statrs.

/// Natural logarithm of the gamma function, x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Φ(x), the standard normal distribution function, accurate in the lower tail.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Φ⁻¹(p), the standard normal quantile, for 0 < p < 1.
pub fn normal_quantile(p: f64) -> f64 {
    let x = -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * p);
    // One Newton step: the approximation alone keeps eleven digits.
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if density > 0.0 { x - (normal_cdf(x) - p) / density } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!((normal_cdf(1.0) - 0.841344746068543).abs() < 1e-14);
        assert!((normal_cdf(-10.0) / 7.619853024160526e-24 - 1.0).abs() < 1e-12);
        assert!((normal_quantile(0.975) - 1.959963984540054).abs() < 1e-13);
        assert!((ln_gamma(10.0) - 362880f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        for p in [1e-12, 1e-4, 0.02, 0.3, 0.5, 0.84, 0.99, 1.0 - 1e-9] {
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-11, "{p}");
        }
    }
}
