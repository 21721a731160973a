//! A simulation set as a network sees it: scaled rows in f32, and the summaries and cotangents that belong to them.

use super::loss::Loss;
use super::scaling::Scaling;
use crate::compressor::{Compressor, Score, SummaryMoments};
use crate::error::Result;
use crate::nn::{Network, Workspace};
use crate::simulator::{Derivatives, SimulationSet};
use rayon::prelude::*;

/// Scaled network inputs of a set, and what is already summarised of it.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    n_params: usize,
    n_s: usize,
    n_d: usize,
    /// With exact derivatives: `n_d` bundles of a simulation and its `n_params` tangents.
    bundles: Vec<f32>,
    /// Simulations without tangents; then, with differences, the seed-matched pairs.
    plain: Vec<f32>,
    /// δ, where the derivative is by differences.
    delta: Option<Vec<f64>>,
    /// Summaries that the network's are added to: `(n_s, n_existing)` and `(n_d, n_params, n_existing)`.
    existing: Option<(Vec<f64>, Vec<f64>)>,
    n_existing: usize,
}

/// Network outputs of a set, laid out as its inputs are.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    bundles: Vec<f32>,
    plain: Vec<f32>,
}

impl Inputs {
    pub(super) fn new(set: &SimulationSet, scaling: &Scaling, score: Option<&Score>) -> Self {
        let (n_data, n_params, n_s, n_d) = (set.n_data(), set.n_params(), set.n_s(), set.n_d());
        let mut inputs = Self {
            n_params,
            n_s,
            n_d,
            bundles: Vec::new(),
            plain: Vec::new(),
            delta: None,
            existing: None,
            n_existing: 0,
        };
        match &set.derivative {
            Derivatives::Exact(exact) => {
                let (with, without) = set.fiducial.split_at(n_d * n_data);
                let bundle = (1 + n_params) * n_data;
                inputs.bundles = vec![0.0; n_d * bundle];
                let rows = with.par_chunks_exact(n_data).zip(exact.par_chunks_exact(n_params * n_data));
                inputs.bundles.par_chunks_exact_mut(bundle).zip(rows).for_each(|(bundle, (row, exact))| {
                    let (value, tangents) = bundle.split_at_mut(n_data);
                    scaling.values(row, value);
                    scaling.tangents(exact, tangents);
                });
                inputs.plain = vec![0.0; without.len()];
                scaling.values(without, &mut inputs.plain);
            }
            Derivatives::Differences { delta, pairs } => {
                inputs.plain = vec![0.0; set.fiducial.len() + pairs.len()];
                let (fiducial, paired) = inputs.plain.split_at_mut(set.fiducial.len());
                scaling.values(&set.fiducial, fiducial);
                scaling.values(pairs, paired);
                inputs.delta = Some(delta.clone());
            }
        }
        if let Some(score) = score {
            inputs.n_existing = score.n_summaries();
            inputs.existing = Some(score.summarise(set));
        }
        inputs
    }

    /// Runs the network over all rows.
    pub(super) fn apply(&self, network: &Network, weights: &[f32]) -> Outputs {
        let rows = |input: &[f32]| input.len() / network.n_in() * network.n_out();
        let mut outputs = Outputs { bundles: vec![0.0; rows(&self.bundles)], plain: vec![0.0; rows(&self.plain)] };
        network.apply(weights, &self.bundles, self.n_params, &mut outputs.bundles);
        network.apply(weights, &self.plain, 0, &mut outputs.plain);
        outputs
    }

    /// All summaries `(n_s, n_summaries)` and their derivatives `(n_d, n_params, n_summaries)`, the existing ones first.
    pub(super) fn summaries(&self, outputs: &Outputs, n_out: usize) -> (Vec<f64>, Vec<f64>) {
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (mut x, mut dx) =
            (Vec::with_capacity(self.n_s * n_out), Vec::with_capacity(self.n_d * self.n_params * n_out));
        for bundle in outputs.bundles.chunks_exact((1 + self.n_params) * n_out) {
            x.extend(wide(&bundle[..n_out]));
            dx.extend(wide(&bundle[n_out..]));
        }
        match &self.delta {
            None => x.extend(wide(&outputs.plain)),
            Some(delta) => {
                let (fiducial, pairs) = outputs.plain.split_at(self.n_s * n_out);
                x.extend(wide(fiducial));
                for (k, pair) in pairs.chunks_exact(2 * n_out).enumerate() {
                    let delta = delta[k % self.n_params];
                    dx.extend((0..n_out).map(|i| (f64::from(pair[n_out + i]) - f64::from(pair[i])) / delta));
                }
            }
        }
        match &self.existing {
            None => (x, dx),
            Some((existing, derivatives)) => (
                side_by_side(existing, self.n_existing, &x, n_out),
                side_by_side(derivatives, self.n_existing, &dx, n_out),
            ),
        }
    }

    /// Mean, covariance and derivative of all summaries.
    pub(super) fn moments(&self, outputs: &Outputs, n_out: usize) -> Result<(SummaryMoments, Vec<f64>)> {
        let (x, dx) = self.summaries(outputs, n_out);
        Ok((SummaryMoments::from_simulations(&x, &dx, self.n_existing + n_out, self.n_params)?, x))
    }

    /// Gradient of the loss by the weights: the second pass, with the loss's derivative by each output known.
    pub(super) fn gradient(
        &self,
        network: &Network,
        weights: &[f32],
        cotangents: &Outputs,
        workspaces: &mut [Workspace<f32>; 2],
        gradient: &mut [f32],
    ) {
        let n_out = network.n_out();
        let mut partial = vec![0.0; gradient.len()];
        gradient.fill(0.0);
        let parts = [(&self.bundles, &cotangents.bundles, self.n_params), (&self.plain, &cotangents.plain, 0)];
        for ((input, cotangent, n_tangents), workspace) in parts.into_iter().zip(workspaces) {
            if input.is_empty() {
                continue;
            }
            let width = (1 + n_tangents) * n_out;
            network.gradient(weights, input, n_tangents, workspace, &mut partial, |bundles, _, out| {
                out.copy_from_slice(&cotangent[bundles.start * width..bundles.end * width]);
            });
            gradient.iter_mut().zip(&partial).for_each(|(sum, g)| *sum += g);
        }
    }

    /// The loss's derivative by each output of the network, from that by the moments.
    pub(super) fn cotangents(&self, loss: &Loss, moments: &SummaryMoments, x: &[f64], n_out: usize) -> Outputs {
        let n = self.n_existing + n_out;
        let tangent = loss.by_tangent(moments);
        let mut by_summary = vec![0.0; n];
        let mut of_simulation = |i: usize, out: &mut Vec<f32>| {
            loss.by_summary(moments, &x[i * n..(i + 1) * n], &mut by_summary);
            out.extend(by_summary[self.n_existing..].iter().map(|g| *g as f32));
        };
        let of_parameter = |alpha: usize| tangent.row(alpha)[self.n_existing..].iter();
        let mut out = Outputs::default();
        match &self.delta {
            None => {
                for i in 0..self.n_d {
                    of_simulation(i, &mut out.bundles);
                    (0..self.n_params).for_each(|alpha| out.bundles.extend(of_parameter(alpha).map(|g| *g as f32)));
                }
                (self.n_d..self.n_s).for_each(|i| of_simulation(i, &mut out.plain));
            }
            Some(delta) => {
                (0..self.n_s).for_each(|i| of_simulation(i, &mut out.plain));
                for _ in 0..self.n_d {
                    for (alpha, delta) in delta.iter().enumerate() {
                        out.plain.extend(of_parameter(alpha).map(|g| (-g / delta) as f32));
                        out.plain.extend(of_parameter(alpha).map(|g| (g / delta) as f32));
                    }
                }
            }
        }
        out
    }
}

fn side_by_side(left: &[f64], n_left: usize, right: &[f64], n_right: usize) -> Vec<f64> {
    left.chunks_exact(n_left).zip(right.chunks_exact(n_right)).flat_map(|(a, b)| [a, b].concat()).collect()
}
