//! The periodic grid of a simulated field: white noise, its Fourier modes, and fields filtered from them.

use super::pool::Pool;
use crate::error::{Error, Result};
use crate::math::{Complex, SerialFft, Workspace};
use crate::seed::Stream;
use rand_distr::{Distribution, StandardNormal};

/// Most cells of one field: 800 MB of data, several times that of memory while it is drawn.
const MAX_CELLS: usize = 100_000_000;

/// n cells along each of 2 or 3 axes, with the transform and the memory of fields on them.
#[derive(Debug)]
pub(super) struct Lattice {
    n: usize,
    shape: Vec<usize>,
    fft: SerialFft,
    pool: Pool<Modes>,
}

/// That there are such grids.
pub(super) fn check(n: usize, dims: usize) -> Result<()> {
    if !(2..=3).contains(&dims) {
        let error = Error::invalid_input(format!("a field of {dims} dimensions")).at_key("dims");
        return Err(error.remedy("give 2 or 3"));
    }
    if n < 2 {
        let error = Error::invalid_input(format!("{n} cells along an axis have no modes")).at_key("n");
        return Err(error.remedy("give 2 or more; powers of 2 are fastest"));
    }
    if n.checked_pow(dims as u32).is_none_or(|cells| cells > MAX_CELLS) {
        let message = format!("{n} cells along {dims} axes are more than one field can have");
        let most = (MAX_CELLS as f64).powf(1.0 / dims as f64).floor();
        return Err(Error::invalid_input(message).at_key("n").remedy(format!("give {most} at the most")));
    }
    Ok(())
}

/// The Fourier modes of one draw of white noise, and room for those of a field.
#[derive(Debug)]
pub(super) struct Modes {
    noise: Vec<Complex>,
    filtered: Vec<Complex>,
    workspace: Workspace,
}

impl Lattice {
    /// # Errors
    /// Invalid input at the key `n` or `dims`: fewer than 2 cells along an axis, more than 10⁸ in all, neither two nor
    /// three axes.
    pub(super) fn new(n: usize, dims: usize) -> Result<Self> {
        check(n, dims)?;
        Ok(Self { n, shape: vec![n; dims], fft: SerialFft::new(n, dims), pool: Pool::new() })
    }

    /// Cells along an axis.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// Number of axes.
    pub(super) fn dims(&self) -> usize {
        self.shape.len()
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(super) fn n_cells(&self) -> usize {
        self.fft.n_cells()
    }

    /// Squares |m|² of the integer wave vectors, one a stored mode in the order of the modes; at most d (n/2)².
    pub(super) fn lengths_squared(&self) -> Vec<u32> {
        let n = self.n;
        let squares: Vec<f64> = (0..n).map(|i| i.min(n - i).pow(2) as f64).collect();
        self.sums(&squares).map(|square| square as u32).collect()
    }

    /// For each stored mode, how many modes of the whole transform it stands for: itself, and its mirror image where that
    /// is not stored.
    pub(super) fn multiplicities(&self) -> impl Iterator<Item = f64> + '_ {
        let nh = self.n / 2 + 1;
        (0..self.fft.n_modes()).map(move |i| if (2 * (i % nh)).is_multiple_of(self.n) { 1.0 } else { 2.0 })
    }

    /// Draws white noise, a normal number a cell, and gives its modes; `room` (n cells) is written over.
    pub(super) fn white_noise(&self, stream: &mut Stream, room: &mut [f64]) -> Modes {
        let mut modes = self.modes();
        room.iter_mut().for_each(|z| *z = StandardNormal.sample(stream));
        self.fft.forward(room, &mut modes.noise, &mut modes.workspace);
        modes
    }

    fn modes(&self) -> Modes {
        self.pool.take(|| {
            let zeros = vec![Complex::default(); self.fft.n_modes()];
            Modes { noise: zeros.clone(), filtered: zeros, workspace: self.fft.workspace() }
        })
    }

    /// The noise with each mode times its factor, in the order of the modes: n cells at `field`.
    pub(super) fn filtered(&self, modes: &mut Modes, factors: impl Iterator<Item = f64>, field: &mut [f64]) {
        let Modes { noise, filtered, workspace } = modes;
        filtered.iter_mut().zip(noise).zip(factors).for_each(|((to, from), factor)| *to = *from * factor);
        self.fft.inverse(filtered, field, workspace);
    }

    /// The corner of n cells along each axis, of a field on this lattice.
    pub(super) fn cut(&self, field: &[f64], n: usize, corner: &mut [f64]) {
        for (i, line) in corner.chunks_exact_mut(n).enumerate() {
            let start = if self.dims() == 2 { i } else { i / n * self.n + i % n } * self.n;
            line.copy_from_slice(&field[start..start + n]);
        }
    }

    /// |δ(m)|²/n^d of each stored mode of a field.
    #[cfg(test)]
    pub(super) fn power_of_modes(&self, field: &[f64]) -> Vec<f64> {
        let mut modes = self.modes();
        self.fft.forward(field, &mut modes.filtered, &mut modes.workspace);
        modes.filtered.iter().map(|mode| mode.norm_sqr() / field.len() as f64).collect()
    }

    /// Gives memory back to those who draw next.
    pub(super) fn give_back(&self, modes: Modes) {
        self.pool.give_back(modes);
    }

    /// For each mode the product of its factors along all axes.
    pub(super) fn products(&self, factors: &[f64]) -> impl Iterator<Item = f64> {
        self.combined(factors, |a, b| a * b).into_iter()
    }

    /// For each mode the sum of its terms along all axes.
    pub(super) fn sums(&self, terms: &[f64]) -> impl Iterator<Item = f64> {
        self.combined(terms, |a, b| a + b).into_iter()
    }

    fn combined(&self, values: &[f64], both: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let mut all = values[..=self.n / 2].to_vec();
        for _ in 1..self.dims() {
            all = values.iter().flat_map(|a| all.iter().map(|b| both(*a, *b))).collect();
        }
        all
    }
}
