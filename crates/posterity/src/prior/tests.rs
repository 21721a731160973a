//! Laws of every marginal: normalised, and the quantile inverts the distribution function.

use super::*;
use crate::seed::Seed;

fn table() -> Vec<Marginal> {
    vec![
        Marginal::Uniform(Uniform::new(-2.0, 3.0).expect("valid")),
        Marginal::LogUniform(LogUniform::new(0.01, 30.0).expect("valid")),
        Marginal::Normal(Normal::new(1.0, 2.0).expect("valid")),
        Marginal::Normal(Normal::truncated(0.0, 1.0, -0.5, f64::INFINITY).expect("valid")),
        Marginal::Normal(Normal::truncated(0.0, 1.0, 5.0, 6.0).expect("valid")),
        Marginal::Normal(Normal::truncated(3.0, 1.0, -6.0, -4.0).expect("valid")),
    ]
}

#[test]
fn densities_integrate_to_the_quantiles_probability() {
    for marginal in table() {
        let start = marginal.quantile(1e-9);
        for p in [0.1, 0.5, 0.975] {
            let end = marginal.quantile(p);
            let n = 200_000;
            let h = (end - start) / f64::from(n);
            let mass: f64 = (0..n).map(|i| marginal.log_prob(start + (f64::from(i) + 0.5) * h).exp() * h).sum();
            assert!((mass - p).abs() < 1e-5, "{marginal:?} holds {mass} below its {p} quantile");
            assert!((marginal.cdf(end) - p).abs() < 1e-9, "{marginal:?} at {end}: {}", marginal.cdf(end));
        }
    }
}

#[test]
fn draws_lie_in_the_support_and_outside_is_impossible() {
    for marginal in table() {
        let (low, high) = marginal.bounds();
        assert_eq!((marginal.cdf(low), marginal.cdf(high)), (0.0, 1.0), "{marginal:?}");
        for p in [1e-16, 1e-8, 0.5, 1.0 - 1e-16] {
            assert!((low..=high).contains(&marginal.quantile(p)), "{marginal:?} at {p}");
        }
        for outside in [low - 1.0, high + 1.0].into_iter().filter(|x| x.is_finite()) {
            assert_eq!(marginal.log_prob(outside), f64::NEG_INFINITY, "{marginal:?} at {outside}");
        }
        assert_eq!(marginal.log_prob(f64::NAN), f64::NEG_INFINITY);
    }
}

#[test]
fn impossible_priors_are_refused_with_a_remedy() {
    let errors = [
        Uniform::new(1.0, 0.0).err(),
        Uniform::new(f64::NAN, 0.0).err(),
        Uniform::new(-1e308, 1e308).err(),
        LogUniform::new(0.0, 1.0).err(),
        LogUniform::new(1e-200, 1e200).err(),
        Normal::new(0.0, 0.0).err(),
        Normal::truncated(0.0, 1.0, 2.0, 1.0).err(),
        Normal::truncated(0.0, 1.0, 50.0, 51.0).err(),
    ];
    for error in errors {
        let error = error.expect("refused");
        assert!(error.is_invalid_input() && error.to_string().contains("; "), "{error}");
    }
}

#[test]
fn a_prior_draw_is_pinned() {
    let parameters = table().iter().map(|_| Parameter::new("x", "x")).collect();
    let prior = Prior { parameters, marginals: table() };
    let mut theta = vec![0.0; prior.n_params()];
    prior.sample(&mut Seed::new(1).stream(0), &mut theta);
    assert!(prior.contains(&theta));
    let pinned = [
        -0.09255293380869478,
        0.1060469233151985,
        2.6708036407048237,
        1.571985982614484,
        5.357599361991449,
        -4.271218020632502,
    ];
    theta.iter().zip(pinned).for_each(|(x, pinned)| assert!((x - pinned).abs() < 1e-12, "{theta:?}"));
}
