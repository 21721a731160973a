//! The exact posterior of the Pantheon supernovae, against the figures of an independent grid and the published ones.

mod exact;

use exact::{Axis, Offset, Posterior, offset, posterior};
use posterity::simulator::Supernovae;
use std::path::Path;

fn pantheon(with_systematics: bool) -> Supernovae {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pantheon");
    let covariance = with_systematics.then(|| folder.join("sys_DS17f.txt"));
    Supernovae::from_files(&folder.join("lcparam_DS17f.txt"), covariance.as_deref()).expect("the release")
}

fn lcdm(with_systematics: bool) -> Posterior {
    let w = Axis { low: -1.5, high: -0.5, n: 1 };
    posterior(&pantheon(with_systematics), Axis { low: 0.0, high: 1.0, n: 4000 }, w)
}

fn wcdm(with_systematics: bool, w: Axis) -> Posterior {
    posterior(&pantheon(with_systematics), Axis { low: 0.0, high: 1.0, n: 250 }, w)
}

/// The figures are rounded: half a unit of the last digit, and a little for the other grid.
fn close(value: f64, figure: f64, rounding: f64) -> bool {
    (value - figure).abs() < 0.6 * rounding
}

#[test]
fn lcdm_has_the_known_posterior() {
    for (with_systematics, mean, sd, best, chi2) in
        [(true, 0.2974, 0.0218, 0.2975, 39.30), (false, 0.2845, 0.0126, 0.2850, 49.74)]
    {
        let p = lcdm(with_systematics);
        assert!(close(p.mean[0], mean, 1e-4) && close(p.sd[0], sd, 1e-4), "{:?} {:?}", p.mean, p.sd);
        // The grid behind the figures had steps of 0.0025.
        assert!(close(p.best[0], best, 2.5e-3) && close(p.chi2, chi2, 0.01), "{:?} {}", p.best, p.chi2);
    }
    // Scolnic et al. 2018, Table 8.
    let p = lcdm(true);
    assert!(close(p.mean[0], 0.298, 2e-3) && close(p.sd[0], 0.022, 1e-3));
}

#[test]
fn wcdm_has_the_known_posterior() {
    let wide = Axis { low: -3.0, high: 0.0, n: 600 };
    for (with_systematics, mean, sd, best, chi2) in [
        (true, [0.314, -1.091], [0.075, 0.221], [0.315, -1.050], 39.22),
        (false, [0.354, -1.269], [0.034, 0.145], [0.359, -1.275], 46.03),
    ] {
        let p = wcdm(with_systematics, wide);
        for alpha in 0..2 {
            assert!(close(p.mean[alpha], mean[alpha], 1e-3), "{:?}", p.mean);
            assert!(close(p.sd[alpha], sd[alpha], 1e-3), "{:?}", p.sd);
        }
        // The best point of the coarser grid behind the figures has their χ²; this grid finds a slightly better one.
        let supernovae = pantheon(with_systematics);
        let at_best = offset(&supernovae, best[0], best[1], supernovae.observed()).chi2;
        assert!(close(at_best, chi2, 0.01), "{at_best}");
        assert!(p.chi2 < at_best + 1e-3 && p.chi2 > at_best - 0.02, "{}", p.chi2);
    }
}

#[test]
fn the_prior_edges_of_w_move_the_posterior_by_under_one_per_cent() {
    let (wide, narrow) = (Axis { low: -3.0, high: 0.0, n: 600 }, Axis { low: -2.0, high: -0.33, n: 334 });
    let (wide, narrow) = (wcdm(true, wide), wcdm(true, narrow));
    for alpha in 0..3 {
        assert!((wide.mean[alpha] - narrow.mean[alpha]).abs() < 0.01 * wide.sd[alpha]);
        assert!((wide.sd[alpha] / narrow.sd[alpha] - 1.0).abs() < 0.01);
    }
}

#[test]
fn the_offset_is_marginalised_as_the_likelihood_says() {
    let supernovae = pantheon(true);
    let data = supernovae.observed();
    let integral = |omega_m: f64, w: f64| {
        let Offset { best, sd, chi2 } = offset(&supernovae, omega_m, w, data);
        // ±8 σ by the rule of rectangles, which converges faster than any power for a Gaussian.
        let n = 160;
        let ln = |k: i32| {
            supernovae.log_likelihood(&[omega_m, w, best + 0.1 * sd * f64::from(k - n / 2)], data).expect("possible")
        };
        let (peak, sum) = (ln(n / 2), (0..=n).map(|k| (ln(k) - ln(n / 2)).exp()).sum::<f64>());
        assert!((0.1 * sum - (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-12, "{sum}");
        (peak + (0.1 * sd * sum).ln(), chi2)
    };
    let ((a, chi2_a), (b, chi2_b)) = (integral(0.3, -1.0), integral(0.4, -1.4));
    assert!((a - b + 0.5 * (chi2_a - chi2_b)).abs() < 1e-10, "{a} {b} {chi2_a} {chi2_b}");
}
