//! Multipole kernels: one weight for each radius, times a real harmonic of the direction.
//!
//! K_ℓm(d) = w_ℓ(|d|²) √(4π/(2ℓ+1)) Y_ℓm(d/|d|), so that ℓ = 0 has K(d) = w(|d|²); all m of a degree share their
//! weights, since only then the set of outputs turns as a vector of degree ℓ does. In two dimensions the harmonics are
//! cos mφ/√π and sin mφ/√π (1/√2π at 0), scaled by √π (√2π). Voxels are grouped by integer |d|², never by comparing
//! floats: a cubic kernel of 3³, 5³, 7³, 9³ has 4, 10, 19, 32 weights at ℓ = 0. The centre has no direction and so no
//! weight at ℓ > 0.
//!
//! Limits: the harmonics are sampled at the voxels, not averaged over them; at high ℓ and small kernels several m may
//! be sampled alike or vanish on all voxels.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379 (the weights shared at equal radius; that they are shared over m as
//! well is this library's choice).

use std::f64::consts::PI;

/// The highest degree of a kernel: beyond it m are no longer told apart by the voxels of kernels in use, and the products
/// in [`spherical_harmonics`] leave the range of numbers from 88 on.
pub const MAX_DEGREE: usize = 16;

/// Values of |d|² in a kernel that reaches `half` voxels to both sides on each axis, ascending, without 0 if
/// `is_directed`.
pub fn squares(half: [usize; 3], is_directed: bool) -> Vec<usize> {
    let mut all: Vec<usize> = offsets(half).map(square).filter(|s| !is_directed || *s > 0).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All offsets of a kernel in C order.
pub fn offsets(half: [usize; 3]) -> impl Iterator<Item = [isize; 3]> {
    let axis = |h: usize| -(h as isize)..=h as isize;
    axis(half[0])
        .flat_map(move |x| axis(half[1]).map(move |y| (x, y)))
        .flat_map(move |(x, y)| axis(half[2]).map(move |z| [x, y, z]))
}

/// |d|².
pub fn square(d: [isize; 3]) -> usize {
    d.iter().map(|i| (i * i) as usize).sum()
}

/// The real spherical harmonics Y_ℓm, m = −ℓ..=ℓ, orthonormal on the sphere, without the phase (−1)ᵐ, at a unit vector.
pub fn spherical_harmonics(degree: usize, [x, y, z]: [f64; 3]) -> Vec<f64> {
    let mut out = vec![0.0; 2 * degree + 1];
    // (x + iy)^m, P_m^m / (1 − z²)^(m/2) = (2m − 1)!!, and (ℓ − m)! / (ℓ + m)! as m grows.
    let (mut re, mut im, mut diagonal) = (1.0, 0.0, 1.0);
    for m in 0..=degree {
        let (mut below, mut legendre) = (0.0, diagonal);
        for l in m + 1..=degree {
            let (l_, m_) = (l as f64, m as f64);
            (below, legendre) = (legendre, (z * (2.0 * l_ - 1.0) * legendre - (l_ + m_ - 1.0) * below) / (l_ - m_));
        }
        let ratio: f64 = (degree - m + 1..=degree + m).map(|k| 1.0 / k as f64).product();
        let norm = ((2 * degree + 1) as f64 / (4.0 * PI) * ratio).sqrt() * legendre;
        if m == 0 {
            out[degree] = norm;
        } else {
            out[degree + m] = std::f64::consts::SQRT_2 * norm * re;
            out[degree - m] = std::f64::consts::SQRT_2 * norm * im;
        }
        (re, im) = (re * x - im * y, re * y + im * x);
        diagonal *= (2 * m + 1) as f64;
    }
    out
}

/// sin mφ/√π and cos mφ/√π, orthonormal on the circle, at a unit vector; 1/√2π alone for degree 0.
pub fn circular_harmonics(degree: usize, [x, y]: [f64; 2]) -> Vec<f64> {
    if degree == 0 {
        return vec![1.0 / (2.0 * PI).sqrt()];
    }
    let (mut re, mut im) = (1.0, 0.0);
    for _ in 0..degree {
        (re, im) = (re * x - im * y, re * y + im * x);
    }
    vec![im / PI.sqrt(), re / PI.sqrt()]
}

/// The harmonics of a degree at each offset of a kernel, scaled so that their squares add up to 1; zero at the centre.
/// One vector over the offsets for each m. A kernel of size 1 on the first axis is of two dimensions.
pub fn directions(half: [usize; 3], degree: usize) -> Vec<Vec<f64>> {
    let is_flat = half[0] == 0;
    let (n_m, measure) = match (is_flat, degree) {
        (true, 0) => (1, 2.0 * PI),
        (true, _) => (2, 2.0 * PI),
        (false, _) => (2 * degree + 1, 4.0 * PI),
    };
    let scale = (measure / n_m as f64).sqrt();
    let mut out = vec![Vec::new(); n_m];
    for d in offsets(half) {
        let r = (square(d) as f64).sqrt();
        let unit = d.map(|i| i as f64 / r.max(1.0));
        let harmonics =
            if is_flat { circular_harmonics(degree, [unit[1], unit[2]]) } else { spherical_harmonics(degree, unit) };
        let factor = if r > 0.0 || degree == 0 { scale } else { 0.0 };
        out.iter_mut().zip(harmonics).for_each(|(out, h)| out.push(factor * h));
    }
    out
}
