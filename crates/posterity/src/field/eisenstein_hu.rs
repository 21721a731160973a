//! Eisenstein and Hu's fit to the transfer function of cold dark matter and baryons, with the acoustic oscillations.
//!
//! ```text
//! T(k) = (Ω_b/Ω_m) T_b(k) + (Ω_c/Ω_m) T_c(k)
//! ```
//! equations 2 to 24 of the paper; numbers of equations stand at their lines below.
//!
//! Limits: no neutrino masses, dark energy absent at early times; a few per cent from Boltzmann codes.
//!
//! Reference: Eisenstein & Hu 1998, ApJ 496, 605; arXiv:astro-ph/9709112.

use std::f64::consts::E;

/// The fit's numbers for one cosmology.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Transfer {
    /// Ω_b/Ω_m.
    baryons: f64,
    /// Wavenumber of equality [1/Mpc].
    k_equality: f64,
    /// Sound horizon at the drag epoch [Mpc].
    sound_horizon: f64,
    /// [1/Mpc].
    k_silk: f64,
    alpha_c: f64,
    beta_c: f64,
    alpha_b: f64,
    beta_b: f64,
    beta_node: f64,
}

impl Transfer {
    /// For Ω_m h², Ω_b h² and the temperature of the background radiation [K].
    pub(super) fn new(matter: f64, baryon: f64, temperature: f64) -> Self {
        let theta2 = (temperature / 2.7).powi(2);
        let theta4 = theta2 * theta2;
        let fraction = baryon / matter;
        let z_equality = 2.5e4 * matter / theta4; // 2
        let k_equality = 0.0746 * matter / theta2; // 3
        let b1 = 0.313 * matter.powf(-0.419) * (1.0 + 0.607 * matter.powf(0.674));
        let b2 = 0.238 * matter.powf(0.223);
        let z_drag = 1291.0 * matter.powf(0.251) / (1.0 + 0.659 * matter.powf(0.828)) * (1.0 + b1 * baryon.powf(b2)); // 4
        let momentum_ratio = |z: f64| 31.5 * baryon / theta4 * 1000.0 / z; // 5
        let (r_drag, r_equality) = (momentum_ratio(z_drag), momentum_ratio(z_equality));
        let sound_horizon = 2.0 / (3.0 * k_equality)
            * (6.0 / r_equality).sqrt()
            * (((1.0 + r_drag).sqrt() + (r_drag + r_equality).sqrt()) / (1.0 + r_equality.sqrt())).ln(); // 6
        let k_silk = 1.6 * baryon.powf(0.52) * matter.powf(0.73) * (1.0 + (10.4 * matter).powf(-0.95)); // 7
        let a1 = (46.9 * matter).powf(0.670) * (1.0 + (32.1 * matter).powf(-0.532));
        let a2 = (12.0 * matter).powf(0.424) * (1.0 + (45.0 * matter).powf(-0.582));
        let alpha_c = a1.powf(-fraction) * a2.powf(-fraction.powi(3)); // 11
        let b1 = 0.944 / (1.0 + (458.0 * matter).powf(-0.708));
        let b2 = (0.395 * matter).powf(-0.0266);
        let beta_c = 1.0 / (1.0 + b1 * ((1.0 - fraction).powf(b2) - 1.0)); // 12
        let y = (1.0 + z_equality) / (1.0 + z_drag);
        let root = (1.0 + y).sqrt();
        let g = y * (-6.0 * root + (2.0 + 3.0 * y) * ((root + 1.0) / (root - 1.0)).ln()); // 15
        let alpha_b = 2.07 * k_equality * sound_horizon * (1.0 + r_drag).powf(-0.75) * g; // 14
        let beta_node = 8.41 * matter.powf(0.435); // 23
        let beta_b = 0.5 + fraction + (3.0 - 2.0 * fraction) * ((17.2 * matter).powi(2) + 1.0).sqrt(); // 24
        Self { baryons: fraction, k_equality, sound_horizon, k_silk, alpha_c, beta_c, alpha_b, beta_b, beta_node }
    }

    /// T at `k` [1/Mpc]; 1 at 0.
    pub(super) fn at(&self, k: f64) -> f64 {
        if k == 0.0 {
            return 1.0;
        }
        let ks = k * self.sound_horizon;
        let mix = 1.0 / (1.0 + (ks / 5.4).powi(4)); // 18
        let cold = mix * self.pressureless(k, 1.0, self.beta_c)
            + (1.0 - mix) * self.pressureless(k, self.alpha_c, self.beta_c); // 17
        let shifted = ks / (1.0 + (self.beta_node / ks).powi(3)).cbrt(); // 22
        let damping = (-(k / self.k_silk).powf(1.4)).exp();
        let baryons = (self.pressureless(k, 1.0, 1.0) / (1.0 + (ks / 5.2).powi(2))
            + self.alpha_b / (1.0 + (self.beta_b / ks).powi(3)) * damping)
            * shifted.sin()
            / shifted; // 21
        self.baryons * baryons + (1.0 - self.baryons) * cold // 16
    }

    fn pressureless(&self, k: f64, alpha: f64, beta: f64) -> f64 {
        let q = k / (13.41 * self.k_equality); // 10
        let c = 14.2 / alpha + 386.0 / (1.0 + 69.9 * q.powf(1.08)); // 20
        let logarithm = (E + 1.8 * beta * q).ln();
        logarithm / (logarithm + c * q * q) // 19
    }
}
