//! The linear power spectrum today: Eisenstein and Hu's fit, or a table of a Boltzmann code.

use super::Grid;
use super::eisenstein_hu::Transfer;
use crate::error::{Error, Result};
use std::f64::consts::PI;
use std::path::{Path, PathBuf};

/// A flat cosmology, as far as the linear power spectrum needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosmology {
    /// Matter density Ω_m, with the baryons.
    pub omega_m: f64,
    /// Baryon density Ω_b.
    pub omega_b: f64,
    /// Hubble's constant in 100 km/s/Mpc.
    pub h: f64,
    /// Spectral index n_s.
    pub n_s: f64,
    /// σ8: root mean square of δ_lin in spheres of 8 Mpc/h.
    pub sigma8: f64,
}

/// Radius of the spheres of σ8 [Mpc/h].
const SIGMA8_RADIUS: f64 = 8.0;

/// Temperature of the background radiation [K] (Fixsen 2009, arXiv:0911.1955).
const TEMPERATURE: f64 = 2.7255;

/// What a table may lack of σ8² to be rescaled to a given σ8, which then is right to half of this.
const LACKING: f64 = 1e-3;
/// How far a table may end within the modes that it is to cover: numbers in a text are rounded.
const ROUNDED: f64 = 1e-6;

/// Between which a σ8 may be one of a universe, if a strange one.
const PLAUSIBLE: (f64, f64) = (0.1, 3.0);

/// Linear power spectrum of matter at z = 0, P(k) [(Mpc/h)³] of k [h/Mpc].
#[derive(Clone, Debug, PartialEq)]
pub struct LinearPower {
    shape: Shape,
    factor: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Fit { transfer: Transfer, h: f64, n_s: f64 },
    Table { file: Option<PathBuf>, ln_k: Vec<f64>, ln_p: Vec<f64> },
}

impl LinearPower {
    /// The fit of Eisenstein & Hu 1998 with wiggles, A k^n_s T², normalised to σ8.
    ///
    /// # Errors
    /// Invalid input, for densities without 0 < Ω_b < Ω_m ≤ 1, h outside (0.1, 10), n_s outside (0, 3), or σ8 not
    /// finite and positive.
    pub fn eisenstein_hu(cosmology: &Cosmology) -> Result<Self> {
        let Cosmology { omega_m, omega_b, h, n_s, sigma8 } = *cosmology;
        let refuse = |key: &str, what: String, remedy: &str| Err(Error::invalid_input(what).at_key(key).remedy(remedy));
        if !(omega_b > 0.0 && omega_b < omega_m && omega_m <= 1.0) {
            return refuse("omega_b", format!("Ω_b = {omega_b}, Ω_m = {omega_m}"), "give 0 < Ω_b < Ω_m ≤ 1");
        }
        if !(h > 0.1 && h < 10.0) {
            return refuse("h", format!("h = {h}"), "give Hubble's constant in 100 km/s/Mpc, about 0.7");
        }
        if !(n_s > 0.0 && n_s < 3.0) {
            return refuse("n_s", format!("n_s = {n_s}"), "give a number between 0 and 3, about 0.96");
        }
        let transfer = Transfer::new(omega_m * h * h, omega_b * h * h, TEMPERATURE);
        Self { shape: Shape::Fit { transfer, h, n_s }, factor: 1.0 }.normalised_to(sigma8)
    }

    /// A table of k [h/Mpc] and P [(Mpc/h)³] at z = 0, interpolated linearly in their logarithms.
    ///
    /// # Errors
    /// Invalid input, if there are not at least two k, all positive, finite and increasing, or a P for each of them that
    /// is positive and finite.
    pub fn table(k: &[f64], p: &[f64]) -> Result<Self> {
        if k.len() != p.len() || k.len() < 2 {
            return Err(Error::invalid_input(format!("a power spectrum of {} k and {} P(k)", k.len(), p.len()))
                .remedy("give at least two, and as many of one as of the other"));
        }
        for (i, (k_i, p_i)) in k.iter().zip(p).enumerate() {
            if i > 0 && *k_i <= k[i - 1] {
                return Err(
                    Error::invalid_input(format!("k = {k_i} comes after k = {}", k[i - 1])).remedy("k must increase")
                );
            }
            for (name, value) in [("k", k_i), ("P(k)", p_i)] {
                if !(value.is_finite() && *value > 0.0) {
                    return Err(Error::invalid_input(format!(
                        "row {} of the power spectrum has {name} = {value}",
                        i + 1
                    ))
                    .remedy("k and P(k) are finite and above 0"));
                }
            }
        }
        let ln = |x: &[f64]| x.iter().map(|x| x.ln()).collect();
        Ok(Self { shape: Shape::Table { file: None, ln_k: ln(k), ln_p: ln(p) }, factor: 1.0 })
    }

    /// Reads a table from a text file of two columns, k [h/Mpc] and P [(Mpc/h)³], as CAMB and CLASS write at z = 0.
    /// Lines that begin with `#` and empty ones are passed over.
    ///
    /// # Errors
    /// Io; invalid input with file and line, for a line that is not two numbers; and as [`LinearPower::table`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let remedy = "give a text file of two columns, k [h/Mpc] and P(k) [(Mpc/h)³]";
            Error::invalid_input("a power spectrum that is not text").remedy(remedy).in_file(path)
        })?;
        let (mut k, mut p) = (vec![], vec![]);
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let numbers: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
            let Some([k_i, p_i]) = numbers.as_deref() else {
                return Err(Error::invalid_input(format!("`{line}` is not two numbers"))
                    .remedy("each line has k [h/Mpc] and P(k) [(Mpc/h)³]; comments begin with #")
                    .at_line(i + 1)
                    .in_file(path));
            };
            k.push(*k_i);
            p.push(*p_i);
        }
        let mut power = Self::table(&k, &p).map_err(|error| error.in_file(path))?;
        if let Shape::Table { file, .. } = &mut power.shape {
            *file = Some(path.to_path_buf());
        }
        Ok(power)
    }

    /// P(k) [(Mpc/h)³] at `k` ≥ 0 [h/Mpc]. A table is continued beyond its ends along its first and last pieces;
    /// [`LinearPower::check_covers`] says whether a grid comes there.
    pub fn at(&self, k: f64) -> f64 {
        if k <= 0.0 {
            return 0.0;
        }
        self.factor
            * match &self.shape {
                Shape::Fit { transfer, h, n_s } => k.powf(*n_s) * transfer.at(k * h).powi(2),
                Shape::Table { ln_k, ln_p, .. } => {
                    let x = k.ln();
                    let i = ln_k.partition_point(|ln_k| *ln_k <= x).clamp(1, ln_k.len() - 1);
                    let t = (x - ln_k[i - 1]) / (ln_k[i] - ln_k[i - 1]);
                    (ln_p[i - 1] + t * (ln_p[i] - ln_p[i - 1])).exp()
                }
            }
    }

    /// Root mean square of δ_lin in spheres of `radius` [Mpc/h], above 0 and up to some thousand:
    /// σ² = ∫ d ln k k³ P W²(kR) / 2π², of the fit from k = 1e-5 h/Mpc to 1000/R, of a table over what it covers.
    pub fn sigma(&self, radius: f64) -> f64 {
        let range = self.range().unwrap_or(whole_range(radius));
        self.variance(radius, range).sqrt()
    }

    /// Whether nothing of σ8 is missing that matters: a table may end within what it is made of.
    pub fn covers_sigma8(&self) -> bool {
        self.share_of_sigma8() > 1.0 - LACKING
    }

    /// What a table covers of σ8², where its end pieces are continued; 1 of the fit.
    fn share_of_sigma8(&self) -> f64 {
        let Some(own) = self.range() else { return 1.0 };
        self.variance(SIGMA8_RADIUS, own) / self.variance(SIGMA8_RADIUS, self.continued_range())
    }

    /// Between which ln k there is all of σ8, and all of a table.
    fn continued_range(&self) -> (f64, f64) {
        let (low, high) = whole_range(SIGMA8_RADIUS);
        self.range().map_or((low, high), |own| (own.0.min(low), own.1.max(high)))
    }

    /// The ends of a table, as ln k.
    fn range(&self) -> Option<(f64, f64)> {
        match &self.shape {
            Shape::Fit { .. } => None,
            Shape::Table { ln_k, .. } => Some((ln_k[0], ln_k[ln_k.len() - 1])),
        }
    }

    /// σ² in spheres of `radius` of the modes between two ln k.
    fn variance(&self, radius: f64, (from, to): (f64, f64)) -> f64 {
        let of = |k: f64| k.powi(3) * self.at(k) * top_hat(k * radius).powi(2);
        integral(from, to, of) / (2.0 * PI * PI)
    }

    /// σ in spheres of 8 Mpc/h; of a table that does not cover it all ([`LinearPower::covers_sigma8`]), what is there.
    pub fn sigma8(&self) -> f64 {
        self.sigma(SIGMA8_RADIUS)
    }

    /// The same shape with this σ8.
    ///
    /// # Errors
    /// Invalid input, if it is not finite and positive; and with the file's name, for a table that lacks more than 0.1 %
    /// of its σ8²: rescaled by what it holds, P would come out too high.
    pub fn normalised_to(mut self, sigma8: f64) -> Result<Self> {
        if !(sigma8.is_finite() && sigma8 > 0.0) {
            let error = Error::invalid_input(format!("σ8 = {sigma8}")).at_key("sigma8");
            return Err(error.remedy("give a number above 0, about 0.8"));
        }
        if let Some((low, high)) = self.range()
            && !self.covers_sigma8()
        {
            let error = Error::invalid_input(format!(
                "the power spectrum covers k = {:.4e} to {:.4e} h/Mpc, which holds only {:.1} % of sigma8²",
                low.exp(),
                high.exp(),
                100.0 * self.share_of_sigma8()
            ));
            return Err(self.in_its_file(error.remedy("give a table from 1e-4 to 10 h/Mpc, or leave sigma8 out")));
        }
        self.factor *= (sigma8 / self.sigma8()).powi(2);
        Ok(self)
    }

    /// The spectrum times a positive factor: σ8 times its root.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.factor *= factor;
        self
    }

    /// Refuses a spectrum whose σ8 is that of no universe. A table is judged with its end pieces continued where its σ8 is
    /// low, since it may begin or end within what σ8 is made of, and by what it holds where it is high.
    ///
    /// # Errors
    /// Invalid input that names the file and the mistakes that are likely.
    pub fn check_sigma8(&self) -> Result<()> {
        let own = self.sigma8();
        let whole = self.variance(SIGMA8_RADIUS, self.continued_range()).sqrt();
        if whole >= PLAUSIBLE.0 && own <= PLAUSIBLE.1 {
            return Ok(());
        }
        let found = if own > PLAUSIBLE.1 { own } else { whole };
        let (low, high) = PLAUSIBLE;
        let message = format!("sigma8 of this power spectrum is {found:.3e}, not between {low} and {high}");
        // Δ² = k³ P/2π² in the place of P.
        let (from, to) = self.continued_range();
        let undone = integral(from, to, |k| self.at(k) * top_hat(k * SIGMA8_RADIUS).powi(2)).sqrt();
        let suspicion = if found < low && (low..=high).contains(&undone) {
            format!("the table looks as if of Δ² = k³P/2π² (sigma8 = {undone:.2}) rather than of P")
        } else {
            "the table may be of Δ² rather than of P, of k in 1/Mpc or P in Mpc³, of another normalisation or redshift"
                .to_owned()
        };
        let error = Error::invalid_input(format!("{message}: {suspicion}"));
        Err(self.in_its_file(error.remedy("give k [h/Mpc] and P(k) [(Mpc/h)³] at z = 0")))
    }

    /// Refuses a grid with modes outside of a table.
    ///
    /// # Errors
    /// Invalid input that names the file, the range that the grid needs and that of the table.
    pub fn check_covers(&self, grid: &Grid) -> Result<()> {
        let Some((low, high)) = self.range().map(|(low, high)| (low.exp(), high.exp())) else { return Ok(()) };
        let (need_low, need_high) = (grid.k_fundamental(), grid.k_max());
        if low <= need_low * (1.0 + ROUNDED) && high >= need_high * (1.0 - ROUNDED) {
            return Ok(());
        }
        // With so many digits that a table which ends just within what is needed differs from it.
        let error = Error::invalid_input(format!(
            "the power spectrum covers k = {low:.7e} to {high:.7e} h/Mpc, the grid of {}³ cells in {} Mpc/h needs \
             {need_low:.7e} to {need_high:.7e}",
            grid.n(),
            grid.box_length()
        ));
        Err(self.in_its_file(error.remedy("give a table of a wider range")))
    }

    /// Names the file of a table that was read from one.
    fn in_its_file(&self, error: Error) -> Error {
        match &self.shape {
            Shape::Table { file: Some(file), .. } => error.in_file(file),
            _ => error,
        }
    }
}

/// ∫ d ln k of a function of k.
fn integral(from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
    let n = 20_000;
    let step = (to - from) / n as f64;
    // The middle of each piece: the integrand need not vanish at the ends.
    (0..n).map(|i| of((from + (i as f64 + 0.5) * step).exp())).sum::<f64>() * step
}

/// Between which ln k there is all of σ in spheres of `radius`.
fn whole_range(radius: f64) -> (f64, f64) {
    ((1e-5f64).ln(), (1e3 / radius).ln())
}

/// Fourier transform of a sphere of volume 1: 3 (sin x - x cos x)/x³.
fn top_hat(x: f64) -> f64 {
    if x < 0.02 { 1.0 - x * x / 10.0 + x.powi(4) / 280.0 } else { 3.0 * (x.sin() - x * x.cos()) / x.powi(3) }
}
