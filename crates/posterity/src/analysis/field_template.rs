//! The commented analyses that `posterity init` writes for simulators of fields, less the methods.

/// An analysis of a field: its text up to the methods, delta for differences, and the distance of rejection.
pub(super) struct FieldTemplate {
    pub(super) text: String,
    pub(super) delta: &'static str,
    pub(super) epsilon: &'static str,
    /// True where a simulation takes so long that the methods ask for fewer.
    pub(super) is_slow: bool,
}

/// That of a kind, if it is one of a field.
pub(super) fn field_template(kind: &str) -> Option<FieldTemplate> {
    let (title, simulator, [first, second], delta, is_slow) = match kind {
        "gaussian_field" => (
            "A Gaussian field with a power law",
            GAUSSIAN,
            [("amplitude", "1.0", "0.5", "1.5", "A"), ("slope", "0.5", "0.0", "1.0", "B")],
            "{ amplitude = 0.1, slope = 0.1 }",
            false,
        ),
        "log_normal_field" => (
            "A log-normal field",
            LOG_NORMAL,
            [("alpha", "1.0", "0.5", "1.5", r"\alpha"), ("beta", "0.5", "0.2", "0.8", r"\beta")],
            "{ alpha = 0.1, beta = 0.1 }",
            false,
        ),
        "cosmological_log_normal_field" => (
            "A log-normal density in cosmology",
            COSMOLOGICAL,
            [("omega_m", "0.31", "0.1", "0.6", r"\Omega_m"), ("sigma8", "0.8", "0.5", "1.2", r"\sigma_8")],
            "{ omega_m = 0.02, sigma8 = 0.04 }",
            true,
        ),
        "halo_counts" => (
            "Halos counted in voxels",
            HALO_COUNTS,
            [("omega_m", "0.31", "0.1", "0.6", r"\Omega_m"), ("sigma8", "0.8", "0.5", "1.2", r"\sigma_8")],
            "{ omega_m = 0.05, sigma8 = 0.1 }",
            true,
        ),
        _ => return None,
    };
    let text = BASE.replace("TITLE", title).replace("SIMULATOR", simulator);
    let parameters = [("FIRST", first), ("SECOND", second)];
    let text = parameters.into_iter().fold(text, |text, (place, (name, value, low, high, latex))| {
        let fields = [("NAME", name), ("VALUE", value), ("LOW", low), ("HIGH", high), ("LATEX", latex)];
        fields.into_iter().fold(text, |text, (field, is)| text.replace(&format!("{place}_{field}"), is))
    });
    Some(FieldTemplate { text, delta, epsilon: "1.0", is_slow })
}

const BASE: &str = r#"title = "TITLE"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[simulator]
SIMULATOR# max_failed_fraction = 0.1     # share of simulations that may fail before the run stops

[observation]
kind = "mock"                   # mock | file
theta = { FIRST_NAME = FIRST_VALUE, SECOND_NAME = SECOND_VALUE }
index = 0                       # which of the simulations there
# reference = "…"               # where measured data were published; printed in the report
# path = "observed.npy"         # for kind = "file": .npy or .npz of the field's shape, in C order
# array = "d"                   # for kind = "file": which array of a .npz, where there are several

[prior.FIRST_NAME]
kind = "uniform"                # uniform: low, high | log_uniform: low, high | normal: mean, sd, and bounds if wanted
low = FIRST_LOW
high = FIRST_HIGH
# nuisance = false              # true: each simulation draws it from this prior; it is not inferred
# latex = 'FIRST_LATEX'

[prior.SECOND_NAME]
kind = "uniform"
low = SECOND_LOW
high = SECOND_HIGH

[fiducial]                      # where simulations for the compressor are drawn: near the truth, inside the prior
FIRST_NAME = FIRST_VALUE
SECOND_NAME = SECOND_VALUE

"#;

const GAUSSIAN: &str = r#"kind = "gaussian_field"         # P(k) = A k^-B, k = 2 pi |m| / n
n = 32                          # cells along each axis
dims = 2                        # axes: 2 | 3
"#;

const LOG_NORMAL: &str = r#"kind = "log_normal_field"       # (exp(alpha g - alpha^2/2) - 1)/alpha, g of correlation exp(-r^2/(4 beta^2))
n = 20                          # cells along each axis
dims = 2                        # axes: 2 | 3
# periodic = true               # false: cut from a larger field, opposite edges are far apart
"#;

const COSMOLOGICAL: &str = r#"kind = "cosmological_log_normal_field"
n = 16                          # cells along each axis
dims = 3                        # axes: 3 | 2 (the box averaged along one axis)
box_length = 128.0              # [Mpc/h]
# omega_b = 0.049
# h = 0.6766
# n_s = 0.9665
"#;

const HALO_COUNTS: &str = r#"kind = "halo_counts"
n = 8                           # voxels along each axis; the weights left out below are for voxels of 4 Mpc/h
dims = 3                        # axes: 3 | 2 (counts summed along one axis)
box_length = 32.0               # [Mpc/h]
# min_mass = 1.7268e12          # halos above it count [Msun/h]
# completeness = 1.0            # fraction of them that is seen
# scale_factor = 1.0            # when
# omega_b = 0.049
# h = 0.6766
# n_s = 0.9665
# engine = { weights = "results.json", n_components = 1, floor = 0.3 } # with weights of your own, docs/analysis.md
"#;
