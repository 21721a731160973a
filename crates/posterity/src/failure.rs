//! How a simulation failed, and many of them together: a failed simulation costs itself only, and is never forgotten.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a simulation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The simulator says that it has no data at these parameters.
    Refused,
    /// The program ended with an exit status other than 0.
    Exit,
    /// The program was ended by a signal.
    Killed,
    /// The program took longer than it may.
    TimedOut,
    /// The data hold NaN or infinity.
    NotFinite,
    /// The program's output is not what it should be.
    BadOutput,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Refused, Self::Exit, Self::Killed, Self::TimedOut, Self::NotFinite, Self::BadOutput];

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Exit => "exit status other than 0",
            Self::Killed => "ended by a signal",
            Self::TimedOut => "timed out",
            Self::NotFinite => "NaN or infinity",
            Self::BadOutput => "bad output",
        }
    }
}

/// How one simulation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// What happened, in a sentence.
    pub message: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The program's exit status, where it ended by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit_status: Option<i32>,
    /// The signal that ended the program.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<i32>,
    /// The seed that the program was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub program_seed: Option<u64>,
    /// The end of what the program wrote to its standard error.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub stderr: String,
}

impl Failure {
    /// One attempt that failed in this process.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let (message, stderr) = (message.into(), String::new());
        Self { cause, message, attempts: 1, exit_status: None, signal: None, program_seed: None, stderr }
    }
}

/// A failed simulation with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which simulation: the index of its random stream.
    pub index: u64,
    /// Its parameters.
    pub theta: Vec<f64>,
    /// What happened.
    #[serde(flatten)]
    pub failure: Failure,
}

/// Many failed simulations: all counted, the first of them kept whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// How many for each cause.
    pub counts: BTreeMap<Cause, u64>,
    /// The first [`Failures::MOST`] in the order of their index.
    pub first: Vec<Record>,
}

impl Failures {
    /// Records kept at the most.
    pub const MOST: usize = 1000;

    /// How many in all.
    pub fn n(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Counts one more.
    pub fn add(&mut self, record: Record) {
        *self.counts.entry(record.failure.cause).or_default() += 1;
        let at = self.first.partition_point(|other| other.index <= record.index);
        if at < Self::MOST {
            self.first.insert(at, record);
            self.first.truncate(Self::MOST);
        }
    }

    /// Takes in others.
    pub fn merge(&mut self, other: Self) {
        for (cause, n) in other.counts {
            *self.counts.entry(cause).or_default() += n;
        }
        self.first.extend(other.first);
        self.first.sort_by_key(|record| record.index);
        self.first.truncate(Self::MOST);
    }

    /// `3 timed out, 1 bad output`.
    pub fn text(&self) -> String {
        let counts = self.counts.iter().filter(|(_, n)| **n > 0);
        counts.map(|(cause, n)| format!("{n} {}", cause.text())).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_kept_in_order_whoever_comes_first() {
        let record = |index| Record { index, theta: vec![0.5], failure: Failure::new(Cause::TimedOut, "late") };
        let n = Failures::MOST as u64 + 10;
        let (mut forward, mut backward) = (Failures::default(), Failures::default());
        (0..n).for_each(|i| forward.add(record(i)));
        (n / 2..n).rev().for_each(|i| backward.add(record(i)));
        let mut rest = Failures::default();
        (0..n / 2).rev().for_each(|i| rest.add(record(i)));
        backward.merge(rest);
        assert_eq!(forward, backward);
        assert_eq!((forward.n(), forward.first.len(), forward.first[999].index), (n, 1000, 999));
        assert_eq!(forward.text(), "1010 timed out");
        let text = serde_json::to_string(&record(3)).expect("written");
        assert_eq!(text, r#"{"index":3,"theta":[0.5],"cause":"timed_out","message":"late","attempts":1}"#);
        assert_eq!(serde_json::from_str::<Record>(&text).expect("read"), record(3));
    }
}
