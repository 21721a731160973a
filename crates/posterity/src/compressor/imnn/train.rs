//! Training: Adam on the loss of the summaries by the two-pass gradient, judged on held-out simulations.
//!
//! The loss depends on the network through the summaries alone. Pass 1 computes all of them and keeps no graph; the
//! loss's derivative by each is known in closed form; pass 2 is one vector-Jacobian product for each chunk of
//! simulations. The gradient is exact and the memory that of the simulations and one chunk's layers.

use super::Imnn;
use super::inputs::Inputs;
use super::loss::{Loss, Regulariser};
use super::scaling::Scaling;
use super::settings::Settings;
use crate::compressor::Score;
use crate::error::{Error, Result};
use crate::nn::{Adam, AdamSettings, Network, Workspace, initialise};
use crate::progress::Progress;
use crate::seed::Seed;
use crate::simulator::{Derivatives, SimulationSet, Simulator};
use serde::{Deserialize, Serialize};

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

/// Trains a network; the weights returned are those that did best on `held_out`.
///
/// # Errors
/// Invalid input, if the settings cannot be met (fewer summaries than parameters, a vanishing regulariser, too few
/// simulations to decorrelate the data); numerical, if training diverges; simulation failed, where a fresh simulation
/// does.
pub fn train(
    training: Training<'_>,
    held_out: &SimulationSet,
    settings: &Settings,
    seed: Seed,
    progress: &dyn Progress,
) -> Result<(Imnn, Vec<Evaluation>)> {
    let regulariser = Regulariser::new(settings.lambda, settings.epsilon)?;
    let (Training::Fresh { like: first, .. } | Training::Fixed(first)) = training;
    let n_out = settings.n_summaries.unwrap_or(first.n_params());
    let score = settings.add_to_score.then(|| fit_score(training, first, settings, seed)).transpose()?;
    let network = Network::perceptron(first.n_data(), &settings.hidden, settings.activation, n_out)?;
    let scaling = Scaling::fit(settings.input, &first.fiducial, first.n_data())?;
    let mut weights: Vec<f32> = initialise(&network, seed.label("weights"));
    let adam = AdamSettings {
        weight_decay: settings.weight_decay,
        max_gradient_norm: settings.max_gradient_norm,
        average: settings.average,
        ..AdamSettings::default()
    };
    let mut adam = Adam::init(&weights, adam);
    let held_out = Inputs::new(held_out, &scaling, score.as_ref());
    let mut inputs = Inputs::new(first, &scaling, score.as_ref());
    let mut fresh = first.clone();
    let (mut workspaces, mut gradient) = (<[Workspace<f32>; 2]>::default(), vec![0.0; weights.len()]);
    let mut history: Vec<Evaluation> = Vec::new();
    let (mut best, mut best_ln_det, mut since_best) = (weights.clone(), f64::NEG_INFINITY, 0);
    progress.begin("train", Some(settings.max_iterations as u64));
    for iteration in 1..=settings.max_iterations {
        if let (Training::Fresh { simulator, .. }, 2..) = (training, iteration) {
            fresh.fill(simulator, seed.label("fresh"), (iteration * first.n_s().max(first.n_d())) as u64)?;
            inputs = Inputs::new(&fresh, &scaling, score.as_ref());
        }
        let outputs = inputs.apply(&network, &weights);
        let (moments, x) = inputs.moments(&outputs, n_out)?;
        let loss = Loss::new(&moments, regulariser).map_err(|error| diverged(iteration, &error))?;
        let cotangents = inputs.cotangents(&loss, &moments, &x, n_out);
        inputs.gradient(&network, &weights, &cotangents, &mut workspaces, &mut gradient);
        let rate = learning_rate(settings, iteration);
        let gradient_norm = adam.step(&mut weights, &gradient, rate);
        if iteration % settings.evaluate_every == 0 || iteration == settings.max_iterations {
            let judged = held_out.moments(&held_out.apply(&network, adam.average()), n_out)?.0;
            let ln_det_fisher_held_out = judged.fisher().map_err(|error| diverged(iteration, &error))?.ln_det;
            history.push(Evaluation {
                iteration,
                loss: loss.value,
                ln_det_fisher_train: loss.ln_det_fisher,
                ln_det_fisher_held_out,
                covariance_distance: loss.covariance_distance,
                regulariser: loss.strength,
                gradient_norm,
            });
            if ln_det_fisher_held_out > best_ln_det {
                best_ln_det = ln_det_fisher_held_out;
                best.copy_from_slice(adam.average());
                since_best = 0;
            } else {
                since_best += 1;
            }
            progress.at(
                iteration as u64,
                &format!("ln det F {:.3} held out, {:.3} in training", best_ln_det, loss.ln_det_fisher),
            );
            if since_best >= settings.patience {
                break;
            }
        }
    }
    progress.end(&format!("ln det F {best_ln_det:.3} on held-out simulations"));
    Ok((Imnn { network, weights: best, scaling, score }, history))
}

/// The score that the network's summaries are added to.
fn fit_score(training: Training<'_>, first: &SimulationSet, settings: &Settings, seed: Seed) -> Result<Score> {
    let (Training::Fresh { simulator, .. }, Some(n_s)) = (training, settings.score_n_s) else {
        return Score::fit(first);
    };
    let delta = match &first.derivative {
        Derivatives::Exact(_) => None,
        Derivatives::Differences { delta, .. } => Some(delta.as_slice()),
    };
    let mut set = SimulationSet::new(simulator, &first.theta_fid, delta, n_s, first.n_d().min(n_s))?;
    set.fill(simulator, seed.label("score"), 0)?;
    Score::fit(&set)
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
