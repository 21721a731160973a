//! A parameter's name, as files and scripts use it, and its label, as figures do.

use serde::{Deserialize, Serialize};

/// Name in ASCII (`omega_m`) and LaTeX label without dollars (`\Omega_m`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name in files, tables and code.
    pub name: String,
    /// LaTeX label, without dollar signs.
    pub latex: String,
}

impl Parameter {
    /// A parameter with its name and LaTeX label.
    pub fn new(name: impl Into<String>, latex: impl Into<String>) -> Self {
        Self { name: name.into(), latex: latex.into() }
    }
}
