//! The chain from white noise to the density.

use super::super::*;
use super::{WINDOWS, amplitudes, dot, gravity, noise};

/// Value and gradient of log prior + Σ w (1 + δ)², a function that is not linear in the density.
fn posterior(gravity: &mut Gravity, u: &[f64], weights: &[f64], gradient: Option<&mut [f64]>) -> f64 {
    let mut density = vec![0.0; u.len()];
    let log_prior = gravity.density(u, &mut density).expect("sized");
    let value = density.iter().zip(weights).map(|(d, w)| w * d * d).sum::<f64>();
    if let Some(gradient) = gradient {
        let slope: Vec<f64> = density.iter().zip(weights).map(|(d, w)| 2.0 * w * d).collect();
        gravity.gradient(&slope, gradient).expect("sized");
    }
    log_prior + value
}

/// Cloud-in-cell is smooth but where a particle crosses a cell's centre. Steps of 1e-6 cells let about one particle in a
/// million cross, of 512 here: none does.
#[test]
fn the_gradient_is_that_of_finite_differences() {
    let cases = [(Order::One, 8, 0), (Order::Two, 8, 0), (Order::Two, 7, 0), (Order::Two, 8, 1), (Order::Two, 7, 1)];
    for (order, n, window) in cases {
        let mut gravity = gravity(n, 50.0, order, WINDOWS[window]);
        gravity.lpt_mut().set_whitening(&amplitudes(n)).expect("even");
        let (u, weights, mut gradient) = (noise("u", n.pow(3)), noise("w", n.pow(3)), vec![0.0; n.pow(3)]);
        posterior(&mut gravity, &u, &weights, Some(&mut gradient));
        for direction in 0..5 {
            let v = noise(&format!("direction {direction}"), n.pow(3));
            let step = 1e-6;
            let [plus, minus] = [step, -step].map(|step| {
                let u: Vec<f64> = u.iter().zip(&v).map(|(u, v)| u + step * v).collect();
                posterior(&mut gravity, &u, &weights, None)
            });
            let difference = (plus - minus) / (2.0 * step);
            let exact = dot(&gradient, &v);
            let size = dot(&gradient, &gradient).sqrt();
            assert!((difference - exact).abs() < 1e-6 * size, "{order:?} {n} {window}: {difference} {exact}");
        }
    }
}

/// Nothing but forces between particles: a function of the density that knows no place pulls no mean displacement.
#[test]
fn mass_is_kept_and_the_mean_moves_nothing() {
    let n = 12;
    let mut gravity = gravity(n, 60.0, Order::Two, MassAssignment::CloudInCell);
    let u = noise("u", n.pow(3));
    let mut density = vec![0.0; n.pow(3)];
    gravity.density(&u, &mut density).expect("sized");
    assert!((density.iter().sum::<f64>() / n.pow(3) as f64 - 1.0).abs() < 1e-13);
    for psi in gravity.lpt().displacement() {
        assert!(psi.iter().sum::<f64>().abs() < 1e-10);
    }
    let moved: Vec<f64> = u.iter().map(|u| u + 3.0).collect();
    let mut same = vec![0.0; n.pow(3)];
    gravity.density(&moved, &mut same).expect("sized");
    assert!(density.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-11));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (n, window) in [(20, WINDOWS[0]), (34, WINDOWS[0]), (20, WINDOWS[1]), (33, WINDOWS[1])] {
        let (u, slope) = (noise("u", n * n * n), noise("slope", n * n * n));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| {
                let mut gravity = gravity(n, 60.0, Order::Two, window);
                let (mut density, mut gradient) = (vec![0.0; n * n * n], vec![0.0; n * n * n]);
                let log_prior = gravity.density(&u, &mut density).expect("sized");
                gravity.gradient(&slope, &mut gradient).expect("sized");
                (log_prior, density, gradient)
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }
}

#[test]
fn fields_of_another_size_are_refused() {
    let mut gravity = gravity(8, 60.0, Order::One, MassAssignment::CloudInCell);
    let (good, bad, mut out) = (vec![0.0; 512], vec![0.0; 511], vec![0.0; 512]);
    assert!(gravity.density(&bad, &mut out).expect_err("refused").is_invalid_input());
    assert!(gravity.density(&good, &mut [0.0; 8]).expect_err("refused").is_invalid_input());
    assert!(gravity.gradient(&bad, &mut out).expect_err("refused").is_invalid_input());
    assert!(gravity.gradient(&good, &mut [0.0; 8]).expect_err("refused").is_invalid_input());
}
