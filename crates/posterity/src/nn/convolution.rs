//! Convolution as a product: the cells that the kernel sees are gathered, stretch by stretch, into columns.
//!
//! Weights are `(channels out, channels in, groups)` row after row, then the biases. A multipole of degree ℓ > 0 has a
//! stencil for each component, all with the same weights, and no bias: its channels are component after component.
//!
//! Chellapilla, Puri, Simard 2006, *High performance convolutional neural networks for document processing*.

use super::real::{Real, Strided, product_into};
use super::stencil::{Geometry, Stencil, gather, scatter};
use std::ops::Range;

/// Values of the columns that are in memory at once: about a second-level cache of f32.
const COLUMNS: usize = 1 << 17;

/// A convolution on a grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Convolution {
    pub(super) channels_in: usize,
    /// Channels out, of each component.
    pub(super) channels: usize,
    pub(super) geometry: Geometry,
    pub(super) stencils: Vec<Stencil>,
    pub(super) has_bias: bool,
}

impl Convolution {
    /// Rows of the columns: weights of one channel out.
    pub(super) fn n_seen(&self) -> usize {
        self.channels_in * self.stencils.first().map_or(0, Stencil::n_groups)
    }

    /// Weights but the biases.
    pub(super) fn n_kernel(&self) -> usize {
        self.channels * self.n_seen()
    }

    pub(super) fn n_weights(&self) -> usize {
        self.n_kernel() + if self.has_bias { self.channels } else { 0 }
    }

    /// Operations of one forward pass of one row.
    pub(super) fn flops(&self) -> usize {
        let gathered: usize = self.stencils.iter().map(|s| s.n_taps() - s.n_groups().min(s.n_taps())).sum();
        self.geometry.cells_out() * (2 * self.stencils.len() * self.n_kernel() + gathered * self.channels_in)
    }

    /// Standard deviation of first weights that keep the size of the signal, times the root of `gain`.
    pub(super) fn spread(&self, gain: f64) -> f64 {
        let strength = self.stencils.iter().map(Stencil::strength).sum::<f64>() / self.stencils.len().max(1) as f64;
        (gain / (self.channels_in as f64 * strength)).sqrt()
    }

    /// Stretches of lines whose columns are in memory at once.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (n_lines, width) = (self.geometry.n_lines(), self.geometry.size_out[2]);
        let lines = (COLUMNS / (self.n_seen() * width).max(1)).clamp(1, n_lines);
        (0..n_lines).step_by(lines).map(move |first| first..(first + lines).min(n_lines))
    }

    /// Where the input is itself the columns: nothing is gathered.
    fn is_pointwise(&self) -> bool {
        self.geometry.stride == [1; 3] && self.stencils.iter().all(Stencil::is_pointwise)
    }

    /// Rows in bundles of a value row and its tangents; `columns` is scratch memory.
    pub(super) fn forward<T: Real>(
        &self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        out: &mut [T],
        columns: &mut Vec<T>,
    ) {
        let (kernel, bias) = weights.split_at(self.n_kernel());
        let (cells_in, cells) = (self.geometry.cells_in(), self.geometry.cells_out());
        let kernel = Strided::rows(kernel, self.channels, self.n_seen());
        let rows = input.chunks_exact(self.channels_in * cells_in);
        for (r, (input, out)) in rows.zip(out.chunks_exact_mut(self.width_out())).enumerate() {
            let is_value = r % (1 + n_tangents) == 0;
            for (stencil, out) in self.stencils.iter().zip(out.chunks_exact_mut(self.channels * cells)) {
                let add = self.has_bias && is_value;
                if add {
                    out.chunks_exact_mut(cells).zip(bias).for_each(|(out, b)| out.fill(*b));
                }
                for lines in self.tiles() {
                    let stretch = self.stretch(&lines);
                    let seen = self.seen(stencil, input, lines, columns);
                    product_into(&mut out[stretch.start..], cells, kernel, seen, add);
                }
            }
        }
    }

    /// Adds to `gradient` (or replaces it) and, where wanted, writes the cotangent of the input.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn vjp<T: Real>(
        &self,
        weights: &[T],
        input: &[T],
        n_tangents: usize,
        cotangent: &[T],
        gradient: &mut [T],
        add: bool,
        mut input_cotangent: Option<&mut [T]>,
        columns: &mut Vec<T>,
    ) {
        let (cells_in, cells) = (self.geometry.cells_in(), self.geometry.cells_out());
        let n_seen = self.n_seen();
        let kernel = Strided::rows(&weights[..self.n_kernel()], self.channels, n_seen);
        let (d_kernel, d_bias) = gradient.split_at_mut(self.n_kernel());
        if !add {
            d_kernel.fill(T::ZERO);
            d_bias.fill(T::ZERO);
        }
        let width_in = self.channels_in * cells_in;
        if let Some(out) = input_cotangent.as_deref_mut() {
            out.fill(T::ZERO);
        }
        let rows = input.chunks_exact(width_in).zip(cotangent.chunks_exact(self.width_out()));
        for (r, (input, cotangent)) in rows.enumerate() {
            for (stencil, cotangent) in self.stencils.iter().zip(cotangent.chunks_exact(self.channels * cells)) {
                if r % (1 + n_tangents) == 0 {
                    let sums = cotangent.chunks_exact(cells).map(|of_channel| of_channel.iter().copied().sum::<T>());
                    d_bias.iter_mut().zip(sums).for_each(|(d, sum)| *d += sum);
                }
                for lines in self.tiles() {
                    let stretch = self.stretch(&lines);
                    let cotangent = Strided {
                        data: &cotangent[stretch.start..],
                        n_rows: self.channels,
                        n_cols: stretch.len(),
                        row_stride: cells,
                        col_stride: 1,
                    };
                    let seen = self.seen(stencil, input, lines.clone(), columns);
                    product_into(d_kernel, n_seen, cotangent, seen.t(), true);
                    let Some(out) = input_cotangent.as_deref_mut() else { continue };
                    let out = &mut out[r * width_in..(r + 1) * width_in];
                    if self.is_pointwise() {
                        product_into(&mut out[stretch.start..], cells, kernel.t(), cotangent, true);
                    } else {
                        columns.resize(columns.len().max(n_seen * stretch.len()), T::ZERO);
                        let columns = &mut columns[..n_seen * stretch.len()];
                        product_into(columns, stretch.len(), kernel.t(), cotangent, false);
                        scatter(stencil, &self.geometry, columns, lines, out);
                    }
                }
            }
        }
    }

    /// Cells of some lines of the output.
    fn stretch(&self, lines: &Range<usize>) -> Range<usize> {
        let width = self.geometry.size_out[2];
        lines.start * width..lines.end * width
    }

    fn width_out(&self) -> usize {
        self.stencils.len() * self.channels * self.geometry.cells_out()
    }

    /// The columns of some lines.
    fn seen<'a, T: Real>(
        &self,
        stencil: &Stencil,
        input: &'a [T],
        lines: Range<usize>,
        columns: &'a mut Vec<T>,
    ) -> Strided<'a, T> {
        let (n_seen, stretch) = (self.n_seen(), self.stretch(&lines));
        if self.is_pointwise() {
            let (row_stride, col_stride) = (self.geometry.cells_in(), 1);
            return Strided {
                data: &input[stretch.start..],
                n_rows: n_seen,
                n_cols: stretch.len(),
                row_stride,
                col_stride,
            };
        }
        columns.resize(columns.len().max(n_seen * stretch.len()), T::ZERO);
        let columns = &mut columns[..n_seen * stretch.len()];
        gather(stencil, &self.geometry, input, lines, columns);
        Strided::rows(columns, n_seen, stretch.len())
    }
}
