//! Real Fourier transforms of cubes, and the passes they are made of, so that a chain of maps can be fused into them.
//!
//! The transform of n³ reals in C order is n × n × (n/2 + 1) complex numbers:
//! ```text
//! f(k) = Σ_x f(x) exp(-2πi k·x/n),    f(x) = n⁻³ Σ_k f(k) exp(2πi k·x/n)
//! ```
//! The sums along one axis are those of `rustfft` and `realfft`. They are done in two passes, each of which reads one
//! array and writes another in contiguous pieces: the first does two axes of one plane after another, the second the
//! last axis, a few columns at a time. Each number is computed by itself, so the result does not depend, to the bit, on
//! the number of threads. Nothing is allocated after the plan is made.
//!
//! Any n ≥ 1 is right; products of small primes are fast.

use rayon::prelude::*;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::Fft;
use std::fmt;
use std::sync::Arc;

mod serial;

pub use serial::{SerialFft, Workspace};

/// A complex number.
pub type Complex = rustfft::num_complex::Complex<f64>;

/// Pieces into which a pass is cut, whatever the number of threads: each has scratch memory of its own.
const N_TASKS: usize = 16;
/// Most columns that are transformed together: their values fit into the nearest cache.
const MAX_WIDTH: usize = 12;
/// Columns are kept this much further apart than they are long, lest all begin in the same set of the cache.
const PAD: usize = 4;

/// The transform of a cube of n³ reals, with its scratch memory (8 n³ + 528 n² bytes and some blocks of columns).
#[derive(Debug)]
pub struct RealFft3 {
    lines: Lines,
    scratch: Vec<Scratch>,
    half_way: Vec<Complex>,
}

impl RealFft3 {
    /// Plans the transform for a side of `n` ≥ 1.
    pub fn new(n: usize) -> Self {
        let lines = Lines::new(n);
        let scratch = lines.scratch();
        let half_way = vec![Complex::default(); lines.len()];
        Self { lines, scratch, half_way }
    }

    /// Number of complex values of a transform: n · n · (n/2 + 1).
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// False: there is at least one value.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The transform, of n³ values at `real` (x slowest), to `spectrum` (n, n, n/2 + 1).
    ///
    /// # Panics
    /// If a length is another.
    pub fn forward(&mut self, real: &[f64], spectrum: &mut [Complex]) {
        let Self { lines, scratch, half_way } = self;
        let (n, plane, chunk) = (lines.n, lines.plane(), lines.chunk());
        assert_eq!((real.len(), spectrum.len()), (n * n * n, lines.len()), "lengths of a transform of {n}³");
        let planes = (half_way.par_chunks_mut(chunk * plane), scratch.par_iter_mut()).into_par_iter().enumerate();
        planes.for_each(|(task, (out, scratch))| {
            for (i, out) in out.chunks_exact_mut(plane).enumerate() {
                let y = task * chunk + i;
                lines.forward_plane(&real[y * n..], n * n, [&lines.ones, &lines.ones], false, out, scratch);
            }
        });
        let half_way = &*half_way;
        let planes = (spectrum.par_chunks_mut(chunk * plane), scratch.par_iter_mut()).into_par_iter().enumerate();
        planes.for_each(|(task, (out, scratch))| {
            for (i, out) in out.chunks_exact_mut(plane).enumerate() {
                let kx = task * chunk + i;
                for columns in lines.blocks() {
                    let block = &mut scratch.blocks[0];
                    lines.gather(&half_way[kx * lines.nh..], plane, columns, block);
                    lines.forward(columns, block, &mut scratch.fft);
                    lines.scatter(block, columns, out);
                }
            }
        });
    }

    /// The inverse transform, with its n⁻³, of the half spectrum of n³ reals. Where a value and its mirror image are
    /// both stored (kz = 0 and, for even n, kz = n/2), they must be complex conjugates; otherwise the result is real but
    /// unspecified.
    ///
    /// # Panics
    /// If a length is another.
    pub fn inverse(&mut self, spectrum: &[Complex], real: &mut [f64]) {
        let Self { lines, scratch, half_way } = self;
        let (n, plane, chunk) = (lines.n, lines.plane(), lines.chunk());
        assert_eq!((real.len(), spectrum.len()), (n * n * n, lines.len()), "lengths of a transform of {n}³");
        let planes = (half_way.par_chunks_mut(chunk * plane), scratch.par_iter_mut()).into_par_iter().enumerate();
        planes.for_each(|(task, (out, scratch))| {
            for (i, out) in out.chunks_exact_mut(plane).enumerate() {
                let ky = task * chunk + i;
                for columns in lines.blocks() {
                    let block = &mut scratch.blocks[0];
                    lines.gather(&spectrum[ky * lines.nh..], plane, columns, block);
                    lines.inverse(columns, block, &mut scratch.fft);
                    lines.scatter(block, columns, out);
                }
            }
        });
        let half_way = &*half_way;
        let norm = 1.0 / (n * n * n) as f64;
        let planes = (real.par_chunks_mut(chunk * n * n), scratch.par_iter_mut()).into_par_iter().enumerate();
        planes.for_each(|(task, (out, scratch))| {
            for (i, out) in out.chunks_exact_mut(n * n).enumerate() {
                let x = task * chunk + i;
                lines.inverse_plane(&half_way[x * lines.nh..], plane, [&lines.ones, &lines.ones], out, scratch);
                out.iter_mut().for_each(|value| *value *= norm);
            }
        });
    }
}

/// The transforms along single axes, and how they are gathered from a cube.
pub(crate) struct Lines {
    /// Side of the cube.
    pub(crate) n: usize,
    /// n/2 + 1.
    pub(crate) nh: usize,
    /// n times 1.
    pub(crate) ones: Vec<f64>,
    width: usize,
    real_to_complex: Arc<dyn RealToComplex<f64>>,
    complex_to_real: Arc<dyn ComplexToReal<f64>>,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("n", &self.n).finish_non_exhaustive()
    }
}

/// Scratch memory of one task.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    /// Three blocks of columns, of `Lines::pitch` values for each column.
    pub(crate) blocks: [Vec<Complex>; 3],
    /// Scratch of the transforms.
    pub(crate) fft: Vec<Complex>,
    /// Three planes of n² reals.
    pub(crate) real: [Vec<f64>; 3],
    plane: Vec<Complex>,
    row: Vec<f64>,
}

/// Columns `.0` to `.0 + .1` of a plane.
pub(crate) type Columns = (usize, usize);

impl Lines {
    pub(crate) fn new(n: usize) -> Self {
        let nh = n / 2 + 1;
        let mut real = RealFftPlanner::new();
        let mut complex = rustfft::FftPlanner::new();
        Self {
            n,
            nh,
            ones: vec![1.0; n],
            width: nh.div_ceil(nh.div_ceil(MAX_WIDTH)),
            real_to_complex: real.plan_fft_forward(n),
            complex_to_real: real.plan_fft_inverse(n),
            forward: complex.plan_fft_forward(n),
            inverse: complex.plan_fft_inverse(n),
        }
    }

    /// Scratch memory, one for each task of a pass.
    pub(crate) fn scratch(&self) -> Vec<Scratch> {
        vec![self.one_scratch(); self.n.div_ceil(self.chunk())]
    }

    /// Scratch memory of one task.
    fn one_scratch(&self) -> Scratch {
        let block = vec![Complex::default(); self.width * self.pitch()];
        let lengths = [
            self.real_to_complex.get_scratch_len(),
            self.complex_to_real.get_scratch_len(),
            self.forward.get_inplace_scratch_len(),
            self.inverse.get_inplace_scratch_len(),
        ];
        Scratch {
            blocks: [block.clone(), block.clone(), block],
            fft: vec![Complex::default(); lengths.into_iter().fold(0, usize::max)],
            real: std::array::from_fn(|_| vec![0.0; self.n * self.n]),
            plane: vec![Complex::default(); self.plane()],
            row: vec![0.0; self.n],
        }
    }

    /// Complex values of a cube.
    pub(crate) fn len(&self) -> usize {
        self.n * self.plane()
    }

    /// Complex values of a plane.
    pub(crate) fn plane(&self) -> usize {
        self.n * self.nh
    }

    /// Planes of a task.
    pub(crate) fn chunk(&self) -> usize {
        self.n.div_ceil(N_TASKS)
    }

    /// From one column of a block to the next.
    pub(crate) fn pitch(&self) -> usize {
        self.n + PAD
    }

    /// The columns of a plane, block after block.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Columns> + use<> {
        let (nh, width) = (self.nh, self.width);
        (0..nh).step_by(width).map(move |first| (first, width.min(nh - first)))
    }

    /// The columns of n rows, `stride` apart, each to its place in the block.
    pub(crate) fn gather(&self, from: &[Complex], stride: usize, columns: Columns, block: &mut [Complex]) {
        self.gather_with(from, stride, columns, block, |value, _, _| value);
    }

    /// Four rows at a time, so that what is written lies together.
    #[inline(always)]
    fn gather_with(
        &self,
        from: &[Complex],
        stride: usize,
        (first, width): Columns,
        block: &mut [Complex],
        value: impl Fn(Complex, usize, usize) -> Complex,
    ) {
        let row = |y: usize| &from[y * stride + first..][..width];
        let whole = self.n - self.n % 4;
        for y in (0..whole).step_by(4) {
            let rows: [_; 4] = std::array::from_fn(|i| row(y + i));
            for (j, column) in block.chunks_mut(self.pitch()).take(width).enumerate() {
                let values: [_; 4] = std::array::from_fn(|i| value(rows[i][j], y + i, j));
                column[y..y + 4].copy_from_slice(&values);
            }
        }
        for y in whole..self.n {
            let columns = block[y..].iter_mut().step_by(self.pitch());
            row(y).iter().zip(columns).enumerate().for_each(|(j, (from, column))| *column = value(*from, y, j));
        }
    }

    /// The block's columns back to the rows of a plane.
    pub(crate) fn scatter(&self, block: &[Complex], columns: Columns, plane: &mut [Complex]) {
        self.scatter_with(block, columns, plane, |_, value, _, _| value);
    }

    #[inline(always)]
    fn scatter_with(
        &self,
        block: &[Complex],
        (first, width): Columns,
        plane: &mut [Complex],
        value: impl Fn(Complex, Complex, usize, usize) -> Complex,
    ) {
        let whole = self.n - self.n % 4;
        let (quads, rest) = plane.split_at_mut(whole * self.nh);
        for (quad, rows) in quads.chunks_exact_mut(4 * self.nh).enumerate() {
            let y = 4 * quad;
            let (ab, cd) = rows.split_at_mut(2 * self.nh);
            let ((a, b), (c, d)) = (ab.split_at_mut(self.nh), cd.split_at_mut(self.nh));
            let [a, b, c, d] = [a, b, c, d].map(|row| &mut row[first..first + width]);
            for (j, column) in block.chunks(self.pitch()).take(width).enumerate() {
                let column = &column[y..y + 4];
                a[j] = value(a[j], column[0], y, j);
                b[j] = value(b[j], column[1], y + 1, j);
                c[j] = value(c[j], column[2], y + 2, j);
                d[j] = value(d[j], column[3], y + 3, j);
            }
        }
        for (y, row) in (whole..).zip(rest.chunks_exact_mut(self.nh)) {
            let columns = block[y..].iter().step_by(self.pitch());
            let row = row[first..first + width].iter_mut().zip(columns).enumerate();
            row.for_each(|(j, (to, column))| *to = value(*to, *column, y, j));
        }
    }

    /// Transforms each column of a block.
    pub(crate) fn forward(&self, (_, width): Columns, block: &mut [Complex], scratch: &mut [Complex]) {
        for column in block.chunks_mut(self.pitch()).take(width) {
            self.forward.process_with_scratch(&mut column[..self.n], scratch);
        }
    }

    /// Transforms each column of a block back, without 1/n.
    pub(crate) fn inverse(&self, (_, width): Columns, block: &mut [Complex], scratch: &mut [Complex]) {
        for column in block.chunks_mut(self.pitch()).take(width) {
            self.inverse.process_with_scratch(&mut column[..self.n], scratch);
        }
    }

    /// Transforms n rows of n reals, `stride` apart, along both axes; times factors of both wavenumbers, to or onto the
    /// plane `out`.
    pub(crate) fn forward_plane(
        &self,
        real: &[f64],
        stride: usize,
        factors: [&[f64]; 2],
        add: bool,
        out: &mut [Complex],
        scratch: &mut Scratch,
    ) {
        for (row, out) in real.chunks(stride).zip(scratch.plane.chunks_exact_mut(self.nh)) {
            scratch.row.copy_from_slice(&row[..self.n]);
            let done = self.real_to_complex.process_with_scratch(&mut scratch.row, out, &mut scratch.fft);
            debug_assert!(done.is_ok());
        }
        for columns in self.blocks() {
            let block = &mut scratch.blocks[0];
            self.gather(&scratch.plane, self.nh, columns, block);
            self.forward(columns, block, &mut scratch.fft);
            let [rows, cols] = [factors[0], &factors[1][columns.0..columns.0 + columns.1]];
            if add {
                self.scatter_with(block, columns, out, |before, value, y, j| before + value * (rows[y] * cols[j]));
            } else {
                self.scatter_with(block, columns, out, |_, value, y, j| value * (rows[y] * cols[j]));
            }
        }
    }

    /// Transforms n rows of n/2 + 1 values, `stride` apart, times factors of both wavenumbers, back along both axes to
    /// the n² reals `out`, without n⁻².
    pub(crate) fn inverse_plane(
        &self,
        from: &[Complex],
        stride: usize,
        factors: [&[f64]; 2],
        out: &mut [f64],
        scratch: &mut Scratch,
    ) {
        for columns in self.blocks() {
            let block = &mut scratch.blocks[0];
            let [rows, cols] = [factors[0], &factors[1][columns.0..columns.0 + columns.1]];
            self.gather_with(from, stride, columns, block, |value, y, j| value * (rows[y] * cols[j]));
            self.inverse(columns, block, &mut scratch.fft);
            self.scatter(block, columns, &mut scratch.plane);
        }
        for (row, out) in scratch.plane.chunks_exact_mut(self.nh).zip(out.chunks_exact_mut(self.n)) {
            // Rounding leaves imaginary parts where a real function has none.
            row[0].im = 0.0;
            if self.n.is_multiple_of(2) {
                row[self.nh - 1].im = 0.0;
            }
            let done = self.complex_to_real.process_with_scratch(row, out, &mut scratch.fft);
            debug_assert!(done.is_ok());
        }
    }
}

/// What is done to the columns of one (ky, kz), with n values kept for it.
pub(crate) trait Column: Fn(usize, usize, [&mut [Complex]; 3], &mut [Complex]) -> f64 + Sync {}
impl<F: Fn(usize, usize, [&mut [Complex]; 3], &mut [Complex]) -> f64 + Sync> Column for F {}

impl Lines {
    /// Transforms `n_in` spectra along their last axis, x, lets `column` turn them to `n_out` others, and transforms
    /// those back along x, without 1/n. Both numbers are at most 3.
    ///
    /// `from` is in the order (x, spectrum, ky, kz), `to` in the order (ky, spectrum, x, kz). `column(ky, kz, columns,
    /// kept)` finds the spectra in the first of the columns, n values of kx each, and leaves the others there; `kept`
    /// (ky, kz, kx) is its to read or write. What it returns is summed, in order, to `sums` (ky).
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn pencils(
        &self,
        scratch: &mut [Scratch],
        (from, n_in): (&[Complex], usize),
        (to, n_out): (&mut [Complex], usize),
        kept: &mut [Complex],
        sums: &mut [f64],
        column: impl Column,
    ) {
        let (n, plane, chunk) = (self.n, self.plane(), self.chunk());
        let tasks = (
            to.par_chunks_mut(chunk * n_out * plane),
            kept.par_chunks_mut(chunk * plane),
            sums.par_chunks_mut(chunk),
            scratch.par_iter_mut(),
        );
        tasks.into_par_iter().enumerate().for_each(|(task, (to, kept, sums, scratch))| {
            let planes = to.chunks_exact_mut(n_out * plane).zip(kept.chunks_exact_mut(plane)).zip(sums);
            for (i, ((to, kept), sum)) in planes.enumerate() {
                let ky = task * chunk + i;
                *sum = 0.0;
                for columns in self.blocks() {
                    for (i, block) in scratch.blocks[..n_in].iter_mut().enumerate() {
                        self.gather(&from[i * plane + ky * self.nh..], n_in * plane, columns, block);
                        self.forward(columns, block, &mut scratch.fft);
                    }
                    let (first, width) = columns;
                    let [a, b, c] = &mut scratch.blocks;
                    let pitch = self.pitch();
                    let abc = a.chunks_mut(pitch).zip(b.chunks_mut(pitch)).zip(c.chunks_mut(pitch)).take(width);
                    for (j, ((a, b), c)) in abc.enumerate() {
                        let kz = first + j;
                        let three = [&mut a[..n], &mut b[..n], &mut c[..n]];
                        *sum += column(ky, kz, three, &mut kept[kz * n..(kz + 1) * n]);
                    }
                    for (block, to) in scratch.blocks.iter_mut().zip(to.chunks_exact_mut(plane)) {
                        self.inverse(columns, block, &mut scratch.fft);
                        self.scatter(block, columns, to);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
