//! Tests of the whole report: every figure and the page are well-formed XML whatever they are given.

use super::*;
use crate::parameter::Parameter;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

/// Panics unless `xml` is well formed: tags nest and close, attributes are quoted, `&` and `<` are escaped.
pub(super) fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml.strip_prefix("<!DOCTYPE html>").unwrap_or(xml);
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "< in <{tag}>");
        assert!(tag.matches('"').count().is_multiple_of(2), "quotes in <{tag}>");
        let outside: String = tag.split('"').step_by(2).collect();
        assert_eq!(outside.matches('=').count(), tag.matches('"').count() / 2, "attributes of <{tag}>");
        tag.split('"').skip(1).step_by(2).for_each(assert_text);
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or("");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} left open");
    assert!(!xml.contains("NaN") && !xml.contains("inf "), "a number is not one");
}

fn assert_text(text: &str) {
    for piece in text.split('&').skip(1) {
        let entity = piece.split(';').next().unwrap_or("");
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{entity}");
    }
    assert!(!text.contains('<') && text.chars().all(|c| !c.is_control() || "\n\t".contains(c)));
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::new("omega_m", r"\Omega_m"),
        Parameter::new("w", "w"),
        Parameter::new("offset", r"\Delta M\,[\mathrm{mag}]"),
    ]
}

/// Draws like those of flat wCDM from supernovae: Ω_m and w along a banana; `bend` = 0 straightens it.
fn banana(n: usize, seed: u64, bend: f64, noise: f64) -> Samples {
    let mut stream = Seed::new(seed).stream(0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let mut theta = Vec::new();
    while theta.len() < 3 * n {
        let (a, b, c) = (normal(), normal(), normal());
        let omega_m = 0.31 + 0.055 * a - bend * 0.014 * (a * a - 1.0);
        let w = -1.05 - 0.17 * a - bend * 0.03 * (a * a - 1.0) + noise * 0.05 * b;
        if (0.05..0.6).contains(&omega_m) {
            theta.extend([omega_m, w, 0.002 + 0.011 * c - 0.006 * b]);
        }
    }
    let weights = (0..n).map(|i| 1.0 + 0.5 * (i as f64).sin()).collect();
    let mut samples = Samples::new(parameters(), theta, weights).expect("valid");
    samples.n_simulations = 48_123;
    samples
}

fn method(name: &str, samples: Samples, note: &str) -> Method {
    Method { name: name.into(), samples, note: note.into() }
}

/// A score that a network adds to, and the data, in three parameters without correlation.
fn known() -> Information {
    let of = |name: &str, sds: [f64; 3]| Known {
        name: name.into(),
        fisher: (0..9).map(|k| if k % 4 == 0 { sds[k / 4].powi(-2) } else { 0.0 }).collect(),
        covariance: (0..9).map(|k| if k % 4 == 0 { sds[k / 4].powi(2) } else { 0.0 }).collect(),
        ln_det: sds.iter().map(|sd| -2.0 * sd.ln()).sum(),
    };
    Information {
        parameters: parameters(),
        theta: vec![0.3, -1.0, 0.0],
        known: vec![
            of("score of the power spectrum", [0.2, 0.4, 0.02]),
            of("score and network", [0.12, 0.2, 0.012]),
            of("exact", [0.1, 0.2, 0.01]),
        ],
        has_exact: true,
    }
}

#[test]
fn information_is_given_as_a_fraction_of_the_exact_and_drawn_for_any_number_of_parameters() {
    let caption = figures::information(&known()).expect("three to compare").caption;
    // ½ · ½ · ½ of the volume; squares of the ratios on the diagonal.
    assert!(
        caption.contains("The score of the power spectrum has 12.5\u{a0}% of the exact √det F, 25.0\u{a0}%"),
        "{caption}"
    );
    assert!(
        caption.contains("69.4\u{a0}% of the information about omega_m, 100.0\u{a0}% of the information about w"),
        "{caption}"
    );
    let only = |n: usize| Information {
        parameters: parameters()[..n].into(),
        theta: vec![1.0; n],
        known: ["network", "exact"]
            .map(|name| Known {
                name: name.into(),
                fisher: vec![1.0; n * n],
                covariance: vec![1.0; n * n],
                ln_det: 0.0,
            })
            .into(),
        has_exact: true,
    };
    for n in 1..4 {
        assert_well_formed(&figures::information(&only(n)).expect("two to compare").svg);
    }
    let alone = Information { known: known().known[..1].into(), has_exact: false, ..known() };
    assert!(figures::information(&alone).is_none(), "nothing to compare with");
    let hole = Information { theta: vec![f64::NAN; 3], ..known() };
    assert!(figures::information(&hole).is_none());
}

fn demo() -> Report {
    let decay = |i: u64, tau: f64| (-(i as f64) / tau).exp();
    let wiggle = |i: u64, k: f64| 0.03 * ((i as f64) * k).sin();
    let iterations: Vec<u64> = (0..400).collect();
    let of = |f: &dyn Fn(u64) -> f64| iterations.iter().map(|&i| f(i)).collect::<Vec<_>>();
    let z: Vec<f64> = (0..40).map(|i| 0.014 * 1.121f64.powi(i)).collect();
    let mu = |z: f64, shift: f64| 5.0 * (z * (1.0 + 0.5 * z * 0.9)).log10() + 43.2 + shift;
    let mut stream = Seed::new(9).stream(0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let sd = |i: usize| 0.03 + 0.0008 * (i as f64 - 18.0).powi(2) * 0.2;
    let draws = (0..500)
        .flat_map(|_| {
            let shift = 0.01 * normal();
            (0..40).map(|i| mu(z[i], shift) + sd(i) * normal()).collect::<Vec<_>>()
        })
        .collect();
    let mut abc = banana(1500, 2, 0.9, 2.6);
    abc.epsilon = Some(0.31);
    let mut pmc = banana(2000, 3, 1.0, 1.0);
    pmc.epsilon = Some(0.0521);
    let exact = banana(60_000, 4, 1.0, 1.0);
    let bounds = vec![(0.05, 0.6), (-2.0, -0.3), (-0.5, 0.5)];
    let column = |p: usize| exact.column(p);
    let pairs = [(0, 1), (0, 2), (1, 2)].map(|(i, j)| {
        let s = density_2d([&column(i), &column(j)], &exact.weights, [bounds[i], bounds[j]]).expect("spread");
        (i, j, s)
    });
    Report {
        title: "Pantheon supernovae: flat wCDM".into(),
        methods: vec![
            method("Gaussian approximation", banana(4000, 1, 0.0, 0.8), "held-out Fisher information, times the prior"),
            method("ABC rejection", abc, ""),
            method("population Monte Carlo", pmc, "19 rounds"),
        ],
        exact: Some(Exact {
            name: "exact likelihood".into(),
            marginals: (0..3).map(|p| density(&column(p), &exact.weights, bounds[p])).collect(),
            pairs: pairs.into(),
        }),
        bounds,
        truth: Some(Truth { name: "fiducial".into(), theta: vec![0.3, -1.0, 0.0] }),
        training: Some(Training {
            ln_det_train: of(&|i| 3.95 - 4.0 * decay(i, 40.0) + 0.0006 * i as f64 + wiggle(i, 1.7)),
            ln_det_held_out: of(&|i| 3.85 - 4.0 * decay(i, 42.0) - 0.0004 * i as f64 + wiggle(i, 2.3)),
            covariance_distance: of(&|i| 0.02 + 5.0 * decay(i, 25.0) * (1.0 + wiggle(i, 0.9))),
            regularisation: of(&|i| 10.0 / (1.0 + 2.0 * (i as f64 / 30.0))),
            best: Some(263),
            known_ln_det: Some(50f64.ln()),
            iterations,
        }),
        known: Some(known()),
        information: Some(Convergence {
            n_simulations: vec![100, 200, 500, 1000, 2000, 5000, 10_000],
            standard: vec![4.9, 4.45, 4.15, 4.02, 3.96, 3.93, 3.92],
            combined: vec![3.98, 3.93, 3.9, 3.905, 3.91, 3.912, 3.912],
            compressed: vec![3.0, 3.4, 3.66, 3.79, 3.86, 3.89, 3.905],
            known_ln_det: Some(50f64.ln()),
            limit: Some((3.91, 0.02)),
            advice: "4 times as many would give 0.6 % & more.".into(),
        }),
        predictive: Some(Predictive {
            data: (0..40).map(|i| mu(z[i], 0.0) + sd(i) * normal()).collect(),
            note: "Noted.".into(),
            errors: (0..40).map(sd).collect(),
            abscissa: Some(z),
            log_abscissa: true,
            abscissa_label: "redshift $z$".into(),
            data_label: "distance modulus $\\mu$ [mag]".into(),
            draws,
        }),
        predictive_maps: Some(PredictiveMaps {
            size: [6, 4],
            observed: (0..24).map(f64::from).collect(),
            draws: (0..72).map(|k| f64::from(k % 7)).collect(),
            label: "$\\delta$".into(),
            note: "Noted & averaged.".into(),
        }),
        rounds: (0..19)
            .map(|i| Round {
                epsilon: 4.0 * 0.79f64.powi(i),
                acceptance: 0.62 * 0.9f64.powi(i),
                n_simulations: 1000 + 300 * i as u64,
            })
            .collect(),
        extension: None,
        failed: Vec::new(),
        warnings: vec![
            "the network is overfitting: ln det F is 4.19 on the training simulations, 3.69 held out".into(),
        ],
        manifest: Manifest {
            version: "0.1.0".into(),
            seed: 7,
            analysis: "title = \"Pantheon\" # <flat & w>\n\n[prior.omega_m]\nuniform = [0.05, 0.6]\n".into(),
            timings: vec![("simulate".into(), 1.234), ("compress".into(), 83.2), ("infer".into(), 12.5)],
            facts: vec![("threads".into(), "results do not depend on their number".into())],
        },
        references: vec![
            Reference {
                authors: "Charnock, Lavaux, Wandelt 2018",
                title: "Automatic physical inference with information maximizing neural networks",
                source: "Phys. Rev. D 97, 083004, arXiv:1802.03537",
                url: "https://arxiv.org/abs/1802.03537",
            };
            2
        ],
    }
}

#[test]
fn figures_of_an_earlier_report_are_taken_away() {
    let folder = std::env::temp_dir().join(format!("posterity-figures-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("made");
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .expect("there")
            .map(|entry| entry.expect("read").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    };
    std::fs::write(folder.join("mine.svg"), "").expect("written");
    let (all, mut fewer) = (demo(), demo());
    all.write_figures(&folder).expect("written");
    assert_eq!(names().len(), all.figures().len() + 1);
    assert!(all.figures().iter().all(|figure| figures::NAMES.contains(&figure.name)));
    (fewer.rounds, fewer.training) = (Vec::new(), None);
    fewer.write_figures(&folder).expect("written");
    assert_eq!(names().len(), all.figures().len() - 1);
    assert!(names().contains(&"mine.svg".to_owned()) && !names().contains(&"rounds.svg".to_owned()));
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Set `POSTERITY_DEMO` to a folder to keep the page and the figures for looking at.
#[test]
fn the_page_and_every_figure_are_well_formed_and_complete() {
    let mut report = demo();
    if let Some(folder) = std::env::var_os("POSTERITY_DEMO") {
        let folder = Path::new(&folder);
        std::fs::create_dir_all(folder).expect("folder");
        report.write(&folder.join("report.html")).expect("written");
        report.write_figures(folder).expect("written");
        for m in &report.methods {
            let root = folder.join(m.name.replace(' ', "_"));
            crate::samples::write_getdist(&m.samples, &root, &report.bounds).expect("written");
            crate::samples::write_parquet(&m.samples, &root.with_extension("parquet")).expect("written");
        }
        for n in [1, 6] {
            let theta = (0..2000 * n).map(|k| ((k * k) as f64 * 0.618).fract() + 1e-4 * (k % n) as f64).collect();
            let parameters = (0..n).map(|p| Parameter::new(format!("p{p}"), format!("\\theta_{p}"))).collect();
            let samples = Samples::new(parameters, theta, vec![1.0; 2000]).expect("valid");
            let of_n = Report { methods: vec![method("PMC", samples, "")], ..Report::default() };
            std::fs::write(folder.join(format!("corner{n}.svg")), &of_n.figures()[0].svg).expect("written");
        }
        std::fs::write(folder.join("report.txt"), report.text()).expect("written");
    }
    report.title = "<script>&\"'\u{1}".into();
    report.methods[0].name = "a < b & $c".into();
    report.methods[1].samples.parameters[0].latex = "\\Omega_{<&".into();
    report.warnings.push("x < y & z".into());
    if let Some(p) = &mut report.predictive {
        p.data_label = "<d> $x<y$ & z".into();
    }
    let figures = report.figures();
    let names: Vec<_> = figures.iter().map(|f| f.name).collect();
    assert_eq!(
        names,
        ["corner", "training", "information", "fisher_convergence", "predictive_maps", "predictive", "rounds"]
    );
    figures.iter().for_each(|f| assert_well_formed(&f.svg));
    let page = report.html();
    assert_well_formed(&page);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;&amp;"));
    let order = [
        "Verdict",
        "Results",
        "Parameters",
        "Training",
        "Information",
        "Fisher information",
        "Data and",
        "Rounds",
        "Manifest",
        "References",
    ];
    let places: Vec<_> = order.iter().map(|h| page.find(&format!("<h2>{h}")).expect("a section")).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(page.matches("arXiv:1802.03537").count(), 1, "references stand once");
}

#[test]
fn warnings_come_first_and_the_banana_is_said() {
    let verdict = demo().verdict();
    assert!(verdict[0].contains("overfitting"), "{verdict:#?}");
    let said = verdict.iter().any(|s| s.contains("Gaussian approximation") && s.contains("farther"));
    assert!(said, "{verdict:#?}");
    assert!(verdict.iter().any(|s| s.contains("ABC rejection is") && s.contains("wide")), "{verdict:#?}");
}

#[test]
fn one_draw_equal_draws_and_constant_parameters_are_drawn() {
    let draws = |theta: Vec<f64>| {
        let n = theta.len() / 3;
        Samples::new(parameters(), theta, vec![1.0; n]).expect("valid")
    };
    let sets = [
        draws(vec![0.3, -1.0, 0.0]),
        draws([0.3, -1.0, 0.0].repeat(5)),
        draws((0..30).map(|i| if i % 3 == 0 { 0.3 } else { f64::from(i % 7) }).collect()),
        draws(vec![0.1, 1.0, 2.0, 0.2, 2.0, 4.0]),
        draws(vec![1e300, 1e-300, -1e300, 2e300, 0.0, 1.0]),
        draws((0..300).map(|i| if i == 0 { 1e9 } else { f64::from(i % 11) }).collect()),
    ];
    for set in &sets {
        let mut report = demo();
        report.methods = vec![method("only", set.clone(), "")];
        assert_well_formed(&report.html());
        report.methods.extend(demo().methods);
        assert_well_formed(&report.html());
        assert!(!report.text().is_empty());
    }
    let one = Samples::new(vec![Parameter::new("w", "w")], vec![-1.0, -0.9, -1.1], vec![1.0; 3]).expect("valid");
    let report = Report { methods: vec![method("one parameter", one, ""); 2], ..Report::default() };
    assert_well_formed(&report.html());
    assert_well_formed(&Report::default().html());
}

#[test]
fn histories_with_holes_and_shapes_that_do_not_fit_are_survived() {
    let holes = vec![f64::NAN, f64::INFINITY, 1.0, -1.0, 0.0];
    let report = Report {
        training: Some(Training {
            iterations: (0..5).collect(),
            ln_det_train: holes.clone(),
            ln_det_held_out: vec![f64::NAN; 5],
            covariance_distance: holes.clone(),
            regularisation: vec![0.0; 2],
            best: Some(77),
            known_ln_det: None,
        }),
        information: Some(Convergence { n_simulations: vec![0, 10], standard: holes.clone(), ..Default::default() }),
        predictive: Some(Predictive { data: vec![1.0], draws: vec![2.0], ..Default::default() }),
        rounds: vec![Round { epsilon: 0.0, acceptance: f64::NAN, n_simulations: 0 }],
        ..Report::default()
    };
    assert_well_formed(&report.html());
    assert_eq!(report.figures().len(), 4);
    let ragged = Predictive { data: vec![1.0; 3], draws: vec![1.0; 4], ..Default::default() };
    assert!(figures::predictive(&ragged).is_none());
}
