#!/usr/bin/env python3
"""JAX on the first network of `benches/convolution.rs`: a step, forward and gradient by the weights.

128² fields, 64 at once; four periodic convolutions 3² of stride 2 with 16, 32, 64, 64
channels and leaky ReLU, the mean over cells, two outputs; f32. The gradient is that of
half the sum of squares of the outputs. Times are of compiled functions, after one run.

With `--beside COMMAND` (the Rust bench) both run in turn on the same machine, three times
each, and the ratio of the least times is printed.

Install (Python 3.11 or newer):
    pip install "jax==0.10.0" "jaxlib==0.10.0"

Run:
    python benches/peer/convolution_jax.py --beside "cargo bench -p posterity --bench convolution"
"""

import argparse
import shlex
import subprocess
import time

import jax
import jax.numpy as jnp

CHANNELS = [1, 16, 32, 64, 64]
ROW = "128², four layers of stride 2"


def initialise(key):
    keys = jax.random.split(key, len(CHANNELS))
    layers = [
        (jax.random.normal(k, (n_out, n_in, 3, 3)) * (2 / (9 * n_in)) ** 0.5, jnp.zeros(n_out))
        for k, n_in, n_out in zip(keys, CHANNELS, CHANNELS[1:])
    ]
    return layers, (jax.random.normal(keys[-1], (2, 64)) * 0.1, jnp.zeros(2))


def network(weights, fields):
    layers, (w, b) = weights
    x = fields[:, None]
    for kernel, bias in layers:
        x = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID") + bias[:, None, None]
        x = jax.nn.leaky_relu(x)
    return x.mean((2, 3)) @ w.T + b


def steps(rounds):
    weights = initialise(jax.random.PRNGKey(1))
    fields = jnp.sin(0.7 * jnp.arange(64 * 128 * 128, dtype=jnp.float32)).reshape(64, 128, 128)
    step = jax.jit(jax.grad(lambda weights: 0.5 * jnp.sum(network(weights, fields) ** 2)))
    jax.block_until_ready(step(weights))
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        jax.block_until_ready(step(weights))
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def beside(command):
    text = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    row = next(line for line in text.splitlines() if ROW in line)
    return float(row.split(ROW)[1].split()[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--beside", help="command of the Rust bench")
    command = parser.parse_args().beside
    ours, theirs = [], []
    for _ in range(3 if command else 1):
        theirs.append(steps(15))
        if command:
            ours.append(beside(command))
    print(f"JAX {jax.__version__}: least {min(theirs):.1f} ms a step, of {', '.join(f'{t:.1f}' for t in theirs)}")
    if command:
        print(f"posterity: least {min(ours):.1f} ms, of {', '.join(f'{t:.1f}' for t in ours)}")
        print(f"ratio {min(theirs) / min(ours):.2f}")


if __name__ == "__main__":
    main()
