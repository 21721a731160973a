//! Memory that simulations borrow one after another.

use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// What was given back, for the next to take: at most as many as were ever out at once.
///
/// Not tied to threads: a thread that waits within a simulation may begin another one.
#[derive(Debug)]
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One that lies there; else a new one, if it can be.
    pub(super) fn try_take(&self, new: impl FnOnce() -> Result<T>) -> Result<T> {
        let there = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        there.map_or_else(new, Ok)
    }

    /// One that lies there; else a new one.
    pub(super) fn take(&self, new: impl FnOnce() -> T) -> T {
        let there = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        there.unwrap_or_else(new)
    }

    /// Puts it there for the next.
    pub(super) fn give_back(&self, used: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(used);
    }
}
