//! A log-normal field: exponentiated from a Gaussian field of known correlation, skewed, and of known information.
//!
//! ```text
//! δ = (exp(αg − α²/2) − 1)/α,    ⟨g²⟩ = 1,    ξ_G(r) = exp(−r²/4β²), r in cells
//! ```
//! [`LogNormalField::periodic`] wraps round: along each axis the correlation is summed over all images and divided by its
//! value at r = 0, which for β well below n changes nothing. [`LogNormalField::open`] is cut from such a field of twice the
//! side: cells at opposite edges are as far apart as they look, and edges know less. As α → 0, δ → g.
//!
//! The field of the IMNN paper is the open one: at 20², α = 1, β = 0.5 it has F_ββ = 5815.6, the periodic one 6401.4.
//!
//! Numbers stay sound at any β: powers of modes are had by their logarithms, and those below the range of floats add
//! nothing that a double could hold. Beyond β ≈ n the field is the same everywhere but for small ripples.
//!
//! Limits: α and β between 10⁻¹⁰⁰ and 10¹⁰⁰; no noise and no mask.
//!
//! Reference: Coles & Jones 1991, MNRAS 248, 1, doi:10.1093/mnras/248.1.1 (log-normal fields); Charnock, Lavaux, Wandelt
//! 2018, arXiv:1802.03537 (the test of inference).

use super::correlation::{AxisPower, correlation};
use super::gaussian::IMNN;
use super::lattice::{self, Lattice};
use super::log_normal_fisher::{degenerate, fisher};
use super::pool::Pool;
use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;
use crate::simulator::Simulator;

/// A log-normal field on n^d cells; parameters `alpha` α and `beta` β \[cells\]. See the module's text.
#[derive(Debug)]
pub struct LogNormalField {
    parameters: Vec<Parameter>,
    shape: Vec<usize>,
    /// Of the periodic field, of which this may be a part.
    lattice: Lattice,
    /// Cells of a lattice larger than the field: of g and of its derivative.
    rooms: Pool<Vec<f64>>,
}

impl LogNormalField {
    /// A periodic field of `n` cells along each of `dims` axes, 2 or 3.
    ///
    /// # Errors
    /// Invalid input, for n below 2 or more than 10⁸ cells, and for other `dims`.
    pub fn periodic(n: usize, dims: usize) -> Result<Self> {
        Ok(Self::within(Lattice::new(n, dims)?, n))
    }

    /// A field without periodic boundaries, of `n` cells along each of `dims` axes, 2 or 3. A simulation costs what one of
    /// twice the side does.
    ///
    /// # Errors
    /// As [`LogNormalField::periodic`]; of the cells there may be 2^dims times fewer.
    pub fn open(n: usize, dims: usize) -> Result<Self> {
        lattice::check(n, dims)?;
        let lattice = Lattice::new(2 * n, dims).map_err(|error| {
            error.remedy("give a smaller n, or periodic = true: an open field is cut from one of twice the side")
        })?;
        Ok(Self::within(lattice, n))
    }

    /// True where opposite edges are neighbours.
    pub fn is_periodic(&self) -> bool {
        self.lattice.n() == self.shape[0]
    }

    fn within(lattice: Lattice, n: usize) -> Self {
        let parameters = vec![Parameter::new("alpha", r"\alpha"), Parameter::new("beta", r"\beta")];
        Self { parameters, shape: vec![n; lattice.dims()], lattice, rooms: Pool::new() }
    }

    /// The Fisher matrix about (α, β), exact: that of g, which is Gaussian, with what the change of variables adds.
    ///
    /// # Errors
    /// Simulation failed, where there is no such field; numerical, where a cell is all but decided by its neighbours (β
    /// above about 1.5), so that no data in double precision hold the information that the formula counts, and for α above
    /// about 15.
    pub fn fisher(&self, alpha: f64, beta: f64) -> Result<Matrix> {
        check(&[alpha, beta])?;
        let (n, n_lattice) = (self.shape[0], self.lattice.n());
        if beta > n as f64 {
            return Err(degenerate());
        }
        let (xi, slope) = correlation(n_lattice, beta);
        let matrix = |values: &[f64]| Matrix::from_fn(n, n, |i, j| values[(i + n_lattice - j) % n_lattice]);
        fisher(&matrix(&xi), &matrix(&slope), self.lattice.dims(), alpha)
    }

    fn draw(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64], derivative: Option<&mut [f64]>) -> Result<()> {
        check(theta)?;
        let (alpha, beta) = (theta[0], theta[1]);
        let exponent = |g: f64| alpha * (g - 0.5 * alpha);
        let (by_alpha, mut by_beta) = match derivative {
            None => (None, None),
            Some(derivative) => {
                let (by_alpha, by_beta) = derivative.split_at_mut(data.len());
                (Some(by_alpha), Some(by_beta))
            }
        };
        if self.shape == self.lattice.shape() {
            self.gaussian(beta, stream, data, by_beta.as_deref_mut());
        } else {
            let room = || vec![0.0; self.lattice.n_cells()];
            let mut g = self.rooms.take(room);
            let mut slope = by_beta.is_some().then(|| self.rooms.take(room));
            self.gaussian(beta, stream, &mut g, slope.as_deref_mut());
            self.lattice.cut(&g, self.shape[0], data);
            self.rooms.give_back(g);
            if let (Some(slope), Some(by_beta)) = (slope, &mut by_beta) {
                self.lattice.cut(&slope, self.shape[0], by_beta);
                self.rooms.give_back(slope);
            }
        }
        if let (Some(by_alpha), Some(by_beta)) = (by_alpha, by_beta) {
            for ((by_alpha, by_beta), g) in by_alpha.iter_mut().zip(by_beta).zip(&*data) {
                let (v, u) = (g - 0.5 * alpha, exponent(*g));
                *by_alpha = v * v * second(u) - 0.5 * u.exp();
                *by_beta *= u.exp();
            }
        }
        data.iter_mut().for_each(|d| *d = exponent(*d).exp_m1() / alpha);
        Ok(())
    }

    /// Draws g on the lattice, and ∂g/∂β where wanted.
    fn gaussian(&self, beta: f64, stream: &mut Stream, g: &mut [f64], slope: Option<&mut [f64]>) {
        let power = AxisPower::new(self.lattice.n(), beta);
        let mut modes = self.lattice.white_noise(stream, g);
        self.lattice.filtered(&mut modes, self.lattice.products(&power.root), g);
        if let Some(slope) = slope {
            // ∂√λ = √λ · ½ Σ_axes ∂ ln λ.
            let slopes = self.lattice.sums(&power.slope);
            let factors = self.lattice.products(&power.root).zip(slopes).map(|(root, slope)| 0.5 * root * slope);
            self.lattice.filtered(&mut modes, factors, slope);
        }
        self.lattice.give_back(modes);
    }
}

/// (eᵘ(u − 1) + 1)/u² = Σ_k uᵏ/(k!(k + 2)), which cancels where u is small.
fn second(u: f64) -> f64 {
    if u.abs() > 0.5 {
        return (u.exp() * (u - 1.0) + 1.0) / (u * u);
    }
    (0..16).rev().map(f64::from).fold(0.0, |sum, k| 1.0 / (k + 2.0) + u / (k + 1.0) * sum)
}

fn check(theta: &[f64]) -> Result<()> {
    let (alpha, beta) = (theta[0], theta[1]);
    if [alpha, beta].iter().all(|x| (1e-100..1e100).contains(x)) {
        return Ok(());
    }
    let message = format!("no log-normal field has alpha = {alpha} and a correlation length beta = {beta} cells");
    Err(Error::simulation_failed(message).remedy("keep both above 0 and finite"))
}

impl Simulator for LogNormalField {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        self.draw(theta, stream, data, None)
    }

    fn has_derivative(&self) -> bool {
        true
    }

    fn simulate_with_derivative(
        &self,
        theta: &[f64],
        stream: &mut Stream,
        data: &mut [f64],
        derivative: &mut [f64],
    ) -> Result<()> {
        self.draw(theta, stream, data, Some(derivative))
    }

    fn exact_fisher(&self, theta: &[f64]) -> Result<Option<Matrix>> {
        self.fisher(theta[0], theta[1]).map(Some)
    }

    fn references(&self) -> Vec<Reference> {
        vec![COLES_JONES, IMNN]
    }
}

/// Log-normal fields in cosmology.
pub(super) const COLES_JONES: Reference = Reference {
    authors: "Coles, Jones 1991",
    title: "A lognormal model for the cosmological mass distribution",
    source: "MNRAS 248, 1",
    url: "https://doi.org/10.1093/mnras/248.1.1",
};
