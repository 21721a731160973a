//! What each Fourier mode is multiplied with: the power spectrum's root, and the amplitudes of whitened coordinates.

use super::{Grid, LinearPower};
use crate::error::{Error, Result};

/// Real factors of each mode, in the order (ky, kz, kx), the order in which modes are met.
#[derive(Clone, Debug)]
pub(super) struct Modes {
    /// Integer wavenumbers along an axis for odd derivatives: 0 at the Nyquist one.
    pub(super) odd: Vec<f64>,
    /// Their squares for even derivatives, at the Nyquist one too.
    pub(super) square: Vec<f64>,
    /// a √(P (n/L)³) / (n³ m²), m the integer wavenumber; 0 at m = 0.
    pub(super) transfer: Vec<f64>,
    /// a², where it is not 1.
    pub(super) amplitude_squared: Option<Vec<f64>>,
    /// The transfer for a = 1, once a is another: amplitudes do not follow, to the bit, from those before them.
    plain: Option<Vec<f64>>,
}

impl Modes {
    pub(super) fn new(grid: &Grid, power: &LinearPower) -> Self {
        let (n, norm) = (grid.n(), 1.0 / grid.n_cells() as f64);
        let wavenumbers: Vec<f64> = (0..n).map(|i| grid.wavenumber(i) as f64).collect();
        let odd = wavenumbers.iter().map(|m| if 2.0 * m == n as f64 { 0.0 } else { *m }).collect();
        let square: Vec<f64> = wavenumbers.iter().map(|m| m * m).collect();
        // By the integer m²: one evaluation for each length of a wave vector, and equal ones are equal to the bit.
        let n_lengths = 3 * (n / 2) * (n / 2) + 1;
        let per_length: Vec<f64> = (0..n_lengths)
            .map(|m2| {
                let k = (m2 as f64).sqrt() * grid.k_fundamental();
                if m2 == 0 { 0.0 } else { (power.at(k) / grid.cell_volume()).sqrt() * norm / m2 as f64 }
            })
            .collect();
        let transfer = indices(n).map(|[x, y, z]| per_length[(square[x] + square[y] + square[z]) as usize]).collect();
        Self { odd, square, transfer, amplitude_squared: None, plain: None }
    }

    /// Takes the amplitudes a of whitened coordinates, (n, n, n/2 + 1) in C order, in place of those before.
    pub(super) fn set_whitening(&mut self, grid: &Grid, amplitude: &[f64]) -> Result<()> {
        let (n, nh) = (grid.n(), grid.n() / 2 + 1);
        if amplitude.len() != n * n * nh {
            let message =
                format!("{} amplitudes for the {} modes of a grid of {n}³ cells", amplitude.len(), n * n * nh);
            return Err(Error::invalid_input(message).remedy(format!("give an array of ({n}, {n}, {nh})")));
        }
        let at = |[x, y, z]: [usize; 3]| amplitude[(x * n + y) * nh + z];
        for mode @ [x, y, z] in indices(n) {
            let a = at(mode);
            if !(a.is_finite() && a > 0.0) {
                return Err(Error::invalid_input(format!("the whitening amplitude of mode {mode:?} is {a}"))
                    .remedy("amplitudes are finite and above 0"));
            }
            let mirror = at([(n - x) % n, (n - y) % n, z]);
            if (2 * z) % n == 0 && a != mirror {
                let message =
                    format!("the whitening amplitudes of mode {mode:?} and of its mirror image are {a}, {mirror}");
                return Err(Error::invalid_input(message)
                    .remedy("give both the same: a wave and its complex conjugate are one wave"));
            }
        }
        let plain = self.plain.get_or_insert_with(|| self.transfer.clone());
        for (i, mode) in indices(n).enumerate() {
            self.transfer[i] = plain[i] * at(mode);
        }
        self.amplitude_squared = Some(indices(n).map(|mode| at(mode).powi(2)).collect());
        Ok(())
    }

    /// m² of the modes (kx, ky, kz), for all kx.
    #[inline(always)]
    pub(super) fn lengths_squared(&self, ky: usize, kz: usize) -> impl Iterator<Item = f64> {
        let yz = self.square[ky] + self.square[kz];
        self.square.iter().map(move |x| x + yz)
    }

    /// The part of a table that belongs to the modes (kx, ky, kz), for all kx.
    #[inline(always)]
    pub(super) fn column<'a, T>(&self, table: &'a [T], ky: usize, kz: usize) -> &'a [T] {
        let (n, nh) = (self.odd.len(), self.odd.len() / 2 + 1);
        &table[(ky * nh + kz) * n..][..n]
    }
}

/// The indices [kx, ky, kz] in the order of the tables.
fn indices(n: usize) -> impl Iterator<Item = [usize; 3]> {
    (0..n).flat_map(move |y| (0..=n / 2).flat_map(move |z| (0..n).map(move |x| [x, y, z])))
}
