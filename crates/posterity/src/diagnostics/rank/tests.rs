//! Ranks: known values of the bands, false alarms at the stated rate, power against wrong posteriors.

use super::*;
use crate::seed::Seed;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Ranks of a Gaussian mean whose posterior is too wide by `width` and off by `shift` of its standard deviations.
fn ranks(seed: u64, n: usize, n_draws: usize, width: f64, shift: f64) -> Vec<usize> {
    let mut stream = Seed::new(seed).label("ranks").stream(0);
    (0..n)
        .map(|_| {
            let truth: f64 = stream.sample(StandardNormal);
            let draws: Vec<f64> =
                (0..n_draws).map(|_| shift + width * stream.sample::<f64, _>(StandardNormal)).collect();
            rank_of(truth, &draws)
        })
        .collect()
}

#[test]
fn false_alarms_come_at_the_stated_rate() {
    let (mut chi, mut ecdf) = (0, 0);
    let n = 600;
    for seed in 0..n {
        let ranks = ranks(seed, 100, 19, 1.0, 0.0);
        chi += usize::from(chi_squared_uniformity(&ranks, 20, 10).expect("valid").p_value < 0.1);
        ecdf += usize::from(ecdf_uniformity(&ranks, 20, 20).expect("valid").p_value < 0.1);
    }
    // 60 ± 7.3 expected; the discrete test may be a little below its level, never above.
    assert!((30..=90).contains(&chi), "{chi}");
    assert!((30..=90).contains(&ecdf), "{ecdf}");
}

#[test]
fn wrong_posteriors_are_found() {
    for (width, shift) in [(0.7, 0.0), (1.5, 0.0), (1.0, 0.3), (1.0, -0.3)] {
        let ranks = ranks(1, 500, 99, width, shift);
        assert!(chi_squared_uniformity(&ranks, 100, 20).expect("valid").p_value < 1e-3, "χ² {width} {shift}");
        assert!(ecdf_uniformity(&ranks, 100, 20).expect("valid").p_value < 1e-3, "ECDF {width} {shift}");
    }
    let right = ranks(2, 500, 99, 1.0, 0.0);
    assert!(chi_squared_uniformity(&right, 100, 20).expect("valid").p_value > 1e-2);
    assert!(ecdf_uniformity(&right, 100, 20).expect("valid").p_value > 1e-2);
}

#[test]
fn two_bins_are_the_binomial_test() {
    // 10 ranks, 2 bins, 9 in the lower: P(X ≥ 9 or X ≤ 1) = 2 · 11/1024.
    let ranks = [0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let found = ecdf_uniformity(&ranks, 4, 2).expect("valid");
    assert!((found.p_value - 22.0 / 1024.0).abs() < 1e-12 && (found.statistic - 22.0 / 1024.0).abs() < 1e-12);
    // χ² = 2 · 4²/5 with one degree of freedom: p = erfc(√3.2).
    let found = chi_squared_uniformity(&ranks, 4, 2).expect("valid");
    assert!((found.statistic - 6.4).abs() < 1e-12 && (found.p_value - libm::erfc(3.2f64.sqrt())).abs() < 1e-10);
    assert_eq!(chi_squared_uniformity(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 2, 2).expect("valid").p_value, 1.0);
}

#[test]
fn the_recursion_over_edges_is_a_probability() {
    let edges = [0.1, 0.25, 0.5, 0.9];
    assert!((coverage(50, &edges, -1.0) - 1.0).abs() < 1e-12);
    // Against counting: uniform draws that leave their pointwise intervals.
    let (level, mut stream) = (0.1, Seed::new(4).stream(0));
    let bounds: Vec<_> = edges.iter().map(|&edge| interval(&binomial(50, edge), level)).collect();
    let n = 40_000;
    let inside = (0..n).filter(|_| {
        let draws: Vec<f64> = (0..50).map(|_| stream.random()).collect();
        edges
            .iter()
            .zip(&bounds)
            .all(|(edge, (low, high))| (*low..=*high).contains(&draws.iter().filter(|x| *x < edge).count()))
    });
    let share = inside.count() as f64 / f64::from(n);
    assert!((share - coverage(50, &edges, level)).abs() < 0.01, "{share}");
}

#[test]
fn bands_cover_what_they_say() {
    let band = ecdf_band(200, 100, 20, 0.95).expect("valid");
    assert!(band.coverage >= 0.95 && band.coverage < 0.97, "{}", band.coverage);
    assert!(
        band.low
            .iter()
            .zip(&band.high)
            .zip(&band.edges)
            .all(|((low, high), edge)| { (*low as f64) < 200.0 * edge && *high as f64 > 200.0 * edge })
    );
    let bins = histogram_band(200, 100, 20, 0.95).expect("valid");
    assert!(bins.iter().all(|(low, high)| *low < 10 && *high > 10 && *high < 24), "{bins:?}");
}

#[test]
fn bins_of_unequal_width_share_the_values() {
    let counts = counts(&(0..10).collect::<Vec<_>>(), 10, 3).expect("valid");
    assert_eq!(counts, [3, 3, 4]);
    for (bin, count) in counts.iter().enumerate() {
        assert_eq!(width(bin, 10, 3), *count as f64 / 10.0);
    }
}

#[test]
fn unusable_ranks_are_errors() {
    assert!(ecdf_uniformity(&[], 10, 2).expect_err("none").is_invalid_input());
    assert!(ecdf_uniformity(&[10], 10, 2).expect_err("too large").is_invalid_input());
    assert!(ecdf_uniformity(&[1], 10, 11).expect_err("bins").is_invalid_input());
    assert!(chi_squared_uniformity(&[1; 9], 10, 2).expect_err("few").to_string().contains("fewer bins"));
    assert!(ecdf_band(10, 10, 2, 1.0).expect_err("probability").is_invalid_input());
    assert!(histogram_band(10, 10, 1, 0.9).expect_err("bins").is_invalid_input());
}
