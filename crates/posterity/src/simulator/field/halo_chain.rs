//! From white noise to the expected number of halos in each voxel, on a thread apart.

use super::halo_counts::Settings;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::field::{Gravity, Grid, Growth, LinearPower, MassAssignment, Order};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::fmt;
use std::sync::mpsc;

/// Gravity, engine and mass function with their memory (about 200 bytes a voxel), set for one cosmology.
pub(super) struct Chain {
    gravity: Gravity,
    engine: Engine,
    settings: Settings,
    volume: f64,
    /// Ω_m and σ8 that gravity is set for.
    at: Option<[f64; 2]>,
    /// White noise, n³ values, to be filled.
    pub(super) noise: Vec<f64>,
    density: Vec<f64>,
    /// Expected halos of each voxel.
    pub(super) means: Vec<f64>,
}

impl Chain {
    pub(super) fn new(grid: Grid, linear: &(LinearPower, Growth), settings: &Settings) -> Result<Self> {
        let (power, growth) = linear;
        let gravity = Gravity::new(grid, power, growth, Order::Two, MassAssignment::TriangularShapedCloud)?;
        let engine = Engine::new([grid.n(); 3], &settings.weights.settings.engine)?;
        let zeros = || vec![0.0; grid.n_cells()];
        let (settings, volume) = (settings.clone(), grid.cell_volume());
        Ok(Self { gravity, engine, settings, volume, at: None, noise: zeros(), density: zeros(), means: zeros() })
    }

    /// Turns the noise to means, at Ω_m and σ8 of which `linear` has the spectrum for σ8 = 1.
    pub(super) fn evolve(&mut self, theta: [f64; 2], linear: &(LinearPower, Growth)) -> Result<()> {
        if self.at != Some(theta) {
            let (power, growth) = linear;
            self.gravity.lpt_mut().set_linear(&power.clone().scaled(theta[1] * theta[1]), growth)?;
            self.at = Some(theta);
        }
        self.gravity.density(&self.noise, &mut self.density)?;
        self.density.iter_mut().for_each(|density| *density -= 1.0);
        let weights = &self.settings.weights;
        let (of_engine, of_mixture) = weights.values.split_at(self.engine.n_weights());
        self.engine.forward(&self.density, of_engine, &mut self.means);
        let (volume, mixture, min_mass) = (self.volume, weights.settings.mixture, self.settings.min_mass);
        let of_volume = volume * self.settings.completeness;
        self.means.iter_mut().for_each(|psi| *psi = of_volume * mixture.integral(of_mixture, *psi, min_mass));
        Ok(())
    }
}

/// A chain and the thread on which it runs.
///
/// What it is made of cuts its loops into tasks for rayon. A thread of the pool that runs simulations would begin other
/// simulations while it waits for such tasks, each with a chain of its own, and so on without bound. A thread apart has
/// nothing else to begin, and whoever waits for it sleeps.
pub(super) struct Machine {
    thread: ThreadPool,
    pub(super) chain: Box<Chain>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("at", &self.chain.at).finish_non_exhaustive()
    }
}

impl Machine {
    pub(super) fn new(chain: Chain) -> Result<Self> {
        let name = |_| "halo counts".to_owned();
        // A panic ends one simulation, not the program.
        let builder = ThreadPoolBuilder::new().num_threads(1).thread_name(name).panic_handler(|_| ());
        let thread = builder.build().map_err(|error| Error::simulation_failed(format!("no thread: {error}")))?;
        Ok(Self { thread, chain: Box::new(chain) })
    }

    /// Does the work there, and waits for it.
    pub(super) fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Chain) -> T + Send + 'static,
    ) -> Result<(Self, T)> {
        let Self { thread, mut chain } = self;
        let (sender, receiver) = mpsc::sync_channel(1);
        thread.spawn(move || {
            let outcome = work(&mut chain);
            // None is left to hear it only if the waiting thread is gone.
            let _ = sender.send((chain, outcome));
        });
        match receiver.recv() {
            Ok((chain, outcome)) => Ok((Self { thread, chain }, outcome)),
            Err(_) => Err(Error::simulation_failed("the thread of the simulation ended before it")),
        }
    }
}
