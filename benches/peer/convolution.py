#!/usr/bin/env python3
"""JAX and PyTorch on the first network of `benches/convolution.rs`: a step, forward and gradient by the weights.

128² fields, 64 at once; four periodic convolutions 3² of stride 2 with 16, 32, 64, 64
channels and leaky ReLU, the mean over cells, two outputs; f32. The gradient is that of
half the sum of squares of the outputs. JAX is compiled; PyTorch runs as it is, which here
is how it is used. Times are of steps after the first.

With `--beside COMMAND` (the Rust bench) all run in turn on the same machine, three times
each, and the ratios of the least times are printed.

Install (Python 3.11 or newer), both or either:
    pip install "jax==0.10.2" "jaxlib==0.10.2" "torch==2.15.0"

Run:
    python benches/peer/convolution.py --beside "cargo bench -p posterity --bench convolution"
"""

import argparse
import shlex
import subprocess
import time

CHANNELS = [1, 16, 32, 64, 64]
N_FIELDS, N, ROUNDS = 64, 128, 15
ROW = "128², four layers of stride 2"


def jax_step():
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.PRNGKey(1), len(CHANNELS))
    layers = [
        (jax.random.normal(k, (n_out, n_in, 3, 3)) * (2 / (9 * n_in)) ** 0.5, jnp.zeros(n_out))
        for k, n_in, n_out in zip(keys, CHANNELS, CHANNELS[1:])
    ]
    weights = layers, (jax.random.normal(keys[-1], (2, 64)) * 0.1, jnp.zeros(2))
    fields = jnp.sin(0.7 * jnp.arange(N_FIELDS * N * N, dtype=jnp.float32)).reshape(N_FIELDS, N, N)

    def network(weights):
        layers, (w, b) = weights
        x = fields[:, None]
        for kernel, bias in layers:
            x = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
            x = jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID") + bias[:, None, None]
            x = jax.nn.leaky_relu(x)
        return x.mean((2, 3)) @ w.T + b

    gradient = jax.jit(jax.grad(lambda weights: 0.5 * jnp.sum(network(weights) ** 2)))
    return f"JAX {jax.__version__}", lambda: jax.block_until_ready(gradient(weights))


def torch_step():
    import torch

    torch.manual_seed(1)
    layers = []
    for n_in, n_out in zip(CHANNELS, CHANNELS[1:]):
        layers += [torch.nn.Conv2d(n_in, n_out, 3, 2, 1, padding_mode="circular"), torch.nn.LeakyReLU()]
    network = torch.nn.Sequential(
        *layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(CHANNELS[-1], 2)
    )
    fields = torch.sin(0.7 * torch.arange(N_FIELDS * N * N, dtype=torch.float32)).reshape(N_FIELDS, 1, N, N)

    def step():
        network.zero_grad()
        (0.5 * (network(fields) ** 2).sum()).backward()

    return f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", step


def least(step):
    step()
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def bench(command):
    text = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    row = next(line for line in text.splitlines() if ROW in line)
    return float(row.split(ROW)[1].split()[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--beside", help="command of the Rust bench")
    parser.add_argument("--peer", nargs="+", choices=["jax", "torch"], default=["jax", "torch"])
    arguments = parser.parse_args()
    runs = [{"jax": jax_step, "torch": torch_step}[peer]() for peer in arguments.peer]
    runs = [(name, lambda step=step: least(step)) for name, step in runs]
    if arguments.beside:
        runs.append(("posterity", lambda: bench(arguments.beside)))
    times = {name: [] for name, _ in runs}
    for _ in range(3 if arguments.beside else 1):
        for name, run in runs:
            times[name].append(run())
    for name, found in times.items():
        print(f"{name}: least {min(found):.1f} ms a step, of {', '.join(f'{t:.1f}' for t in found)}")
    if arguments.beside:
        ours = min(times["posterity"])
        for name, found in times.items():
            if name != "posterity":
                print(f"ratio, {name}: {min(found) / ours:.2f}")


if __name__ == "__main__":
    main()
