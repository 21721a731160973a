//! R̂ and effective sample sizes against ArviZ 0.23, and what they say of chains that cannot be judged.

use super::*;

/// Chains that another program can make again: x_i = φ x_{i−1} + z_i, z the sum of 12 uniform numbers less 6, from the linear
/// congruential generator of Knuth's MMIX.
fn chains((seed, m, n, phi, kind): (u64, usize, usize, f64, u32)) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut one = |c: usize| {
        let mut x = 0.0;
        let step = |_| {
            x = phi * x + ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
            match kind {
                1 => x + 0.5 * c as f64,
                2 => x * (1 + c) as f64,
                3 => x.floor(),
                4 => x.powi(3),
                _ => x,
            }
        };
        (0..n).map(step).collect()
    };
    (0..m).map(&mut one).collect()
}

type Case = ((u64, usize, usize, f64, u32), [f64; 6]);

/// R̂, bulk and tail ESS, ESS of the mean, bulk ESS of the square, standard error of the mean. ArviZ has no R̂ of one chain.
const ARVIZ: [Case; 11] = [
    (
        (1, 4, 1000, 0.0, 0),
        [
            1.0012106345991847,
            3651.855108341165,
            3478.192283688053,
            3658.2771596483312,
            3463.15901260654,
            0.016400975629430953,
        ],
    ),
    (
        (2, 4, 1000, 0.9, 0),
        [
            1.0108419522403254,
            184.68705453054176,
            344.9925431628977,
            183.54445807639874,
            451.8192831699557,
            0.17492839881672184,
        ],
    ),
    (
        (3, 4, 500, -0.6, 0),
        [
            1.0042053535279956,
            6602.059991327962,
            1613.264013584697,
            6602.059991327962,
            1155.5164408015166,
            0.015051774361079285,
        ],
    ),
    (
        (4, 4, 400, 0.3, 1),
        [
            1.1654582857982854,
            17.300334210162216,
            556.7537907843122,
            17.25323382577688,
            48.27367116776659,
            0.30161556376153326,
        ],
    ),
    (
        (5, 4, 301, 0.3, 2),
        [
            1.1593761158790228,
            669.8712283871706,
            277.4175762377477,
            663.3786863875773,
            17.65107780101139,
            0.11236129003430705,
        ],
    ),
    (
        (6, 2, 250, 0.5, 3),
        [
            1.0124520907377605,
            157.88859712792745,
            237.32364126185024,
            159.26515129649877,
            270.3164693574033,
            0.0957056851547344,
        ],
    ),
    (
        (7, 3, 777, 0.7, 4),
        [
            1.0073134864933615,
            417.087170139629,
            801.3884685164356,
            604.6403359736431,
            1041.587583292406,
            0.41082607407610944,
        ],
    ),
    (
        (8, 4, 5, 0.0, 0),
        [
            0.9680136998737346,
            19.265919722494797,
            19.265919722494797,
            19.265919722494797,
            19.265919722494797,
            0.24189472813955937,
        ],
    ),
    (
        (9, 2, 4, 0.0, 0),
        [
            2.057383809564133,
            7.224719895935548,
            7.224719895935548,
            7.224719895935548,
            7.224719895935548,
            0.38200281861502156,
        ],
    ),
    (
        (10, 4, 60, 0.99, 0),
        [
            1.6298767655142716,
            7.5105721554464395,
            45.31238761808628,
            7.299051119151342,
            15.256222117939036,
            1.3041836842400791,
        ],
    ),
    (
        (12, 1, 300, 0.5, 0),
        [f64::NAN, 131.2309879724839, 185.11267891966816, 130.26921213097884, 221.9029028704921, 0.10449640665638185],
    ),
];

#[test]
fn agrees_with_arviz() {
    for (case, expected) in ARVIZ {
        let chains = chains(case);
        let got = [
            r_hat(&chains),
            bulk_ess(&chains),
            tail_ess(&chains),
            mean_ess(&chains),
            square_ess(&chains),
            mcse_mean(&chains),
        ];
        for (got, expected) in got.iter().zip(expected).filter(|(_, expected)| !expected.is_nan()) {
            assert!((got / expected - 1.0).abs() < 1e-9, "{case:?}: {got} {expected}");
        }
    }
}

#[test]
fn independent_draws_count_in_full_and_slow_chains_less() {
    let n = bulk_ess(&chains((1, 4, 1000, 0.0, 0)));
    assert!((3500.0..4300.0).contains(&n), "{n}");
    // τ = (1 + φ)/(1 − φ) = 19.
    let n = bulk_ess(&chains((20, 4, 20_000, 0.9, 0)));
    assert!((n * 19.0 / 80_000.0 - 1.0).abs() < 0.1, "{n}");
}

#[test]
fn chains_that_disagree_are_found() {
    assert!(r_hat(&chains((1, 4, 1000, 0.0, 0))) < 1.01);
    assert!(r_hat(&chains((4, 4, 400, 0.3, 1))) > 1.1, "in the mean");
    assert!(r_hat(&chains((5, 4, 301, 0.3, 2))) > 1.1, "in the spread");
    let drifting: Vec<f64> = (0..100).map(f64::from).collect();
    assert!(r_hat(&[drifting.as_slice()]) > 1.5, "one chain, by its halves");
    assert!(r_hat(&[[0.0; 10], [1.0; 10]]) > 100.0, "standing still");
}

#[test]
fn what_cannot_be_judged_is_nan() {
    let good = vec![0.1, 0.5, -0.3, 0.9, 1.4, -2.0];
    let short = vec![0.1, 0.2, 0.3];
    let broken = vec![0.1, f64::NAN, -0.3, 0.9, 1.4, -2.0];
    for chains in [vec![], vec![short.clone()], vec![good.clone(), short], vec![good.clone(), broken]] {
        for measure in [r_hat, bulk_ess, tail_ess, mean_ess, square_ess, mcse_mean] {
            assert!(measure(&chains).is_nan(), "{chains:?}");
        }
    }
    let constant = [vec![2.0; 10], vec![2.0; 10]];
    assert!(r_hat(&constant).is_nan());
    assert_eq!((bulk_ess(&constant), mean_ess(&constant), mcse_mean(&constant)), (20.0, 20.0, 0.0));
    // Ranks bear an infinity, the mean does not.
    let infinite = [vec![f64::INFINITY, 0.5, -0.3, 0.9, 1.4, -2.0], good];
    assert!(r_hat(&infinite).is_finite() && bulk_ess(&infinite).is_finite() && tail_ess(&infinite).is_finite());
    assert!(mean_ess(&infinite).is_nan() && mcse_mean(&infinite).is_nan());
}

#[test]
fn units_do_not_change_what_counts() {
    let plain = chains((2, 4, 1000, 0.9, 0));
    let small: Vec<Vec<f64>> = plain.iter().map(|chain| chain.iter().map(|x| 1e-20 * x).collect()).collect();
    for measure in [bulk_ess, tail_ess, mean_ess] {
        assert!((measure(&small) / measure(&plain) - 1.0).abs() < 1e-9, "{} {}", measure(&small), measure(&plain));
    }
    assert!((mcse_mean(&small) / mcse_mean(&plain) / 1e-20 - 1.0).abs() < 1e-9);
    assert_eq!((mean_ess(&[[0.0; 10]]), mean_ess(&[[1e-30; 10]])), (10.0, 10.0));
    assert!(mean_ess(&[[f64::INFINITY; 10]]).is_nan());
}

#[test]
fn r_hat_of_draws_with_infinities_ends() {
    let (inf, mixed) = (f64::INFINITY, vec![f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY]);
    assert!(r_hat(&[vec![inf, inf, inf, 0.0]]).is_finite());
    assert!(r_hat(&[vec![inf; 4]]).is_nan());
    assert!(!r_hat(&[mixed]).is_nan());
}
