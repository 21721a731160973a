//! The two blocks of the joint posterior are conditionals of one density.

use super::super::*;
use super::{THRESHOLD, halos, numbers, weights, white_noise};
use crate::field::{Background, Cosmology, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::hmc::{Blocks, LogDensity, Metric};
use crate::math::Matrix;
use crate::seed::Seed;

const N: usize = 8;
const CELLS: usize = N * N * N;
const BOX_LENGTH: f64 = 32.0;

fn joint() -> Joint {
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
    let field = FieldGivenWeights::new(gravity, model, w, amplitude.clone(), amplitude, true).expect("valid");
    Joint::new(field, straight, centre, factor).expect("fits")
}

#[test]
fn field_and_weights_move_down_one_gradient() {
    let mut target = joint();
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
    let mut target = joint();
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
