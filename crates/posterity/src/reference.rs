//! Where a method comes from: the citation that a report prints when the method ran.

/// A paper or a data release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Authors, year.
    pub authors: &'static str,
    /// Title.
    pub title: &'static str,
    /// Journal reference, arXiv number or DOI.
    pub source: &'static str,
    /// Link.
    pub url: &'static str,
}
