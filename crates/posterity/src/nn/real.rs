//! The floats that a network computes with, f32 and f64: exponential and logarithm that compilers can vectorise, `gemm`.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// f32 or f64.
pub trait Real:
    Copy
    + Send
    + Sync
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Sum
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Name in weight files.
    const DTYPE: safetensors::Dtype;

    /// The nearest value.
    fn from_f64(x: f64) -> Self;
    /// The value in f64, exactly.
    fn to_f64(self) -> f64;
    /// Square root.
    fn sqrt(self) -> Self;
    /// e^x to a few units in the last place, without branches; saturates where the result would over- or underflow,
    /// and keeps NaN.
    fn exp(self) -> Self;
    /// ln(1 + x) for x ≥ 0, to a few units in the last place, without branches; NaN and infinity give no such result.
    fn ln_1p(self) -> Self;
    /// Little-endian bytes, appended.
    fn write_le(self, bytes: &mut Vec<u8>);
    /// From little-endian bytes of the right number.
    fn read_le(bytes: &[u8]) -> Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const DTYPE: safetensors::Dtype = safetensors::Dtype::F32;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn exp(self) -> Self {
        // x = k ln 2 + r, |r| ≤ ln 2 / 2; the sum with 1.5 · 2²³ rounds, and its low bits are k.
        let x = if self > 88.0 { 88.0 } else { self };
        let x = if x < -87.0 { -87.0 } else { x };
        let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
        let k = shifted - 12_582_912.0;
        let r = x - k * 0.693_359_4 + k * 2.121_944_4e-4;
        let tail = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0))));
        let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
        power * (1.0 + r + r * r * (0.5 + r * tail))
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        // 1 + x = 2ᵏ m, √½ ≤ m < √2, and ln m = 2 artanh s; what 1 + x loses to rounding is added to first order.
        let u = 1.0 + self;
        let bits = u.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
        let k = (bits >> 23) as i32 - 127;
        let m = f32::from_bits((bits & 0x007f_ffff) + 0x3f35_04f3);
        let s = (m - 1.0) / (m + 1.0);
        let z = s * s;
        let tail = z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
        k as f32 * std::f32::consts::LN_2 + (2.0 * s + 2.0 * s * tail) + (self - (u - 1.0)) / u
    }

    fn write_le(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read_le(bytes: &[u8]) -> Self {
        Self::from_le_bytes(std::array::from_fn(|i| bytes[i]))
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const DTYPE: safetensors::Dtype = safetensors::Dtype::F64;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn exp(self) -> Self {
        const INVERSE_FACTORIALS: [f64; 12] = [
            1.0 / 6_227_020_800.0,
            1.0 / 479_001_600.0,
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            1.0 / 2.0,
        ];
        let x = if self > 709.0 { 709.0 } else { self };
        let x = if x < -708.0 { -708.0 } else { x };
        let shifted = x * std::f64::consts::LOG2_E + 6_755_399_441_055_744.0;
        let k = shifted - 6_755_399_441_055_744.0;
        let r = x - k * 6.931_471_803_691_238e-1 - k * 1.908_214_929_270_587_7e-10;
        let mut tail = 0.0;
        for c in INVERSE_FACTORIALS {
            tail = tail * r + c;
        }
        let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
        power * (1.0 + r + r * r * tail)
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        let u = 1.0 + self;
        let bits = u.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_667f_3bcd);
        let k = (bits >> 52) as i32 - 1023;
        let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_667f_3bcd);
        let s = (m - 1.0) / (m + 1.0);
        let z = s * s;
        let mut tail = 0.0;
        for n in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
            tail = tail * z + 1.0 / n;
        }
        f64::from(k) * std::f64::consts::LN_2 + (2.0 * s + 2.0 * s * (z * tail)) + (self - (u - 1.0)) / u
    }

    fn write_le(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read_le(bytes: &[u8]) -> Self {
        Self::from_le_bytes(std::array::from_fn(|i| bytes[i]))
    }
}

/// A matrix in a slice: element (i, j) at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a, T> {
    pub data: &'a [T],
    pub n_rows: usize,
    pub n_cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a, T> Strided<'a, T> {
    /// Rows one after another.
    pub(super) fn rows(data: &'a [T], n_rows: usize, n_cols: usize) -> Self {
        Self { data, n_rows, n_cols, row_stride: n_cols, col_stride: 1 }
    }

    /// The transpose.
    pub(super) fn t(self) -> Self {
        Self {
            data: self.data,
            n_rows: self.n_cols,
            n_cols: self.n_rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        self.n_rows == 0
            || self.n_cols == 0
            || (self.n_rows - 1) * self.row_stride + (self.n_cols - 1) * self.col_stride < self.data.len()
    }
}

/// Columns below which a product is narrow, and rows of it that `gemm` does at full speed all the same.
const NARROW: (usize, usize) = (16, 128);

/// `out` (rows one after another) becomes a · b, plus what it held if `add`. On this thread alone.
pub(super) fn product<T: Real>(out: &mut [T], a: Strided<'_, T>, b: Strided<'_, T>, add: bool) {
    if b.n_cols < NARROW.0 && a.n_rows > NARROW.1 {
        for (k, out) in out.chunks_mut(NARROW.1 * b.n_cols).enumerate() {
            let part = Strided { data: &a.data[k * NARROW.1 * a.row_stride..], n_rows: out.len() / b.n_cols, ..a };
            product(out, part, b, add);
        }
        return;
    }
    assert!(out.len() == a.n_rows * b.n_cols, "shapes of a product");
    product_into(out, b.n_cols, a, b, add);
}

/// As [`product`], with the rows of `out` that far apart and what is between left alone.
pub(super) fn product_into<T: Real>(out: &mut [T], row_stride: usize, a: Strided<'_, T>, b: Strided<'_, T>, add: bool) {
    let last = a.n_rows.saturating_sub(1) * row_stride + b.n_cols;
    assert!(a.n_cols == b.n_rows && a.fits() && b.fits(), "shapes of a product");
    assert!(b.n_cols <= row_stride && last <= out.len(), "place of a product");
    #[allow(unsafe_code)]
    // Sound: the assertions above hold every index that the strides reach inside its slice, and `out` is exclusive.
    unsafe {
        gemm::gemm(
            a.n_rows,
            b.n_cols,
            a.n_cols,
            out.as_mut_ptr(),
            1,
            row_stride as isize,
            add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_standard_librarys() {
        for i in -8600..8600 {
            let x = f64::from(i) / 100.0;
            assert!((Real::exp(x) / x.exp() - 1.0).abs() < 1e-15, "{x}");
            let x = x as f32;
            assert!((Real::exp(x) / x.exp() - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(Real::exp(f64::NAN).is_nan() && Real::exp(f32::NAN).is_nan());
        assert!(Real::exp(-1e4_f64) < 1e-300 && Real::exp(1e4_f32) > 1e38);
    }

    #[test]
    fn the_logarithm_agrees_with_the_standard_librarys() {
        assert!(Real::ln_1p(0.0_f64) == 0.0 && Real::ln_1p(0.0_f32) == 0.0);
        for i in -3000..3000 {
            let x = (f64::from(i) / 100.0).exp();
            assert!((Real::ln_1p(x) / x.ln_1p() - 1.0).abs() < 1e-15, "{x}");
            let x = x as f32;
            assert!((Real::ln_1p(x) / x.ln_1p() - 1.0).abs() < 4e-7, "{x}");
        }
    }
}
