//! The log-normal density of a cosmology: spectrum, mean, projection, and the error of its derivative.

use super::{SIGMAS, assert_power, power, simulations};
use crate::field::{Cosmology, LinearPower};
use crate::simulator::field::cosmology::Spectra;
use crate::simulator::field::lattice::Lattice;
use crate::simulator::{CosmologicalLogNormalField, FixedCosmology};

const THETA: [f64; 2] = [0.3, 0.8];
const FIXED: FixedCosmology = FixedCosmology { omega_b: 0.05, h: 0.7, n_s: 0.96 };

fn linear_power() -> LinearPower {
    let FixedCosmology { omega_b, h, n_s } = FIXED;
    let [omega_m, sigma8] = THETA;
    LinearPower::eisenstein_hu(&Cosmology { omega_m, omega_b, h, n_s, sigma8 }).expect("valid")
}

/// The Gaussian fields behind simulated ones.
fn gaussian_fields(n: usize, dims: usize, length: f64, n_fields: u64) -> Vec<Vec<f64>> {
    let field = CosmologicalLogNormalField::new(n, dims, length, FIXED).expect("valid");
    let mut fields = simulations(&field, &THETA, n_fields);
    for field in &mut fields {
        field.iter_mut().for_each(|d| *d = d.ln_1p());
        // g has no mean.
        let mean = field.iter().sum::<f64>() / field.len() as f64;
        field.iter_mut().for_each(|g| *g -= mean);
    }
    fields
}

#[test]
fn the_field_behind_has_the_linear_spectrum_or_that_of_its_projection() {
    let (linear, length) = (linear_power(), 90.0);
    for (n, dims) in [(8, 3), (5, 3), (12, 2), (7, 2)] {
        let depth = if dims == 2 { length } else { length / n as f64 };
        let volume = (length / n as f64).powi(2) * depth;
        let found = power(n, dims, &gaussian_fields(n, dims, length, 300));
        assert_power(n, &found, |k| linear.at(k * n as f64 / length) / volume);
    }
    // A cube averaged along an axis has the spectrum of the plane.
    let n = 8;
    let volume = (length / n as f64).powi(2) * length;
    let average = |cube: &Vec<f64>| cube.chunks(n).map(|line| line.iter().sum::<f64>() / n as f64).collect();
    let planes: Vec<Vec<f64>> = gaussian_fields(n, 3, length, 300).iter().map(average).collect();
    assert_power(n, &power(n, 2, &planes), |k| linear.at(k * n as f64 / length) / volume);
}

#[test]
fn the_density_contrast_has_no_mean_and_the_variance_of_its_spectrum() {
    let (n, length) = (6, 60.0);
    let field = CosmologicalLogNormalField::new(n, 3, length, FIXED).expect("valid");
    let fields = simulations(&field, &THETA, 3000);
    let lattice = Lattice::new(n, 3).expect("valid");
    let variance = THETA[1].powi(2) * Spectra::new(&lattice, length, FIXED).at(THETA[0]).expect("possible").variance;
    for (expected, of) in [(0.0, (|d| d) as fn(f64) -> f64), (variance.exp_m1(), |d| d * d)] {
        let means: Vec<f64> = fields.iter().map(|f| f.iter().map(|d| of(*d)).sum::<f64>() / f.len() as f64).collect();
        let mean = means.iter().sum::<f64>() / 3000.0;
        let error = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 2999.0 / 3000.0).sqrt();
        assert!((mean - expected).abs() < SIGMAS * error, "{mean} {expected} {error}");
    }
}

/// Differences of ln P of several steps agree as far as their errors, of fourth order and of rounding, say.
#[test]
fn the_derivative_by_omega_m_has_nine_digits() {
    let lattice = Lattice::new(32, 3).expect("valid");
    for (omega_m, length) in [(0.3, 500.0), (0.1, 2000.0), (0.9, 64.0)] {
        let spectra = Spectra::new(&lattice, length, FIXED);
        let [used, twice, fourfold] =
            [1.0, 2.0, 4.0].map(|times| spectra.half_slope(omega_m, times * 1e-4).expect("possible"));
        let worst = |other: &[f64]| {
            let scale = used.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            used.iter().zip(other).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max)
        };
        let (near, far) = (worst(&twice), worst(&fourfold));
        assert!(near < 1e-8 && far < 20.0 * near.max(1e-9), "{omega_m}: {near:e} {far:e}");
    }
    let error = Spectra::new(&lattice, 100.0, FIXED).slope_at(0.9999).expect_err("too near");
    assert!(error.is_simulation_failed(), "{error}");
    assert_eq!(
        error.to_string(),
        "there is no derivative by omega_m so near to its bounds, at 0.9999; keep omega_m 0.0002 from omega_b and from 1"
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    let text = |n, dims, length, fixed| {
        CosmologicalLogNormalField::new(n, dims, length, fixed).expect_err("refused").to_string()
    };
    assert!(text(8, 4, 1.0, FIXED).starts_with("`dims`"));
    let refused = "`box_length`: a box of length -1 Mpc/h; give a finite length above 0";
    assert_eq!(text(8, 3, -1.0, FIXED), refused);
    assert!(text(8, 3, f64::NAN, FIXED).starts_with("`box_length`"));
    assert!(text(8, 3, 1.0, FixedCosmology { omega_b: 0.0, ..FIXED }).starts_with("`omega_b`: 0 cannot be"));
    assert!(text(8, 3, 1.0, FixedCosmology { h: 70.0, ..FIXED }).starts_with("`h`: 70 cannot be"));
    assert!(text(8, 3, 1.0, FixedCosmology { n_s: f64::NAN, ..FIXED }).starts_with("`n_s`: NaN cannot be"));
}
