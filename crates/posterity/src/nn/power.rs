//! The power of the components of a multipole: y = Σ_m x_m².

use super::real::Real;

/// Powers of rows of `n_components` parts each.
///
/// Rows come in bundles: a value row, then `n_tangents` tangent rows, whose images are Σ_m 2 x_m t_m.
pub(super) fn forward<T: Real>(input: &[T], width: usize, n_components: usize, n_tangents: usize, out: &mut [T]) {
    let (part, two) = (width / n_components, T::from_f64(2.0));
    let bundles = input.chunks_exact((1 + n_tangents) * width);
    for (input, out) in bundles.zip(out.chunks_exact_mut((1 + n_tangents) * part)) {
        let values = &input[..width];
        out.fill(T::ZERO);
        for x in values.chunks_exact(part) {
            out[..part].iter_mut().zip(x).for_each(|(y, x)| *y += *x * *x);
        }
        for (tangent, out) in input[width..].chunks_exact(width).zip(out[part..].chunks_exact_mut(part)) {
            for (x, t) in values.chunks_exact(part).zip(tangent.chunks_exact(part)) {
                out.iter_mut().zip(x.iter().zip(t)).for_each(|(y, (x, t))| *y += two * *x * *t);
            }
        }
    }
}

/// The cotangent of the input.
pub(super) fn vjp<T: Real>(
    input: &[T],
    width: usize,
    n_components: usize,
    n_tangents: usize,
    cotangent: &[T],
    out: &mut [T],
) {
    let (part, two) = (width / n_components, T::from_f64(2.0));
    let bundles = input.chunks_exact((1 + n_tangents) * width).zip(out.chunks_exact_mut((1 + n_tangents) * width));
    for ((input, out), cotangent) in bundles.zip(cotangent.chunks_exact((1 + n_tangents) * part)) {
        let (values, tangents) = input.split_at(width);
        let (d_values, d_tangents) = out.split_at_mut(width);
        let (g, g_tangents) = cotangent.split_at(part);
        for (d, x) in d_values.chunks_exact_mut(part).zip(values.chunks_exact(part)) {
            d.iter_mut().zip(x.iter().zip(g)).for_each(|(d, (x, g))| *d = two * *x * *g);
        }
        let of_tangents = tangents.chunks_exact(width).zip(d_tangents.chunks_exact_mut(width));
        for ((tangent, d_tangent), g) in of_tangents.zip(g_tangents.chunks_exact(part)) {
            for m in 0..n_components {
                let range = m * part..(m + 1) * part;
                let (x, t) = (&values[range.clone()], &tangent[range.clone()]);
                let (d, d_t) = (&mut d_values[range.clone()], &mut d_tangent[range]);
                for i in 0..part {
                    d[i] += two * t[i] * g[i];
                    d_t[i] = two * x[i] * g[i];
                }
            }
        }
    }
}
