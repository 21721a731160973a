//! Laws of model extensions: what the check refuses, and that a run that is stopped ends as one that is not.

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
    Extension::from_source(&file, &Source::new(&file, BASE.to_owned(), &overrides)?, &overrides)
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
    run_extension(&mine, &out, false, &Quiet).expect("runs");
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
    let joint = |more: &[&str]| read(&folder, &[&["sample.n_warm_up=0", "sample.n_draws=4"], more].concat());
    let (out, text) = (folder.join("joint"), BASE.replace("density = \"density.npy\"\n", ""));
    let text = text[..text.find("[compare]").expect("there")].to_owned();
    let overrides = ["sample.n_warm_up=0".to_owned(), "sample.n_draws=4".to_owned()];
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
    let raised = halos.lines().enumerate().map(|(i, line)| match line.rsplit_once(',') {
        Some((rest, mass)) if i > 0 => format!("{rest},{:e}\n", mass.parse::<f64>().expect("mass") / 0.7),
        _ => format!("{line}\n"),
    });
    write("msun.csv", &raised.collect::<String>());
    let cases: [(&[&str], &[&str]); 34] = [
        (&["halos.path=outside.csv"], &["outside.csv:", "`halos.path`", "outside the box of 64 Mpc/h"]),
        (&["halos.path=nan.csv"], &["nan.csv:", "y is NaN"]),
        (&["halos.path=below.csv"], &["`halos.min_mass`", "1 of", "under the threshold"]),
        (&["halos.path=msun.csv"], &["the masses look as if in Msun, not Msun/h"]),
        (&["halos.path=none.csv"], &["`halos.path`", "there is no file", "count from the folder"]),
        (&["halos.mass=M200"], &["`halos.path`", "there is no column `M200`", "x, y, z, mass"]),
        (&["halos.min_mass=1e16", "halos.below=cut"], &["`halos.min_mass`", "all halos are below"]),
        (&["halos.bellow=cut"], &["`halos.bellow`", "unknown key", "did you mean `below`?"]),
        (&["halos.below=cutt"], &["`halos.below`", "unknown word `cutt`", "`cut`"]),
        (&["field.power.path=short.txt"], &["`field.power", "h/Mpc"]),
        (&["field.power.path=none.txt"], &["`field.power.path`", "there is no file"]),
        (&["field.power.kind=eisenstein_hu"], &["`field.power.path`"]),
        (&["field.density=small.npy"], &["`field.density`", "small.npy"]),
        (&["field.density=rho.npy"], &["`field.density`", "mean of the density contrast is 1.000", "ρ/ρ̄"]),
        (&["field.white_noise=small.npy"], &["`field.white_noise`"]),
        (&["field.n=1"], &["grid of 1 cells"]),
        (&["field.box_length=-1"], &["length -1"]),
        (&["field.order=3"], &["`field.order`", "give 1 or 2"]),
        (&["field.cosmology.omega_m=2"], &["`field.cosmology"]),
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
    for (overrides, parts) in cases {
        let error = read(&folder, overrides).err().unwrap_or_else(|| panic!("{overrides:?} passed")).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{overrides:?}: {error}");
    }
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
