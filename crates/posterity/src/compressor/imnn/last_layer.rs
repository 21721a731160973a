//! How the last layer begins: as the score compression of what comes to it.
//!
//! Of all linear maps of the features before it, the score keeps the most information, and it follows from their moments.
//! Training then has to find the features alone. Means over many cells scatter by little, too: with random first weights,
//! the covariance of the summaries would be far from the 1 that the loss holds it near.

use super::inputs::Inputs;
use crate::compressor::score::directions;
use crate::error::Result;
use crate::math::{Matrix, mean_and_covariance};
use crate::nn::{Layer, Network};

/// Fraction that is added to the variance of each feature: of features that say nearly the same, differences would get
/// weights so large that their rounding is seen.
const RIDGE: f64 = 1e-4;
/// Simulations for each feature, below which the covariance of features says too little.
const LEAST: usize = 3;

/// Writes the last layer of a network that is `layers` and a dense layer. The first summaries, as many as parameters, are
/// those of the score; further ones stay random, and all have unit covariance. Where the simulations do not determine
/// that, the weights stay as they are.
///
/// # Errors
/// Io; corrupt file.
pub(super) fn begin(network: &Network, layers: &[Layer], weights: &mut [f32], inputs: &Inputs<'_>) -> Result<()> {
    let Ok(features) = Network::new(network.input().clone(), layers.to_vec()) else { return Ok(()) };
    let n = features.n_out();
    let outputs = inputs.apply(&features, &weights[..features.n_weights()])?;
    let Ok((mut moments, x)) = inputs.moments(&outputs, n) else { return Ok(()) };
    (0..n).for_each(|i| moments.covariance[(i, i)] *= 1.0 + RIDGE);
    let Some((w, bias)) = network.last_layer(weights) else { return Ok(()) };
    if moments.n_s >= LEAST * n
        && let Ok(directions) = directions(&moments)
    {
        w.iter_mut().zip(directions.as_slice()).for_each(|(w, x)| *w = *x as f32);
    }
    let n_out = bias.len();
    let matrix = Matrix::from_fn(n_out, n, |i, j| f64::from(w[i * n + j]));
    let summaries: Vec<f64> = x.chunks_exact(n).flat_map(|x| matrix.times_vector(x)).collect();
    let (mean, covariance) = mean_and_covariance(&summaries, n_out);
    let Ok(factor) = covariance.cholesky() else { return Ok(()) };
    // L⁻¹ W and −L⁻¹ x̄, column by column.
    let mut column = vec![0.0; n_out];
    for j in 0..=n {
        (0..n_out).for_each(|i| column[i] = if j < n { matrix[(i, j)] } else { -mean[i] });
        factor.solve_lower(&mut column);
        for (i, x) in column.iter().enumerate() {
            *(if j < n { &mut w[i * n + j] } else { &mut bias[i] }) = *x as f32;
        }
    }
    Ok(())
}
