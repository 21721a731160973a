//! The commented analysis that `posterity init` writes, one for each simulator.

use super::extension::template::HALOS;
use super::field_template::field_template;
use super::keys::suggest;
use super::model::KINDS;
use crate::error::{Error, Result};

/// The template without a simulator.
const NO_SIMULATOR: &str = "stored";
/// The template of a model extension.
const EXTENSION: &str = "halos";

/// The kinds of simulator for which there is a template, `stored` for none, and `halos` for a model extension.
pub fn kinds() -> &'static [&'static str] {
    const ALL: [&str; KINDS.len() + 2] = {
        let mut all = [NO_SIMULATOR; KINDS.len() + 2];
        all[KINDS.len() + 1] = EXTENSION;
        let mut i = 0;
        while i < KINDS.len() {
            all[i] = KINDS[i];
            i += 1;
        }
        all
    };
    &ALL
}

/// A commented analysis for this kind of simulator, with every key that there is.
///
/// # Errors
/// Invalid input, if there is no such kind.
pub fn template(kind: &str) -> Result<String> {
    let (problem, delta, epsilon) = match kind {
        "gaussian" => (GAUSSIAN, "{ mean = 0.1, variance = 0.1 }", "0.3"),
        "line" => (LINE, "{ slope = 0.1, intercept = 0.1 }", "0.3"),
        "supernovae" => (SUPERNOVAE, "{ omega_m = 0.02, w = 0.1 }", "1.0"),
        NO_SIMULATOR => return Ok([HEAD, STORED].concat()),
        EXTENSION => {
            let (was, is) = (
                "--set compressor.n_s=2000 --set prior.mean.low=-5",
                "--set sample.n_draws=2000 --set engine.kernel_size=5",
            );
            return Ok([
                &HEAD
                    .replace(was, is)
                    .replace("simulated, observed, believed, compressed and inferred", "known, observed and sampled"),
                HALOS,
            ]
            .concat());
        }
        "command" => (COMMAND, "{ rate = 0.1, scale = 0.1 }", "0.3"),
        "worker" => (WORKER, "{ rate = 0.1, scale = 0.1 }", "0.3"),
        _ => {
            let Some(field) = field_template(kind) else {
                let error = Error::invalid_input(format!("there is no simulator `{kind}`"));
                return Err(error.remedy(suggest(kind, kinds())));
            };
            return Ok([HEAD, &field.text, &methods(field.delta, field.epsilon, field.is_slow)].concat());
        }
    };
    let is_program = [COMMAND, WORKER].contains(&problem);
    let methods = methods(delta, epsilon, is_program);
    Ok([HEAD, problem, if is_program { PROGRAM } else { "" }, &methods].concat())
}

fn methods(delta: &str, epsilon: &str, is_slow: bool) -> String {
    let methods = METHODS.replace("DELTA", delta).replace("EPSILON", epsilon);
    let fewer = if is_slow { &FEWER[..] } else { &[] };
    fewer.iter().fold(methods, |methods, (many, few)| methods.replace(many, few))
}

/// Programs outside take long, and some fields: what the methods ask of them, instead of what is nothing to the others.
const FEWER: [(&str, &str); 6] = [
    ("\nsimulations = \"fresh\"           # fresh", "\nsimulations = \"fixed\"           # fixed, fresh"),
    (" (new ones at each iteration: nothing to overfit) | fixed\n", " (new ones at each iteration)\n"),
    ("n_independent = 10000", "n_independent = 0    "),
    ("n_simulations = 1000000", "n_simulations = 20000"),
    ("n_initial = 20000 ", "n_initial = 4000  "),
    ("max_simulations = 5000000", "max_simulations = 50000"),
];

const HEAD: &str = r#"# An analysis for posterity: what is simulated, observed, believed, compressed and inferred.
#   posterity check FILE    says what it will do, and what is wrong with it
#   posterity run FILE      does it
# Any key can be overridden: posterity run FILE --set compressor.n_s=2000 --set prior.mean.low=-5
# Keys behind a # show their defaults, or what else could stand there. File names count from this file's folder.

"#;

const GAUSSIAN: &str = r#"title = "Mean and variance of normal draws"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
kind = "gaussian"               # or another that `posterity init --help` lists
n_data = 10                     # draws of N(mean, variance)
# known_mean = 0.0              # leaves the variance alone unknown
# max_failed_fraction = 0.1     # share of simulations that may fail before the run stops

[observation]
kind = "mock"                   # mock | file | measured (data that come with the simulator's files)
theta = { mean = 0.0, variance = 1.0 }
index = 0                       # which of the simulations there
# reference = "…"               # where measured data were published; printed in the report
# path = "observed.npy"         # for kind = "file": .npy, .npz, or numbers in text
# array = "d"                   # for kind = "file": which array of a .npz, where there are several

[prior.mean]
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = -3.0
high = 3.0
# nuisance = false              # true: each simulation draws it from this prior; it is not inferred
# latex = '\mu'                 # label in figures

[prior.variance]
kind = "uniform"
low = 0.1
high = 6.0

[fiducial]                      # where simulations for the compressor are drawn: near the truth, inside the prior
mean = 0.0
variance = 1.0

"#;

const LINE: &str = r#"title = "A straight line"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
kind = "line"                   # or another that `posterity init --help` lists
n_data = 100                    # points from 0 to 10
sd = 1.0                        # standard deviation of the noise
# known_intercept = 0.0         # leaves the slope alone unknown
# max_failed_fraction = 0.1     # share of simulations that may fail before the run stops

[observation]
kind = "mock"                   # mock | file | measured (data that come with the simulator's files)
theta = { slope = 1.0, intercept = 0.0 }
index = 0                       # which of the simulations there
# reference = "…"               # where measured data were published; printed in the report
# path = "observed.npy"         # for kind = "file": .npy, .npz, or numbers in text
# array = "d"                   # for kind = "file": which array of a .npz, where there are several

[prior.slope]
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = 0.5
high = 1.5
# nuisance = false              # true: each simulation draws it from this prior; it is not inferred
# latex = 'm'                   # label in figures

[prior.intercept]
kind = "normal"
mean = 0.0
sd = 2.0
# low = -5.0                    # bounds, if wanted
# high = 5.0

[fiducial]                      # where simulations for the compressor are drawn: near the truth, inside the prior
slope = 1.0
intercept = 0.0

"#;

const SUPERNOVAE: &str = r#"title = "Supernovae, flat wCDM"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
kind = "supernovae"             # or another that `posterity init --help` lists
table = "lcparam.txt"           # table of redshifts and magnitudes with a header, as CosmoMC and Cobaya read it
covariance = "sys.txt"          # systematic covariance, n then n x n numbers; left out: the table's dmb alone
# max_failed_fraction = 0.1     # share of simulations that may fail before the run stops

[observation]
kind = "measured"               # measured (the magnitudes of the table) | file | mock
# reference = "…"               # where they were published; printed in the report
# path = "observed.npy"         # for kind = "file": .npy, .npz, or numbers in text
# array = "d"                   # for kind = "file": which array of a .npz, where there are several
# theta = { omega_m = 0.3, w = -1.0, offset = 23.8 } # for kind = "mock"
# index = 0                     # for kind = "mock": which of the simulations there

[prior.omega_m]
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = 0.0
high = 1.0
# latex = '\Omega_m'            # label in figures

[prior.w]
kind = "uniform"
low = -2.5
high = 0.0

[prior.offset]                  # absolute magnitude and Hubble constant, which supernovae cannot tell apart
kind = "normal"
mean = 23.8
sd = 0.2
nuisance = true                 # each simulation draws it from this prior; it is not inferred

[fiducial]                      # where simulations for the compressor are drawn: near the truth, inside the prior
omega_m = 0.3
w = -1.0

"#;

const STORED: &str = r#"title = "Stored simulations"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

# There is no section [simulator]: parameters and shape of the data are those of the stored simulations below.

[observation]
kind = "file"
path = "observed.npy"           # .npy, .npz, or numbers in text
# array = "d"                   # which array of a .npz, where there are several
# reference = "…"               # where they were published; printed in the report

[prior.mean]                    # one section for each parameter of the stored simulations
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = -0.5
high = 0.5
# latex = '\mu'                 # label in figures

[prior.variance]
kind = "uniform"
low = 0.4
high = 2.0

[fiducial]                      # where the stored simulations were made
mean = 0.0
variance = 1.0

[compressor]
kind = "score"                  # score (linear) | imnn (a network; see `posterity init --simulator gaussian`)
stored = "suite"                # folder or .npz: fiducial, and derivative, differences or <parameter>_minus and _plus
delta = { mean = 0.1, variance = 0.1 } # from minus to plus, for each parameter; left out where the set says it
n_independent = 0               # there is no simulator for others: the held-out simulations are used
# simulations = "fixed"         # for kind = "imnn"
# held_out_fraction = 0.2       # for kind = "imnn"; the score holds out half

[infer]
methods = ["gaussian", "abc"]   # pmc needs a simulator

[infer.gaussian]
n_samples = 10000

[infer.abc]
stored = "prior_simulations.npz" # folder or .npz: theta, drawn from the prior above, and data
# epsilon = 0.3                 # largest distance accepted, in standard deviations of the estimate
n_accepted = 500                # or a number of nearest simulations
regression_adjustment = true
"#;

const COMMAND: &str = r#"title = "A program that is run once per simulation"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
kind = "command"                # or another that `posterity init --help` lists
# Program and arguments, no shell in between; {{ and }} are braces. It runs in this file's folder, from which relative
# names count. It is told a seed, the parameters, and which file to write.
command = ["python3", "simulate.py", "{seed}", "{theta.rate}", "{theta.scale}", "{output}"]
output = "npy"                  # npy | npz (numpy.save | numpy.savez)
# array = "data"                # which array of an npz; the only one where left out
"#;

const WORKER: &str = r#"title = "A program that answers line by line"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
kind = "worker"                 # or another that `posterity init --help` lists
# Program and arguments, no shell in between. It runs in this file's folder, from which relative names count, and
# answers one line for each simulation on its standard output: docs/external.md says how.
command = ["python3", "worker.py"]
"#;

const PROGRAM: &str = r#"parameters = ["rate", "scale"]  # names in order
shape = [40]                    # of one simulation
timeout_s = 600.0               # a simulation that takes longer is ended, and has failed
retries = 1                     # after a failure, with the same seed
# n_workers = 8                 # programs that run at once; as many as cores where left out

[observation]
kind = "file"
path = "observed.npy"           # .npy of that shape, or numbers in text
# reference = "…"               # where measured data were published; printed in the report

[prior.rate]
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = 0.0
high = 2.0
# nuisance = false              # true: each simulation draws it from this prior; it is not inferred
# latex = '\lambda'             # label in figures

[prior.scale]
kind = "uniform"
low = 0.0
high = 2.0

[fiducial]                      # where simulations for the compressor are drawn: near the truth, inside the prior
rate = 1.0
scale = 1.0

"#;

const METHODS: &str = r#"[store]                         # how simulations are kept in the output folder
# chunk_rows = 4096             # rows written at a time; left out: chosen by the size of a row
# keep_all = false              # true: those of abc, pmc and the independent estimate too
# memory_gb = 8                  # simulations held while training; larger sets are read from the disk at each pass

[compressor]
kind = "imnn"                   # imnn | score (linear: derivative, delta, n_s, n_d, n_independent alone)
derivative = "differences"      # differences (seed-matched pairs, delta apart) | exact (where the simulator has it)
delta = DELTA
# stored = "simulations"        # a folder or .npz of stored simulations instead of the simulator
simulations = "fresh"           # fresh (new ones at each iteration: nothing to overfit) | fixed
n_s = 1000                      # training simulations at the fiducial point
n_d = 1000                      # training simulations, or pairs, for the derivative by each parameter
augment = false                 # true: fixed simulations of a periodic field are shifted, turned and mirrored at random
# held_out_n_s = 1000           # simulations to judge the training by; as many as n_s where left out
# held_out_n_d = 1000
# held_out_fraction = 0.2       # or take them out of a fixed training set
n_independent = 10000           # simulations of the estimate that inference uses; 0 leaves it to the held-out ones
hidden = [128, 128]             # widths of the hidden layers
activation = "silu"             # silu | tanh | leaky_relu | square | log_modulus
# layers = [                     # instead of both, of fields: convolution, multipole, mean_pool, max_pool, global_mean,
#     { kind = "multipole", channels = 8, kernel_size = 5 },   # dense, layer_norm, residual, inception, and activations
#     { kind = "silu" },
#     { kind = "global_mean" },
# ]
# n_summaries = 2               # as many as parameters where left out
add_to_score = false            # true: the network's summaries are added to those of the score
# statistic = { kind = "power_spectrum" }   # of a field: what that score is of, in the place of the data
# score_n_s = 100000            # fresh simulations for the covariance in that score; n_s where left out
input = "standardise"           # raw | standardise | standardise_field | whiten
learning_rate = 3e-3            # of Adam, at the start
final_learning_rate = 0.01      # the fraction of it that is left at the end
weight_decay = 0.0
max_gradient_norm = 10.0
average = 0.99                  # decay of the running average of the weights, 0 for none
max_iterations = 2000
evaluate_every = 50             # iterations between judgements on the held-out simulations
patience = 20                   # judgements without gain that end the training
lambda = 10.0                   # strength and reach of the regulariser of the summaries' covariance
epsilon = 0.1

[infer]
methods = ["gaussian", "abc", "pmc"]

[infer.gaussian]
n_samples = 10000

[infer.abc]
n_simulations = 1000000
# stored = "prior_simulations"  # or simulations that were drawn from the prior: a folder or .npz of theta and data
epsilon = EPSILON                   # largest distance accepted, in standard deviations of the estimate
# n_accepted = 1000             # or a number of nearest simulations
regression_adjustment = false

[infer.pmc]
n_particles = 2000
n_initial = 20000               # draws from the prior, of which the nearest are the first population
percentile = 75                 # of the distances, the next epsilon
# epsilon = 0.1                 # distance at which to stop
min_acceptance_rate = 0.01      # or acceptance at which to stop
max_simulations = 5000000
"#;

#[cfg(test)]
mod tests {
    use super::super::document::Source;
    use super::super::keys::keys_of;
    use super::super::{Analysis, compression, fields, model};
    use super::*;
    use crate::compressor::imnn;
    use crate::compressor::score;
    use crate::lfi::{abc, gaussian, pmc};
    use crate::simulator::external;
    use std::path::Path;

    #[test]
    fn every_template_passes_the_check() {
        let pantheon = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/pantheon/analysis.toml"));
        let stored = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/stored/analysis.toml"));
        let observed = std::env::temp_dir().join(format!("posterity-template-{}.txt", std::process::id()));
        std::fs::write(&observed, "1\n".repeat(40)).expect("written");
        let observed = observed.display().to_string();
        for kind in kinds().iter().filter(|kind| **kind != EXTENSION) {
            let text = template(kind).expect("there");
            let pantheon = if *kind == NO_SIMULATOR { stored } else { pantheon };
            let text = text.replace("lcparam.txt", "lcparam_DS17f.txt").replace("sys.txt", "sys_DS17f.txt");
            // What there is on any machine: a shell, and forty magnitudes.
            let text = text.replace("python3", "sh");
            let text = if *kind == NO_SIMULATOR { text } else { text.replace("observed.npy", &observed) };
            let source = Source::new(pantheon, text, &[]).expect("no overrides");
            let analysis = Analysis::from_source(pantheon, &source, &[]).unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!(analysis.model.kind(), *kind);
        }
        std::fs::remove_file(observed).expect("removed");
        assert!(FEWER.iter().all(|(many, _)| METHODS.matches(many).count() == 1), "the methods changed");
    }

    #[test]
    fn the_template_shows_the_defaults_of_every_key() {
        let fields = fields::KINDS.map(|kind| field_template(kind).expect("there").text).concat();
        let text = template("gaussian").expect("there") + LINE + SUPERNOVAE + &fields + COMMAND + PROGRAM;
        let keys = [
            keys_of::<imnn::Settings>(),
            keys_of::<score::Settings>(),
            keys_of::<gaussian::Settings>(),
            keys_of::<abc::Settings>(),
            keys_of::<pmc::Settings>(),
            keys_of::<model::GaussianKeys>(),
            keys_of::<model::LineKeys>(),
            keys_of::<model::SupernovaeKeys>(),
            keys_of::<fields::GaussianKeys>(),
            keys_of::<fields::LogNormalKeys>(),
            keys_of::<fields::CosmologicalKeys>(),
            keys_of::<fields::HaloCountsKeys>(),
            keys_of::<super::super::store::Keys>(),
            keys_of::<external::Settings>(),
            &compression::BESIDE,
            &[
                "title",
                "seed",
                "max_failed_fraction",
                "path",
                "array",
                "stored",
                "theta",
                "index",
                "low",
                "high",
                "mean",
                "sd",
                "nuisance",
                "latex",
                "methods",
                "reference",
            ],
        ];
        for key in keys.concat() {
            let shown = text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(shown, "the template does not show {key}");
        }
        let table: toml::Table = text[..text.find(LINE).expect("there")].parse().expect("TOML");
        let section = |keys: &[&str]| keys.iter().fold(toml::Value::Table(table.clone()), |t, key| t[*key].clone());
        let mut imnn = section(&["compressor"]);
        compression::BESIDE.iter().for_each(|key| drop(imnn.as_table_mut().expect("table").remove(*key)));
        assert_eq!(imnn.try_into::<imnn::Settings>().expect("settings"), imnn::Settings::default());
        let pmc: pmc::Settings = section(&["infer", "pmc"]).try_into().expect("settings");
        assert_eq!(pmc, pmc::Settings::default());
        let gaussian: gaussian::Settings = section(&["infer", "gaussian"]).try_into().expect("settings");
        assert_eq!(gaussian, gaussian::Settings::default());
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        let error = template("gausian").expect_err("misspelt");
        assert_eq!(error.to_string(), "there is no simulator `gausian`; did you mean `gaussian`?");
    }
}
