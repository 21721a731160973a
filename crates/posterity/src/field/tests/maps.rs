//! Each map by itself.

use super::super::*;
use super::{WINDOWS, amplitudes, dot, lpt, noise, norm};

fn displacement(lpt: &mut Lpt, u: &[f64]) -> [Vec<f64>; 3] {
    lpt.displace(u).expect("of the grid's size");
    lpt.displacement().map(<[f64]>::to_vec)
}

#[test]
fn first_order_has_its_adjoint() {
    for n in [6, 9, 16] {
        for whiten in [false, true] {
            let mut lpt = lpt(n, 60.0, Order::One);
            if whiten {
                lpt.set_whitening(&amplitudes(n)).expect("even");
            }
            let (u, y) = (noise("u", n.pow(3)), ["x", "y", "z"].map(|label| noise(label, n.pow(3))));
            // At u = 0 the log prior has no gradient.
            lpt.displace(&vec![0.0; n.pow(3)]).expect("of the grid's size");
            let mut back = vec![0.0; n.pow(3)];
            lpt.gradient([&y[0], &y[1], &y[2]], &mut back).expect("of the grid's size");
            let psi = displacement(&mut lpt, &u);
            let left: f64 = psi.iter().zip(&y).map(|(a, b)| dot(a, b)).sum();
            let size: f64 = psi.iter().zip(&y).map(|(a, b)| norm(a) * norm(b)).sum();
            assert!((left - dot(&u, &back)).abs() < 1e-12 * size, "{n}: {left} {}", dot(&u, &back));
        }
    }
}

/// ψ is linear and quadratic in u: the central difference of ψ(u ± v) is exact.
#[test]
fn second_order_has_its_adjoint() {
    for n in [6, 9, 16] {
        let mut lpt = lpt(n, 60.0, Order::Two);
        lpt.set_whitening(&amplitudes(n)).expect("even");
        let (u, v) = (noise("u", n.pow(3)), noise("v", n.pow(3)));
        let y = ["x", "y", "z"].map(|label| noise(label, n.pow(3)));
        let [plus, minus] = [1.0, -1.0].map(|sign| {
            let u: Vec<f64> = u.iter().zip(&v).map(|(u, v)| u + sign * v).collect();
            (lpt.displace(&u).expect("of the grid's size"), lpt.displacement().map(<[f64]>::to_vec))
        });
        let left = (0..3).map(|i| dot(&plus.1[i], &y[i]) - dot(&minus.1[i], &y[i])).sum::<f64>() + plus.0 - minus.0;
        let size: f64 = (0..3).map(|i| norm(&plus.1[i]) * norm(&y[i])).sum::<f64>() + plus.0.abs();
        lpt.displace(&u).expect("of the grid's size");
        let mut back = vec![0.0; n.pow(3)];
        lpt.gradient([&y[0], &y[1], &y[2]], &mut back).expect("of the grid's size");
        assert!((left / 2.0 - dot(&v, &back)).abs() < 1e-12 * size, "{n}: {} {}", left / 2.0, dot(&v, &back));
    }
}

#[test]
fn the_log_prior_is_that_of_white_noise() {
    for n in [6, 7] {
        let mut lpt = lpt(n, 60.0, Order::One);
        let u = noise("u", n.pow(3));
        assert!((lpt.displace(&u).expect("sized") + 0.5 * dot(&u, &u)).abs() < 1e-12 * dot(&u, &u));
        lpt.set_whitening(&amplitudes(n)).expect("even");
        let (mut s, mut back) = (vec![0.0; n.pow(3)], vec![0.0; n.pow(3)]);
        lpt.whiten(&u, false, &mut s).expect("sized");
        lpt.whiten(&s, true, &mut back).expect("sized");
        assert!(u.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-13));
        assert!((lpt.displace(&u).expect("sized") + 0.5 * dot(&s, &s)).abs() < 1e-12 * dot(&s, &s));
        let zero = vec![0.0; n.pow(3)];
        // -∂(|s|²/2)/∂u = -A² u, by the map applied twice: A is symmetric.
        let mut twice = vec![0.0; n.pow(3)];
        lpt.whiten(&s, false, &mut twice).expect("sized");
        lpt.gradient([&zero, &zero, &zero], &mut back).expect("sized");
        assert!(twice.iter().zip(&back).all(|(a, b)| (a + b).abs() < 1e-12));
    }
}

/// A second whitening takes the place of the first, and ψ(u) is that of s(u).
#[test]
fn whitened_coordinates_are_coordinates() {
    let n = 8;
    let mut plain = lpt(n, 60.0, Order::Two);
    let mut whitened = lpt(n, 60.0, Order::Two);
    whitened.set_whitening(&vec![0.1; n * n * (n / 2 + 1)]).expect("even");
    whitened.set_whitening(&amplitudes(n)).expect("even");
    let (u, mut s) = (noise("u", n.pow(3)), vec![0.0; n.pow(3)]);
    whitened.whiten(&u, false, &mut s).expect("sized");
    let (a, b) = (displacement(&mut whitened, &u), displacement(&mut plain, &s));
    assert!((0..3).all(|i| a[i].iter().zip(&b[i]).all(|(a, b)| (a - b).abs() < 1e-11)));
    let (mut a, mut b) = (vec![0.0; n.pow(3)], vec![0.0; n.pow(3)]);
    whitened.linear_density(&u, &mut a).expect("sized");
    plain.linear_density(&s, &mut b).expect("sized");
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12) && norm(&a) > 1.0);
}

#[test]
fn amplitudes_that_are_no_coordinates_are_refused() {
    let mut lpt = lpt(8, 60.0, Order::One);
    let good = amplitudes(8);
    let refused = |amplitude: &[f64], lpt: &mut Lpt| lpt.set_whitening(amplitude).expect_err("refused").to_string();
    assert!(refused(&good[1..], &mut lpt).contains("an array of (8, 8, 5)"));
    for (index, value) in [(3, 0.0), (3, -1.0), (3, f64::NAN), (5, 7.0)] {
        let mut bad = good.clone();
        bad[index] = value;
        assert!(refused(&bad, &mut lpt).contains(if index == 5 { "mirror" } else { "above 0" }), "{index} {value}");
    }
}

/// A plane wave δ = A cos(k x) moves particles by -A/k sin(k x) D, and has no second order.
#[test]
fn a_plane_wave_is_known() {
    let (n, length) = (16, 80.0);
    for axis in 0..3 {
        let [mut first, mut second] = [Order::One, Order::Two].map(|order| lpt(n, length, order));
        let wave = |p: usize| 2.0 * (2.0 * std::f64::consts::PI * 3.0 * p as f64 / n as f64).cos();
        let along = |i: usize| [i / n / n, i / n % n, i % n][axis];
        let s: Vec<f64> = (0..n.pow(3)).map(|i| wave(along(i))).collect();
        let psi = [displacement(&mut first, &s), displacement(&mut second, &s)];
        let mut delta = vec![0.0; n.pow(3)];
        first.linear_density(&s, &mut delta).expect("sized");
        let power = LinearPower::eisenstein_hu(&super::PLANCK).expect("valid");
        let growth = Background::new(0.3111, -1.0).expect("valid").growth(0.8).expect("valid");
        let grid = Grid::new(n, length).expect("valid");
        let k = 3.0 * grid.k_fundamental();
        let amplitude = 2.0 * (power.at(k) / grid.cell_volume()).sqrt();
        for i in 0..n.pow(3) {
            let phase = k * along(i) as f64 * grid.cell_length();
            assert!((delta[i] - amplitude * phase.cos()).abs() < 1e-13);
            let exact = -growth.first * amplitude / k * phase.sin() / grid.cell_length();
            for psi in &psi {
                for (a, psi) in psi.iter().enumerate() {
                    assert!((psi[i] - if a == axis { exact } else { 0.0 }).abs() < 1e-13, "{axis} {a} {i}");
                }
            }
        }
    }
}

/// Two crossed waves: ψ₂ has divergence D₂ δ_x δ_y, that is, it is a product of cosines' potential.
#[test]
fn two_crossed_waves_are_known() {
    let (n, length) = (16, 80.0);
    let grid = Grid::new(n, length).expect("valid");
    let [mut first, mut second] = [Order::One, Order::Two].map(|order| lpt(n, length, order));
    let angle = |p: usize, m: f64| 2.0 * std::f64::consts::PI * m * p as f64 / n as f64;
    let (mx, mz) = (2.0, 1.0);
    let s: Vec<f64> = (0..n.pow(3)).map(|i| angle(i / n / n, mx).cos() + angle(i % n, mz).cos()).collect();
    let (one, two) = (displacement(&mut first, &s), displacement(&mut second, &s));
    let power = LinearPower::eisenstein_hu(&super::PLANCK).expect("valid");
    let growth = Background::new(0.3111, -1.0).expect("valid").growth(0.8).expect("valid");
    let amplitude = |m: f64| (power.at(m * grid.k_fundamental()) / grid.cell_volume()).sqrt();
    // ∇²φ₂ = A_x A_z cos cos, ψ₂ = D₂ ∇φ₂.
    let product = growth.second * amplitude(mx) * amplitude(mz);
    let k2 = grid.k_fundamental() * (mx * mx + mz * mz) * grid.cell_length();
    for i in 0..n.pow(3) {
        let (x, z) = (angle(i / n / n, mx), angle(i % n, mz));
        let exact = [mx * x.sin() * z.cos(), 0.0, mz * x.cos() * z.sin()].map(|e| product / k2 * e);
        for a in 0..3 {
            assert!(
                (two[a][i] - one[a][i] - exact[a]).abs() < 1e-12,
                "{a} {i}: {} {}",
                two[a][i] - one[a][i],
                exact[a]
            );
        }
    }
    assert!((product / k2).abs() > 1e-3);
}

/// w(d) of the module's text.
fn window_at(window: MassAssignment, d: f64) -> f64 {
    let d = d.abs();
    match window {
        MassAssignment::CloudInCell => (1.0 - d).max(0.0),
        MassAssignment::TriangularShapedCloud if d < 0.5 => 0.75 - d * d,
        MassAssignment::TriangularShapedCloud => 0.5 * (1.5 - d).max(0.0).powi(2),
    }
}

#[test]
fn a_deposit_keeps_mass_and_has_its_adjoint() {
    let cases = [(1, 0.4), (2, 1.0), (3, 0.7), (5, 0.3), (9, 2.0), (12, 5.0), (20, 2.0), (20, 90.0)];
    for (window, (n, size)) in WINDOWS.into_iter().flat_map(|window| cases.map(|case| (window, case))) {
        let psi = ["x", "y", "z"].map(|label| noise(label, n * n * n).iter().map(|x| size * x).collect::<Vec<_>>());
        let mut deposit = Deposit::new(n, window);
        let (mut density, mut direct) = (vec![0.0; n * n * n], vec![0.0; n * n * n]);
        deposit.deposit([&psi[0], &psi[1], &psi[2]], &mut density);
        for (p, ((px, py), pz)) in psi[0].iter().zip(&psi[1]).zip(&psi[2]).enumerate() {
            let x = [(p / n / n) as f64 + px, (p / n % n) as f64 + py, (p % n) as f64 + pz];
            for corner in 0..64 {
                let (mut index, mut weight) = (0, 1.0);
                for (x, step) in x.iter().zip([corner / 16, corner / 4 % 4, corner % 4]) {
                    let cell = x.floor() as i64 + step - 1;
                    weight *= window_at(window, x - cell as f64);
                    index = index * n + cell.rem_euclid(n as i64) as usize;
                }
                direct[index] += weight;
            }
        }
        assert!(density.iter().zip(&direct).all(|(a, b)| (a - b).abs() < 1e-12), "{window:?} {n} {size}");
        let total: f64 = density.iter().sum();
        assert!((total / (n * n * n) as f64 - 1.0).abs() < 1e-13);
        // The density is a polynomial of second degree at most in one particle's coordinate until it crosses into another
        // cell, or a cell's edge with the triangular cloud: differences about it are exact.
        let weights = noise("weights", n * n * n);
        let mut slopes = [(); 3].map(|()| vec![0.0; n * n * n]);
        let [x, y, z] = &mut slopes;
        deposit.gradient([&psi[0], &psi[1], &psi[2]], &weights, [x, y, z]);
        for p in (0..n * n * n).step_by((n * n * n / 8).max(1)) {
            for a in 0..3 {
                let edge = if window == MassAssignment::CloudInCell { 0.0 } else { 0.5 };
                let x = psi[a][p] - edge;
                let room = 0.9 * (x - x.floor()).min(x.ceil() - x);
                let mut moved = |step: f64| {
                    let mut moved = psi.clone();
                    moved[a][p] += step;
                    deposit.deposit([&moved[0], &moved[1], &moved[2]], &mut density);
                    dot(&weights, &density)
                };
                let difference = moved(room) - moved(-room);
                assert!((difference - 2.0 * room * slopes[a][p]).abs() < 1e-11, "{window:?} {n} {size} {p} {a}");
            }
        }
    }
}

#[test]
fn the_triangular_cloud_has_no_jump_of_slope() {
    let (n, weights) = (6, noise("weights", 216));
    let slope = |window: MassAssignment, x: f64| {
        let (mut psi, zero) = (vec![0.0; 216], vec![0.0; 216]);
        psi[100] = x;
        let mut out = [(); 3].map(|()| vec![0.0; 216]);
        let [gx, gy, gz] = &mut out;
        Deposit::new(n, window).gradient([&psi, &zero, &zero], &weights, [gx, gy, gz]);
        out[0][100]
    };
    for x in [-0.5, 0.0, 0.5, 1.0] {
        let [jump, none] = WINDOWS.map(|window| (slope(window, x + 1e-9) - slope(window, x - 1e-9)).abs());
        assert!(none < 1e-7, "{x}: {none}");
        assert!(x.fract() != 0.0 || jump > 0.1, "{x}: {jump}");
    }
}

#[test]
fn particles_at_rest_are_uniform_and_nan_is_not_hidden() {
    WINDOWS.into_iter().for_each(nan_is_not_hidden);
}

fn nan_is_not_hidden(window: MassAssignment) {
    let (n, zero) = (9, vec![0.0; 729]);
    let mut density = vec![0.0; 729];
    Deposit::new(n, window).deposit([&zero, &zero, &zero], &mut density);
    assert!(density.iter().all(|d| *d == 1.0));
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        let mut psi = zero.clone();
        psi[200] = bad;
        Deposit::new(n, window).deposit([&psi, &zero, &zero], &mut density);
        assert!(density.iter().any(|d| d.is_nan()) || bad == 1e300);
        let mut out = [(); 3].map(|()| vec![0.0; 729]);
        let [x, y, z] = &mut out;
        Deposit::new(n, window).gradient([&zero, &psi, &zero], &density, [x, y, z]);
    }
}
