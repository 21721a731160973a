//! The score compression: the linear summaries that keep all information of data with a Gaussian likelihood whose mean
//! alone depends on the parameters.
//!
//! x = L⁻¹ J C⁻¹ (d − μ), with μ, C and J = ∂μ/∂θ of the data themselves and F = L Lᵀ = J C⁻¹ Jᵀ: as many summaries as
//! parameters, of unit covariance. This is the MOPED compression up to a rotation. Where the covariance depends on the
//! parameters, or the data are not Gaussian, it loses what is not in the mean: it is the baseline that a network must
//! beat. Limit: C wants more simulations than there are data.
//!
//! Heavens, Jimenez, Lahav 2000 (arXiv:astro-ph/9911102); Alsing & Wandelt 2018 (arXiv:1712.00012).

use super::constant::refuse_constants;
use super::statistic::{Statistic, StatisticOf};
use super::{Compressor, SummaryMoments};
use crate::error::{Error, Result};
use crate::math::Matrix;
use crate::nn::{Metadata, Network, read_weights, take_metadata, write_weights};
use crate::reference::Reference;
use crate::simulator::{Kind, SimulationSet};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// References of the score compression.
const REFERENCES: [Reference; 2] = [
    Reference {
        authors: "Heavens, Jimenez, Lahav 2000",
        title: "Massive lossless data compression and multiple parameter estimation from galaxy spectra",
        source: "MNRAS 317, 965, arXiv:astro-ph/9911102",
        url: "https://arxiv.org/abs/astro-ph/9911102",
    },
    Reference {
        authors: "Alsing, Wandelt 2018",
        title: "Generalized massive optimal data compression",
        source: "MNRAS 476, L60, arXiv:1712.00012",
        url: "https://arxiv.org/abs/1712.00012",
    },
];

/// Rows of a block are a multiple of these, the rows that a network takes at once.
const CHUNK: usize = 512;

/// Simulations that the score compression learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the derivative of the data by the parameters comes from.
    pub derivative: super::DerivativeSource,
    /// Simulations at the fiducial point.
    pub n_s: usize,
    /// Simulations (or seed-matched pairs) for the derivative by each parameter.
    pub n_d: usize,
    /// Simulations, of each kind, of the independent estimate of the information, which inference uses.
    pub n_independent: usize,
    /// What the data are turned into before they are compressed.
    pub statistic: Option<Statistic>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            derivative: super::DerivativeSource::Differences,
            n_s: 10_000,
            n_d: 1000,
            n_independent: 10_000,
            statistic: None,
        }
    }
}

/// A linear compressor of the data or of a statistic of them, held as a network of one dense layer in f64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    network: Network,
    /// W, then −W μ.
    weights: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statistic: Option<StatisticOf>,
}

/// Name of the metadata that holds the statistic.
const STATISTIC: &str = "statistic";

impl Score {
    /// From simulations at the fiducial point, of the data themselves or of a statistic of them. The data themselves are
    /// brought into memory.
    ///
    /// # Errors
    /// Invalid input, if there are too few simulations for the covariance of the data, or they have no such statistic;
    /// numerical, if covariance or F is singular; io; corrupt file.
    pub fn fit(set: &SimulationSet, statistic: Option<Statistic>) -> Result<Self> {
        if let Some(statistic) = statistic {
            let of = StatisticOf::new(statistic, &set.shape)?;
            return Ok(Self { statistic: Some(of.clone()), ..Self::fit(&of.of_set(set)?, None)? });
        }
        let (n_data, n_params) = (set.n_data(), set.n_params());
        check_values(n_data, n_params)?;
        let too_few =
            |error: Error| error.remedy(format!("increase n_s well above the {n_data} data, or train a network"));
        let (fiducial, derivative) = (set.fiducial.all()?, set.mean_derivative()?);
        let moments = SummaryMoments::from_simulations(&fiducial, &derivative, n_data, n_params).map_err(too_few)?;
        refuse_constants(&moments.mu, &moments.covariance)?;
        let w = directions(&moments).map_err(too_few)?;
        let offset = w.times_vector(&moments.mu);
        let network = Network::linear(n_data, n_params)?;
        let weights = w.as_slice().iter().copied().chain(offset.iter().map(|x| -x)).collect();
        Ok(Self { network, weights, statistic: None })
    }

    /// W, then −W μ: `(n_params, n_data)` and `n_params` values.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// From the weights of another of data of this shape; none, where their number is wrong.
    pub(super) fn from_weights(shape: &[usize], statistic: Option<Statistic>, weights: Vec<f64>) -> Option<Self> {
        let statistic = statistic.map(|statistic| StatisticOf::new(statistic, shape)).transpose().ok()?;
        let n_data = statistic.as_ref().map_or(shape.iter().product(), StatisticOf::n_values);
        let n_params = weights.len() / (n_data + 1);
        let network = Network::linear(n_data, n_params).ok()?;
        (weights.len() == network.n_weights()).then_some(Self { network, weights, statistic })
    }

    /// Summaries `(n_s, n_summaries)` of a set and their derivatives `(n_d, n_params, n_summaries)`.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn summarise(&self, set: &SimulationSet) -> Result<(Vec<f64>, Vec<f64>)> {
        let of_set = self.statistic.as_ref().map(|of| of.of_set(set)).transpose()?;
        let set = of_set.as_ref().unwrap_or(set);
        let n = self.n_summaries();
        let (mut x, mut dx) = (vec![0.0; set.n_s() * n], vec![0.0; set.n_d() * set.n_params() * n]);
        for kind in [Kind::WithTangents, Kind::Plain] {
            let first = set.stream(kind, 0);
            set.in_blocks(kind, CHUNK, |range, rows, _| {
                self.network.apply(&self.weights, rows, 0, &mut x[(first + range.start) * n..(first + range.end) * n]);
                Ok(())
            })?;
        }
        set.derivatives_in_blocks(CHUNK, |range, rows| {
            self.compress_tangents(rows, &mut dx[range.start * n..range.end * n]);
            Ok(())
        })?;
        Ok((x, dx))
    }

    /// Compresses rows of derivatives of data, on which the mean has no bearing.
    fn compress_tangents(&self, tangents: &[f64], out: &mut [f64]) {
        let mut weights = self.weights.clone();
        weights[self.network.n_in() * self.n_summaries()..].fill(0.0);
        self.network.apply(&weights, tangents, 0, out);
    }

    /// Writes it to a safetensors file, with further metadata.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path, metadata: Metadata) -> Result<()> {
        let mut metadata = metadata;
        if let Some(of) = &self.statistic {
            let value = serde_json::to_value(of).map_err(|e| Error::numerical(e.to_string()).in_file(path))?;
            metadata.insert(STATISTIC.into(), value);
        }
        write_weights(path, &self.network, &self.weights, metadata)
    }

    /// Reads what [`Score::write`] wrote.
    ///
    /// # Errors
    /// Where the file cannot be read or is no such file; corrupt file, where its parts do not fit together.
    pub fn read(path: &Path) -> Result<Self> {
        let (network, weights, mut metadata) = read_weights(path)?;
        let is_of_statistic = metadata.contains_key(STATISTIC);
        let statistic = is_of_statistic.then(|| take_metadata(path, &mut metadata, STATISTIC)).transpose()?;
        let score = Self { network, weights, statistic };
        match score.fault() {
            None => Ok(score),
            Some(what) => Err(Error::corrupt_file(what).in_file(path).remedy("learn it again")),
        }
    }

    /// What does not fit together of a score that comes from a file.
    pub(super) fn fault(&self) -> Option<String> {
        let (n_in, n_weights) = (self.network.n_in(), self.network.n_weights());
        let n_values = self.statistic.as_ref().map_or(n_in, StatisticOf::n_values);
        if Network::linear(n_in, self.network.n_out()).ok().as_ref() != Some(&self.network) {
            Some("the network of a score is one dense layer, and this is another".into())
        } else if self.weights.len() != n_weights {
            Some(format!("the score has {} weights, and its layer takes {n_weights}", self.weights.len()))
        } else if n_values != n_in {
            Some(format!("the statistic has {n_values} values, and the layer of its score takes {n_in}"))
        } else {
            None
        }
    }
}

/// That so many values can inform so many parameters: a score is linear in them, so that of fewer the Fisher matrix is
/// singular. (A network is not: of one normal draw it makes two summaries, which inform mean and variance.)
///
/// # Errors
/// Invalid input.
pub fn check_values(n_values: usize, n_params: usize) -> Result<()> {
    if n_values >= n_params {
        return Ok(());
    }
    Err(Error::invalid_input(format!("a score of {n_values} values cannot inform {n_params} parameters"))
        .remedy("give more data or bins, fix some parameters, or train a network alone, which is not linear"))
}

/// W = L⁻¹ J C⁻¹ with F = L Lᵀ, `(n_params, n_data)`.
///
/// # Errors
/// Numerical, if C or F is singular.
pub(super) fn directions(moments: &SummaryMoments) -> Result<Matrix> {
    let jc = moments.covariance.cholesky()?.solve(&moments.dmu_dtheta.transpose()).transpose();
    let factor = moments.dmu_dtheta.times(&jc.transpose()).cholesky()?;
    let mut columns = jc.transpose();
    columns.as_mut_slice().chunks_exact_mut(jc.n_rows()).for_each(|column| factor.solve_lower(column));
    Ok(columns.transpose())
}

impl Compressor for Score {
    fn n_data(&self) -> usize {
        self.statistic.as_ref().map_or(self.network.n_in(), StatisticOf::n_data)
    }

    fn n_summaries(&self) -> usize {
        self.network.n_out()
    }

    fn compress(&self, data: &[f64], summaries: &mut [f64]) {
        match &self.statistic {
            None => self.network.apply(&self.weights, data, 0, summaries),
            Some(of) => self.network.apply(&self.weights, &of.of_rows(data), 0, summaries),
        }
    }

    fn references(&self) -> Vec<Reference> {
        REFERENCES.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;
    use crate::seed::Seed;
    use crate::simulator::{Line, Simulator};
    use serde_json::json;

    #[test]
    fn a_line_loses_nothing_and_its_summaries_are_white() {
        let line = Line::slope_and_intercept(20, 1.0);
        let truth =
            crate::math::Matrix::from_fn(2, 2, |i, j| line.abscissae().map(|x| [x, 1.0][i] * [x, 1.0][j]).sum());
        for delta in [None, Some([0.1, 0.1])] {
            let mut set = SimulationSet::new(&line, &[1.0, 0.0], delta.as_ref().map(<[f64; 2]>::as_slice), 20_000, 10)
                .expect("valid");
            set.fill(&line, Seed::new(1), 0).expect("simulated");
            let score = Score::fit(&set, None).expect("regular");
            set.fill(&line, Seed::new(2), 0).expect("simulated");
            let (x, dx) = score.summarise(&set).expect("in memory");
            let moments = SummaryMoments::from_simulations(&x, &dx, 2, 2).expect("enough");
            let difference = moments.fisher().expect("regular").ln_det - truth.cholesky().expect("regular").ln_det();
            // ln det F scatters by √(2 · 2/20 000) = 0.014 and the noisy C⁻¹ costs 0.1 %: four standard deviations.
            assert!(difference.abs() < 0.06, "{difference}");
            let white = moments.covariance.plus(&crate::math::Matrix::identity(2).scaled(-1.0)).frobenius_norm();
            assert!(white < 0.05, "{white}");
        }
        assert_eq!(line.n_params(), 2);
    }

    #[test]
    fn fewer_values_than_parameters_are_refused() {
        let line = Line::slope_and_intercept(1, 1.0);
        let mut set = SimulationSet::new(&line, &[1.0, 0.0], None, 50, 50).expect("valid");
        set.fill(&line, Seed::new(1), 0).expect("simulated");
        let error = Score::fit(&set, None).expect_err("one datum");
        assert!(error.is_invalid_input() && error.to_string().contains("1 values cannot inform 2"), "{error}");
    }

    /// A digest covers damage by chance; what a hand has made must fit together as well.
    #[test]
    fn a_file_whose_parts_do_not_fit_is_refused() {
        let path = std::env::temp_dir().join(format!("posterity-score-{}.safetensors", std::process::id()));
        let of = |size: usize| json!({ "statistic": { "kind": "power_spectrum" }, "shape": [size, size] });
        let write = |network: &Network, metadata: Metadata| {
            write_weights(&path, network, &vec![0.5; network.n_weights()], metadata).expect("written");
            Score::read(&path)
        };
        let statistic = |size: usize| Metadata::from([(STATISTIC.into(), of(size))]);
        // The spectrum of 8² cells has six bins.
        let linear = Network::linear(6, 2).expect("valid");
        write(&linear, Metadata::new()).expect("fits");
        write(&linear, statistic(8)).expect("fits");
        let deep = Network::perceptron(6, &[3], Activation::Silu, 2).expect("valid");
        let mut flat = statistic(8);
        flat.insert(STATISTIC.into(), json!({ "statistic": { "kind": "power_spectrum" }, "shape": [6] }));
        let cases = [
            (&linear, statistic(16), "the statistic has 11 values, and the layer of its score takes 6"),
            (&deep, Metadata::new(), "one dense layer"),
            (&linear, flat, "no field of n² or n³ cells"),
        ];
        for (network, metadata, expected) in cases {
            let error = write(network, metadata).expect_err(expected);
            assert!(error.is_corrupt_file() && error.file() == Some(&path), "{error}");
            assert!(error.to_string().contains(expected), "{error} / {expected}");
        }
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn too_few_simulations_are_told_with_a_remedy() {
        let line = Line::slope(100, 1.0, 0.0);
        let mut set = SimulationSet::new(&line, &[1.0], None, 50, 50).expect("valid");
        set.fill(&line, Seed::new(1), 0).expect("simulated");
        let error = Score::fit(&set, None).expect_err("50 simulations of 100 data");
        assert!(error.is_invalid_input() && error.to_string().contains("increase n_s"), "{error}");
    }
}
