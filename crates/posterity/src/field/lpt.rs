//! Lagrangian perturbation theory: white noise to displacements in first and second order, and the adjoint.
//!
//! A particle that starts at q is at x = q + ψ(q), with
//! ```text
//! ψ = -D ∇φ₁ + D₂ ∇φ₂,    ∇²φ₁ = δ_lin,    ∇²φ₂ = Σ_{i<j} (φ₁,ii φ₁,jj - φ₁,ij²)
//! ```
//! in the order of white noise u → modes → six second derivatives → source of φ₂ → ψ. Both orders are added in Fourier
//! space, so that there are 1 + 6 + 1 + 3 transforms, and as many in the gradient. Those of the same field along x are
//! done once for all that need them: of 33 transforms along single axes 29 are left, and no derivative is written to
//! memory before it is used.
//!
//! Coordinates: white noise s ~ N(0, 1) is given as u, with s = F⁻¹ a F u and an amplitude a(k) for each mode, 1 unless
//! [`Lpt::set_whitening`] set others. The log prior -|s|²/2 and its gradient are had from the same transforms.
//!
//! The mode k = 0 has no power, so that δ_lin does not depend on the mean of s; the prior does. Odd derivatives of waves
//! at the Nyquist wavenumber of an axis, which a lattice does not see, are 0, also in φ,ij of two different axes; even
//! ones are not.
//!
//! Limits: valid before shells cross; second order displaces particles in deep voids too far, and its source is a product
//! on the same grid, without de-aliasing: wavenumbers that add up to more than the Nyquist one fold back. Memory in
//! bytes for each cell: 48 of second derivatives, 24 of displacements, 48 of modes at their stages, 4 of factors, 124 in
//! all (60 in first order), 8 more where coordinates are whitened, and 512/n of scratch.
//!
//! Reference: Bouchet, Colombi, Hivon, Juszkiewicz 1995, A&A 296, 575; arXiv:astro-ph/9406013.

use super::modes::Modes;
use super::{Grid, Growth, LinearPower};
use crate::error::Result;
use crate::math::{Complex, Lines, Scratch};
use rayon::prelude::*;
use std::f64::consts::PI;

/// Order of Lagrangian perturbation theory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The Zel'dovich approximation.
    One,
    /// With the tidal correction.
    Two,
}

/// White noise to displacements, with its adjoint; all memory is taken when it is made.
#[derive(Debug)]
pub struct Lpt {
    grid: Grid,
    order: Order,
    modes: Modes,
    /// D in units of cells for each integer wavenumber.
    first: f64,
    /// -D₂ in the same units, with the n⁻³ of the inverse transform.
    second: f64,
    lines: Lines,
    scratch: Vec<Scratch>,
    /// One spectrum, transformed along y and z: (x, ky, kz) or (ky, x, kz).
    one: Vec<Complex>,
    /// Up to three such, side by side.
    three: Vec<Complex>,
    /// F u in the order (ky, kz, kx).
    noise: Vec<Complex>,
    /// Of the first order's gradient what the second waits for; same order.
    kept: Vec<Complex>,
    /// φ,xx φ,xy φ,xz φ,yy φ,yz φ,zz of one plane after another.
    hessian: Vec<f64>,
    displacement: [Vec<f64>; 3],
    sums: Vec<f64>,
}

/// What displacements of first and second order are multiplied with.
fn factors(grid: &Grid, growth: &Growth) -> [f64; 2] {
    let per_wavenumber = grid.n() as f64 / (2.0 * PI);
    [growth.first * per_wavenumber, -growth.second * per_wavenumber / grid.n_cells() as f64]
}

impl Lpt {
    /// Displacements on `grid` at the time of `growth`.
    ///
    /// # Errors
    /// Invalid input, if the power spectrum does not cover the grid's modes.
    pub fn new(grid: Grid, power: &LinearPower, growth: &Growth, order: Order) -> Result<Self> {
        power.check_covers(&grid)?;
        let (n, cells) = (grid.n(), grid.n_cells());
        let lines = Lines::new(n);
        let (n_derivatives, n_spectra) = match order {
            Order::One => (0, 2),
            Order::Two => (6, 3),
        };
        let [first, second] = factors(&grid, growth);
        Ok(Self {
            modes: Modes::new(&grid, power),
            first,
            second,
            scratch: lines.scratch(),
            one: vec![Complex::default(); lines.len()],
            three: vec![Complex::default(); n_spectra * lines.len()],
            noise: vec![Complex::default(); lines.len()],
            kept: vec![Complex::default(); if order == Order::Two { lines.len() } else { 0 }],
            hessian: vec![0.0; n_derivatives * cells],
            displacement: std::array::from_fn(|_| vec![0.0; cells]),
            sums: vec![0.0; n],
            grid,
            order,
            lines,
        })
    }

    /// Puts another spectrum and time in place, on the same grid and in the same memory; amplitudes of whitened
    /// coordinates are 1 again.
    ///
    /// # Errors
    /// As [`Lpt::new`].
    pub fn set_linear(&mut self, power: &LinearPower, growth: &Growth) -> Result<()> {
        power.check_covers(&self.grid)?;
        self.modes = Modes::new(&self.grid, power);
        [self.first, self.second] = factors(&self.grid, growth);
        Ok(())
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Sets the amplitude a(k) of whitened coordinates for each mode: (n, n, n/2 + 1) values in C order, those of
    /// `rfftn`.
    ///
    /// # Errors
    /// Invalid input, if the number of values is another, one is not finite and positive, or two that belong to the same
    /// wave differ.
    pub fn set_whitening(&mut self, amplitude: &[f64]) -> Result<()> {
        self.modes.set_whitening(&self.grid, amplitude)
    }

    /// Computes the displacements from white noise in the coordinates u (n³ values); returns the log prior -|s|²/2.
    ///
    /// # Errors
    /// Invalid input, if `u` has another size.
    pub fn displace(&mut self, u: &[f64]) -> Result<f64> {
        self.grid.check("the white noise", u.len())?;
        self.noise_to_modes(u);
        let log_prior = -0.5 * self.sums.iter().sum::<f64>();
        if self.order == Order::Two {
            self.derivatives_to_source();
            self.add_second_order();
        }
        self.potential_to_displacement();
        Ok(log_prior)
    }

    /// The displacements ψ \[cells\] last computed, three components of n³ values.
    pub fn displacement(&self) -> [&[f64]; 3] {
        [&self.displacement[0], &self.displacement[1], &self.displacement[2]]
    }

    /// The gradient at the white noise of the last [`Lpt::displace`]: of the log prior, and of a function of the
    /// displacements whose gradient by them is `d_displacement`, written to `d_u` (n³ values).
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn gradient(&mut self, d_displacement: [&[f64]; 3], d_u: &mut [f64]) -> Result<()> {
        for d in d_displacement {
            self.grid.check("the gradient by the displacement", d.len())?;
        }
        let plane = self.grid.n() * self.grid.n();
        self.gradient_with(d_u, |x, _, out| {
            for (out, d) in out.into_iter().zip(d_displacement) {
                out.copy_from_slice(&d[x * plane..(x + 1) * plane]);
            }
        })
    }

    /// As [`Lpt::gradient`]; `d_displacement(x, displacement, out)` writes one plane of the lattice at a time.
    pub(super) fn gradient_with(
        &mut self,
        d_u: &mut [f64],
        d_displacement: impl Fn(usize, [&[f64]; 3], [&mut [f64]; 3]) + Sync,
    ) -> Result<()> {
        self.grid.check("the gradient by the white noise", d_u.len())?;
        self.displacement_to_potential(d_displacement);
        if self.order == Order::Two {
            self.split_orders();
            self.source_to_derivatives();
        }
        self.modes_to_noise();
        self.one_to_real(d_u);
        Ok(())
    }

    /// s of white noise in the coordinates u; or u of s, if `back`.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn whiten(&mut self, from: &[f64], back: bool, to: &mut [f64]) -> Result<()> {
        let norm = 1.0 / self.grid.n_cells() as f64;
        self.filter(from, to, |modes, i| {
            let a = modes.amplitude_squared.as_ref().map_or(1.0, |squared| squared[i].sqrt());
            norm * if back { 1.0 / a } else { a }
        })
    }

    /// The linear density contrast today, δ_lin at D = 1, of white noise in the coordinates u.
    ///
    /// # Errors
    /// Invalid input, if a size is another.
    pub fn linear_density(&mut self, u: &[f64], density: &mut [f64]) -> Result<()> {
        let (n, nh) = (self.grid.n(), self.lines.nh);
        self.filter(u, density, |modes, i| {
            let m2 = modes.square[i / n / nh] + modes.square[i / n % nh] + modes.square[i % n];
            modes.transfer[i] * m2
        })
    }

    /// Multiplies each mode by a factor of its index in (ky, kz, kx); the memory of the last displacement stays.
    fn filter(&mut self, from: &[f64], to: &mut [f64], factor: impl Fn(&Modes, usize) -> f64 + Sync) -> Result<()> {
        self.grid.check("the field", from.len())?;
        self.grid.check("the filtered field", to.len())?;
        real_to_one(&self.lines, &mut self.scratch, from, &mut self.one);
        let Self { lines, scratch, one, three, noise, sums, modes, .. } = self;
        let (n, nh, len) = (lines.n, lines.nh, lines.len());
        lines.pencils(scratch, (one, 1), (&mut three[..len], 1), noise, sums, |ky, kz, [a, ..], _| {
            let first = (ky * nh + kz) * n;
            a.iter_mut().enumerate().for_each(|(kx, a)| *a *= factor(modes, first + kx));
            0.0
        });
        one.copy_from_slice(&three[..len]);
        self.one_to_real(to);
        Ok(())
    }

    /// u → F u, kept; → for each mode q = -φ₁ n⁻³ [(cells)⁰] and m q, m² q along x (first order: i D q and m times that); the sum of |s|² on the way.
    fn noise_to_modes(&mut self, u: &[f64]) {
        real_to_one(&self.lines, &mut self.scratch, u, &mut self.one);
        let Self { lines, scratch, one, three, noise, sums, modes, first, order, .. } = self;
        let n_out = if *order == Order::Two { 3 } else { 2 };
        let norm = 1.0 / (lines.n * lines.n * lines.n) as f64;
        lines.pencils(scratch, (one, 1), (three, n_out), noise, sums, |ky, kz, [a, b, c], noise| {
            noise.copy_from_slice(a);
            let transfer = modes.column(&modes.transfer, ky, kz);
            let sum = match &modes.amplitude_squared {
                None => noise.iter().map(Complex::norm_sqr).sum::<f64>(),
                Some(squared) => noise.iter().zip(modes.column(squared, ky, kz)).map(|(f, a)| a * f.norm_sqr()).sum(),
            };
            if *order == Order::One {
                potential(a, transfer, *first);
                a.iter().zip(b).zip(&modes.odd).for_each(|((a, b), m)| *b = a * m);
            } else {
                let of_mode = transfer.iter().zip(modes.odd.iter().zip(&modes.square));
                for ((a, (b, c)), (t, (m, m2))) in a.iter_mut().zip(b.iter_mut().zip(c)).zip(of_mode) {
                    *a *= *t;
                    *b = *a * m;
                    *c = *a * m2;
                }
            }
            // All modes but those of these two planes stand for their mirror images too.
            sum * norm * if (2 * kz) % lines.n == 0 { 1.0 } else { 2.0 }
        });
        fn potential(a: &mut [Complex], transfer: &[f64], first: f64) {
            a.iter_mut().zip(transfer).for_each(|(a, t)| *a = times_i(*a) * (t * first));
        }
    }

    /// q, m q, m² q → φ,ij, kept → their source → its spectrum along y and z.
    fn derivatives_to_source(&mut self) {
        let Self { lines, scratch, one, three, hessian, modes, .. } = self;
        let (n2, plane, chunk) = (lines.n * lines.n, lines.plane(), lines.chunk());
        let three = &*three;
        let tasks = (hessian.par_chunks_mut(chunk * 6 * n2), one.par_chunks_mut(chunk * plane), scratch.par_iter_mut());
        tasks.into_par_iter().enumerate().for_each(|(task, (hessian, one, scratch))| {
            for (i, (hessian, one)) in hessian.chunks_exact_mut(6 * n2).zip(one.chunks_exact_mut(plane)).enumerate() {
                let x = task * chunk + i;
                for ((spectrum, factors), out) in
                    derivatives(lines, modes).into_iter().zip(hessian.chunks_exact_mut(n2))
                {
                    lines.inverse_plane(&three[spectrum * plane + x * lines.nh..], 3 * plane, factors, out, scratch);
                }
                let mut source = std::mem::take(&mut scratch.real[0]);
                let [xx, xy, xz, yy, yz, zz] = six(hessian, n2);
                for (p, source) in source.iter_mut().enumerate() {
                    let diagonal = xx[p] * (yy[p] + zz[p]) + yy[p] * zz[p];
                    *source = diagonal - (xy[p] * xy[p] + xz[p] * xz[p] + yz[p] * yz[p]);
                }
                lines.forward_plane(&source, lines.n, [&lines.ones, &lines.ones], false, one, scratch);
                scratch.real[0] = source;
            }
        });
    }

    /// The potentials of both orders, times i, and the same times m along x.
    fn add_second_order(&mut self) {
        let Self { lines, scratch, one, three, noise, sums, modes, first, second, .. } = self;
        let two = &mut three[..2 * lines.len()];
        lines.pencils(scratch, (one, 1), (two, 2), noise, sums, |ky, kz, [a, b, _], noise| {
            let transfer = modes.column(&modes.transfer, ky, kz);
            let of_mode = noise.iter().zip(transfer).zip(modes.lengths_squared(ky, kz)).zip(&modes.odd);
            for ((a, b), (((noise, transfer), m2), m)) in a.iter_mut().zip(b).zip(of_mode) {
                let per_length = if m2 == 0.0 { 0.0 } else { *second / m2 };
                *a = times_i(noise * (transfer * *first) + *a * per_length);
                *b = *a * m;
            }
            0.0
        });
    }

    fn potential_to_displacement(&mut self) {
        let Self { lines, scratch, three, modes, displacement, .. } = self;
        let (n2, plane, chunk) = (lines.n * lines.n, lines.plane(), lines.chunk());
        let three = &*three;
        let [x, y, z] = displacement;
        let tasks = (
            x.par_chunks_mut(chunk * n2),
            y.par_chunks_mut(chunk * n2),
            z.par_chunks_mut(chunk * n2),
            scratch.par_iter_mut(),
        );
        tasks.into_par_iter().enumerate().for_each(|(task, (px, py, pz, scratch))| {
            let planes = px.chunks_exact_mut(n2).zip(py.chunks_exact_mut(n2)).zip(pz.chunks_exact_mut(n2));
            for (i, ((px, py), pz)) in planes.enumerate() {
                let x = task * chunk + i;
                for ((spectrum, factors), out) in gradients(lines, modes).into_iter().zip([px, py, pz]) {
                    lines.inverse_plane(&three[spectrum * plane + x * lines.nh..], 2 * plane, factors, out, scratch);
                }
            }
        });
    }

    fn displacement_to_potential(&mut self, d: impl Fn(usize, [&[f64]; 3], [&mut [f64]; 3]) + Sync) {
        let Self { lines, scratch, three, modes, displacement, .. } = self;
        let (plane, chunk) = (lines.plane(), lines.chunk());
        let psi = [&displacement[0][..], &displacement[1][..], &displacement[2][..]];
        let tasks = (three[..2 * lines.len()].par_chunks_mut(chunk * 2 * plane), scratch.par_iter_mut());
        tasks.into_par_iter().enumerate().for_each(|(task, (two, scratch))| {
            for (i, two) in two.chunks_exact_mut(2 * plane).enumerate() {
                let mut real = std::mem::take(&mut scratch.real);
                let [x, y, z] = &mut real;
                d(task * chunk + i, psi, [x, y, z]);
                let mut written = [false; 2];
                for ((spectrum, factors), real) in gradients(lines, modes).into_iter().zip(&real) {
                    let out = &mut two[spectrum * plane..(spectrum + 1) * plane];
                    lines.forward_plane(real, lines.n, factors, written[spectrum], out, scratch);
                    written[spectrum] = true;
                }
                scratch.real = real;
            }
        });
    }

    /// The gradient by the modes of φ₁, kept, and by the source of φ₂.
    fn split_orders(&mut self) {
        let Self { lines, scratch, one, three, kept, sums, modes, first, second, .. } = self;
        let two = &three[..2 * lines.len()];
        lines.pencils(scratch, (two, 2), (one, 1), kept, sums, |ky, kz, [a, b, _], kept| {
            let of_mode = modes.lengths_squared(ky, kz).zip(&modes.odd);
            for (((a, b), kept), (m2, m)) in a.iter_mut().zip(b).zip(kept).zip(of_mode) {
                let per_length = if m2 == 0.0 { 0.0 } else { *second / m2 };
                let g = times_minus_i(*a + *b * m);
                *kept = g * *first;
                *a = g * per_length;
            }
            0.0
        });
    }

    fn source_to_derivatives(&mut self) {
        let Self { lines, scratch, one, three, hessian, modes, .. } = self;
        let (n2, plane, chunk) = (lines.n * lines.n, lines.plane(), lines.chunk());
        let (one, hessian) = (&*one, &*hessian);
        let tasks = (three.par_chunks_mut(chunk * 3 * plane), scratch.par_iter_mut());
        tasks.into_par_iter().enumerate().for_each(|(task, (three, scratch))| {
            for (i, three) in three.chunks_exact_mut(3 * plane).enumerate() {
                let x = task * chunk + i;
                let mut real = std::mem::take(&mut scratch.real);
                let [source, out, _] = &mut real;
                lines.inverse_plane(&one[x * lines.nh..], plane, [&lines.ones, &lines.ones], source, scratch);
                let h = six(&hessian[x * 6 * n2..(x + 1) * 6 * n2], n2);
                let mut written = [false; 3];
                for (which, (spectrum, factors)) in derivatives(lines, modes).into_iter().enumerate() {
                    derivative_of_source(which, h, source, out);
                    let to = &mut three[spectrum * plane..(spectrum + 1) * plane];
                    lines.forward_plane(out, lines.n, factors, written[spectrum], to, scratch);
                    written[spectrum] = true;
                }
                scratch.real = real;
            }
        });
    }

    /// The gradient by F u, that of the log prior with it, and back along x.
    fn modes_to_noise(&mut self) {
        let Self { lines, scratch, one, three, noise, kept, sums, modes, first, order, .. } = self;
        let (n_in, norm) = (if *order == Order::Two { 3 } else { 2 }, 1.0 / (lines.n * lines.n * lines.n) as f64);
        let kept = &*kept;
        lines.pencils(scratch, (three, n_in), (one, 1), noise, sums, |ky, kz, [a, b, c], noise| {
            let transfer = modes.column(&modes.transfer, ky, kz);
            if *order == Order::One {
                for ((a, b), (t, m)) in a.iter_mut().zip(b).zip(transfer.iter().zip(&modes.odd)) {
                    *a = times_minus_i(*a + *b * m) * (t * *first);
                }
            } else {
                let squares = modes.square.iter().zip(&modes.odd).zip(modes.column(kept, ky, kz));
                for (((a, b), (c, t)), ((m2, m), kept)) in a.iter_mut().zip(b).zip(c.iter().zip(transfer)).zip(squares)
                {
                    *a = (*a + *b * m + c * m2 + kept) * t;
                }
            }
            match &modes.amplitude_squared {
                None => a.iter_mut().zip(noise).for_each(|(a, noise)| *a -= *noise * norm),
                Some(squared) => {
                    let squared = modes.column(squared, ky, kz);
                    a.iter_mut().zip(noise).zip(squared).for_each(|((a, noise), s)| *a -= *noise * (s * norm));
                }
            }
            0.0
        });
    }

    fn one_to_real(&mut self, out: &mut [f64]) {
        let Self { lines, scratch, one, .. } = self;
        let (n2, plane, chunk) = (lines.n * lines.n, lines.plane(), lines.chunk());
        let tasks = (out.par_chunks_mut(chunk * n2), scratch.par_iter_mut());
        tasks.into_par_iter().enumerate().for_each(|(task, (out, scratch))| {
            for (i, out) in out.chunks_exact_mut(n2).enumerate() {
                let from = &one[(task * chunk + i) * lines.nh..];
                lines.inverse_plane(from, plane, [&lines.ones, &lines.ones], out, scratch);
            }
        });
    }
}

fn real_to_one(lines: &Lines, scratch: &mut [Scratch], real: &[f64], one: &mut [Complex]) {
    let (n2, plane, chunk) = (lines.n * lines.n, lines.plane(), lines.chunk());
    let tasks = (real.par_chunks(chunk * n2), one.par_chunks_mut(chunk * plane), scratch.par_iter_mut());
    tasks.into_par_iter().for_each(|(real, one, scratch)| {
        for (real, one) in real.chunks_exact(n2).zip(one.chunks_exact_mut(plane)) {
            lines.forward_plane(real, lines.n, [&lines.ones, &lines.ones], false, one, scratch);
        }
    });
}

/// From which of the spectra (1, m, m² along x), with which factors along y and z, a derivative comes.
type Derivative<'a> = (usize, [&'a [f64]; 2]);

/// xx xy xz yy yz zz.
fn derivatives<'a>(lines: &'a Lines, modes: &'a Modes) -> [Derivative<'a>; 6] {
    let (one, odd, square) = (&lines.ones[..], &modes.odd[..], &modes.square[..]);
    [(2, [one, one]), (1, [odd, one]), (1, [one, odd]), (0, [square, one]), (0, [odd, odd]), (0, [one, square])]
}

/// x y z.
fn gradients<'a>(lines: &'a Lines, modes: &'a Modes) -> [Derivative<'a>; 3] {
    let (one, odd) = (&lines.ones[..], &modes.odd[..]);
    [(1, [one, one]), (0, [odd, one]), (0, [one, odd])]
}

fn six(hessian: &[f64], n2: usize) -> [&[f64]; 6] {
    std::array::from_fn(|i| &hessian[i * n2..(i + 1) * n2])
}

/// The gradient of the source by one of the derivatives, times that by the source.
fn derivative_of_source(which: usize, [xx, xy, xz, yy, yz, zz]: [&[f64]; 6], source: &[f64], out: &mut [f64]) {
    let sum = |out: &mut [f64], a: &[f64], b: &[f64]| {
        out.iter_mut().zip(source).zip(a.iter().zip(b)).for_each(|((out, g), (a, b))| *out = g * (a + b));
    };
    let twice = |out: &mut [f64], a: &[f64]| {
        out.iter_mut().zip(source).zip(a).for_each(|((out, g), a)| *out = -2.0 * g * a);
    };
    match which {
        0 => sum(out, yy, zz),
        1 => twice(out, xy),
        2 => twice(out, xz),
        3 => sum(out, xx, zz),
        4 => twice(out, yz),
        _ => sum(out, xx, yy),
    }
}

#[inline(always)]
fn times_i(a: Complex) -> Complex {
    Complex::new(-a.im, a.re)
}

#[inline(always)]
fn times_minus_i(a: Complex) -> Complex {
    Complex::new(a.im, -a.re)
}
