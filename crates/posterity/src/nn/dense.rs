//! The fully connected layer z = W a + b.

use super::real::{Real, Strided, product};
use pulp::{Arch, Simd, WithSimd};

/// Shape of a dense layer; its weights are W, `(n_out, n_in)` row after row, then b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dense {
    /// Values in.
    pub(super) n_in: usize,
    /// Values out.
    pub(super) n_out: usize,
}

impl Dense {
    pub(super) fn n_weights(self) -> usize {
        self.n_out * (self.n_in + 1)
    }

    /// The bias.
    fn bias<T>(self, weights: &[T]) -> &[T] {
        &weights[self.n_out * self.n_in..]
    }

    /// Rows in bundles of a value row and its tangents, which have no bias.
    pub(super) fn forward<T: Real>(self, weights: &[T], input: &[T], n_tangents: usize, out: &mut [T]) {
        let (w, n_rows) = (&weights[..self.n_out * self.n_in], input.len() / self.n_in);
        let bias = self.bias(weights);
        for bundle in out.chunks_exact_mut((1 + n_tangents) * self.n_out) {
            let (value, tangents) = bundle.split_at_mut(self.n_out);
            value.copy_from_slice(bias);
            tangents.fill(T::ZERO);
        }
        product(out, Strided::rows(input, n_rows, self.n_in), Strided::rows(w, self.n_out, self.n_in).t(), true);
    }

    /// Adds to `gradient` (or replaces it) and, where wanted, writes the cotangent of the input.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn vjp<T: Real>(
        self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        cotangent: &[T],
        gradient: &mut [T],
        add: bool,
        input_cotangent: Option<&mut [T]>,
    ) {
        let n_rows = input.len() / self.n_in;
        let (dw, db) = gradient.split_at_mut(self.n_out * self.n_in);
        let cotangents = Strided::rows(cotangent, n_rows, self.n_out);
        product(dw, cotangents.t(), Strided::rows(input, n_rows, self.n_in), add);
        if !add {
            db.fill(T::ZERO);
        }
        Arch::new().dispatch(SumRows { rows: cotangent, step: 1 + n_tangents, sum: db });
        if let Some(input_cotangent) = input_cotangent {
            let w = Strided::rows(&weights[..self.n_out * self.n_in], self.n_out, self.n_in);
            product(input_cotangent, cotangents, w, false);
        }
    }
}

/// Adds every `step`-th row to the sum.
struct SumRows<'a, T> {
    rows: &'a [T],
    step: usize,
    sum: &'a mut [T],
}

impl<T: Real> WithSimd for SumRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact(self.sum.len()).step_by(self.step) {
            for (sum, x) in self.sum.iter_mut().zip(row) {
                *sum += *x;
            }
        }
    }
}
