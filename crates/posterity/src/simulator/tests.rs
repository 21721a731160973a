//! Laws that every built-in simulator keeps, over a table of them all; and their first values, pinned.

use super::*;
use crate::failure::Cause;
use crate::math::Matrix;
use crate::npy::Rows;
use crate::seed::Seed;
use rand::Rng;

/// A simulator, a point, a step for differences, and a point at which it has no data.
struct Case {
    name: &'static str,
    simulator: Box<dyn Simulator>,
    theta: Vec<f64>,
    delta: Vec<f64>,
    impossible: Vec<f64>,
}

fn cases() -> Vec<Case> {
    let z: Vec<f64> = (1..=12).map(|i| 0.013 * (i * i) as f64).collect();
    let covariance = Matrix::from_fn(12, 12, |i, j| if i == j { 0.01 } else { 0.002 });
    let supernovae = Supernovae::new(&z, &z, &[20.0; 12], &covariance).expect("valid");
    let case = |name, simulator, theta: &[f64], delta: &[f64], impossible: &[f64]| Case {
        name,
        simulator,
        theta: theta.to_vec(),
        delta: delta.to_vec(),
        impossible: impossible.to_vec(),
    };
    let nan = f64::NAN;
    let gaussian = |n, dims| GaussianField::new(n, dims).expect("valid");
    let open = LogNormalField::open(5, 2).expect("valid");
    let matter = |n, dims| CosmologicalLogNormalField::new(n, dims, 50.0, FixedCosmology::default()).expect("valid");
    let log_normal = |n, dims| LogNormalField::periodic(n, dims).expect("valid");
    vec![
        case("variance", Box::new(Gaussian::variance(10, 0.5)), &[1.3], &[0.1], &[-1.0]),
        case("mean and variance", Box::new(Gaussian::mean_and_variance(7)), &[0.2, 1.5], &[0.1, 0.1], &[0.0, 0.0]),
        case("slope", Box::new(Line::slope(100, 0.5, 2.0)), &[1.0], &[0.1], &[nan]),
        case("line", Box::new(Line::slope_and_intercept(20, 1.0)), &[1.0, -1.0], &[0.1, 0.2], &[0.0, f64::INFINITY]),
        case("supernovae", Box::new(supernovae), &[0.3, -1.1, 23.8], &[0.02, 0.04, 0.1], &[1.5, -1.0, 23.8]),
        case("gaussian field", Box::new(gaussian(8, 2)), &[1.2, 0.5], &[0.02, 0.02], &[-1.0, 0.5]),
        case("gaussian cube", Box::new(gaussian(5, 3)), &[1.2, 0.5], &[0.02, 0.02], &[1.0, nan]),
        case("log-normal field", Box::new(log_normal(7, 2)), &[0.9, 0.5], &[0.02, 0.02], &[1.0, 0.0]),
        case("log-normal cube", Box::new(log_normal(4, 3)), &[0.9, 0.25], &[0.02, 0.02], &[0.0, 0.5]),
        case("open log-normal field", Box::new(open), &[0.9, 1.5], &[0.02, 0.02], &[1.0, nan]),
        case("matter", Box::new(matter(4, 3)), &[0.3, 0.8], &[0.01, 0.02], &[1.5, 0.8]),
        case("matter in a plane", Box::new(matter(5, 2)), &[0.3, 0.8], &[0.01, 0.02], &[0.3, -0.8]),
    ]
}

fn filled(simulator: &dyn Simulator, theta: &[f64], delta: Option<&[f64]>, n: usize, first: u64) -> SimulationSet {
    let mut set = SimulationSet::new(simulator, theta, delta, n, n / 2).expect("fits");
    set.fill(simulator, Seed::new(11), first).expect("possible");
    set
}

fn on_threads<T: Send>(n: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool").install(run)
}

#[test]
fn an_index_has_its_data_on_any_number_of_threads() {
    for Case { name, simulator, theta, delta, .. } in cases() {
        let (simulator, n_data) = (&*simulator, simulator.n_data());
        let all = |n_threads| {
            on_threads(n_threads, || [None, Some(&delta[..])].map(|delta| filled(simulator, &theta, delta, 300, 5)))
        };
        let one = all(1);
        assert!(one == all(2) && one == all(7), "{name}");
        // Nor do they depend on where a call begins: row 40 of the batch is index 45.
        let mut single = vec![0.0; n_data];
        simulator.simulate(&theta, &mut Seed::new(11).stream(45), &mut single).expect("possible");
        assert_eq!(single, in_memory(&one[0].fiducial)[40 * n_data..41 * n_data], "{name}");
        assert!(one[0].fiducial == one[1].fiducial, "{name}: the source of the derivative changes no simulation");
    }
}

#[test]
fn exact_derivatives_match_differences_at_the_same_index() {
    for Case { name, simulator, theta, delta, .. } in cases() {
        assert!(simulator.has_derivative(), "{name}");
        let derivatives = |delta: Option<&[f64]>| {
            let set = filled(&*simulator, &theta, delta, 20, 0);
            set.derivatives().expect("in memory")
        };
        let exact = derivatives(None);
        // The worst error for steps of a hundredth and of a tenth of delta: central differences are of second order.
        let error = |factor: f64| {
            let delta: Vec<f64> = delta.iter().map(|d| factor * d).collect();
            derivatives(Some(&delta)).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let (fine, coarse) = (error(0.01), error(0.1));
        assert!(fine < 1e-5, "{name}: {fine:e}");
        assert!(fine < 1.2e-2 * coarse || coarse < 1e-10, "{name}: {fine:e} and {coarse:e}");
    }
}

#[test]
fn noise_is_used_alike_at_any_theta_and_with_derivatives() {
    for Case { name, simulator, theta, delta, .. } in cases() {
        let n_data = simulator.n_data();
        let moved: Vec<f64> = theta.iter().zip(&delta).map(|(t, d)| t + d).collect();
        for index in 0..50 {
            let streams = || Seed::new(8).stream(index);
            let (mut a, mut b, mut c) = (streams(), streams(), streams());
            let [mut data, mut other, mut with_derivative] = [(); 3].map(|()| vec![0.0; n_data]);
            simulator.simulate(&theta, &mut a, &mut data).expect("possible");
            simulator.simulate(&moved, &mut b, &mut other).expect("possible");
            let mut derivative = vec![f64::NAN; n_data * theta.len()];
            simulator
                .simulate_with_derivative(&theta, &mut c, &mut with_derivative, &mut derivative)
                .expect("possible");
            let next = a.next_u64();
            assert!(next == b.next_u64() && next == c.next_u64(), "{name}");
            assert!(data != other && data == with_derivative, "{name}");
            assert!(derivative.iter().all(|d| d.is_finite()), "{name}: every element is written");
        }
    }
}

#[test]
fn an_impossible_theta_is_an_error_that_names_it() {
    for Case { name, simulator, theta, delta, impossible } in cases() {
        let (simulator, n_data) = (&*simulator, simulator.n_data());
        let mut data = vec![0.0; n_data];
        let mut derivative = vec![0.0; n_data * theta.len()];
        let mut stream = Seed::new(0).stream(0);
        let error = simulator.simulate(&impossible, &mut stream, &mut data).expect_err(name);
        assert!(error.is_simulation_failed(), "{name}: {error}");
        let error = simulator.simulate_with_derivative(&impossible, &mut stream, &mut data, &mut derivative);
        assert!(error.expect_err(name).is_simulation_failed(), "{name}");
        // Counts, lengths and steps that do not fit are refused before any work.
        let refused = |theta: &[f64], delta: Option<&[f64]>, n_s, n_d| {
            SimulationSet::new(simulator, theta, delta, n_s, n_d).expect_err(name).is_invalid_input()
        };
        let mut zero = delta.clone();
        zero[0] = 0.0;
        assert!(refused(&[], None, 4, 4) && refused(&theta, Some(&[]), 4, 4) && refused(&theta, Some(&zero), 4, 4));
        assert!(refused(&theta, None, 4, 5), "{name}: a derivative without its simulation");
        let mut set = SimulationSet::new(simulator, &impossible, None, 4, 4).expect("fits");
        let failures = set.fill(simulator, Seed::new(1), 0).expect("told, not an error");
        assert_eq!((failures.n(), set.n_s(), set.n_d()), (4, 0, 0), "{name}");
        assert!(failures.first.iter().all(|record| record.failure.cause == Cause::Refused), "{name}");
    }
}

/// A line that fails at some noise, and for one of its pairs only at larger slopes.
struct Fragile(Line);

impl Simulator for Fragile {
    fn parameters(&self) -> &[crate::Parameter] {
        self.0.parameters()
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn simulate(&self, theta: &[f64], stream: &mut crate::Stream, data: &mut [f64]) -> crate::Result<()> {
        self.0.simulate(theta, stream, data)?;
        let noise = data[0];
        if noise > 1.0 {
            data[2] = f64::NAN;
        }
        if noise < -1.0 && theta[0] > 1.0 { Err(crate::Error::simulation_failed("too steep")) } else { Ok(()) }
    }
}

#[test]
fn the_exact_information_is_that_of_linear_summaries_or_of_the_formula() {
    use super::Marginalised;
    let exact = |simulator: &dyn Simulator, theta: &[f64]| simulator.exact_fisher(theta).expect("possible");
    let line = Line::slope_and_intercept(20, 0.5);
    // J C⁻¹ Jᵀ with the simulator's own derivative, which has no noise.
    let (mut data, mut slopes) = (vec![0.0; 20], vec![0.0; 40]);
    line.simulate_with_derivative(&[1.0, 0.0], &mut Seed::new(1).stream(0), &mut data, &mut slopes).expect("valid");
    let found = exact(&line, &[1.0, 0.0]).expect("known");
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let sum: f64 = (0..20).map(|k| slopes[20 * i + k] * slopes[20 * j + k] / 0.25).sum();
        assert!((found[(i, j)] - sum).abs() < 1e-9, "{found:?} {sum}");
    }
    assert!((exact(&Line::slope(100, 1.0, 0.0), &[1.0]).expect("known")[(0, 0)] - 3350.168).abs() < 1e-3);
    let gaussian = Gaussian::mean_and_variance(10);
    assert_eq!(exact(&gaussian, &[0.0, 2.0]).expect("known").as_slice(), [5.0, 0.0, 0.0, 1.25]);
    assert_eq!(exact(&Gaussian::variance(10, 0.0), &[1.0]).expect("known").as_slice(), [5.0]);
    assert!(gaussian.exact_fisher(&[0.0, -1.0]).expect_err("no such data").is_simulation_failed());
    let field = LogNormalField::open(4, 2).expect("valid");
    assert_eq!(exact(&field, &[1.0, 0.5]), Some(field.fisher(1.0, 0.5).expect("possible")));
    let field = GaussianField::new(4, 2).expect("valid");
    assert_eq!(exact(&field, &[2.0, 0.5]), Some(field.fisher(2.0, 0.5).expect("possible")));
    // Handed on as it is; not where a parameter is integrated out.
    let prior = crate::prior::Marginal::Normal(crate::prior::Normal::new(0.0, 1.0).expect("valid"));
    assert_eq!(exact(&Marginalised::new(&line, vec![None, None]), &[1.0, 0.0]), Some(found));
    assert_eq!(exact(&Marginalised::new(&line, vec![None, Some(prior)]), &[1.0]), None);
}

#[test]
fn a_failed_simulation_is_taken_out_with_its_seed_matched_partners() {
    // The first point of a line through the origin is noise alone.
    let fragile = Fragile(Line::slope(3, 1.0, 0.0));
    let (seed, n) = (Seed::new(5), 200);
    let noise: Vec<f64> = (0..n)
        .map(|i| {
            let mut data = [0.0; 3];
            fragile.0.simulate(&[1.0], &mut seed.stream(i), &mut data).expect("possible");
            data[0]
        })
        .collect();
    let (nan, steep) = (noise.iter().filter(|x| **x > 1.0).count(), noise.iter().filter(|x| **x < -1.0).count());
    let mut set = SimulationSet::new(&fragile, &[1.0], Some(&[0.1]), n as usize, n as usize / 2).expect("fits");
    let failures = set.fill(&fragile, seed, 0).expect("some");
    let kept: Vec<f64> = noise.iter().copied().filter(|x| *x <= 1.0).collect();
    let of_pairs = noise[..100].iter().filter(|x| **x < -1.0).count();
    assert!(nan > 10 && steep > 10 && of_pairs > 5, "{nan} {steep} {of_pairs}");
    // Streams that fail above theta_fid alone are missing at theta_fid too; beyond the pairs they are not.
    let kept: Vec<f64> = kept.iter().copied().filter(|x| *x >= -1.0 || !noise[..100].contains(x)).collect();
    assert_eq!(in_memory(&set.fiducial).chunks(3).map(|row| row[0]).collect::<Vec<_>>(), kept);
    let crate::simulator::Derivatives::Differences { pairs, .. } = &set.derivative else { panic!("differences") };
    for (pair, fiducial) in in_memory(pairs).chunks(6).zip(in_memory(&set.fiducial).chunks(3)) {
        assert_eq!((pair[0], pair[3]), (fiducial[0], fiducial[0]), "the same noise");
    }
    assert_eq!(failures.counts[&Cause::Refused], of_pairs as u64);
    set.become_room(n as usize, n as usize / 2);
    assert_eq!(set.fill(&fragile, seed, 0).expect("again"), failures);
}

fn in_memory(rows: &Rows) -> &[f64] {
    rows.as_slice().expect("in memory")
}

#[test]
fn both_parts_of_a_split_keep_simulations_and_derivatives_together() {
    for Case { name, simulator, theta, delta, .. } in cases() {
        for (delta, n_d) in
            [(None, 12), (None, 20), (Some(&delta[..]), 12), (Some(&delta[..]), 20), (Some(&delta[..]), 28)]
        {
            let mut set = SimulationSet::new(&*simulator, &theta, delta, 20, n_d).expect("fits");
            set.fill(&*simulator, Seed::new(1), 0).expect("possible");
            let (left, right) = set.split(0.25);
            assert_eq!((left.n_s(), right.n_s(), right.n_d()), (15, 5, n_d / 4), "{name}");
            // The streams of the parts: those that all kinds have, then those beyond, a quarter of each held out.
            let shared = n_d.min(20);
            let streams = |n: usize| {
                let cut = |n: usize| n - n / 4;
                let left: Vec<usize> = (0..cut(shared)).chain(shared..shared + cut(n - shared)).collect();
                let right: Vec<usize> = (0..n).filter(|i| !left.contains(i)).collect();
                [left, right]
            };
            let row = |all: &[f64], n: usize, i: usize| all[i * (all.len() / n)..(i + 1) * (all.len() / n)].to_vec();
            let all = set.derivatives().expect("in memory");
            for ((part, s), d) in [&left, &right].into_iter().zip(streams(20)).zip(streams(n_d)) {
                for (k, i) in s.iter().enumerate() {
                    let found = row(in_memory(&part.fiducial), part.n_s(), k);
                    assert_eq!(found, row(in_memory(&set.fiducial), 20, *i), "{name}");
                }
                for (k, i) in d.iter().enumerate() {
                    let found = row(&part.derivatives().expect("in memory"), part.n_d(), k);
                    assert_eq!(found, row(&all, n_d, *i), "{name}");
                }
            }
            // What lies one after another in the set is not copied.
            let within = in_memory(&set.fiducial).as_ptr_range();
            let is_within = within.contains(&in_memory(&left.fiducial).as_ptr());
            assert_eq!(is_within, n_d >= 20, "{name}");
        }
    }
}

/// A change of these numbers changes every published result: it needs a line in the changelog.
#[test]
fn first_values_are_pinned() {
    let pinned = [
        ("variance", [0.5920599883005185, -0.35943257939838646]),
        ("mean and variance", [0.2988882903888463, -0.7231786800118905]),
        ("slope", [2.0403709754981407, 1.7241239831025612]),
        ("line", [-0.9192580490037189, -1.2274564463413957]),
        ("supernovae", [14.40092194129317, 17.39764500979404]),
        ("gaussian field", [0.17137143249925113, -0.6803837325370871]),
        ("gaussian cube", [0.04965350376636082, -0.628935314054757]),
        ("log-normal field", [-0.39119837685024855, -0.6552515351603715]),
        ("log-normal cube", [-0.3148623812759433, -0.7432286203855776]),
        ("open log-normal field", [-0.4858777083082949, -0.7030483900971631]),
        ("matter", [-0.3348090052706415, -0.6113938440480046]),
        ("matter in a plane", [0.05564948257908584, -0.3691029227027963]),
    ];
    let mut found = Vec::new();
    for Case { name, simulator, theta, .. } in cases() {
        let mut data = vec![0.0; simulator.n_data()];
        simulator.simulate(&theta, &mut Seed::new(2).stream(1), &mut data).expect("possible");
        found.push((name, [data[0], data[1]]));
    }
    // Logarithms may differ in their last bit from one platform to the next, and sums of a transform by some.
    let agree = found.len() == pinned.len()
        && found.iter().zip(pinned).all(|((name, values), (pinned_name, pinned))| {
            let near = values.iter().zip(pinned).all(|(d, p)| (d - p).abs() < 1e-13 * p.abs().max(0.1));
            *name == pinned_name && near
        });
    assert!(agree, "{found:?}");
}
