//! How a block adapts in the warm-up: step size, length and metric.

use super::length::LengthSearch;
use super::vector;
use super::{DualAveraging, Info, LogDensity, Metric, QuasiNewton, Sampler, Scratch, State, Window};
use crate::error::Result;
use crate::seed::Stream;
use serde::{Deserialize, Serialize};

/// Which metric is taken from the windows of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// None: the target is round already.
    Identity,
    /// A scale for each coordinate.
    Diagonal,
    /// A whole matrix; memory and time of an application dim².
    Dense,
    /// Scales and the directions that they leave stretched, by more than this factor of variance (at least 1).
    LowRank(f64),
    /// The BFGS inverse Hessian of the window's draws (HMCLET); up to some hundred coordinates.
    QuasiNewton,
}

impl MetricKind {
    /// Whether the rows of a window are needed.
    pub(super) fn wants_rows(self) -> bool {
        matches!(self, Self::Dense | Self::LowRank(_) | Self::QuasiNewton)
    }

    /// The metric of a window. A further kind is a variant and a line here.
    fn estimate(self, window: &Window, before: &Metric) -> Result<Metric> {
        let (dim, x, g) = (window.dim(), window.draws(), window.gradients());
        match self {
            Self::Identity => Ok(Metric::Identity),
            Self::Diagonal => Metric::diagonal_from_variances(&window.variances(), &window.gradient_variances()),
            Self::Dense => Metric::dense_from(dim, x, g),
            Self::LowRank(cutoff) => Metric::low_rank_from(dim, x, g, cutoff),
            Self::QuasiNewton => {
                let mut found = QuasiNewton::from_metric(dim, before)?;
                for (x, g) in x.chunks_exact(dim).zip(g.chunks_exact(dim)) {
                    found.update(x, g);
                }
                // A window in which the chain stood still says nothing: what was known stays.
                if found.n_pairs().0 == 0 { Ok(before.clone()) } else { found.metric() }
            }
        }
    }
}

/// What adapts in the warm-up of one block, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Adaptation {
    pub(super) dual: Option<DualAveraging>,
    pub(super) length: Option<LengthSearch>,
    pub(super) window: Window,
    /// The mean of the window before, from which u is taken.
    pub(super) centre: Vec<f64>,
    /// Room for u before and after a step.
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
}

/// Memory of the block that an adaptation looks at and changes.
pub(super) struct Adapted<'a> {
    pub(super) sampler: &'a mut Sampler,
    pub(super) metric: &'a mut Metric,
    pub(super) state: &'a mut State,
    pub(super) scratch: &'a mut Scratch,
}

impl Adaptation {
    pub(super) fn new(dim: usize, keeps_rows: bool, searches_length: bool, centre: &[f64]) -> Self {
        let length = searches_length.then(LengthSearch::new);
        Self {
            dual: None,
            length,
            window: Window::new(dim, keeps_rows),
            centre: centre.to_vec(),
            before: vec![],
            after: vec![],
        }
    }

    /// One step of the warm-up, and the gradients it took beyond those in its `Info`.
    pub(super) fn step(
        &mut self,
        wanted: f64,
        in_window: bool,
        Adapted { sampler, metric, state, scratch }: Adapted<'_>,
        target: &mut dyn LogDensity,
        stream: &mut Stream,
    ) -> (Info, usize) {
        let mut extra = 0;
        let dual = match &mut self.dual {
            Some(dual) => dual,
            None => {
                let (first, n) = sampler.reasonable_step_size(metric, state, target, scratch, stream);
                extra = n;
                self.dual.insert(DualAveraging::new(first, wanted))
            }
        };
        let least = if self.length.is_some() { 0.0 } else { sampler.least_step_size() };
        sampler.set_step_size(dual.step_size().max(least));
        if let Some(length) = &mut self.length {
            let n = length.next(dual.step_size(), sampler.mean_length(), in_window);
            sampler.set_num_integration_steps(n);
            if in_window {
                centred(metric, &self.centre, &state.position, scratch, &mut self.before);
            }
        }
        let info = sampler.step(metric, state, target, scratch, stream);
        dual.update(info.acceptance_rate);
        if in_window {
            if let Some(length) = &mut self.length {
                centred(metric, &self.centre, &state.position, scratch, &mut self.after);
                let [before, after, product] =
                    [(&self.before, &self.before), (&self.after, &self.after), (&self.before, &self.after)]
                        .map(|(u, v)| vector::dot(u, v));
                length.take(before, after, product, info.num_integration_steps);
            }
            self.window.push(&state.position, &state.gradient);
        }
        (info, extra)
    }

    /// At the end of a window: takes its metric, and begins anew.
    pub(super) fn end_window(&mut self, kind: MetricKind, metric: &mut Metric) -> Result<()> {
        if let Some(length) = &mut self.length {
            length.conclude();
        }
        if kind != MetricKind::Identity {
            // A short window of a chain that still climbs may have draws that no metric fits: the one before stays.
            match kind.estimate(&self.window, metric) {
                Ok(estimate) => *metric = estimate,
                Err(error) if error.is_numerical() => {}
                Err(error) => return Err(error),
            }
            self.dual = None;
        }
        self.centre.copy_from_slice(self.window.mean());
        self.window.clear();
        Ok(())
    }

    /// The coordinates are others from here on. The length of trajectories stays, as where a metric changes.
    pub(super) fn restart(&mut self, metric: &mut Metric, position: &[f64]) {
        *metric = Metric::Identity;
        if let Some(length) = &mut self.length {
            length.conclude();
        }
        *self = Self { length: self.length, ..Self::new(position.len(), self.window.keeps_rows, false, position) };
    }

    /// What stays after the warm-up.
    pub(super) fn finish(mut self, sampler: &mut Sampler) {
        if let Some(dual) = self.dual {
            let least = if self.length.is_some() { 0.0 } else { sampler.least_step_size() };
            sampler.set_step_size(dual.average().max(least));
        }
        if let Some(length) = &mut self.length {
            sampler.set_num_integration_steps(length.next(sampler.step_size(), sampler.mean_length(), false));
        }
    }
}

/// `out` = L⁻¹ (x − x̄).
fn centred(metric: &Metric, centre: &[f64], position: &[f64], scratch: &mut Scratch, out: &mut Vec<f64>) {
    scratch.kept.resize(position.len(), 0.0);
    out.resize(position.len(), 0.0);
    scratch.kept.iter_mut().zip(position.iter().zip(centre)).for_each(|(d, (x, c))| *d = x - c);
    metric.apply_inverse(&scratch.kept, out);
}
