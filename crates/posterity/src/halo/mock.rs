//! Mock catalogues: halos drawn from the model itself, at known density and weights.
//!
//! The number of halos in a voxel is Poisson of mean V ∫_{M_th}^∞ n dM, and their masses follow n(M|ψ) above the
//! threshold. In x = ln M the mixture is, completing the square,
//!
//! n dM = Σ_i α_i exp(σ_i²/2) N(x | μ_i + σ_i², σ_i) dx,
//!
//! so a component is chosen by its expected number above the threshold, and x is a normal restricted to
//! x ≥ ln M_th: drawn by refusal, of normals where the threshold is in the bulk, of a shifted exponential where it is in
//! the tail; exact however far out.
//!
//! Limits: as the likelihood's, halos are independent given ψ. What these catalogues recover says that the inference is
//! right, not that the model describes real halos.
//!
//! Reference: Robert 1995, doi:10.1007/BF00143942, arXiv:0907.4010 (the restricted normal); Charnock et al. 2019,
//! arXiv:1909.06379 (the model).

use super::block;
use super::model::Settings;
use super::weights::check_density;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::seed::{Seed, Stream};
use rand::RngExt;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};
use rayon::prelude::*;

/// A catalogue may have this many halos expected.
pub const MAX_HALOS: f64 = 1e7;
/// Voxels in one task.
const CHUNK: usize = 1024;

/// A catalogue of the model: halos as (voxel, mass [Msun/h]), by ascending voxel, as [`super::Model::new`] takes them;
/// of a density δ (n³ values) in a box of `box_length` [Mpc/h], the weights in the order of [`super::Model::names`], and
/// masses above `threshold` [Msun/h]. Each voxel has a stream of its own: the catalogue depends on the seed alone.
///
/// # Errors
/// Invalid input: settings, a size, a threshold or a density that cannot be; weights under which more than
/// [`MAX_HALOS`] halos are expected, or masses beyond the range of floats.
pub fn mock(
    n: usize,
    box_length: f64,
    settings: &Settings,
    threshold: f64,
    density: &[f64],
    weights: &[f64],
    seed: Seed,
) -> Result<Vec<(usize, f64)>> {
    let mut engine = Engine::new([n; 3], &settings.engine)?;
    let mixture = settings.mixture;
    mixture.check()?;
    check_density(n, density, settings.engine.floor)?;
    let n_weights = engine.n_weights() + mixture.n_weights();
    if weights.len() != n_weights {
        return Err(Error::invalid_input(format!("{} weights for a model of {n_weights}", weights.len()))
            .remedy("give the engine's weights, then the mass function's"));
    }
    if !(threshold > 0.0 && threshold.is_finite() && box_length > 0.0 && box_length.is_finite()) {
        let message = format!("a threshold of {threshold} Msun/h in a box of {box_length} Mpc/h");
        return Err(Error::invalid_input(message).remedy("give finite numbers above 0"));
    }
    let (of_engine, of_mixture) = weights.split_at(engine.n_weights());
    let mut psi = vec![0.0; density.len()];
    engine.forward(density, of_engine, &mut psi);
    let volume = (box_length / n as f64).powi(3);
    let means: Vec<f64> = psi.par_iter().map(|psi| volume * mixture.integral(of_mixture, *psi, threshold)).collect();
    let expected: f64 = means.iter().sum();
    // Written so that NaN is refused too.
    if expected.is_nan() || expected > MAX_HALOS {
        return Err(Error::invalid_input(format!("these weights expect {expected:.3e} halos, above {MAX_HALOS:e}"))
            .remedy("take weights of a smaller density: the biases of alpha and sigma lower it most"));
    }
    let (seed, ln_threshold) = (seed.label("mock"), threshold.ln());
    let task = |(task, means): (usize, &[f64])| {
        let mut halos = Vec::new();
        for (voxel, mean) in (task * CHUNK..).zip(means) {
            let mut stream = seed.stream(voxel as u64);
            // No halo is expected where the mean is not a positive number that a Poisson law can have.
            let count = Poisson::new(*mean).map_or(0.0, |law| law.sample(&mut stream)) as usize;
            if count > 0 {
                let components = mixture.components(of_mixture, psi[voxel]);
                let draw = |_| (voxel, draw_ln_mass(&components, ln_threshold, &mut stream).exp().max(threshold));
                halos.extend((0..count).map(draw));
            }
        }
        halos
    };
    let parts: Vec<_> = means.par_chunks(CHUNK).enumerate().map(task).collect();
    let halos = parts.concat();
    match halos.iter().find(|h| !h.1.is_finite()) {
        None => Ok(halos),
        Some((voxel, _)) => Err(Error::invalid_input(format!("a mass in voxel {voxel} is beyond the range of floats"))
            .remedy("take weights with smaller mu and sigma")),
    }
}

/// ln M of one halo above the threshold, from components (α, μ, σ).
fn draw_ln_mass(components: &[[f64; 3]], ln_threshold: f64, stream: &mut Stream) -> f64 {
    let number = |[a, mu, s]: &[f64; 3]| a * block::tail::<pulp::Scalar>(*mu, *s, ln_threshold).0;
    let mut left = stream.random_range(0.0..1.0) * components.iter().map(number).sum::<f64>();
    let mut chosen = &components[0];
    for component in components {
        let number = number(component);
        if number > 0.0 {
            chosen = component;
            if left < number {
                break;
            }
        }
        left -= number;
    }
    let [_, mu, sigma] = chosen;
    let mean = mu + sigma * sigma;
    mean + sigma * normal_above((ln_threshold - mean) / sigma, stream)
}

/// z ~ N(0, 1) given z ≥ `low`.
fn normal_above(low: f64, stream: &mut Stream) -> f64 {
    if low < 0.45 {
        loop {
            let z: f64 = StandardNormal.sample(stream);
            if z >= low {
                return z;
            }
        }
    }
    // The exponential's best rate.
    let rate = 0.5 * (low + (low * low + 4.0).sqrt());
    loop {
        let x: f64 = Exp1.sample(stream);
        let z = low + x / rate;
        if stream.random_range(0.0f64..1.0) <= (-0.5 * (z - rate) * (z - rate)).exp() {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mixture, Model, Region};
    use super::*;

    const THRESHOLD: f64 = 2e12;

    /// Weights under which both components matter and ψ does too.
    fn weights() -> Vec<f64> {
        let mut w = vec![0.8, 0.1, 0.05, -0.05, 0.2];
        w.extend([1.0, 0.3, 0.3, -0.2, 0.2, -6.4, 0.8, -0.5, 0.4, 0.5, -0.2, -6.8]);
        w
    }

    fn density(n: usize) -> Vec<f64> {
        let mut stream = Seed::new(50).stream(0);
        let normal = |_| StandardNormal.sample(&mut stream);
        (0..n * n * n).map(normal).map(|z: f64| (z - 0.5).exp() - 1.0).collect()
    }

    /// Counts above each of several masses in voxels of low and of high ψ, over many catalogues, against the integral.
    #[test]
    fn counts_and_masses_are_those_of_the_mass_function() {
        let (n, length, n_mocks) = (8, 32.0, 2000);
        let (settings, w, density) = (Settings::default(), weights(), density(n));
        let mut model = Model::new(n, length, &settings, THRESHOLD, &Region::whole(512), &[]).expect("valid");
        model.value_and_gradient(&density, &w, None, &mut [0.0; 17]);
        let psi = model.psi();
        let mut sorted = psi.to_vec();
        sorted.sort_by(f64::total_cmp);
        let edges = [1.0, 1.3, 2.0, 4.0, 10.0, 30.0].map(|f| f * THRESHOLD);
        let mut counts = [[0.0; 6]; 2];
        for k in 0..n_mocks {
            for (voxel, mass) in
                mock(n, length, &settings, THRESHOLD, &density, &w, Seed::new(51).branch(k)).expect("valid")
            {
                let row = &mut counts[usize::from(psi[voxel] > sorted[256])];
                row.iter_mut().zip(edges).filter(|(_, edge)| mass >= *edge).for_each(|(c, _)| *c += 1.0);
            }
        }
        for (is_high, counts) in [false, true].into_iter().zip(counts) {
            for (count, edge) in counts.into_iter().zip(edges) {
                let inside = psi.iter().filter(|p| (**p > sorted[256]) == is_high);
                let mean: f64 = inside.map(|p| 64.0 * settings.mixture.integral(&w[5..], *p, edge)).sum();
                let expected = mean * n_mocks as f64;
                let z = (count - expected) / expected.sqrt();
                assert!(expected > 300.0 && z.abs() < 5.0, "{is_high} {edge:e}: {count} for {expected}, {z} sigma");
            }
        }
    }

    /// Number of halos of a voxel: variance as the mean, over catalogues.
    #[test]
    fn counts_are_poisson() {
        let (n, settings, w) = (4, Settings::default(), weights());
        let density = vec![3.0; 64];
        let number =
            |k| mock(n, 20.0, &settings, THRESHOLD, &density, &w, Seed::new(52).branch(k)).expect("valid").len() as f64;
        let counts: Vec<f64> = (0..4000).map(number).collect();
        let mean = counts.iter().sum::<f64>() / 4000.0;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 3999.0;
        // The standard error of the variance of 4000 Poisson numbers is about √(2/4000) of it.
        assert!((variance / mean - 1.0).abs() < 5.0 * (2.0f64 / 4000.0).sqrt(), "{mean} {variance}");
    }

    /// Mean and variance of a normal above bounds from far below to far above: λ = φ/Q, 1 + l λ − λ².
    #[test]
    fn a_restricted_normal_has_its_moments() {
        // (low, mean): λ from erfcx, φ(l)/Q(l) = √(2/π)/erfcx(l/√2).
        for low in [-4.0f64, -0.5, 0.44, 0.46, 1.5, 6.0, 30.0] {
            let scaled = if low > 0.0 {
                crate::math::vectorised::erfcx::<pulp::Scalar>(low / std::f64::consts::SQRT_2)
            } else {
                2.0 * (1.0 - crate::math::normal_cdf(low)) * (0.5 * low * low).exp()
            };
            let mean = (2.0 / std::f64::consts::PI).sqrt() / scaled;
            let variance = 1.0 + low * mean - mean * mean;
            let mut stream = Seed::new(53).stream(0);
            let draws: Vec<f64> = (0..40_000).map(|_| normal_above(low, &mut stream)).collect();
            assert!(draws.iter().all(|z| *z >= low));
            let found = draws.iter().sum::<f64>() / 4e4;
            assert!((found - mean).abs() < 5.0 * (variance / 4e4).sqrt(), "{low}: {found} {mean}");
            let spread = draws.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 4e4;
            // An exponential's variance has a standard error of √(8/n).
            assert!((spread / variance - 1.0).abs() < 5.0 * (8.0f64 / 4e4).sqrt(), "{low}: {spread} {variance}");
        }
    }

    #[test]
    fn threads_do_not_change_a_halo() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            let (n, settings) = (16, Settings::default());
            pool.install(|| mock(n, 64.0, &settings, THRESHOLD, &density(n), &weights(), Seed::new(54)).expect("valid"))
        };
        let one = run(1);
        assert!(one.len() > 100 && one.is_sorted_by_key(|h| h.0), "{}", one.len());
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let draw = |n: usize, settings: &Settings, threshold: f64, density: &[f64], w: &[f64]| {
            let error = mock(n, 16.0, settings, threshold, density, w, Seed::new(55)).expect_err("impossible");
            assert!(error.is_invalid_input(), "{error}");
        };
        let (settings, delta, w) = (Settings::default(), vec![0.0; 64], weights());
        draw(4, &settings, THRESHOLD, &delta[1..], &w);
        draw(4, &settings, THRESHOLD, &[-1.5; 64], &w);
        draw(4, &settings, THRESHOLD, &delta, &w[1..]);
        draw(4, &settings, f64::NAN, &delta, &w);
        let none = Settings { mixture: Mixture { n_components: 0, ..Mixture::default() }, ..Settings::default() };
        draw(4, &none, THRESHOLD, &delta, &w[..5]);
        // The published start, σ near 7, expects 10⁹ halos and more; a weight that is no number expects none it can say.
        draw(4, &settings, THRESHOLD, &delta, &[0.0; 17]);
        let mut lost = w.clone();
        lost[6] = f64::NAN;
        draw(4, &settings, THRESHOLD, &delta, &lost);
    }
}
