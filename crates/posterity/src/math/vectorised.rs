//! Exponential, logarithm, softplus and scaled complementary error function without branches, for loops that vectorise.
//!
//! Called in a loop over slices inside `pulp`'s `dispatch`, with the instruction set as type parameter, they become the
//! widest vectors that the processor has; a fused multiply-add is used where it is one instruction. Relative errors,
//! against 60-digit arithmetic: [`exp`] and [`ln`] 5e-16, [`softplus`] 1e-15, [`erfcx`] 2e-15 (the polynomials are
//! interpolations at Chebyshev points; their own errors are below 6e-16). NaN stays NaN in all of them.
//!
//! The variable of [`erfcx`], (y − K) / (y + K), is that of Shepherd & Laframboise 1981, doi:10.2307/2007741.

use pulp::Simd;

const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2, highest power first.
const EXP: [f64; 10] = [
    2.5100472505694996e-08,
    2.7620201591031547e-07,
    2.7557268276905696e-06,
    2.4801521057868204e-05,
    0.00019841269863171557,
    0.0013888888917367081,
    0.008333333333330039,
    0.041666666666623824,
    0.16666666666666669,
    0.5000000000000001,
];
/// (artanh(s)/s − 1) / s² in s², for |s| ≤ 3 − 2√2.
const ARTANH: [f64; 7] = [
    0.07308292712444311,
    0.07665855309105386,
    0.09091444727837474,
    0.11111105565129939,
    0.14285714313001635,
    0.19999999999949722,
    0.3333333333333335,
];
/// (1 + 2y) erfcx(y) in (y − K) / (y + K).
const ERFCX: [f64; 22] = [
    7.2132644396390315e-09,
    1.0030545739155852e-09,
    -8.117699237840823e-08,
    -9.428959238585939e-09,
    5.810615852658273e-07,
    -4.19728063362064e-08,
    -3.7970126268470686e-06,
    2.3263767242668642e-06,
    2.425121770328888e-05,
    -4.278121618763583e-05,
    -0.00012150900859663406,
    0.0005643840816872345,
    -0.0003022686165316216,
    -0.004215019838810882,
    0.019099331035263255,
    -0.04882332583619322,
    0.08798315381890046,
    -0.11508959815967594,
    0.09751909515340762,
    -0.010555596332230981,
    -0.14000918013762004,
    1.2423492448711544,
];
const ERFCX_SCALE: f64 = 3.5;

/// a · b + c, fused where the instruction set `S` has that.
#[inline(always)]
pub fn multiply_add<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

#[inline(always)]
fn polynomial<S: Simd, const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[0];
    for c in &coefficients[1..] {
        sum = multiply_add::<S>(sum, x, *c);
    }
    sum
}

/// eˣ; saturates at e⁻⁷⁰⁸ and e⁷⁰⁹.
#[inline(always)]
pub fn exp<S: Simd>(x: f64) -> f64 {
    let x = if x > 709.0 { 709.0 } else { x };
    let x = if x < -708.0 { -708.0 } else { x };
    // x = k ln 2 + r; the sum with 1.5 · 2⁵² rounds, and its low bits are k.
    let shifted = multiply_add::<S>(x, std::f64::consts::LOG2_E, 6_755_399_441_055_744.0);
    let k = shifted - 6_755_399_441_055_744.0;
    let r = multiply_add::<S>(-k, LN_2_LOW, multiply_add::<S>(-k, LN_2_HIGH, x));
    let tail = polynomial::<S, 10>(&EXP, r);
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    power * multiply_add::<S>(r * r, tail, r + 1.0)
}

/// ln x for finite normal x > 0; NaN for all others but +∞, which must not be given.
#[inline(always)]
pub fn ln<S: Simd>(x: f64) -> f64 {
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    // x = 2ᵏ m with m from √½ to √2. The exponent becomes a float as the low bits of 2⁵².
    let shifted = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - ROOT_HALF);
    let k = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + ROOT_HALF);
    let s = (m - 1.0) / (m + 1.0);
    let tail = polynomial::<S, 7>(&ARTANH, s * s);
    let small = multiply_add::<S>(2.0 * s * (s * s), tail, k * LN_2_LOW);
    let value = multiply_add::<S>(k, LN_2_HIGH, multiply_add::<S>(2.0, s, small));
    if x >= f64::MIN_POSITIVE { value } else { f64::NAN }
}

/// ln(1 + eˣ) and its derivative 1/(1 + e⁻ˣ); both keep their relative accuracy down to x = −708.
#[inline(always)]
pub fn softplus<S: Simd>(x: f64) -> (f64, f64) {
    let u = exp::<S>(-x.abs());
    // ln(1 + u) = 2 artanh(u/(u + 2)) or, for larger u, ln 2 + 2 artanh((u − 1)/(u + 3)). One division serves both.
    let is_large = u > std::f64::consts::SQRT_2 - 1.0;
    let numerator = if is_large { u - 1.0 } else { u };
    let denominator = if is_large { u + 3.0 } else { u + 2.0 };
    let ln_2 = if is_large { std::f64::consts::LN_2 } else { 0.0 };
    let one_more = 1.0 + u;
    let inverse = 1.0 / (denominator * one_more);
    let s = numerator * (one_more * inverse);
    let tail = polynomial::<S, 7>(&ARTANH, s * s);
    let ln_1p = multiply_add::<S>(2.0 * s * (s * s), tail, 2.0 * s) + ln_2;
    let above = denominator * inverse;
    let (positive, sigmoid) = if x > 0.0 { (x, above) } else { (0.0, u * above) };
    (positive + ln_1p, sigmoid)
}

/// exp(y²) erfc(y) for y ≥ 0.
#[inline(always)]
pub fn erfcx<S: Simd>(y: f64) -> f64 {
    let y = if y > 1e150 { 1e150 } else { y };
    let sum = y + ERFCX_SCALE;
    let scale = multiply_add::<S>(2.0, y, 1.0);
    let inverse = 1.0 / (sum * scale);
    let t = (y - ERFCX_SCALE) * (scale * inverse);
    polynomial::<S, 22>(&ERFCX, t) * (sum * inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Map<'a, F>(&'a [f64], &'a mut [f64], F);

    trait Function {
        fn at<S: Simd>(&self, x: f64) -> f64;
    }

    impl<F: Function> WithSimd for Map<'_, F> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            for (out, x) in self.1.iter_mut().zip(self.0) {
                *out = self.2.at::<S>(*x);
            }
        }
    }

    macro_rules! function {
        ($name:ident, $x:ident, $value:expr) => {
            #[derive(Clone, Copy)]
            struct $name;
            impl Function for $name {
                #[inline(always)]
                fn at<S: Simd>(&self, $x: f64) -> f64 {
                    $value
                }
            }
        };
    }
    function!(Exp, x, exp::<S>(x));
    function!(Ln, x, ln::<S>(x));
    function!(Softplus, x, softplus::<S>(x).0);
    function!(Sigmoid, x, softplus::<S>(x).1);
    function!(Erfcx, x, erfcx::<S>(x));

    /// With the processor's widest vectors and without any.
    fn both(x: &[f64], function: impl Function + Copy) -> [Vec<f64>; 2] {
        [Arch::new(), Arch::Scalar].map(|arch| {
            let mut out = vec![0.0; x.len()];
            arch.dispatch(Map(x, &mut out, function));
            out
        })
    }

    fn check(low: f64, high: f64, tolerance: f64, function: impl Function + Copy, exact: impl Fn(f64) -> f64) {
        let x: Vec<f64> = (0..=40_000).map(|i| low + (high - low) * f64::from(i) / 40_000.0).collect();
        for out in both(&x, function) {
            for (x, y) in x.iter().zip(out) {
                let exact = exact(*x);
                assert!((y - exact).abs() <= tolerance * exact.abs(), "at {x}: {y}, not {exact}");
            }
        }
    }

    #[test]
    fn they_agree_with_libm() {
        check(-708.0, 709.0, 1e-15, Exp, libm::exp);
        check(-1.0, 1.0, 1e-15, Exp, libm::exp);
        check(1e-3, 3.0, 1e-15, Ln, libm::log);
        check(1e-300, 1e300, 1e-15, Ln, libm::log);
        check(0.999, 1.001, 1e-15, Ln, libm::log);
        let stable = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        let sigmoid = |x: f64| {
            let u = libm::exp(-x.abs());
            if x < 0.0 { u / (1.0 + u) } else { 1.0 / (1.0 + u) }
        };
        for range in [700.0, 30.0, 2.0] {
            check(-range, range, 2e-15, Softplus, stable);
            check(-range, range, 2e-15, Sigmoid, sigmoid);
        }
        // exp(y²) itself loses y² units in the last place.
        check(0.0, 2.0, 3e-15, Erfcx, |y| libm::exp(y * y) * libm::erfc(y));
        check(0.0, 26.0, 3e-13, Erfcx, |y| libm::exp(y * y) * libm::erfc(y));
    }

    /// Values of 60-digit arithmetic.
    #[test]
    fn known_values_of_erfcx() {
        let known = [
            (0.0, 1.0),
            (0.1, 0.8964569799691267),
            (1.0, 0.427583576155807),
            (5.0, 0.11070463773306863),
            (27.0, 0.02088160799042094),
            (100.0, 0.005641613782989433),
            (1e10, 5.641895835477563e-11),
            (1e160, 5.641895835477563e-151),
        ];
        for out in both(&known.map(|(y, _)| y), Erfcx) {
            for ((y, exact), value) in known.iter().zip(out) {
                assert!((value / exact - 1.0).abs() < 2e-15, "at {y}: {value}");
            }
        }
    }

    #[test]
    fn extremes_stay_finite_and_nan_stays() {
        for function in [both(&[-1e300, 1e300, f64::NAN], Exp), both(&[-1e300, 1e300, f64::NAN], Softplus)] {
            for out in function {
                assert!(out[0] > 0.0 && out[0] < 1e-307 && out[1] > 1e299 && out[1].is_finite() && out[2].is_nan());
            }
        }
        for out in both(&[0.0, -1.0, f64::NAN], Ln) {
            assert!(out.iter().all(|x| x.is_nan()));
        }
        for out in both(&[f64::MAX, f64::NAN], Erfcx) {
            assert!(out[0] > 0.0 && out[1].is_nan());
        }
    }
}
