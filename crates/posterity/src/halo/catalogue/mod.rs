//! Halo catalogues: positions [Mpc/h] and masses [Msun/h], checked before any work.
//!
//! A halo belongs to the voxel whose centre i L/n is nearest: i = round(x n/L) modulo n on each axis, as densities are
//! laid out everywhere in this library; a halo at x = L is at 0.
//!
//! Units are not written in catalogues, so that mistakes are looked for. Positions in kpc/h reach hundreds of boxes far,
//! and lie inside after division by 1000. Masses that are all below 100 Msun/h are logarithms. Masses under the threshold
//! are an error ([`Catalogue::cut`] removes them, said aloud). A mass function rises towards small masses: where 50 halos
//! or more leave the range from the threshold to 1.2 thresholds empty, which for n(>M) falling at least as M^(−1/2)
//! happens by chance with a probability below (1.2^(−1/2))^50 = 1.1 %, the threshold is not that of the catalogue; and if
//! the gap is 1/h wide within 3 %, the masses are suspected to be in Msun ([`Catalogue::check_threshold`]). Halos that
//! leave a part of the box empty tell of a length or of positions in other units ([`Catalogue::check_spread`]), and rows
//! that are there twice of files that overlap.
//!
//! Limits: masses in Msun with the threshold in Msun too cannot be seen; periodic cubic boxes alone.

mod doubled;
mod read;
mod spread;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use std::path::Path;

/// Halos that leave a gap above the threshold are too many for chance from this number on.
const MANY: usize = 50;
const GAP: f64 = 1.2;
/// Positions that reach so many boxes far, and inside one when divided by 1000, are in kpc/h.
const FAR: f64 = 100.0;
/// Masses are logarithms if all of them are below this [Msun/h].
const LOGARITHMS: f64 = 100.0;
/// From so many rows on that repeat another, they are refused.
const REPEATS: usize = 3;

/// Names of the columns in a CSV or Parquet file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Positions [Mpc/h].
    pub position: [String; 3],
    /// Mass [Msun/h].
    pub mass: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self { position: ["x", "y", "z"].map(String::from), mass: "mass".into() }
    }
}

/// Halos in a periodic box.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Side of the box [Mpc/h].
    pub box_length: f64,
    /// Positions [Mpc/h], from 0 to below the side.
    pub positions: Vec<[f64; 3]>,
    /// Masses [Msun/h].
    pub masses: Vec<f64>,
}

impl Catalogue {
    /// Reads `.csv` (with a header line), `.parquet` (columns of floats or integers) or `.npy` (N rows of x, y, z, mass;
    /// `columns` is not needed there), and checks it.
    ///
    /// # Errors
    /// Io; corrupt file; invalid input, with file and line (or row, from 1): another extension, a column that is not
    /// there, what is no number, and all that [`Catalogue::new`] refuses.
    pub fn read(path: &Path, columns: &Columns, box_length: f64) -> Result<Self> {
        read::rows(path, columns).and_then(|rows| check(rows, box_length)).map_err(|e| e.in_file(path))
    }

    /// As [`Catalogue::read`], without the halos whose mass is exactly 0, as halo finders write where they found none; and
    /// how many these were.
    ///
    /// # Errors
    /// As [`Catalogue::read`]; invalid input, where all masses are 0.
    pub fn read_massive(path: &Path, columns: &Columns, box_length: f64) -> Result<(Self, usize)> {
        let massive = |rows: Vec<(Place, [f64; 4])>| {
            let n = rows.len();
            let rows: Vec<_> = rows.into_iter().filter(|(_, row)| row[3] != 0.0).collect();
            if rows.is_empty() && n > 0 {
                return Err(Error::invalid_input(format!("the mass of all {n} halos is 0"))
                    .remedy("name the right column of masses"));
            }
            let n_massless = n - rows.len();
            Ok((check(rows, box_length)?, n_massless))
        };
        read::rows(path, columns).and_then(massive).map_err(|e| e.in_file(path))
    }

    /// From rows of x, y, z, mass.
    ///
    /// # Errors
    /// Invalid input: no halos, a number that is not finite, a halo outside the box, a mass that is not positive, three
    /// rows or more that are there twice.
    pub fn new(rows: &[[f64; 4]], box_length: f64) -> Result<Self> {
        check(rows.iter().enumerate().map(|(i, row)| (Place::Row(i + 1), *row)).collect(), box_length)
    }

    /// Number of halos.
    pub fn n_halos(&self) -> usize {
        self.masses.len()
    }

    /// The lowest mass [Msun/h].
    pub fn lowest_mass(&self) -> f64 {
        self.masses.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// That all masses are above `threshold` [Msun/h], and begin there; `hubble` is h = H₀/(100 km/s/Mpc).
    ///
    /// # Errors
    /// Invalid input: masses under the threshold (how many, and the lowest); a gap above it, with the suspicion that the
    /// masses are in Msun where the gap is 1/h wide.
    pub fn check_threshold(&self, threshold: f64, hubble: f64) -> Result<()> {
        let (n, lowest) = (self.n_halos(), self.lowest_mass());
        let below = self.masses.iter().filter(|m| **m < threshold).count();
        if below > 0 {
            let message = format!("{below} of {n} halos are under the threshold of {threshold:.4e} Msun/h");
            let near_h = (lowest / (threshold * hubble) - 1.0).abs() < 0.03;
            let more = if near_h { " (h times the threshold: is it in Msun, not Msun/h?)" } else { "" };
            return Err(Error::invalid_input(format!("{message}; the lowest has {lowest:.4e}{more}"))
                .remedy("set the threshold to the lowest mass, or cut the catalogue at it"));
        }
        if n >= MANY && lowest > GAP * threshold {
            let ratio = lowest / threshold;
            let message =
                format!("{n} halos, and none from the threshold {threshold:.4e} Msun/h to {ratio:.3} times it");
            if (ratio * hubble - 1.0).abs() < 0.03 {
                return Err(Error::invalid_input(format!(
                    "{message}, which is 1/h = {:.3}: the masses look as if in Msun, not Msun/h",
                    1.0 / hubble
                ))
                .remedy(format!("multiply the masses by h, or set the threshold to {lowest:.4e} if they are right")));
            }
            return Err(Error::invalid_input(format!("{message}: the catalogue does not begin at the threshold"))
                .remedy(format!("set the threshold to {lowest:.4e} Msun/h, or check the units of the masses")));
        }
        Ok(())
    }

    /// Removes the halos under `threshold` [Msun/h]; returns how many there were.
    pub fn cut(&mut self, threshold: f64) -> usize {
        let before = self.n_halos();
        let keep: Vec<bool> = self.masses.iter().map(|m| *m >= threshold).collect();
        let mut flags = keep.iter();
        self.positions.retain(|_| flags.next().is_some_and(|k| *k));
        self.masses.retain(|m| *m >= threshold);
        before - self.n_halos()
    }

    /// The voxel, in C order, and the mass of each halo on a grid of n³ voxels.
    pub fn voxels(&self, n: usize) -> Vec<(usize, f64)> {
        let scale = n as f64 / self.box_length;
        let cell = |x: f64| (x * scale).round() as usize % n;
        let voxel = |p: &[f64; 3]| (cell(p[0]) * n + cell(p[1])) * n + cell(p[2]);
        self.positions.iter().map(voxel).zip(self.masses.iter().copied()).collect()
    }
}

/// Where in its file a halo is.
#[derive(Clone, Copy)]
enum Place {
    /// A line of text, from 1.
    Line(usize),
    /// A row of a table, from 1.
    Row(usize),
}

impl Place {
    /// An error about a halo there.
    fn error(self, message: String, remedy: &str) -> Error {
        match self {
            Self::Line(line) => Error::invalid_input(message).at_line(line),
            Self::Row(row) => Error::invalid_input(format!("row {row}: {message}")),
        }
        .remedy(remedy)
    }
}

fn check(rows: Vec<(Place, [f64; 4])>, box_length: f64) -> Result<Catalogue> {
    if !(box_length > 0.0 && box_length.is_finite()) {
        return Err(Error::invalid_input(format!("{box_length} Mpc/h is no side of a box")).at_key("box_length"));
    }
    if rows.is_empty() {
        return Err(Error::invalid_input("there are no halos").remedy("name the right file"));
    }
    if let Some((place, row)) = rows.iter().find(|(_, row)| row.iter().any(|x| !x.is_finite())) {
        let axis = row.iter().position(|x| !x.is_finite()).unwrap_or(0);
        let what = ["x", "y", "z", "mass"][axis];
        return Err(place.error(format!("{what} is {}", row[axis]), "take out halos without position or mass"));
    }
    let outside = |row: &[f64; 4], unit: f64| row[..3].iter().any(|x| !(0.0..=box_length).contains(&(x / unit)));
    if let Some((place, row)) = rows.iter().find(|(_, row)| outside(row, 1.0)) {
        let message =
            format!("the halo at ({}, {}, {}) is outside the box of {box_length} Mpc/h", row[0], row[1], row[2]);
        let largest = rows.iter().flat_map(|(_, row)| &row[..3]).copied().fold(0.0, f64::max);
        if largest > FAR * box_length && rows.iter().all(|(_, row)| !outside(row, 1000.0)) {
            return Err(place.error(format!("{message}: the positions look as if in kpc/h"), "divide them by 1000"));
        }
        let n = rows.iter().filter(|(_, row)| outside(row, 1.0)).count();
        let message = format!("{message}, as are {n} of {} in all", rows.len());
        let remedy = "give the right box_length [Mpc/h], multiply positions in Mpc by h, or wrap positions into the \
                      periodic box, x modulo its side";
        return Err(place.error(message, remedy));
    }
    if let Some((place, row)) = rows.iter().find(|(_, row)| row[3] <= 0.0) {
        if row[3] == 0.0 {
            let n = rows.iter().filter(|(_, row)| row[3] == 0.0).count();
            let message = format!("a mass of 0, as {n} of {} in all", rows.len());
            return Err(place.error(message, "take these halos out (`below = \"cut\"` does), or name another column"));
        }
        return Err(place.error(format!("a mass of {} Msun/h", row[3]), "give masses [Msun/h], not their logarithms"));
    }
    if rows.iter().all(|(_, row)| row[3] < LOGARITHMS) {
        let highest = rows.iter().map(|(_, row)| row[3]).fold(0.0, f64::max);
        let message = format!("the highest mass is {highest} Msun/h: the masses look as if they were logarithms");
        return Err(Error::invalid_input(message).remedy("give masses [Msun/h], 10^M of M = log10 mass"));
    }
    doubled::check(&rows)?;
    let wrapped = |x: f64| if x == box_length { 0.0 } else { x };
    Ok(Catalogue {
        box_length,
        positions: rows.iter().map(|(_, r)| [wrapped(r[0]), wrapped(r[1]), wrapped(r[2])]).collect(),
        masses: rows.iter().map(|(_, r)| r[3]).collect(),
    })
}
