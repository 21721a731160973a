//! A Gaussian random field with a power law for its spectrum: the field whose information is known exactly.
//!
//! P(k) = A k⁻ᴮ at k = 2π|m|/n, m the integer wave vector: k in units of one over a cell. White noise w of variance 1 in
//! each cell is taken to Fourier space, each of its modes multiplied by √P, and back; the mode m = 0 has no power. So
//! ⟨|δ(m)|²⟩ = n^d P(k), and all n^d − 1 other degrees of freedom are independent and normal.
//!
//! ```
//! use posterity::simulator::{GaussianField, Simulator};
//! use posterity::Seed;
//! # fn main() -> posterity::Result<()> {
//! let field = GaussianField::new(128, 2)?;
//! let fisher = field.fisher(1.0, 0.5)?;
//! assert!((fisher.cholesky()?.ln_det() - 1.745e7f64.ln()).abs() < 1e-3);
//! let mut delta = vec![0.0; 128 * 128];
//! field.simulate(&[1.0, 0.5], &mut Seed::new(1).stream(0), &mut delta)?;
//! assert!(delta.iter().sum::<f64>().abs() < 1e-9);
//! # Ok(())
//! # }
//! ```
//!
//! Limits: periodic; A > 0; no noise and no mask.
//!
//! Reference: Charnock, Lavaux, Wandelt 2018, arXiv:1802.03537, section III.B.

use super::lattice::Lattice;
use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::parameter::Parameter;
use crate::reference::Reference;
use crate::seed::Stream;
use crate::simulator::Simulator;
use std::f64::consts::PI;

/// A Gaussian field with P(k) = A k⁻ᴮ on n^d cells; parameters `amplitude` A and `slope` B. See the module's text.
#[derive(Debug)]
pub struct GaussianField {
    parameters: Vec<Parameter>,
    lattice: Lattice,
    /// ln k of each stored mode; that of m = 0 stands for no mode.
    ln_k: Vec<f64>,
}

impl GaussianField {
    /// A field of `n` cells along each of `dims` axes, 2 or 3.
    ///
    /// # Errors
    /// Invalid input, for n below 2 or more than 10⁸ cells, and for other `dims`.
    pub fn new(n: usize, dims: usize) -> Result<Self> {
        let lattice = Lattice::new(n, dims)?;
        let k = |length: u32| 2.0 * PI * f64::from(length).sqrt() / n as f64;
        let ln_k = lattice.lengths_squared().into_iter().map(|length| k(length.max(1)).ln()).collect();
        let parameters = vec![Parameter::new("amplitude", "A"), Parameter::new("slope", "B")];
        Ok(Self { parameters, lattice, ln_k })
    }

    /// The Fisher matrix about (A, B), exact: ½ Σ ∂ln P ∂ln P over all degrees of freedom but the mean.
    ///
    /// # Errors
    /// Simulation failed, where there is no such field.
    pub fn fisher(&self, amplitude: f64, slope: f64) -> Result<Matrix> {
        check(&[amplitude, slope])?;
        let mut fisher = Matrix::zeros(2, 2);
        for (ln_k, n) in self.ln_k.iter().zip(self.lattice.multiplicities()).skip(1) {
            let d_ln_p = [1.0 / amplitude, -ln_k];
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                fisher[(i, j)] += 0.5 * n * d_ln_p[i] * d_ln_p[j];
            }
        }
        Ok(fisher)
    }

    fn draw(&self, theta: &[f64], stream: &mut Stream, data: &mut [f64], derivative: Option<&mut [f64]>) -> Result<()> {
        check(theta)?;
        let (half_ln_a, half_b) = (0.5 * theta[0].ln(), 0.5 * theta[1]);
        let root = |(i, ln_k): (usize, &f64)| if i == 0 { 0.0 } else { (half_ln_a - half_b * ln_k).exp() };
        let mut modes = self.lattice.white_noise(stream, data);
        self.lattice.filtered(&mut modes, self.ln_k.iter().enumerate().map(root), data);
        if let Some(derivative) = derivative {
            let (by_amplitude, by_slope) = derivative.split_at_mut(data.len());
            by_amplitude.iter_mut().zip(&*data).for_each(|(to, d)| *to = d / (2.0 * theta[0]));
            let factors = self.ln_k.iter().enumerate().map(|(i, ln_k)| -0.5 * ln_k * root((i, ln_k)));
            self.lattice.filtered(&mut modes, factors, by_slope);
        }
        self.lattice.give_back(modes);
        Ok(())
    }
}

fn check(theta: &[f64]) -> Result<()> {
    let (amplitude, slope) = (theta[0], theta[1]);
    if amplitude > 0.0 && amplitude.is_finite() && slope.is_finite() {
        return Ok(());
    }
    let message = format!("no spectrum has the amplitude {amplitude} and the slope {slope}");
    Err(Error::simulation_failed(message).remedy("keep the amplitude above 0, and both finite"))
}

impl Simulator for GaussianField {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        self.lattice.shape()
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
        vec![IMNN]
    }
}

/// The paper whose test cases these fields are.
pub(super) const IMNN: Reference = Reference {
    authors: "Charnock, Lavaux, Wandelt 2018",
    title: "Automatic physical inference with information maximising neural networks",
    source: "Phys. Rev. D 97, 083004, arXiv:1802.03537",
    url: "https://arxiv.org/abs/1802.03537",
};
