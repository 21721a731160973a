//! What the check says, and what it refuses before any work.

use super::*;

/// The halos of the part of the box with x below three quarters of it.
fn part_of(halos: &str) -> String {
    let is_low = |line: &str| line.split(',').next().and_then(|x| x.parse::<f64>().ok()).is_none_or(|x| x < 48.0);
    halos.lines().filter(|line| is_low(line)).fold(String::new(), |text, line| text + line + "\n")
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
    let of = |text: &str, overrides: &[&str]| read_text(&folder, text, overrides).err().expect("refused").to_string();
    assert!(of(&without, &[]).contains("`compare`: bias models are compared on a known density"));
    let error = of(&without[..without.find("[compare]").expect("there")], &["sample.what=weights"]);
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
fn large_grids_are_checked_without_their_memory() {
    let folder = mock("large");
    let known = ["density = \"density.npy\"\n", "white_noise = \"noise.npy\"\n", "path = \"power.txt\"\n"];
    let text = known.iter().fold(BASE.to_owned(), |text, line| text.replace(line, ""));
    let text = text.replace("\"table\"", "\"eisenstein_hu\"").replace("n = 8\n", "n = 512\n");
    let text = text.replace("h = 0.7\n", "h = 0.7\nomega_b = 0.05\nn_s = 0.96\nsigma8 = 0.8\n");
    let text = &text[..text.find("[compare]").expect("there")];
    let of = |overrides: &[&str]| read_text(&folder, text, overrides);
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
    let text = template("halos").expect("there");
    let text =
        text.replace("n = 32 ", "n = 8 ").replace("box_length = 128.0", "box_length = 64.0").replace("2e12", "1e13");
    let file = folder.join("analysis.toml");
    std::fs::write(&file, &text).expect("written");
    let AnyAnalysis::Extension(extension) = AnyAnalysis::read(&file, &[]).unwrap_or_else(|e| panic!("{e}")) else {
        panic!("it is a model extension");
    };
    assert!(extension.describe().contains("8³ voxels of 8 Mpc/h"), "{}", extension.describe());
    for keys in [
        crate::analysis::keys::keys_of::<field::Keys>(),
        crate::analysis::keys::keys_of::<field::CosmologyKeys>(),
        crate::analysis::keys::keys_of::<halos::Keys>(),
        crate::analysis::keys::keys_of::<engine::Keys>(),
        crate::analysis::keys::keys_of::<sample::Keys>(),
        crate::analysis::keys::keys_of::<sample::FieldKeys>(),
        crate::analysis::keys::keys_of::<sample::WeightsKeys>(),
        crate::analysis::keys::keys_of::<compare::Keys>(),
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
