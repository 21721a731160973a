//! The two blocks of the joint posterior are conditionals of one density.

use super::super::*;
use super::{THRESHOLD, halos, numbers, weights, white_noise};
use crate::field::{Background, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::hmc::{Blocks, LogDensity, Metric, Window};
use crate::math::Matrix;
use crate::seed::Seed;

const N: usize = 8;
const CELLS: usize = N * N * N;
const BOX_LENGTH: f64 = 32.0;

/// The joint posterior of a small field, whose amplitudes of 0.8 the warm-up does not bring below `least`.
fn joint(least: f64) -> Joint {
    let cosmology = Cosmology { omega_m: 0.31, omega_b: 0.048, h: 0.68, n_s: 0.96, sigma8: 0.82 };
    let power = LinearPower::eisenstein_hu(&cosmology).expect("valid");
    let growth = Background::new(0.31, -1.0).expect("valid").growth(1.0).expect("valid");
    let (settings, region, halos) = (Settings::default(), Region::whole(CELLS), halos(CELLS, 200));
    let grid = Grid::new(N, BOX_LENGTH).expect("valid");
    // Smooth, so that differences tell.
    let gravity =
        Gravity::new(grid, &power, &growth, Order::Two, MassAssignment::TriangularShapedCloud).expect("valid");
    let model = Model::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &halos).expect("valid");
    let given =
        WeightsGivenDensity::new(N, BOX_LENGTH, &settings, THRESHOLD, &region, &halos, &[0.0; CELLS]).expect("valid");
    let straight = Straightened::new(given);
    let w = weights(5, settings.mixture, 90);
    let centre = straight.coordinates(&w);
    let dim = centre.len();
    let covariance = Matrix::from_fn(dim, dim, |i, j| 0.01 * (f64::from(i == j) + 0.1));
    let factor = Metric::Dense(covariance.cholesky().expect("positive definite"));
    let amplitude = vec![0.8; N * N * (N / 2 + 1)];
    let least = vec![least; amplitude.len()];
    let field = FieldGivenWeights::new(gravity, model, w, amplitude, least, true).expect("valid");
    Joint::new(field, straight, centre, factor).expect("fits")
}

#[test]
fn field_and_weights_move_down_one_gradient() {
    let mut target = joint(0.8);
    let dim = target.dim();
    assert_eq!(dim, CELLS + 17);
    let position = white_noise(dim, Seed::new(91));
    let mut gradient = vec![0.0; dim];
    target.value_and_gradient(&position, &mut gradient);
    for index in 92..95 {
        let mut direction = numbers(dim, -1.0, 1.0, index);
        if index == 94 {
            direction[..CELLS].fill(0.0);
        }
        let [plus, minus] = [1e-5, -1e-5].map(|step| {
            let moved: Vec<f64> = position.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            target.value_and_gradient(&moved, &mut vec![0.0; dim])
        });
        let exact: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        assert!(((plus - minus) / 2e-5 - exact).abs() < 1e-4 * (1.0 + exact.abs()), "{index}: {plus} {minus} {exact}");
    }
}

#[test]
fn both_blocks_are_of_one_density_and_follow_each_other() {
    let mut target = joint(0.8);
    let dim = target.dim();
    let mut position = white_noise(dim, Seed::new(96));
    target.set(0, &position);
    let mut x = vec![0.0; 17];
    target.align(1, &mut x);
    x.iter_mut().zip(numbers(17, -0.05, 0.05, 97)).for_each(|(x, d)| *x += d);
    target.set(1, &x);
    let given_density = target.block(1).value_and_gradient(&x, &mut [0.0; 17]);
    target.align(0, &mut position);
    let both = target.block(0).value_and_gradient(&position, &mut vec![0.0; dim]);
    // What the first block's density has besides is the prior of the field.
    let mut s = vec![0.0; CELLS];
    target.field().white_noise(&position[..CELLS], &mut s).expect("sized");
    let log_prior = -0.5 * s.iter().map(|s| s * s).sum::<f64>();
    assert!((both - given_density - log_prior).abs() < 1e-7 * both.abs(), "{both} {given_density} {log_prior}");
    // The other way: what block 0 leaves is where block 1 stands.
    target.set(0, &position);
    let mut back = vec![0.0; 17];
    target.align(1, &mut back);
    assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12), "{back:?} {x:?}");
}

#[test]
fn new_coordinates_at_the_end_of_a_window_are_of_the_same_field_and_weights() {
    let mut target = joint(0.8);
    let dim = target.dim();
    let mut position = white_noise(dim, Seed::new(98));
    let stands = |target: &mut Joint, position: &[f64]| {
        target.set(0, position);
        let (mut s, mut x) = (vec![0.0; CELLS], vec![0.0; 17]);
        target.field().white_noise(&position[..CELLS], &mut s).expect("sized");
        target.align(1, &mut x);
        let delta = target.field().contrast().to_vec();
        (s, delta, x, target.value_and_gradient(position, &mut vec![0.0; dim]))
    };
    let before = stands(&mut target, &position);
    let factor = target.coordinates().1.parts().1[0].1.to_vec();
    // Draws and gradients of Gaussians that are wider in u and narrower in y.
    let mut window = Window::new(dim, true);
    for k in 0..40 {
        let width = |i: usize| if i < CELLS { 1.3 } else { 0.5 };
        let draw: Vec<f64> =
            white_noise(dim, Seed::new(200 + k)).iter().enumerate().map(|(i, z)| width(i) * z).collect();
        let gradient: Vec<f64> = draw.iter().enumerate().map(|(i, x)| -x / width(i).powi(2)).collect();
        window.push(&draw, &gradient);
    }
    let old = position.clone();
    assert!(target.adapt(0, &window, &mut position));
    // About 1.3 times as wide; the largest modes are few, and are taken for wider where 40 draws leave that open.
    assert!(target.field().amplitude().iter().all(|a| (1.2..2.0).contains(&(a / 0.8))), "the field is whitened anew");
    let ratio = target.coordinates().1.parts().1[0].1[0] / factor[0];
    assert!((ratio - 0.5).abs() < 0.05, "and so have the weights: {ratio}");
    assert!(position.iter().zip(&old).all(|(a, b)| a != b));
    let after = stands(&mut target, &position);
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + a.abs()));
    assert!(same(&before.0, &after.0), "white noise");
    assert!(same(&before.1, &after.1), "density");
    assert!(same(&before.2, &after.2), "weights: {:?} {:?}", before.2, after.2);
    // The volume elements of both maps are constants, which the density leaves out.
    assert!((before.3 - after.3).abs() < 1e-9 * before.3.abs(), "{} {}", before.3, after.3);
}

#[test]
fn probes_where_the_density_is_not_finite_say_nothing_of_the_curvature() {
    let mut target = joint(0.0);
    let field = target.field();
    // σ is 24 for all ψ, and about e²⁹⁰ halos are expected.
    let mut w = weights(5, Mixture::default(), 90);
    (w[9], w[10]) = (0.0, 17.1);
    field.set_weights(&w);
    let mut u = white_noise(CELLS, Seed::new(99));
    let before = u.clone();
    assert!(!field.value_and_gradient(&u, &mut [0.0; CELLS]).is_finite());
    field.whiten_by_curvature(3, Seed::new(100), &mut u).expect("sized");
    assert!(field.amplitude().iter().all(|a| *a == 0.8));
    assert!(u.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-12), "it stays");
}
