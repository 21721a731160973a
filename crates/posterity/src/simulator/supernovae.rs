//! Supernova magnitudes (stand-in: reads the files, draws around the observed magnitudes).

use super::Simulator;
use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::seed::Stream;
use std::path::Path;

/// Stand-in for the supernova simulator.
#[derive(Clone, Debug)]
pub struct Supernovae {
    parameters: Vec<Parameter>,
    observed: Vec<f64>,
    shape: [usize; 1],
}

impl Supernovae {
    /// Reads the table and, where given, the covariance.
    ///
    /// # Errors
    /// Corrupt file, where a number does not parse.
    pub fn from_files(table: &Path, _covariance: Option<&Path>) -> Result<Self> {
        let text = std::fs::read_to_string(table).map_err(|source| Error::io(table, &source))?;
        let mut observed = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mb = line.split_whitespace().nth(4).and_then(|word| word.parse().ok());
            observed.push(mb.ok_or_else(|| Error::corrupt_file("column mb is no number").in_file(table))?);
        }
        let parameters = [("omega_m", r"\Omega_m"), ("w", "w"), ("offset", "M")].map(|(n, l)| Parameter::new(n, l));
        Ok(Self { parameters: parameters.to_vec(), shape: [observed.len()], observed })
    }

    /// The observed magnitudes.
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }
}

impl Simulator for Supernovae {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn simulate(&self, theta: &[f64], _stream: &mut Stream, data: &mut [f64]) -> Result<()> {
        if theta[0] < 0.0 {
            return Err(Error::simulation_failed("omega_m is below 0"));
        }
        data.copy_from_slice(&self.observed);
        Ok(())
    }
}
