//! Whitening of a field: amplitudes from draws, from curvature, and of the Wiener filter.

use super::super::*;
use super::{PLANCK, amplitudes, lpt, noise};
use crate::math::{Complex, RealFft3};

/// Even and odd sides, which differ in the planes that are their own mirror image.
const SIDES: [usize; 2] = [8, 7];

/// The shell of mode `i` of the half spectrum.
fn shell(n: usize, i: usize) -> usize {
    let half = n / 2 + 1;
    let square: usize = [i / half / n, i / half % n, i % half].map(|m| m.min(n - m).pow(2)).iter().sum();
    (square as f64).sqrt().round() as usize
}

/// Waves of each shell, all n³ of them counted one by one.
fn n_waves(n: usize) -> Vec<usize> {
    let mut waves = vec![0; 2 * n];
    for i in 0..n * n * n {
        let square: usize = [i / n / n, i / n % n, i % n].map(|m| m.min(n - m).pow(2)).iter().sum();
        waves[(square as f64).sqrt().round() as usize] += 1;
    }
    waves
}

/// A field with its modes multiplied by a factor of their shell.
fn filtered(n: usize, field: &[f64], factor: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut fft = RealFft3::new(n);
    let mut modes = vec![Complex::default(); fft.len()];
    fft.forward(field, &mut modes);
    modes.iter_mut().enumerate().for_each(|(i, mode)| *mode *= factor(shell(n, i)));
    let mut out = vec![0.0; field.len()];
    fft.inverse(&modes, &mut out);
    out
}

/// A width for each shell, from 0.4 to 2.
fn sigma(shell: usize) -> f64 {
    [1.0, 0.4, 2.0, 0.7, 1.3][shell % 5]
}

/// Of N(0, σ²) in each shell, with gradients −x/σ²: a σ. Where V is below 1/P by chance, P^-½ is taken, whose error is half
/// of that of a mean of squares, √(2/values)/2; the margin is six of them, and what lies beyond linear order.
#[test]
fn draws_with_their_gradients_give_the_width_of_each_shell() {
    for n in SIDES {
        let (grid, n_rows, a) = (Grid::new(n, 100.0).expect("valid"), 64, amplitudes(n));
        let (mut draws, mut gradients) = (vec![], vec![]);
        for row in 0..n_rows {
            let z = noise(&format!("whitening {row}"), n * n * n);
            draws.extend(filtered(n, &z, sigma));
            gradients.extend(filtered(n, &z, |shell| -1.0 / sigma(shell)));
        }
        let found = whitening::from_rows(&grid, &a, &draws, &gradients).expect("sized");
        let waves = n_waves(n);
        for (i, (found, a)) in found.iter().zip(&a).enumerate() {
            let shell = shell(n, i);
            let error = 0.5 * (2.0 / (n_rows * waves[shell]) as f64).sqrt();
            let ratio = found / (a * sigma(shell));
            assert!((ratio - 1.0).abs() < 6.0 * error + 20.0 * error * error, "{n} {shell}: {ratio} {error}");
        }
        lpt(n, 100.0, Order::One).set_whitening(&found).expect("amplitudes of a real field");
    }
}

/// One draw has no variance: its gradient speaks alone, by P^-½. An impulse has the same power in all modes.
#[test]
fn one_row_is_whitened_by_its_gradient() {
    for n in SIDES {
        let (grid, a) = (Grid::new(n, 100.0).expect("valid"), amplitudes(n));
        let mut impulse = vec![0.0; n * n * n];
        impulse[0] = ((n * n * n) as f64).sqrt();
        let gradient = |sigma: &dyn Fn(usize) -> f64| filtered(n, &impulse, |shell| -1.0 / sigma(shell));
        for sigma in [&(|_| 1.0) as &dyn Fn(usize) -> f64, &sigma] {
            let found = whitening::from_rows(&grid, &a, &impulse, &gradient(sigma)).expect("sized");
            for (i, (found, a)) in found.iter().zip(&a).enumerate() {
                assert!((found / (a * sigma(shell(n, i))) - 1.0).abs() < 1e-12, "{n} {i}: {found} {a}");
            }
        }
        // Nothing known, nothing changed.
        assert_eq!(whitening::from_rows(&grid, &a, &[], &[]).expect("no rows"), a);
        assert_eq!(whitening::from_rows(&grid, &a, &impulse, &vec![0.0; n * n * n]).expect("flat"), a);
    }
}

/// A curvature that is one number in each shell is found exactly, whatever the probes; where it is not positive, the width
/// stays.
#[test]
fn products_with_a_diagonal_curvature_give_its_root() {
    let curvature = |shell: usize| if shell == 2 { -3.0 } else { sigma(shell).powi(-2) };
    for n in SIDES {
        let (grid, a) = (Grid::new(n, 100.0).expect("valid"), amplitudes(n));
        let probes: Vec<Vec<f64>> = (0..2).map(|k| noise(&format!("probe {k}"), n * n * n)).collect();
        let products: Vec<f64> = probes.iter().flat_map(|z| filtered(n, z, curvature)).collect();
        let found = whitening::from_products(&grid, &a, &probes.concat(), &products).expect("sized");
        for (i, (found, a)) in found.iter().zip(&a).enumerate() {
            let shell = shell(n, i);
            let exact = if shell == 2 { *a } else { a * sigma(shell) };
            assert!((found / exact - 1.0).abs() < 1e-11, "{n} {i}: {found} {exact}");
        }
        lpt(n, 100.0, Order::One).set_whitening(&found).expect("amplitudes of a real field");
        assert_eq!(whitening::from_products(&grid, &a, &[], &[]).expect("no probes"), a);
    }
}

#[test]
fn the_wiener_filter_is_its_formula() {
    let power = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let growth = Background::new(PLANCK.omega_m, -1.0).expect("valid").growth(0.7).expect("valid");
    for n in SIDES {
        let (grid, half) = (Grid::new(n, 100.0).expect("valid"), n / 2 + 1);
        let found = whitening::wiener(&grid, &power, &growth, 1.4, 2e-3);
        assert_eq!((found.len(), found[0]), (n * n * half, 1.0));
        // The mode (1, -2, 3).
        let k = 2.0 * std::f64::consts::PI / 100.0 * 14f64.sqrt();
        let exact = 1.0 / (1.0 + (1.4 * growth.first).powi(2) * power.at(k) * 2e-3).sqrt();
        let at = found[(n + n - 2) * half + 3];
        assert!((at / exact - 1.0).abs() < 1e-12 && exact < 0.9, "{n}: {at} {exact}");
        lpt(n, 100.0, Order::One).set_whitening(&found).expect("amplitudes of a real field");
    }
}

#[test]
fn rows_of_another_size_are_refused() {
    let (grid, a) = (Grid::new(4, 100.0).expect("valid"), amplitudes(4));
    let row = vec![1.0; 64];
    for (a, left, right, says) in [
        (&a[..], &row[..], &row[1..], "64 and 63 values are not rows of 64"),
        (&a, &row[..8], &row[..8], "8 and 8 values"),
        (&a[1..], &row, &row, "47 amplitudes are not those of a grid of 4³ cells; give an array of (4, 4, 3)"),
    ] {
        for result in [whitening::from_rows(&grid, a, left, right), whitening::from_products(&grid, a, left, right)] {
            let error = result.expect_err("refused");
            assert!(error.is_invalid_input() && error.to_string().contains(says), "{error}");
        }
    }
}
