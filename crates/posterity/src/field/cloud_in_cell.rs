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

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Fewest planes of a slab.
const THICKNESS: usize = 8;
/// Most slabs: a row of particles should not lie in many.
const MAX_SLABS: usize = 8;
/// Particles whose cells are looked up together.
const GROUP: usize = 64;

/// The deposit of n³ particles on n³ cells, with its scratch memory (at most 72/n bytes for each cell).
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
        let thickness = THICKNESS.max(n.div_ceil(MAX_SLABS)).min(n);
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
            *range = Arch::new().dispatch(Planes { x: row / n, psi, n });
        });
        let (rows, thickness) = (&self.rows, self.thickness);
        let slabs = density.par_chunks_mut(thickness * n * n).zip(self.spill.par_chunks_mut(n * n));
        slabs.enumerate().for_each(|(slab, (density, spill))| {
            density.fill(0.0);
            spill.fill(0.0);
            Arch::new().dispatch(Deposit { n, first: slab * thickness, rows, displacement, density, spill });
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
    pub(super) fn gradient_plane(&self, x: usize, displacement: [&[f64]; 3], d_density: &[f64], out: [&mut [f64]; 3]) {
        Arch::new().dispatch(Gather { n: self.n, x, displacement, d_density, out });
    }
}

// Loops that are compiled once for each instruction set. No product is fused with a sum, so that all give the same bits.

/// Lower cells of some particles along one axis, and the distances from their centres [cells].
struct Cells {
    index: [u32; GROUP],
    distance: [f64; GROUP],
}

impl Cells {
    const NONE: Self = Self { index: [0; GROUP], distance: [0.0; GROUP] };

    /// Of particles displaced by `psi` from sites `start`, `start + stride`, …
    #[inline(always)]
    fn find(&mut self, start: usize, stride: usize, psi: &[f64], n: usize) {
        let (length, last) = (n as f64, (n - 1) as f64);
        for ((i, psi), (index, distance)) in psi.iter().enumerate().zip(self.index.iter_mut().zip(&mut self.distance)) {
            let x = (start + i * stride) as f64 + psi;
            let floor = x.floor();
            *distance = x - floor;
            let mut wrapped = floor - length * (floor / length).floor();
            // The quotient may have been rounded over the edge.
            wrapped = if wrapped < 0.0 { wrapped + length } else { wrapped };
            wrapped = if wrapped >= length { wrapped - length } else { wrapped };
            // NaN comes to cell 0, and its distance is NaN. Adding 2⁵² leaves an integer in the last bits.
            *index = (wrapped.max(0.0).min(last) + 4_503_599_627_370_496.0).to_bits() as u32;
        }
    }
}

/// The planes of a row's particles, from low up to high, periodic; all planes, where that is not sure.
struct Planes<'a> {
    x: usize,
    psi: &'a [f64],
    n: usize,
}

impl WithSimd for Planes<'_> {
    type Output = (u32, u32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (u32, u32) {
        let Self { x, psi, n } = self;
        let (mut low, mut high, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for psi in psi {
            low = if *psi < low { *psi } else { low };
            high = if *psi > high { *psi } else { high };
            finite &= psi.abs() < f64::INFINITY;
        }
        if !finite || high - low >= n as f64 - 2.0 {
            return (0, n as u32 - 1);
        }
        let mut cells = Cells::NONE;
        cells.find(x, 0, &[low, high], n);
        (cells.index[0], cells.index[1])
    }
}

struct Deposit<'a> {
    n: usize,
    /// First plane of the slab.
    first: usize,
    rows: &'a [(u32, u32)],
    displacement: [&'a [f64]; 3],
    density: &'a mut [f64],
    spill: &'a mut [f64],
}

impl WithSimd for Deposit<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { n, first, rows, displacement, density, spill } = self;
        let n_planes = density.len() / (n * n);
        let last = first + n_planes - 1;
        let [mut cx, mut cy, mut cz] = [Cells::NONE; 3];
        for (row, (low, high)) in rows.iter().enumerate() {
            let (low, high) = (*low as usize, *high as usize);
            let meets = if low <= high { low <= last && high >= first } else { low <= last || high >= first };
            if !meets {
                continue;
            }
            for start in (0..n).step_by(GROUP) {
                let [px, py, pz] = displacement.map(|psi| &psi[row * n + start..row * n + n.min(start + GROUP)]);
                cx.find(row / n, 0, px, n);
                let here = |index: &u32| (*index as usize).wrapping_sub(first) < n_planes;
                if !cx.index[..px.len()].iter().fold(false, |any, index| any | here(index)) {
                    continue;
                }
                cy.find(row % n, 0, py, n);
                cz.find(start, 1, pz, n);
                for p in 0..px.len() {
                    let plane = (cx.index[p] as usize).wrapping_sub(first);
                    if plane >= n_planes {
                        continue;
                    }
                    let (j, k) = (cy.index[p] as usize, cz.index[p] as usize);
                    let (j1, k1) = (next(j, n), next(k, n));
                    let (dx, dy, dz) = (cx.distance[p], cy.distance[p], cz.distance[p]);
                    let (ex, ey, ez) = (1.0 - dx, 1.0 - dy, 1.0 - dz);
                    let (above, below) = density[plane * n * n..].split_at_mut(n * n);
                    let below = if plane + 1 == n_planes { &mut *spill } else { below };
                    for (plane, share) in [(above, ex), (below, dx)] {
                        for (j, share) in [(j, share * ey), (j1, share * dy)] {
                            let row = &mut plane[j * n..(j + 1) * n];
                            row[k] += share * ez;
                            row[k1] += share * dz;
                        }
                    }
                }
            }
        }
    }
}

struct Gather<'a> {
    n: usize,
    x: usize,
    displacement: [&'a [f64]; 3],
    d_density: &'a [f64],
    out: [&'a mut [f64]; 3],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { n, x, displacement, d_density, out: [out_x, out_y, out_z] } = self;
        let [mut cx, mut cy, mut cz] = [Cells::NONE; 3];
        let rows = out_x.chunks_exact_mut(n).zip(out_y.chunks_exact_mut(n)).zip(out_z.chunks_exact_mut(n));
        for (y, ((out_x, out_y), out_z)) in rows.enumerate() {
            let row = x * n + y;
            for start in (0..n).step_by(GROUP) {
                let [px, py, pz] = displacement.map(|psi| &psi[row * n + start..row * n + n.min(start + GROUP)]);
                cx.find(x, 0, px, n);
                cy.find(y, 0, py, n);
                cz.find(start, 1, pz, n);
                let out = out_x[start..].iter_mut().zip(&mut out_y[start..]).zip(&mut out_z[start..]).take(px.len());
                for (p, ((out_x, out_y), out_z)) in out.enumerate() {
                    let (i, j, k) = (cx.index[p] as usize, cy.index[p] as usize, cz.index[p] as usize);
                    let (i1, j1, k1) = (next(i, n), next(j, n), next(k, n));
                    let row = |i: usize, j: usize| {
                        let row = &d_density[(i * n + j) * n..(i * n + j + 1) * n];
                        (row[k], row[k1])
                    };
                    let (dx, dy, dz) = (cx.distance[p], cy.distance[p], cz.distance[p]);
                    let (ex, ey, ez) = (1.0 - dx, 1.0 - dy, 1.0 - dz);
                    let four = [row(i, j), row(i, j1), row(i1, j), row(i1, j1)];
                    // Along z first: means and steps of the four edges; then along y.
                    let [m00, m01, m10, m11] = four.map(|(low, high)| ez * low + dz * high);
                    let [s00, s01, s10, s11] = four.map(|(low, high)| high - low);
                    *out_x = ey * (m10 - m00) + dy * (m11 - m01);
                    *out_y = ex * (m01 - m00) + dx * (m11 - m10);
                    *out_z = ex * (ey * s00 + dy * s01) + dx * (ey * s10 + dy * s11);
                }
            }
        }
    }
}

#[inline(always)]
fn next(i: usize, n: usize) -> usize {
    if i + 1 == n { 0 } else { i + 1 }
}
