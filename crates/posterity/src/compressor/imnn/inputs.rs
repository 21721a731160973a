//! A simulation set as a network sees it: scaled rows in f32, and the summaries and cotangents that belong to them.

use super::loss::Loss;
use super::scaling::Scaling;
use crate::compressor::{Compressor, Score, SummaryMoments};
use crate::error::Result;
use crate::nn::{GradientSum, Network, Workspace};
use crate::simulator::{Derivatives, Kind, SimulationSet};
use rayon::prelude::*;
use std::ops::Range;

/// Network inputs of a set, and what is already summarised of it.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    set: &'a SimulationSet,
    scaling: &'a Scaling,
    /// The scaled rows of each kind with their tangents, where they are held; else they are read again at each pass.
    held: Option<Outputs>,
    /// Summaries that the network's are added to: `(n_s, n_existing)` and `(n_d, n_params, n_existing)`.
    existing: Option<(Vec<f64>, Vec<f64>)>,
    n_existing: usize,
}

/// Numbers for each row of each kind.
pub(super) type Outputs = [Vec<f32>; 3];

impl<'a> Inputs<'a> {
    /// Of a set; its rows are held if they take at most `memory` bytes.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn new(
        set: &'a SimulationSet,
        scaling: &'a Scaling,
        score: Option<&Score>,
        memory: u64,
    ) -> Result<Self> {
        let mut inputs = Self { set, scaling, held: None, existing: None, n_existing: 0 };
        if inputs.bytes() <= memory {
            let mut held = Outputs::default();
            for (kind, held) in Kind::ALL.into_iter().zip(&mut held) {
                let width = inputs.bundle(kind);
                held.resize(set.n_rows(kind) * width, 0.0);
                set.in_blocks(kind, 1, |range, rows, tangents| {
                    inputs.scale(kind, rows, tangents, &mut held[range.start * width..range.end * width]);
                    Ok(())
                })?;
            }
            inputs.held = Some(held);
        }
        inputs.with_score(score)
    }

    /// With the summaries of a score, if any, before those of the network.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn with_score(mut self, score: Option<&Score>) -> Result<Self> {
        self.existing = score.map(|score| score.summarise(self.set)).transpose()?;
        self.n_existing = score.map_or(0, Compressor::n_summaries);
        Ok(self)
    }

    /// Bytes of its rows that are held.
    pub(super) fn bytes_held(&self) -> u64 {
        if self.held.is_some() { self.bytes() } else { 0 }
    }

    /// Bytes that all of its rows take.
    fn bytes(&self) -> u64 {
        let values = Kind::ALL.iter().map(|kind| self.set.n_rows(*kind) as u64 * self.bundle(*kind) as u64);
        values.sum::<u64>() * size_of::<f32>() as u64
    }

    /// Values of a row with its tangents.
    fn bundle(&self, kind: Kind) -> usize {
        (1 + self.set.n_tangents(kind)) * self.set.n_data()
    }

    fn scale(&self, kind: Kind, rows: &[f64], tangents: &[f64], out: &mut [f32]) {
        let n_data = self.set.n_data();
        if kind != Kind::WithTangents {
            return self.scaling.values(rows, out);
        }
        let of_row = rows.par_chunks_exact(n_data).zip(tangents.par_chunks_exact(self.bundle(kind) - n_data));
        out.par_chunks_exact_mut(self.bundle(kind)).zip(of_row).for_each(|(bundle, (row, tangents))| {
            let (value, slopes) = bundle.split_at_mut(n_data);
            self.scaling.values(row, value);
            self.scaling.tangents(tangents, slopes);
        });
    }

    /// Hands all rows of a kind to `work`, a multiple of `rows` at once but for the last, with their numbers.
    fn in_blocks(
        &self,
        kind: Kind,
        rows: usize,
        mut work: impl FnMut(Range<usize>, &[f32]) -> Result<()>,
    ) -> Result<()> {
        match &self.held {
            Some(held) => work(0..self.set.n_rows(kind), &held[kind as usize]),
            None => {
                let mut scaled = Vec::new();
                self.set.in_blocks(kind, rows, |range, rows, tangents| {
                    scaled.resize(range.len() * self.bundle(kind), 0.0);
                    self.scale(kind, rows, tangents, &mut scaled);
                    work(range, &scaled)
                })
            }
        }
    }

    /// Runs the network over all rows.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn apply(&self, network: &Network, weights: &[f32]) -> Result<Outputs> {
        let mut outputs = Outputs::default();
        for (kind, outputs) in Kind::ALL.into_iter().zip(&mut outputs) {
            let n_tangents = self.set.n_tangents(kind);
            let width = (1 + n_tangents) * network.n_out();
            outputs.resize(self.set.n_rows(kind) * width, 0.0);
            self.in_blocks(kind, network.chunk_bundles(n_tangents), |range, input| {
                network.apply(weights, input, n_tangents, &mut outputs[range.start * width..range.end * width]);
                Ok(())
            })?;
        }
        Ok(outputs)
    }

    /// All summaries `(n_s, n_summaries)` and their derivatives `(n_d, n_params, n_summaries)`, the existing ones first.
    pub(super) fn summaries(&self, outputs: &Outputs, n_out: usize) -> (Vec<f64>, Vec<f64>) {
        let [with_tangents, plain, pairs] = outputs;
        let n_params = self.set.n_params();
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (mut x, mut dx) = (Vec::new(), Vec::new());
        for bundle in with_tangents.chunks_exact((1 + n_params) * n_out) {
            x.extend(wide(&bundle[..n_out]));
            dx.extend(wide(&bundle[n_out..]));
        }
        x.extend(wide(plain));
        if let Derivatives::Differences { delta, .. } = &self.set.derivative {
            for (k, pair) in pairs.chunks_exact(2 * n_out).enumerate() {
                let delta = delta[k % n_params];
                dx.extend((0..n_out).map(|i| (f64::from(pair[n_out + i]) - f64::from(pair[i])) / delta));
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
        Ok((SummaryMoments::from_simulations(&x, &dx, self.n_existing + n_out, self.set.n_params())?, x))
    }

    /// Gradient of the loss by the weights: the second pass, with the loss's derivative by each output known.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn gradient(
        &self,
        network: &Network,
        weights: &[f32],
        cotangents: &Outputs,
        workspaces: &mut [Workspace<f32>; 3],
        gradient: &mut [f32],
    ) -> Result<()> {
        let mut partial = vec![0.0; gradient.len()];
        gradient.fill(0.0);
        for ((kind, cotangents), workspace) in Kind::ALL.into_iter().zip(cotangents).zip(workspaces) {
            let (n_rows, n_tangents) = (self.set.n_rows(kind), self.set.n_tangents(kind));
            if n_rows == 0 {
                continue;
            }
            let width = (1 + n_tangents) * network.n_out();
            let mut sum = GradientSum::new(network, n_rows, n_tangents, workspace);
            self.in_blocks(kind, network.chunk_bundles(n_tangents), |_, input| {
                sum.add(weights, input, |bundles, _, out| {
                    out.copy_from_slice(&cotangents[bundles.start * width..bundles.end * width]);
                });
                Ok(())
            })?;
            sum.finish(&mut partial);
            gradient.iter_mut().zip(&partial).for_each(|(sum, g)| *sum += g);
        }
        Ok(())
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
        let of_parameter = |alpha: usize, factor: f64, out: &mut Vec<f32>| {
            out.extend(tangent.row(alpha)[self.n_existing..].iter().map(|g| (g * factor) as f32));
        };
        let [mut with_tangents, mut plain, mut pairs] = Outputs::default();
        let n_with = self.set.n_rows(Kind::WithTangents);
        for i in 0..n_with {
            of_simulation(i, &mut with_tangents);
            (0..self.set.n_params()).for_each(|alpha| of_parameter(alpha, 1.0, &mut with_tangents));
        }
        (n_with..self.set.n_s()).for_each(|i| of_simulation(i, &mut plain));
        if let Derivatives::Differences { delta, .. } = &self.set.derivative {
            for _ in 0..self.set.n_d() {
                for (alpha, delta) in delta.iter().enumerate() {
                    of_parameter(alpha, -1.0 / delta, &mut pairs);
                    of_parameter(alpha, 1.0 / delta, &mut pairs);
                }
            }
        }
        [with_tangents, plain, pairs]
    }
}

fn side_by_side(left: &[f64], n_left: usize, right: &[f64], n_right: usize) -> Vec<f64> {
    left.chunks_exact(n_left).zip(right.chunks_exact(n_right)).flat_map(|(a, b)| [a, b].concat()).collect()
}
