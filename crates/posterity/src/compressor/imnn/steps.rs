//! The alarm for steps of the parameters that are too small for a network.
//!
//! Networks compute in f32, which rounds numbers by up to 2⁻²⁴ = 6e-8 of themselves. Where the data of a seed-matched pair
//! differ by hardly more than that, the derivative of the summaries is the rounding's and not the model's: of an input
//! that moves by 1e-5 of its size, half a percent already, to which each layer adds. A score is computed in f64 and has no such limit.

use super::Imnn;
use crate::error::Result;
use crate::parameter::Parameter;
use crate::simulator::{Derivatives, SimulationSet};

/// The least movement of the data that is not told, in units of their size.
const LEAST: f64 = 1e-5;
/// Pairs that are looked at, at the most.
const PAIRS: usize = 64;

impl Imnn {
    /// What to say of parameters whose step moves no datum by as much as [`LEAST`], if there are any.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(in crate::compressor) fn unseen_steps(
        &self,
        set: &SimulationSet,
        parameters: &[Parameter],
    ) -> Result<Option<String>> {
        let moves = self.moves(set)?;
        let unseen = parameters.iter().zip(moves).filter(|(_, moves)| *moves < LEAST);
        let unseen: Vec<String> =
            unseen.map(|(parameter, moves)| format!("{} ({moves:.0e} of their size)", parameter.name)).collect();
        Ok((!unseen.is_empty()).then(|| {
            format!(
                "in single precision the network hardly sees the data of a pair apart in {}: what it takes for their \
                 derivative is rounding; increase delta",
                unseen.join(" and ")
            )
        }))
    }

    /// By how much a step of each parameter moves that datum which moves most, as it goes into the network: the root mean
    /// square over pairs, over that of all data. Nothing for exact derivatives.
    fn moves(&self, set: &SimulationSet) -> Result<Vec<f64>> {
        let Derivatives::Differences { pairs, .. } = &set.derivative else { return Ok(Vec::new()) };
        let (n_data, n_params) = (set.n_data(), set.n_params());
        let n = set.n_d().min(PAIRS);
        let (mut squares, mut by_datum) = (0.0, vec![0.0; n_params * n_data]);
        let (mut scaled, mut reader) = (vec![0.0_f32; n_data], pairs.reader());
        let square = |x: f32| f64::from(x).powi(2);
        for k in 0..n * n_params {
            let pair = reader.read(2 * k * n_data..2 * (k + 1) * n_data)?;
            let (below, above) = pair.split_at(n_data);
            self.scaling.values(below, &mut scaled);
            squares += scaled.iter().map(|x| square(*x)).sum::<f64>();
            // Before they are rounded.
            let difference: Vec<f64> = below.iter().zip(above).map(|(below, above)| above - below).collect();
            self.scaling.tangents(&difference, &mut scaled);
            let sums = by_datum[k % n_params * n_data..][..n_data].iter_mut();
            sums.zip(&scaled).for_each(|(sum, x)| *sum += square(*x));
        }
        let size = squares / (n_data * n_params) as f64;
        let most = |sums: &[f64]| (sums.iter().fold(0.0, |a: f64, b| a.max(*b)) / size).sqrt();
        Ok(by_datum.chunks_exact(n_data).map(most).collect())
    }
}
