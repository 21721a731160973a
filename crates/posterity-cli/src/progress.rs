//! Shows how far a run is: bars on a terminal, one line for each finished stage elsewhere.

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use posterity::progress::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bars on a terminal, stages within stages indented.
pub(crate) struct Bars {
    all: MultiProgress,
    open: Mutex<Vec<Bar>>,
}

struct Bar {
    bar: ProgressBar,
    stage: String,
    start: Instant,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self { all: MultiProgress::new(), open: Mutex::new(Vec::new()) }
    }
}

impl Progress for Bars {
    fn begin(&self, stage: &str, total: Option<u64>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let indent = "  ".repeat(open.len());
        let template = match total {
            Some(_) => "{prefix:<22} {bar:24} {percent:>3}%  {elapsed} (left {eta})  {wide_msg}",
            None => "{prefix:<22} {spinner}  {elapsed}  {wide_msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let bar = self.all.add(bar.with_style(style.progress_chars("━╸ ")).with_prefix(format!("{indent}{stage}")));
        bar.enable_steady_tick(Duration::from_millis(200));
        open.push(Bar { bar, stage: stage.to_owned(), start: Instant::now() });
    }

    fn at(&self, step: u64, note: &str) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Bar { bar, .. }) = open.last() {
            bar.set_position(step);
            // Where the total is not known the count stands in for the bar.
            let count = if bar.length().is_none() { format!("{}  ", HumanCount(step)) } else { String::new() };
            bar.set_message(format!("{count}{note}"));
        }
    }

    fn end(&self, note: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Bar { bar, stage, start }) = open.pop() {
            bar.finish_and_clear();
            self.all.remove(&bar);
            // A terminal that has gone away is no reason to stop a run.
            let _ = self.all.println(finished(open.len(), &stage, start.elapsed(), note));
        }
    }
}

/// One line to standard error for each finished stage.
pub(crate) struct Lines {
    open: Mutex<Vec<(String, Instant)>>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { open: Mutex::new(Vec::new()) }
    }
}

impl Progress for Lines {
    fn begin(&self, stage: &str, _total: Option<u64>) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((stage.to_owned(), Instant::now()));
    }

    fn at(&self, _step: u64, _note: &str) {}

    fn end(&self, note: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stage, start)) = open.pop() {
            crate::complain(&finished(open.len(), &stage, start.elapsed(), note));
        }
    }
}

/// The line of a finished stage, such as `  train: 12.3 s, ln det F = 3.91`.
fn finished(depth: usize, stage: &str, time: Duration, note: &str) -> String {
    let indent = "  ".repeat(depth);
    let note = if note.is_empty() { String::new() } else { format!(", {note}") };
    format!("{indent}{stage}: {:.1} s{note}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_stage_is_one_line() {
        let time = Duration::from_millis(12_340);
        assert_eq!(finished(1, "train", time, "ln det F = 3.91"), "  train: 12.3 s, ln det F = 3.91");
        assert_eq!(finished(0, "report", time, ""), "report: 12.3 s");
    }

    #[test]
    fn stages_nest_and_extra_ends_are_harmless() {
        let (bars, lines) = (Bars::new(), Lines::new());
        for progress in [&bars as &dyn Progress, &lines] {
            progress.begin("compress", None);
            progress.begin("train", Some(10));
            progress.at(5, "half");
            progress.end("done");
            progress.end("");
            progress.end("");
        }
        assert!(bars.open.lock().expect("whole").is_empty() && lines.open.lock().expect("whole").is_empty());
    }
}
