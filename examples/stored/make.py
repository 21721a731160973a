"""Makes the simulations of this example with NumPy alone: what a suite of simulations looks like to posterity.

One simulation is three numbers measured of 100 normal draws: their mean, their variance, and one that knows nothing
of the parameters. Run it in this folder; the seed is fixed.
"""

import numpy as np

N_DRAWS = 100
FIDUCIAL = {"mean": 0.0, "variance": 1.0}
DELTA = {"mean": 0.1, "variance": 0.1}  # distance between the two simulations of a pair


def simulate(mean, variance, seeds):
    """One simulation for each seed, (len(seeds), 3); the same seed is the same noise at any parameters."""
    noise = np.array([np.random.default_rng([2026, seed]).standard_normal(N_DRAWS + 1) for seed in seeds])
    mean, variance = np.broadcast_to(mean, len(seeds)), np.broadcast_to(variance, len(seeds))
    draws = mean[:, None] + np.sqrt(variance)[:, None] * noise[:, :-1]
    return np.column_stack([draws.mean(axis=1), draws.var(axis=1, ddof=1), noise[:, -1]])


# Simulations at the fiducial point, and pairs below and above it for each parameter: pair i has the seed of simulation i.
np.save("suite/fiducial.npy", simulate(**FIDUCIAL, seeds=range(2000)))
for name in FIDUCIAL:
    for sign, end in [(-0.5, "minus"), (0.5, "plus")]:
        theta = FIDUCIAL | {name: FIDUCIAL[name] + sign * DELTA[name]}
        np.save(f"suite/{name}_{end}.npy", simulate(**theta, seeds=range(400)))

# Simulations at parameters drawn from the prior of analysis.toml, for rejection; single precision does.
n = 10_000
rng = np.random.default_rng(7)
theta = np.column_stack([rng.uniform(-0.5, 0.5, n), rng.uniform(0.4, 2.0, n)])
data = simulate(theta[:, 0], theta[:, 1], seeds=range(1_000_000, 1_000_000 + n))
np.savez("prior_simulations.npz", theta=theta.astype("f4"), data=data.astype("f4"), parameters=np.array(list(FIDUCIAL)))

# The observation: one more simulation, at parameters that inference does not know.
np.save("observed.npy", simulate(0.1, 1.2, seeds=[5_000_001])[0])
