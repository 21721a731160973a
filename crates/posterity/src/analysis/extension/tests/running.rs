//! What a run leaves: the same draws however often it was stopped, and nothing of another analysis.

use super::*;

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
        // Nor do chains go on that are kept in other coordinates.
        let path = whole.join("sampling.json");
        let text = std::fs::read_to_string(&path).expect("there");
        let form = format!("\"coordinates\": {}", Coordinates::FORM);
        assert!(text.contains(&form), "{text}");
        std::fs::write(&path, text.replace(&form, "\"coordinates\": 0")).expect("written");
        let error = sample(&extension, &whole, false, &Quiet).expect_err("of other coordinates").to_string();
        assert!(error.contains("of another version") && error.contains("--overwrite"), "{error}");
        std::fs::write(&path, text).expect("written");
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
    let text = &text[..text.find("[compare]").expect("there")];
    let without = read_text(&folder, text, &["sample.n_warm_up=10", "sample.n_draws=4"]).expect("valid");
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
