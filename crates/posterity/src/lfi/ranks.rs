//! Simulations on all ranks of an MPI run: rank 0 decides, every rank simulates.
//!
//! A batch is cut into the chunks that [`Local`] has; whole chunks go to the ranks as they become free, many at first and
//! few in the end, and each rank spreads its chunks over its threads. The estimate of a simulation does not depend on
//! where it was run, so the result of a method is that of one process, bit for bit.
//!
//! Rank 0 makes [`Ranks`] and runs the method; the others call [`serve`] with the same simulator, compression and seed:
//!
//! ```no_run
//! # fn run(forward: posterity::lfi::Forward, prior: &posterity::prior::Prior, metric: &posterity::math::Matrix,
//! #     settings: &posterity::lfi::pmc::Settings) -> posterity::Result<()> {
//! use posterity::lfi::{pmc, ranks::{Ranks, World, serve}};
//! use posterity::progress::Quiet;
//! use posterity::Seed;
//! let (world, local) = (World::start()?, forward.seeded(Seed::new(1)));
//! if world.rank() == 0 {
//!     let ranks = Ranks::new(&world, local)?;
//!     let (samples, history) = pmc::sample(&ranks, prior, metric, &[0.3, -1.0], settings, &Quiet)?;
//! } else {
//!     serve(&world, local);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | from | message | then |
//! |---|---|---|
//! | rank | `Ready` with version, parameters and threads; or `Failed` | rank 0 has one from each before it begins |
//! | 0 | `Simulate` with label, first index and parameters | the rank answers `Done` with failures and estimates, or `Failed` |
//! | 0 | `Stop` | the rank leaves what it simulates, and answers `Failed` |
//! | 0 | `End`, when [`Ranks`] is dropped | [`serve`] returns |
//!
//! A rank that waits looks for messages once a millisecond and sleeps in between. An error or a panic in a simulation of
//! one rank ends the method on rank 0 with that error, and with it the service of all; a rank that is killed, or a panic
//! outside simulations, ends all ranks by MPI's own means.
//!
//! Reference: MPI: A Message-Passing Interface Standard, version 3.1, 2015.

mod world;

pub use world::World;

use super::estimates::{Estimates, Local, branch};
use super::forward::chunk_size;
use crate::error::{Error, Result};
use crate::failure::Failures;
use crate::progress::Progress;
use crate::seed::Seed;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use world::Pause;
pub(crate) use world::Tag;

/// What rank 0 says; rows of parameters follow `Simulate`.
#[derive(Serialize, Deserialize)]
enum Order {
    Simulate { label: String, first_index: u64, chunk_size: usize },
    Stop,
    End,
}

/// What the others say; rows of estimates follow `Done`.
#[derive(Serialize, Deserialize)]
enum Answer {
    Ready { version: String, n_params: usize, n_threads: usize },
    Done { failures: Failures },
    Failed { kind: Kind, text: String },
}

/// The kind of an error that is told by one rank to another.
#[derive(Serialize, Deserialize)]
enum Kind {
    InvalidInput,
    CorruptFile,
    Io,
    SimulationFailed,
    Interrupted,
    Numerical,
}

/// Estimates of some chunks, and what failed.
type Outcome = Result<(Vec<f64>, Failures)>;

/// Simulations on all ranks, for rank 0. The others [`serve`] until this is dropped.
pub struct Ranks<'a> {
    world: &'a World,
    local: Local<'a>,
    /// Threads of each rank.
    n_threads: Vec<usize>,
}

impl<'a> Ranks<'a> {
    /// Waits until all other ranks serve.
    ///
    /// # Errors
    /// Invalid input, if a rank runs another version or another simulator; what a rank tells by [`refuse`].
    pub fn new(world: &'a World, local: Local<'a>) -> Result<Self> {
        let n_params = local.n_params();
        let mut ready = vec![0; world.size()];
        ready[0] = n_threads(&local);
        let mut outcome = Ok(());
        for (rank, of_rank) in ready.iter_mut().enumerate().skip(1) {
            let (answer, _) = world.receive::<Answer>(rank, Tag::Answer)?;
            match answer {
                Answer::Ready { version, n_params: theirs, n_threads } => {
                    *of_rank = n_threads;
                    if version != env!("CARGO_PKG_VERSION") || theirs != n_params {
                        let message = format!("rank {rank} runs version {version} with {theirs} parameters");
                        let remedy = "start the same program with the same analysis on all ranks";
                        outcome = outcome.and(Err(Error::invalid_input(message).remedy(remedy)));
                    }
                }
                Answer::Failed { kind, text } => outcome = outcome.and(Err(error_of(rank, kind, &text))),
                Answer::Done { .. } => outcome = outcome.and(Err(Error::corrupt_file("an answer before any order"))),
            }
        }
        // Those that told of an error do not serve, and have no thread here. From here on, leaving ends the others.
        let ranks = Self { world, local, n_threads: ready };
        outcome.map(|()| ranks)
    }

    /// The chunks that a rank takes next: half of its share of what is left, and at least one for each of its threads.
    fn share(&self, rank: usize, left: Range<usize>, chunk_size: usize) -> Range<usize> {
        let threads = self.n_threads[rank];
        // Programs outside run one row on a thread, the built-in models one chunk.
        let least = if self.local.forward.simulator.pool().is_some() { threads.div_ceil(chunk_size) } else { threads };
        let half = left.len() * threads / (2 * self.n_threads.iter().sum::<usize>());
        left.start..left.end.min(left.start + half.max(least).max(1))
    }

    fn order(&self, rank: usize, order: &Order, values: &[f64]) {
        self.world.send(rank, Tag::Order, order, &bytes_of(values));
    }
}

impl Drop for Ranks<'_> {
    fn drop(&mut self) {
        let serving = (1..self.world.size()).filter(|rank| self.n_threads[*rank] > 0);
        serving.for_each(|rank| self.order(rank, &Order::End, &[]));
    }
}

impl Estimates for Ranks<'_> {
    fn n_params(&self) -> usize {
        self.local.n_params()
    }

    fn seed(&self) -> Seed {
        self.local.seed
    }

    fn estimates(&self, label: &str, thetas: &[f64], first_index: u64, theta_hat: &mut [f64]) -> Result<Failures> {
        let (n_params, local) = (self.n_params(), self.local);
        let n_rows = thetas.len() / n_params;
        let chunk_size = chunk_size(n_rows);
        let rows = |chunks: &Range<usize>| chunks.start * chunk_size..n_rows.min(chunks.end * chunk_size);
        let values = |chunks: &Range<usize>| rows(chunks).start * n_params..rows(chunks).end * n_params;
        let mut left = 0..n_rows.div_ceil(chunk_size);
        let mut at_work: Vec<Option<Range<usize>>> = vec![None; self.world.size()];
        let mut failures = Failures::default();
        // The first to come; it stops all others.
        let mut wrong: Option<Error> = None;
        let (stop, mut stopping) = (Stop::default(), false);
        rayon::in_place_scope(|scope| -> Result<()> {
            let (sender, mine) = channel::<Outcome>();
            let mut pause = Pause::default();
            loop {
                // The others first: this rank's threads can wait, a message takes time.
                for rank in (1..self.world.size()).chain([0]) {
                    if left.is_empty() || at_work[rank].is_some() {
                        continue;
                    }
                    let chunks = self.share(rank, left.clone(), chunk_size);
                    left.start = chunks.end;
                    let (thetas, first_index) = (&thetas[values(&chunks)], first_index + rows(&chunks).start as u64);
                    at_work[rank] = Some(chunks);
                    if rank > 0 {
                        let order = Order::Simulate { label: label.into(), first_index, chunk_size };
                        self.order(rank, &order, thetas);
                    } else {
                        let (sender, stop, seed) = (sender.clone(), &stop, branch(local.seed, label));
                        // The receiver outlives the scope.
                        scope.spawn(move |_| {
                            _ = sender.send(simulate(&local, thetas, seed, first_index, chunk_size, stop));
                        });
                    }
                }
                if at_work.iter().all(Option::is_none) {
                    return Ok(());
                }
                let answer = mine.try_recv().ok().map(|outcome| (0, outcome)).or_else(|| self.answer());
                if let Some((rank, outcome)) = answer {
                    let chunks = at_work[rank].take().unwrap_or_default();
                    match outcome {
                        Ok((estimates, told)) if estimates.len() == values(&chunks).len() => {
                            theta_hat[values(&chunks)].copy_from_slice(&estimates);
                            failures.merge(told);
                        }
                        Ok(_) => return Err(Error::corrupt_file(format!("rank {rank} answers what was not asked"))),
                        Err(error) => _ = wrong.get_or_insert(error),
                    }
                    pause = Pause::default();
                } else {
                    pause.rest();
                }
                if !stopping && (wrong.is_some() || local.progress.stop_requested()) {
                    stopping = true;
                    left = 0..0;
                    stop.0.store(true, Ordering::Relaxed);
                    let busy = (1..self.world.size()).filter(|rank| at_work[*rank].is_some());
                    busy.for_each(|rank| self.order(rank, &Order::Stop, &[]));
                }
            }
        })?;
        match wrong {
            Some(error) => Err(error),
            None if stopping => Err(stopped()),
            None => Ok(failures),
        }
    }
}

impl Ranks<'_> {
    /// The next answer of another rank, if one has come.
    fn answer(&self) -> Option<(usize, Outcome)> {
        let (rank, answer, payload) = self.world.try_receive::<Answer>(None, Tag::Answer)?;
        Some(match answer {
            Ok(Answer::Done { failures }) => (rank, Ok((values_of(&payload), failures))),
            Ok(Answer::Failed { kind, text }) => (rank, Err(error_of(rank, kind, &text))),
            Ok(Answer::Ready { .. }) => (rank, Err(Error::corrupt_file(format!("rank {rank} begins anew")))),
            Err(error) => (rank, Err(error)),
        })
    }
}

/// Simulates for rank 0 until that drops its [`Ranks`]; for all ranks but 0, with the same simulator, compression and
/// seed. Errors are told to rank 0, which decides.
pub fn serve(world: &World, local: Local<'_>) {
    let (version, n_params) = (env!("CARGO_PKG_VERSION").into(), local.n_params());
    world.send(0, Tag::Answer, &Answer::Ready { version, n_params, n_threads: n_threads(&local) }, &[]);
    loop {
        match world.receive::<Order>(0, Tag::Order) {
            Ok((Order::Simulate { label, first_index, chunk_size }, payload)) => {
                let (thetas, seed) = (values_of(&payload), branch(local.seed, &label));
                let outcome = simulate_until_told(world, &local, &thetas, seed, first_index, chunk_size);
                match outcome {
                    Ok((estimates, failures)) => {
                        world.send(0, Tag::Answer, &Answer::Done { failures }, &bytes_of(&estimates));
                    }
                    Err(error) => refuse(world, &error),
                }
            }
            // It came when the answer was on its way.
            Ok((Order::Stop, _)) => {}
            Ok((Order::End, _)) => return,
            Err(error) => refuse(world, &error),
        }
    }
}

/// Tells rank 0, instead of [`serve`], that this rank cannot.
pub fn refuse(world: &World, error: &Error) {
    let kind = match error {
        e if e.is_invalid_input() => Kind::InvalidInput,
        e if e.is_corrupt_file() => Kind::CorruptFile,
        e if e.is_io() => Kind::Io,
        e if e.is_simulation_failed() => Kind::SimulationFailed,
        e if e.is_interrupted() => Kind::Interrupted,
        _ => Kind::Numerical,
    };
    world.send(0, Tag::Answer, &Answer::Failed { kind, text: error.to_string() }, &[]);
}

fn error_of(rank: usize, kind: Kind, text: &str) -> Error {
    let message = format!("rank {rank}: {text}");
    match kind {
        Kind::InvalidInput => Error::invalid_input(message),
        Kind::CorruptFile => Error::corrupt_file(message),
        Kind::Io => Error::io(format!("rank {rank}").as_ref(), &std::io::Error::other(text)),
        Kind::SimulationFailed => Error::simulation_failed(message),
        Kind::Interrupted => Error::interrupted(message),
        Kind::Numerical => Error::numerical(message),
    }
}

fn stopped() -> Error {
    Error::interrupted("the simulations on all ranks were stopped")
}

/// Set once simulations are to stop.
#[derive(Default)]
struct Stop(AtomicBool);

impl Progress for Stop {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Chunks of a batch on this rank's threads; a panic is an error.
fn simulate(
    local: &Local<'_>,
    thetas: &[f64],
    seed: Seed,
    first_index: u64,
    chunk_size: usize,
    stop: &Stop,
) -> Outcome {
    let run = || {
        let mut theta_hat = vec![0.0; thetas.len()];
        let failures = local.forward.simulate_chunks(thetas, seed, first_index, chunk_size, &mut theta_hat, stop)?;
        Ok((theta_hat, failures))
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let message = format!("a simulation panicked: {}", text.unwrap_or("for no stated reason"));
        Err(Error::simulation_failed(message).remedy("mend the simulator"))
    })
}

/// As [`simulate`], with an ear open for rank 0.
fn simulate_until_told(
    world: &World,
    local: &Local<'_>,
    thetas: &[f64],
    seed: Seed,
    first_index: u64,
    chunk_size: usize,
) -> Outcome {
    let (local, stop) = (*local, Stop::default());
    rayon::in_place_scope(|scope| {
        let (sender, mine) = channel();
        let (stop, mut pause) = (&stop, Pause::default());
        scope.spawn(move |_| _ = sender.send(simulate(&local, thetas, seed, first_index, chunk_size, stop)));
        loop {
            if let Ok(outcome) = mine.try_recv() {
                return outcome;
            }
            // Nothing but `Stop` comes before the answer.
            if world.try_receive::<Order>(Some(0), Tag::Order).is_some() {
                stop.0.store(true, Ordering::Relaxed);
            }
            pause.rest();
        }
    })
}

/// Threads that the simulations of this rank run on.
fn n_threads(local: &Local<'_>) -> usize {
    local.forward.simulator.pool().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads)
}

fn bytes_of(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn values_of(bytes: &[u8]) -> Vec<f64> {
    let (whole, _) = bytes.as_chunks::<8>();
    whole.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}
