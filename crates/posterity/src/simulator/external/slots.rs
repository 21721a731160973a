//! Places for programs: so many run at once, each with its group, its log and, where they stay, its worker.

use super::once;
use super::process::{Group, Log};
use super::settings::{Format, Kind, Program};
use super::worker::Worker;
use crate::error::{Error, Result};
use crate::failure::{Cause, Failure};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What came of a simulation.
pub(super) type Outcome = std::result::Result<(), Failure>;

/// All places of an external simulator, made when they are first needed.
pub(super) struct Slots {
    n_slots: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    free: Vec<Slot>,
    n_made: usize,
    /// Where standard error is kept; the slot's own folder where none is named.
    logs: Option<PathBuf>,
}

/// One place.
pub(super) struct Slot {
    group: Option<Group>,
    worker: Option<Worker>,
    log: Log,
    n_runs: u64,
    /// Dropped last, when nothing is left that could write to it.
    scratch: Scratch,
}

impl Slots {
    /// Nothing is made yet.
    pub(super) fn new(n_slots: usize) -> Result<Self> {
        Ok(Self { n_slots, state: Mutex::default(), freed: Condvar::new() })
    }

    /// Keeps standard error in a folder, which is made when the first program starts.
    pub(super) fn keep_logs_in(&self, folder: &Path) {
        self.state().logs = Some(folder.to_path_buf());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place that nobody else has; waits until there is one.
    pub(super) fn take(&self) -> Result<Taken<'_>> {
        let mut state = self.state();
        loop {
            if let Some(slot) = state.free.pop() {
                return Ok(Taken { slots: self, slot: Some(slot) });
            }
            if state.n_made < self.n_slots {
                let slot = Slot::new(&state)?;
                state.n_made += 1;
                return Ok(Taken { slots: self, slot: Some(slot) });
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        const GRACE: Duration = Duration::from_secs(1);
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let workers: Vec<_> = state.free.iter_mut().filter_map(|slot| slot.worker.take()?.dismiss()).collect();
        let deadline = Instant::now() + GRACE;
        for worker in workers {
            worker.until(deadline, || ());
        }
        // With the slots go their groups, and with these all that is left of the programs.
        state.free.clear();
        // A folder of logs stays where there are any.
        drop(state.logs.take().map(std::fs::remove_dir));
    }
}

/// A place in use; goes back when dropped.
pub(super) struct Taken<'a> {
    slots: &'a Slots,
    slot: Option<Slot>,
}

impl Taken<'_> {
    /// One attempt at one simulation.
    ///
    /// # Errors
    /// What stands in the way of every simulation: a program that cannot be started.
    pub(super) fn simulate(
        &mut self,
        program: &Program,
        theta: &[f64],
        seed: u64,
        data: &mut [f64],
    ) -> Result<Outcome> {
        match &mut self.slot {
            Some(slot) => slot.simulate(program, (theta, seed), data),
            None => Err(Error::invalid_input("no place for a program")),
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.slots.state().free.extend(self.slot.take());
        self.slots.freed.notify_one();
    }
}

impl Slot {
    fn new(state: &State) -> Result<Self> {
        let number = state.n_made;
        let scratch = Scratch::new()?;
        let logs = state.logs.as_deref().unwrap_or(&scratch.0);
        std::fs::create_dir_all(logs).map_err(|error| Error::io(logs, &error))?;
        let log = Log::open(logs.join(format!("{}-{number}.stderr", std::process::id())))?;
        Ok(Self { group: None, worker: None, log, n_runs: 0, scratch })
    }

    fn simulate(&mut self, program: &Program, input: (&[f64], u64), data: &mut [f64]) -> Result<Outcome> {
        let mark = self.log.mark();
        let outcome = match program.kind {
            Kind::Command => self.once(program, input, data),
            Kind::Worker => self.ask(program, input, data),
        };
        let outcome = outcome?.and_then(|()| all_finite(data));
        Ok(outcome.map_err(|failure| Failure { stderr: self.log.since(mark), ..failure }))
    }

    fn once(&mut self, program: &Program, input: (&[f64], u64), data: &mut [f64]) -> Result<Outcome> {
        let group = guarded(&mut self.group, &self.scratch)?;
        // Each attempt has a name of its own, so that what is left of another can do no harm.
        self.n_runs += 1;
        let extension = Format::extension(program.format);
        let output = self.scratch.0.join(format!("{}.{extension}", self.n_runs));
        let outcome = once::run(program, group, &self.log, &output, input, data);
        if !matches!(outcome, Ok(Ok(()))) {
            // It may have been ended, and a guard takes its time to be no more.
            self.group = None;
        }
        outcome
    }

    fn ask(&mut self, program: &Program, input: (&[f64], u64), data: &mut [f64]) -> Result<Outcome> {
        if self.group.as_ref().is_none_or(|group| !group.is_guarded()) {
            // A worker without its guard goes too.
            self.group = None;
            drop(self.worker.take().and_then(Worker::dismiss));
        }
        // Asked once only: a guard that ends between two questions would take its worker for one of the new group.
        let group = match &mut self.group {
            Some(group) => group,
            empty => empty.insert(Group::start(&self.scratch.0)?),
        };
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(program, group, &self.log, || Group::start(&self.scratch.0))?,
        };
        let (worker, outcome) = worker.simulate(program, group, &self.log, input, data);
        if worker.is_none() {
            // Its group was ended with it, and is waited for: a guard takes its time to be no more.
            self.group = None;
        }
        self.worker = worker;
        Ok(outcome)
    }
}

fn all_finite(data: &[f64]) -> Outcome {
    match data.iter().position(|d| !d.is_finite()) {
        Some(k) => Err(Failure::new(Cause::NotFinite, format!("value {k} of the simulation is {}", data[k]))),
        None => Ok(()),
    }
}

/// The group, made anew if its guard is no more.
fn guarded<'a>(group: &'a mut Option<Group>, scratch: &Scratch) -> Result<&'a mut Group> {
    if group.as_ref().is_some_and(|group| !group.is_guarded()) {
        *group = None;
    }
    match group {
        Some(group) => Ok(group),
        empty => Ok(empty.insert(Group::start(&scratch.0)?)),
    }
}

/// A folder for files that programs write, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("posterity-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return std::path::absolute(&path).map(Self).map_err(|error| Error::io(&path, &error)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(&path, &error)),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
