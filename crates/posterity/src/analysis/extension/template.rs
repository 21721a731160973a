//! The commented analysis of a model extension that `posterity init` writes.

/// With every key that there is.
pub(in super::super) const HALOS: &str = r#"title = "Halos of a simulation"
seed = 1                        # of all randomness; the same seed gives the same results on any number of threads

[field]
n = 32                          # voxels along each axis
box_length = 128.0              # [Mpc/h], periodic
scale_factor = 1.0              # of the halos; 1 is today
order = 2                       # of Lagrangian perturbation theory: 1 | 2
mass_assignment = "tsc"         # of its particles: tsc | cic (rougher: the sampler's steps must be shorter)
# density = "density.npy"       # final density contrast, (n, n, n), where it is known: for what = "weights", and [compare]
# white_noise = "noise.npy"     # initial white noise, (n, n, n), where it is known: the sampled one is compared with it; with
#                               # what = "weights" nothing uses it, nor scale_factor, order and mass_assignment: leave them out

[field.cosmology]
omega_m = 0.3111
w = -1.0
h = 0.6766                      # with it, masses in Msun are suspected
# omega_b = 0.049               # these for kind = "eisenstein_hu"; sigma8 also rescales a table
# n_s = 0.9665
# sigma8 = 0.8102

[field.power]
kind = "table"                  # table: path | eisenstein_hu
path = "power.txt"              # linear power spectrum at z = 0: k [h/Mpc], P [(Mpc/h)³], as CAMB and CLASS write it

[halos]
path = "halos.csv"              # .csv | .parquet | .npy (columns x, y, z, mass, without the names below)
x = "x"                         # columns: positions [Mpc/h], from 0 to box_length
y = "y"
z = "z"
mass = "mass"                   # [Msun/h]
min_mass = 2e12                 # [Msun/h]: the catalogue is complete from here on
below = "refuse"                # halos below it: refuse | cut

[engine]                        # the neural physical engine and its mixture mass function
kernel_size = 3                 # voxels, odd
degrees = [0]                   # multipoles of the kernel, from 0
n_components = 1                # of the mass function, 2 where left out; with more than 1 joint chains may stay in different modes
floor = 0.01                    # added to 1 + δ under the logarithm
min_sigma = 0.1                 # least width of a component in ln M
# weights = "weights.npy"       # for what = "field": known weights, or the results.json of an earlier run

[sample]
what = "joint"                  # joint | weights (the density known) | field (the weights known)
n_chains = 4
n_warm_up = 500                 # sweeps in which everything adapts
n_draws = 1000
save_every = 50                 # draws from checkpoint to checkpoint
n_fields = 50                   # fields kept of each chain; not for what = "weights"

[sample.field]
sampler = "hmc"                 # hmc | mams | mclmc (biased, for exploration)
integrator = "minimal_norm"     # minimal_norm | leapfrog | geodesic; for hmc
whitening = "wiener"            # wiener | none
transitions = 1                 # in one sweep
num_integration_steps = 28      # of a trajectory of hmc; left out, 56 with leapfrog or geodesic, 10 with mclmc
search_length = false           # true: searched in the warm-up instead, as mams does always
# step_size = 0.2               # for mclmc; otherwise found in the warm-up
acceptance_rate = 0.8           # that the step size is adapted to; not for mclmc

[sample.weights]
sampler = "hmc"                 # hmc | mams
metric = "dense"                # dense | quasi_newton (HMCLET) | low_rank | diagonal
transitions = 1
num_integration_steps = 20
search_length = false
acceptance_rate = 0.8

# [compare]                     # bias models on the known density, fitted to half of the box and judged on the other
# models = ["homogeneous", "clipped_linear", "power", "truncated_power", "single_voxel"]
# mass_bins = 4                 # of the classical models
# n_components = [1, 2]         # of the engines' mass functions: an engine of each; left out, that of [engine]
# n_starts = 3                  # of each fit
"#;
