//! The loss of the summaries, −ln det F + r(Λ) Λ, and its derivative by mean, covariance and summaries in closed form.
//!
//! Λ = ‖C − 1‖ + ‖C⁻¹ − 1‖ (Frobenius) and r = λ Λ/(Λ + exp(−αΛ)), α = −ln[ε(λ − 1) + ε²/(1 + ε)]/ε: the covariance is
//! held near one until it is closer than ε, then let go. F itself does not change when the summaries are scaled.
//! Charnock, Lavaux, Wandelt 2018 (arXiv:1802.03537), eq. 16–18.

use crate::error::{Error, Result};
use crate::math::Matrix;

use super::super::SummaryMoments;

/// Strength and closeness of the regulariser.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regulariser {
    lambda: f64,
    alpha: f64,
}

impl Regulariser {
    /// # Errors
    /// Invalid input if λ and ε give an α that is not positive: the regulariser would vanish where it is needed.
    pub(super) fn new(lambda: f64, epsilon: f64) -> Result<Self> {
        let alpha = -(epsilon * (lambda - 1.0) + epsilon * epsilon / (1.0 + epsilon)).ln() / epsilon;
        if lambda > 0.0 && epsilon > 0.0 && alpha > 0.0 && alpha.is_finite() {
            Ok(Self { lambda, alpha })
        } else {
            Err(Error::invalid_input(format!("lambda = {lambda} and epsilon = {epsilon} give no regulariser"))
                .remedy("keep epsilon (lambda - 1) + epsilon² / (1 + epsilon) between 0 and 1, as 10 and 0.1 do"))
        }
    }

    /// r at Λ, and the derivative of r Λ by Λ.
    fn at(self, distance: f64) -> (f64, f64) {
        let decay = (-self.alpha * distance).exp();
        let sum = distance + decay;
        let strength = self.lambda * distance / sum;
        let slope = self.lambda * distance * (2.0 * sum - distance * (1.0 - self.alpha * decay)) / (sum * sum);
        (strength, slope)
    }
}

/// The loss at some moments, and its derivatives by C (symmetric) and by J.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// ln det F, without Hartlap's factor.
    pub(super) ln_det_fisher: f64,
    /// ‖C − 1‖.
    pub(super) covariance_distance: f64,
    /// r.
    pub(super) strength: f64,
    /// −ln det F + r Λ.
    pub(super) value: f64,
    pub(super) by_covariance: Matrix,
    pub(super) by_derivative: Matrix,
}

impl Loss {
    /// # Errors
    /// Numerical, if C or F is not positive definite.
    pub(super) fn new(moments: &SummaryMoments, regulariser: Regulariser) -> Result<Self> {
        let (c, j) = (&moments.covariance, &moments.dmu_dtheta);
        let n = c.n_rows();
        let inverse = c.cholesky()?.inverse();
        let jc = j.times(&inverse);
        let fisher = jc.times(&j.transpose()).cholesky()?;
        let f_inv_jc = fisher.solve(&jc);
        let less_one = |m: &Matrix| m.plus(&Matrix::identity(n).scaled(-1.0));
        let (c_off, inverse_off) = (less_one(c), less_one(&inverse));
        let (near, far) = (c_off.frobenius_norm(), inverse_off.frobenius_norm());
        let (strength, slope) = regulariser.at(near + far);
        // At exactly C = 1 a norm has no derivative; zero is one of its subgradients.
        let unit = |m: Matrix, norm: f64| if norm > 0.0 { m.scaled(slope / norm) } else { m.scaled(0.0) };
        let by_inverse = inverse.times(&inverse_off).times(&inverse).scaled(-1.0);
        let by_covariance = jc.transpose().times(&f_inv_jc).plus(&unit(c_off, near)).plus(&unit(by_inverse, far));
        Ok(Self {
            ln_det_fisher: fisher.ln_det(),
            covariance_distance: near,
            strength,
            value: -fisher.ln_det() + strength * (near + far),
            by_covariance,
            by_derivative: f_inv_jc.scaled(-2.0),
        })
    }

    /// The loss's derivative by the summaries of one simulation: 2/(n_s − 1) (∂L/∂C)(x − μ).
    pub(super) fn by_summary(&self, moments: &SummaryMoments, x: &[f64], out: &mut [f64]) {
        let factor = 2.0 / (moments.n_s as f64 - 1.0);
        for (i, out) in out.iter_mut().enumerate() {
            let row = self.by_covariance.row(i);
            *out = factor * row.iter().zip(x.iter().zip(&moments.mu)).map(|(g, (x, m))| g * (x - m)).sum::<f64>();
        }
    }

    /// The loss's derivative by one simulation's ∂x/∂θ: (∂L/∂J)/n_d, the same for all.
    pub(super) fn by_tangent(&self, moments: &SummaryMoments) -> Matrix {
        self.by_derivative.scaled(1.0 / moments.n_d as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let regulariser = Regulariser::new(10.0, 0.1).expect("positive alpha");
        let mut stream = Seed::new(3).stream(0);
        let mut normals = |n: usize| -> Vec<f64> { (0..n).map(|_| StandardNormal.sample(&mut stream)).collect() };
        let (mut x, mut dx) = (normals(20 * 3), normals(5 * 2 * 3));
        let moments = |x: &[f64], dx: &[f64]| SummaryMoments::from_simulations(x, dx, 3, 2).expect("enough");
        let value = |x: &[f64], dx: &[f64]| Loss::new(&moments(x, dx), regulariser).expect("regular").value;
        let at = moments(&x, &dx);
        let loss = Loss::new(&at, regulariser).expect("regular");
        let h = 1e-5;
        for k in 0..x.len() {
            let mut exact = [0.0; 3];
            loss.by_summary(&at, &x[k / 3 * 3..k / 3 * 3 + 3], &mut exact);
            let kept = x[k];
            x[k] = kept + h;
            let above = value(&x, &dx);
            x[k] = kept - h;
            let difference = (above - value(&x, &dx)) / (2.0 * h);
            x[k] = kept;
            assert!(
                (exact[k % 3] - difference).abs() < 1e-7 * (1.0 + difference.abs()),
                "{} {difference}",
                exact[k % 3]
            );
        }
        let exact = loss.by_tangent(&at);
        for k in 0..dx.len() {
            let kept = dx[k];
            dx[k] = kept + h;
            let above = value(&x, &dx);
            dx[k] = kept - h;
            let difference = (above - value(&x, &dx)) / (2.0 * h);
            dx[k] = kept;
            assert!((exact.as_slice()[k % 6] - difference).abs() < 1e-7 * (1.0 + difference.abs()), "{difference}");
        }
    }

    #[test]
    fn the_information_does_not_depend_on_the_scale_of_the_summaries() {
        let regulariser = Regulariser::new(10.0, 0.1).expect("positive alpha");
        let mut stream = Seed::new(3).stream(1);
        let mut normals = |n: usize| -> Vec<f64> { (0..n).map(|_| StandardNormal.sample(&mut stream)).collect() };
        let (x, dx) = (normals(60), normals(30));
        let scaled = |x: &[f64]| -> Vec<f64> { x.iter().map(|x| 7.0 * x).collect() };
        let loss = |x: &[f64], dx: &[f64]| {
            Loss::new(&SummaryMoments::from_simulations(x, dx, 3, 2).expect("enough"), regulariser).expect("regular")
        };
        let (one, seven) = (loss(&x, &dx), loss(&scaled(&x), &scaled(&dx)));
        assert!((one.ln_det_fisher - seven.ln_det_fisher).abs() < 1e-12);
        assert!(seven.covariance_distance > 10.0 * one.covariance_distance);
    }

    #[test]
    fn a_vanishing_regulariser_is_refused() {
        assert!((Regulariser::new(10.0, 0.1).expect("the usual one").alpha - 0.953).abs() < 1e-3);
        for (lambda, epsilon) in [(100.0, 0.1), (10.0, 0.0), (-1.0, 0.1), (f64::NAN, 0.1), (10.0, 5.0)] {
            assert!(Regulariser::new(lambda, epsilon).expect_err("refused").is_invalid_input());
        }
    }
}
