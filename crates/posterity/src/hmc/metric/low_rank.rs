//! A metric of scales and a few stretched directions.

use crate::hmc::vector;

/// L = diag(σ) (1 + Σ_k (√λ_k − 1) v_k v_kᵀ), with orthonormal v_k: the inverse mass matrix is
/// diag(σ) (1 + V (Λ − 1) Vᵀ) diag(σ). An application takes 4 n k operations for k directions, the memory is (k + 1) n.
#[derive(Clone, Debug)]
pub struct LowRank {
    scales: Vec<f64>,
    /// √λ_k.
    roots: Vec<f64>,
    /// v_k, one after another.
    vectors: Vec<f64>,
}

impl LowRank {
    /// From σ (n values), √λ (k values) and v (k rows of n values, orthonormal).
    pub(super) fn new(scales: Vec<f64>, roots: Vec<f64>, vectors: Vec<f64>) -> Self {
        Self { scales, roots, vectors }
    }

    /// σ.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Number of stretched directions.
    pub fn rank(&self) -> usize {
        self.roots.len()
    }

    pub(super) fn parts(&self) -> [(&'static str, &[f64]); 3] {
        [("scales", &self.scales), ("roots", &self.roots), ("vectors", &self.vectors)]
    }

    pub(super) fn apply(&self, u: &[f64], out: &mut [f64]) {
        out.copy_from_slice(u);
        self.stretch(u, out, |root| root - 1.0);
        out.iter_mut().zip(&self.scales).for_each(|(o, s)| *o *= s);
    }

    pub(super) fn apply_transposed(&self, gradient: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(gradient.iter().zip(&self.scales)).for_each(|(o, (g, s))| *o = g * s);
        self.stretch_in_place(out, |root| root - 1.0);
    }

    pub(super) fn apply_inverse(&self, x: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(x.iter().zip(&self.scales)).for_each(|(o, (x, s))| *o = x / s);
        self.stretch_in_place(out, |root| 1.0 / root - 1.0);
    }

    /// `out` += Σ_k `by`(√λ_k) v_k (v_k · `x`).
    fn stretch(&self, x: &[f64], out: &mut [f64], by: impl Fn(f64) -> f64) {
        for (vector, &root) in self.vectors.chunks_exact(x.len().max(1)).zip(&self.roots) {
            vector::add(out, by(root) * vector::dot(vector, x), vector);
        }
    }

    /// The same of `x` itself: the v_k are orthonormal, so that one does not see what another added.
    fn stretch_in_place(&self, x: &mut [f64], by: impl Fn(f64) -> f64) {
        for (vector, &root) in self.vectors.chunks_exact(x.len().max(1)).zip(&self.roots) {
            let along = by(root) * vector::dot(vector, x);
            vector::add(x, along, vector);
        }
    }
}
