//! Samples as GetDist text chains: `root_1.txt`, `root.paramnames`, `root.ranges`, as `getdist.loadMCSamples` reads them.
//!
//! A row of `root_1.txt` is weight, −ln likelihood, parameters. Weights are scaled to a mean of one, so that unweighted
//! draws have weight 1; draws of zero weight, which GetDist would drop, are left out. The likelihood is not known where
//! these samples come from (that is why they were simulated), so the second column is 0 throughout: GetDist's
//! best-fit and likelihood statistics mean nothing for these chains, everything else does.
//!
//! In Python: `getdist.loadMCSamples("root", settings={"ignore_rows": 0})`; the draws are independent, so nothing is to
//! be discarded as burn-in.
//!
//! Reference: Lewis 2019, GetDist: a Python package for analysing Monte Carlo samples, arXiv:1910.13970.

use super::{Samples, check_name};
use crate::error::{Error, Result};
use crate::whole_file::{write_text, write_whole};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes the three files beside each other; `bounds` is the support of each parameter's prior, infinite where it
/// has no end.
///
/// # Errors
/// Invalid input, if there is not one pair of bounds a parameter, or as [`check_name`]; io, if the folder cannot be written.
pub fn write_getdist(samples: &Samples, root: &Path, bounds: &[(f64, f64)]) -> Result<()> {
    if bounds.len() != samples.n_params() {
        return Err(Error::invalid_input(format!("{} bounds for {} parameters", bounds.len(), samples.n_params())));
    }
    let (mut names, mut ranges) = (String::new(), String::new());
    for (parameter, &(low, high)) in samples.parameters.iter().zip(bounds) {
        let name = &parameter.name;
        check_name(name)?;
        let label = parameter.latex.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a String cannot fail.
        let _ = writeln!(names, "{name}\t{label}");
        let _ = writeln!(ranges, "{name} {} {}", end(low), end(high));
    }
    write_text(&beside(root, ".paramnames"), &names)?;
    write_text(&beside(root, ".ranges"), &ranges)?;
    let chain = beside(root, "_1.txt");
    write_whole(&chain, |out| {
        let failed = |source: std::io::Error| Error::io(&chain, &source);
        for (i, weight) in samples.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            write!(out, "{:e} 0", weight * samples.n_samples() as f64).map_err(failed)?;
            samples.draw(i).iter().try_for_each(|x| write!(out, " {x:e}")).map_err(failed)?;
            writeln!(out).map_err(failed)?;
        }
        Ok(())
    })
}

fn end(bound: f64) -> String {
    if bound.is_finite() { format!("{bound:e}") } else { "N".to_string() }
}

fn beside(root: &Path, ending: &str) -> PathBuf {
    let mut name = root.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::Parameter;

    #[test]
    fn the_text_gives_back_the_draws_and_the_bounds() {
        let dir = std::env::temp_dir().join(format!("posterity-getdist-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let parameters = vec![Parameter::new("omega_m", r"\Omega_m"), Parameter::new("w", "w")];
        let theta = vec![0.1, -1.0, 0.2, -0.9, 0.3, -1.0 / 3.0];
        let samples = Samples::new(parameters, theta.clone(), vec![1.0, 0.0, 3.0]).expect("valid");
        let root = dir.join("pmc.v2");
        write_getdist(&samples, &root, &[(0.0, 1.0), (f64::NEG_INFINITY, 0.5)]).expect("written");
        let read = |ending| std::fs::read_to_string(beside(&root, ending)).expect("there");
        assert_eq!(read(".paramnames"), "omega_m\t\\Omega_m\nw\tw\n");
        assert_eq!(read(".ranges"), "omega_m 0e0 1e0\nw N 5e-1\n");
        let rows: Vec<Vec<f64>> =
            read("_1.txt").lines().map(|l| l.split(' ').map(|x| x.parse().expect("number")).collect()).collect();
        assert_eq!(rows, vec![vec![0.75, 0.0, 0.1, -1.0], vec![2.25, 0.0, 0.3, -1.0 / 3.0]]);
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn names_that_getdist_would_misread_are_refused() {
        for name in ["", "a b", "derived*"] {
            let samples = Samples::new(vec![Parameter::new(name, "")], vec![1.0], vec![1.0]).expect("valid");
            assert!(write_getdist(&samples, Path::new("unused"), &[(0.0, 1.0)]).expect_err("bad").is_invalid_input());
        }
    }
}
