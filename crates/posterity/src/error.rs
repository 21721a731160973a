//! The one error type: a kind that callers can ask for, and a message that says where, what and how to mend it.

use crate::failure::{Cause, Failure};
use std::fmt;
use std::path::{Path, PathBuf};

/// Shorthand for results with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, where, and what to do about it.
///
/// The kind is opaque; ask with the predicates ([`Error::is_invalid_input`], …). The text has the form
/// `file:line: key: message; remedy`, each part only where it is known.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    file: Option<PathBuf>,
    line: Option<usize>,
    key: Option<String>,
    remedy: Option<String>,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    InvalidInput,
    CorruptFile,
    Io,
    SimulationFailed,
    Numerical,
    Interrupted,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, file: None, line: None, key: None, remedy: None, failure: None }))
    }

    /// Input that cannot be used: a setting, a prior, a shape.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// A file that was written by a program but cannot be what it should be.
    pub fn corrupt_file(message: impl Into<String>) -> Self {
        Self::new(Kind::CorruptFile, message)
    }

    /// The operating system refused to read or write.
    pub fn io(path: &Path, source: &std::io::Error) -> Self {
        Self::new(Kind::Io, source.to_string()).in_file(path)
    }

    /// A simulation that has no result at these parameters.
    pub fn simulation_failed(message: impl Into<String>) -> Self {
        Self::new(Kind::SimulationFailed, message)
    }

    /// The caller asked for an end before the result was there; what is done is kept, and the same call goes on.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// A computation without a usable result (a covariance that is not positive definite, …).
    pub fn numerical(message: impl Into<String>) -> Self {
        Self::new(Kind::Numerical, message)
    }

    /// Names the file concerned; an earlier name stays.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.file.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// Names the line (from 1) in the file concerned; an earlier one stays.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    /// Names the key of the analysis concerned, dotted (`prior.w.low`); an earlier one stays.
    #[must_use]
    pub fn at_key(mut self, key: impl Into<String>) -> Self {
        self.0.key.get_or_insert_with(|| key.into());
        self
    }

    /// Puts the key concerned, if one is named, into a section: `n_initial` becomes `infer.pmc.n_initial`.
    #[must_use]
    pub fn under_key(mut self, section: &str) -> Self {
        self.0.key = self.0.key.map(|key| format!("{section}.{key}"));
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// The file concerned, if one is named.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The dotted key concerned, if one is named.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// True where the caller's input is at fault.
    pub fn is_invalid_input(&self) -> bool {
        self.0.kind == Kind::InvalidInput
    }

    /// True where a file's content is damaged or of another kind.
    pub fn is_corrupt_file(&self) -> bool {
        self.0.kind == Kind::CorruptFile
    }

    /// True where the operating system refused.
    pub fn is_io(&self) -> bool {
        self.0.kind == Kind::Io
    }

    /// True where a simulation failed.
    pub fn is_simulation_failed(&self) -> bool {
        self.0.kind == Kind::SimulationFailed
    }

    /// True where the caller asked for an end.
    pub fn is_interrupted(&self) -> bool {
        self.0.kind == Kind::Interrupted
    }

    /// How a simulation failed, where one did.
    pub fn into_failure(self) -> std::result::Result<Failure, Self> {
        if self.0.kind != Kind::SimulationFailed {
            return Err(self);
        }
        let text = self.to_string();
        Ok(self.0.failure.unwrap_or_else(|| Failure::new(Cause::Refused, text)))
    }

    /// True where a computation has no usable result.
    pub fn is_numerical(&self) -> bool {
        self.0.kind == Kind::Numerical
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let mut error = Self::new(Kind::SimulationFailed, failure.message.clone());
        error.0.failure = Some(failure);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, file, line, key, remedy, .. } = &*self.0;
        if let Some(file) = file {
            write!(f, "{}", file.display())?;
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            write!(f, ": ")?;
        }
        if let Some(key) = key {
            write!(f, "`{key}`: ")?;
        }
        write!(f, "{message}")?;
        if let Some(remedy) = remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_file_line_key_message_and_remedy() {
        let error = Error::invalid_input("low must be below high")
            .remedy("swap them")
            .at_key("prior.w")
            .at_line(12)
            .in_file(Path::new("analysis.toml"));
        assert_eq!(error.to_string(), "analysis.toml:12: `prior.w`: low must be below high; swap them");
        assert!(error.is_invalid_input() && !error.is_io());
    }

    #[test]
    fn only_a_failed_simulation_is_a_failure() {
        let failure = Failure { exit_status: Some(3), ..Failure::new(Cause::Exit, "exit status 3") };
        assert_eq!(Error::from(failure.clone()).into_failure().expect("failed"), failure);
        let refused = Error::simulation_failed("no data").remedy("move").into_failure().expect("failed");
        assert_eq!((refused.cause, refused.message.as_str()), (Cause::Refused, "no data; move"));
        assert!(Error::interrupted("stopped").into_failure().expect_err("no failure").is_interrupted());
    }
}
