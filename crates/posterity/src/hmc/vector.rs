//! Loops over long vectors: in one pass, in chunks of a fixed size on all threads, with ordered sums.

use rayon::prelude::*;

/// Values that one task works on; shorter vectors stay on the thread they are on.
pub(super) const CHUNK: usize = 1 << 14;

/// x, p and g chunk by chunk, with the scales s of a diagonal metric where there is one.
fn over_chunks(
    position: &mut [f64],
    momentum: &mut [f64],
    gradient: &[f64],
    scales: Option<&[f64]>,
    body: impl Fn(&mut [f64], &mut [f64], &[f64], Option<&[f64]>) + Sync,
) {
    if position.len() <= CHUNK {
        return body(position, momentum, gradient, scales);
    }
    let chunks = position.par_chunks_mut(CHUNK).zip(momentum.par_chunks_mut(CHUNK)).zip(gradient.par_chunks(CHUNK));
    match scales {
        None => chunks.for_each(|((x, p), g)| body(x, p, g, None)),
        Some(scales) => chunks.zip(scales.par_chunks(CHUNK)).for_each(|(((x, p), g), s)| body(x, p, g, Some(s))),
    }
}

/// p += `kick` s g, then x += `drift` s p.
pub(super) fn kick_drift(
    kick: f64,
    drift: f64,
    scales: Option<&[f64]>,
    position: &mut [f64],
    momentum: &mut [f64],
    gradient: &[f64],
) {
    over_chunks(position, momentum, gradient, scales, |x, p, g, s| {
        let points = x.iter_mut().zip(p.iter_mut()).zip(g);
        match s {
            None => points.for_each(|((x, p), g)| {
                *p += kick * g;
                *x += drift * *p;
            }),
            Some(s) => points.zip(s).for_each(|(((x, p), g), s)| {
                *p += kick * s * g;
                *x += drift * s * *p;
            }),
        }
    });
}

/// p += `kick` (g + x), then (x, p) turn by the angle whose cosine and sine are given.
pub(super) fn kick_rotate(
    kick: f64,
    (cosine, sine): (f64, f64),
    position: &mut [f64],
    momentum: &mut [f64],
    gradient: &[f64],
) {
    over_chunks(position, momentum, gradient, None, |x, p, g, _| {
        for ((x, p), g) in x.iter_mut().zip(p.iter_mut()).zip(g) {
            let q = *p + kick * (g + *x);
            (*x, *p) = (cosine * *x + sine * q, cosine * q - sine * *x);
        }
    });
}

/// `out` += `factor` x.
pub(super) fn add(out: &mut [f64], factor: f64, x: &[f64]) {
    let body = |out: &mut [f64], x: &[f64]| out.iter_mut().zip(x).for_each(|(o, x)| *o += factor * x);
    if out.len() <= CHUNK {
        return body(out, x);
    }
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| body(out, x));
}

/// `out` = `scale` · `out` + `factor` x.
pub(super) fn scale_add(out: &mut [f64], scale: f64, factor: f64, x: &[f64]) {
    let body = |out: &mut [f64], x: &[f64]| out.iter_mut().zip(x).for_each(|(o, x)| *o = scale * *o + factor * x);
    if out.len() <= CHUNK {
        return body(out, x);
    }
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| body(out, x));
}

/// Brings `out` to length one.
pub(super) fn normalise(out: &mut [f64]) {
    let norm = dot(out, out).sqrt();
    let body = |out: &mut [f64]| out.iter_mut().for_each(|x| *x /= norm);
    if out.len() <= CHUNK {
        return body(out);
    }
    out.par_chunks_mut(CHUNK).for_each(body);
}

/// `out` += `factor` s x.
pub(super) fn add_scaled(out: &mut [f64], factor: f64, scales: &[f64], x: &[f64]) {
    let body = |out: &mut [f64], s: &[f64], x: &[f64]| {
        out.iter_mut().zip(s).zip(x).for_each(|((o, s), x)| *o += factor * s * x);
    };
    if out.len() <= CHUNK {
        return body(out, scales, x);
    }
    out.par_chunks_mut(CHUNK).zip(scales.par_chunks(CHUNK)).zip(x.par_chunks(CHUNK)).for_each(|((o, s), x)| {
        body(o, s, x);
    });
}

/// Σ x y, in the same order for any number of threads.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    if x.len() <= CHUNK {
        return dot_of_chunk(x, y);
    }
    let sums: Vec<f64> = x.par_chunks(CHUNK).zip(y.par_chunks(CHUNK)).map(|(x, y)| dot_of_chunk(x, y)).collect();
    sums.iter().sum()
}

/// In eight sums side by side, which the compiler puts into registers.
fn dot_of_chunk(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(s, (a, b))| *s += a * b);
    }
    sums.iter().sum::<f64>() + rest
}
