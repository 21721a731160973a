//! Power spectra, given and measured.

use super::super::*;
use super::{PLANCK, noise};

/// Pinned; within some per cent of a Boltzmann code's spectrum of the same cosmology (k, P).
const CAMB: [(f64, f64); 10] = [
    (0.01, 21642.0),
    (0.02, 23730.0),
    (0.05, 12188.0),
    (0.08, 8091.1),
    (0.1, 5423.9),
    (0.2, 1944.2),
    (0.3, 875.98),
    (0.5, 312.72),
    (1.0, 67.437),
    (3.0, 4.8289),
];

#[test]
fn the_fit_is_that_of_a_boltzmann_code_within_its_accuracy() {
    let power = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    assert!((power.sigma8() / PLANCK.sigma8 - 1.0).abs() < 1e-12);
    for (k, p) in CAMB {
        assert!((power.at(k) / p - 1.0).abs() < 0.05, "{k}: {} {p}", power.at(k));
    }
}

/// Values of equations 2 to 24 in another program, k in 1/Mpc.
#[test]
fn the_fit_is_that_of_the_paper() {
    let h = PLANCK.h;
    let transfer = eisenstein_hu::Transfer::new(PLANCK.omega_m * h * h, PLANCK.omega_b * h * h, 2.7255);
    for (k, exact) in [
        (1e-3, 0.984_689_093_964_007_2),
        (0.01, 0.679_983_569_552_370_7),
        (0.05, 0.194_138_692_267_498_9),
        (0.1, 0.083_223_239_101_885_1),
        (0.2, 0.031_205_764_598_242_63),
        (1.0, 0.002_482_056_237_396_418_8),
        (10.0, 4.491_620_452_790_525_4e-5),
    ] {
        assert!((transfer.at(k) / exact - 1.0).abs() < 1e-10, "{k}: {} {exact}", transfer.at(k));
    }
}

/// A table that just covers a grid lacks what σ8 is made of: rescaled by what it holds, P would be 5.6 % too high.
#[test]
fn a_table_without_all_of_sigma8_is_not_rescaled() {
    let fit = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let between = |low: f64, high: f64| {
        let k: Vec<f64> = (0..400).map(|i| low * (high / low).powf(i as f64 / 399.0)).collect();
        LinearPower::table(&k, &k.iter().map(|k| fit.at(*k)).collect::<Vec<_>>()).expect("valid")
    };
    assert!(fit.covers_sigma8() && between(1e-4, 10.0).covers_sigma8());
    let rescaled = between(1e-4, 10.0).normalised_to(PLANCK.sigma8).expect("all there");
    assert!((rescaled.at(0.2) / fit.at(0.2) - 1.0).abs() < 3e-3, "{} {}", rescaled.at(0.2), fit.at(0.2));
    let short = between(0.05, 2.8);
    assert!(!short.covers_sigma8() && short.sigma8() < 0.975 * PLANCK.sigma8);
    let error = short.normalised_to(PLANCK.sigma8).expect_err("too short");
    assert!(error.is_invalid_input());
    assert_eq!(
        error.to_string(),
        "the power spectrum covers k = 5.0000e-2 to 2.8000e0 h/Mpc, which holds only 94.7 % of sigma8²; \
         give a table from 1e-4 to 10 h/Mpc, or leave sigma8 out"
    );
}

#[test]
fn a_table_of_no_universe_is_suspected() {
    let fit = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    fit.check_sigma8().expect("a universe");
    let of = |low: f64, value: &dyn Fn(f64) -> f64| {
        let k: Vec<f64> = (0..400).map(|i| low * (10.0 / low).powf(i as f64 / 399.0)).collect();
        LinearPower::table(&k, &k.iter().map(|k| value(*k)).collect::<Vec<_>>()).expect("valid").check_sigma8()
    };
    of(1e-4, &|k| fit.at(k)).expect("a universe");
    // What it lacks is continued: below 0.5 h/Mpc is nearly all of σ8.
    of(0.5, &|k| fit.at(k) / 40.0).expect("might be one");
    let told = |low: f64, value: &dyn Fn(f64) -> f64| of(low, value).expect_err("none").to_string();
    let text = told(1e-4, &|k| k.powi(3) * fit.at(k) / (2.0 * std::f64::consts::PI.powi(2)));
    assert!(text.contains("as if of Δ² = k³P/2π² (sigma8 = 0.81) rather than of P; give k [h/Mpc]"), "{text}");
    // Of a redshift near 100, and one without the (2π)³ of some codes.
    for (factor, sigma8) in [(1.6e-4, "1.02"), (248.05, "1.27")] {
        let text = told(1e-4, &|k| factor * fit.at(k));
        assert!(text.contains(&format!("is {sigma8}")) && text.contains(", not between 0.1 and 3"), "{text}");
        assert!(text.contains("another normalisation or redshift"), "{text}");
    }
}

/// What eight digits leave of the grid's own ends is within the table.
#[test]
fn a_table_printed_at_the_ends_of_the_grid_covers_it() {
    for (n, length) in [(32, 128.0), (64, 500.0), (17, 300.0)] {
        let grid = Grid::new(n, length).expect("valid");
        let printed = |k: f64| format!("{k:.7e}").parse::<f64>().expect("a number");
        let (low, high) = (printed(grid.k_fundamental()), printed(grid.k_max()));
        let covers =
            |low: f64, high: f64| LinearPower::table(&[low, high], &[2.0, 1.0]).expect("valid").check_covers(&grid);
        covers(low, high).expect("covers");
        for (low, high) in [(low * (1.0 + 3e-6), high), (low, high * (1.0 - 3e-6))] {
            let text = covers(low, high).expect_err("ends within").to_string();
            let said = |low: f64, high: f64| format!("{low:.7e} to {high:.7e}");
            let (own, needed) = (said(low, high), said(grid.k_fundamental(), grid.k_max()));
            assert!(own != needed && text.contains(&own) && text.contains(&needed), "{text}");
        }
    }
}

#[test]
fn a_table_is_interpolated_in_logarithms_and_normalised() {
    let k: Vec<f64> = (0..400).map(|i| 1e-4 * 10f64.powf(i as f64 * 6.0 / 399.0)).collect();
    let power = LinearPower::table(&k, &k.iter().map(|k| 3.0 * k.powf(-1.3)).collect::<Vec<_>>()).expect("valid");
    for k in [1e-4, 0.0123, 0.9, 99.0, 1e-5] {
        assert!((power.at(k) / (3.0 * k.powf(-1.3)) - 1.0).abs() < 1e-12);
    }
    assert_eq!(power.at(0.0), 0.0);
    let power = power.normalised_to(0.9).expect("valid");
    assert!((power.sigma8() - 0.9).abs() < 1e-12);
    // A table of the fit has its σ8.
    let fit = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let table = LinearPower::table(&k, &k.iter().map(|k| fit.at(*k)).collect::<Vec<_>>()).expect("valid");
    assert!((table.sigma8() / PLANCK.sigma8 - 1.0).abs() < 1e-3, "{}", table.sigma8());
}

#[test]
fn a_table_that_does_not_serve_is_refused() {
    let path = std::env::temp_dir().join(format!("posterity_power_{}.txt", std::process::id()));
    let read = |text: &str| {
        std::fs::write(&path, text).expect("writes");
        let power = LinearPower::read(&path);
        std::fs::remove_file(&path).expect("removes");
        power
    };
    let good = read("# k P\n\n1e-3 1000 \n 1.0\t10\n").expect("valid");
    assert!((good.at(1e-3) - 1000.0).abs() < 1e-9);
    let grid = Grid::new(64, 128.0).expect("valid");
    let text = good.check_covers(&grid).expect_err("too short").to_string();
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
    let ranges =
        "k = 1.0000000e-3 to 1.0000000e0 h/Mpc, the grid of 64³ cells in 128 Mpc/h needs 4.9087385e-2 to 2.7206990e0";
    assert!(text.contains(ranges), "{text}");
    let growth = Background::new(0.3, -1.0).expect("valid").growth(1.0).expect("valid");
    assert!(
        Gravity::new(grid, &good, &growth, Order::Two, MassAssignment::CloudInCell)
            .expect_err("too short")
            .is_invalid_input()
    );
    good.check_covers(&Grid::new(16, 128.0).expect("valid")).expect("covers");
    let text = good.normalised_to(0.8).expect_err("too short").to_string();
    assert!(text.contains(&*path.to_string_lossy()) && text.contains("holds only 96.7 % of sigma8²"), "{text}");
    for (text, says) in [
        ("1 2\n3 x\n", ":2: `3 x` is not two numbers"),
        ("1 2\n3\n", "two numbers"),
        ("1 2 3\n", "two numbers"),
        ("1 2\n", "1 k and 1 P(k)"),
        ("1 2\n1 2\n", "comes after"),
        ("0 2\n1 2\n", "row 1 of the power spectrum has k = 0"),
        ("1 2\n2 -2\n", "row 2 of the power spectrum has P(k) = -2"),
        ("1 2\n2 nan\n", "P(k) = NaN"),
        ("1 inf\n2 2\n", "P(k) = inf"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.is_invalid_input() && error.to_string().contains(says), "{error}");
    }
    assert!(LinearPower::read(&path).expect_err("no file").is_io());
    for (wrong, key) in [
        (Cosmology { omega_b: 0.4, ..PLANCK }, "omega_b"),
        (Cosmology { omega_m: f64::NAN, ..PLANCK }, "omega_b"),
        (Cosmology { h: 67.0, ..PLANCK }, "h"),
        (Cosmology { n_s: f64::NAN, ..PLANCK }, "n_s"),
        (Cosmology { sigma8: 0.0, ..PLANCK }, "sigma8"),
    ] {
        let error = LinearPower::eisenstein_hu(&wrong).expect_err("refused");
        assert!(error.is_invalid_input() && error.key() == Some(key), "{error}");
    }
}

/// The spectrum of δ_lin is the one given: the mean of 16 fields; a shell's error is √(2/modes).
#[test]
fn the_spectrum_of_linear_fields_is_the_one_given() {
    let (n, length) = (24, 300.0);
    let grid = Grid::new(n, length).expect("valid");
    let power = LinearPower::eisenstein_hu(&PLANCK).expect("valid");
    let mut lpt = super::lpt(n, length, Order::One);
    let mut spectra = Spectra::new(grid, &Bins::Fundamental).expect("valid");
    let mut delta = vec![0.0; n.pow(3)];
    let (mut sums, n_fields) = (vec![0.0; n / 2], 16);
    let mut modes = vec![];
    for i in 0..n_fields {
        lpt.linear_density(&noise(&format!("field {i}"), n.pow(3)), &mut delta).expect("sized");
        modes = spectra.power(&delta, None).expect("sized");
        sums.iter_mut().zip(&modes).for_each(|(sum, bin)| *sum += bin.power_a / n_fields as f64);
    }
    for (mean, bin) in sums.iter().zip(&modes) {
        let error = (2.0 / (n_fields * bin.n_modes) as f64).sqrt();
        // P bends inside of a shell: some per cent for the first ones.
        assert!((mean / power.at(bin.k) - 1.0).abs() < 5.0 * error + 0.03, "{bin:?} {mean} {}", power.at(bin.k));
    }
}

#[test]
fn estimators_have_known_answers() {
    let (n, length) = (12, 60.0);
    let grid = Grid::new(n, length).expect("valid");
    let mut spectra = Spectra::new(grid, &Bins::Fundamental).expect("valid");
    let a = noise("a", n.pow(3));
    let scaled: Vec<f64> = a.iter().map(|a| 1.0 - 3.0 * a).collect();
    let bins = spectra.cross(&scaled, &a, [None; 2]).expect("sized");
    assert_eq!(bins.len(), n / 2);
    for bin in &bins {
        assert!((bin.correlation() + 1.0).abs() < 1e-12 && (bin.transfer() - 3.0).abs() < 1e-12);
    }
    // All modes with m² < 2.25: 6 of length 1, 12 of length √2.
    assert_eq!(bins[0].n_modes, 18);
    // Parseval: all modes together have the variance of the field.
    let edges = Bins::Edges(vec![0.5 * grid.k_fundamental(), 2.0 * grid.k_max()]);
    let all = Spectra::new(grid, &edges).expect("valid").power(&a, None).expect("sized")[0];
    assert_eq!(all.n_modes, n.pow(3) - 1);
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    let variance = a.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / a.len() as f64;
    assert!((all.power_a * all.n_modes as f64 / grid.volume() / variance - 1.0).abs() < 1e-12);
    // A wave of amplitude 2 along y has P = V at its two modes; the window is sinc² of half its phase per cell.
    let phase = |i: usize| 2.0 * std::f64::consts::PI * 2.0 * (i / n % n) as f64 / n as f64;
    let wave: Vec<f64> = (0..n.pow(3)).map(|i| 2.0 * phase(i).cos()).collect();
    let plain = spectra.power(&wave, None).expect("sized")[1];
    assert!((plain.power_a * plain.n_modes as f64 / (2.0 * grid.volume()) - 1.0).abs() < 1e-12);
    let half = std::f64::consts::PI * 2.0 / n as f64;
    let ratio = spectra.power(&wave, Some(MassAssignment::CloudInCell)).expect("sized")[1].power_a / plain.power_a;
    assert!((ratio * (half.sin() / half).powi(4) - 1.0).abs() < 1e-12);
    for edges in [vec![], vec![1.0], vec![1.0, 1.0], vec![-1.0, 1.0], vec![0.0, f64::NAN]] {
        assert!(Spectra::new(grid, &Bins::Edges(edges)).expect_err("refused").is_invalid_input());
    }
    assert!(spectra.power(&a[1..], None).expect_err("refused").is_invalid_input());
}
