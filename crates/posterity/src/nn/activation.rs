//! Activations φ, with the first and second derivatives that vector-Jacobian products of tangents need.

use super::real::Real;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Values whose slopes are held at once.
const BLOCK: usize = 128;

/// A function applied to each hidden value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0.01 x).
    LeakyRelu,
    /// tanh x.
    Tanh,
    /// x · logistic(x), also called swish: smooth, and never flat on both sides.
    Silu,
    /// x²: behind a convolution and before a mean, the power that the kernel lets through.
    Square,
    /// sign(x) ln(1 + |x|), which tames heavy tails on both sides (John & Draper 1980, doi:10.2307/2986305): behind a
    /// convolution of one cell a logarithm with an offset that is learnt.
    LogModulus,
}

/// φ, φ', φ'' at one point.
trait Curve<T> {
    fn at(x: T) -> (T, T, T);
}

struct LeakyRelu;
struct Tanh;
struct Silu;
struct Square;
struct LogModulus;

impl<T: Real> Curve<T> for LeakyRelu {
    #[inline(always)]
    fn at(x: T) -> (T, T, T) {
        let slope = if x < T::ZERO { T::from_f64(0.01) } else { T::ONE };
        (slope * x, slope, T::ZERO)
    }
}

impl<T: Real> Curve<T> for Tanh {
    #[inline(always)]
    fn at(x: T) -> (T, T, T) {
        let two = T::from_f64(2.0);
        let y = two / (T::ONE + (-two * x).exp()) - T::ONE;
        let slope = T::ONE - y * y;
        (y, slope, -two * y * slope)
    }
}

impl<T: Real> Curve<T> for Silu {
    #[inline(always)]
    fn at(x: T) -> (T, T, T) {
        let s = T::ONE / (T::ONE + (-x).exp());
        let ds = s * (T::ONE - s);
        let two = T::from_f64(2.0);
        (x * s, s + x * ds, ds * (two + x * (T::ONE - two * s)))
    }
}

impl<T: Real> Curve<T> for Square {
    #[inline(always)]
    fn at(x: T) -> (T, T, T) {
        let two = T::from_f64(2.0);
        (x * x, two * x, two)
    }
}

impl<T: Real> Curve<T> for LogModulus {
    #[inline(always)]
    fn at(x: T) -> (T, T, T) {
        let (sign, size) = if x < T::ZERO { (-T::ONE, -x) } else { (T::ONE, x) };
        let slope = T::ONE / (T::ONE + size);
        (sign * size.ln_1p(), slope, -sign * slope * slope)
    }
}

impl Activation {
    /// Applies φ to value rows and φ' (at the values) to their tangent rows.
    ///
    /// Rows, of `width` values, come in bundles: a value row, then `n_tangents` tangent rows.
    pub(super) fn forward<T: Real>(self, z: &[T], width: usize, n_tangents: usize, out: &mut [T]) {
        match self {
            Self::LeakyRelu => forward::<T, LeakyRelu>(z, width, n_tangents, out),
            Self::Tanh => forward::<T, Tanh>(z, width, n_tangents, out),
            Self::Silu => forward::<T, Silu>(z, width, n_tangents, out),
            Self::Square => forward::<T, Square>(z, width, n_tangents, out),
            Self::LogModulus => forward::<T, LogModulus>(z, width, n_tangents, out),
        }
    }

    /// Turns the cotangent of the output into that of the input `z`, in place; layout as in `forward`.
    pub(super) fn vjp<T: Real>(self, z: &[T], width: usize, n_tangents: usize, cotangent: &mut [T]) {
        match self {
            Self::LeakyRelu => vjp::<T, LeakyRelu>(z, width, n_tangents, cotangent),
            Self::Tanh => vjp::<T, Tanh>(z, width, n_tangents, cotangent),
            Self::Silu => vjp::<T, Silu>(z, width, n_tangents, cotangent),
            Self::Square => vjp::<T, Square>(z, width, n_tangents, cotangent),
            Self::LogModulus => vjp::<T, LogModulus>(z, width, n_tangents, cotangent),
        }
    }
}

fn forward<T: Real, C: Curve<T>>(z: &[T], width: usize, n_tangents: usize, out: &mut [T]) {
    Arch::new().dispatch(Forward::<T, C> { z, width, n_tangents, out, curve: PhantomData });
}

fn vjp<T: Real, C: Curve<T>>(z: &[T], width: usize, n_tangents: usize, cotangent: &mut [T]) {
    Arch::new().dispatch(Vjp::<T, C> { z, width, n_tangents, cotangent, curve: PhantomData });
}

// Loops that the compiler vectorises for whatever the processor has: `with_simd` is compiled once for each instruction
// set. (Closures would not do: their call is not inlined into the function that has the instructions.)

struct Forward<'a, T, C> {
    z: &'a [T],
    width: usize,
    n_tangents: usize,
    out: &'a mut [T],
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve<T>> WithSimd for Forward<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { z, width, n_tangents, out, .. } = self;
        let bundle = (1 + n_tangents) * width;
        for (z, out) in z.chunks_exact(bundle).zip(out.chunks_exact_mut(bundle)) {
            let (z, tangents) = z.split_at(width);
            let (out, tangents_out) = out.split_at_mut(width);
            if n_tangents == 0 {
                out.iter_mut().zip(z).for_each(|(out, &z)| *out = C::at(z).0);
                continue;
            }
            // A block's slopes serve all tangents.
            for (b, (z, out)) in z.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
                let (n, begin) = (z.len(), b * BLOCK);
                let mut slopes = [T::ZERO; BLOCK];
                for ((out, slope), &z) in out.iter_mut().zip(&mut slopes).zip(z) {
                    (*out, *slope, _) = C::at(z);
                }
                for (t, out) in tangents.chunks_exact(width).zip(tangents_out.chunks_exact_mut(width)) {
                    let (t, out) = (&t[begin..begin + n], &mut out[begin..begin + n]);
                    out.iter_mut().zip(t.iter().zip(&slopes)).for_each(|(out, (t, slope))| *out = *slope * *t);
                }
            }
        }
    }
}

struct Vjp<'a, T, C> {
    z: &'a [T],
    width: usize,
    n_tangents: usize,
    cotangent: &'a mut [T],
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve<T>> WithSimd for Vjp<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { z, width, n_tangents, cotangent, .. } = self;
        if n_tangents == 0 {
            for (g, &z) in cotangent.iter_mut().zip(z) {
                *g *= C::at(z).1;
            }
            return;
        }
        let bundle = (1 + n_tangents) * width;
        for (z, g) in z.chunks_exact(bundle).zip(cotangent.chunks_exact_mut(bundle)) {
            let (z, tangents) = z.split_at(width);
            let (g, tangents_g) = g.split_at_mut(width);
            for (b, (z, g)) in z.chunks(BLOCK).zip(g.chunks_mut(BLOCK)).enumerate() {
                let (n, begin) = (z.len(), b * BLOCK);
                let (mut slopes, mut curvatures) = ([T::ZERO; BLOCK], [T::ZERO; BLOCK]);
                for ((g, (slope, curvature)), &z) in g.iter_mut().zip(slopes.iter_mut().zip(&mut curvatures)).zip(z) {
                    (_, *slope, *curvature) = C::at(z);
                    *g *= *slope;
                }
                for (t, tg) in tangents.chunks_exact(width).zip(tangents_g.chunks_exact_mut(width)) {
                    let (t, tg) = (&t[begin..begin + n], &mut tg[begin..begin + n]);
                    for ((g, tg), (t, (slope, curvature))) in
                        g.iter_mut().zip(tg).zip(t.iter().zip(slopes.iter().zip(&curvatures)))
                    {
                        *g += *curvature * *t * *tg;
                        *tg *= *slope;
                    }
                }
            }
        }
    }
}
