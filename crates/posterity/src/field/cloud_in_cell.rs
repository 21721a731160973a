//! Cloud-in-cell: the density of particles that started on the lattice of the cells, and its adjoint.
//!
//! A particle is a cube of the cell's size and uniform density; each of the eight cells that it overlaps gets its share:
//! ```text
//! 1 + δ(i) = Σ_p Π_axes w(x_p - i),    w(d) = max(0, 1 - |d|),    x in cells, periodic
//! ```
//! There are as many particles as cells, one at each lattice site q displaced by ψ(q), so that the mean is 1. The
//! gradient is that of this piecewise linear function: where a particle lies exactly on a cell's centre, where left
//! and right slopes differ, that towards higher x is taken.
//!
//! The cube is cut into slabs along x, by its size alone. Each slab takes the particles whose lower cell lies in it, in
//! the order of the lattice; what spills over its upper face is added afterwards. So the order of each sum is fixed.
//!
//! Limits: the window damps the power at small scales, by sinc⁴ in each axis, and aliases some of it.
//!
//! Reference: Hockney & Eastwood 1988, Computer Simulation Using Particles; doi:10.1201/9780367806934.

use rayon::prelude::*;

/// Fewest planes of a slab.
const THICKNESS: usize = 8;

/// The deposit of n³ particles on n³ cells, with its scratch memory (8/8 + 8/n bytes for each cell).
#[derive(Clone, Debug)]
pub struct CloudInCell {
    n: usize,
    thickness: usize,
    /// First and last plane that the particles of a lattice row have their lower cell in, going up and around.
    rows: Vec<(u32, u32)>,
    /// What spills over the upper face of each slab.
    spill: Vec<f64>,
}

impl CloudInCell {
    /// For a grid of `n` ≥ 1 cells along each side.
    pub fn new(n: usize) -> Self {
        let thickness = THICKNESS.max(n.div_ceil(32)).min(n);
        let spill = vec![0.0; n.div_ceil(thickness) * n * n];
        Self { n, thickness, rows: vec![(0, 0); n * n], spill }
    }

    /// Writes 1 + δ of the particles displaced by ψ [cells] (three components, n³ values each). Its sum is n³.
    ///
    /// # Panics
    /// If a length is not n³.
    pub fn deposit(&mut self, displacement: [&[f64]; 3], density: &mut [f64]) {
        let n = self.n;
        let lengths = [displacement[0].len(), displacement[1].len(), displacement[2].len(), density.len()];
        assert_eq!(lengths, [n * n * n; 4], "lengths of a deposit on {n}³ cells");
        self.rows.par_iter_mut().zip(displacement[0].par_chunks(n)).enumerate().for_each(|(row, (range, psi))| {
            *range = planes(row / n, psi, n);
        });
        let (rows, thickness) = (&self.rows, self.thickness);
        let slabs = density.par_chunks_mut(thickness * n * n).zip(self.spill.par_chunks_mut(n * n));
        slabs.enumerate().for_each(|(slab, (density, spill))| {
            density.fill(0.0);
            spill.fill(0.0);
            let (first, last) = (slab * thickness, slab * thickness + density.len() / (n * n) - 1);
            for (row, (low, high)) in rows.iter().enumerate() {
                let (low, high) = (*low as usize, *high as usize);
                let meets = if low <= high { low <= last && high >= first } else { low <= last || high >= first };
                if meets {
                    deposit_row(n, row, first, displacement, density, spill);
                }
            }
        });
        let spill = &self.spill;
        let n_slabs = spill.len() / (n * n);
        density.par_chunks_mut(thickness * n * n).enumerate().for_each(|(slab, density)| {
            let below = (slab + n_slabs - 1) % n_slabs;
            let spill = &spill[below * n * n..(below + 1) * n * n];
            density[..n * n].iter_mut().zip(spill).for_each(|(cell, spilt)| *cell += spilt);
        });
    }

    /// The adjoint: writes the gradient of a function of the density, whose gradient by the density is `d_density`, by
    /// the displacement ψ [cells].
    ///
    /// # Panics
    /// If a length is not n³.
    pub fn gradient(&self, displacement: [&[f64]; 3], d_density: &[f64], d_displacement: [&mut [f64]; 3]) {
        let plane = self.n * self.n;
        let [x, y, z] = d_displacement;
        let planes = (x.par_chunks_mut(plane), y.par_chunks_mut(plane), z.par_chunks_mut(plane));
        planes.into_par_iter().enumerate().for_each(|(i, (x, y, z))| {
            self.gradient_plane(i, displacement, d_density, [x, y, z]);
        });
    }

    /// As [`CloudInCell::gradient`], for the particles of one plane of the lattice.
    pub(super) fn gradient_plane(&self, x: usize, psi: [&[f64]; 3], d_density: &[f64], out: [&mut [f64]; 3]) {
        let n = self.n;
        let [psi_x, psi_y, psi_z] = psi.map(|psi| &psi[x * n * n..(x + 1) * n * n]);
        let [out_x, out_y, out_z] = out;
        let out = out_x.iter_mut().zip(out_y).zip(out_z);
        for (p, (((px, py), pz), ((gx, gy), gz))) in psi_x.iter().zip(psi_y).zip(psi_z).zip(out).enumerate() {
            let (i, dx) = cell(x, *px, n);
            let (j, dy) = cell(p / n, *py, n);
            let (k, dz) = cell(p % n, *pz, n);
            let (i1, j1, k1) = (next(i, n), next(j, n), next(k, n));
            let (plane0, plane1) = (&d_density[i * n * n..(i + 1) * n * n], &d_density[i1 * n * n..(i1 + 1) * n * n]);
            let at = [j * n + k, j * n + k1, j1 * n + k, j1 * n + k1];
            let low = at.map(|at| plane0[at]);
            let high = at.map(|at| plane1[at]);
            let (ex, ey, ez) = (1.0 - dx, 1.0 - dy, 1.0 - dz);
            let step: [f64; 4] = std::array::from_fn(|a| high[a] - low[a]);
            *gx = ey * (ez * step[0] + dz * step[1]) + dy * (ez * step[2] + dz * step[3]);
            let mean: [f64; 4] = std::array::from_fn(|a| ex * low[a] + dx * high[a]);
            *gy = ez * (mean[2] - mean[0]) + dz * (mean[3] - mean[1]);
            *gz = ey * (mean[1] - mean[0]) + dy * (mean[3] - mean[2]);
        }
    }
}

/// The planes of a row's particles, from low up to high, periodic; all planes, where that is not sure.
fn planes(x: usize, psi: &[f64], n: usize) -> (u32, u32) {
    let (mut low, mut high, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
    for psi in psi {
        low = low.min(*psi);
        high = high.max(*psi);
        sum += psi;
    }
    if !sum.is_finite() || (high - low) >= n as f64 - 2.0 {
        return (0, n as u32 - 1);
    }
    (cell(x, low, n).0 as u32, cell(x, high, n).0 as u32)
}

/// The lower cell of coordinate i + ψ, and the distance from its centre.
#[inline(always)]
fn cell(i: usize, psi: f64, n: usize) -> (usize, f64) {
    let x = i as f64 + psi;
    // The standard floor is a call where the processor is not known; this is not.
    let towards_zero = x as i64;
    let floor = towards_zero.wrapping_sub(i64::from(x < towards_zero as f64));
    let wrapped = if (floor as u64) < n as u64 { floor as usize } else { floor.rem_euclid(n as i64) as usize };
    (wrapped, x - floor as f64)
}

#[inline(always)]
fn next(i: usize, n: usize) -> usize {
    if i + 1 == n { 0 } else { i + 1 }
}

#[inline(always)]
fn deposit_row(n: usize, row: usize, first: usize, psi: [&[f64]; 3], density: &mut [f64], spill: &mut [f64]) {
    let n_planes = density.len() / (n * n);
    let [psi_x, psi_y, psi_z] = psi.map(|psi| &psi[row * n..(row + 1) * n]);
    for (z, ((px, py), pz)) in psi_x.iter().zip(psi_y).zip(psi_z).enumerate() {
        let (i, dx) = cell(row / n, *px, n);
        let plane = i.wrapping_sub(first);
        if plane >= n_planes {
            continue;
        }
        let (j, dy) = cell(row % n, *py, n);
        let (k, dz) = cell(z, *pz, n);
        let (j1, k1) = (next(j, n), next(k, n));
        let at = [j * n + k, j * n + k1, j1 * n + k, j1 * n + k1];
        let (ey, ez) = (1.0 - dy, 1.0 - dz);
        let share = [ey * ez, ey * dz, dy * ez, dy * dz];
        let (low, high) = density[plane * n * n..].split_at_mut(n * n);
        let high = if plane + 1 == n_planes { &mut *spill } else { &mut high[..n * n] };
        for (at, share) in at.into_iter().zip(share) {
            low[at] += (1.0 - dx) * share;
            high[at] += dx * share;
        }
    }
}
