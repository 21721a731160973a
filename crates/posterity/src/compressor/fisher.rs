//! Fisher information of summaries from simulations, its finite-sample biases, and the quasi maximum likelihood estimate.

use super::Outlook;
use crate::error::{Error, Result};
use crate::math::{Matrix, mean_and_covariance};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};

/// References of the estimates in this file.
pub(super) const REFERENCES: [Reference; 2] = [
    Reference {
        authors: "Hartlap, Simon, Schneider 2007",
        title: "Why your model parameter confidences might be too optimistic: unbiased estimation of the inverse covariance matrix",
        source: "A&A 464, 399, arXiv:astro-ph/0608064",
        url: "https://arxiv.org/abs/astro-ph/0608064",
    },
    Reference {
        authors: "Coulton, Wandelt 2023",
        title: "How to estimate Fisher information matrices from simulations",
        source: "arXiv:2305.08994",
        url: "https://arxiv.org/abs/2305.08994",
    },
];

/// Mean, covariance and derivative of summaries about a fiducial point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryMoments {
    /// μ = E\[x\], `n_summaries` values.
    pub mu: Vec<f64>,
    /// C, with 1/(n_s − 1).
    pub covariance: Matrix,
    /// J_αi = ∂μ_i/∂θ_α, `(n_params, n_summaries)`.
    pub dmu_dtheta: Matrix,
    /// Simulations behind μ and C.
    pub n_s: usize,
    /// Simulations (or seed-matched pairs) behind J, for each parameter.
    pub n_d: usize,
}

impl SummaryMoments {
    /// From `summaries` (`n_s` rows) and each derivative simulation's ∂x/∂θ (`n_d` times `n_params` rows).
    ///
    /// # Errors
    /// Invalid input if there are fewer summaries than parameters, or n_s ≤ n_summaries + 2, or no derivative.
    pub fn from_simulations(
        summaries: &[f64],
        derivatives: &[f64],
        n_summaries: usize,
        n_params: usize,
    ) -> Result<Self> {
        let (n_s, n_d) = (summaries.len() / n_summaries, derivatives.len() / (n_params * n_summaries));
        check_counts(n_s, n_d, n_summaries, n_params)?;
        let (mu, covariance) = mean_and_covariance(summaries, n_summaries);
        let mut dmu_dtheta = Matrix::zeros(n_params, n_summaries);
        for block in derivatives.chunks_exact(n_params * n_summaries) {
            dmu_dtheta.as_mut_slice().iter_mut().zip(block).for_each(|(m, x)| *m += x);
        }
        let dmu_dtheta = dmu_dtheta.scaled(1.0 / n_d as f64);
        Ok(Self { mu, covariance, dmu_dtheta, n_s, n_d })
    }

    /// F = h J C⁻¹ Jᵀ with Hartlap's factor h = (n_s − n_summaries − 2)/(n_s − 1), which makes C⁻¹ unbiased.
    ///
    /// # Errors
    /// Numerical, if C or F is not positive definite.
    pub fn fisher(&self) -> Result<Fisher> {
        let c_inv_jt = self.covariance.cholesky()?.solve(&self.dmu_dtheta.transpose());
        Fisher::new(self.dmu_dtheta.times(&c_inv_jt).scaled(self.hartlap()), self.n_s, self.n_d)
    }

    fn hartlap(&self) -> f64 {
        (self.n_s as f64 - self.mu.len() as f64 - 2.0) / (self.n_s as f64 - 1.0)
    }
}

fn check_counts(n_s: usize, n_d: usize, n_summaries: usize, n_params: usize) -> Result<()> {
    if n_summaries < n_params {
        return Err(Error::invalid_input(format!("{n_summaries} summaries cannot inform {n_params} parameters"))
            .remedy("ask for at least as many summaries as parameters"));
    }
    if n_s <= n_summaries + 2 {
        return Err(Error::invalid_input(format!(
            "{n_s} simulations do not give a covariance of {n_summaries} summaries"
        ))
        .remedy(format!("increase n_s to {} at the very least, beside those that fail", n_summaries + 3)));
    }
    if n_d == 0 {
        return Err(Error::invalid_input("there is no derivative simulation").remedy("increase n_d"));
    }
    Ok(())
}

/// A Fisher information matrix and the simulations behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fisher {
    /// F, `(n_params, n_params)`.
    pub matrix: Matrix,
    /// ln det F.
    pub ln_det: f64,
    /// Simulations behind the covariance.
    pub n_s: usize,
    /// Simulations behind the derivative.
    pub n_d: usize,
}

impl Fisher {
    fn new(matrix: Matrix, n_s: usize, n_d: usize) -> Result<Self> {
        let ln_det = matrix
            .cholesky()
            .map_err(|_| {
                Error::numerical("the Fisher information of the summaries is singular")
                    .remedy("let the summaries depend on every parameter, or increase n_d")
            })?
            .ln_det();
        Ok(Self { matrix, ln_det, n_s, n_d })
    }
}

/// Three estimates of the same information, biased in different directions (Coulton & Wandelt 2023).
///
/// Noise in the derivative adds information that is not there to the *standard* estimate. In the *compressed* one half
/// of the derivatives chooses the compression and the other half judges it: it loses information. Their geometric mean
/// is free of both to leading order. Where the three disagree, more derivative simulations are needed.
///
/// As many summaries as parameters leave nothing to choose: the compression can be undone, and what it would give is the
/// standard estimate from half of the derivatives. The other two are absent then, and the jackknife
/// ([`Outlook`](super::Outlook)) says how far the standard one is off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Information {
    /// J C⁻¹ Jᵀ from all simulations: errors too tight.
    pub standard: Fisher,
    /// Compression and judgement on separate halves: errors too wide.
    pub compressed: Option<Fisher>,
    /// Geometric mean of the compressed estimate and the standard one of as many simulations.
    pub combined: Option<Fisher>,
}

/// Above this difference in ln det F per parameter the estimates are said to disagree: 10 % of an error bar.
const DISAGREEMENT: f64 = 0.2;

impl Information {
    /// From the simulations that [`SummaryMoments::from_simulations`] takes; n_d ≥ 2 with more summaries than parameters.
    ///
    /// # Errors
    /// As [`SummaryMoments::from_simulations`] and [`SummaryMoments::fisher`].
    pub fn from_simulations(
        summaries: &[f64],
        derivatives: &[f64],
        n_summaries: usize,
        n_params: usize,
    ) -> Result<Self> {
        let block = n_params * n_summaries;
        let half = derivatives.len() / block / 2 * block;
        let all = SummaryMoments::from_simulations(summaries, derivatives, n_summaries, n_params)?;
        if n_summaries == n_params {
            return Ok(Self { standard: all.fisher()?, compressed: None, combined: None });
        }
        let of = |d: &[f64]| SummaryMoments::from_simulations(summaries, d, n_summaries, n_params);
        let (first, second) = (of(&derivatives[..half])?, of(&derivatives[half..])?);
        let both = |a: Matrix, b: Matrix| Fisher::new(a.plus(&b).scaled(0.5), all.n_s, all.n_d);
        let compressed = both(judged(&first, &second)?, judged(&second, &first)?)?;
        let halves = both(first.fisher()?.matrix, second.fisher()?.matrix)?;
        let combined = Fisher::new(halves.matrix.geometric_mean(&compressed.matrix)?, all.n_s, all.n_d)?;
        Ok(Self { standard: all.fisher()?, compressed: Some(compressed), combined: Some(combined) })
    }

    /// What to do, if the estimates disagree by more than a tenth of an error bar, or where there is but the standard one, if
    /// that is off by as much as `outlook` tells.
    pub fn warning(&self, outlook: Option<&Outlook>) -> Option<String> {
        let standard = self.standard.ln_det;
        let margin = DISAGREEMENT * self.standard.matrix.n_rows() as f64;
        if let (Some(compressed), Some(combined)) = (&self.compressed, &self.combined) {
            return ((standard - compressed.ln_det).abs() > margin).then(|| {
                format!(
                    "the Fisher information is uncertain: ln det F is {standard:.3} (standard, too high), {:.3} (combined) or \
                     {:.3} (compressed, too low); increase n_d",
                    combined.ln_det, compressed.ln_det
                )
            });
        }
        outlook.filter(|outlook| outlook.bias.abs() > margin).map(|outlook| {
            format!(
                "the Fisher information is uncertain: ln det F is {standard:.3}, and with ever more simulations {:.3} ± \
                 {:.3}; increase n_d",
                outlook.ln_det, outlook.sd
            )
        })
    }
}

/// Fisher information, by the derivative of `judge`, of the summaries compressed to the score by that of `choose`.
fn judged(choose: &SummaryMoments, judge: &SummaryMoments) -> Result<Matrix> {
    let score = choose.covariance.cholesky()?.solve(&choose.dmu_dtheta.transpose());
    let covariance = score.transpose().times(&choose.covariance).times(&score);
    let derivative = judge.dmu_dtheta.times(&score);
    Ok(derivative.times(&covariance.cholesky()?.solve(&derivative.transpose())).scaled(choose.hartlap()))
}

/// The quasi maximum likelihood estimate theta_hat = theta_fid + F⁻¹ J C⁻¹ (x − μ).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuasiMle {
    /// The point about which the summaries were linearised.
    pub theta_fid: Vec<f64>,
    /// μ at that point.
    pub mu: Vec<f64>,
    /// F⁻¹ J C⁻¹, `(n_params, n_summaries)`.
    pub projection: Matrix,
}

impl QuasiMle {
    /// About `theta_fid`, from the moments there.
    ///
    /// # Errors
    /// Numerical, if C or F is not positive definite.
    pub fn new(theta_fid: &[f64], moments: &SummaryMoments) -> Result<Self> {
        let jc = moments.covariance.cholesky()?.solve(&moments.dmu_dtheta.transpose()).transpose();
        let fisher = moments.dmu_dtheta.times(&jc.transpose());
        let projection = fisher.cholesky()?.solve(&jc);
        Ok(Self { theta_fid: theta_fid.to_vec(), mu: moments.mu.clone(), projection })
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.theta_fid.len()
    }

    /// Number of summaries.
    pub fn n_summaries(&self) -> usize {
        self.mu.len()
    }

    /// Estimates of rows of summaries, into rows of parameters.
    pub fn estimate(&self, summaries: &[f64], theta_hat: &mut [f64]) {
        for (x, theta) in summaries.chunks_exact(self.mu.len()).zip(theta_hat.chunks_exact_mut(self.n_params())) {
            for (alpha, (theta, fid)) in theta.iter_mut().zip(&self.theta_fid).enumerate() {
                let weights = self.projection.row(alpha);
                *theta = fid + weights.iter().zip(x.iter().zip(&self.mu)).map(|(w, (x, m))| w * (x - m)).sum::<f64>();
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    /// Summaries N(0, 1)⁸ whose mean moves with two parameters, the derivatives with noise of sd `noise`; and the truth.
    pub(in super::super) fn draw(seed: Seed, n_s: usize, n_d: usize, noise: f64) -> (Vec<f64>, Vec<f64>, Matrix) {
        let slopes = Matrix::from_fn(2, 8, |alpha, i| if alpha == 0 { 0.3 } else { 0.1 * i as f64 - 0.2 });
        let mut stream = seed.stream(0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let summaries = (0..n_s * 8).map(|_| normal()).collect();
        let derivatives = (0..n_d * 16).map(|k| slopes.as_slice()[k % 16] + noise * normal()).collect();
        (summaries, derivatives, slopes.times(&slopes.transpose()))
    }

    #[test]
    fn the_combined_estimate_removes_the_bias_of_noisy_derivatives() {
        let mut mean = [0.0; 3];
        let n_trials = 200;
        let mut truth = 0.0;
        for trial in 0..n_trials {
            let (x, dx, f) = draw(Seed::new(5).branch(trial), 400, 100, 0.8);
            truth = f.cholesky().expect("positive").ln_det();
            let all = Information::from_simulations(&x, &dx, 8, 2).expect("enough");
            let (compressed, combined) = (all.compressed.expect("eight summaries"), all.combined.expect("eight"));
            for (mean, fisher) in mean.iter_mut().zip([&all.standard, &compressed, &combined]) {
                *mean += (fisher.ln_det - truth) / n_trials as f64;
            }
        }
        let [standard, compressed, combined] = mean;
        assert!(standard > 0.1 && compressed < -0.1, "{mean:?} about {truth}");
        assert!(combined.abs() < 0.3 * standard.min(-compressed), "{mean:?} about {truth}");
    }

    #[test]
    fn disagreement_is_said_and_agreement_is_not() {
        let (x, dx, _) = draw(Seed::new(1), 400, 10, 2.0);
        assert!(Information::from_simulations(&x, &dx, 8, 2).expect("enough").warning(None).is_some());
        let (x, dx, _) = draw(Seed::new(1), 400, 10, 1e-3);
        assert!(Information::from_simulations(&x, &dx, 8, 2).expect("enough").warning(None).is_none());
    }

    #[test]
    fn as_many_summaries_as_parameters_have_one_estimate_and_the_jackknife_judges_it() {
        let said = |noise: f64| {
            let (x, dx, _) = draw(Seed::new(1), 400, 20, noise);
            let two = |rows: &[f64]| rows.chunks(8).flat_map(|row| [row[0], row[7]]).collect::<Vec<f64>>();
            let (x, dx) = (two(&x), two(&dx));
            let all = Information::from_simulations(&x, &dx, 2, 2).expect("enough");
            assert!(all.compressed.is_none() && all.combined.is_none());
            all.warning(Outlook::new(&x, &dx, 2, 2, true).as_ref())
        };
        assert!(said(2.0).is_some_and(|text| text.contains("increase n_d")) && said(1e-3).is_none());
    }

    #[test]
    fn the_quasi_maximum_likelihood_estimate_is_exact_for_a_linear_model() {
        let (x, dx, _) = draw(Seed::new(2), 400, 4, 0.0);
        let moments = SummaryMoments::from_simulations(&x, &dx, 8, 2).expect("enough");
        let mle = QuasiMle::new(&[0.5, -1.0], &moments).expect("regular");
        let shifted: Vec<f64> = (0..8)
            .map(|i| moments.mu[i] + 0.2 * moments.dmu_dtheta[(0, i)] - 0.1 * moments.dmu_dtheta[(1, i)])
            .collect();
        let mut theta = [0.0; 2];
        mle.estimate(&shifted, &mut theta);
        assert!((theta[0] - 0.7).abs() < 1e-12 && (theta[1] + 1.1).abs() < 1e-12, "{theta:?}");
    }

    #[test]
    fn too_few_simulations_or_summaries_are_refused() {
        let refused = |n_s, n_d, n_summaries, n_params| {
            SummaryMoments::from_simulations(
                &vec![0.0; n_s * n_summaries],
                &vec![0.0; n_d * n_params * n_summaries],
                n_summaries,
                n_params,
            )
            .expect_err("refused")
            .is_invalid_input()
        };
        assert!(refused(100, 10, 1, 2) && refused(4, 10, 2, 2) && refused(100, 0, 2, 2));
    }
}
