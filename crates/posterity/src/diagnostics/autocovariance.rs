//! Autocovariance of a chain at all lags, by Fourier transform.

use super::split::mean;
use realfft::{RealFftPlanner, num_complex::Complex};

/// Biased autocovariance Σ_i (x_i − x̄)(x_{i+t} − x̄) / n at lags 0 to n − 1 of each chain.
///
/// The chains have one length; the transform is of at least twice that length, so that nothing wraps around.
pub(super) fn autocovariances(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = chains.first().map_or(0, Vec::len);
    let padded = (2 * n).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(padded), planner.plan_fft_inverse(padded));
    let (mut values, mut modes) = (forward.make_input_vec(), forward.make_output_vec());
    let mut one = |chain: &Vec<f64>| {
        let centre = mean(chain);
        values.fill(0.0);
        values.iter_mut().zip(chain).for_each(|(v, x)| *v = x - centre);
        // The transforms refuse only buffers of another length, or an inverse with imaginary ends: not these.
        if forward.process(&mut values, &mut modes).is_err() {
            return vec![f64::NAN; n];
        }
        modes.iter_mut().for_each(|m| *m = Complex::new(m.norm_sqr(), 0.0));
        if inverse.process(&mut modes, &mut values).is_err() {
            return vec![f64::NAN; n];
        }
        let scale = 1.0 / (padded * n) as f64;
        values[..n].iter().map(|v| v * scale).collect()
    };
    chains.iter().map(&mut one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_sum_at_every_lag() {
        let chain: Vec<f64> = (0..37).map(|i| f64::from(i * i % 11) - 0.1 * f64::from(i)).collect();
        let centre = mean(&chain);
        for (lag, got) in autocovariances(std::slice::from_ref(&chain))[0].iter().enumerate() {
            let sum: f64 = (0..37 - lag).map(|i| (chain[i] - centre) * (chain[i + lag] - centre)).sum();
            assert!((got - sum / 37.0).abs() < 1e-13, "lag {lag}");
        }
    }
}
