//! Analyses of fields run to their reports.

use super::super::field_template::field_template;
use super::super::fields::KINDS;
use super::super::{Analysis, Simulating, run};
use crate::progress::Quiet;

const METHODS: &str = r#"
[compressor]
kind = "imnn"
hidden = [8]
n_s = 300
n_d = 40
n_independent = 300
max_iterations = 4
evaluate_every = 2
[infer]
methods = ["gaussian"]
[infer.gaussian]
n_samples = 200
"#;

#[test]
fn every_kind_of_field_is_simulated_compressed_inferred_and_reported() {
    for kind in KINDS {
        let folder = std::env::temp_dir().join(format!("posterity-{kind}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let template = field_template(kind).expect("there");
        let source = match kind {
            "halo_counts" => format!("derivative = \"differences\"\ndelta = {}\n", template.delta),
            _ => "derivative = \"exact\"\n".to_owned(),
        };
        let text = template.text.replace("n = 32 ", "n = 40 ") + &METHODS.replace("hidden", &(source + "hidden"));
        let file = folder.join("analysis.toml");
        std::fs::write(&file, text).expect("written");
        let analysis = Analysis::read(&file, &[]).unwrap_or_else(|error| panic!("{kind}: {error}"));
        run(&analysis, &folder, &Simulating::default(), &Quiet).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let page = std::fs::read_to_string(folder.join("report.html")).expect("a report");
        std::fs::remove_dir_all(&folder).expect("removed");
        // Maps, and the spectrum in the place of data that would lie on top of one another.
        assert!(page.contains("The field and its predictions") && page.contains("draw 2"), "{kind}");
        assert!(page.contains("Data and prediction") && page.contains("waves along a side"), "{kind}");
        let is_deep = page.contains("mean along the first axis");
        assert_eq!(is_deep, analysis.model.simulator().shape().len() == 3, "{kind}");
        assert!(page.len() < 2_000_000, "{kind}: {}", page.len());
    }
}
