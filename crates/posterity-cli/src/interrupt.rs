//! Ctrl-C and the signals that ask for an end: the first lets what is in hand be finished and saved, the second does not.

use crate::Failure;
use posterity::progress::Progress;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a run that was asked to end: 128 and the number of SIGINT, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// True once an end was asked for.
static STOP: AtomicBool = AtomicBool::new(false);

/// Listens to Ctrl-C, SIGTERM and SIGHUP.
pub(crate) fn listen() -> Result<&'static AtomicBool, Failure> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_CODE));
        }
        crate::complain("ending: what is in hand is finished and saved; once more ends at once");
    })
    .map_err(|error| Failure { text: format!("Ctrl-C cannot be listened to: {error}"), code: 1 })?;
    Ok(&STOP)
}

/// Passes on what is told, and whether an end was asked for.
pub(crate) struct Interruptible<'a> {
    pub(crate) listener: &'a dyn Progress,
    pub(crate) stop: &'a AtomicBool,
}

impl Progress for Interruptible<'_> {
    fn begin(&self, stage: &str, total: Option<u64>) {
        self.listener.begin(stage, total);
    }

    fn at(&self, step: u64, note: &str) {
        self.listener.at(step, note);
    }

    fn end(&self, note: &str) {
        self.listener.end(note);
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
