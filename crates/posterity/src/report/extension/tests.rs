//! Tests of what model extension adds to a report, on made-up values like those of a run at 32³ in 128 Mpc/h.

use super::super::tests::assert_well_formed;
use super::super::{Figure, Manifest, Report};
use super::*;
use crate::seed::{Seed, Stream};
use rand_distr::{Distribution, StandardNormal};
use std::path::Path;

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// Median and the factors to the four other quantiles.
fn band(median: Vec<f64>, spread: impl Fn(usize) -> f64) -> Band {
    let of = |sigmas: f64| median.iter().enumerate().map(|(i, m)| m * (sigmas * spread(i)).exp()).collect();
    Band { q025: of(-1.96), q16: of(-1.0), q50: median.clone(), q84: of(1.0), q975: of(1.96) }
}

fn wave_numbers() -> Vec<f64> {
    (0..16).map(|i| 0.05 * (0.785f64 / 0.05).powf(f64::from(i) / 15.0)).collect()
}

fn linear(k: f64) -> f64 {
    2.4e5 * k / (1.0 + (k / 0.02).powf(2.45) * 2.0)
}

/// Modes in a bin, about.
fn scatter(k: f64) -> f64 {
    (2.0 / (1.0 + 1700.0 * k.powi(3) * 8.0)).sqrt().min(0.7)
}

fn power_spectra() -> PowerSpectra {
    let k = wave_numbers();
    let mut stream = Seed::new(1).stream(0);
    let linear_power: Vec<f64> = k.iter().map(|k| linear(*k)).collect();
    let scatter: Vec<f64> = k.iter().map(|k| scatter(*k)).collect();
    let truth: Vec<f64> = (0..16).map(|i| linear_power[i] * (1.0 + 0.8 * scatter[i] * normal(&mut stream))).collect();
    let median = (0..16).map(|i| linear_power[i] * (0.6 * truth[i] / linear_power[i] + 0.42)).collect();
    PowerSpectra {
        prior: band(linear_power.clone(), |i| scatter[i]),
        posterior: band(median, |i| 0.5 * scatter[i]),
        truth: Some(truth),
        linear_power,
        k,
    }
}

fn cross_correlation() -> CrossCorrelation {
    let k = wave_numbers();
    let median: Vec<f64> = k.iter().map(|k| 0.94 / (1.0 + (k / 0.22).powi(3))).collect();
    let at =
        |sigmas: f64| k.iter().zip(&median).map(|(k, m)| (m + sigmas * 0.06 * (1.1 - m) + 0.0 * k).min(1.0)).collect();
    CrossCorrelation {
        posterior: Band { q025: at(-1.96), q16: at(-1.0), q50: median.clone(), q84: at(1.0), q975: at(1.96) },
        posterior_mean: median.iter().map(|m| m.sqrt() * 0.97).collect(),
        truth_name: "the initial conditions of the N-body simulation".into(),
        k,
    }
}

/// A log-normal field on n² voxels from a few dozen plane waves, and a smoother one of the same phases.
fn fields(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut stream = Seed::new(4).stream(0);
    let waves: Vec<[f64; 4]> = (0..220)
        .map(|_| {
            let (kx, ky) = ((4.0 * normal(&mut stream)).round(), (4.0 * normal(&mut stream)).round());
            let amplitude = 0.42 / (1.0 + kx.hypot(ky)).powf(0.9);
            [kx, ky, amplitude * normal(&mut stream), 3.0 * normal(&mut stream)]
        })
        .collect();
    let at = |i: usize, j: usize, cut: f64| {
        let of = |w: &[f64; 4]| {
            let phase = std::f64::consts::TAU * (w[0] * i as f64 + w[1] * j as f64) / n as f64 + w[3];
            w[2] * phase.cos() * (-(w[0] * w[0] + w[1] * w[1]) / cut).exp()
        };
        waves.iter().map(of).sum::<f64>()
    };
    let field = |cut: f64| (0..n * n).map(|k| (at(k / n, k % n, cut) - 0.6).exp()).collect::<Vec<_>>();
    let mut sharp = field(1e9);
    sharp.iter_mut().filter(|d| **d < 0.08).for_each(|d| *d = 0.0);
    (sharp, field(90.0))
}

fn slices() -> Slices {
    let (density, _) = fields(32);
    let edges: Vec<f64> = [0.0].into_iter().chain((0..16).map(|i| 0.08 * 1.42f64.powi(i))).collect();
    let median = (0..16).map(|i| 0.02 + 0.6 * (0.07 * 1.42f64.powi(i)).powf(1.35)).collect();
    Slices {
        n: 32,
        box_length: 128.0,
        thickness: "one voxel, 4 Mpc/h, at z = 62 Mpc/h".into(),
        psi: density.iter().map(|d| (1.0 + 0.8 * d.powf(1.3)).ln()).collect(),
        halos: density
            .iter()
            .enumerate()
            .filter(|(k, d)| **d > 2.0 && (k * 7) % 5 < 2)
            .map(|(k, _)| (4.0 * (k / 32) as f64, 4.0 * (k % 32) as f64 + 0.7))
            .collect(),
        weights_are_sampled: true,
        relation: Some(Relation { density_edges: edges, psi: band(median, |i| 0.35 - 0.012 * i as f64) }),
        density,
    }
}

fn density_maps() -> DensityMaps {
    let (truth, smooth) = fields(32);
    let sd = smooth.iter().map(|d| 0.15 + 0.45 * d).collect();
    DensityMaps { n: 32, box_length: 128.0, thickness: "one voxel".into(), truth: Some(truth), mean: smooth, sd }
}

fn mass_function() -> MassFunction {
    let mut stream = Seed::new(6).stream(0);
    let mass_edges: Vec<f64> = (0..=10).map(|i| 2e12 * 2f64.powi(i)).collect();
    let edges = [0.0, 0.3, 1.0, 3.0, 10.0, f64::INFINITY];
    let bins = (0..5).map(|b| {
        let richest = [14.0, 160.0, 900.0, 1100.0, 300.0][b];
        let cut = [3.0, 3.6, 5.0, 7.0, 9.5][b];
        let expected: Vec<f64> =
            (0..10).map(|i| richest * 0.55f64.powi(i) * (-(f64::from(i) / cut).powi(3)).exp()).collect();
        let at = |sigmas: f64| {
            expected.iter().map(|e| (e + sigmas * (e + (0.04 * e).powi(2)).sqrt()).max(0.0).round()).collect::<Vec<_>>()
        };
        let counts = expected.iter().map(|e| (e + e.sqrt() * normal(&mut stream)).max(0.0).round() as u64).collect();
        MassFunctionBin {
            density_low: edges[b],
            density_high: edges[b + 1],
            n_voxels: [11_020, 12_800, 6400, 2100, 448][b],
            mass_edges: mass_edges.clone(),
            counts,
            expected: expected.clone(),
            posterior: Band { q025: at(-1.96), q16: at(-1.0), q50: at(0.0), q84: at(1.0), q975: at(1.96) },
        }
    });
    MassFunction { bins: bins.collect() }
}

fn weights() -> Vec<Parameter> {
    let mut names: Vec<(String, String)> = (0..4).map(|r| (format!("kernel_{r}"), format!("w_{r}"))).collect();
    names.push(("bias".into(), "b".into()));
    for i in 0..2 {
        for (letter, latex) in [("alpha", "\\alpha"), ("mu", "\\mu"), ("sigma", "\\sigma")] {
            names.push((format!("w_{letter}_{i}"), format!("w^{{{latex}}}_{i}")));
            names.push((format!("b_{letter}_{i}"), format!("b^{{{latex}}}_{i}")));
        }
    }
    names.into_iter().map(|(name, latex)| Parameter::new(name, latex)).collect()
}

fn traces(n_chains: usize, n_draws: usize) -> Traces {
    let parameters = weights();
    let n = parameters.len();
    let (mean, sd) = (|p: usize| (p as f64 * 1.7).sin() * 3.0, |p: usize| 0.05 + 0.9 * (p as f64 * 0.61).fract());
    let chain = |c: usize| {
        let of = |p: usize| {
            let mut stream = Seed::new(7).stream((c * n + p) as u64);
            let stuck = if p == 8 { 1.2 * sd(p) * (c as f64 - 1.5) } else { 0.0 };
            let mut x = normal(&mut stream);
            let mut step = || {
                x = 0.8 * x + 0.6 * normal(&mut stream);
                mean(p) + stuck + sd(p) * x
            };
            (0..n_draws).map(|_| step()).collect()
        };
        (0..n).map(of).collect()
    };
    Traces {
        chains: (0..n_chains).map(chain).collect(),
        r_hat: (0..n).map(|p| if p == 8 { 1.31 } else { 1.001 + 0.0007 * p as f64 }).collect(),
        ess_bulk: (0..n).map(|p| if p == 8 { 12.0 } else { 1480.0 - 43.0 * p as f64 }).collect(),
        ess_tail: (0..n).map(|p| if p == 3 { 371.0 } else { 1900.0 - 51.0 * p as f64 }).collect(),
        prior_sd: vec![10.0; n],
        truth: Some((0..n).map(|p| mean(p) + 0.7 * sd(p)).collect()),
        parameters,
    }
}

fn bias_comparison() -> BiasComparison {
    let row = |name: &str, is_engine, n_weights, held_out: f64, in_sample| BiasRow {
        name: name.into(),
        is_engine,
        n_weights,
        held_out_per_halo: held_out,
        folds: vec![held_out - 0.011, held_out + 0.011],
        in_sample,
    };
    BiasComparison {
        rows: vec![
            row("homogeneous", false, 6, -9.1202, -9.1178),
            row("clipped linear bias", false, 8, -8.0621, -8.0574),
            row("power law", false, 8, -7.7113, -7.7067),
            row("truncated power law", false, 10, -7.6631, -7.6560),
            row("1×1×1 mixture", false, 14, -7.6712, -7.6588),
            row("neural physical engine 3³", true, 17, -7.5908, -7.5801),
        ],
        reference: None,
        n_halos: 3127,
    }
}

fn sampling() -> Sampling {
    let row = |block: &str, metric: &str, step_size, steps, gradients, ess, divergences| SamplingRow {
        block: block.into(),
        sampler: "HMC".into(),
        metric: metric.into(),
        step_size,
        gradients_per_trajectory: steps,
        acceptance: 0.8731,
        divergences,
        gradient_evaluations: gradients,
        judged_by: (block == "initial field").then(|| "power in shells".into()),
        min_ess_bulk: ess,
        max_r_hat: if block == "weights" { 1.31 } else { 1.009 },
        seconds: 512.3,
    };
    Sampling {
        rows: vec![
            row("initial field", "Wiener whitening", 0.1432, 12.4, 99_200, 812.0, 0),
            row("weights", "HMCLET", 0.4217, 8.1, 64_800, 12.0, 3),
        ],
    }
}

fn report() -> Report {
    report_of(100)
}

fn report_of(n_draws: usize) -> Report {
    Report {
        title: "Halos of a 128 Mpc/h box: initial field and bias".into(),
        extension: Some(Extension {
            power_spectra: Some(power_spectra()),
            cross_correlation: Some(cross_correlation()),
            density_maps: Some(density_maps()),
            slices: Some(slices()),
            mass_function: Some(mass_function()),
            traces: Some(traces(4, n_draws)),
            bias_comparison: Some(bias_comparison()),
            sampling: Some(sampling()),
        }),
        manifest: Manifest { version: "0.1.0".into(), seed: 7, ..Manifest::default() },
        ..Report::default()
    }
}

fn with(extension: Extension) -> Report {
    Report { extension: Some(extension), ..Report::default() }
}

/// Base64 may spell anything; what is left must be well formed and have no number that is none.
fn assert_whole(xml: &str) {
    let mut pieces = xml.split("href=\"data:image/png;base64,");
    let mut rest = pieces.next().expect("a beginning").to_string();
    for piece in pieces {
        rest.push_str("href=\"");
        rest.push_str(&piece[piece.find('"').expect("an end")..]);
    }
    assert_well_formed(&rest);
}

fn figure(report: &Report, name: &str) -> Figure {
    report.figures().into_iter().find(|f| f.name == name).expect("the figure")
}

/// Frames, of panels and colour bars.
fn frames(figure: &Figure) -> usize {
    figure.svg.matches("fill=\"none\" stroke=\"#222222\" stroke-width=\"1.2\"").count() - short_lines(figure)
}

/// Tick marks and axes have the same stroke as frames, but are paths.
fn short_lines(figure: &Figure) -> usize {
    let is_path = |line: &&str| {
        line.starts_with("<path") && line.contains("fill=\"none\" stroke=\"#222222\" stroke-width=\"1.2\"")
    };
    figure.svg.lines().filter(is_path).count()
}

/// Writes the page and the figures to the folder `POSTERITY_DEMO`, for looking at.
#[test]
#[ignore = "writes files to look at"]
fn the_page_to_look_at() {
    let folder = std::env::var_os("POSTERITY_DEMO").expect("POSTERITY_DEMO is a folder");
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("folder");
    let report = report_of(1000);
    report.write(&folder.join("report.html")).expect("written");
    report.write_figures(folder).expect("written");
    std::fs::write(folder.join("report.txt"), report.text()).expect("written");
}

#[test]
fn every_part_has_its_figure_and_table_and_all_is_well_formed() {
    let report = report();
    let names: Vec<_> = report.figures().iter().map(|f| f.name).collect();
    let expected = ["power_spectra", "cross_correlation", "density_maps", "slices", "mass_function", "traces"];
    assert_eq!(names, expected);
    assert!(names.iter().all(|name| super::super::figures::NAMES.contains(name)));
    report.figures().iter().for_each(|f| assert_whole(&f.svg));
    assert_whole(&report.html());
    for section in ["Bias models", "Convergence of the weights", "Sampling"] {
        assert!(report.html().contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    // Three maps and two bars; two maps, two bars and the relation; five bins twice; 17 weights twice.
    let counts = expected.map(|name| frames(&figure(&report, name)));
    assert_eq!(counts, [2, 1, 5, 5, 10, 34]);
    assert_eq!(figure(&report, "density_maps").svg.matches("<image").count(), 5);
}

#[test]
fn parts_that_did_not_run_leave_no_trace() {
    let empty = with(Extension::default());
    assert!(empty.figures().is_empty() && empty.verdict().is_empty());
    let (page, without) = (empty.html(), Report::default().html());
    assert_eq!(page.matches("<h2>").count(), without.matches("<h2>").count());
    assert_eq!(empty.text(), Report::default().text());
}

#[test]
fn the_verdict_warns_of_chains_and_judges_the_engine() {
    let verdict = report().verdict();
    let said = |words: &str| verdict.iter().any(|s| s.contains(words));
    assert!(said("R-hat of 1 of 17 weights is 1.05 or more (largest 1.310"), "{verdict:#?}");
    assert!(said("2 of 17 weights have fewer than 400 effective samples"), "{verdict:#?}");
    let better = "Neural physical engine 3³ (17 weights) is better in held-out log likelihood: by 0.0723 per halo than \
                  truncated power law (in all folds), by 0.0804 per halo than 1×1×1 mixture (in all folds), ";
    assert!(said(better), "{verdict:#?}");
    assert!(said("by 0.4713 per halo than clipped linear bias (in all folds)"), "{verdict:#?}");
    assert!(
        said("On the largest scales (k = 0.050 h/Mpc) the cross-correlation of the samples with the true"),
        "{verdict:#?}"
    );
    assert!(said("within the prior's 95\u{a0}% band in all 16 bins"), "{verdict:#?}");
    assert!(said("1 of 50 bins of the halo mass function lies outside"), "{verdict:#?}");
    // The tails of Poisson numbers beyond the band, by scipy; a twentieth of all would be 2.5.
    assert!(said("of the posterior, at most 1.0 are expected"), "{verdict:#?}");
    let text = report().text();
    assert!(text.contains("Warning: R-hat of 1 of 17 weights"), "{text}");
    let mut report = report();
    let extension = report.extension.as_mut().expect("there");
    let traces = extension.traces.as_mut().expect("there");
    (traces.r_hat, traces.ess_bulk, traces.ess_tail) = (vec![1.002; 17], vec![900.0; 17], vec![800.0; 17]);
    extension.bias_comparison.as_mut().expect("there").rows[5].held_out_per_halo = -7.6641;
    let verdict = report.verdict();
    assert!(verdict.iter().any(|s| s.contains("all 17 weights agree: the largest R-hat is 1.002")), "{verdict:#?}");
    assert!(!verdict.iter().any(|s| s.contains("Vehtari")), "{verdict:#?}");
    let honest = "is not better in held-out log likelihood than truncated power law (by −0.0010 per halo";
    assert!(
        report.text().contains(&format!("Warning: Neural physical engine 3³ (17 weights) {honest}")),
        "{verdict:#?}"
    );
    let traces = report.extension.as_mut().and_then(|e| e.traces.as_mut()).expect("there");
    traces.r_hat[2] = f64::NAN;
    assert!(report.verdict().iter().any(|s| s.contains("largest unknown")), "{:#?}", report.verdict());
}

#[test]
fn between_the_two_limits_of_r_hat_the_report_says_what_holds() {
    let mut report = report();
    let extension = report.extension.as_mut().expect("there");
    let traces = extension.traces.as_mut().expect("there");
    (traces.r_hat, traces.ess_bulk, traces.ess_tail) = (vec![1.002; 17], vec![900.0; 17], vec![800.0; 17]);
    traces.r_hat[8] = 1.015;
    extension.sampling.as_mut().expect("there").rows[0].max_r_hat = 1.0304;
    let verdict = report.verdict();
    let holds = "above the 1.01 of Vehtari et al. 2021: means and widths hold, ask for more draws where tails matter.";
    let said = |begin: &str, end: &str| verdict.iter().any(|s| s.starts_with(begin) && s.ends_with(end));
    assert!(said("R-hat of the weights (", &format!("is up to 1.015, {holds}")), "{verdict:#?}");
    let of_field = "R-hat of the power in shells of the initial field is up to 1.030, ";
    assert!(said(of_field, holds), "{verdict:#?}");
    assert!(!verdict.iter().any(|s| s.contains("weights agree")), "{verdict:#?}");
    assert!(!report.text().contains("Warning: R-hat"), "{}", report.text());
    let table = super::super::sampling::text(&sampling());
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
    assert!(row("judged by").contains("power in shells") && row("largest R-hat").contains("1.009"), "{table}");
}

#[test]
fn folds_that_disagree_and_the_choice_among_engines_are_said() {
    let mut comparison = bias_comparison();
    let other = BiasRow { name: "engine 5³".into(), held_out_per_halo: -7.6, ..comparison.rows[5].clone() };
    comparison.rows.push(other);
    // Better than the truncated power law in the mean, and worse in the second fold; worse than the power law in the mean.
    comparison.rows[5].folds = vec![-7.5, -7.6816];
    comparison.rows[2].held_out_per_halo = -7.58;
    comparison.rows[2].folds = vec![-7.51, -7.65];
    let said: Vec<String> = super::super::bias::sentences(&comparison).into_iter().map(|(_, text)| text).collect();
    let ours = "neural physical engine 3³ (17 weights, the best of 2 engines)";
    assert!(
        said.iter().any(|s| s.contains("by 0.0723 per halo than truncated power law (in 1 of 2 folds)")),
        "{said:#?}"
    );
    let worse = format!(
        "{ours} is not better in held-out log likelihood than power law (by −0.0108 per halo, better in 1 of 2 folds)"
    );
    assert!(said.iter().any(|s| s.starts_with(&worse)), "{said:#?}");
    assert!(said.iter().all(|s| s.starts_with(ours) && !s.contains("beat")), "{said:#?}");
}

#[test]
fn where_weights_are_sampled_their_scatter_is_in_the_bands() {
    let caption =
        |slices: Slices| figure(&with(Extension { slices: Some(slices), ..Default::default() }), "slices").caption;
    assert!(caption(slices()).ends_with("from the neighbours, and the posterior scatter of the weights."));
    assert!(caption(Slices { weights_are_sampled: false, ..slices() }).ends_with("from the neighbours."));
}

#[test]
fn bias_models_are_sorted_by_what_they_say_of_held_out_halos() {
    let text = super::super::bias::text(&bias_comparison());
    let names: Vec<&str> = text.lines().skip(1).map(|l| l.split("  ").next().unwrap_or("")).collect();
    let expected = [
        "neural physical engine 3³",
        "truncated power law",
        "1×1×1 mixture",
        "power law",
        "clipped linear bias",
        "homogeneous",
    ];
    assert_eq!(names, expected);
    let first: Vec<&str> =
        text.lines().nth(1).expect("a row").split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
    assert_eq!(first[1..], ["17", "−7.5908", "+0.0723", "+226", "−7.6018, −7.5798", "−7.5801"]);
}

#[test]
fn empty_and_broken_parts_do_no_harm() {
    let none = Extension {
        power_spectra: Some(PowerSpectra::default()),
        cross_correlation: Some(CrossCorrelation::default()),
        density_maps: Some(DensityMaps::default()),
        slices: Some(Slices::default()),
        mass_function: Some(MassFunction::default()),
        traces: Some(Traces::default()),
        bias_comparison: Some(BiasComparison::default()),
        sampling: Some(Sampling::default()),
    };
    assert!(with(none.clone()).figures().is_empty() && with(none.clone()).verdict().is_empty());
    assert_whole(&with(none).html());
    let holes = |n: usize| (0..n).map(|i| [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300, 1.0][i % 6]).collect::<Vec<_>>();
    let of = |n: usize| Band { q025: holes(n), q16: holes(n), q50: holes(n), q84: holes(n), q975: holes(n) };
    for n in [1, 2, 7] {
        let broken = Extension {
            power_spectra: Some(PowerSpectra {
                k: holes(n),
                linear_power: vec![0.0; n],
                prior: of(n),
                posterior: of(n),
                truth: Some(holes(n)),
            }),
            cross_correlation: Some(CrossCorrelation { k: holes(n), posterior: of(n), ..Default::default() }),
            density_maps: Some(DensityMaps {
                n,
                box_length: 1.0,
                mean: holes(n * n),
                sd: vec![0.0; n * n],
                ..Default::default()
            }),
            slices: Some(Slices {
                n,
                box_length: 1e-9,
                density: vec![f64::NAN; n * n],
                psi: holes(n * n),
                halos: vec![(f64::NAN, 3.0), (1e300, -1e300)],
                relation: Some(Relation { density_edges: holes(n + 1), psi: of(n) }),
                ..Default::default()
            }),
            mass_function: Some(MassFunction {
                bins: vec![MassFunctionBin {
                    n_voxels: 1,
                    mass_edges: (0..=n).map(|i| 1.0 + i as f64).collect(),
                    counts: vec![u64::MAX; n],
                    expected: holes(n),
                    posterior: of(n),
                    density_high: f64::NAN,
                    ..Default::default()
                }],
            }),
            traces: Some(Traces {
                parameters: vec![Parameter::new("<a&", "\\<a&$"); n],
                chains: vec![vec![holes(6); n], vec![vec![1.0]; n]],
                r_hat: vec![f64::NAN; n],
                ess_bulk: vec![-1.0; n],
                ess_tail: holes(n),
                prior_sd: holes(n),
                truth: Some(holes(n)),
            }),
            bias_comparison: Some(BiasComparison {
                rows: vec![
                    BiasRow {
                        name: "<&$".into(),
                        is_engine: true,
                        held_out_per_halo: f64::NAN,
                        folds: holes(n),
                        ..Default::default()
                    },
                    BiasRow {
                        name: "b".into(),
                        held_out_per_halo: f64::INFINITY,
                        in_sample: f64::NAN,
                        ..Default::default()
                    },
                ],
                reference: Some(17),
                n_halos: 0,
            }),
            sampling: Some(Sampling {
                rows: vec![SamplingRow { block: "<$".into(), step_size: f64::NAN, ..Default::default() }],
            }),
        };
        let report = with(broken);
        report.figures().iter().for_each(|f| assert_whole(&f.svg));
        assert_whole(&report.html());
        assert!(report.text().contains("unknown"));
        assert_eq!(report.figures().len(), 6);
    }
    let mut ragged = report().extension.expect("there");
    ragged.power_spectra.as_mut().expect("there").prior.q16.pop();
    ragged.traces.as_mut().expect("there").chains[1].pop();
    ragged.slices.as_mut().expect("there").psi.pop();
    ragged.density_maps.as_mut().expect("there").truth = Some(vec![1.0]);
    ragged.cross_correlation.as_mut().expect("there").k.push(1.0);
    ragged.mass_function.as_mut().expect("there").bins.iter_mut().for_each(|bin| bin.counts.clear());
    assert!(with(ragged).figures().is_empty());
}

#[test]
fn of_many_weights_the_worst_are_shown() {
    let mut many = traces(2, 10);
    for _ in 0..2 {
        many.parameters.extend(many.parameters.clone());
        many.r_hat.extend(many.r_hat.clone());
        many.chains.iter_mut().for_each(|chain| chain.extend(chain.clone()));
    }
    (many.truth, many.prior_sd) = (None, Vec::new());
    let figure = figure(&with(Extension { traces: Some(many), ..Default::default() }), "traces");
    assert_eq!(frames(&figure), 80);
    assert!(figure.caption.contains("Of 68 weights, the 40 of the largest R-hat are shown."), "{}", figure.caption);
}
