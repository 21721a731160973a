//! Laws of networks over a table of architectures: vector-Jacobian products against differences, threads, files.

use super::*;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

fn table() -> Vec<Network> {
    let perceptron = |hidden: &[usize], activation| Network::perceptron(3, hidden, activation, 2).expect("valid");
    vec![
        perceptron(&[], Activation::Tanh),
        perceptron(&[5], Activation::LeakyRelu),
        perceptron(&[7, 4], Activation::Tanh),
        perceptron(&[6, 5, 4], Activation::Silu),
    ]
}

fn normals(n: usize, stream: u64) -> Vec<f64> {
    let mut stream = Seed::new(11).stream(stream);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

/// Σ c · output, the function whose derivatives the laws check.
fn total(network: &Network, weights: &[f64], input: &[f64], n_tangents: usize, c: &[f64]) -> f64 {
    let mut output = vec![0.0; c.len()];
    network.apply(weights, input, n_tangents, &mut output);
    output.iter().zip(c).map(|(x, c)| x * c).sum()
}

fn gradient(network: &Network, weights: &[f64], input: &[f64], n_tangents: usize, c: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; network.n_weights()];
    let row = (1 + n_tangents) * network.n_out();
    let mut workspace = Workspace::default();
    network.gradient(weights, input, n_tangents, &mut workspace, &mut gradient, |bundles, _, out| {
        out.copy_from_slice(&c[bundles.start * row..bundles.end * row]);
    });
    gradient
}

#[test]
fn gradients_by_weights_are_those_of_finite_differences() {
    for (network, n_tangents) in table().into_iter().flat_map(|n| [(n.clone(), 0), (n.clone(), 1), (n, 3)]) {
        let mut weights = initialise(&network, Seed::new(1));
        let n = 4 * (1 + n_tangents);
        let (input, c) = (normals(n * 3, 0), normals(n * 2, 1));
        let exact = gradient(&network, &weights, &input, n_tangents, &c);
        for (i, exact) in exact.iter().enumerate() {
            let (w, h) = (weights[i], 1e-5);
            weights[i] = w + h;
            let above = total(&network, &weights, &input, n_tangents, &c);
            weights[i] = w - h;
            let below = total(&network, &weights, &input, n_tangents, &c);
            weights[i] = w;
            let difference = (above - below) / (2.0 * h);
            assert!(
                (exact - difference).abs() < 1e-7 * (1.0 + exact.abs()),
                "{network:?} weight {i}: {exact} {difference}"
            );
        }
    }
}

#[test]
fn gradients_by_input_are_those_of_finite_differences() {
    for (network, n_tangents) in table().into_iter().flat_map(|n| [(n.clone(), 0), (n, 2)]) {
        let weights = initialise(&network, Seed::new(1));
        let n = 2 * (1 + n_tangents);
        let (mut input, c) = (normals(n * 3, 2), normals(n * 2, 3));
        let mut tape = network::Tape::default();
        network.forward(&weights, &input, n_tangents, &mut tape);
        tape.output_and_cotangent(c.len()).1.copy_from_slice(&c);
        let (mut by_weights, mut exact) = (vec![0.0; network.n_weights()], vec![0.0; input.len()]);
        network.vjp(&weights, &input, n_tangents, &mut tape, &mut by_weights, false, Some(&mut exact));
        for (i, exact) in exact.iter().enumerate() {
            let (x, h) = (input[i], 1e-5);
            input[i] = x + h;
            let above = total(&network, &weights, &input, n_tangents, &c);
            input[i] = x - h;
            let below = total(&network, &weights, &input, n_tangents, &c);
            input[i] = x;
            let difference = (above - below) / (2.0 * h);
            assert!(
                (exact - difference).abs() < 1e-7 * (1.0 + exact.abs()),
                "{network:?} input {i}: {exact} {difference}"
            );
        }
    }
}

#[test]
fn tangents_are_the_derivative_along_their_direction() {
    for network in table() {
        let weights = initialise::<f64>(&network, Seed::new(4));
        let bundle = normals(6, 5);
        let mut out = [0.0; 4];
        network.apply(&weights, &bundle, 1, &mut out);
        let at = |h: f64| {
            let moved: Vec<f64> = (0..3).map(|i| bundle[i] + h * bundle[3 + i]).collect();
            let mut out = [0.0; 2];
            network.apply(&weights, &moved, 0, &mut out);
            out
        };
        let (above, below) = (at(1e-5), at(-1e-5));
        for i in 0..2 {
            assert!((out[2 + i] - (above[i] - below[i]) / 2e-5).abs() < 1e-8, "{network:?}");
            assert!((out[i] - at(0.0)[i]).abs() < 1e-14, "{network:?}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let network = Network::perceptron(10, &[32, 32], Activation::Silu, 2).expect("valid");
    let weights: Vec<f32> = initialise(&network, Seed::new(1));
    let input: Vec<f32> = normals(3 * 3000 * 10, 6).into_iter().map(|x| x as f32).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut gradient = vec![0.0; network.n_weights()];
            let mut workspace = Workspace::default();
            network.gradient(&weights, &input, 2, &mut workspace, &mut gradient, |_, x, c| c.copy_from_slice(x));
            let mut output = vec![0.0; 3 * 3000 * 2];
            network.apply(&weights, &input, 2, &mut output);
            (gradient, output)
        })
    };
    let one = run(1);
    assert!(one.0.iter().all(|g| g.is_finite()));
    assert!(one == run(2) && one == run(7));
}

#[test]
fn a_row_does_not_depend_on_its_company() {
    let network = Network::perceptron(3, &[8], Activation::Tanh, 2).expect("valid");
    let weights: Vec<f64> = initialise(&network, Seed::new(1));
    let input = normals(3 * 1000, 7);
    let (mut all, mut last) = (vec![0.0; 2000], vec![0.0; 2]);
    network.apply(&weights, &input, 0, &mut all);
    network.apply(&weights, &input[2997..], 0, &mut last);
    all[1998..].iter().zip(last).for_each(|(a, b)| assert!((a - b).abs() < 1e-14));
}

#[test]
fn weights_come_back_from_their_file_and_damage_is_told() {
    let folder = std::env::temp_dir().join(format!("posterity-nn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("network.safetensors");
    for network in table() {
        let weights: Vec<f32> = initialise(&network, Seed::new(2));
        let metadata = Metadata::from([("note".to_string(), "kept".into())]);
        write_weights(&path, &network, &weights, metadata).expect("written");
        let (network_back, weights_back, metadata) = read_weights::<f32>(&path).expect("read");
        assert!(network_back == network && weights_back == weights && metadata["note"] == "kept");
        assert!(read_weights::<f64>(&path).expect_err("other precision").is_corrupt_file());
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("damaged");
        assert!(read_weights::<f32>(&path).expect_err("truncated").is_corrupt_file());
    }
    assert!(read_weights::<f32>(&folder.join("none")).expect_err("missing").is_io());
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn empty_layers_are_refused() {
    for widths in [(0, 4, 1), (3, 0, 1), (3, 4, 0)] {
        let network = Network::perceptron(widths.0, &[widths.1], Activation::Tanh, widths.2);
        assert!(network.expect_err("refused").is_invalid_input());
    }
}

#[test]
fn a_first_output_is_pinned() {
    let network = Network::perceptron(3, &[6, 5, 4], Activation::Silu, 2).expect("valid");
    let weights: Vec<f64> = initialise(&network, Seed::new(1));
    let mut output = [0.0; 2];
    network.apply(&weights, &[0.1, -0.7, 1.3], 0, &mut output);
    let pinned = [0.1402868803111466, 0.07127835080671321];
    output.iter().zip(pinned).for_each(|(x, pinned): (&f64, f64)| assert!((x - pinned).abs() < 1e-12, "{output:?}"));
}
