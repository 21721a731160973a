//! Compressors f: d → x, from many data to few summaries without loss of information where it can be had.

mod fisher;
pub mod imnn;

pub use fisher::{Fisher, Information, QuasiMle, SummaryMoments};

use crate::reference::Reference;

/// A function from data to summaries.
pub trait Compressor: Sync {
    /// Number of values in one simulation.
    fn n_data(&self) -> usize;

    /// Number of summaries.
    fn n_summaries(&self) -> usize;

    /// Compresses rows of data into rows of summaries; the result of a row does not depend on the others.
    fn compress(&self, data: &[f64], summaries: &mut [f64]);

    /// Where the method comes from.
    fn references(&self) -> Vec<Reference>;
}
