//! The density of particles that started on the lattice of the cells, and its adjoint.
//!
//! A particle is a cloud; each cell that it overlaps gets its share:
//! ```text
//! 1 + δ(i) = Σ_p Π_axes w(x_p - i),    x in cells, periodic
//! cloud-in-cell:            w(d) = max(0, 1 - |d|), two cells along each axis
//! triangular-shaped cloud:  w(d) = 3/4 - d² for |d| < 1/2, (3/2 - |d|)²/2 up to 3/2, three cells
//! ```
//! There are as many particles as cells, one at each lattice site q displaced by ψ(q), so that the mean is 1.
//!
//! Cloud-in-cell is what most simulations' densities are made with, and is the narrower; but its slope jumps where a
//! particle crosses a cell's centre (that towards higher x is taken there). A leapfrog step that crosses errs by the
//! jump, and thousands cross in each: steps of Hamiltonian Monte Carlo must be several times shorter than with the
//! triangular cloud, whose slope is continuous.
//!
//! The cube is cut into slabs along x, by its size alone. Each slab takes the particles whose lowest cell lies in it, in
//! the order of the lattice; what spills over its upper face is added afterwards. So the order of each sum is fixed.
//!
//! Limits: the window damps the power at small scales, by sinc⁴ or sinc⁶ in each axis, and aliases some of it.
//!
//! Reference: Hockney & Eastwood 1988, Computer Simulation Using Particles; doi:10.1201/9780367806934.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fewest planes of a slab.
const THICKNESS: usize = 8;
/// Most slabs: a row of particles should not lie in many.
const MAX_SLABS: usize = 8;
/// Particles whose cells are looked up together.
const GROUP: usize = 64;

/// The shape of a particle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MassAssignment {
    /// A cube of the cell's size.
    #[serde(rename = "cic")]
    CloudInCell,
    /// A cube convolved with one: smooth.
    #[serde(rename = "tsc")]
    TriangularShapedCloud,
}

impl MassAssignment {
    /// The power of sinc(k/2), k in radians a cell, that it damps a field's modes by along each axis.
    pub(super) fn order(self) -> i32 {
        match self {
            Self::CloudInCell => 2,
            Self::TriangularShapedCloud => 3,
        }
    }
}

/// The deposit of n³ particles on n³ cells, with its scratch memory (at most 136/n bytes for each cell).
#[derive(Clone, Debug)]
pub struct Deposit {
    n: usize,
    window: MassAssignment,
    thickness: usize,
    /// First and last plane that the particles of a lattice row have their lowest cell in, going up and around.
    rows: Vec<(u32, u32)>,
    /// What spills over the upper face of each slab: one plane less than the window has.
    spill: Vec<f64>,
}

impl Deposit {
    /// For a grid of `n` ≥ 1 cells along each side.
    pub fn new(n: usize, window: MassAssignment) -> Self {
        let thickness = THICKNESS.max(n.div_ceil(MAX_SLABS)).min(n);
        let spill = vec![0.0; n.div_ceil(thickness) * n * n * (window.order() as usize - 1)];
        Self { n, window, thickness, rows: vec![(0, 0); n * n], spill }
    }

    /// Writes 1 + δ of the particles displaced by ψ \[cells\] (three components, n³ values each). Its sum is n³.
    ///
    /// # Panics
    /// If a length is not n³.
    pub fn deposit(&mut self, displacement: [&[f64]; 3], density: &mut [f64]) {
        match self.window {
            MassAssignment::CloudInCell => self.scatter::<2>(displacement, density),
            MassAssignment::TriangularShapedCloud => self.scatter::<3>(displacement, density),
        }
    }

    fn scatter<const P: usize>(&mut self, displacement: [&[f64]; 3], density: &mut [f64]) {
        let n = self.n;
        let lengths = [displacement[0].len(), displacement[1].len(), displacement[2].len(), density.len()];
        assert_eq!(lengths, [n * n * n; 4], "lengths of a deposit on {n}³ cells");
        self.rows.par_iter_mut().zip(displacement[0].par_chunks(n)).enumerate().for_each(|(row, (range, psi))| {
            *range = Arch::new().dispatch(Planes::<P> { x: row / n, psi, n });
        });
        let (rows, thickness) = (&self.rows, self.thickness);
        let spilt = (P - 1) * n * n;
        let slabs = density.par_chunks_mut(thickness * n * n).zip(self.spill.par_chunks_mut(spilt));
        slabs.enumerate().for_each(|(slab, (density, spill))| {
            density.fill(0.0);
            spill.fill(0.0);
            Arch::new().dispatch(Scatter::<P> { n, first: slab * thickness, rows, displacement, density, spill });
        });
        let spill = &self.spill;
        density.par_chunks_mut(n * n).enumerate().for_each(|(x, plane)| {
            for (slab, spill) in spill.chunks_exact(spilt).enumerate() {
                let face = ((slab + 1) * thickness).min(n);
                for (above, spill) in spill.chunks_exact(n * n).enumerate() {
                    if (face + above) % n == x {
                        plane.iter_mut().zip(spill).for_each(|(cell, spilt)| *cell += spilt);
                    }
                }
            }
        });
    }

    /// The adjoint: writes the gradient of a function of the density, whose gradient by the density is `d_density`, by
    /// the displacement ψ \[cells\].
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

    /// As [`Deposit::gradient`], for the particles of one plane of the lattice.
    pub(super) fn gradient_plane(&self, x: usize, displacement: [&[f64]; 3], d_density: &[f64], out: [&mut [f64]; 3]) {
        let n = self.n;
        match self.window {
            MassAssignment::CloudInCell => Arch::new().dispatch(Gather::<2> { n, x, displacement, d_density, out }),
            MassAssignment::TriangularShapedCloud => {
                Arch::new().dispatch(Gather::<3> { n, x, displacement, d_density, out })
            }
        }
    }
}

// Loops that are compiled once for each instruction set. No product is fused with a sum, so that all give the same bits.

/// Lowest cells of some particles along one axis, of the P that they overlap, and how far from the first place where
/// those are the cells [cells], 0 to 1.
struct Cells {
    index: [u32; GROUP],
    distance: [f64; GROUP],
}

impl Cells {
    const NONE: Self = Self { index: [0; GROUP], distance: [0.0; GROUP] };

    /// Of particles displaced by `psi` from sites `start`, `start + stride`, …
    #[inline(always)]
    fn find<const P: usize>(&mut self, start: usize, stride: usize, psi: &[f64], n: usize) {
        let (length, last, lowest) = (n as f64, (n - 1) as f64, 0.5 * (P - 2) as f64);
        for ((i, psi), (index, distance)) in psi.iter().enumerate().zip(self.index.iter_mut().zip(&mut self.distance)) {
            let x = (start + i * stride) as f64 + psi - lowest;
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

/// The shares of the P cells at a distance, and their slopes.
#[inline(always)]
fn shares<const P: usize>(d: f64) -> ([f64; P], [f64; P]) {
    let (mut share, mut slope) = ([0.0; P], [0.0; P]);
    let e = 1.0 - d;
    if P == 2 {
        (share[0], share[1]) = (e, d);
        (slope[0], slope[1]) = (-1.0, 1.0);
    } else {
        (share[0], share[P - 1]) = (0.5 * e * e, 0.5 * d * d);
        share[1] = 0.5 + d * e;
        (slope[0], slope[P - 1]) = (-e, d);
        slope[1] = e - d;
    }
    (share, slope)
}

/// The planes of a row's particles, from low up to high, periodic; all planes, where that is not sure.
struct Planes<'a, const P: usize> {
    x: usize,
    psi: &'a [f64],
    n: usize,
}

impl<const P: usize> WithSimd for Planes<'_, P> {
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
        cells.find::<P>(x, 0, &[low, high], n);
        (cells.index[0], cells.index[1])
    }
}

struct Scatter<'a, const P: usize> {
    n: usize,
    /// First plane of the slab.
    first: usize,
    rows: &'a [(u32, u32)],
    displacement: [&'a [f64]; 3],
    density: &'a mut [f64],
    spill: &'a mut [f64],
}

impl<const P: usize> WithSimd for Scatter<'_, P> {
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
                cx.find::<P>(row / n, 0, px, n);
                let here = |index: &u32| (*index as usize).wrapping_sub(first) < n_planes;
                if !cx.index[..px.len()].iter().fold(false, |any, index| any | here(index)) {
                    continue;
                }
                cy.find::<P>(row % n, 0, py, n);
                cz.find::<P>(start, 1, pz, n);
                for p in 0..px.len() {
                    let plane = (cx.index[p] as usize).wrapping_sub(first);
                    if plane >= n_planes {
                        continue;
                    }
                    let ([sx, sy, sz], _) = along::<P>([cx.distance[p], cy.distance[p], cz.distance[p]]);
                    let k = wrapped::<P>(cz.index[p] as usize, n);
                    let js = wrapped::<P>(cy.index[p] as usize, n);
                    for (i, sx) in sx.into_iter().enumerate() {
                        let (i, into) = (plane + i, &mut *density);
                        let (i, into) = if i < n_planes { (i, into) } else { (i - n_planes, &mut *spill) };
                        let into = &mut into[i * n * n..(i + 1) * n * n];
                        for (j, sy) in js.into_iter().zip(sy) {
                            let (row, share) = (&mut into[j * n..(j + 1) * n], sx * sy);
                            k.into_iter().zip(sz).for_each(|(k, sz)| row[k] += share * sz);
                        }
                    }
                }
            }
        }
    }
}

struct Gather<'a, const P: usize> {
    n: usize,
    x: usize,
    displacement: [&'a [f64]; 3],
    d_density: &'a [f64],
    out: [&'a mut [f64]; 3],
}

impl<const P: usize> WithSimd for Gather<'_, P> {
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
                cx.find::<P>(x, 0, px, n);
                cy.find::<P>(y, 0, py, n);
                cz.find::<P>(start, 1, pz, n);
                let out = out_x[start..].iter_mut().zip(&mut out_y[start..]).zip(&mut out_z[start..]).take(px.len());
                for (p, ((out_x, out_y), out_z)) in out.enumerate() {
                    let is = wrapped::<P>(cx.index[p] as usize, n);
                    let js = wrapped::<P>(cy.index[p] as usize, n);
                    let ks = wrapped::<P>(cz.index[p] as usize, n);
                    let ([sx, sy, sz], [tx, ty, tz]) = along::<P>([cx.distance[p], cy.distance[p], cz.distance[p]]);
                    // Along z first, means and slopes of the edges; then along y, then x.
                    let mut sums = [0.0; 3];
                    for i in 0..P {
                        let mut of_plane = [0.0; 3];
                        for j in 0..P {
                            let row = &d_density[(is[i] * n + js[j]) * n..(is[i] * n + js[j] + 1) * n];
                            let (mut mean, mut slope) = (0.0, 0.0);
                            for k in 0..P {
                                mean += sz[k] * row[ks[k]];
                                slope += tz[k] * row[ks[k]];
                            }
                            of_plane[0] += sy[j] * mean;
                            of_plane[1] += ty[j] * mean;
                            of_plane[2] += sy[j] * slope;
                        }
                        sums[0] += tx[i] * of_plane[0];
                        sums[1] += sx[i] * of_plane[1];
                        sums[2] += sx[i] * of_plane[2];
                    }
                    (*out_x, *out_y, *out_z) = (sums[0], sums[1], sums[2]);
                }
            }
        }
    }
}

/// Shares and slopes along three axes.
#[inline(always)]
fn along<const P: usize>(distance: [f64; 3]) -> ([[f64; P]; 3], [[f64; P]; 3]) {
    let [x, y, z] = distance.map(shares::<P>);
    ([x.0, y.0, z.0], [x.1, y.1, z.1])
}

/// P cells from i on, periodic.
#[inline(always)]
fn wrapped<const P: usize>(mut i: usize, n: usize) -> [usize; P] {
    std::array::from_fn(|_| {
        let here = i;
        i = if i + 1 == n { 0 } else { i + 1 };
        here
    })
}
