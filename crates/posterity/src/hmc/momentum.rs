//! Draws of the momentum: standard normals, few from the stream itself, many from streams of their chunks.

use super::vector::CHUNK;
use crate::seed::Stream;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Fills `out` with independent draws of N(0, 1); the same for any number of threads.
pub(super) fn standard_normals(out: &mut [f64], stream: &mut Stream) {
    if out.len() <= CHUNK {
        return out.iter_mut().for_each(|z| *z = StandardNormal.sample(stream));
    }
    let mut key = [0; 32];
    stream.fill_bytes(&mut key);
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let mut stream = Stream::from_seed(key);
        stream.set_stream(chunk as u64);
        out.iter_mut().for_each(|z| *z = StandardNormal.sample(&mut stream));
    });
}

/// A draw uniform in [0, 1).
pub(super) fn uniform(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 * (-53.0_f64).exp2()
}
