//! Layer normalisation: y = g u + b with u = (x − x̄)/s over all values of a row, s² their variance, g and b of each channel.
//!
//! A tangent t goes to g J t, J t = (t − t̄ − u ⟨u t⟩)/s. For the cotangents a of u and c of J t, the cotangent of x is
//! J a − (c·Jt) u/(s n) − (⟨u t⟩ J c + (c·u)/n J t)/s, since ∂s/∂x = u/n and ∂u/∂x = J.
//!
//! Ba, Kiros, Hinton 2016, arXiv:1607.06450.

use super::real::Real;

/// Added to the variance.
const LEAST: f64 = 1e-6;

/// Layer normalisation of rows of `channels` times `n_cells` values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LayerNorm {
    pub(super) channels: usize,
    pub(super) n_cells: usize,
}

impl LayerNorm {
    pub(super) fn n_weights(self) -> usize {
        2 * self.channels
    }

    fn width(self) -> usize {
        self.channels * self.n_cells
    }

    /// u in f64, and s.
    fn normalised<T: Real>(self, x: &[T]) -> (Vec<f64>, f64) {
        let n = x.len() as f64;
        let mean = x.iter().map(|x| x.to_f64()).sum::<f64>() / n;
        let variance = x.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() / n;
        let s = (variance + LEAST).sqrt();
        (x.iter().map(|x| (x.to_f64() - mean) / s).collect(), s)
    }

    /// Rows in bundles of a value row and its tangents; weights are the gains, then the biases.
    pub(super) fn forward<T: Real>(self, weights: &[T], input: &[T], n_tangents: usize, out: &mut [T]) {
        let (gain, bias) = weights.split_at(self.channels);
        let rows = self.width();
        let bundles = input.chunks_exact((1 + n_tangents) * rows).zip(out.chunks_exact_mut((1 + n_tangents) * rows));
        for (input, out) in bundles {
            let (u, s) = self.normalised(&input[..rows]);
            for (i, (y, u)) in out.iter_mut().zip(&u).enumerate() {
                let c = i / self.n_cells;
                *y = T::from_f64(gain[c].to_f64() * u + bias[c].to_f64());
            }
            for (t, out) in input[rows..].chunks_exact(rows).zip(out[rows..].chunks_exact_mut(rows)) {
                let image = jacobian(&u, s, |i| t[i].to_f64());
                for (i, (y, j)) in out.iter_mut().zip(&image).enumerate() {
                    *y = T::from_f64(gain[i / self.n_cells].to_f64() * j);
                }
            }
        }
    }

    /// Adds to `gradient` (or replaces it) and turns the cotangent of the output into that of the input, in place.
    pub(super) fn vjp<T: Real>(
        self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        cotangent: &mut [T],
        gradient: &mut [T],
        add: bool,
    ) {
        if !add {
            gradient.fill(T::ZERO);
        }
        let (rows, n) = (self.width(), self.width() as f64);
        let (d_gain, d_bias) = gradient.split_at_mut(self.channels);
        let gain = |i: usize| weights[i / self.n_cells].to_f64();
        let bundles = input.chunks_exact((1 + n_tangents) * rows);
        for (input, cotangent) in bundles.zip(cotangent.chunks_exact_mut((1 + n_tangents) * rows)) {
            let (u, s) = self.normalised(&input[..rows]);
            let (g, g_tangents) = cotangent.split_at_mut(rows);
            for (c, range) in (0..self.channels).map(|c| (c, c * self.n_cells..(c + 1) * self.n_cells)) {
                let both = g[range.clone()].iter().zip(&u[range]);
                let sums = both.fold((0.0, 0.0), |(a, b), (g, u)| (a + g.to_f64() * u, b + g.to_f64()));
                d_gain[c] += T::from_f64(sums.0);
                d_bias[c] += T::from_f64(sums.1);
            }
            let mut d_x = jacobian(&u, s, |i| gain(i) * g[i].to_f64());
            for (t, g) in input[rows..].chunks_exact(rows).zip(g_tangents.chunks_exact_mut(rows)) {
                let image = jacobian(&u, s, |i| t[i].to_f64());
                for (c, range) in (0..self.channels).map(|c| (c, c * self.n_cells..(c + 1) * self.n_cells)) {
                    let sum: f64 = g[range.clone()].iter().zip(&image[range]).map(|(g, j)| g.to_f64() * j).sum();
                    d_gain[c] += T::from_f64(sum);
                }
                let c: Vec<f64> = g.iter().enumerate().map(|(i, g)| gain(i) * g.to_f64()).collect();
                let back = jacobian(&u, s, |i| c[i]);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let ut = u.iter().zip(t).map(|(u, t)| u * t.to_f64()).sum::<f64>() / n;
                let (along, across) = (dot(&c, &image) / (s * n), dot(&c, &u) / n);
                for i in 0..rows {
                    d_x[i] -= along * u[i] + (ut * back[i] + across * image[i]) / s;
                    g[i] = T::from_f64(back[i]);
                }
            }
            g.iter_mut().zip(&d_x).for_each(|(g, d)| *g = T::from_f64(*d));
        }
    }
}

/// J t = (t − t̄ − u ⟨u t⟩)/s, which is symmetric.
fn jacobian(u: &[f64], s: f64, t: impl Fn(usize) -> f64) -> Vec<f64> {
    let n = u.len() as f64;
    let (sum, product) = u.iter().enumerate().fold((0.0, 0.0), |(a, b), (i, u)| (a + t(i), b + u * t(i)));
    u.iter().enumerate().map(|(i, u)| (t(i) - sum / n - u * product / n) / s).collect()
}
