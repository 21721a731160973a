//! Laws and faults of the supernova simulator: known magnitudes, the noise's covariance, every error of the files.

use super::*;
use crate::seed::Seed;
use std::path::PathBuf;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pantheon").join(name)
}

fn pantheon() -> Supernovae {
    Supernovae::from_files(&example("lcparam_DS17f.txt"), Some(&example("sys_DS17f.txt"))).expect("the release")
}

#[test]
fn the_release_is_read() {
    let supernovae = pantheon();
    assert_eq!(supernovae.shape(), [40]);
    assert_eq!((supernovae.observed()[0], supernovae.redshifts()[39]), (14.57001926, 1.6123));
    let covariance = supernovae.covariance().lower();
    let variance = covariance.row(0)[0].powi(2);
    assert!((variance - (0.0311 * 0.0311 + 0.000455)).abs() < 1e-15, "{variance}");
    let alone = Supernovae::from_files(&example("lcparam_DS17f.txt"), None).expect("the table");
    assert!((alone.covariance().lower()[(0, 0)] - 0.0311).abs() < 1e-15);
}

#[test]
fn the_offset_is_that_of_the_text() {
    // M_B + 25 + 5 log10(c/H0) and a distance modulus in Mpc, for Einstein–de Sitter at z = 1.
    let offset = -19.36 + 25.0 + 5.0 * (299_792.458_f64 / 70.0).log10();
    assert!((offset - 23.80).abs() < 0.005, "{offset}");
    let supernovae = Supernovae::new(&[1.0], &[1.0], &[24.0], &Matrix::identity(1)).expect("valid");
    let mut mean = [0.0];
    supernovae.mean(&[1.0, -1.0, offset], &mut mean).expect("valid");
    let luminosity_distance: f64 = 2.0 * 299_792.458 / 70.0 * 2.0 * (1.0 - 0.5_f64.sqrt());
    assert!((mean[0] - (-19.36 + 25.0 + 5.0 * luminosity_distance.log10())).abs() < 1e-12);
}

#[test]
fn the_heliocentric_redshift_enters_outside_the_integral_only() {
    let covariance = Matrix::identity(1);
    let mean = |zcmb: f64, zhel: f64| {
        let mut mean = [0.0];
        let supernovae = Supernovae::new(&[zcmb], &[zhel], &[20.0], &covariance).expect("valid");
        supernovae.mean(&[0.3, -1.0, 23.8], &mut mean).expect("valid");
        mean[0]
    };
    let difference = mean(0.02, 0.021) - mean(0.02, 0.02);
    assert!((difference - 5.0 * (1.021_f64 / 1.02).log10()).abs() < 1e-12, "{difference}");
}

#[test]
fn the_noise_has_the_covariance() {
    // 40 000 draws: an element has a standard error of at most √2/200 of its scale; 6 of those in none of 820.
    let supernovae = pantheon();
    let theta = [0.3, -1.0, 23.8];
    let n_s = 40_000;
    let mut mean = vec![0.0; 40];
    supernovae.mean(&theta, &mut mean).expect("valid");
    let mut sample = Matrix::zeros(40, 40);
    let mut data = vec![0.0; 40];
    for i in 0..n_s {
        supernovae.simulate(&theta, &mut Seed::new(4).stream(i), &mut data).expect("valid");
        data.iter_mut().zip(&mean).for_each(|(d, m)| *d -= m);
        for i in 0..40 {
            for j in 0..=i {
                sample[(i, j)] += data[i] * data[j] / n_s as f64;
            }
        }
    }
    let lower = supernovae.covariance().lower();
    let exact = lower.times(&lower.transpose());
    for i in 0..40 {
        for j in 0..=i {
            let scale = (exact[(i, i)] * exact[(j, j)]).sqrt();
            assert!((sample[(i, j)] - exact[(i, j)]).abs() < 6.0 * 0.00708 * scale, "({i}, {j})");
        }
    }
}

#[test]
fn the_likelihood_is_normalised_and_peaks_at_the_mean() {
    let covariance = Matrix::from_rows(2, 2, vec![0.04, 0.01, 0.01, 0.09]);
    let supernovae = Supernovae::new(&[0.1, 0.5], &[0.1, 0.5], &[18.9, 22.8], &covariance).expect("valid");
    let theta = [0.3, -1.0, 23.8];
    let mut data = [0.0; 2];
    supernovae.mean(&theta, &mut data).expect("valid");
    let peak = supernovae.log_likelihood(&theta, &data).expect("valid");
    let two_pi = 2.0 * std::f64::consts::PI;
    assert!((peak + (two_pi * 0.0035_f64.sqrt()).ln()).abs() < 1e-12, "{peak}");
    data[0] += 0.2;
    // The (1, 1) element of the inverse covariance is 0.09/0.0035.
    let lower = supernovae.log_likelihood(&theta, &data).expect("valid");
    assert!((peak - lower - 0.5 * 0.04 * 0.09 / 0.0035).abs() < 1e-12);
    assert!(supernovae.log_likelihood(&theta, &[1.0]).expect_err("length").is_invalid_input());
}

/// A folder of its own for each test, taken away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("posterity-supernovae-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const TABLE: &str = "# a survey\n#name zcmb zhel dz mb dmb\na 0.1 0.1 0 18.9 0.1\n\nb 0.5 0.5 0 22.8 0.1\n";

#[test]
fn columns_are_found_by_their_names() {
    let folder = Folder::new("columns");
    let table = folder.write("t.txt", "dmb mb extra zhel zcmb\n0.2 18.9 x 0.11 0.1\n# no row\n0.3 22.8 y 0.51 0.5\n");
    let covariance = folder.write("c.txt", "# systematic\n2 0.01 0.001 # first row\n0.001 0.02\n");
    let supernovae = Supernovae::from_files(&table, Some(&covariance)).expect("valid");
    assert_eq!((supernovae.redshifts(), supernovae.observed()), (&[0.1, 0.5][..], &[18.9, 22.8][..]));
    let lower = supernovae.covariance().lower();
    let total = lower.times(&lower.transpose());
    let expected = Matrix::from_rows(2, 2, vec![0.05, 0.001, 0.001, 0.11]);
    assert!(total.plus(&expected.scaled(-1.0)).frobenius_norm() < 1e-15);
}

#[test]
fn faults_of_the_table_are_named() {
    let folder = Folder::new("table");
    for (from, to, line, message) in [
        ("#name zcmb", "#name z", None, "no line names the columns"),
        ("zhel dz", "zh dz", Some(2), "no column `zhel`; name one, a copy of zcmb"),
        ("mb dmb", "mb err", Some(2), "no column `dmb`; name one, 0 in each row"),
        ("0 18.9", "0 NaN", Some(3), "`mb` is `NaN`, not a finite number"),
        ("0 18.9", "0 18,9", Some(3), "`mb` is `18,9`"),
        ("b 0.5", "b -0.5", Some(5), "the redshift zcmb is -0.5"),
        ("b 0.5 0.5", "b 0.5 0", Some(5), "the redshift zhel is 0"),
        ("22.8 0.1", "22.8 -0.1", Some(5), "the error dmb is -0.1"),
        ("22.8 0.1", "22.8", Some(5), "5 values under the 6 names"),
        ("22.8 0.1", "22.8 0.1 0", Some(5), "7 values under the 6 names"),
        ("18.9 0.1", "18.9 0.1 0", Some(3), "7 values under the 6 names"),
        ("0 18.9", "0.01 18.9", Some(3), "`dz` is 0.01"),
        ("#name zcmb zhel dz", "#name zcmb zhel x1", None, ""),
        ("a 0.1 0.1 0 18.9 0.1\n\nb 0.5 0.5 0 22.8 0.1\n", "", Some(2), "no supernova"),
        ("22.8 0.1", "22.8 0", None, "not positive definite; check the errors dmb"),
    ] {
        let path = folder.write("t.txt", &TABLE.replace(from, to));
        let outcome = Supernovae::from_files(&path, None);
        if message.is_empty() {
            outcome.expect("a column of zeros is no fault");
            continue;
        }
        let error = outcome.expect_err(message);
        let place = line.map_or(format!("{}: ", path.display()), |line| format!("{}:{line}: ", path.display()));
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().starts_with(&place) && error.to_string().contains(message), "{error}");
    }
    let error = Supernovae::from_files(&folder.0.join("absent.txt"), None).expect_err("absent");
    assert!(error.is_io() && error.to_string().contains("absent.txt"), "{error}");
}

#[test]
fn faults_of_the_covariance_are_named() {
    let folder = Folder::new("covariance");
    let table = folder.write("t.txt", TABLE);
    for (text, line, message) in [
        ("", None, "is empty"),
        ("3\n1 0 0\n0 1 0\n0 0 1", Some(1), "a covariance of 3 supernovae for a table of 2"),
        ("2\n1 0\n0", Some(3), "3 numbers after the first, where 2 × 2 = 4"),
        ("2\n1 0\n0 1\n5", Some(4), "5 numbers after the first"),
        ("2\n1 0\n0 nan", Some(3), "`covariance` is `nan`"),
        ("two\n1 0\n0 1", Some(1), "`number of supernovae` is `two`"),
        ("2\n1 0.1\n0.2 1", Some(3), "not symmetric: (2, 1) is 0.2 and (1, 2) is 0.1"),
        ("2\n1 2\n2 1", None, "not positive definite"),
    ] {
        let path = folder.write("c.txt", text);
        let error = Supernovae::from_files(&table, Some(&path)).expect_err(message);
        let place = line.map_or(format!("{}: ", path.display()), |line| format!("{}:{line}: ", path.display()));
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().starts_with(&place) && error.to_string().contains(message), "{error}");
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let unit = Matrix::identity(2);
    let z = [0.1, 0.2];
    assert!(Supernovae::new(&z, &z[..1], &[1.0, 2.0], &unit).expect_err("lengths").is_invalid_input());
    assert!(Supernovae::new(&[], &[], &[], &Matrix::zeros(0, 0)).expect_err("empty").is_invalid_input());
    assert!(Supernovae::new(&z, &[0.1, f64::NAN], &[1.0, 2.0], &unit).expect_err("NaN").is_invalid_input());
    assert!(Supernovae::new(&z, &z, &[1.0, f64::INFINITY], &unit).expect_err("infinite").is_invalid_input());
    let skew = Matrix::from_rows(2, 2, vec![1.0, 0.1, 0.0, 1.0]);
    assert!(Supernovae::new(&z, &z, &[1.0, 2.0], &skew).expect_err("skew").to_string().contains("not symmetric"));
}
