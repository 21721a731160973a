//! Linear and second-order growth in a flat universe of matter and dark energy.
//!
//! With E² = Ω_m a⁻³ + (1 - Ω_m) a^(-3(1+w)) and primes for d/d ln a,
//! ```text
//! D'' + (2 + E'/E) D' = 3/2 Ω_m(a) D,    D₂'' + (2 + E'/E) D₂' = 3/2 Ω_m(a) (D₂ - D²),    D(1) = 1
//! ```
//! integrated from the matter era, where D = a and D₂ = -3/7 a². Accurate to 1e-8.
//!
//! Limits: flat, constant w, no radiation, no neutrino masses.
//!
//! Reference: Bouchet, Colombi, Hivon, Juszkiewicz 1995, A&A 296, 575; arXiv:astro-ph/9406013.

use crate::error::{Error, Result};

/// A flat universe: matter, and dark energy of constant equation of state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Background {
    omega_m: f64,
    w: f64,
}

/// Growth at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Scale factor a, 1 today.
    pub scale_factor: f64,
    /// D(a), 1 today.
    pub first: f64,
    /// f = d ln D / d ln a.
    pub rate: f64,
    /// D₂(a), about -3/7 D² Ω_m(a)^(-1/143).
    pub second: f64,
    /// d ln D₂ / d ln a.
    pub second_rate: f64,
}

/// Where the integration starts, and its steps from there to today.
const LN_A_START: f64 = -30.0;
const STEPS: f64 = 12_000.0;

impl Background {
    /// Matter density Ω_m in (0, 1], dark energy w in [-3, -1/3] (-1 is a cosmological constant).
    ///
    /// # Errors
    /// Invalid input, outside these.
    pub fn new(omega_m: f64, w: f64) -> Result<Self> {
        if !(omega_m > 0.0 && omega_m <= 1.0) {
            let error = Error::invalid_input(format!("Ω_m = {omega_m}")).at_key("omega_m");
            return Err(error.remedy("give a number above 0, at most 1"));
        }
        if !(-3.0..=-1.0 / 3.0).contains(&w) {
            let error = Error::invalid_input(format!("dark energy of w = {w}")).at_key("w");
            return Err(error.remedy("give a number from -3 to -1/3"));
        }
        Ok(Self { omega_m, w })
    }

    /// Ω_m today.
    pub fn omega_m(&self) -> f64 {
        self.omega_m
    }

    /// Ω_m at scale factor a.
    pub fn omega_m_at(&self, a: f64) -> f64 {
        1.0 / (1.0 + (1.0 - self.omega_m) / self.omega_m * a.powf(-3.0 * self.w))
    }

    /// Growth at scale factor `a`, from 1e-3 to 10.
    ///
    /// # Errors
    /// Invalid input, for another `a`.
    pub fn growth(&self, a: f64) -> Result<Growth> {
        if !(1e-3..=10.0).contains(&a) {
            let error = Error::invalid_input(format!("scale factor {a}")).at_key("scale_factor");
            return Err(error.remedy("give a number from 0.001 to 10 (today is 1)"));
        }
        let start = LN_A_START.exp();
        let start = [start, start, -3.0 / 7.0 * start * start, -6.0 / 7.0 * start * start];
        let today = self.integrate(start, LN_A_START, 0.0)[0];
        let [d, d_prime, d2, d2_prime] = self.integrate(start, LN_A_START, a.ln());
        Ok(Growth {
            scale_factor: a,
            first: d / today,
            rate: d_prime / d,
            second: d2 / (today * today),
            second_rate: d2_prime / d2,
        })
    }

    /// D, D', D₂, D₂' by Runge and Kutta's fourth-order steps.
    fn integrate(&self, mut y: [f64; 4], from: f64, to: f64) -> [f64; 4] {
        let steps = ((to - from) * STEPS / -LN_A_START).ceil();
        let h = (to - from) / steps;
        let plus = |y: [f64; 4], k: [f64; 4], h: f64| -> [f64; 4] { std::array::from_fn(|i| y[i] + h * k[i]) };
        for step in 0..steps as usize {
            let t = from + step as f64 * h;
            let k1 = self.slope(t, y);
            let k2 = self.slope(t + h / 2.0, plus(y, k1, h / 2.0));
            let k3 = self.slope(t + h / 2.0, plus(y, k2, h / 2.0));
            let k4 = self.slope(t + h, plus(y, k3, h));
            y = std::array::from_fn(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        }
        y
    }

    fn slope(&self, ln_a: f64, [d, d_prime, d2, d2_prime]: [f64; 4]) -> [f64; 4] {
        let omega = self.omega_m_at(ln_a.exp());
        // 2 + E'/E = 1/2 - 3/2 w (1 - Ω_m(a)).
        let drag = 0.5 - 1.5 * self.w * (1.0 - omega);
        [d_prime, 1.5 * omega * d - drag * d_prime, d2_prime, 1.5 * omega * (d2 - d * d) - drag * d2_prime]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a cosmological constant D ∝ E ∫ da / (a E)³: by Simpson's rule in √a, where the integrand is smooth.
    #[test]
    fn growth_is_the_integral_of_heath() {
        let omega_m = 0.3111;
        let e = |a: f64| (omega_m * a.powi(-3) + 1.0 - omega_m).sqrt();
        let integral = |a: f64| {
            let (n, top) = (2000, a.sqrt());
            let f = |t: f64| if t == 0.0 { 0.0 } else { 2.0 * t / (t * t * e(t * t)).powi(3) };
            let weight = |i: usize| if i == 0 || i == n { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
            (0..=n).map(|i| weight(i) * f(top * i as f64 / n as f64)).sum::<f64>() * top / n as f64 / 3.0
        };
        let today = e(1.0) * integral(1.0);
        let background = Background::new(omega_m, -1.0).expect("valid");
        for a in [0.01, 0.1, 0.3, 0.5, 0.8, 1.0, 2.0] {
            let exact = e(a) * integral(a) / today;
            let growth = background.growth(a).expect("valid");
            assert!((growth.first / exact - 1.0).abs() < 1e-8, "{a}: {} {exact}", growth.first);
            let rate = -1.5 * background.omega_m_at(a) + a / ((a * e(a)).powi(3) * integral(a));
            assert!((growth.rate / rate - 1.0).abs() < 1e-7, "{a}: {} {rate}", growth.rate);
            let second = -3.0 / 7.0 * exact * exact * background.omega_m_at(a).powf(-1.0 / 143.0);
            assert!((growth.second / second - 1.0).abs() < 2e-3, "{a}: {} {second}", growth.second);
        }
    }

    /// The universe of matter alone has D = a, D₂ = -3/7 a²; with other dark energy, f is about Ω_m^(0.55 + 0.05 (1 + w))
    /// (Linder 2005, astro-ph/0507263).
    #[test]
    fn known_answers() {
        let growth = Background::new(1.0, -1.0).expect("valid").growth(0.37).expect("valid");
        let exact = [0.37, 1.0, -3.0 / 7.0 * 0.37 * 0.37, 2.0];
        for (value, exact) in [growth.first, growth.rate, growth.second, growth.second_rate].into_iter().zip(exact) {
            assert!((value / exact - 1.0).abs() < 1e-9, "{value} {exact}");
        }
        let growth = Background::new(0.3, -0.8).expect("valid").growth(1.0).expect("valid");
        assert!((growth.rate / 0.3f64.powf(0.56) - 1.0).abs() < 5e-3, "{}", growth.rate);
        assert_eq!(growth.first, 1.0);
    }

    /// With constant w, D ∝ a ₂F₁(−1/(3w), (w − 1)/(2w); 1 − 5/(6w); −(1 − Ω_m)/Ω_m a^(−3w)) (Silveira & Waga 1994,
    /// Phys. Rev. D 50, 4890); the values are of another program's ₂F₁.
    #[test]
    fn growth_is_the_hypergeometric_function_of_other_dark_energy() {
        let background = Background::new(0.3, -0.8).expect("valid");
        for (a, exact) in [(0.5, 0.6277271261206), (0.3, 0.3996487262346)] {
            let first = background.growth(a).expect("valid").first;
            assert!((first / exact - 1.0).abs() < 1e-9, "{a}: {first} {exact}");
        }
    }

    #[test]
    fn values_outside_are_refused() {
        for (omega_m, w) in [(0.0, -1.0), (1.1, -1.0), (f64::NAN, -1.0), (0.3, 0.0), (0.3, f64::NAN)] {
            assert!(Background::new(omega_m, w).expect_err("refused").is_invalid_input());
        }
        let background = Background::new(0.3, -1.0).expect("valid");
        let refused = |a: f64| background.growth(a).is_err_and(|error| error.key() == Some("scale_factor"));
        assert!([0.0, 11.0, f64::NAN].into_iter().all(refused));
    }
}
