//! The section `[field]`: grid, linear power spectrum and growth, and the fields of the simulation that are known.

use super::super::document::Document;
use super::super::section::Section;
use crate::error::{Error, Result};
use crate::field::{Background, Cosmology, Gravity, Grid, Growth, LinearPower, MassAssignment, Order};
use crate::npy;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The density: how it comes of the initial field, and what is known of both.
pub struct Field {
    /// The grid.
    pub grid: Grid,
    /// Linear power spectrum at z = 0.
    pub power: LinearPower,
    /// Growth from z = 0 to the time of the halos.
    pub growth: Growth,
    /// Order of Lagrangian perturbation theory.
    pub order: Order,
    /// Shape of the particles.
    pub mass_assignment: MassAssignment,
    /// h = H₀/(100 km/s/Mpc), where it is given: masses in Msun are suspected with it.
    pub hubble: Option<f64>,
    /// The final density contrast δ, where it is known.
    pub density: Option<Vec<f64>>,
    /// The initial white noise, where it is known: to compare with, never to infer from.
    pub white_noise: Option<Vec<f64>>,
}

impl Field {
    /// Gravity on this grid, with memory of its own.
    ///
    /// # Errors
    /// Those of [`Gravity::new`].
    pub fn gravity(&self) -> Result<Gravity> {
        Gravity::new(self.grid, &self.power, &self.growth, self.order, self.mass_assignment)
    }
}

/// Variances that white noise may have: some is not quite white, that of a simulation averaged over cells, for one.
const WHITE: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Densities that vary less are the same everywhere but for rounding.
const LEAST_CONTRAST: f64 = 1e-6;

/// The kinds of power spectrum an analysis can name.
const POWERS: [&str; 2] = ["eisenstein_hu", "table"];

/// Keys of `[field]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    n: usize,
    box_length: f64,
    #[serde(default = "one")]
    scale_factor: f64,
    #[serde(default = "two")]
    order: usize,
    #[serde(default = "tsc")]
    mass_assignment: MassAssignment,
    density: Option<PathBuf>,
    white_noise: Option<PathBuf>,
}

/// Keys of `[field.cosmology]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CosmologyKeys {
    omega_m: f64,
    #[serde(default = "minus_one")]
    w: f64,
    omega_b: Option<f64>,
    h: Option<f64>,
    n_s: Option<f64>,
    sigma8: Option<f64>,
}

fn one() -> f64 {
    1.0
}

fn two() -> usize {
    2
}

fn tsc() -> MassAssignment {
    MassAssignment::TriangularShapedCloud
}

fn minus_one() -> f64 {
    -1.0
}

/// Reads and checks the section and the files it names, which count from `folder`.
pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Result<Field> {
    let document = section.document;
    let power = section.required_section("power")?;
    let cosmology: CosmologyKeys = section.required_section("cosmology")?.rest(&[])?;
    let keys: Keys = section.rest(&["power", "cosmology"])?;
    let blame = |key: &str| {
        let key = format!("field.{key}");
        move |error: Error| document.blame(&key, error)
    };
    if let Some(h) = cosmology.h {
        let message = format!("h = {h} is not H₀/(100 km/s/Mpc) of any universe that is known");
        let remedy = "give a number between 0.1 and 2, such as 0.6766 of 67.66 km/s/Mpc";
        document.demand(h > 0.1 && h < 2.0, "field.cosmology.h", message, remedy)?;
    }
    let grid = Grid::new(keys.n, keys.box_length).map_err(|error| within(document, "field", error))?;
    let background =
        Background::new(cosmology.omega_m, cosmology.w).map_err(|error| within(document, "field.cosmology", error))?;
    let growth = background.growth(keys.scale_factor).map_err(|error| within(document, "field", error))?;
    let order = match keys.order {
        1 => Order::One,
        2 => Order::Two,
        other => {
            let error = Error::invalid_input(format!("{other} is no order of perturbation theory that is known"));
            return Err(blame("order")(error.remedy("give 1 or 2")));
        }
    };
    let power = read_power(power, &cosmology, &grid, folder)?;
    let read = |key: &str, path: &Option<PathBuf>| -> Result<Option<Vec<f64>>> {
        path.as_ref().map(|path| cube(&folder.join(path), &grid).map_err(blame(key))).transpose()
    };
    let density = read("density", &keys.density)?;
    let density = match (density, &keys.density) {
        (Some(contrast), Some(path)) => {
            let in_file = |error: Error| blame("density")(error.in_file(&folder.join(path)));
            Some(checked(contrast).map_err(in_file)?)
        }
        _ => None,
    };
    let white_noise = read("white_noise", &keys.white_noise)?;
    if let (Some(path), Some(noise)) = (&keys.white_noise, &white_noise) {
        check_white(noise).map_err(|error| blame("white_noise")(error.in_file(&folder.join(path))))?;
    }
    Ok(Field {
        grid,
        power,
        growth,
        order,
        mass_assignment: keys.mass_assignment,
        hubble: cosmology.h,
        density,
        white_noise,
    })
}

fn read_power(mut section: Section<'_>, cosmology: &CosmologyKeys, grid: &Grid, folder: &Path) -> Result<LinearPower> {
    let document = section.document;
    let power = match section.kind(&POWERS)? {
        "table" => {
            let path: PathBuf = section.require("path")?;
            section.only(&["kind", "path"])?;
            for (name, value) in [("omega_b", cosmology.omega_b), ("n_s", cosmology.n_s)] {
                let key = format!("field.cosmology.{name}");
                document.demand(
                    value.is_none(),
                    &key,
                    "nothing uses it with a power spectrum from a table",
                    "leave it out",
                )?;
            }
            there_is(&folder.join(&path)).map_err(|error| document.blame("field.power.path", error))?;
            let table = LinearPower::read(&folder.join(path));
            let table = table.map_err(|error| document.blame("field.power.path", error))?;
            match cosmology.sigma8 {
                Some(sigma8) => table
                    .normalised_to(sigma8)
                    .map_err(|error| document.blame("field.cosmology.sigma8", error.under_key("field.cosmology")))?,
                // One that is rescaled may be of any normalisation.
                None => {
                    table.check_sigma8().map_err(|error| document.blame("field.power.path", error))?;
                    table
                }
            }
        }
        _ => {
            section.only(&["kind"])?;
            let need = |value: Option<f64>, name: &str| {
                value.ok_or_else(|| {
                    let error = Error::invalid_input("missing key");
                    let remedy = format!("add {name} = …, or give a power spectrum as a table");
                    document.blame(&format!("field.cosmology.{name}"), error.remedy(remedy))
                })
            };
            let cosmology = Cosmology {
                omega_m: cosmology.omega_m,
                omega_b: need(cosmology.omega_b, "omega_b")?,
                h: need(cosmology.h, "h")?,
                n_s: need(cosmology.n_s, "n_s")?,
                sigma8: need(cosmology.sigma8, "sigma8")?,
            };
            LinearPower::eisenstein_hu(&cosmology).map_err(|e| within(document, "field.cosmology", e))?
        }
    };
    // Only a table can end too early.
    power.check_covers(grid).map_err(|error| document.blame("field.power.path", error))?;
    Ok(power)
}

/// An error of the library at its key below a section.
pub(super) fn within(document: &Document<'_>, section: &str, error: Error) -> Error {
    let error = error.under_key(section);
    let key = error.key().unwrap_or(section).to_owned();
    document.blame(&key, error)
}

/// A field of n³ values from a file.
fn cube(path: &Path, grid: &Grid) -> Result<Vec<f64>> {
    there_is(path)?;
    let n = Some(grid.n());
    npy::read(path, &[("x", n), ("y", n), ("z", n)]).map(|array| array.data)
}

/// That these are density contrasts; what single precision left below −1 is −1.
fn checked(contrast: Vec<f64>) -> Result<Vec<f64>> {
    if let Some(i) = contrast.iter().position(|d| *d < -1.0 - 1e-6) {
        let message = format!("value {i} of the density contrast is {}, below -1", contrast[i]);
        return Err(Error::invalid_input(message).remedy("give δ = ρ/ρ̄ - 1"));
    }
    let mean = contrast.iter().sum::<f64>() / contrast.len() as f64;
    if mean.abs() > 0.1 {
        let message = format!("the mean of the density contrast is {mean:.3}, not 0");
        return Err(Error::invalid_input(message).remedy("give δ = ρ/ρ̄ - 1, not ρ/ρ̄ or a logarithm"));
    }
    let (low, high) = range(&contrast);
    if high - low < LEAST_CONTRAST {
        let message = format!("the density contrast is {low} in all voxels: halos cannot tell what they follow");
        return Err(Error::invalid_input(message).remedy("name the final density of the simulation"));
    }
    Ok(contrast.into_iter().map(|d| d.max(-1.0)).collect())
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
}

/// That this may be white noise, whose variance is 1.
fn check_white(noise: &[f64]) -> Result<()> {
    let n = noise.len() as f64;
    let mean = noise.iter().sum::<f64>() / n;
    let variance = noise.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    if WHITE.contains(&variance) {
        return Ok(());
    }
    let message = format!("the variance is {variance:.3}, where that of white noise is 1");
    Err(Error::invalid_input(message)
        .remedy("give the noise that the initial modes are made of, before any power spectrum"))
}

/// That a file is there.
pub(super) fn there_is(path: &Path) -> Result<()> {
    let error = Error::invalid_input(format!("there is no file {}", path.display()));
    if path.is_file() { Ok(()) } else { Err(error.remedy("file names count from the folder of the analysis")) }
}
