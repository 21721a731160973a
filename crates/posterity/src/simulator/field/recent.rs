//! What was computed for the parameters of late, lest it is again for each simulation there.

use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// As many as a fiducial point and its seed-matched pairs need, and some.
const KEPT: usize = 8;

/// Functions of one parameter at its last values. What is computed depends on the value alone, so that it does not matter
/// who was first.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Vec<(u64, Arc<T>)>>);

impl<T> Recent<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// That of `at`, computed where it is not there. No other thread waits meanwhile.
    pub(super) fn get(&self, at: f64, compute: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let key = at.to_bits();
        let all = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, there)) = all().iter().find(|(other, _)| *other == key) {
            return Ok(Arc::clone(there));
        }
        let new = Arc::new(compute()?);
        let mut all = all();
        if all.len() >= KEPT {
            all.remove(0);
        }
        all.push((key, Arc::clone(&new)));
        Ok(new)
    }
}
