//! Power spectra, cross-correlation and transfer function of fields, in shells of wavenumber.
//!
//! ```text
//! P_ab = V/n⁶ ⟨a(k) b(k)*⟩_shell,    r = P_ab / √(P_aa P_bb),    T = √(P_aa / P_bb)
//! ```
//! Modes of the half spectrum stand for their mirror images too and count twice where these are not stored. The mode
//! k = 0 is in no shell. A field's modes can be divided by the window that it was deposited with, Π sinc^p(π m_i/n), p = 2
//! of cloud-in-cell, 3 of the triangular-shaped cloud; the noise of particles and aliasing are left as they are.
//!
//! Reference: Feldman, Kaiser, Peacock 1994, ApJ 426, 23; arXiv:astro-ph/9304022; Jing 2005, ApJ 620, 559;
//! arXiv:astro-ph/0409240.

use super::{Grid, MassAssignment};
use crate::error::{Error, Result};
use crate::math::{Complex, RealFft3};
use std::f64::consts::PI;

/// Shells of wavenumber.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// Of the width of the fundamental wavenumber, [m - 1/2, m + 1/2) for m = 1, 2, … up to the Nyquist one.
    Fundamental,
    /// Between these edges [h/Mpc], each including its lower one.
    Edges(Vec<f64>),
}

/// What is measured in one shell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Mean wavenumber of the modes [h/Mpc]; the shell's middle, if it has none.
    pub k: f64,
    /// Number of modes, a wave and its complex conjugate counted as two.
    pub n_modes: usize,
    /// P_aa [(Mpc/h)³].
    pub power_a: f64,
    /// P_bb [(Mpc/h)³].
    pub power_b: f64,
    /// P_ab [(Mpc/h)³].
    pub cross_power: f64,
}

impl Bin {
    /// r = P_ab/√(P_aa P_bb), from -1 to 1; NaN where a field has no power.
    pub fn correlation(&self) -> f64 {
        self.cross_power / (self.power_a * self.power_b).sqrt()
    }

    /// T = √(P_aa/P_bb); NaN or infinite where b has no power.
    pub fn transfer(&self) -> f64 {
        (self.power_a / self.power_b).sqrt()
    }
}

/// The estimator for one grid, with its memory (24 bytes for each cell).
#[derive(Debug)]
pub struct Spectra {
    grid: Grid,
    fft: RealFft3,
    a: Vec<Complex>,
    b: Vec<Complex>,
    /// Edges [fundamental wavenumbers], squared.
    edges: Vec<f64>,
}

impl Spectra {
    /// For fields on `grid` in shells `bins`.
    ///
    /// # Errors
    /// Invalid input, if there are not two edges at least, finite, not negative and increasing.
    pub fn new(grid: Grid, bins: &Bins) -> Result<Self> {
        let edges: Vec<f64> = match bins {
            Bins::Fundamental => (0..=grid.n() / 2).map(|m| m as f64 + 0.5).collect(),
            Bins::Edges(edges) => edges.iter().map(|k| k / grid.k_fundamental()).collect(),
        };
        if edges.len() < 2
            || !edges.iter().all(|k| k.is_finite() && *k >= 0.0)
            || edges.windows(2).any(|k| k[1] <= k[0])
        {
            return Err(Error::invalid_input("shells of wavenumber without increasing edges")
                .remedy("give at least two edges [h/Mpc], from 0 up"));
        }
        let fft = RealFft3::new(grid.n());
        let zeros = vec![Complex::default(); fft.len()];
        let edges = edges.into_iter().map(|k| k * k).collect();
        Ok(Self { grid, fft, a: zeros.clone(), b: zeros, edges })
    }

    /// The shells of one field (n³ values): power_a, power_b and cross_power are the same. `window`, where given, is taken
    /// out.
    ///
    /// # Errors
    /// Invalid input, if the field has another size.
    pub fn power(&mut self, field: &[f64], window: Option<MassAssignment>) -> Result<Vec<Bin>> {
        self.grid.check("the field", field.len())?;
        self.fft.forward(field, &mut self.a);
        Ok(self.bins(&self.a, &self.a, [window; 2]))
    }

    /// The shells of two fields (n³ values each); `windows`, where given, are taken out of each.
    ///
    /// # Errors
    /// Invalid input, if a field has another size.
    pub fn cross(&mut self, a: &[f64], b: &[f64], windows: [Option<MassAssignment>; 2]) -> Result<Vec<Bin>> {
        self.grid.check("the first field", a.len())?;
        self.grid.check("the second field", b.len())?;
        self.fft.forward(a, &mut self.a);
        self.fft.forward(b, &mut self.b);
        Ok(self.bins(&self.a, &self.b, windows))
    }

    fn bins(&self, a: &[Complex], b: &[Complex], windows: [Option<MassAssignment>; 2]) -> Vec<Bin> {
        let (n, nh) = (self.grid.n(), self.grid.n() / 2 + 1);
        let m: Vec<f64> = (0..n).map(|i| self.grid.wavenumber(i) as f64).collect();
        let sincs: Vec<f64> = m.iter().map(|m| sinc(PI * m / n as f64)).collect();
        let norm = self.grid.volume() / (self.grid.n_cells() as f64).powi(2);
        let k_fundamental = self.grid.k_fundamental();
        let mut bins: Vec<Bin> = self
            .edges
            .windows(2)
            .map(|edges| {
                let k = 0.5 * (edges[0].sqrt() + edges[1].sqrt()) * k_fundamental;
                Bin { k, n_modes: 0, power_a: 0.0, power_b: 0.0, cross_power: 0.0 }
            })
            .collect();
        let mut sums_of_k = vec![0.0; bins.len()];
        for (i, (a, b)) in a.iter().zip(b).enumerate().skip(1) {
            let [x, y, z] = [i / nh / n, i / nh % n, i % nh];
            let m2 = m[x] * m[x] + m[y] * m[y] + m[z] * m[z];
            let above = self.edges.partition_point(|edge| *edge <= m2);
            if above == 0 || above == self.edges.len() {
                continue;
            }
            let times = if (2 * z) % n == 0 { 1 } else { 2 };
            let w = sincs[x] * sincs[y] * sincs[z];
            let [wa, wb] = windows.map(|window| window.map_or(1.0, |window| w.powi(-window.order())));
            let bin = &mut bins[above - 1];
            let factor = times as f64 * norm;
            bin.n_modes += times;
            bin.power_a += factor * a.norm_sqr() * wa * wa;
            bin.power_b += factor * b.norm_sqr() * wb * wb;
            bin.cross_power += factor * (a.re * b.re + a.im * b.im) * wa * wb;
            sums_of_k[above - 1] += times as f64 * m2.sqrt() * k_fundamental;
        }
        for (bin, sum) in bins.iter_mut().zip(sums_of_k).filter(|(bin, _)| bin.n_modes > 0) {
            let n = bin.n_modes as f64;
            bin.k = sum / n;
            bin.power_a /= n;
            bin.power_b /= n;
            bin.cross_power /= n;
        }
        bins
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { x.sin() / x }
}
