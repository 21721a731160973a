//! Training: Adam on the loss of the summaries by the two-pass gradient, judged on held-out simulations.
//!
//! The loss depends on the network through the summaries alone. Pass 1 computes all of them and keeps no graph; the
//! loss's derivative by each is known in closed form; pass 2 is one vector-Jacobian product for each chunk of
//! simulations. The gradient is exact and the memory that of the simulations and one chunk's layers.

use super::Imnn;
use super::inputs::Inputs;
use super::last_layer;
use super::loss::{Loss, Regulariser};
use super::scaling::Scaling;
use super::settings::Settings;
use super::state::State;
use crate::compressor::checkpoint::{digest_of, digest_of_seed};
use crate::compressor::run::{Run, Tally};
use crate::compressor::{Compressor, Score};
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::nn::{Workspace, initialise};
use crate::simulator::{Derivatives, SimulationSet, Simulator, moved};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The simulations that training sees.
#[derive(Clone, Copy)]
pub enum Training<'a> {
    /// New ones at each iteration, as many and of the kind of `like`.
    Fresh {
        /// Where they come from.
        simulator: &'a dyn Simulator,
        /// The set that is simulated anew, with the first iteration's simulations.
        like: &'a SimulationSet,
    },
    /// The same ones at each iteration.
    Fixed(&'a SimulationSet),
}

/// How training stood at one iteration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Iterations done.
    pub iteration: usize,
    /// The loss −ln det F + r Λ on the simulations of this iteration.
    pub loss: f64,
    /// ln det F on the simulations of this iteration, of the weights as they were.
    pub ln_det_fisher_train: f64,
    /// ln det F on the held-out simulations, of the averaged weights.
    pub ln_det_fisher_held_out: f64,
    /// ‖C − 1‖ on the simulations of this iteration.
    pub covariance_distance: f64,
    /// Strength r of the regulariser.
    pub regulariser: f64,
    /// Norm of the gradient before it was shortened.
    pub gradient_norm: f64,
}

/// A trained network and how it was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The network with the weights that did best on held-out simulations.
    pub imnn: Imnn,
    /// Training, judgement by judgement.
    pub history: Vec<Evaluation>,
    /// Fresh simulations, and those of the score, that failed; each numbers its own.
    pub failures: Failures,
    /// Simulations that were run.
    pub n_simulations: u64,
}

/// Trains a network; the weights returned are those that did best on `held_out`.
///
/// Failed simulations are left out of their iteration with all others of their stream. With a checkpoint, the same call
/// after an end at any moment gives the same outcome, bit for bit, as one that was left alone: fresh simulations depend
/// on seed and iteration, and the checkpoint holds the rest.
///
/// # Errors
/// Invalid input, if the settings cannot be met (fewer summaries than parameters, a vanishing regulariser, too few
/// simulations to decorrelate the data); numerical, if training diverges; simulation failed, where more than
/// `run.max_failed_fraction` have, or fewer than 2 n_summaries + 3 are left of an iteration; interrupted, where
/// `run.progress` asks for an end, seen between iterations; corrupt file, where the checkpoint is damaged.
pub fn train(training: Training<'_>, held_out: &SimulationSet, settings: &Settings, run: &Run<'_>) -> Result<Outcome> {
    let Run { seed, progress, max_failed_fraction, .. } = *run;
    let regulariser = Regulariser::new(settings.lambda, settings.epsilon)?;
    let (Training::Fresh { like: first, .. } | Training::Fixed(first)) = training;
    let n_out = settings.n_summaries.unwrap_or(first.n_params());
    let network = settings.network(&first.shape, n_out)?;
    let scaling = Scaling::fit(settings.input, first)?;
    let mut keeper = match run.checkpoint {
        None => None,
        Some(checkpoint) => Some(checkpoint.of_training(json!({
            "settings": settings,
            "seed": digest_of_seed(seed),
            "fresh": matches!(training, Training::Fresh { .. }),
            "simulations": [digest_of(first)?, digest_of(held_out)?],
        }))),
    };
    let found = keeper.as_ref().map(|keeper| State::find(keeper, &network, settings, &first.shape)).transpose()?;
    progress.begin("train", Some(settings.max_iterations as u64));
    let (mut state, inputs) = match found.flatten() {
        Some(state) => {
            progress.at(state.iteration as u64, &format!("continued from iteration {}", state.iteration));
            (state, None)
        }
        None => {
            let (mut tally, score) = (Tally::default(), settings.add_to_score);
            let score = score.then(|| fit_score(training, first, settings, run, &mut tally)).transpose()?;
            let mut weights = initialise(&network, seed.label("weights"));
            let mut inputs = None;
            if !settings.layers.is_empty() {
                let without = Inputs::new(first, &scaling, None, run.memory)?;
                last_layer::begin(&network, &settings.layers, &mut weights, &without)?;
                inputs = Some(without);
            }
            (State::init(weights, settings, score, tally), inputs)
        }
    };
    let score = state.score.clone();
    let n_summaries = n_out + score.as_ref().map_or(0, Score::n_summaries);
    let mut of_first = Some(match inputs {
        Some(inputs) => inputs.with_score(score.as_ref())?,
        None => Inputs::new(first, &scaling, score.as_ref(), run.memory)?,
    });
    let left = |inputs: &Inputs<'_>| run.memory.saturating_sub(inputs.bytes_held());
    let left_by_first = of_first.as_ref().map_or(run.memory, left);
    let held_out = Inputs::new(held_out, &scaling, score.as_ref(), left_by_first)?;
    let mut fresh = first.clone();
    let (mut workspaces, mut gradient) = (<[Workspace<f32>; 3]>::default(), vec![0.0; network.n_weights()]);
    while !state.is_over(settings) {
        let stop = progress.stop_requested();
        if let Some(keeper) = keeper.as_mut().filter(|keeper| stop || keeper.is_due()) {
            state.keep(keeper)?;
        }
        if stop {
            return Err(run.interrupted(&format!("iteration {} of {}", state.iteration, settings.max_iterations)));
        }
        state.iteration += 1;
        let iteration = state.iteration;
        let set = match training {
            Training::Fresh { simulator, .. } if iteration > 1 => {
                of_first = None;
                // Failed simulations were taken out of the last iteration's.
                fresh.become_room(first.n_s(), first.n_d());
                let streams = (seed.label("fresh"), (iteration * first.n_s().max(first.n_d())) as u64);
                state.tally.fill(&mut fresh, simulator, streams, Some(2 * n_summaries + 3), max_failed_fraction)?;
                &fresh
            }
            _ if settings.augment => {
                of_first = None;
                fresh = moved(first, seed.label("symmetry").branch(iteration as u64));
                &fresh
            }
            _ => first,
        };
        let anew;
        let inputs = match &of_first {
            Some(inputs) => inputs,
            None => {
                anew = Inputs::new(set, &scaling, score.as_ref(), left(&held_out))?;
                &anew
            }
        };
        let outputs = inputs.apply(&network, &state.weights)?;
        let (moments, x) = inputs.moments(&outputs, n_out)?;
        let loss = Loss::new(&moments, regulariser).map_err(|error| diverged(iteration, &error))?;
        let cotangents = inputs.cotangents(&loss, &moments, &x, n_out);
        inputs.gradient(&network, &state.weights, &cotangents, &mut workspaces, &mut gradient)?;
        let judge = |state: &mut State, iteration: usize, gradient_norm: f64| -> Result<()> {
            let judged = held_out.moments(&held_out.apply(&network, state.adam.average())?, n_out)?.0;
            let ln_det_fisher_train = moments.fisher().map_err(|error| diverged(iteration, &error))?.ln_det;
            let ln_det_fisher_held_out = judged.fisher().map_err(|error| diverged(iteration, &error))?.ln_det;
            state.judge(Evaluation {
                iteration,
                loss: loss.value,
                ln_det_fisher_train,
                ln_det_fisher_held_out,
                covariance_distance: loss.covariance_distance,
                regulariser: loss.strength,
                gradient_norm,
            });
            Ok(())
        };
        if iteration == 1 && !settings.layers.is_empty() {
            // The last layer begins with what is best for the first features: training must not leave less.
            let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            judge(&mut state, 0, norm)?;
        }
        let gradient_norm = state.adam.step(&mut state.weights, &gradient, learning_rate(settings, iteration));
        if iteration % settings.evaluate_every == 0 || iteration == settings.max_iterations {
            judge(&mut state, iteration, gradient_norm)?;
            progress.at(
                iteration as u64,
                &format!("ln det F {:.3} held out, {:.3} in training", state.best_ln_det, loss.ln_det_fisher),
            );
        }
    }
    // What comes after training may be stopped as well.
    if let Some(keeper) = keeper.as_mut().filter(|keeper| keeper.is_worth_it()) {
        state.keep(keeper)?;
    }
    progress.end(&format!("ln det F {:.3} on held-out simulations", state.best_ln_det));
    let imnn = Imnn { network, weights: state.best, scaling, score };
    let Tally { n_simulations, failures } = state.tally;
    Ok(Outcome { imnn, history: state.history, failures, n_simulations })
}

/// The score that the network's summaries are added to.
fn fit_score(
    training: Training<'_>,
    first: &SimulationSet,
    settings: &Settings,
    run: &Run<'_>,
    tally: &mut Tally,
) -> Result<Score> {
    let (Training::Fresh { simulator, .. }, Some(n_s)) = (training, settings.score_n_s) else {
        return Score::fit(first, settings.statistic);
    };
    let delta = match &first.derivative {
        Derivatives::Exact(_) => None,
        Derivatives::Differences { delta, .. } => Some(delta.as_slice()),
    };
    let mut set = SimulationSet::new(simulator, &first.theta_fid, delta, n_s, first.n_d().min(n_s))?;
    let n_values = settings.statistic.map_or(Ok(first.n_data()), |statistic| statistic.n_values(&first.shape))?;
    let (streams, least) = ((run.seed.label("score"), 0), n_values + 3);
    tally.fill(&mut set, simulator, streams, Some(least), run.max_failed_fraction)?;
    Score::fit(&set, settings.statistic)
}

/// Cosine decay from the first to the final learning rate.
fn learning_rate(settings: &Settings, iteration: usize) -> f64 {
    let done = (iteration - 1) as f64 / settings.max_iterations.max(1) as f64;
    let shape = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    settings.learning_rate * (settings.final_learning_rate + (1.0 - settings.final_learning_rate) * shape)
}

fn diverged(iteration: usize, error: &Error) -> Error {
    Error::numerical(format!("training failed at iteration {iteration}: {error}"))
        .remedy("lower learning_rate or max_gradient_norm, increase n_s, or scale the input")
}
