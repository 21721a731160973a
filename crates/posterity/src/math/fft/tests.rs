//! The transform against the sum that defines it, back and forth, on several threads, and its adjoint.

use super::*;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

fn noise(label: &str, n: usize) -> Vec<f64> {
    let mut stream = Seed::new(4).label(label).stream(0);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

fn transform(n: usize, real: &[f64]) -> (RealFft3, Vec<Complex>) {
    let mut fft = RealFft3::new(n);
    let mut spectrum = vec![Complex::default(); fft.len()];
    fft.forward(real, &mut spectrum);
    (fft, spectrum)
}

#[test]
fn the_transform_is_its_defining_sum() {
    for n in [1, 2, 3, 4, 5, 8] {
        let real = noise("sum", n * n * n);
        let (_, spectrum) = transform(n, &real);
        let nh = n / 2 + 1;
        for (i, value) in spectrum.iter().enumerate() {
            let k = [i / nh / n, i / nh % n, i % nh];
            let mut sum = Complex::default();
            for (j, f) in real.iter().enumerate() {
                let x = [j / n / n, j / n % n, j % n];
                let turns = (0..3).map(|a| k[a] * x[a]).sum::<usize>() as f64 / n as f64;
                sum += Complex::from_polar(*f, -2.0 * std::f64::consts::PI * turns);
            }
            assert!((sum - value).norm() < 1e-12 * (n * n * n) as f64, "{n}: {k:?}: {sum} {value}");
        }
    }
}

#[test]
fn back_and_forth_is_the_identity() {
    for n in [1, 2, 6, 7, 16, 26, 32, 45] {
        let real = noise("round", n * n * n);
        let (mut fft, spectrum) = transform(n, &real);
        let mut back = vec![0.0; n * n * n];
        fft.inverse(&spectrum, &mut back);
        assert!(real.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-13), "{n}");
    }
}

/// ⟨F x, y⟩ with each stored value counted as often as it stands in the full spectrum is ⟨x, n³ F⁻¹ y⟩.
#[test]
fn the_inverse_is_the_adjoint() {
    for n in [6, 7, 16] {
        let (x, y) = (noise("x", n * n * n), noise("y", n * n * n));
        let (_, fx) = transform(n, &x);
        let (mut fft, fy) = transform(n, &y);
        let nh = n / 2 + 1;
        let twice = |i: usize| if (2 * (i % nh)).is_multiple_of(n) { 1.0 } else { 2.0 };
        let left: f64 = fx.iter().zip(&fy).enumerate().map(|(i, (a, b))| twice(i) * (a * b.conj()).re).sum();
        let mut back = vec![0.0; n * n * n];
        fft.inverse(&fy, &mut back);
        let right: f64 = x.iter().zip(&back).map(|(a, b)| a * b).sum::<f64>() * (n * n * n) as f64;
        let size =
            (fx.iter().map(Complex::norm_sqr).sum::<f64>() * fy.iter().map(Complex::norm_sqr).sum::<f64>()).sqrt();
        assert!((left - right).abs() < 1e-12 * size, "{n}: {left} {right}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let real = noise("threads", 20 * 20 * 20);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let (mut fft, spectrum) = transform(20, &real);
            let mut back = vec![0.0; real.len()];
            fft.inverse(&spectrum, &mut back);
            (spectrum, back)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}
