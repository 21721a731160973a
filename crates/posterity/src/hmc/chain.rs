//! A chain: a plain value that holds all its next draw depends on, and takes one sweep over the blocks at a time.

use super::adaptation::{Adaptation, Adapted};
use super::warm_up::windows;
use super::{Blocks, Info, Metric, MetricKind, QuasiNewton, Sampler, Scratch, State};
use crate::error::{Error, Result};
use crate::seed::{Seed, Stream};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How one block is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockSettings {
    /// The sampler, with the step size to begin from.
    pub sampler: Sampler,
    /// The metric that the warm-up chooses.
    pub metric: MetricKind,
    /// Steps in one sweep.
    pub transitions: usize,
    /// Acceptance rate that the warm-up adapts the step size to, above 0 and below 1; `None` leaves it as it is set.
    pub acceptance_rate: Option<f64>,
    /// Whether the warm-up searches the length of trajectories; otherwise it is as set.
    pub searches_length: bool,
}

impl BlockSettings {
    /// Adapts all: metric, step size to an acceptance rate of 0.8, and length.
    pub fn adaptive(sampler: Sampler, metric: MetricKind) -> Self {
        Self { sampler, metric, transitions: 1, acceptance_rate: Some(0.8), searches_length: true }
    }

    /// Whether a block of so many coordinates can go so.
    fn check(&self, dim: usize) -> Result<()> {
        let wrong = |key: &str, message: &str| Err(Error::invalid_input(message).at_key(key));
        if self.transitions == 0 {
            return wrong("transitions", "must be at least 1");
        }
        if self.acceptance_rate.is_some_and(|a| !(a > 0.0 && a < 1.0)) {
            return wrong("acceptance_rate", "must be above 0 and below 1");
        }
        if self.acceptance_rate.is_none() && (self.searches_length || self.metric != MetricKind::Identity) {
            return wrong("acceptance_rate", "must be given where metric or length adapt: they change the step size");
        }
        if self.acceptance_rate.is_some() && self.sampler.is_biased() {
            return wrong("acceptance_rate", "a sampler that accepts everything cannot adapt to its acceptance");
        }
        if matches!(self.metric, MetricKind::LowRank(cutoff) if !(1.0..).contains(&cutoff)) {
            return wrong("metric", "the cutoff of a low-rank metric must be at least 1");
        }
        if self.metric == MetricKind::QuasiNewton {
            QuasiNewton::new(dim)?;
        }
        // Any other metric than the identity stands for the one that the warm-up will choose.
        let metric = if self.metric == MetricKind::Identity { Metric::Identity } else { Metric::Diagonal(vec![]) };
        self.sampler.check(dim, &metric)
    }
}

/// How a chain goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSettings {
    /// Sweeps of the warm-up, in which everything adapts.
    pub warm_up: u64,
    /// Each block's.
    pub blocks: Vec<BlockSettings>,
}

/// Where one block of a chain stands.
#[derive(Clone, Debug)]
pub struct Block {
    /// Position, log density, gradient.
    pub state: State,
    /// The metric in use.
    pub metric: Metric,
    /// The sampler, with the step size and length in use.
    pub sampler: Sampler,
    /// Gradients evaluated so far.
    pub n_gradients: u64,
    /// Sweeps after the warm-up with a divergent trajectory.
    pub n_divergent: u64,
    pub(super) adaptation: Option<Adaptation>,
    pub(super) scratch: Scratch,
}

/// One chain. Its random numbers are those of its seed, its index and the number of the draw: no other random state is.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) index: u64,
    pub(super) seed: Seed,
    pub(super) settings: ChainSettings,
    pub(super) draw: u64,
    pub(super) blocks: Vec<Block>,
}

impl Chain {
    /// A chain at its start: one position for each block. One evaluation for each block.
    ///
    /// # Errors
    /// Invalid input: settings out of range, a position of another length or where the log density is not finite.
    pub fn new(
        index: u64,
        seed: Seed,
        settings: ChainSettings,
        positions: Vec<Vec<f64>>,
        target: &mut dyn Blocks,
    ) -> Result<Self> {
        let n = target.n_blocks();
        if settings.blocks.len() != n || positions.len() != n {
            let (a, b) = (settings.blocks.len(), positions.len());
            return Err(Error::invalid_input(format!("{a} settings and {b} positions for {n} blocks")));
        }
        for (i, position) in positions.iter().enumerate() {
            let dim = target.block(i).dim();
            settings.blocks[i].check(dim)?;
            if position.len() != dim {
                let message = format!("the start of block {i} has {} values, not {dim}", position.len());
                return Err(Error::invalid_input(message));
            }
            target.set(i, position);
        }
        let mut blocks = vec![];
        for (i, (position, own)) in positions.into_iter().zip(&settings.blocks).enumerate() {
            let rows = own.metric.wants_rows() || target.wants_rows(i);
            let adaptation = (settings.warm_up > 0 && own.acceptance_rate.is_some())
                .then(|| Adaptation::new(position.len(), rows, own.searches_length, &position));
            let state = State::new(position, target.block(i));
            if !state.log_density.is_finite() || state.gradient.iter().any(|g| !g.is_finite()) {
                let message = format!("chain {index} starts where the log density of block {i} is not finite");
                return Err(Error::invalid_input(message).remedy("start inside the support"));
            }
            blocks.push(Block {
                state,
                metric: Metric::Identity,
                sampler: own.sampler,
                n_gradients: 1,
                n_divergent: 0,
                adaptation,
                scratch: Scratch::default(),
            });
        }
        // In the order in which a chain that is loaded sets them: evaluating one may have moved another.
        blocks.iter().enumerate().for_each(|(i, block): (usize, &Block)| target.set(i, &block.state.position));
        Ok(Self { index, seed, settings, draw: 0, blocks })
    }

    /// Begins the warm-up of block i in this metric, instead of the identity: what is known of its scales beforehand.
    ///
    /// # Errors
    /// Invalid input, where the metric has another dimension, or the block's sampler or settings leave no place for one.
    pub fn begin_in(&mut self, i: usize, metric: Metric) -> Result<()> {
        let (block, own) = (&mut self.blocks[i], &self.settings.blocks[i]);
        let (dim, found) = (block.state.position.len(), metric.dim());
        if own.metric == MetricKind::Identity || found.is_some_and(|found| found != dim) {
            return Err(Error::invalid_input(format!("block {i} of {dim} coordinates has no place for this metric")));
        }
        block.sampler.check(dim, &metric)?;
        block.metric = metric;
        Ok(())
    }

    /// One sweep over the blocks; what each block's steps came to, summed over its transitions.
    ///
    /// # Errors
    /// As the metric's estimate at the end of a window of the warm-up, but numerical ones: the metric before stays then.
    pub fn step(&mut self, target: &mut dyn Blocks) -> Result<Vec<Info>> {
        let mut stream = self.seed.label("chain").branch(self.index).stream(self.draw);
        let window = windows(self.settings.warm_up).into_iter().find(|window| window.contains(&self.draw));
        let conditioned = self.blocks.len() > 1;
        let mut infos = Vec::with_capacity(self.blocks.len());
        for (i, (block, own)) in self.blocks.iter_mut().zip(&self.settings.blocks).enumerate() {
            let mut n = 0;
            if conditioned {
                target.align(i, &mut block.state.position);
            }
            let density = target.block(i);
            if conditioned {
                block.state.refresh(density);
                n = 1;
            }
            let mut sum: Option<Info> = None;
            for _ in 0..own.transitions {
                let (info, extra) = block.transition(own, window.is_some(), density, &mut stream);
                n += info.num_integration_steps + extra;
                sum = Some(sum.map_or(info, |sum| together(sum, info)));
            }
            if let Some(mut info) = sum {
                info.acceptance_rate /= own.transitions as f64;
                info.num_integration_steps = n;
                infos.push(info);
                block.n_divergent += u64::from(info.is_divergent && self.draw >= self.settings.warm_up);
            }
            block.n_gradients += n as u64;
            target.set(i, &block.state.position);
        }
        self.draw += 1;
        self.end_window(window, target)?;
        Ok(infos)
    }

    fn end_window(&mut self, window: Option<Range<u64>>, target: &mut dyn Blocks) -> Result<()> {
        let ends = window.is_some_and(|window| window.end == self.draw);
        let is_over = self.draw == self.settings.warm_up;
        let conditioned = self.blocks.len() > 1;
        let mut has_changed = false;
        for (i, (block, own)) in self.blocks.iter_mut().zip(&self.settings.blocks).enumerate() {
            let Some(adaptation) = &mut block.adaptation else { continue };
            if ends {
                if conditioned {
                    target.align(i, &mut block.state.position);
                }
                if target.adapt(i, &adaptation.window, &mut block.state.position) {
                    adaptation.restart(&mut block.metric, &block.state.position);
                    target.set(i, &block.state.position);
                    block.state.gradient.resize(block.state.position.len(), 0.0);
                    block.state.momentum.clear();
                    block.state.refresh(target.block(i));
                    block.n_gradients += 1;
                    has_changed = true;
                } else {
                    adaptation.end_window(own.metric, &mut block.metric)?;
                }
            }
            if is_over && let Some(adaptation) = block.adaptation.take() {
                adaptation.finish(&mut block.sampler);
            }
        }
        if has_changed {
            // In the order in which a chain that is loaded sets them.
            self.blocks.iter().enumerate().for_each(|(i, block)| target.set(i, &block.state.position));
        }
        Ok(())
    }

    /// Tells a target where the blocks stand, after the chain was loaded.
    ///
    /// # Errors
    /// Invalid input, where the blocks are others.
    pub fn place(&self, target: &mut dyn Blocks) -> Result<()> {
        let n = target.n_blocks();
        if n != self.blocks.len() {
            return Err(Error::invalid_input(format!("a chain of {} blocks in a target of {n}", self.blocks.len())));
        }
        for (i, block) in self.blocks.iter().enumerate() {
            let (found, dim) = (block.state.position.len(), target.block(i).dim());
            if found != dim {
                let message = format!("block {i} of the chain has {found} coordinates, and of the target {dim}");
                return Err(Error::invalid_input(message));
            }
            target.set(i, &block.state.position);
        }
        Ok(())
    }

    /// The chain's number among others.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Sweeps so far, those of the warm-up included.
    pub fn draw(&self) -> u64 {
        self.draw
    }

    /// Whether the next sweep still adapts.
    pub fn is_warm_up(&self) -> bool {
        self.draw < self.settings.warm_up
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &ChainSettings {
        &self.settings
    }

    /// Where each block stands.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

impl Block {
    fn transition(
        &mut self,
        own: &BlockSettings,
        in_window: bool,
        target: &mut dyn super::LogDensity,
        stream: &mut Stream,
    ) -> (Info, usize) {
        let Self { state, metric, sampler, adaptation, scratch, .. } = self;
        match (adaptation, own.acceptance_rate) {
            (Some(adaptation), Some(wanted)) => {
                let adapted = Adapted { sampler, metric, state, scratch };
                adaptation.step(wanted, in_window, adapted, target, stream)
            }
            _ => (sampler.step(metric, state, target, scratch, stream), 0),
        }
    }
}

/// Two steps as one: rates add up, the last energy stands.
fn together(a: Info, b: Info) -> Info {
    Info {
        acceptance_rate: a.acceptance_rate + b.acceptance_rate,
        is_accepted: a.is_accepted || b.is_accepted,
        is_divergent: a.is_divergent || b.is_divergent,
        energy_change: a.energy_change + b.energy_change,
        ..b
    }
}
