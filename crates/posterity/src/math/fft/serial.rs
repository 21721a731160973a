//! The same transforms on one thread, of squares and cubes: for callers that are many at once themselves.

use super::{Complex, Lines, Scratch};

/// The real transform of a square of n² or a cube of n³ values, on the thread that asks for it.
///
/// As [`super::RealFft3`], but that one cuts its passes into tasks for rayon. Where each thread has a field of its own
/// that only costs, and a thread that waits for its tasks would begin another field meanwhile. The plan is shared, each
/// caller brings a [`Workspace`].
#[derive(Debug)]
pub struct SerialFft {
    lines: Lines,
    dims: usize,
}

/// Memory of one transform under way: 24 n² bytes and some columns, and for a cube 8 n³ more.
#[derive(Debug)]
pub struct Workspace {
    scratch: Scratch,
    half_way: Vec<Complex>,
}

impl SerialFft {
    /// Plans the transform of `n` ≥ 1 values along each of `dims` axes, 2 or 3 (what is not 2 counts as 3).
    pub fn new(n: usize, dims: usize) -> Self {
        Self { lines: Lines::new(n), dims }
    }

    /// Number of real values, n² or n³.
    pub fn n_cells(&self) -> usize {
        self.lines.n * self.lines.n * self.n_planes()
    }

    /// Number of complex values of a transform: n (n/2 + 1), or n² (n/2 + 1).
    pub fn n_modes(&self) -> usize {
        self.lines.plane() * self.n_planes()
    }

    /// Memory for one transform at a time.
    pub fn workspace(&self) -> Workspace {
        let half_way = if self.dims == 2 { 0 } else { self.lines.len() };
        Workspace { scratch: self.lines.one_scratch(), half_way: vec![Complex::default(); half_way] }
    }

    fn n_planes(&self) -> usize {
        if self.dims == 2 { 1 } else { self.lines.n }
    }

    /// The transform of the values at `real` (last axis fastest), to `spectrum` (last axis n/2 + 1 long).
    ///
    /// # Panics
    /// If a length is another, or the workspace is that of another plan.
    pub fn forward(&self, real: &[f64], spectrum: &mut [Complex], workspace: &mut Workspace) {
        let Self { lines, dims } = self;
        let (n, nh, plane) = (lines.n, lines.nh, lines.plane());
        assert_eq!((real.len(), spectrum.len()), (self.n_cells(), self.n_modes()), "lengths of a transform");
        let Workspace { scratch, half_way } = workspace;
        let ones = [&lines.ones[..], &lines.ones[..]];
        if *dims == 2 {
            lines.forward_plane(real, n, ones, false, spectrum, scratch);
            return;
        }
        for (y, out) in half_way.chunks_exact_mut(plane).enumerate() {
            lines.forward_plane(&real[y * n..], n * n, ones, false, out, scratch);
        }
        for (kx, out) in spectrum.chunks_exact_mut(plane).enumerate() {
            for columns in lines.blocks() {
                let block = &mut scratch.blocks[0];
                lines.gather(&half_way[kx * nh..], plane, columns, block);
                lines.forward(columns, block, &mut scratch.fft);
                lines.scatter(block, columns, out);
            }
        }
    }

    /// The inverse transform, with its n⁻² or n⁻³. Where a value and its mirror image are both stored, they must be
    /// complex conjugates.
    ///
    /// # Panics
    /// As [`SerialFft::forward`].
    pub fn inverse(&self, spectrum: &[Complex], real: &mut [f64], workspace: &mut Workspace) {
        let Self { lines, dims } = self;
        let (n, nh, plane) = (lines.n, lines.nh, lines.plane());
        assert_eq!((real.len(), spectrum.len()), (self.n_cells(), self.n_modes()), "lengths of a transform");
        let Workspace { scratch, half_way } = workspace;
        let ones = [&lines.ones[..], &lines.ones[..]];
        if *dims == 2 {
            lines.inverse_plane(spectrum, nh, ones, real, scratch);
        } else {
            for (ky, out) in half_way.chunks_exact_mut(plane).enumerate() {
                for columns in lines.blocks() {
                    let block = &mut scratch.blocks[0];
                    lines.gather(&spectrum[ky * nh..], plane, columns, block);
                    lines.inverse(columns, block, &mut scratch.fft);
                    lines.scatter(block, columns, out);
                }
            }
            for (x, out) in real.chunks_exact_mut(n * n).enumerate() {
                lines.inverse_plane(&half_way[x * nh..], plane, ones, out, scratch);
            }
        }
        let norm = 1.0 / real.len() as f64;
        real.iter_mut().for_each(|value| *value *= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::RealFft3;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    fn noise(n: usize) -> Vec<f64> {
        let mut stream = Seed::new(4).label("serial").stream(0);
        (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
    }

    #[test]
    fn a_cube_is_transformed_to_the_bits_of_the_parallel_transform() {
        for n in [2, 3, 8, 15, 26] {
            let (serial, mut parallel, real) = (SerialFft::new(n, 3), RealFft3::new(n), noise(n * n * n));
            let mut work = serial.workspace();
            let [mut a, mut b] = [(); 2].map(|()| vec![Complex::default(); serial.n_modes()]);
            serial.forward(&real, &mut a, &mut work);
            parallel.forward(&real, &mut b);
            assert!(a == b, "{n}");
            let [mut c, mut d] = [(); 2].map(|()| vec![0.0; serial.n_cells()]);
            serial.inverse(&a, &mut c, &mut work);
            parallel.inverse(&b, &mut d);
            assert!(c == d, "{n}");
        }
    }

    #[test]
    fn a_square_is_transformed_by_its_defining_sum_and_back() {
        for n in [2, 3, 4, 7, 12] {
            let (fft, real, nh) = (SerialFft::new(n, 2), noise(n * n), n / 2 + 1);
            let mut work = fft.workspace();
            let mut spectrum = vec![Complex::default(); fft.n_modes()];
            fft.forward(&real, &mut spectrum, &mut work);
            for (i, value) in spectrum.iter().enumerate() {
                let mut sum = Complex::default();
                for (j, f) in real.iter().enumerate() {
                    let turns = ((i / nh) * (j / n) + (i % nh) * (j % n)) as f64 / n as f64;
                    sum += Complex::from_polar(*f, -2.0 * std::f64::consts::PI * turns);
                }
                assert!((sum - value).norm() < 1e-12 * (n * n) as f64, "{n}: {i}");
            }
            let mut back = vec![0.0; n * n];
            fft.inverse(&spectrum, &mut back, &mut work);
            assert!(real.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-13), "{n}");
        }
    }
}
