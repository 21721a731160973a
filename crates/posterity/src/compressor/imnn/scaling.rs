//! Scaling of data before the first layer, taken from training simulations alone.

use super::super::constant::{is_constant, refuse_constants};
use super::settings::Input;
use crate::error::{Error, Result};
use crate::math::{Cholesky, Matrix, mean_and_covariance};
use crate::simulator::{Kind, SimulationSet};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A linear map d → A (d − mean) in f64, with the result in the network's f32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scaling {
    mean: Vec<f64>,
    map: Map,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Map {
    /// Each value times its own factor.
    Diagonal(Vec<f64>),
    /// A lower triangle.
    Triangle(Matrix),
}

/// Rows that one task scales.
const CHUNK: usize = 64;

impl Scaling {
    /// From the simulations of a set at the fiducial point.
    ///
    /// # Errors
    /// Invalid input, where the covariance of the data cannot be had from so few simulations; io; corrupt file.
    pub(super) fn fit(input: Input, set: &SimulationSet) -> Result<Self> {
        let (n_data, n) = (set.n_data(), set.n_s() as f64);
        if input == Input::Raw {
            return Ok(Self { mean: vec![0.0; n_data], map: Map::Diagonal(vec![1.0; n_data]) });
        }
        let each = |work: &mut dyn FnMut(&[f64])| {
            [Kind::WithTangents, Kind::Plain].into_iter().try_for_each(|kind| {
                set.in_blocks(kind, 1, |_, rows, _| {
                    rows.chunks_exact(n_data).for_each(&mut *work);
                    Ok(())
                })
            })
        };
        let mut mean = vec![0.0; n_data];
        each(&mut |row| mean.iter_mut().zip(row).for_each(|(m, d)| *m += d / n))?;
        if input == Input::StandardiseField {
            let overall = mean.iter().sum::<f64>() / n_data as f64;
            let mut squares = 0.0;
            each(&mut |row| squares += row.iter().map(|d| (d - overall) * (d - overall)).sum::<f64>())?;
            let variance = squares / (n * n_data as f64 - 1.0);
            let factor = factor(variance, overall);
            return Ok(Self { mean: vec![overall; n_data], map: Map::Diagonal(vec![factor; n_data]) });
        }
        let map = if input == Input::Standardise {
            let mut variance = vec![0.0; n_data];
            each(&mut |row| {
                let off = row.iter().zip(&mean);
                variance.iter_mut().zip(off).for_each(|(v, (d, m))| *v += (d - m) * (d - m) / (n - 1.0));
            })?;
            Map::Diagonal(variance.iter().zip(&mean).map(|(v, m)| factor(*v, *m)).collect())
        } else {
            Map::Triangle(inverse_root(&set.fiducial.all()?, n_data)?)
        };
        Ok(Self { mean, map })
    }

    /// Number of values in one simulation.
    pub(super) fn n_data(&self) -> usize {
        self.mean.len()
    }

    /// What does not fit together of a scaling that comes from a file.
    pub(super) fn fault(&self) -> Option<String> {
        let n = self.n_data();
        let (n_rows, n_cols) = match &self.map {
            Map::Diagonal(factors) => (factors.len(), n),
            Map::Triangle(lower) => (lower.n_rows(), lower.n_cols()),
        };
        ((n_rows, n_cols) != (n, n))
            .then(|| format!("the scaling maps {n_cols} data to {n_rows}, and has means of {n}"))
    }

    /// Scales rows of data.
    pub(super) fn values(&self, data: &[f64], out: &mut [f32]) {
        self.rows(data, out, |d, m| d - m);
    }

    /// Scales rows of derivatives of data, on which the mean has no bearing.
    pub(super) fn tangents(&self, data: &[f64], out: &mut [f32]) {
        self.rows(data, out, |d, _| d);
    }

    fn rows(&self, data: &[f64], out: &mut [f32], centre: impl Fn(f64, f64) -> f64 + Sync) {
        let width = CHUNK * self.n_data();
        out.par_chunks_mut(width).zip(data.par_chunks(width)).for_each(|(out, data)| {
            let mut centred = vec![0.0; self.n_data()];
            for (out, row) in out.chunks_exact_mut(self.n_data()).zip(data.chunks_exact(self.n_data())) {
                centred.iter_mut().zip(row.iter().zip(&self.mean)).for_each(|(c, (d, m))| *c = centre(*d, *m));
                match &self.map {
                    Map::Diagonal(factors) => {
                        out.iter_mut().zip(centred.iter().zip(factors)).for_each(|(o, (c, f))| *o = (c * f) as f32);
                    }
                    Map::Triangle(lower) => {
                        for (i, o) in out.iter_mut().enumerate() {
                            *o = lower.row(i)[..=i].iter().zip(&centred).map(|(l, c)| l * c).sum::<f64>() as f32;
                        }
                    }
                }
            }
        });
    }
}

/// What a value of this variance is multiplied by. One that never moves carries no information and is left out; its mean is
/// rounded, so that its variance need not be 0.
fn factor(variance: f64, mean: f64) -> f64 {
    if is_constant(variance, mean) { 0.0 } else { 1.0 / variance.sqrt() }
}

/// L⁻¹ with L Lᵀ the covariance of the data.
fn inverse_root(data: &[f64], n_data: usize) -> Result<Matrix> {
    let n = data.len() / n_data;
    let too_few = || {
        Error::invalid_input(format!("{n} simulations do not decorrelate {n_data} values"))
            .remedy("increase n_s well above n_data, or choose input = \"standardise\"")
    };
    if n <= n_data + 2 {
        return Err(too_few());
    }
    let (mean, covariance) = mean_and_covariance(data, n_data);
    refuse_constants(&mean, &covariance)?;
    let factor: Cholesky = covariance.cholesky().map_err(|_| too_few())?;
    let mut inverse = Matrix::identity(n_data);
    // Row i of L⁻¹ comes from forward substitution of the unit columns.
    let mut columns = vec![0.0; n_data];
    for j in 0..n_data {
        columns.fill(0.0);
        columns[j] = 1.0;
        factor.solve_lower(&mut columns);
        (0..n_data).for_each(|i| inverse[(i, j)] = columns[i]);
    }
    Ok(inverse)
}
