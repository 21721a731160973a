//! Periodic convolution with large kernels on cubes by Fourier transforms, and its adjoint.
//!
//! With f(k) the transform, out(x) = Σ_d K(d) f(x + d) is out(k) = K(k)* f(k); the adjoint by the field is K(k) g(k), that
//! by the kernel f(k) g(k)* at the kernel's offsets. Three transforms forwards, five back, whatever the kernel's size.
//! Rounding is that of the transform, relative to the largest values: about 1e-15. The same for any number of threads.

use super::multipole::offsets;
use crate::math::{Complex, RealFft3};
use rayon::prelude::*;

/// Numbers in one task of a product.
const CHUNK: usize = 4096;

/// Taps from which on transforms are faster than a direct stencil of an even kernel, or of any kernel, on 32³ and 64³ voxels.
pub(super) const EVEN_TAPS: usize = 9 * 9 * 9;
pub(super) const TAPS: usize = 5 * 5 * 5;

/// Transforms for one grid and size of kernel: about 32 bytes for each voxel.
pub(super) struct Spectral {
    fft: RealFft3,
    /// Where on the grid each tap lies, in C order of the offsets.
    places: Vec<usize>,
    real: Vec<f64>,
    kernel: Vec<Complex>,
    modes: Vec<Complex>,
}

impl Spectral {
    /// Where it is faster than a direct stencil.
    pub(super) fn where_faster(grid: [usize; 3], half: [usize; 3], is_even: bool) -> Option<Self> {
        let taps: usize = half.iter().map(|h| 2 * h + 1).product();
        let is_cube = grid.iter().all(|n| *n == grid[0]);
        (is_cube && taps >= if is_even { EVEN_TAPS } else { TAPS }).then(|| Self::new(grid[0], half))
    }

    /// For a cube of side `n`.
    pub(super) fn new(n: usize, half: [usize; 3]) -> Self {
        let fft = RealFft3::new(n);
        let wrap = |d: isize| d.rem_euclid(n as isize) as usize;
        let places = offsets(half).map(|[x, y, z]| (wrap(x) * n + wrap(y)) * n + wrap(z)).collect();
        let modes = vec![Complex::default(); fft.len()];
        Self { fft, places, real: vec![0.0; n * n * n], kernel: modes.clone(), modes }
    }

    /// `out` = K ⋆ `field`, with the taps of K in C order.
    pub(super) fn forward(&mut self, field: &[f64], taps: impl Iterator<Item = f64>, out: &mut [f64]) {
        self.transform_kernel(taps);
        let Self { fft, kernel, modes, .. } = self;
        fft.forward(field, modes);
        multiply(modes, kernel, |f, k| f * k.conj());
        fft.inverse(modes, out);
    }

    /// Adjoint: hands Kᵀ `cotangent` to `d_field` where that is wanted, and returns the gradient by each tap.
    pub(super) fn vjp(
        &mut self,
        field: &[f64],
        taps: impl Iterator<Item = f64>,
        cotangent: &[f64],
        d_field: Option<impl FnOnce(&[f64])>,
    ) -> impl Iterator<Item = f64> {
        let is_wanted = d_field.is_some();
        if is_wanted {
            self.transform_kernel(taps);
        }
        let Self { fft, places, real, kernel, modes } = self;
        fft.forward(cotangent, modes);
        if let Some(d_field) = d_field {
            multiply(kernel, modes, |k, g| k * g);
            fft.inverse(kernel, real);
            d_field(real);
        }
        fft.forward(field, kernel);
        multiply(modes, kernel, |g, f| f * g.conj());
        fft.inverse(modes, real);
        places.iter().map(|place| real[*place])
    }

    fn transform_kernel(&mut self, taps: impl Iterator<Item = f64>) {
        self.real.fill(0.0);
        // A kernel as large as the grid has each place once, since sizes are odd and fit.
        self.places.iter().zip(taps).for_each(|(place, tap)| self.real[*place] = tap);
        self.fft.forward(&self.real, &mut self.kernel);
    }
}

fn multiply(a: &mut [Complex], b: &[Complex], product: impl Fn(Complex, Complex) -> Complex + Sync) {
    let chunks = a.par_chunks_mut(CHUNK).zip(b.par_chunks(CHUNK));
    chunks.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a = product(*a, *b)));
}
