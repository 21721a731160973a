//! Where two methods differ in the shape of a joint distribution that no marginal shows: a bent posterior.

use crate::parameter::Parameter;
use crate::samples::Samples;

/// Mass inside the ellipse of a normal distribution within two of its standard deviations, and the ellipse's r².
const MASS: f64 = 0.954;
/// A smaller difference of the mass inside is not worth a sentence.
const NOTABLE: f64 = 0.03;

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
    let bent = pairs.filter_map(|(i, j)| {
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
            format!(
                "{} and {} together: the ellipse that holds {:.0} % of {method} holds {:.0} % of {reference}; the joint \
                 posterior is bent, and no ellipse follows it.",
                name(&a.parameters[i]),
                name(&a.parameters[j]),
                100.0 * own,
                100.0 * other
            )
        })
    });
    bent.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::normal_quantile;

    /// A grid of standard normal pairs, of which the second is bent by the square of the first.
    fn draws(bend: f64) -> Samples {
        let z = |i: i32| normal_quantile((f64::from(i) + 0.5) / 60.0);
        let grid = (0..60).flat_map(|i| (0..60).map(move |j| (z(i), z(j))));
        let theta: Vec<f64> = grid.flat_map(|(x, y)| [x, 0.5 * y + bend * (x * x - 1.0)]).collect();
        let parameters = vec![Parameter::new("a", "a"), Parameter::new("b", "b")];
        Samples::new(parameters, theta, vec![1.0; 3600]).expect("valid")
    }

    #[test]
    fn a_banana_is_said_to_be_bent_and_an_ellipse_is_not() {
        let words = |a: &Samples, b: &Samples| sentences(("A", a), ("B", b), |p| p.name.clone());
        let said = words(&draws(0.0), &draws(0.5));
        assert!(said.len() == 1 && said[0].starts_with("a and b together") && said[0].contains("bent"), "{said:?}");
        assert!(words(&draws(0.0), &draws(0.0)).is_empty() && words(&draws(0.5), &draws(0.5)).is_empty());
    }
}
