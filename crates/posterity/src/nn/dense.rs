//! The fully connected layer z = W a + b.

use super::real::{Real, Strided, product};
use serde::{Deserialize, Serialize};

/// Shape of a dense layer; its weights are W, `(n_out, n_in)` row after row, then b.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// Values in.
    pub n_in: usize,
    /// Values out.
    pub n_out: usize,
}

impl Dense {
    pub(super) fn n_weights(self) -> usize {
        self.n_out * (self.n_in + 1)
    }

    /// Value rows get W a + b, tangent rows W t (bundles as in `Activation::forward`).
    pub(super) fn forward<T: Real>(self, weights: &[T], input: &[T], n_tangents: usize, out: &mut [T]) {
        let (w, b) = weights.split_at(self.n_out * self.n_in);
        let n_rows = input.len() / self.n_in;
        for bundle in out.chunks_exact_mut((1 + n_tangents) * self.n_out) {
            let (value, tangents) = bundle.split_at_mut(self.n_out);
            value.copy_from_slice(b);
            tangents.fill(T::ZERO);
        }
        product(out, Strided::rows(input, n_rows, self.n_in), Strided::rows(w, self.n_out, self.n_in).t(), true);
    }

    /// Adds to `gradient` and, where wanted, writes the cotangent of the input.
    pub(super) fn vjp<T: Real>(
        self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        cotangent: &[T],
        gradient: &mut [T],
        input_cotangent: Option<&mut [T]>,
    ) {
        let n_rows = input.len() / self.n_in;
        let (dw, db) = gradient.split_at_mut(self.n_out * self.n_in);
        let cotangents = Strided::rows(cotangent, n_rows, self.n_out);
        product(dw, cotangents.t(), Strided::rows(input, n_rows, self.n_in), true);
        for row in cotangent.chunks_exact(self.n_out).step_by(1 + n_tangents) {
            db.iter_mut().zip(row).for_each(|(db, g)| *db += *g);
        }
        if let Some(input_cotangent) = input_cotangent {
            let w = Strided::rows(&weights[..self.n_out * self.n_in], self.n_out, self.n_in);
            product(input_cotangent, cotangents, w, false);
        }
    }
}
