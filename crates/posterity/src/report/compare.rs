//! How two sets of samples of the same parameters differ, in numbers and in words.

use super::label;
use crate::parameter::Parameter;
use crate::samples::Samples;

/// The difference of one parameter between a method and a reference method.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The parameter's column in the reference.
    pub parameter: usize,
    /// Difference of the means (method − reference) in standard deviations of the reference.
    pub shift: f64,
    /// Standard deviation of the method over that of the reference.
    pub width_ratio: f64,
    /// Lopsidedness of the method, (q84 − 2 q50 + q16)/(q84 − q16): 0 if symmetric, positive if the upper side is longer.
    pub asymmetry: f64,
    /// Lopsidedness of the reference.
    pub reference_asymmetry: f64,
    /// Standard error of `shift` from the finite numbers of draws.
    pub shift_error: f64,
    /// Standard error of `width_ratio` from the finite numbers of draws, for near-normal draws.
    pub width_error: f64,
}

/// A mean that differs by more than this many standard deviations is said to differ.
const SHIFT: f64 = 0.1;
/// A width that differs by more than this fraction is said to differ.
const WIDTH: f64 = 0.1;
/// Sides of an error bar whose lengths differ by more than this fraction of the whole are said to be lopsided.
const ASYMMETRY: f64 = 0.1;

impl Difference {
    /// True if the mean or the width differs by a tenth, or the sides of the error bar do, and by more than the draws'
    /// own noise (two standard errors).
    pub fn is_notable(&self) -> bool {
        self.has_shift() || self.has_width() || self.has_asymmetry()
    }

    fn has_shift(&self) -> bool {
        self.shift.abs() > SHIFT.max(2.0 * self.shift_error)
    }

    fn has_width(&self) -> bool {
        (self.width_ratio - 1.0).abs() > WIDTH.max(2.0 * self.width_error)
    }

    fn has_asymmetry(&self) -> bool {
        // The standard error of the asymmetry of normal draws is close to that of the shift (1.1 of it by simulation).
        (self.asymmetry - self.reference_asymmetry).abs() > ASYMMETRY.max(2.2 * self.shift_error)
    }

    /// One sentence: what differs, or that nothing does.
    pub fn in_words(&self, method: &str, reference: &str, parameter: &str) -> String {
        if !self.is_notable() {
            return format!("{parameter}: {method} and {reference} agree.");
        }
        let mut moments = Vec::new();
        if self.has_shift() {
            let side = if self.shift > 0.0 { "high" } else { "low" };
            moments.push(format!("{:.2} standard deviations {side}", self.shift.abs()));
        }
        if self.has_width() {
            let side = if self.width_ratio > 1.0 { "wide" } else { "narrow" };
            moments.push(format!("{:.0} % too {side}", 100.0 * (self.width_ratio - 1.0).abs()));
        }
        let mut parts = Vec::new();
        if !moments.is_empty() {
            parts.push(format!("{method} is {}, measured by {reference}", moments.join(" and ")));
        }
        if self.has_asymmetry() {
            let (right, wrong) = (lopsided(self.reference_asymmetry), lopsided(self.asymmetry));
            parts.push(format!("the 68 % interval {right} by {reference}, but {wrong} by {method}"));
        }
        format!("{parameter}: {}.", parts.join("; "))
    }
}

fn lopsided(asymmetry: f64) -> String {
    let percent = (100.0 * (1.0 + asymmetry.abs()) / (1.0 - asymmetry.abs()) - 100.0).min(999.0);
    match asymmetry {
        a if a.abs() < 0.04 => "is symmetric".to_string(),
        a if a > 0.0 => format!("reaches {percent:.0} % farther up than down"),
        _ => format!("reaches {percent:.0} % farther down than up"),
    }
}

/// Compares the parameters that both have, by name; those that do not vary in the reference are left out.
pub fn compare(method: &Samples, reference: &Samples) -> Vec<Difference> {
    let (means, sds) = ((method.mean(), reference.mean()), (method.sd(), reference.sd()));
    let error = (1.0 / method.ess() + 1.0 / reference.ess()).sqrt();
    let one = |(parameter, p): (usize, &Parameter)| {
        let column = method.parameters.iter().position(|q| q.name == p.name)?;
        let (sd, reference_sd) = (sds.0[column], sds.1[parameter]);
        let width_ratio = sd / reference_sd;
        (reference_sd > 1e-12 * means.1[parameter].abs() && width_ratio.is_finite()).then(|| Difference {
            parameter,
            shift: (means.0[column] - means.1[parameter]) / reference_sd,
            width_ratio,
            asymmetry: asymmetry(method, column),
            reference_asymmetry: asymmetry(reference, parameter),
            shift_error: error * width_ratio.max(1.0),
            width_error: error * width_ratio.max(1.0) / std::f64::consts::SQRT_2,
        })
    };
    reference.parameters.iter().enumerate().filter_map(one).collect()
}

fn asymmetry(samples: &Samples, parameter: usize) -> f64 {
    let q = samples.quantiles(parameter, &[0.16, 0.5, 0.84]);
    if q[2] > q[0] { (q[2] - 2.0 * q[1] + q[0]) / (q[2] - q[0]) } else { 0.0 }
}

/// All notable differences of a method from a reference, one sentence each; or one that says there is none.
pub fn compare_in_words(method: (&str, &Samples), reference: (&str, &Samples)) -> Vec<String> {
    sentences(method, reference, |p| label::text(&label::latex(&p.latex)))
}

/// As [`compare_in_words`], with the parameters called as `name` says.
pub(super) fn sentences(
    method: (&str, &Samples),
    reference: (&str, &Samples),
    name: impl Fn(&Parameter) -> String,
) -> Vec<String> {
    let differences = compare(method.1, reference.1);
    let words = |d: &Difference| d.in_words(method.0, reference.0, &name(&reference.1.parameters[d.parameter]));
    let notable: Vec<String> = differences.iter().filter(|d| d.is_notable()).map(words).collect();
    if notable.is_empty() && !differences.is_empty() {
        return vec![format!(
            "{} and {} agree in every parameter: means within {:.2} standard deviations, widths within {:.0} %.",
            method.0,
            reference.0,
            differences.iter().map(|d| d.shift.abs()).fold(0.0, f64::max),
            differences.iter().map(|d| 100.0 * (d.width_ratio - 1.0).abs()).fold(0.0, f64::max).ceil()
        )];
    }
    notable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::normal_quantile;

    fn draws(of: impl Fn(f64) -> f64) -> Samples {
        let n = 5000;
        let theta = (0..n).map(|i| of(normal_quantile((i as f64 + 0.5) / n as f64))).collect();
        Samples::new(vec![Parameter::new("w", "w_0")], theta, vec![1.0; n]).expect("valid")
    }

    #[test]
    fn a_shift_a_width_and_a_lopsided_bar_are_said() {
        let reference = draws(|z| z);
        let d = &compare(&draws(|z| 0.5 + 1.3 * z), &reference)[0];
        assert!(
            (d.shift - 0.5).abs() < 1e-3 && (d.width_ratio - 1.3).abs() < 1e-9 && d.asymmetry.abs() < 1e-9,
            "{d:?}"
        );
        let text = compare_in_words(("ABC", &draws(|z| 0.5 + 1.3 * z)), ("PMC", &reference));
        assert_eq!(text, ["w_0: ABC is 0.50 standard deviations high and 30 % too wide, measured by PMC."]);
        let skew = draws(|z| (0.4 * z).exp());
        let text = compare_in_words(("the Gaussian approximation", &reference), ("PMC", &skew)).join(" ");
        assert!(text.contains("reaches 49 % farther up than down by PMC, but is symmetric by the Gaussian"), "{text}");
    }

    #[test]
    fn what_agrees_and_what_is_noise_is_not_called_different() {
        let text = compare_in_words(("A", &draws(|z| 0.02 + z)), ("B", &draws(|z| z)));
        assert!(text.len() == 1 && text[0].contains("agree in every parameter"), "{text:?}");
        let few = |shift: f64| {
            let theta = (0..20).map(|i| shift + f64::from(i % 5)).collect();
            Samples::new(vec![Parameter::new("w", "w")], theta, vec![1.0; 20]).expect("valid")
        };
        assert!(!compare(&few(0.3), &few(0.0))[0].is_notable());
        let point = Samples::new(vec![Parameter::new("w", "w")], vec![1.0], vec![1.0]).expect("valid");
        assert!(compare(&point, &point).is_empty() && compare_in_words(("A", &point), ("B", &point)).is_empty());
    }
}
