#!/usr/bin/env python3
"""The JAX program IMNN 0.3.2 on its own textbook problem, timed as a whole process.

Problem: ten numbers drawn from N(mean, variance), fiducial (mean, variance) = (0, 1).
The exact Fisher matrix is diag(10, 5), so det F = 50 is the most any summary can reach.

Setting: SimulatorIMNN (new simulations at every iteration, exact derivatives),
n_s = n_d = 1000, three hidden layers of 128 leaky ReLU units, Adam 1e-3,
lambda = 10, epsilon = 0.1.

What is timed: everything from the start of the process (imports, set-up,
compilation, training). Every `--every` iterations training pauses and det F is
measured on `--test` simulations that training never sees; those pauses are
subtracted from the clock and printed on their own.
The training loop is the package's own step (`_IMNN._fit`) inside the package's
own kind of loop (`lax.while_loop`); the one difference is that the loop also stops at
the next pause. It is compiled once, as `fit` would compile it.

Install (Python 3.11 or newer):
    pip install "jax==0.10.0" "jaxlib==0.10.0" "numpy==2.4.6" "scipy==1.17.1" \\
        matplotlib tqdm
    pip install --no-deps "IMNN==0.3.2"
TensorFlow is needed only with --tensorflow, TensorFlow Probability not at all.

Run:
    python imnn_jax.py [--iterations 4000] [--seed 0] [--tensorflow] [--json FILE]

IMNN 0.3.2 is of 2021 and does not import under a present-day JAX. The functions under
"compatibility" give it back the few names it misses. They change neither its
algorithm nor what XLA is asked to compute.
"""

import os
import time

_FIRST_LINE = time.perf_counter()


def seconds_before_first_line():
    """Time the interpreter had already run when this file's first line was reached.

    Linux tells when the process started; elsewhere the few hundredths of a second
    are left out.
    """
    try:
        with open("/proc/self/stat", encoding="ascii") as stat:
            ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
        started = ticks / os.sysconf("SC_CLK_TCK")
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        age = now - started - (time.perf_counter() - _FIRST_LINE)
        return age if 0.0 <= age < 5.0 else 0.0
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


_HEAD_START = seconds_before_first_line()


def since_start():
    """Seconds since the process started."""
    return time.perf_counter() - _FIRST_LINE + _HEAD_START


import argparse
import functools
import importlib.metadata
import json
import platform
import resource
import sys
import types

# ---------------------------------------------------------------------------
# Compatibility: names that IMNN 0.3.2 imports and JAX 0.10 no longer has.
# ---------------------------------------------------------------------------


def module(name, **contents):
    """Make a module with the given contents and register it under `name`."""
    made = types.ModuleType(name)
    vars(made).update(contents)
    sys.modules[name] = made
    return made


def value_and_jacrev(function, argnums=0):
    """Value and reverse-mode Jacobian in one call, for vector-valued functions.

    IMNN's own version reaches into JAX internals that are gone. This is the same
    computation: one forward pass, then one pull-back for each output.
    """
    import jax
    import jax.numpy as jnp

    def evaluate(*args):
        def of_one(x):
            return function(*args[:argnums], x, *args[argnums + 1:])

        value, pull_back = jax.vjp(of_one, args[argnums])
        (jacobian,) = jax.vmap(pull_back)(jnp.eye(value.size, dtype=value.dtype))
        return value, jacobian

    return evaluate


def make_imnn_importable(real_tensorflow):
    import jax
    import jax.interpreters.xla
    import jax.ops
    import numpy
    from jax.example_libraries import optimizers

    def index_update(array, index, value):
        return array.at[index].set(value)

    def absent(*_args, **_kwargs):
        raise NotImplementedError("not used by this benchmark")

    jax.ops.index = numpy.s_
    jax.ops.index_update = index_update
    jax.interpreters.xla.device_array = jax.Array
    jax.experimental.optimizers = module(
        "jax.experimental.optimizers",
        Optimizer=optimizers.Optimizer,
        OptimizerState=optimizers.OptimizerState,
    )
    # Only its progress bar asks for this one, and the bar stays off.
    jax.experimental.host_callback = module(
        "jax.experimental.host_callback", id_tap=absent
    )
    module(
        "imnn.utils.jac",
        value_and_jacrev=value_and_jacrev,
        value_and_jacfwd=absent,
        jacrev=jax.jacrev,
        jacfwd=jax.jacfwd,
    )
    if not real_tensorflow:
        # Other classes of the package use TensorFlow's data sets; this one does not.
        # Leaving it out makes the package start faster, to its advantage.
        module("tensorflow")


# ---------------------------------------------------------------------------
# The benchmark.
# ---------------------------------------------------------------------------


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--every", type=int, default=100, help="iterations between tests")
    parser.add_argument("--test", type=int, default=100_000, help="test simulations")
    parser.add_argument("--target", type=float, default=45.3, help="det F to reach")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--tensorflow", action="store_true", help="import the real TensorFlow, not a stub"
    )
    parser.add_argument("--json", help="also write the results to this file")
    return parser.parse_args()


def main():
    options = arguments()
    make_imnn_importable(options.tensorflow)
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.example_libraries import optimizers, stax

    after_jax = since_start()
    import imnn

    after_imnn = since_start()

    fiducial = jnp.array([0.0, 1.0])
    length = 10

    def simulator(key, theta):
        return theta[0] + jnp.sqrt(theta[1]) * jax.random.normal(key, (length,))

    hidden = [stax.Dense(128), stax.LeakyRelu] * 3
    network = stax.serial(*hidden, stax.Dense(2))
    # Three streams that never meet: first weights, training, tests.
    weight_key, fit_key, test_key, confirm_key = jax.random.split(
        jax.random.PRNGKey(options.seed), 4
    )
    trainer = imnn.SimulatorIMNN(
        n_s=1000,
        n_d=1000,
        n_params=2,
        n_summaries=2,
        input_shape=(length,),
        θ_fid=fiducial,
        model=network,
        optimiser=optimizers.adam(step_size=1e-3),
        key_or_state=jnp.array(weight_key),
        simulator=simulator,
    )

    # The package's loop, able to pause. Its state is a tuple: the largest det F so far,
    # the weights that gave it, five histories, the iteration, the patience, the
    # optimiser's state and the random key.
    penalty, closeness = 10.0, 0.1
    step = functools.partial(
        trainer._fit, λ=penalty, α=trainer.get_α(penalty, closeness), min_iterations=100
    )
    ITERATION, BEST, OPTIMISER = 7, 1, -2

    @jax.jit
    def train_until(state, stop):
        return jax.lax.while_loop(lambda s: s[ITERATION] < stop, step, state)

    # det F on independent simulations: sums in double precision by NumPy.
    chunk = 5000

    @jax.jit
    def summaries_and_derivatives(weights, keys):
        def one(key):
            def summary(theta):
                return trainer.model(weights, simulator(key, theta))

            return summary(fiducial), jax.jacrev(summary)(fiducial)

        return jax.vmap(one)(keys)

    def fisher(weights, key):
        keys = jax.random.split(key, options.test)
        x, dx = [], []
        for first in range(0, options.test, chunk):
            a, b = summaries_and_derivatives(weights, keys[first:first + chunk])
            x.append(np.asarray(a, dtype=np.float64))
            dx.append(np.asarray(b, dtype=np.float64))
        covariance = np.cov(np.concatenate(x), rowvar=False)
        derivative = np.concatenate(dx).mean(axis=0)  # (summaries, parameters)
        return derivative.T @ np.linalg.solve(covariance, derivative)

    versions = {
        "python": platform.python_version(),
        **{p: importlib.metadata.version(p) for p in ("jax", "jaxlib", "numpy", "IMNN")},
    }
    print("versions:", ", ".join(f"{name} {v}" for name, v in versions.items()))
    print("devices:", jax.devices(), "| logical CPUs:", os.cpu_count())
    print(f"seed {options.seed}, TensorFlow {'real' if options.tensorflow else 'stubbed'}")

    state = trainer._set_inputs(fit_key, options.iterations)
    # The first iteration on its own, so that compilation can be told from training.
    state = jax.block_until_ready(train_until(state, 1))
    start_up = since_start()
    print(
        f"start-up {start_up:.2f} s: to jax {after_jax:.2f}, imnn "
        f"{after_imnn - after_jax:.2f}, set-up, compilation and first step "
        f"{start_up - after_imnn:.2f}"
    )

    print("iteration   wall s   det F train   det F independent")
    paused = 0.0
    best = (-np.inf, 0, 0.0, None)
    reached = None
    curve = []
    for stop in range(options.every, options.iterations + 1, options.every):
        state = jax.block_until_ready(train_until(state, stop))
        pause_began = since_start()
        wall = pause_began - paused
        weights = trainer._get_parameters(state[OPTIMISER])
        det = float(np.linalg.det(fisher(weights, test_key)))
        train = float(state[2][stop - 1, 0])
        curve.append((stop, wall, train, det))
        print(f"{stop:9d} {wall:8.2f} {train:13.2f} {det:19.2f}", flush=True)
        if det > best[0]:
            best = (det, stop, wall, weights)
        if reached is None and det >= options.target:
            reached = (stop, wall)
        paused += since_start() - pause_began

    training_wall = curve[-1][1]
    # The best of many tests is chosen by its noise too: measure it once more, elsewhere.
    best_again = fisher(best[3], confirm_key)
    own_choice = fisher(state[BEST], confirm_key)
    det_again = float(np.linalg.det(best_again))
    det_own = float(np.linalg.det(own_choice))

    per_iteration = 1e3 * (training_wall - start_up) / (options.iterations - 1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"start-up                        {start_up:.2f} s")
    print(f"wall, {options.iterations} iterations           {training_wall:.2f} s")
    print(f"per iteration                   {per_iteration:.2f} ms")
    print(f"tests, not in the wall times    {paused:.2f} s")
    print(f"best det F, independent         {best[0]:.2f} at iteration {best[1]}, {best[2]:.2f} s")
    print(f"the same weights, new test set  {det_again:.2f}")
    print(f"   their Fisher matrix          {np.round(best_again, 3).tolist()}")
    print(f"the package's own best weights  {det_own:.2f} (new test set)")
    print(f"weights at the end              {curve[-1][3]:.2f}")
    if reached is None:
        print(f"det F >= {options.target}                   not reached")
    else:
        print(f"det F >= {options.target}                   iteration {reached[0]}, {reached[1]:.2f} s")
    print(f"peak memory, tests included     {memory:.0f} MB")

    if options.json:
        result = {
            "versions": versions,
            "seed": options.seed,
            "tensorflow": options.tensorflow,
            "start_up_s": start_up,
            "wall_s": training_wall,
            "ms_per_iteration": per_iteration,
            "tests_s": paused,
            "best_det_f": best[0],
            "best_iteration": best[1],
            "best_wall_s": best[2],
            "best_det_f_confirmed": det_again,
            "own_best_det_f": det_own,
            "target": options.target,
            "reached": reached,
            "peak_mb": memory,
            "curve": curve,
        }
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)
            out.write("\n")


if __name__ == "__main__":
    main()
