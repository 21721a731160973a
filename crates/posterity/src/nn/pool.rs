//! Pooling: means and largest values of blocks of a grid, and the mean of all of it.

use super::real::Real;

/// Blocks of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blocks {
    pub(super) size_in: [usize; 3],
    /// Cells of a block along each axis.
    pub(super) block: [usize; 3],
}

impl Blocks {
    /// Calls `run(cell in, cell out)` for all cells of a channel, in order.
    #[inline(always)]
    fn pairs(&self, mut run: impl FnMut(usize, usize)) {
        let [nx, ny, nz] = self.size_in;
        let [bx, by, bz] = self.block;
        for i in 0..nx {
            for j in 0..ny {
                let (begin, out) = ((i * ny + j) * nz, (i / bx * (ny / by) + j / by) * (nz / bz));
                for k in 0..nz {
                    run(begin + k, out + k / bz);
                }
            }
        }
    }

    fn cells_in(&self) -> usize {
        self.size_in.iter().product()
    }

    fn cells_out(&self) -> usize {
        self.cells_in() / self.volume()
    }

    fn volume(&self) -> usize {
        self.block.iter().product()
    }

    /// Means, of channels one after another.
    pub(super) fn mean<T: Real>(&self, input: &[T], out: &mut [T]) {
        let share = T::from_f64(1.0 / self.volume() as f64);
        for (input, out) in input.chunks_exact(self.cells_in()).zip(out.chunks_exact_mut(self.cells_out())) {
            out.fill(T::ZERO);
            self.pairs(|i, o| out[o] += input[i]);
            out.iter_mut().for_each(|x| *x *= share);
        }
    }

    /// The cotangent of the input of [`Blocks::mean`].
    pub(super) fn mean_vjp<T: Real>(&self, cotangent: &[T], out: &mut [T]) {
        let share = T::from_f64(1.0 / self.volume() as f64);
        for (cotangent, out) in cotangent.chunks_exact(self.cells_out()).zip(out.chunks_exact_mut(self.cells_in())) {
            self.pairs(|i, o| out[i] = cotangent[o] * share);
        }
    }

    /// Largest values; the tangents of the cells that have them.
    ///
    /// Rows, of `width` values, come in bundles: a value row, then `n_tangents` tangent rows.
    pub(super) fn largest<T: Real>(&self, input: &[T], width: usize, n_tangents: usize, out: &mut [T]) {
        let width_out = width / self.volume();
        let bundles = input.chunks_exact((1 + n_tangents) * width);
        for (input, out) in bundles.zip(out.chunks_exact_mut((1 + n_tangents) * width_out)) {
            let chosen = self.chosen(&input[..width]);
            for (input, out) in input.chunks_exact(width).zip(out.chunks_exact_mut(width_out)) {
                out.iter_mut().zip(&chosen).for_each(|(x, i)| *x = input[*i]);
            }
        }
    }

    /// The cotangent of the input of [`Blocks::largest`].
    pub(super) fn largest_vjp<T: Real>(
        &self,
        input: &[T],
        width: usize,
        n_tangents: usize,
        cotangent: &[T],
        out: &mut [T],
    ) {
        let width_out = width / self.volume();
        out.fill(T::ZERO);
        let bundles = input.chunks_exact((1 + n_tangents) * width).zip(out.chunks_exact_mut((1 + n_tangents) * width));
        for ((input, out), cotangent) in bundles.zip(cotangent.chunks_exact((1 + n_tangents) * width_out)) {
            let chosen = self.chosen(&input[..width]);
            for (out, cotangent) in out.chunks_exact_mut(width).zip(cotangent.chunks_exact(width_out)) {
                chosen.iter().zip(cotangent).for_each(|(i, g)| out[*i] = *g);
            }
        }
    }

    /// Which cell of each block is the largest, the first of equal ones.
    fn chosen<T: Real>(&self, values: &[T]) -> Vec<usize> {
        let (cells_in, cells_out) = (self.cells_in(), self.cells_out());
        let mut chosen = vec![usize::MAX; values.len() / self.volume()];
        for (c, channel) in values.chunks_exact(cells_in).enumerate() {
            self.pairs(|i, o| {
                let best = &mut chosen[c * cells_out + o];
                if *best == usize::MAX || channel[i] > values[*best] {
                    *best = c * cells_in + i;
                }
            });
        }
        chosen
    }
}

/// Values summed one after another before the sums are: keeps the rounding of long means small.
const STRETCH: usize = 128;

/// The mean of each channel.
pub(super) fn global_mean<T: Real>(input: &[T], n_cells: usize, out: &mut [T]) {
    let share = T::from_f64(1.0 / n_cells as f64);
    for (channel, out) in input.chunks_exact(n_cells).zip(out) {
        *out = share * channel.chunks(STRETCH).map(|stretch| stretch.iter().copied().sum::<T>()).sum::<T>();
    }
}

/// The cotangent of the input of [`global_mean`].
pub(super) fn global_mean_vjp<T: Real>(cotangent: &[T], n_cells: usize, out: &mut [T]) {
    let share = T::from_f64(1.0 / n_cells as f64);
    out.chunks_exact_mut(n_cells).zip(cotangent).for_each(|(out, g)| out.fill(share * *g));
}
