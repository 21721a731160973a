#!/usr/bin/env python3
"""JaxPM 0.1.6 on the chain of `benches/gravity.rs`: value, and value with gradient.

White noise -> linear modes -> 1LPT or 2LPT at a = 1 -> cloud-in-cell density of the
displaced lattice; the gradient is that of half the sum of its squares, by the white
noise. JaxPM computes in single precision, as it comes. Forces at lattice points are
read as its `lpt` reads them. The power spectrum is a smooth curve: its values do not
matter to the time.

Times are of compiled functions, after one run of each: the least wall time, and the
mean processor time of all threads.

Install (Python 3.11 or newer):
    pip install "jax==0.10.0" "jaxlib==0.10.0" "jaxpm==0.1.6"

Run:
    XLA_FLAGS=--xla_cpu_multi_thread_eigen=false OMP_NUM_THREADS=1 taskset -c 0 \\
        python gravity_jaxpm.py [64 128]
"""

import resource
import sys
import time

import jax
import jax.numpy as jnp
import jax_cosmo as jc
from jaxpm.distributed import fft3d, ifft3d
from jaxpm.kernels import fftk
from jaxpm.painting import cic_paint_dx
from jaxpm.pm import lpt


def chain(n, order):
    length = 2.0 * n

    def density(white_noise):
        cosmo = jc.Planck15()  # it keeps what was computed: one for each compilation
        modes = fft3d(white_noise)
        k = sum((kk * n / length) ** 2 for kk in fftk(modes)) ** 0.5
        power = 2e4 * (k / 0.02) / (1 + (k / 0.02) ** 2) ** 1.3
        delta = ifft3d(modes * jnp.sqrt(power * (n / length) ** 3))
        dx, _, _ = lpt(cosmo, delta, particles=None, a=1.0, order=order)
        return cic_paint_dx(dx * n / length)

    return density


def measure(function, argument, rounds):
    jax.block_until_ready(function(argument))
    best, start = float("inf"), resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(rounds):
        begin = time.perf_counter()
        jax.block_until_ready(function(argument))
        best = min(best, time.perf_counter() - begin)
    end = resource.getrusage(resource.RUSAGE_SELF)
    cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    return best * 1e3, cpu / rounds * 1e3


def main():
    print(f"{'grid':>5} {'order':>6} {'value':>9} {'gradient':>9} ms {'value':>9} {'gradient':>9} CPU-ms")
    for n in [int(word) for word in sys.argv[1:]] or [64, 128]:
        white_noise = jax.random.normal(jax.random.PRNGKey(0), (n, n, n))
        for order in [1, 2]:
            density = chain(n, order)
            value = jax.jit(density)
            both = jax.jit(jax.value_and_grad(lambda w: 0.5 * jnp.sum(density(w) ** 2)))
            rounds = 10 if n <= 64 else 3
            (wall, cpu), (wall_both, cpu_both) = (measure(f, white_noise, rounds) for f in (value, both))
            print(f"{n:>4}³ {order:>6} {wall:>9.1f} {wall_both:>9.1f}    {cpu:>9.1f} {cpu_both:>9.1f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:.0f} MB")


if __name__ == "__main__":
    main()
