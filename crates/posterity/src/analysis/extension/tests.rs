//! Laws of model extensions: what the check refuses, and that a run that is stopped ends as one that is not.

use super::super::{Simulating, simulate, template};
use super::*;
use crate::field::{Background, Gravity, Grid, LinearPower, MassAssignment, Order};
use crate::npy;
use crate::progress::{Progress, Quiet};
use crate::seed::Seed;
use rand::RngExt;
use rand_distr::{Distribution, Poisson, StandardNormal};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

const N: usize = 8;

const BASE: &str = r#"
title = "mock"
seed = 3
[field]
n = 8
box_length = 64.0
density = "density.npy"
white_noise = "noise.npy"
[field.cosmology]
omega_m = 0.3
h = 0.7
[field.power]
kind = "table"
path = "power.txt"
[halos]
path = "halos.csv"
min_mass = 1e13
[sample]
n_chains = 2
n_warm_up = 60
n_draws = 20
save_every = 6
n_fields = 4
[compare]
models = ["homogeneous", "truncated_power"]
mass_bins = 2
n_components = [1, 2]
n_starts = 1
"#;

/// Lines that nothing uses where the weights are sampled alone.
const UNUSED: [&str; 2] = ["white_noise = \"noise.npy\"\n", "n_fields = 4\n"];

/// A folder with a mock: white noise, its density, and halos drawn from the density.
fn mock(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("posterity-extension-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("made");
    let k: Vec<f64> = (0..100).map(|i| 0.01 * 1.08_f64.powi(i)).collect();
    let p: Vec<f64> = k.iter().map(|k| 2e4 * (k / 0.02) / (1.0 + (k / 0.02).powf(2.5))).collect();
    let table = k.iter().zip(&p).fold(String::new(), |mut text, (k, p)| {
        let _ = writeln!(text, "{k:.8e} {p:.8e}");
        text
    });
    std::fs::write(folder.join("power.txt"), table).expect("written");
    let power = LinearPower::table(&k, &p).expect("table");
    let growth = Background::new(0.3, -1.0).expect("flat").growth(1.0).expect("today");
    let grid = Grid::new(N, 64.0).expect("grid");
    let mut gravity = Gravity::new(grid, &power, &growth, Order::Two, MassAssignment::CloudInCell).expect("covered");
    let mut stream = Seed::new(5).stream(0);
    let noise: Vec<f64> = (0..N * N * N).map(|_| StandardNormal.sample(&mut stream)).collect();
    let mut density = vec![0.0; noise.len()];
    gravity.density(&noise, &mut density).expect("sizes");
    let mut halos = "x,y,z,mass\n".to_owned();
    for (i, rho) in density.iter().enumerate() {
        let count: f64 = Poisson::new(0.3 * rho.powf(1.3) + 1e-9).expect("rate").sample(&mut stream);
        for _ in 0..count as usize {
            let x = [i / (N * N), i / N % N, i % N].map(|i| 8.0 * i as f64);
            let mass = 1.001e13 * stream.random_range(0.0_f64..1.0).powf(-1.0 / 1.1).min(30.0);
            let _ = writeln!(halos, "{},{},{},{mass:.6e}", x[0], x[1], x[2]);
        }
    }
    std::fs::write(folder.join("halos.csv"), halos).expect("written");
    npy::write(&folder.join("noise.npy"), &[N, N, N], &noise).expect("written");
    let contrast: Vec<f64> = density.iter().map(|rho| rho - 1.0).collect();
    npy::write(&folder.join("density.npy"), &[N, N, N], &contrast).expect("written");
    folder
}

fn read(folder: &Path, overrides: &[&str]) -> Result<Extension> {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    let file = folder.join("analysis.toml");
    let mut text = BASE.to_owned();
    if overrides.contains(&"sample.what=weights".to_owned()) {
        text = UNUSED.iter().fold(text, |text, line| text.replace(line, ""));
    }
    Extension::from_source(&file, &Source::new(&file, text, &overrides)?, &overrides)
}

/// The halos of the part of the box with x below three quarters of it.
fn part_of(halos: &str) -> String {
    let is_low = |line: &str| line.split(',').next().and_then(|x| x.parse::<f64>().ok()).is_none_or(|x| x < 48.0);
    halos.lines().filter(|line| is_low(line)).fold(String::new(), |text, line| text + line + "\n")
}

/// Asks for an end when it has been told of so many rounds.
struct StopAfter(AtomicU64, u64);

impl Progress for StopAfter {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64, _: &str) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn end(&self, _: &str) {}
    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= self.1
    }
}

/// Every chunk below a folder, by its name.
fn chunks(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("there") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(chunks(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("read")));
        }
    }
    found.sort();
    found
}

fn same_store(a: &Path, b: &Path, name: &str) {
    let (a, b) = (a.join(name), b.join(name));
    let relative = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let strip = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(root).expect("within").to_path_buf(), bytes);
        chunks(root).into_iter().map(strip).collect()
    };
    let (a, b) = (relative(&a), relative(&b));
    assert!(a.len() > 5, "{name} is nearly empty");
    assert_eq!(a.iter().map(|f| &f.0).collect::<Vec<_>>(), b.iter().map(|f| &f.0).collect::<Vec<_>>());
    for (a, b) in a.iter().zip(&b) {
        assert!(a.1 == b.1, "{} differs", a.0.display());
    }
}

#[test]
fn a_run_that_is_stopped_ends_as_one_that_is_not() {
    let folder = mock("stopped");
    for what in ["joint", "weights", "field"] {
        let known = folder.join("weights.npy");
        let weights = [&[1.0, 0.0, 0.0, 0.0, 0.0][..], &[1.0, 0.0, 0.0, 0.0, 0.0, -6.0].repeat(2)].concat();
        npy::write(&known, &[17], &weights).expect("written");
        let mut overrides = vec![format!("sample.what={what}")];
        if what != "weights" {
            overrides.push("sample.field.num_integration_steps=4".into());
        }
        if what != "field" {
            overrides.push("sample.weights.transitions=3".into());
        }
        if what == "field" {
            overrides.push("engine.weights=weights.npy".into());
        }
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let mut extension = read(&folder, &overrides).unwrap_or_else(|e| panic!("{what}: {e}"));
        let (whole, parts) = (folder.join(format!("{what}_whole")), folder.join(format!("{what}_parts")));
        std::fs::create_dir_all(&whole).expect("made");
        std::fs::create_dir_all(&parts).expect("made");
        sample(&extension, &whole, false, &Quiet).unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut n = 0;
        // Before the first draw, after 12 and 30, and after 54, where the one window of the warm-up ends.
        for rounds in [0, 2, 3, 4, 100] {
            let stop = StopAfter(AtomicU64::new(0), rounds);
            match sample(&extension, &parts, false, &stop) {
                Ok(()) => break,
                Err(error) => assert!(error.is_interrupted(), "{error}"),
            }
            n += 1;
        }
        assert_eq!(n, 4, "{what} was to be stopped");
        same_store(&whole, &parts, "chains.zarr");
        if what != "weights" {
            same_store(&whole, &parts, "fields.zarr");
        }
        compare(&extension, &whole, &Quiet).expect("compared");
        report_extension(&extension, &whole, &Quiet).unwrap_or_else(|e| panic!("{what}: {e}"));
        let results = ExtensionResults::read(&whole).expect("results");
        assert_eq!(results.comparison.len(), 4);
        assert!(results.comparison.iter().all(|row| row.held_out_per_halo.is_finite()));
        assert_eq!(results.blocks.len(), if what == "joint" { 2 } else { 1 });
        assert_eq!(results.weights.len(), if what == "field" { 0 } else { 17 });
        let page = std::fs::read_to_string(whole.join("report.html")).expect("page");
        assert!(page.contains("truncated power law") && page.contains("mass function"));
        // Another seed is another sampling: it neither goes on nor is reported.
        extension.seed += 1;
        let error = sample(&extension, &whole, false, &Quiet).expect_err("another").to_string();
        assert!(error.contains("the chains of another analysis") && error.contains("--overwrite"), "{error}");
        assert!(report_extension(&extension, &whole, &Quiet).is_err());
        sample(&extension, &whole, true, &Quiet).expect("overwritten");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn more_draws_go_on_from_those_that_are_there() {
    let folder = mock("more");
    for what in ["joint", "weights"] {
        let of = |n_draws: usize| {
            let mut overrides = vec![format!("sample.what={what}"), format!("sample.n_draws={n_draws}")];
            if what == "joint" {
                overrides.push("sample.field.num_integration_steps=4".into());
            }
            let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
            read(&folder, &overrides).unwrap_or_else(|e| panic!("{what}: {e}"))
        };
        let (whole, parts) = (folder.join(format!("{what}_whole")), folder.join(format!("{what}_parts")));
        std::fs::create_dir_all(&whole).expect("made");
        std::fs::create_dir_all(&parts).expect("made");
        // Chunks are of six draws: the second is not full at ten.
        sample(&of(10), &parts, false, &Quiet).expect("sampled");
        let error = report_extension(&of(20), &parts, &Quiet).expect_err("more draws").to_string();
        assert!(error.contains("10 draws of each chain, not 20") && error.contains("goes on"), "{error}");
        of(20).check_folder(&parts).expect("more draws of the same chains");
        sample(&of(20), &parts, false, &Quiet).expect("more");
        sample(&of(20), &whole, false, &Quiet).expect("sampled");
        same_store(&whole, &parts, "chains.zarr");
        if what == "joint" {
            // Fields stay as far apart as they were: three draws, not five.
            let kept = chunks(&parts.join("fields.zarr/posterior/density/c"));
            assert_eq!(kept.len(), 2 * 6, "six of each chain");
        }
        report_extension(&of(20), &parts, &Quiet).expect("reported");
        let error = sample(&of(10), &parts, false, &Quiet).expect_err("fewer").to_string();
        assert!(error.contains("more than the 10 asked for") && error.contains("sample.n_draws"), "{error}");
        assert!(report_extension(&of(10), &parts, &Quiet).is_err());
        sample(&of(10), &parts, true, &Quiet).expect("overwritten");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_report_reads_the_fields_that_it_shows() {
    let folder = mock("shown");
    let out = folder.join("out");
    std::fs::create_dir_all(&out).expect("made");
    let overrides = ["sample.n_draws=40", "sample.n_fields=40", "sample.field.num_integration_steps=2"];
    let extension = read(&folder, &overrides).expect("valid");
    sample(&extension, &out, false, &Quiet).expect("sampled");
    // Of two chains 30 fields each: the first and the second, but not the third.
    let chunk = |draw: usize| out.join(format!("fields.zarr/posterior/density/c/0/{draw}/0/0/0"));
    std::fs::remove_file(chunk(2)).expect("there");
    report_extension(&extension, &out, &Quiet).expect("reported");
    std::fs::remove_file(chunk(1)).expect("there");
    let error = report_extension(&extension, &out, &Quiet).expect_err("missing").to_string();
    assert!(error.contains("`density` of chain 0 are missing") && error.contains("fields.zarr"), "{error}");
    // So that the memory does not depend on how many there are.
    let gib = |n_fields: &str| read(&folder, &["sample.n_draws=4000", n_fields]).expect("valid").gib();
    assert_eq!(gib("sample.n_fields=40"), gib("sample.n_fields=4000"));
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_folder_keeps_what_is_in_it_and_what_is_missing_is_told() {
    let folder = mock("kept");
    let out = folder.join("out");
    let of = |seed: &str| read(&folder, &["sample.what=weights", seed]).expect("valid");
    let (mine, other) = (of("seed=1"), of("seed=2"));
    std::fs::create_dir_all(&out).expect("made");
    // The results of a likelihood-free analysis stay.
    let results = out.join("results.json");
    std::fs::write(&results, r#"{"version": "0", "parameters": []}"#).expect("written");
    for overwrite in [false, true] {
        let error = sample(&mine, &out, overwrite, &Quiet).expect_err("another kind").to_string();
        assert!(error.contains("another kind of analysis") && error.contains("--out"), "{error}");
    }
    assert!(mine.check_folder(&out).is_err() && std::fs::read_dir(&out).expect("there").count() == 1);
    std::fs::remove_file(&results).expect("removed");
    // So does what stages leave before there are results.
    std::fs::create_dir_all(out.join("simulations")).expect("made");
    let error = mine.check_folder(&out).expect_err("another kind").to_string();
    assert!(error.contains("another kind of analysis"), "{error}");
    std::fs::remove_dir(out.join("simulations")).expect("removed");
    run_extension(&mine, &out, false, &Quiet).expect("runs");
    // And a likelihood-free analysis leaves this one alone, by its chains or by its results.
    let text = template("gaussian").expect("there");
    let free = Analysis::from_text(&folder.join("free.toml"), &text, &[]).expect("right");
    let before = std::fs::read(&results).expect("there");
    for is_without_chains in [false, true] {
        if is_without_chains {
            std::fs::rename(out.join("sampling.json"), folder.join("sampling.json")).expect("moved");
        }
        let error = free.check_folder(&out).expect_err("an extension").to_string();
        assert!(error.contains("results of a model extension; name another folder with --out"), "{error}");
        let error = simulate(&free, &out, &Simulating::default(), &Quiet).expect_err("an extension");
        assert!(error.is_invalid_input() && std::fs::read(&results).expect("there") == before);
    }
    std::fs::rename(folder.join("sampling.json"), out.join("sampling.json")).expect("moved");
    free.check_folder(&folder.join("none")).expect("not there yet");
    // Chains of another seed are not taken for those of this one, also where one of them is missing.
    assert!(other.check_folder(&out).expect_err("another").to_string().contains("--overwrite"));
    std::fs::remove_file(out.join("chain_0.safetensors")).expect("there");
    sample(&other, &out, true, &Quiet).expect("overwritten");
    assert!(!out.join("figures").exists() && !out.join("report.html").exists());
    let fresh = folder.join("fresh");
    std::fs::create_dir_all(&fresh).expect("made");
    sample(&other, &fresh, false, &Quiet).expect("sampled");
    same_store(&out, &fresh, "chains.zarr");
    // What the chains did not see may change.
    let joint = |more: &[&str]| read(&folder, &[&["sample.n_warm_up=10", "sample.n_draws=4"], more].concat());
    let (out, text) = (folder.join("joint"), BASE.replace("density = \"density.npy\"\n", ""));
    let text = text[..text.find("[compare]").expect("there")].to_owned();
    let overrides = ["sample.n_warm_up=10".to_owned(), "sample.n_draws=4".to_owned()];
    let file = folder.join("analysis.toml");
    let source = Source::new(&file, text, &overrides).expect("parsed");
    let without = Extension::from_source(&file, &source, &overrides).expect("valid");
    std::fs::create_dir_all(&out).expect("made");
    sample(&without, &out, false, &Quiet).expect("sampled");
    joint(&[]).expect("valid").check_folder(&out).expect("the same chains");
    assert!(joint(&["engine.floor=0.02"]).expect("valid").check_folder(&out).is_err());
    // A chunk that is gone is not filled up.
    let mut weights = chunks(&fresh.join("chains.zarr/posterior/weights/c"));
    std::fs::remove_file(weights.remove(0).0).expect("there");
    let error = report_extension(&other, &fresh, &Quiet).expect_err("missing").to_string();
    assert!(error.contains("`weights` of chain 0 are missing") && error.contains("chains.zarr"), "{error}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn each_fault_is_told_before_any_work() {
    let folder = mock("faults");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    let halos = std::fs::read_to_string(folder.join("halos.csv")).expect("there");
    write("outside.csv", &format!("{halos}1,2,65,2e13\n"));
    write("nan.csv", &format!("{halos}1,NaN,3,2e13\n"));
    write("below.csv", &format!("{halos}1,2,3,9e12\n"));
    write("short.txt", "0.01 1e4\n0.02 1e4\n0.1 1e3\n");
    npy::write(&folder.join("small.npy"), &[4, 4, 4], &[0.0; 64]).expect("written");
    npy::write(&folder.join("rho.npy"), &[N, N, N], &[1.0; N * N * N]).expect("written");
    npy::write(&folder.join("zeros.npy"), &[N, N, N], &[0.0; N * N * N]).expect("written");
    let noise = npy::read(&folder.join("noise.npy"), &[("x", None), ("y", None), ("z", None)]).expect("there").data;
    let faint: Vec<f64> = noise.iter().map(|x| 0.6 * x).collect();
    npy::write(&folder.join("faint.npy"), &[N, N, N], &faint).expect("written");
    let broken: Vec<f64> = noise.iter().map(|x| if *x > 2.0 { f64::NAN } else { *x }).collect();
    npy::write(&folder.join("broken.npy"), &[N, N, N], &broken).expect("written");
    write("log.csv", "x,y,z,mass\n1,2,3,13.1\n4,5,6,13.4\n");
    let raised = halos.lines().enumerate().map(|(i, line)| match line.rsplit_once(',') {
        Some((rest, mass)) if i > 0 => format!("{rest},{:e}\n", mass.parse::<f64>().expect("mass") / 0.7),
        _ => format!("{line}\n"),
    });
    write("msun.csv", &raised.collect::<String>());
    write("part.csv", &part_of(&halos));
    write(
        "twice.csv",
        &format!("{halos}{}", halos.lines().skip(1).fold(String::new(), |text, line| text + line + "\n")),
    );
    write("massless.csv", &format!("{halos}1,2,3,0\n"));
    let power = std::fs::read_to_string(folder.join("power.txt")).expect("there");
    let rescaled = |by: &dyn Fn(f64) -> f64| {
        let numbers = power.lines().filter_map(|line| line.split_once(' '));
        let numbers = numbers.map(|(k, p)| (k.parse::<f64>().expect("k"), p.parse::<f64>().expect("P")));
        numbers.fold(String::new(), |text, (k, p)| text + &format!("{k:.8e} {:.8e}\n", by(k) * p))
    };
    write("delta2.txt", &rescaled(&|k| k.powi(3) / 19.7));
    write("loud.txt", &rescaled(&|_| 248.0));
    let cases: &[(&[&str], &[&str])] = &[
        (&["halos.path=part.csv"], &["part.csv: `halos.path`", "halos lie between x = ", "give the right box_length"]),
        (&["field.box_length=80"], &["halos.csv: `halos.path`", "box_length looks as if in Mpc"]),
        (&["halos.path=twice.csv"], &["twice.csv:", "`halos.path`", "stands there before, as do "]),
        (&["halos.path=massless.csv"], &["massless.csv:", "`halos.path`", "a mass of 0", "`below = \"cut\"` does"]),
        (&["halos.y=x"], &["--set halos.y=x: `halos.y`: the column `x` is both x and y; name four"]),
        (&["halos.x=z"], &["--set halos.x=z: `halos.x`: the column `z` is both x and z; name four"]),
        (&["halos.mass=z"], &["`halos.mass`: the column `z` is both z and mass"]),
        (&["halos.path=log.csv"], &["log.csv: ", "`halos.path`", "look as if they were logarithms"]),
        (&["halos.below=true"], &["`halos.below`", "give a word in quotes"]),
        (&["field.power.foo=1"], &["`field.power.foo`", "unknown key; known here: kind, path"]),
        (&["field.cosmology.h=67.66"], &["`field.cosmology.h`: h = 67.66", "between 0.1 and 2"]),
        (&["field.cosmology.h=-1"], &["`field.cosmology.h`"]),
        (&["field.cosmology.h=0"], &["`field.cosmology.h`"]),
        (&["field.cosmology.h=nan"], &["`field.cosmology.h`: h = NaN"]),
        (&["field.density=zeros.npy"], &["zeros.npy: `field.density`", "is 0 in all voxels"]),
        (&["field.density=broken.npy"], &["broken.npy: `field.density`", "is NaN; write finite numbers alone"]),
        (&["field.white_noise=faint.npy"], &["faint.npy: `field.white_noise`: the variance is 0.3"]),
        (&["field.white_noise=density.npy"], &["density.npy: `field.white_noise`: the variance is"]),
        (&["sample.what=weights", "field.white_noise=noise.npy"], &["`field.white_noise`: nothing uses it"]),
        (&["sample.what=weights", "field.scale_factor=1.0"], &["`field.scale_factor`: nothing uses it"]),
        (&["sample.what=weights", "field.order=2"], &["`field.order`: nothing uses it"]),
        (&["sample.what=weights", "field.mass_assignment=cic"], &["`field.mass_assignment`: nothing uses it"]),
        (&["sample.what=weights", "sample.n_fields=3"], &["`sample.n_fields`: nothing uses it"]),
        (&["sample.n_chains=1025"], &["`sample.n_chains`: 1025 is too many; give at most 1024"]),
        (&["sample.n_warm_up=0"], &["`sample.n_warm_up`: step sizes, lengths and metrics adapt", "give some hundred"]),
        (
            &["sample.n_warm_up=0", "sample.field.sampler=mclmc", "sample.field.step_size=0.2"],
            &["`sample.n_warm_up`: step sizes, lengths and metrics adapt", "give some hundred"],
        ),
        (&["sample.n_draws=100000001"], &["`sample.n_draws`", "give at most 100000000"]),
        (&["sample.weights.transitions=20000"], &["`sample.weights.transitions`", "give 1 to 10000"]),
        (&["compare.n_starts=1001"], &["`compare.n_starts`", "give 1 to 1000"]),
        (&["halos.path=outside.csv"], &["outside.csv:", "`halos.path`", "outside the box of 64 Mpc/h"]),
        (&["halos.path=nan.csv"], &["nan.csv:", "y is NaN"]),
        (&["halos.path=below.csv"], &["`halos.min_mass`", "1 of", "under the threshold"]),
        (&["halos.path=msun.csv"], &["the masses look as if in Msun, not Msun/h"]),
        (&["halos.path=none.csv"], &["`halos.path`", "there is no file", "count from the folder"]),
        (&["halos.mass=M200"], &["`halos.path`", "there is no column `M200`", "x, y, z, mass"]),
        (&["halos.min_mass=1e16", "halos.below=cut"], &["`halos.min_mass`", "all halos are below"]),
        (&["halos.bellow=cut"], &["`halos.bellow`", "unknown key", "did you mean `below`?"]),
        (&["halos.below=cutt"], &["`halos.below`", "unknown word `cutt`", "`cut`"]),
        (&["field.power.path=short.txt"], &["short.txt: `field.power.path`", "h/Mpc"]),
        (&["field.power.path=delta2.txt"], &["delta2.txt: `field.power.path`: sigma8", "as if of Δ²"]),
        (&["field.power.path=loud.txt"], &["loud.txt: `field.power.path`: sigma8", "P(k) [(Mpc/h)³] at z = 0"]),
        (&["field.power.path=none.txt"], &["`field.power.path`", "there is no file"]),
        (&["field.power.kind=eisenstein_hu"], &["`field.power.path`"]),
        (&["field.density=small.npy"], &["`field.density`", "small.npy"]),
        (&["field.density=rho.npy"], &["`field.density`", "mean of the density contrast is 1.000", "ρ/ρ̄"]),
        (&["field.white_noise=small.npy"], &["`field.white_noise`"]),
        (&["field.n=1"], &["--set field.n=1: `field.n`: a grid of 1 cells"]),
        (&["field.n=5000"], &["`field.n`: a grid of 5000 cells", "give 2 to 4096"]),
        (&["field.box_length=-1"], &["--set field.box_length=-1: `field.box_length`: a box of length -1"]),
        (&["field.scale_factor=20"], &["--set field.scale_factor=20: `field.scale_factor`", "0.001 to 10"]),
        (&["field.scale_factor=0"], &["`field.scale_factor`: scale factor 0"]),
        (&["field.cosmology.w=0"], &["`field.cosmology.w`", "from -3 to -1/3"]),
        (&["field.cosmology.sigma8=-1"], &["`field.cosmology.sigma8`: σ8 = -1"]),
        (&["field.order=3"], &["`field.order`", "give 1 or 2"]),
        (&["field.cosmology.omega_m=2"], &["`field.cosmology.omega_m`: Ω_m = 2"]),
        (&["engine.floor=1e300"], &["--set engine.floor=1e300: `engine.floor`: 1e300 is no floor", "from 1e-6 to 10"]),
        (&["engine.floor=0"], &["`engine.floor`: 0 is no floor"]),
        (&["engine.kernel_size=4"], &["`engine.kernel_size`", "odd"]),
        (&["engine.degrees=[1]"], &["`engine.degrees`", "begin with 0"]),
        (&["engine.n_components=9"], &["`engine.n_components`"]),
        (&["engine.weights=noise.npy"], &["`engine.weights`", "the weights are sampled here"]),
        (&["sample.what=field"], &["`engine.weights`", "missing key"]),
        (&["sample.n_chians=3"], &["`sample.n_chians`", "did you mean `n_chains`?"]),
        (&["sample.field.sampler=mclmc"], &["`sample.field"]),
        (&["sample.weights.sampler=mclmc"], &["`sample.weights.sampler`", "choose hmc or mams"]),
        (&["sample.weights.acceptance_rate=1.2"], &["`sample.weights.acceptance_rate`", "between 0 and 1"]),
        (&["sample.what=weights", "sample.field.transitions=2"], &["`sample.field`", "nothing uses it"]),
        (&["field.mass_assignment=ngp"], &["`field.mass_assignment`", "unknown word `ngp`", "cic, tsc"]),
        (&["compare.mass_bins=0"], &["`compare.mass_bins`"]),
        (&["compare.n_components=[]"], &["`compare.n_components`"]),
        (&["compare.n_components=[2, 9]"], &["`compare.n_components`"]),
        (&["prior.w.low=1"], &["`prior`", "no such section"]),
    ];
    let mut failed = String::new();
    for (overrides, parts) in cases {
        let error = read(&folder, overrides).err().map_or_else(|| "passed".to_owned(), |error| error.to_string());
        if !parts.iter().all(|part| error.contains(part)) {
            let _ = writeln!(failed, "{overrides:?}: {error}");
        }
    }
    assert!(failed.is_empty(), "{failed}");
    let without = BASE.replace("density = \"density.npy\"\n", "");
    let file = folder.join("analysis.toml");
    let of = |text: &str, overrides: &[String]| {
        let source = Source::new(&file, text.to_owned(), overrides).expect("overrides");
        Extension::from_source(&file, &source, overrides).err().expect("refused").to_string()
    };
    assert!(of(&without, &[]).contains("`compare`: bias models are compared on a known density"));
    let error = of(&without[..without.find("[compare]").expect("there")], &["sample.what=weights".into()]);
    assert!(error.contains("`sample.what`: the weights alone are sampled"), "{error}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn halos_without_mass_are_cut_with_those_below() {
    let folder = mock("massless");
    let halos = std::fs::read_to_string(folder.join("halos.csv")).expect("there");
    std::fs::write(folder.join("massless.csv"), format!("{halos}1,2,3,0\n1,2,3,9e12\n1,2,3,0\n")).expect("written");
    let whole = read(&folder, &[]).expect("checked").halos;
    let cut = read(&folder, &["halos.path=massless.csv", "halos.below=cut"]).expect("checked").halos;
    assert_eq!((cut.n_cut, cut.cells), (3, whole.cells));
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_biased_field_biases_the_weights_and_asks_for_another_step_size() {
    let folder = mock("biased");
    // A step that no trajectory survives.
    let biased = ["sample.field.sampler=mclmc", "sample.field.step_size=50", "sample.field.num_integration_steps=2"];
    let out = folder.join("out");
    std::fs::create_dir_all(&out).expect("made");
    let extension =
        read(&folder, &[&biased[..], &["sample.n_warm_up=10", "sample.n_draws=4"]].concat()).expect("valid");
    sample(&extension, &out, false, &Quiet).expect("sampled");
    let results = ExtensionResults::read(&out).expect("results");
    assert!(results.blocks["field"].is_biased && results.blocks["weights"].is_biased);
    assert!(results.blocks["field"].n_divergent > 0);
    let with = |part: &str| results.warnings.iter().filter(|text| text.contains(part)).collect::<Vec<_>>();
    let told = with("is biased");
    assert!(
        told.len() == 1 && told[0].contains("block field") && told[0].contains("those of the weights too"),
        "{told:?}"
    );
    let told = with("of the block field had divergent");
    assert!(told.len() == 1 && told[0].ends_with("Ask for a smaller step_size."), "{told:?}");
    // Alone it adapts nothing, so that it needs no warm-up.
    npy::write(&folder.join("weights.npy"), &[17], &[0.0; 17]).expect("written");
    let alone = ["sample.what=field", "engine.weights=weights.npy", "sample.n_warm_up=0"];
    let alone = read(&folder, &[&biased[..], &alone].concat()).expect("valid");
    assert_eq!(alone.sampling.chain.warm_up, 0);
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn large_grids_are_checked_without_their_memory() {
    let folder = mock("large");
    let known = ["density = \"density.npy\"\n", "white_noise = \"noise.npy\"\n", "path = \"power.txt\"\n"];
    let text = known.iter().fold(BASE.to_owned(), |text, line| text.replace(line, ""));
    let text = text.replace("\"table\"", "\"eisenstein_hu\"").replace("n = 8\n", "n = 512\n");
    let text = text.replace("h = 0.7\n", "h = 0.7\nomega_b = 0.05\nn_s = 0.96\nsigma8 = 0.8\n");
    let text = &text[..text.find("[compare]").expect("there")];
    let file = folder.join("analysis.toml");
    let of = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
        let source = Source::new(&file, text.to_owned(), &overrides).expect("overrides");
        Extension::from_source(&file, &source, &overrides)
    };
    let told = of(&[]).expect("checked").describe();
    let line = told.lines().find(|line| line.starts_with("memory")).expect("told");
    let gib: f64 = line.split_whitespace().nth(2).expect("a number").parse().expect("a number");
    assert!((100.0..1000.0).contains(&gib), "{line}");
    let refused = |overrides: &[&str]| of(overrides).err().expect("refused").to_string();
    let error = refused(&["field.n=4096"]);
    assert!(error.starts_with("--set field.n=4096: `field.n`: 2 chains on 4096³ voxels would take "), "{error}");
    assert!(error.contains("GiB of memory; decrease field.n"), "{error}");
    let error = refused(&["sample.n_chains=1000"]);
    assert!(error.starts_with("--set sample.n_chains=1000: `sample.n_chains`: 1000 chains"), "{error}");
    let error = refused(&["engine.kernel_size=33"]);
    assert!(error.contains("`engine.kernel_size`") && error.contains("odd number up to 31"), "{error}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn weights_of_another_engine_are_refused() {
    let folder = mock("known");
    let names = read(&folder, &[]).expect("checked").engine.names;
    let results = |names: &[String], analysis: &serde_json::Value| {
        let weights: serde_json::Map<String, serde_json::Value> =
            names.iter().map(|name| (name.clone(), serde_json::json!({ "mean": 0.5 }))).collect();
        let text = serde_json::json!({ "weights": weights, "analysis": analysis }).to_string();
        std::fs::write(folder.join("earlier.json"), text).expect("written");
        read(&folder, &["sample.what=field", "engine.weights=earlier.json"])
    };
    let own = serde_json::json!({ "field": { "n": 16, "box_length": 128 }, "halos": { "min_mass": 1e13 } });
    assert_eq!(results(&names, &own).expect("taken").engine.weights, Some(vec![0.5; names.len()]));
    assert!(results(&names, &serde_json::Value::Null).is_ok());
    let mut more = names.clone();
    more.push("kernel_r2_4".into());
    let cases = [
        (&names[1..], own.clone(), format!("there is no {}", names[0])),
        (&more[..], own, "there is kernel_r2_4, which is none of this one".to_owned()),
        (&[][..], serde_json::Value::Null, "there are no weights".to_owned()),
        (&names[..], serde_json::json!({ "engine": { "floor": 0.3 } }), "floor is 0.3 there, 0.01 here".to_owned()),
        (&names[..], serde_json::json!({ "engine": { "min_sigma": 0.2 } }), "min_sigma is 0.2 there".to_owned()),
        (&names[..], serde_json::json!({ "engine": { "degrees": [0, 2] } }), "degrees differ".to_owned()),
        (
            &names[..],
            serde_json::json!({ "halos": { "min_mass": 2e13 } }),
            "halos.min_mass is 2e13 there, 1e13 here".to_owned(),
        ),
        (
            &names[..],
            serde_json::json!({ "field": { "n": 16, "box_length": 64.0 } }),
            "voxels are of 4 Mpc/h there, of 8 here".to_owned(),
        ),
    ];
    for (names, analysis, part) in cases {
        let error = results(names, &analysis).err().expect("refused").to_string();
        assert!(error.contains("earlier.json: `engine.weights`: these are no weights of this engine"), "{error}");
        assert!(error.contains(&part) && error.contains("; name the results.json of a run"), "{part}: {error}");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn the_check_says_what_will_run() {
    let folder = mock("describe");
    let told = read(&folder, &["sample.what=weights"]).expect("checked").describe();
    assert!(!told.contains("fields.zarr") && !told.contains("initial field") && !told.contains("LPT"), "{told}");
    assert!(told.contains("engines of 1, 2 components, 2 bias models in 2 mass bins; each fitted"), "{told}");
    let single = read(&folder, &["compare.models=[\"single_voxel\"]", "compare.n_components=[1]"]).expect("checked");
    let told = single.describe();
    assert!(told.contains("engines of 1 component, as many of a single voxel; each fitted"), "{told}");
    assert!(told.contains("fields.zarr") && told.contains("initial field known"), "{told}");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_misspelt_or_missing_section_of_halos_is_told() {
    let folder = mock("misspelt");
    let file = folder.join("analysis.toml");
    let cases = [
        (BASE.replace("[halos]", "[halo]"), "`halo`: unknown key; did you mean `halos`?"),
        ("[halo]\nmin_mass = 1e13\n".to_owned(), "`halo`: unknown key; did you mean `halos`?"),
        (BASE.replace("[halos]\npath = \"halos.csv\"\nmin_mass = 1e13\n", ""), "`halos`: missing section"),
    ];
    for (text, part) in cases {
        std::fs::write(&file, text).expect("written");
        let error = AnyAnalysis::read(&file, &[]).err().expect("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn the_template_passes_the_check_and_shows_every_key() {
    let folder = mock("template");
    let text = super::super::template("halos").expect("there");
    let text =
        text.replace("n = 32 ", "n = 8 ").replace("box_length = 128.0", "box_length = 64.0").replace("2e12", "1e13");
    let file = folder.join("analysis.toml");
    std::fs::write(&file, &text).expect("written");
    let AnyAnalysis::Extension(extension) = AnyAnalysis::read(&file, &[]).unwrap_or_else(|e| panic!("{e}")) else {
        panic!("it is a model extension");
    };
    assert!(extension.describe().contains("8³ voxels of 8 Mpc/h"), "{}", extension.describe());
    for keys in [
        super::super::keys::keys_of::<field::Keys>(),
        super::super::keys::keys_of::<field::CosmologyKeys>(),
        super::super::keys::keys_of::<halos::Keys>(),
        super::super::keys::keys_of::<engine::Keys>(),
        super::super::keys::keys_of::<sample::Keys>(),
        super::super::keys::keys_of::<sample::FieldKeys>(),
        super::super::keys::keys_of::<sample::WeightsKeys>(),
        super::super::keys::keys_of::<compare::Keys>(),
    ] {
        for key in keys {
            let shown = text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(shown, "the template does not show {key}");
        }
    }
    let error = AnyAnalysis::read(&file, &[]).and_then(|a| a.likelihood_free("infer")).err().expect("refused");
    assert!(error.to_string().contains("use `posterity sample`"), "{error}");
    std::fs::remove_dir_all(folder).expect("removed");
}
