//! How a long computation says where it is, without knowing who listens.

/// Told of the progress of a stage; every method but [`Progress::stop_requested`] may be called
/// from one thread only, the one that runs the stage.
pub trait Progress: Sync {
    /// A stage begins; `total` steps where that is known.
    fn begin(&self, stage: &str, total: Option<u64>);
    /// The stage stands at this step, with a short note worth reading (`ln det F = 3.91`).
    fn at(&self, step: u64, note: &str);
    /// The stage is over.
    fn end(&self, note: &str);
    /// True once the caller wants an end: what is at work stops where it can go on later, with
    /// [`Error::interrupted`](crate::Error::interrupted).
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Listens to nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}
