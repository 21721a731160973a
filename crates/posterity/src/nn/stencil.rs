//! The cells that a kernel sees: gathered into the columns of a matrix, so that a convolution is a product, and back.
//!
//! A tap is an offset with the group whose weight it shares and its factor there. Of a plain kernel each tap is a group;
//! of a multipole kernel those of equal radius are one, and the matrix has a row for each radius and not for each cell.

use super::layer::Padding;
use super::real::Real;
use crate::engine::multipole::{directions, offsets, square, squares};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// A cell of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tap {
    offset: [isize; 3],
    group: usize,
    factor: f64,
    /// The first of its group.
    opens: bool,
}

/// The cells of a kernel, group after group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stencil {
    taps: Vec<Tap>,
    n_groups: usize,
    /// Groups of which this component sees nothing.
    unseen: Vec<usize>,
}

impl Stencil {
    /// All cells of a kernel, each with a weight of its own, in C order.
    pub(super) fn plain(kernel: [usize; 3]) -> Self {
        let axis = |n: usize| {
            let below = (n - 1) / 2;
            (0..n).map(move |i| i as isize - below as isize)
        };
        let all = axis(kernel[0])
            .flat_map(move |x| axis(kernel[1]).map(move |y| (x, y)))
            .flat_map(move |(x, y)| axis(kernel[2]).map(move |z| [x, y, z]));
        let taps: Vec<Tap> =
            all.enumerate().map(|(group, offset)| Tap { offset, group, factor: 1.0, opens: true }).collect();
        Self { n_groups: taps.len(), taps, unseen: vec![] }
    }

    /// A kernel of each component of a degree; all have the same groups, one for each radius.
    pub(super) fn multipole(kernel: [usize; 3], degree: usize) -> Vec<Self> {
        let half = kernel.map(|k| k / 2);
        let radii = squares(half, degree > 0);
        let of_component = |direction: Vec<f64>| {
            let mut taps: Vec<Tap> = Vec::new();
            for (group, radius) in radii.iter().enumerate() {
                let there =
                    offsets(half).zip(&direction).filter(|(d, factor)| square(*d) == *radius && **factor != 0.0);
                for (k, (offset, &factor)) in there.enumerate() {
                    taps.push(Tap { offset, group, factor, opens: k == 0 });
                }
            }
            let unseen = (0..radii.len()).filter(|group| taps.iter().all(|tap| tap.group != *group)).collect();
            Self { taps, n_groups: radii.len(), unseen }
        };
        directions(half, degree).into_iter().map(of_component).collect()
    }

    /// Weights of a pair of channels.
    pub(super) fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// The sum of all squared factors: how much larger the variance of the output is than that of cell and weight.
    pub(super) fn strength(&self) -> f64 {
        self.taps.iter().map(|tap| tap.factor * tap.factor).sum()
    }

    /// Whether this is the cell itself and nothing else.
    pub(super) fn is_pointwise(&self) -> bool {
        matches!(self.taps[..], [Tap { offset: [0, 0, 0], factor: 1.0, .. }])
    }

    /// Operations of gathering one cell's column.
    pub(super) fn n_taps(&self) -> usize {
        self.taps.len()
    }
}

/// Grids before and after, and how one lies on the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Geometry {
    pub(super) size_in: [usize; 3],
    pub(super) size_out: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) padding: Padding,
}

impl Geometry {
    pub(super) fn cells_in(&self) -> usize {
        self.size_in.iter().product()
    }

    pub(super) fn cells_out(&self) -> usize {
        self.size_out.iter().product()
    }

    /// Lines of the output along the last axis.
    pub(super) fn n_lines(&self) -> usize {
        self.size_out[0] * self.size_out[1]
    }

    /// Where each of some lines of the output begins in the input, at this offset along the first two axes; none beyond the
    /// edge.
    #[inline(always)]
    fn lines(&self, lines: &Range<usize>, offset: [isize; 3]) -> impl Iterator<Item = Option<usize>> + use<> {
        let Self { size_in, size_out, stride, padding } = *self;
        let (first, last) = (lines.start, lines.end);
        let (mut i, mut j) = (first / size_out[1], first % size_out[1]);
        // No division for each line: copying one takes no longer.
        let axis = move |i: usize, k: usize| {
            let (n, at) = (size_in[k] as isize, (i * stride[k]) as isize + offset[k]);
            match padding {
                Padding::Periodic if at < 0 => Some((at + n) as usize),
                Padding::Periodic if at >= n => Some((at - n) as usize),
                Padding::Zero if !(0..n).contains(&at) => None,
                _ => Some(at as usize),
            }
        };
        (first..last).map(move |_| {
            let begin = axis(i, 0).zip(axis(j, 1)).map(|(x, y)| (x * size_in[1] + y) * size_in[2]);
            j += 1;
            if j == size_out[1] {
                (i, j) = (i + 1, 0);
            }
            begin
        })
    }

    /// Stretches `(out, from, n)` of a line of outputs whose inputs, at this offset along the last axis, lie `stride` apart
    /// from `from` on: inside the field, and on either side of it where it wraps.
    #[inline(always)]
    fn stretches(&self, offset: isize) -> [(usize, usize, usize); 3] {
        let (n, n_out, stride) = (self.size_in[2] as isize, self.size_out[2], self.stride[2] as isize);
        // The first output whose input is not below `edge`.
        let reaching = |edge: isize| (edge - offset + stride - 1).div_euclid(stride).clamp(0, n_out as isize) as usize;
        let (low, high) = (reaching(0), reaching(n));
        let from = |x: usize| (x as isize * stride + offset).rem_euclid(n) as usize;
        let inside = (low, from(low), high.saturating_sub(low));
        match self.padding {
            Padding::Periodic => [(0, from(0), low), inside, (high, from(high), n_out - high)],
            Padding::Zero => [inside, (0, 0, 0), (0, 0, 0)],
        }
    }
}

/// Fills `columns`, `(n_channels · n_groups, lines · size_out[2])`, with what the taps see of the channels of one input.
pub(super) fn gather<T: Real>(
    stencil: &Stencil,
    geometry: &Geometry,
    input: &[T],
    lines: Range<usize>,
    columns: &mut [T],
) {
    Arch::new().dispatch(Gather { stencil, geometry, input, lines, columns });
}

/// The transpose of [`gather`]: adds the columns' values to where they came from.
pub(super) fn scatter<T: Real>(
    stencil: &Stencil,
    geometry: &Geometry,
    columns: &[T],
    lines: Range<usize>,
    input: &mut [T],
) {
    Arch::new().dispatch(Scatter { stencil, geometry, columns, lines, input });
}

struct Gather<'a, T> {
    stencil: &'a Stencil,
    geometry: &'a Geometry,
    input: &'a [T],
    lines: Range<usize>,
    columns: &'a mut [T],
}

impl<T: Real> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { stencil, geometry, input, lines, columns } = self;
        let n = geometry.size_out[2];
        let width = lines.len() * n;
        for (c, channel) in input.chunks_exact(geometry.cells_in()).enumerate() {
            for group in &stencil.unseen {
                columns[(c * stencil.n_groups + group) * width..][..width].fill(T::ZERO);
            }
            for tap in &stencil.taps {
                let row = (c * stencil.n_groups + tap.group) * width;
                let (factor, stride) = (T::from_f64(tap.factor), geometry.stride[2]);
                let stretches = geometry.stretches(tap.offset[2]);
                for (k, begin) in geometry.lines(&lines, tap.offset).enumerate() {
                    let out = &mut columns[row + k * n..row + (k + 1) * n];
                    if tap.opens && geometry.padding == Padding::Zero {
                        out.fill(T::ZERO);
                    }
                    let Some(begin) = begin else { continue };
                    let seen = &channel[begin..begin + geometry.size_in[2]];
                    for &(x, from, count) in stretches.iter().filter(|(_, _, count)| *count > 0) {
                        let out = &mut out[x..x + count];
                        if stride == 1 {
                            let seen = &seen[from..from + count];
                            match (tap.opens, tap.factor == 1.0) {
                                (true, true) => out.copy_from_slice(seen),
                                (true, false) => out.iter_mut().zip(seen).for_each(|(o, s)| *o = factor * *s),
                                (false, true) => out.iter_mut().zip(seen).for_each(|(o, s)| *o += *s),
                                (false, false) => out.iter_mut().zip(seen).for_each(|(o, s)| *o += factor * *s),
                            }
                        } else {
                            let seen = seen[from..].iter().step_by(stride);
                            if tap.opens {
                                out.iter_mut().zip(seen).for_each(|(o, s)| *o = factor * *s);
                            } else {
                                out.iter_mut().zip(seen).for_each(|(o, s)| *o += factor * *s);
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Scatter<'a, T> {
    stencil: &'a Stencil,
    geometry: &'a Geometry,
    columns: &'a [T],
    lines: Range<usize>,
    input: &'a mut [T],
}

impl<T: Real> WithSimd for Scatter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { stencil, geometry, columns, lines, input } = self;
        let n = geometry.size_out[2];
        let width = lines.len() * n;
        for (c, channel) in input.chunks_exact_mut(geometry.cells_in()).enumerate() {
            for tap in &stencil.taps {
                let row = (c * stencil.n_groups + tap.group) * width;
                let (factor, stride) = (T::from_f64(tap.factor), geometry.stride[2]);
                let stretches = geometry.stretches(tap.offset[2]);
                for (k, begin) in geometry.lines(&lines, tap.offset).enumerate() {
                    let from = &columns[row + k * n..row + (k + 1) * n];
                    let Some(begin) = begin else { continue };
                    let seen = &mut channel[begin..begin + geometry.size_in[2]];
                    for &(x, first, count) in stretches.iter().filter(|(_, _, count)| *count > 0) {
                        let from = &from[x..x + count];
                        if stride == 1 {
                            let seen = &mut seen[first..first + count];
                            seen.iter_mut().zip(from).for_each(|(s, f)| *s += factor * *f);
                        } else {
                            let seen = seen[first..].iter_mut().step_by(stride);
                            seen.zip(from).for_each(|(s, f)| *s += factor * *f);
                        }
                    }
                }
            }
        }
    }
}
