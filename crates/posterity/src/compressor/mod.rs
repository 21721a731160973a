//! Compressors f: d → x, from many data to few summaries without loss of information where it can be had.

mod checkpoint;
mod compression;
mod constant;
mod fisher;
pub mod imnn;
mod independent;
mod outlook;
mod run;
pub mod score;
mod statistic;

pub use checkpoint::Checkpoint;
pub use compression::{Compression, Knowledge, Settings, Trained};
pub use fisher::{Fisher, Information, QuasiMle, SummaryMoments};
pub use imnn::Imnn;
pub use independent::Independent;
pub use outlook::{ErrorBar, Outlook, Overfitting};
pub use run::Run;
pub use score::Score;
pub use statistic::Statistic;

use crate::reference::Reference;
use serde::{Deserialize, Serialize};

/// A function from data to summaries.
pub trait Compressor: Sync {
    /// Number of values in one simulation.
    fn n_data(&self) -> usize;

    /// Number of summaries.
    fn n_summaries(&self) -> usize;

    /// Compresses rows of data into rows of summaries. The result of a row does not depend on the others, but for rounding: the
    /// last bits may depend on how many rows there are, since matrix products of other sizes sum in another order. The same
    /// rows give the same bits on any number of threads.
    fn compress(&self, data: &[f64], summaries: &mut [f64]);

    /// Where the method comes from.
    fn references(&self) -> Vec<Reference>;
}

/// Where the derivative of the data by the parameters comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivativeSource {
    /// The simulator's own.
    Exact,
    /// Central differences of seed-matched pairs.
    Differences,
}

#[cfg(test)]
mod tests;
