//! Periodic convolution with small kernels as a direct stencil, and its adjoint by field and by weights.
//!
//! out(x) = Σ_d K(d) f(x + d), offsets d up to half the kernel's size on each axis, indices modulo the grid. The adjoint
//! by the field is df(y) = Σ_d K(d) g(y − d); by the kernel, dK(d) = Σ_y f(y) g(y − d): one pass gives both. A kernel
//! that depends on |d|² alone first adds up the rows of equal dx² + dy² ([`Isotropic`]): n rows of 3³ taps cost nine
//! row additions and nine row products instead of 27.
//!
//! Tasks are fixed numbers of rows, and their sums are added in order, so that the result does not depend on threads.
//! The cost grows as the kernel's size squared ([`Isotropic`]) or cubed ([`Stencil`]); on cubes, Fourier transforms take
//! over where they are faster ([`Spectral`]). Limit: the kernel must fit in the grid.

use super::multipole;
use super::spectral::Spectral;
use crate::math::vectorised::multiply_add;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows along the last axis in one task.
const ROWS: usize = 32;
const LANES: usize = 8;

/// A kernel of one weight for each |d|².
pub(super) struct Isotropic {
    shape: Shape,
    /// The offsets (dx, dy) of each value of dx² + dy², and the weight of each |dz|.
    planes: Vec<(Vec<[usize; 2]>, Vec<usize>)>,
    n_weights: usize,
    scratch: Vec<f64>,
    sums: Vec<f64>,
    /// For a large kernel, with the weight of each tap.
    spectral: Option<(Spectral, Vec<usize>)>,
}

/// A kernel of any values, in C order over the offsets.
pub(super) struct Stencil {
    shape: Shape,
    scratch: Vec<f64>,
    sums: Vec<f64>,
    /// For a large kernel.
    spectral: Option<Spectral>,
}

#[derive(Clone, Copy)]
struct Shape {
    grid: [usize; 3],
    half: [usize; 3],
}

impl Shape {
    fn n_tasks(self) -> usize {
        (self.grid[0] * self.grid[1]).div_ceil(ROWS)
    }

    fn padded(self) -> usize {
        self.grid[2] + 2 * self.half[2]
    }

    fn task(self) -> usize {
        ROWS * self.grid[2]
    }

    /// Offsets −h..=h of an axis as what is added modulo its length.
    fn offsets(self, axis: usize) -> Vec<usize> {
        let (n, h) = (self.grid[axis], self.half[axis]);
        (0..=2 * h).map(|i| (i + n - h) % n).collect()
    }

    #[inline(always)]
    fn row<'a>(&self, field: &'a [f64], row: usize, by: [usize; 2]) -> &'a [f64] {
        let [nx, ny, nz] = self.grid;
        let start = ((row / ny + by[0]) % nx * ny + (row % ny + by[1]) % ny) * nz;
        &field[start..start + nz]
    }

    /// Continues a row periodically on both sides.
    #[inline(always)]
    fn wrap(&self, padded: &mut [f64]) {
        let (n, h) = (self.grid[2], self.half[2]);
        padded.copy_within(n..n + h, 0);
        padded.copy_within(h..2 * h, n + h);
    }
}

impl Isotropic {
    /// `squares`: the values of |d|² that occur, ascending: one weight each.
    pub(super) fn new(grid: [usize; 3], half: [usize; 3], squares: &[usize]) -> Self {
        Self::with(Spectral::where_faster(grid, half, true), grid, half, squares)
    }

    /// As [`Isotropic::new`], by transforms or without.
    pub(super) fn with(spectral: Option<Spectral>, grid: [usize; 3], half: [usize; 3], squares: &[usize]) -> Self {
        let shape = Shape { grid, half };
        let across = |axis: usize| {
            let h = half[axis] as isize;
            shape.offsets(axis).into_iter().zip((-h..=h).map(|d| (d * d) as usize)).collect::<Vec<_>>()
        };
        let mut by_square = std::collections::BTreeMap::<usize, Vec<[usize; 2]>>::new();
        for (x, x2) in across(0) {
            for (y, y2) in across(1) {
                by_square.entry(x2 + y2).or_default().push([x, y]);
            }
        }
        let weight = |square: usize| squares.partition_point(|s| *s < square);
        let weights = |q: usize| (0..=half[2]).map(|z| weight(q + z * z)).collect();
        let planes = by_square.into_iter().map(|(q, offsets)| (offsets, weights(q))).collect();
        let (scratch, sums) = (vec![0.0; shape.n_tasks() * shape.padded()], vec![0.0; shape.n_tasks() * squares.len()]);
        let taps = || multipole::offsets(half).map(|d| weight(multipole::square(d))).collect();
        let spectral = spectral.map(|spectral| (spectral, taps()));
        Self { shape, planes, n_weights: squares.len(), scratch, sums, spectral }
    }

    /// `out` = K ⋆ `field`.
    pub(super) fn forward(&mut self, field: &[f64], weights: &[f64], out: &mut [f64]) {
        if let Some((spectral, taps)) = &mut self.spectral {
            return spectral.forward(field, taps.iter().map(|k| weights[*k]), out);
        }
        let Self { shape, planes, scratch, .. } = self;
        let tasks = out.par_chunks_mut(shape.task()).zip(scratch.par_chunks_mut(shape.padded()));
        tasks.enumerate().for_each(|(task, (out, padded))| {
            let sums: &mut [f64] = &mut [];
            let (other, out) = (None, Some(out));
            Arch::new().dispatch(IsotropicTask {
                shape: *shape,
                planes,
                field,
                weights,
                task,
                out,
                other,
                padded,
                sums,
            });
        });
    }

    /// Adjoint: `d_field` = Kᵀ `cotangent` (where wanted) and `d_weights` += what each weight adds to the sum of
    /// `cotangent` · (K ⋆ `field`).
    pub(super) fn vjp(
        &mut self,
        field: &[f64],
        weights: &[f64],
        cotangent: &[f64],
        d_field: Option<&mut [f64]>,
        d_weights: &mut [f64],
    ) {
        if let Some((spectral, taps)) = &mut self.spectral {
            let write = d_field.map(|d_field| move |all: &[f64]| d_field.copy_from_slice(all));
            let d_taps = spectral.vjp(field, taps.iter().map(|k| weights[*k]), cotangent, write);
            return taps.iter().zip(d_taps).for_each(|(k, d)| d_weights[*k] += d);
        }
        // The kernel is even: the same sums of rows, now of the cotangent, give both gradients.
        let Self { shape, planes, scratch, sums, n_weights, .. } = self;
        let tasks = scratch.par_chunks_mut(shape.padded()).zip(sums.par_chunks_mut(*n_weights)).enumerate();
        let run = |task: usize, out: Option<&mut [f64]>, padded: &mut [f64], sums: &mut [f64]| {
            sums.fill(0.0);
            let other = Some(field);
            let field = cotangent;
            Arch::new().dispatch(IsotropicTask {
                shape: *shape,
                planes,
                field,
                weights,
                task,
                out,
                other,
                padded,
                sums,
            });
        };
        match d_field {
            Some(d_field) => tasks
                .zip(d_field.par_chunks_mut(shape.task()))
                .for_each(|((task, (padded, sums)), out)| run(task, Some(out), padded, sums)),
            None => tasks.for_each(|(task, (padded, sums))| run(task, None, padded, sums)),
        }
        add_in_order(sums, d_weights);
    }
}

impl Stencil {
    pub(super) fn new(grid: [usize; 3], half: [usize; 3]) -> Self {
        Self::with(Spectral::where_faster(grid, half, false), grid, half)
    }

    /// As [`Stencil::new`], by transforms or without.
    pub(super) fn with(spectral: Option<Spectral>, grid: [usize; 3], half: [usize; 3]) -> Self {
        let shape = Shape { grid, half };
        let taps: usize = half.iter().map(|h| 2 * h + 1).product();
        let (scratch, sums) = (vec![0.0; shape.n_tasks() * shape.padded()], vec![0.0; shape.n_tasks() * taps]);
        Self { shape, scratch, sums, spectral }
    }

    /// `out` = K ⋆ `field`.
    pub(super) fn forward(&mut self, field: &[f64], kernel: &[f64], out: &mut [f64]) {
        if let Some(spectral) = &mut self.spectral {
            return spectral.forward(field, kernel.iter().copied(), out);
        }
        let Self { shape, scratch, .. } = self;
        let (xs, ys) = (shape.offsets(0), shape.offsets(1));
        let tasks = out.par_chunks_mut(shape.task()).zip(scratch.par_chunks_mut(shape.padded()));
        tasks.enumerate().for_each(|(task, (out, padded))| {
            let (across, out) = ([&xs[..], &ys[..]], Some(out));
            Arch::new().dispatch(StencilTask {
                shape: *shape,
                across,
                field,
                kernel,
                task,
                out,
                padded,
                gradient: None,
            });
        });
    }

    /// Adjoint: `d_field` += Kᵀ `cotangent` (where wanted), and `d_kernel` += the gradient of the sum of
    /// `cotangent` · (K ⋆ `field`).
    pub(super) fn vjp(
        &mut self,
        field: &[f64],
        kernel: &[f64],
        cotangent: &[f64],
        d_field: Option<&mut [f64]>,
        d_kernel: &mut [f64],
    ) {
        if let Some(spectral) = &mut self.spectral {
            let add = d_field.map(|d_field| move |all: &[f64]| d_field.iter_mut().zip(all).for_each(|(d, x)| *d += x));
            let d_taps = spectral.vjp(field, kernel.iter().copied(), cotangent, add);
            return d_kernel.iter_mut().zip(d_taps).for_each(|(d, tap)| *d += tap);
        }
        let Self { shape, scratch, sums, .. } = self;
        // Kᵀ is the kernel seen in a mirror: offsets and taps in reverse order.
        let (xs, ys) = (shape.offsets(0), shape.offsets(1));
        let tasks = scratch.par_chunks_mut(shape.padded()).zip(sums.par_chunks_mut(kernel.len())).enumerate();
        let run = |task: usize, out: Option<&mut [f64]>, padded: &mut [f64], sums: &mut [f64]| {
            sums.fill(0.0);
            let across = [&xs[..], &ys[..]];
            let gradient = Some((field, sums));
            Arch::new().dispatch(StencilTask {
                shape: *shape,
                across,
                field: cotangent,
                kernel,
                task,
                out,
                padded,
                gradient,
            });
        };
        match d_field {
            Some(d_field) => tasks
                .zip(d_field.par_chunks_mut(shape.task()))
                .for_each(|((task, (padded, sums)), out)| run(task, Some(out), padded, sums)),
            None => tasks.for_each(|(task, (padded, sums))| run(task, None, padded, sums)),
        }
        add_in_order(sums, d_kernel);
    }
}

fn add_in_order(sums: &[f64], total: &mut [f64]) {
    for part in sums.chunks_exact(total.len()) {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
}

struct IsotropicTask<'a> {
    shape: Shape,
    planes: &'a [(Vec<[usize; 2]>, Vec<usize>)],
    field: &'a [f64],
    weights: &'a [f64],
    task: usize,
    out: Option<&'a mut [f64]>,
    other: Option<&'a [f64]>,
    padded: &'a mut [f64],
    sums: &'a mut [f64],
}

impl WithSimd for IsotropicTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { shape, planes, field, weights, task, mut out, other, padded, sums } = self;
        let (n, h) = (shape.grid[2], shape.half[2]);
        let n_rows = (shape.grid[0] * shape.grid[1] - task * ROWS).min(ROWS);
        for i in 0..n_rows {
            let row = task * ROWS + i;
            if let Some(out) = &mut out {
                out[i * n..(i + 1) * n].fill(0.0);
            }
            for (offsets, indices) in planes {
                let core = &mut padded[h..h + n];
                core.copy_from_slice(shape.row(field, row, offsets[0]));
                for by in &offsets[1..] {
                    core.iter_mut().zip(shape.row(field, row, *by)).for_each(|(c, f)| *c += f);
                }
                shape.wrap(padded);
                for (dz, index) in indices.iter().enumerate() {
                    let (left, right) = (&padded[h - dz..h - dz + n], &padded[h + dz..h + dz + n]);
                    // At dz = 0 both are the same row, which counts once.
                    let share = if dz == 0 { 0.5 } else { 1.0 };
                    if let Some(out) = &mut out {
                        let w = weights[*index] * share;
                        let out = &mut out[i * n..(i + 1) * n];
                        add_rows::<S>(out, w, left, right);
                    }
                    if let Some(other) = other {
                        sums[*index] += share * dot_sum::<S>(&other[row * n..(row + 1) * n], left, right);
                    }
                }
            }
        }
    }
}

struct StencilTask<'a> {
    shape: Shape,
    across: [&'a [usize]; 2],
    field: &'a [f64],
    kernel: &'a [f64],
    task: usize,
    out: Option<&'a mut [f64]>,
    padded: &'a mut [f64],
    /// In the adjoint: the field, and the sums by tap.
    gradient: Option<(&'a [f64], &'a mut [f64])>,
}

impl WithSimd for StencilTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { shape, across: [xs, ys], field, kernel, task, mut out, padded, mut gradient } = self;
        let (n, h) = (shape.grid[2], shape.half[2]);
        let is_adjoint = gradient.is_some();
        let depth = 2 * h + 1;
        let n_rows = (shape.grid[0] * shape.grid[1] - task * ROWS).min(ROWS);
        for i in 0..n_rows {
            let row = task * ROWS + i;
            let mut out = out.as_mut().map(|out| &mut out[i * n..(i + 1) * n]);
            if let Some(out) = out.as_mut().filter(|_| !is_adjoint) {
                out.fill(0.0);
            }
            for (plane, taps) in kernel.chunks_exact(depth).enumerate() {
                let (a, b) = (plane / ys.len(), plane % ys.len());
                let by = if is_adjoint { [xs[xs.len() - 1 - a], ys[ys.len() - 1 - b]] } else { [xs[a], ys[b]] };
                padded[h..h + n].copy_from_slice(shape.row(field, row, by));
                shape.wrap(padded);
                for (tap, k) in taps.iter().enumerate() {
                    let start = if is_adjoint { depth - 1 - tap } else { tap };
                    let shifted = &padded[start..start + n];
                    if let Some(out) = &mut out {
                        for (o, f) in out.iter_mut().zip(shifted) {
                            *o = multiply_add::<S>(*k, *f, *o);
                        }
                    }
                    if let Some((other, sums)) = &mut gradient {
                        let other = &other[row * n..(row + 1) * n];
                        sums[plane * depth + tap] += 0.5 * dot_sum::<S>(other, shifted, shifted);
                    }
                }
            }
        }
    }
}

/// `out` += w (a + b), in lanes: the compiler leaves the plain loop scalar, since a and b overlap.
#[inline(always)]
fn add_rows<S: Simd>(out: &mut [f64], w: f64, a: &[f64], b: &[f64]) {
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = std::array::from_fn(|l| multiply_add::<S>(w, a[l] + b[l], out[l]));
    }
    out_rest.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(o, (a, b))| *o = multiply_add::<S>(w, a + b, *o));
}

/// Σ a (b + c), in lanes that are added up at the end.
#[inline(always)]
fn dot_sum<S: Simd>(a: &[f64], b: &[f64], c: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let (c, c_rest) = c.as_chunks::<LANES>();
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        for l in 0..LANES {
            lanes[l] = multiply_add::<S>(a[l], b[l] + c[l], lanes[l]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest.iter().zip(c_rest)).map(|(a, (b, c))| a * (b + c)).sum();
    lanes.iter().sum::<f64>() + rest
}
