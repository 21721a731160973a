//! Laws of networks over a table of architectures: vector-Jacobian products against differences, threads, files.

use super::*;
use crate::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

fn table() -> Vec<Network> {
    let perceptron = |hidden: &[usize], activation| Network::perceptron(3, hidden, activation, 2).expect("valid");
    let lists = [
        perceptron(&[], Activation::Tanh),
        perceptron(&[5], Activation::LeakyRelu),
        perceptron(&[7, 4], Activation::Tanh),
        perceptron(&[6, 5, 4], Activation::Silu),
        perceptron(&[5], Activation::LogModulus),
    ];
    lists.into_iter().chain(fields()).collect()
}

/// Networks of fields: every kind of layer, in one, two and three dimensions.
fn fields() -> Vec<Network> {
    use Layer::{Dense, GlobalMean, LayerNorm, LeakyRelu, MaxPool, MeanPool, Silu, Tanh};
    let convolution =
        |channels, kernel_size, stride, padding| Layer::Convolution { channels, kernel_size, stride, padding };
    let multipole = |kernel_size, degrees: &[usize], stride, padding| Layer::Multipole {
        channels: 2,
        kernel_size,
        degrees: degrees.to_vec(),
        stride,
        padding,
    };
    let (wraps, zero) = (Padding::Periodic, Padding::Zero);
    let bottleneck = vec![convolution(3, 1, 1, wraps), Tanh {}, convolution(2, 3, 1, zero)];
    let ways = vec![vec![convolution(2, 1, 1, wraps), Silu {}], vec![multipole(3, &[0], 1, wraps)], vec![]];
    [
        (&[6][..], vec![convolution(2, 3, 1, wraps), Silu {}, MeanPool { size: 3 }, Dense { width: 2 }]),
        (&[5], vec![convolution(2, 4, 2, zero), Tanh {}, Dense { width: 2 }]),
        (
            &[4, 6],
            vec![convolution(2, 3, 2, wraps), Silu {}, convolution(3, 2, 1, wraps), GlobalMean {}, Dense { width: 2 }],
        ),
        (&[5, 3], vec![convolution(2, 3, 2, zero), LeakyRelu {}, MaxPool { size: 1 }, Dense { width: 2 }]),
        (&[4, 4], vec![MaxPool { size: 2 }, Layer::Square {}, Dense { width: 2 }]),
        (&[5, 5], vec![multipole(5, &[0, 1, 2], 1, wraps), Tanh {}, GlobalMean {}, Dense { width: 2 }]),
        (
            &[4, 4],
            vec![convolution(2, 1, 1, wraps), Layer::Residual { layers: bottleneck }, Silu {}, Dense { width: 2 }],
        ),
        (&[4, 4], vec![Layer::Inception { branches: ways }, Tanh {}, Dense { width: 2 }]),
        (&[3, 4], vec![convolution(2, 3, 1, wraps), LayerNorm {}, Silu {}, GlobalMean {}, Dense { width: 2 }]),
        (&[3, 3, 3], vec![multipole(3, &[0, 1], 1, zero), Silu {}, LayerNorm {}, Dense { width: 2 }]),
        (&[4, 4, 4], vec![multipole(1, &[0], 2, wraps), convolution(2, 2, 1, wraps), Silu {}, Dense { width: 2 }]),
    ]
    .into_iter()
    .map(|(size, layers)| Network::new(Shape::field(size), layers).expect("valid"))
    .collect()
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
        let (input, c) = (normals(n * network.n_in(), 0), normals(n * 2, 1));
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
        let (mut input, c) = (normals(n * network.n_in(), 2), normals(n * 2, 3));
        let mut tape = tape::Tape::default();
        tape.forward(&network, &weights, &input, n_tangents);
        tape.output_and_cotangent(c.len()).1.copy_from_slice(&c);
        let (mut by_weights, mut exact) = (vec![0.0; network.n_weights()], vec![0.0; input.len()]);
        tape.vjp(&network, &weights, &input, n_tangents, &mut by_weights, false, Some(&mut exact));
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
        let n = network.n_in();
        let bundle = normals(2 * n, 5);
        let mut out = [0.0; 4];
        network.apply(&weights, &bundle, 1, &mut out);
        let at = |h: f64| {
            let moved: Vec<f64> = (0..n).map(|i| bundle[i] + h * bundle[n + i]).collect();
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
    threads_change_nothing(&Network::perceptron(10, &[32, 32], Activation::Silu, 2).expect("valid"), 3000);
    fields().iter().for_each(|network| threads_change_nothing(network, 400));
    let layers = [(8, 5), (4, 3)].map(|(channels, kernel_size)| Layer::Convolution {
        channels,
        kernel_size,
        stride: 1,
        padding: Padding::Periodic,
    });
    let layers = layers.into_iter().chain([Layer::GlobalMean {}, Layer::Dense { width: 2 }]).collect();
    threads_change_nothing(&Network::new(Shape::field(&[64, 64]), layers).expect("valid"), 20);
}

fn threads_change_nothing(network: &Network, n: usize) {
    let weights: Vec<f32> = initialise(network, Seed::new(1));
    let input: Vec<f32> = normals(3 * n * network.n_in(), 6).into_iter().map(|x| x as f32).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut gradient = vec![0.0; network.n_weights()];
            let mut workspace = Workspace::default();
            network.gradient(&weights, &input, 2, &mut workspace, &mut gradient, |_, x, c| c.copy_from_slice(x));
            let mut output = vec![0.0; 3 * n * 2];
            network.apply(&weights, &input, 2, &mut output);
            (gradient, output)
        })
    };
    let one = run(1);
    assert!(one.0.iter().all(|g| g.is_finite()));
    assert!(one == run(2) && one == run(7), "{network:?}");
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
fn multipoles_turn_with_the_field() {
    let (n, degrees) = (5, vec![0, 1, 2]);
    let multipole = Layer::Multipole { channels: 1, kernel_size: 3, degrees, stride: 1, padding: Padding::Periodic };
    for axes in [2, 3] {
        let size = vec![n; axes];
        let network = Network::new(Shape::field(&size), vec![multipole.clone()]).expect("valid");
        let weights: Vec<f64> = initialise(&network, Seed::new(5));
        let cells = n.pow(axes as u32);
        let field = normals(cells, 8);
        // The first axis turned round, then the two last exchanged: any turn and mirror image is made of such.
        let turned = |field: &[f64]| -> Vec<f64> {
            let from = |i: usize| {
                let (head, a, b) = (i / (n * n), i / n % n, i % n);
                if axes == 2 { (n - 1 - b) * n + a } else { ((n - 1 - head) * n + b) * n + a }
            };
            (0..cells).map(|i| field[from(i)]).collect()
        };
        let apply = |field: &[f64]| {
            let mut out = vec![0.0; 3 * cells];
            network.apply(&weights, field, 0, &mut out);
            out
        };
        let (before, after) = (apply(&field), apply(&turned(&field)));
        for (before, after) in before.chunks_exact(cells).zip(after.chunks_exact(cells)) {
            let size = before.iter().map(|x| x.abs()).fold(0.0, f64::max);
            turned(before).iter().zip(after).for_each(|(a, b)| assert!((a - b).abs() < 1e-12 * (1.0 + size)));
        }
    }
}

#[test]
fn a_convolution_is_that_of_its_definition() {
    let layers = vec![Layer::Convolution { channels: 1, kernel_size: 3, stride: 2, padding: Padding::Zero }];
    let network = Network::new(Shape { channels: 2, size: vec![4, 5] }, layers).expect("valid");
    assert_eq!(network.table()[0].shape, Shape { channels: 1, size: vec![2, 3] });
    let (weights, input) = (normals(network.n_weights(), 1), normals(40, 2));
    let mut out = [0.0; 6];
    network.apply(&weights, &input, 0, &mut out);
    for (o, out) in out.iter().enumerate() {
        let (y, x) = (2 * (o / 3), 2 * (o % 3));
        let mut sum = weights[18];
        for (k, weight) in weights[..18].iter().enumerate() {
            let (c, i, j) = (k / 9, (y + k / 3 % 3).wrapping_sub(1), (x + k % 3).wrapping_sub(1));
            if i < 4 && j < 5 {
                sum += weight * input[c * 20 + i * 5 + j];
            }
        }
        assert!((out - sum).abs() < 1e-12, "{o}: {out} {sum}");
    }
}

#[test]
fn layers_that_do_not_fit_are_refused_with_their_place() {
    let convolution =
        |kernel_size, stride| Layer::Convolution { channels: 2, kernel_size, stride, padding: Padding::Periodic };
    let multipole = |kernel_size, degrees: &[usize]| Layer::Multipole {
        channels: 2,
        kernel_size,
        degrees: degrees.to_vec(),
        stride: 1,
        padding: Padding::Periodic,
    };
    let cases = [
        (vec![], "no layer"),
        (vec![Layer::Silu {}, convolution(9, 1)], "layer 1 (convolution): a kernel of 9 is larger"),
        (vec![convolution(3, 3)], "stride of 3 does not divide"),
        (vec![convolution(0, 1)], "at least 1"),
        (
            vec![Layer::GlobalMean {}, Layer::Silu {}, convolution(3, 1)],
            "layer 2 (convolution): wants a field, and 1 values",
        ),
        (vec![multipole(2, &[0])], "not odd"),
        (vec![multipole(3, &[1, 0])], "do not ascend"),
        (vec![multipole(1, &[1])], "not to be told apart"),
        (vec![Layer::MeanPool { size: 3 }], "blocks of 3 do not fill"),
        (vec![Layer::Dense { width: 0 }], "width is 0"),
        (vec![Layer::Residual { layers: vec![convolution(3, 1)] }], "its layers make 2 × 8 × 8 of 1 × 8 × 8"),
        (vec![Layer::Residual { layers: vec![] }], "its layers make nothing"),
        (vec![Layer::Inception { branches: vec![] }], "no branch"),
        (vec![Layer::Inception { branches: vec![vec![], vec![convolution(3, 2)]] }], "do not fit side by side"),
        (vec![Layer::Dense { width: usize::MAX }], "more than"),
    ];
    for (layers, expected) in cases {
        let error = Network::new(Shape::field(&[8, 8]), layers).expect_err(expected);
        assert!(error.is_invalid_input() && error.to_string().contains(expected), "{error} / {expected}");
    }
    assert!(Network::new(Shape::field(&[2; 4]), vec![Layer::Silu {}]).is_err());
    let degree = |degree| Network::new(Shape::field(&[8, 8]), vec![multipole(5, &[degree])]);
    assert!(degree(crate::engine::MAX_DEGREE).is_ok() && degree(crate::engine::MAX_DEGREE + 1).is_err());
}

/// Numbers of values and weights that would wrap round to small ones.
#[test]
fn sizes_beyond_a_word_are_refused() {
    let dense = |width| vec![Layer::Dense { width }];
    let cases = [
        (Shape::flat(1 << 62), dense(4)),
        (Shape { channels: 1 << 32, size: vec![1 << 32, 3] }, dense(4)),
        (Shape { channels: (1 << 63) + 1, size: vec![2] }, vec![Layer::GlobalMean {}]),
        (Shape::flat(3), dense(1 << 62)),
        (Shape::flat(1 << 31), dense(1 << 31)),
    ];
    for (input, layers) in cases {
        let text = format!("{input:?} {layers:?}");
        let error = Network::new(input, layers).expect_err(&text);
        assert!(error.is_invalid_input() && error.to_string().contains("more than 2147483648"), "{error}");
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
