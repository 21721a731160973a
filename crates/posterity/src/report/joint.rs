//! Where two methods differ in a joint distribution: in width or place, or because the posterior is bent, which no
//! marginal shows.
//!
//! Bent is what has skewness: b = T₁₁₁² + 3 T₁₁₂² + 3 T₁₂₂² + T₂₂₂², T the third moments of the reference's pair, whitened
//! by its own mean and covariance. Of n normal draws n b/6 follows χ² with four degrees of freedom.
//!
//! Reference: Mardia 1970, doi:10.1093/biomet/57.3.519.

use crate::parameter::Parameter;
use crate::samples::Samples;

/// Mass inside the ellipse of a normal distribution within two of its standard deviations, and the ellipse's r².
const MASS: f64 = 0.954;
/// A smaller difference of the mass inside is not worth a sentence.
const NOTABLE: f64 = 0.03;
/// A smaller skewness b is not seen in a contour.
const SKEWED: f64 = 0.05;
/// 99.9 % quantile of χ² with four degrees of freedom.
const CHI_SQUARED: f64 = 18.5;

/// One sentence for each pair of parameters of which a method's ellipse (by its mean and covariance) holds another
/// share of the reference than of its own draws.
pub(super) fn sentences(
    (method, a): (&str, &Samples),
    (reference, b): (&str, &Samples),
    name: impl Fn(&Parameter) -> String,
) -> Vec<String> {
    let n = a.n_params();
    if a.parameters.iter().map(|p| &p.name).ne(b.parameters.iter().map(|p| &p.name)) {
        return Vec::new();
    }
    let (mean, covariance) = (a.mean(), a.covariance());
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let differing = pairs.filter_map(|(i, j)| {
        let (vi, vj, c) = (covariance[(i, i)], covariance[(j, j)], covariance[(i, j)]);
        let det = vi * vj - c * c;
        let inside = |samples: &Samples| -> f64 {
            let holds = |draw: &[f64]| {
                let (x, y) = (draw[i] - mean[i], draw[j] - mean[j]);
                (vj * x * x - 2.0 * c * x * y + vi * y * y) / det < -2.0 * (1.0 - MASS).ln()
            };
            (0..samples.n_samples()).filter(|&k| holds(samples.draw(k))).map(|k| samples.weights[k]).sum()
        };
        if det.is_nan() || det <= 1e-12 * vi * vj {
            return None;
        }
        let (own, other) = (inside(a), inside(b));
        let error = (MASS * (1.0 - MASS) * (1.0 / a.ess() + 1.0 / b.ess())).sqrt();
        ((own - other).abs() > NOTABLE.max(3.0 * error)).then(|| {
            let why = if is_bent(b, i, j) {
                "the joint posterior is bent, and no ellipse follows it"
            } else {
                "they differ in width or place"
            };
            format!(
                "{} and {} together: the ellipse that holds {:.0} % of {method} holds {:.0} % of {reference}; {why}.",
                name(&a.parameters[i]),
                name(&a.parameters[j]),
                100.0 * own,
                100.0 * other
            )
        })
    });
    differing.collect()
}

/// Whether the skewness of two parameters is more than that of an ellipse, and than that of as many normal draws.
fn is_bent(samples: &Samples, i: usize, j: usize) -> bool {
    let (mean, covariance) = (samples.mean(), samples.covariance());
    let (vi, vj, c) = (covariance[(i, i)], covariance[(j, j)], covariance[(i, j)]);
    let mut third = [0.0; 4];
    for (k, w) in samples.weights.iter().enumerate() {
        let draw = samples.draw(k);
        let (x, y) = (draw[i] - mean[i], draw[j] - mean[j]);
        let (x, y) = (x / vi.sqrt(), (y - c / vi * x) / (vj - c * c / vi).sqrt());
        third.iter_mut().zip([x * x * x, x * x * y, x * y * y, y * y * y]).for_each(|(t, of)| *t += w * of);
    }
    let skewness: f64 = third.iter().zip([1.0, 3.0, 3.0, 1.0]).map(|(t, times)| times * t * t).sum();
    skewness > SKEWED + 6.0 * CHI_SQUARED / samples.ess()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::normal_quantile;

    /// A grid of normal pairs, of which the second is bent by the square of the first; all multiplied by `scale`.
    fn scaled(bend: f64, scale: f64) -> Samples {
        let z = |i: i32| normal_quantile((f64::from(i) + 0.5) / 60.0);
        let grid = (0..60).flat_map(|i| (0..60).map(move |j| (z(i), z(j))));
        let theta: Vec<f64> = grid.flat_map(|(x, y)| [x, 0.5 * y + bend * (x * x - 1.0)]).map(|x| scale * x).collect();
        let parameters = vec![Parameter::new("a", "a"), Parameter::new("b", "b")];
        Samples::new(parameters, theta, vec![1.0; 3600]).expect("valid")
    }

    fn draws(bend: f64) -> Samples {
        scaled(bend, 1.0)
    }

    fn words(a: &Samples, b: &Samples) -> Vec<String> {
        sentences(("A", a), ("B", b), |p| p.name.clone())
    }

    #[test]
    fn a_banana_is_said_to_be_bent_and_an_ellipse_is_not() {
        let said = words(&draws(0.0), &draws(0.5));
        assert!(said.len() == 1 && said[0].starts_with("a and b together") && said[0].contains("bent"), "{said:?}");
        assert!(words(&draws(0.0), &draws(0.0)).is_empty() && words(&draws(0.5), &draws(0.5)).is_empty());
    }

    #[test]
    fn normal_draws_of_another_width_or_place_are_not_called_bent() {
        let reference = draws(0.0);
        let mut moved = draws(0.0);
        moved.theta.iter_mut().for_each(|x| *x += 1.0);
        for other in [scaled(0.0, 0.85), scaled(0.0, 1.3), moved] {
            let said = words(&other, &reference);
            let is_plain = |text: &String| text.ends_with("% of B; they differ in width or place.");
            assert!(said.len() == 1 && said.iter().all(is_plain), "{said:?}");
        }
        // A method that is narrow beside a bent reference is both, and the bend is what to know.
        assert!(words(&scaled(0.0, 0.85), &draws(0.5))[0].contains("bent"));
    }

    #[test]
    fn the_skewness_of_few_normal_draws_is_no_bend() {
        use crate::seed::Seed;
        use rand_distr::{Distribution, StandardNormal};
        let mut stream = Seed::new(1).stream(0);
        let mut is_bent_by_chance = || {
            let theta = (0..200).map(|_| StandardNormal.sample(&mut stream)).collect();
            let parameters = vec![Parameter::new("a", "a"), Parameter::new("b", "b")];
            is_bent(&Samples::new(parameters, theta, vec![1.0; 100]).expect("valid"), 0, 1)
        };
        // By simulation 1.4 in a thousand: three or more of a hundred happen once in two thousand times.
        assert!((0..100).filter(|_| is_bent_by_chance()).count() < 3);
    }
}
