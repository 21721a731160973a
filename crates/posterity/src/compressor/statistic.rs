//! Statistics that data are turned into before the score compression: what is known of a field beforehand.
//!
//! The power spectrum of a field of n² or n³ cells is the mean of |δ(m)|²/n^d over the modes of each bin of |m|, the
//! length of the integer wave vector. Of a Gaussian field it keeps all of the information; of others a network may add to
//! it what it leaves out (hybrid statistics: Makinen et al. 2024, arXiv:2407.18909).

use crate::error::{Error, Result};
use crate::math::{Complex, SerialFft, Workspace};
use crate::simulator::{Derivatives, Kind, SimulationSet};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A statistic of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Statistic {
    /// The power spectrum of a field in bins of equal width in |m|.
    PowerSpectrum {
        /// Number of bins; where left out, bins are one fundamental wave number wide.
        #[serde(default)]
        n_bins: Option<usize>,
    },
}

impl Statistic {
    /// Number of values of data of this shape.
    ///
    /// # Errors
    /// Invalid input, where the data are no field of two or three equal axes, or a bin is without modes.
    pub fn n_values(self, shape: &[usize]) -> Result<usize> {
        Ok(PowerSpectrum::new(self, shape)?.counts.len())
    }

    /// The statistic of rows of data of this shape, `n_values` each.
    ///
    /// # Errors
    /// As [`Statistic::n_values`].
    pub fn of_rows(self, shape: &[usize], rows: &[f64]) -> Result<Vec<f64>> {
        Ok(PowerSpectrum::new(self, shape)?.of_rows(rows))
    }
}

/// A statistic of data of one shape, which have it: its bins and transform are worked out once, and shared by clones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Described", into = "Described")]
pub(super) struct StatisticOf {
    described: Described,
    spectrum: Arc<PowerSpectrum>,
}

/// A statistic of data as a file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Described {
    statistic: Statistic,
    shape: Vec<usize>,
}

impl TryFrom<Described> for StatisticOf {
    type Error = Error;

    fn try_from(described: Described) -> Result<Self> {
        let spectrum = PowerSpectrum::new(described.statistic, &described.shape)?;
        Ok(Self { described, spectrum: Arc::new(spectrum) })
    }
}

impl From<StatisticOf> for Described {
    fn from(of: StatisticOf) -> Self {
        of.described
    }
}

impl PartialEq for StatisticOf {
    fn eq(&self, other: &Self) -> bool {
        self.described == other.described
    }
}

impl StatisticOf {
    /// # Errors
    /// As [`Statistic::n_values`].
    pub(super) fn new(statistic: Statistic, shape: &[usize]) -> Result<Self> {
        Self::try_from(Described { statistic, shape: shape.to_vec() })
    }

    pub(super) fn n_data(&self) -> usize {
        self.spectrum.fft.n_cells()
    }

    pub(super) fn n_values(&self) -> usize {
        self.spectrum.counts.len()
    }

    /// The statistic of rows of data, `n_values` each.
    pub(super) fn of_rows(&self, rows: &[f64]) -> Vec<f64> {
        self.spectrum.of_rows(rows)
    }

    /// The statistic of all simulations of a set, with its derivative.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(super) fn of_set(&self, set: &SimulationSet) -> Result<SimulationSet> {
        let spectrum = &self.spectrum;
        let (mut fiducial, mut tangents_of, mut pairs_of) = (Vec::new(), Vec::new(), Vec::new());
        for kind in Kind::ALL {
            set.in_blocks(kind, 1, |_, rows, tangents| {
                let to = if kind == Kind::Pairs { &mut pairs_of } else { &mut fiducial };
                to.extend(spectrum.of_rows(rows));
                if kind == Kind::WithTangents {
                    tangents_of.extend(spectrum.of_tangents(rows, tangents, set.n_params()));
                }
                Ok(())
            })?;
        }
        let derivative = match &set.derivative {
            Derivatives::Exact(_) => Derivatives::Exact(tangents_of.into()),
            Derivatives::Differences { delta, .. } => {
                Derivatives::Differences { delta: delta.clone(), pairs: pairs_of.into() }
            }
        };
        let (theta_fid, shape) = (set.theta_fid.clone(), vec![self.n_values()]);
        Ok(SimulationSet { theta_fid, shape, fiducial: fiducial.into(), derivative })
    }
}

/// The bins of a grid's modes.
#[derive(Debug)]
struct PowerSpectrum {
    fft: SerialFft,
    /// The bin of each stored mode; none for m = 0.
    bins: Vec<Option<usize>>,
    /// How often a mode counts: twice where its mirror image is not stored.
    multiplicities: Vec<f64>,
    /// Modes of each bin.
    counts: Vec<f64>,
}

impl PowerSpectrum {
    fn new(Statistic::PowerSpectrum { n_bins }: Statistic, shape: &[usize]) -> Result<Self> {
        let (dims, n) = (shape.len(), shape.first().copied().unwrap_or(0));
        if !(2..=3).contains(&dims) || n < 2 || shape.iter().any(|size| *size != n) {
            return Err(Error::invalid_input(format!("data of shape {shape:?} are no field of n² or n³ cells"))
                .remedy("leave the statistic out"));
        }
        let too_many = |n_bins: usize| {
            Error::invalid_input(format!("{n_bins} bins of wave number: not all of them have modes"))
                .at_key("n_bins")
                .remedy("give fewer, or leave it out")
        };
        if n_bins == Some(0) {
            return Err(too_many(0));
        }
        let (fft, half) = (SerialFft::new(n, dims), n / 2 + 1);
        let length = |i: usize| {
            let (mut rest, mut square) = (i / half, (i % half).pow(2));
            for _ in 1..dims {
                let m = rest % n;
                square += m.min(n - m).pow(2);
                rest /= n;
            }
            (square as f64).sqrt()
        };
        let longest = (dims as f64).sqrt() * (n / 2) as f64;
        // Shells about whole numbers, or equal parts of all lengths.
        let (n_bins, first, width) = match n_bins {
            None => (longest.round() as usize, 0.5, 1.0),
            Some(n_bins) => (n_bins, 0.0, longest / n_bins as f64),
        };
        let bin = |i: usize| (((length(i) - first) / width) as usize).min(n_bins - 1);
        let bins: Vec<Option<usize>> = (0..fft.n_modes()).map(|i| (i > 0).then(|| bin(i))).collect();
        let multiplicity = |i: usize| if (2 * (i % half)).is_multiple_of(n) { 1.0 } else { 2.0 };
        let multiplicities: Vec<f64> = (0..bins.len()).map(multiplicity).collect();
        let mut counts = vec![0.0; n_bins];
        for (bin, n) in bins.iter().zip(&multiplicities) {
            bin.iter().for_each(|bin| counts[*bin] += n);
        }
        if counts.contains(&0.0) {
            return Err(too_many(n_bins));
        }
        Ok(Self { fft, bins, multiplicities, counts })
    }

    fn room(&self) -> (Workspace, [Vec<Complex>; 2]) {
        (self.fft.workspace(), [(); 2].map(|()| vec![Complex::default(); self.fft.n_modes()]))
    }

    /// The mean of Re(a* b)/n^d over each bin.
    fn means(&self, a: &[Complex], b: &[Complex], out: &mut [f64]) {
        out.fill(0.0);
        for ((bin, n), (a, b)) in self.bins.iter().zip(&self.multiplicities).zip(a.iter().zip(b)) {
            bin.iter().for_each(|bin| out[*bin] += n * (a.re * b.re + a.im * b.im));
        }
        let n_cells = self.fft.n_cells() as f64;
        out.iter_mut().zip(&self.counts).for_each(|(p, n)| *p /= n * n_cells);
    }

    fn of_rows(&self, rows: &[f64]) -> Vec<f64> {
        let n_bins = self.counts.len();
        let mut out = vec![0.0; rows.len() / self.fft.n_cells() * n_bins];
        let each = rows.par_chunks_exact(self.fft.n_cells()).zip(out.par_chunks_exact_mut(n_bins));
        each.for_each_init(
            || self.room(),
            |(work, [modes, _]), (row, out)| {
                self.fft.forward(row, modes, work);
                self.means(modes, modes, out);
            },
        );
        out
    }

    /// Of the first simulations and their tangents: ∂⟨|δ|²⟩ = ⟨2 Re δ* ∂δ⟩.
    fn of_tangents(&self, rows: &[f64], tangents: &[f64], n_params: usize) -> Vec<f64> {
        let (n, n_bins) = (self.fft.n_cells(), self.counts.len());
        let mut out = vec![0.0; tangents.len() / n * n_bins];
        let each = tangents.par_chunks_exact(n * n_params).zip(rows.par_chunks_exact(n));
        each.zip(out.par_chunks_exact_mut(n_bins * n_params)).for_each_init(
            || self.room(),
            |(work, [modes, moved]), ((tangents, row), out)| {
                self.fft.forward(row, modes, work);
                for (tangent, out) in tangents.chunks_exact(n).zip(out.chunks_exact_mut(n_bins)) {
                    self.fft.forward(tangent, moved, work);
                    self.means(modes, moved, out);
                    out.iter_mut().for_each(|p| *p *= 2.0);
                }
            },
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressor::{Compressor, Score, SummaryMoments};
    use crate::seed::Seed;
    use crate::simulator::GaussianField;

    fn set(field: &GaussianField, delta: Option<&[f64]>, n: usize, seed: u64) -> SimulationSet {
        let mut set = SimulationSet::new(field, &[1.0, 0.5], delta, n, n).expect("valid");
        set.fill(field, Seed::new(seed), 0).expect("simulated");
        set
    }

    /// The spectrum keeps all information of a Gaussian field, so that its score has the exact Fisher matrix.
    #[test]
    fn the_score_of_the_spectrum_has_the_information_of_a_gaussian_field() {
        for (n, dims, delta) in [(16, 2, None), (16, 2, Some([0.1, 0.1])), (8, 3, None)] {
            let field = GaussianField::new(n, dims).expect("valid");
            let delta = delta.as_ref().map(<[f64; 2]>::as_slice);
            let statistic = Some(Statistic::PowerSpectrum { n_bins: None });
            let score = Score::fit(&set(&field, delta, 4000, 1), statistic).expect("regular");
            let judged = set(&field, delta, 4000, 2);
            let (x, dx) = score.summarise(&judged).expect("a field");
            let moments = SummaryMoments::from_simulations(&x, &dx, 2, 2).expect("enough");
            let truth = field.fisher(1.0, 0.5).expect("valid").cholesky().expect("regular").ln_det();
            let off = moments.fisher().expect("regular").ln_det - truth;
            // A scatter of √(2 · 2/4000) = 0.03; bins one wave number wide and a covariance from 4000 lose a few percent.
            assert!(off.abs() < 0.13, "{n} {dims} {off}");
            let mut one = vec![0.0; 2];
            score.compress(&judged.fiducial.all().expect("in memory")[..field_cells(n, dims)], &mut one);
            one.iter().zip(&x).for_each(|(a, b)| assert!((a - b).abs() < 1e-9 * (1.0 + b.abs())));
        }
    }

    fn field_cells(n: usize, dims: usize) -> usize {
        n.pow(dims as u32)
    }

    #[test]
    fn tangents_are_the_differences_of_spectra() {
        let field = GaussianField::new(6, 3).expect("valid");
        let of = StatisticOf::new(Statistic::PowerSpectrum { n_bins: Some(3) }, &[6; 3]).expect("a field");
        let exact = of.of_set(&set(&field, None, 2, 1)).expect("a field");
        let differences = of.of_set(&set(&field, Some(&[1e-5, 1e-5]), 2, 1)).expect("a field");
        let mean = |set: &SimulationSet| set.mean_derivative().expect("in memory");
        let (a, b) = (mean(&exact), mean(&differences));
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-7 * (1.0 + a.abs()), "{a} {b}"));
    }

    #[test]
    fn what_has_no_spectrum_is_refused() {
        let spectrum = |n_bins| Statistic::PowerSpectrum { n_bins };
        for (n_bins, shape) in [(None, vec![5]), (None, vec![4, 5]), (Some(0), vec![4, 4]), (Some(100), vec![4, 4])] {
            assert!(spectrum(n_bins).n_values(&shape).expect_err("refused").is_invalid_input());
        }
        assert_eq!(spectrum(None).n_values(&[128, 128]).expect("a field"), 91);
    }
}
