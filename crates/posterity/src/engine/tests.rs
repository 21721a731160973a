//! Laws of the engine: adjoints, finite differences, symmetries, known counts, independence of threads.

use super::*;
use crate::seed::Seed;
use rand::RngExt;

fn field(n: usize, index: u64) -> Vec<f64> {
    let mut stream = Seed::new(11).stream(index);
    (0..n).map(|_| stream.random_range(-0.9..2.0)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn settings(kernel_size: [usize; 3], degrees: &[usize]) -> Settings {
    Settings { kernel_size, degrees: degrees.to_vec(), ..Settings::default() }
}

#[test]
fn known_numbers_of_weights() {
    for (size, n_weights) in [(1, 1), (3, 4), (5, 10), (7, 19), (9, 32)] {
        assert_eq!(multipole::squares([size / 2; 3], false).len(), n_weights);
    }
    assert_eq!(multipole::squares([1; 3], true), [1, 2, 3]);
    let engine = Engine::new([6; 3], &settings([3; 3], &[0, 2])).expect("valid");
    let names = ["kernel_r2_0", "kernel_r2_1", "kernel_r2_2", "kernel_r2_3", "kernel_bias"];
    let more = ["kernel_l2_power", "kernel_l2_r2_2", "kernel_l2_r2_3"];
    assert_eq!(engine.names(), [&names[..], &more[..]].concat());
    assert_eq!(engine.n_weights(), 8);
    // Names of what no engine can be made of: for the error to be told by the check.
    assert_eq!(settings([1; 3], &[0, 1]).names(), ["kernel_r2_0", "kernel_bias", "kernel_l1_power"]);
}

/// Gauss–Legendre in cos θ would do; the midpoint rule in φ and Simpson's in z are exact enough at 1e-9.
#[test]
fn harmonics_are_orthonormal() {
    let (n_z, n_phi) = (4000, 24);
    let mut sums = vec![vec![0.0; 25]; 25];
    for i in 0..=n_z {
        let z = -1.0 + 2.0 * i as f64 / n_z as f64;
        let simpson = if i == 0 || i == n_z { 1.0 } else { [2.0, 4.0][i % 2] };
        let weight = simpson * 2.0 / (3.0 * n_z as f64) * 2.0 * std::f64::consts::PI / n_phi as f64;
        for j in 0..n_phi {
            let phi = 2.0 * std::f64::consts::PI * (j as f64 + 0.3) / n_phi as f64;
            let r = (1.0 - z * z).max(0.0).sqrt();
            let direction = [r * phi.cos(), r * phi.sin(), z];
            let y: Vec<f64> = (0..5).flat_map(|l| multipole::spherical_harmonics(l, direction)).collect();
            for (a, row) in sums.iter_mut().enumerate() {
                row.iter_mut().zip(&y).for_each(|(s, b)| *s += weight * y[a] * b);
            }
        }
    }
    for (a, row) in sums.iter().enumerate() {
        for (b, s) in row.iter().enumerate() {
            assert!((s - f64::from(u8::from(a == b))).abs() < 1e-9, "{a} {b}: {s}");
        }
    }
    let known = multipole::spherical_harmonics(2, [0.6, 0.0, 0.8]);
    let c = (15.0 / (4.0 * std::f64::consts::PI)).sqrt();
    assert!((known[3] - c * 0.48).abs() < 1e-15 && (known[4] - 0.5 * c * 0.36).abs() < 1e-15, "{known:?}");
    for l in 1..4 {
        let steps = 50;
        let at = |j: usize| (2.0 * std::f64::consts::PI * j as f64 / steps as f64).sin_cos();
        let sum: f64 = (0..steps).map(|j| multipole::circular_harmonics(l, [at(j).1, at(j).0])[0].powi(2)).sum();
        assert!((sum * 2.0 * std::f64::consts::PI / steps as f64 - 1.0).abs() < 1e-12);
    }
}

/// ⟨g, K f⟩ = ⟨Kᵀ g, f⟩ = ⟨dK(g), w⟩, since the map is linear in both.
#[test]
fn convolutions_have_their_adjoints() {
    for (grid, half) in [([5, 6, 7], [1; 3]), ([6, 5, 9], [2, 1, 3]), ([1, 8, 8], [0, 2, 2]), ([40, 2, 3], [0, 0, 1])] {
        let n = grid.iter().product();
        let (f, g) = (field(n, 0), field(n, 1));
        let squares = multipole::squares(half, false);
        let (w, mut out, mut d_f, mut d_w) =
            (field(squares.len(), 2), vec![0.0; n], vec![0.0; n], vec![0.0; squares.len()]);
        let mut isotropic = Isotropic::new(grid, half, &squares);
        isotropic.forward(&f, &w, &mut out);
        isotropic.vjp(&f, &w, &g, Some(&mut d_f), &mut d_w);
        let value = dot(&g, &out);
        assert!((dot(&d_f, &f) / value - 1.0).abs() < 1e-12 && (dot(&d_w, &w) / value - 1.0).abs() < 1e-12);

        // The same kernel tap by tap.
        let kernel: Vec<f64> =
            multipole::offsets(half).map(|d| w[squares.binary_search(&multipole::square(d)).expect("there")]).collect();
        let mut stencil = Stencil::new(grid, half);
        let mut other = vec![0.0; n];
        stencil.forward(&f, &kernel, &mut other);
        assert!(out.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-12));

        let kernel = field(kernel.len(), 3);
        let (mut d_f, mut d_k) = (vec![0.0; n], vec![0.0; kernel.len()]);
        stencil.forward(&f, &kernel, &mut out);
        stencil.vjp(&f, &kernel, &g, Some(&mut d_f), &mut d_k);
        let value = dot(&g, &out);
        assert!((dot(&d_f, &f) / value - 1.0).abs() < 1e-12 && (dot(&d_k, &kernel) / value - 1.0).abs() < 1e-12);
    }
}

/// By transforms and without: the same convolution and adjoints, those of a sum of the two being the sums.
#[test]
fn transforms_give_what_stencils_give() {
    for (n, half) in [(6, [1; 3]), (7, [2, 1, 3]), (9, [4; 3]), (5, [0, 2, 1])] {
        let (grid, n_voxels) = ([n; 3], n * n * n);
        let (f, g) = (field(n_voxels, 0), field(n_voxels, 1));
        let squares = multipole::squares(half, false);
        let w = field(squares.len(), 2);
        let kernel = field(multipole::offsets(half).count(), 3);
        let spectral = || Some(spectral::Spectral::new(n, half));
        let results = |spectral: &dyn Fn() -> Option<spectral::Spectral>| {
            let mut isotropic = Isotropic::with(spectral(), grid, half, &squares);
            let mut stencil = Stencil::with(spectral(), grid, half);
            let [mut out, mut d_f, mut other, mut d_g] = [(); 4].map(|()| field(n_voxels, 4));
            let [mut d_w, mut d_w_alone] = [(); 2].map(|()| field(w.len(), 5));
            let [mut d_k, mut d_k_alone] = [(); 2].map(|()| field(kernel.len(), 6));
            isotropic.forward(&f, &w, &mut out);
            isotropic.vjp(&f, &w, &g, Some(&mut d_f), &mut d_w);
            isotropic.vjp(&f, &w, &g, None, &mut d_w_alone);
            stencil.forward(&f, &kernel, &mut other);
            stencil.vjp(&f, &kernel, &g, Some(&mut d_g), &mut d_k);
            stencil.vjp(&f, &kernel, &g, None, &mut d_k_alone);
            assert_eq!((&d_w, &d_k), (&d_w_alone, &d_k_alone));
            [out, d_f, other, d_g, d_w, d_k]
        };
        for (k, (a, b)) in results(&spectral).iter().zip(&results(&|| None)).enumerate() {
            let size = b.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-13 * size), "{n} {half:?} {k}");
        }
    }
    assert!(spectral::Spectral::where_faster([16; 3], [1; 3], false).is_none());
    assert!(spectral::Spectral::where_faster([16; 3], [4; 3], true).is_some());
    assert!(spectral::Spectral::where_faster([1, 64, 64], [0, 31, 31], false).is_none(), "no cube");
}

#[test]
fn a_stencil_reads_the_neighbour_that_its_tap_names() {
    let (mut f, mut out, mut kernel) = (vec![0.0; 64], vec![0.0; 64], vec![0.0; 27]);
    f[16 + 4 * 2 + 3] = 1.0;
    kernel[9 + 2] = 1.0; // d = (0, −1, 1)
    Stencil::new([4; 3], [1; 3]).forward(&f, &kernel, &mut out);
    assert_eq!(out.iter().position(|x| *x == 1.0), Some(16 + 4 * 3 + 2));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let cases = [
        ([5; 3], settings([3; 3], &[0])),
        ([5; 3], settings([3; 3], &[0, 1, 2])),
        ([1, 6, 6], settings([1, 3, 3], &[0, 2])),
    ];
    for (grid, settings) in cases {
        let mut engine = Engine::new(grid, &settings).expect("valid");
        let n = engine.n_voxels();
        let (density, weights, g) = (field(n, 4), field(engine.n_weights(), 5), field(n, 6));
        let weights: Vec<f64> = weights.iter().map(|w| 0.3 * w).collect();
        let (mut psi, mut d_density, mut d_weights) = (vec![0.0; n], vec![0.0; n], vec![0.0; weights.len()]);
        engine.forward(&density, &weights, &mut psi);
        engine.vjp(&weights, &g, Some(&mut d_density), &mut d_weights);
        let mut value = |density: &[f64], weights: &[f64]| {
            engine.forward(density, weights, &mut psi);
            dot(&g, &psi)
        };
        let h = 1e-5;
        for i in 0..weights.len() {
            let [mut up, mut down] = [weights.clone(), weights.clone()];
            (up[i], down[i]) = (up[i] + h, down[i] - h);
            let slope = (value(&density, &up) - value(&density, &down)) / (2.0 * h);
            assert!((slope - d_weights[i]).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {slope} {}", d_weights[i]);
        }
        for i in [0, 7, n - 1] {
            let [mut up, mut down] = [density.clone(), density.clone()];
            (up[i], down[i]) = (up[i] + h, down[i] - h);
            let slope = (value(&up, &weights) - value(&down, &weights)) / (2.0 * h);
            assert!((slope - d_density[i]).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {slope} {}", d_density[i]);
        }
    }
}

/// All 48 permutations and reflections of the axes; for ℓ > 0 by the power's invariance.
#[test]
fn psi_commutes_with_the_symmetries_of_the_cube() {
    let n = 5;
    let density = field(n * n * n, 7);
    for degrees in [&[0][..], &[0, 1, 2, 3]] {
        let mut engine = Engine::new([n; 3], &settings([3; 3], degrees)).expect("valid");
        let weights = field(engine.n_weights(), 8);
        let mut run = |density: &[f64]| {
            let mut psi = vec![0.0; n * n * n];
            engine.forward(density, &weights, &mut psi);
            psi
        };
        let plain = run(&density);
        let mut count = 0;
        for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for flips in 0..8 {
                let turn = |field: &[f64]| -> Vec<f64> {
                    (0..n * n * n)
                        .map(|i| {
                            let x = [i / (n * n), i / n % n, i % n];
                            let at = |a: usize| if flips >> a & 1 == 1 { n - 1 - x[axes[a]] } else { x[axes[a]] };
                            field[(at(0) * n + at(1)) * n + at(2)]
                        })
                        .collect()
                };
                let (turned, expected) = (run(&turn(&density)), turn(&plain));
                assert!(turned.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())));
                count += 1;
            }
        }
        assert_eq!(count, 48);
    }
}

#[test]
fn features_give_the_same_psi_and_gradient() {
    for degrees in [&[0][..], &[0, 2]] {
        let mut engine = Engine::new([20; 3], &settings([3; 3], degrees)).expect("valid");
        let n = engine.n_voxels();
        let (density, weights) = (field(n, 9), field(engine.n_weights(), 10));
        let chosen: Vec<usize> = (0..n).filter(|i| i % 3 != 1).collect();
        assert!(chosen.len() > 2 * CHUNK && !chosen.len().is_multiple_of(CHUNK));
        let mut g = field(n, 11);
        (0..n).filter(|i| i % 3 == 1).for_each(|i| g[i] = 0.0);
        let (mut psi, mut d_weights) = (vec![0.0; n], vec![0.0; weights.len()]);
        engine.forward(&density, &weights, &mut psi);
        engine.vjp(&weights, &g, None, &mut d_weights);
        let mut features = engine.features(&density, &chosen);
        let (mut some, mut d_some) = (vec![0.0; chosen.len()], vec![0.0; weights.len()]);
        features.forward(&weights, &mut some);
        features.vjp(&weights, &chosen.iter().map(|i| g[*i]).collect::<Vec<_>>(), &mut d_some);
        assert!(chosen.iter().zip(&some).all(|(i, s)| (psi[*i] - s).abs() < 1e-12 * (1.0 + s.abs())));
        for (a, b) in d_weights.iter().zip(&d_some) {
            assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()), "{d_weights:?} {d_some:?}");
        }
    }
}

/// The gradient by the weights does not ask whether that by the density is wanted, nor how often it is taken: of direct
/// stencils, and of transforms for ℓ > 0 and for all.
#[test]
fn a_gradient_may_be_taken_again() {
    for (size, degrees) in [(3, &[0][..]), (3, &[0, 2]), (5, &[0, 1]), (9, &[0, 1])] {
        let mut engine = Engine::new([9; 3], &settings([size; 3], degrees)).expect("valid");
        let n = engine.n_voxels();
        let (density, g) = (field(n, 4), field(n, 6));
        let weights: Vec<f64> = field(engine.n_weights(), 5).iter().map(|w| 0.1 * w).collect();
        let mut psi = vec![0.0; n];
        engine.forward(&density, &weights, &mut psi);
        let mut gradient = |wants_density: bool| {
            let (mut d_density, mut d_weights) = (vec![0.0; n], vec![0.0; weights.len()]);
            engine.vjp(&weights, &g, wants_density.then_some(&mut d_density[..]), &mut d_weights);
            (d_weights, d_density)
        };
        let first = gradient(true);
        assert_eq!(gradient(false).0, first.0, "{size} {degrees:?}");
        assert_eq!(gradient(false).0, first.0, "{size} {degrees:?}");
        assert_eq!(gradient(true), first, "{size} {degrees:?}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads: usize, n: usize, size: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| {
            let mut engine = Engine::new([n; 3], &settings([size; 3], &[0, 1])).expect("valid");
            let n = engine.n_voxels();
            let (density, g) = (field(n, 4), field(n, 6));
            let weights: Vec<f64> = field(engine.n_weights(), 5).iter().map(|w| 0.1 * w).collect();
            let (mut psi, mut d_density, mut d_weights) = (vec![0.0; n], vec![0.0; n], vec![0.0; weights.len()]);
            engine.forward(&density, &weights, &mut psi);
            engine.vjp(&weights, &g, Some(&mut d_density), &mut d_weights);
            [psi, d_density, d_weights]
        })
    };
    // A direct stencil; transforms for both degrees, with more modes than one task has.
    for (n, size) in [(18, 3), (20, 9)] {
        let one = run(1, n, size);
        assert!(one.iter().all(|part| part.iter().all(|x| x.is_finite()) && part.iter().any(|x| *x != 0.0)));
        assert_eq!(one, run(2, n, size));
        assert_eq!(one, run(3, n, size));
    }
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let refused = |grid, settings: Settings| Engine::new(grid, &settings).err().expect("refused").to_string();
    assert!(refused([8; 3], settings([4; 3], &[0])).contains("no centre"));
    assert!(refused([3; 3], settings([5; 3], &[0])).contains("does not fit"));
    assert!(refused([8; 3], settings([3; 3], &[1])).contains("ascend from 0"));
    assert!(refused([8; 3], settings([1; 3], &[0, 1])).contains("no directions"));
    // Neither of these may be made before it is refused: one is of NaN, the other of more memory than there is.
    for degree in [17, 151, usize::MAX] {
        let error = refused([8; 3], settings([3; 3], &[0, degree]));
        let expected =
            format!("`degrees`: harmonics of degree {degree} are too fine for any kernel; give degrees up to 16");
        assert_eq!(error, expected);
    }
    assert!(Engine::new([8; 3], &settings([3; 3], &[0, MAX_DEGREE])).is_ok());
    let highest = multipole::spherical_harmonics(MAX_DEGREE, [0.6, 0.0, 0.8]);
    // The addition theorem.
    let sum = highest.iter().map(|y| y * y).sum::<f64>() * 4.0 * std::f64::consts::PI;
    assert!((sum / (2 * MAX_DEGREE + 1) as f64 - 1.0).abs() < 1e-12, "{sum}");
    for (floor, text) in [(0.0, "0"), (-1.0, "-1"), (1e-7, "1e-7"), (1e300, "1e300"), (11.0, "11"), (f64::NAN, "NaN")] {
        let error = refused([8; 3], Settings { floor, ..Settings::default() });
        assert!(error.starts_with(&format!("`floor`: {text} is no floor")), "{error}");
        assert!(error.ends_with("give a number from 1e-6 to 10, such as 0.01"), "{error}");
    }
}
