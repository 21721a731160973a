//! Where training stands after an iteration: all that the next one takes beside the simulations, and its file.

use super::settings::Settings;
use super::train::Evaluation;
use crate::compressor::Score;
use crate::compressor::checkpoint::Keeper;
use crate::compressor::run::Tally;
use crate::error::Result;
use crate::nn::{Adam, AdamSettings, Network, Tensors, Values};
use serde_json::json;

/// Names of tensors in the file.
const WEIGHTS: &str = "weights";
const BEST: &str = "best";
const MOMENTS: [&str; 3] = ["adam.first", "adam.second", "adam.average"];
const SCORE: &str = "score";
/// The best ln det F, then all of [`Evaluation`], row after row: numbers that JSON may not have.
const HISTORY: &str = "history";
/// Names of metadata in the file.
const ITERATION: &str = "iteration";
const N_STEPS: &str = "n_steps";
const SINCE_BEST: &str = "since_best";
const TALLY: &str = "tally";

/// Where training stands.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Iterations done.
    pub(super) iteration: usize,
    pub(super) weights: Vec<f32>,
    pub(super) adam: Adam<f32>,
    /// Averaged weights that did best on held-out simulations.
    pub(super) best: Vec<f32>,
    pub(super) best_ln_det: f64,
    /// Judgements since.
    since_best: usize,
    pub(super) history: Vec<Evaluation>,
    /// The score that the network's summaries are added to: kept, since it may have simulations of its own.
    pub(super) score: Option<Score>,
    pub(super) tally: Tally,
}

impl State {
    /// Before the first iteration.
    pub(super) fn init(weights: Vec<f32>, settings: &Settings, score: Option<Score>, tally: Tally) -> Self {
        let (adam, best) = (Adam::init(&weights, adam_settings(settings)), weights.clone());
        let (best_ln_det, history) = (f64::NEG_INFINITY, Vec::new());
        Self { iteration: 0, weights, adam, best, best_ln_det, since_best: 0, history, score, tally }
    }

    /// True after the last iteration.
    pub(super) fn is_over(&self, settings: &Settings) -> bool {
        let patient = self.history.is_empty() || self.since_best < settings.patience;
        self.iteration >= settings.max_iterations || !patient
    }

    /// Takes in a judgement of the averaged weights.
    pub(super) fn judge(&mut self, evaluation: Evaluation) {
        self.history.push(evaluation);
        if evaluation.ln_det_fisher_held_out > self.best_ln_det {
            self.best_ln_det = evaluation.ln_det_fisher_held_out;
            self.best.copy_from_slice(self.adam.average());
            self.since_best = 0;
        } else {
            self.since_best += 1;
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Io.
    pub(super) fn keep(&self, keeper: &mut Keeper) -> Result<()> {
        let (n_steps, moments) = self.adam.state();
        let single =
            [(WEIGHTS, &self.weights[..]), (BEST, &self.best)].into_iter().chain(MOMENTS.into_iter().zip(moments));
        let mut tensors: Tensors = single.map(|(name, x)| (name.to_owned(), Values::F32(x.to_vec()))).collect();
        let history = std::iter::once(self.best_ln_det).chain(self.history.iter().flat_map(to_numbers));
        tensors.insert(HISTORY.into(), Values::F64(history.collect()));
        if let Some(score) = &self.score {
            tensors.insert(SCORE.into(), Values::F64(score.weights().to_vec()));
        }
        let beside = [
            (ITERATION, json!(self.iteration)),
            (N_STEPS, json!(n_steps)),
            (SINCE_BEST, json!(self.since_best)),
            (TALLY, json!(self.tally)),
        ];
        keeper.keep(&tensors, beside)
    }

    /// What an earlier run of the same training left.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn find(
        keeper: &Keeper,
        network: &Network,
        settings: &Settings,
        shape: &[usize],
    ) -> Result<Option<Self>> {
        let Some((mut tensors, mut metadata)) = keeper.find()? else { return Ok(None) };
        let n = network.n_weights();
        let mut single = |name| keeper.singles(&mut tensors, name, n);
        let (weights, best) = (single(WEIGHTS)?, single(BEST)?);
        let [first, second, average] = MOMENTS.map(single);
        let numbers = keeper.doubles(&mut tensors, HISTORY)?;
        let (best_ln_det, rows) = numbers.split_first().ok_or_else(|| keeper.corrupt("the history is empty"))?;
        let score = if settings.add_to_score {
            let score = Score::from_weights(shape, settings.statistic, keeper.doubles(&mut tensors, SCORE)?);
            Some(score.ok_or_else(|| keeper.corrupt("the score does not fit the data"))?)
        } else {
            None
        };
        let n_steps = keeper.take(&mut metadata, N_STEPS)?;
        Ok(Some(Self {
            iteration: keeper.take(&mut metadata, ITERATION)?,
            weights,
            adam: Adam::from_state(adam_settings(settings), n_steps, [first?, second?, average?]),
            best,
            best_ln_det: *best_ln_det,
            since_best: keeper.take(&mut metadata, SINCE_BEST)?,
            history: rows.chunks_exact(7).map(from_numbers).collect(),
            score,
            tally: keeper.take(&mut metadata, TALLY)?,
        }))
    }
}

fn adam_settings(settings: &Settings) -> AdamSettings {
    AdamSettings {
        weight_decay: settings.weight_decay,
        max_gradient_norm: settings.max_gradient_norm,
        average: settings.average,
        ..AdamSettings::default()
    }
}

fn to_numbers(e: &Evaluation) -> [f64; 7] {
    [
        e.iteration as f64,
        e.loss,
        e.ln_det_fisher_train,
        e.ln_det_fisher_held_out,
        e.covariance_distance,
        e.regulariser,
        e.gradient_norm,
    ]
}

fn from_numbers(row: &[f64]) -> Evaluation {
    Evaluation {
        iteration: row[0] as usize,
        loss: row[1],
        ln_det_fisher_train: row[2],
        ln_det_fisher_held_out: row[3],
        covariance_distance: row[4],
        regulariser: row[5],
        gradient_norm: row[6],
    }
}
