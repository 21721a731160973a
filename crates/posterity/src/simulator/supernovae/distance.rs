//! Luminosity distances in a flat universe by quadrature whose nodes and weights are laid down once for a set of redshifts.

use crate::error::{Error, Result};

/// Gauss–Legendre nodes in a panel.
const NODES: usize = 16;

/// Longest panel in ln(1 + z): the error stays below 10⁻⁸ mag for −5 ≤ w ≤ 1, see the tests.
const PANEL: f64 = 0.25;

/// The integrals ∫₀ᶻ dz'/E(z') of a set of redshifts.
///
/// In u = ln(1 + z) the integrand eᵘ/E is smooth, so it is evaluated at the 16 Gauss–Legendre nodes of a few panels
/// that all redshifts share. A whole panel is summed by Gauss's rule; from the start of a panel to a redshift inside
/// it, the interpolating polynomial through the same nodes is integrated. For 40 redshifts up to z = 1.6 that is 64
/// evaluations of E in place of a separate rule between each two redshifts.
#[derive(Clone, Debug)]
pub(super) struct Distances {
    /// u at the nodes, panel after panel.
    nodes: Vec<f64>,
    /// (1 + z)³ at the nodes.
    cubes: Vec<f64>,
    /// 1 + z at the nodes.
    scales: Vec<f64>,
    /// Gauss's weights of one whole panel; all panels are equal.
    whole: [f64; NODES],
    /// The panel of each redshift.
    panels: Vec<usize>,
    /// Weights of the nodes of that panel, from its start to the redshift.
    partial: Vec<[f64; NODES]>,
}

impl Distances {
    /// For redshifts z > 0, in any order.
    pub(super) fn new(z: &[f64]) -> Self {
        let u: Vec<f64> = z.iter().map(|z| z.ln_1p()).collect();
        let longest = u.iter().copied().fold(0.0, f64::max);
        let n_panels = (longest / PANEL).ceil().max(1.0) as usize;
        let half = 0.5 * longest / n_panels as f64;
        let (abscissae, weights) = gauss_legendre();
        let nodes: Vec<f64> =
            (0..n_panels).flat_map(|p| abscissae.map(|t| half * (2.0 * p as f64 + 1.0 + t))).collect();
        let panels: Vec<usize> = u.iter().map(|u| ((u / (2.0 * half)) as usize).min(n_panels - 1)).collect();
        let inside = |(u, &p): (&f64, &usize)| partial_weights(u / half - 2.0 * p as f64 - 1.0, &abscissae, &weights);
        let partial = u.iter().zip(&panels).map(|at| inside(at).map(|weight| half * weight)).collect();
        Self {
            cubes: nodes.iter().map(|u| (3.0 * u).exp()).collect(),
            scales: nodes.iter().map(|u| u.exp()).collect(),
            nodes,
            whole: weights.map(|weight| half * weight),
            panels,
            partial,
        }
    }

    /// Number of redshifts.
    pub(super) fn len(&self) -> usize {
        self.panels.len()
    }

    /// ∫₀ᶻ dz'/E for each redshift.
    ///
    /// # Errors
    /// Simulation failed, where omega_m is outside \[0, 1\] or E² is not a positive finite number everywhere.
    pub(super) fn integrals(&self, omega_m: f64, w: f64, out: &mut [f64]) -> Result<()> {
        let mut integrand = vec![0.0; self.nodes.len()];
        check(omega_m, w)?;
        let mut regular = true;
        for (k, f) in integrand.iter_mut().enumerate() {
            let e_squared = omega_m * self.cubes[k] + (1.0 - omega_m) * self.dark_energy(w, k);
            regular &= e_squared > 0.0 && e_squared < f64::INFINITY;
            *f = self.scales[k] / e_squared.sqrt();
        }
        if !regular {
            return Err(outside(omega_m, w));
        }
        self.cumulate(&integrand, out);
        Ok(())
    }

    /// The integrals and their derivatives by omega_m and by w.
    ///
    /// # Errors
    /// As [`Distances::integrals`].
    pub(super) fn integrals_with_derivative(
        &self,
        omega_m: f64,
        w: f64,
        out: &mut [f64],
        by_omega_m: &mut [f64],
        by_w: &mut [f64],
    ) -> Result<()> {
        self.integrals(omega_m, w, out)?;
        let [mut slope_omega_m, mut slope_w] = [(); 2].map(|()| vec![0.0; self.nodes.len()]);
        for (k, (slope_omega_m, slope_w)) in slope_omega_m.iter_mut().zip(&mut slope_w).enumerate() {
            let dark_energy = self.dark_energy(w, k);
            let e_squared = omega_m * self.cubes[k] + (1.0 - omega_m) * dark_energy;
            // d(E⁻¹) = −½ E⁻³ d(E²)
            let factor = -0.5 * self.scales[k] / (e_squared * e_squared.sqrt());
            *slope_omega_m = factor * (self.cubes[k] - dark_energy);
            *slope_w = factor * (1.0 - omega_m) * 3.0 * self.nodes[k] * dark_energy;
        }
        self.cumulate(&slope_omega_m, by_omega_m);
        self.cumulate(&slope_w, by_w);
        Ok(())
    }

    /// (1 + z)^{3(1 + w)} at a node.
    fn dark_energy(&self, w: f64, node: usize) -> f64 {
        (3.0 * (1.0 + w) * self.nodes[node]).exp()
    }

    fn cumulate(&self, integrand: &[f64], out: &mut [f64]) {
        let mut before = Vec::with_capacity(integrand.len() / NODES);
        let mut sum = 0.0;
        for panel in integrand.as_chunks::<NODES>().0 {
            before.push(sum);
            sum += dot(&self.whole, panel);
        }
        let panels = integrand.as_chunks::<NODES>().0;
        for (out, (&p, weights)) in out.iter_mut().zip(self.panels.iter().zip(&self.partial)) {
            *out = before[p] + dot(weights, &panels[p]);
        }
    }
}

/// Four sums side by side, so that the compiler can use vector registers without changing the result.
fn dot(a: &[f64; NODES], b: &[f64; NODES]) -> f64 {
    let mut sums = [0.0; 4];
    for k in (0..NODES).step_by(4) {
        for lane in 0..4 {
            sums[lane] += a[k + lane] * b[k + lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

fn check(omega_m: f64, w: f64) -> Result<()> {
    if (0.0..=1.0).contains(&omega_m) && w.is_finite() { Ok(()) } else { Err(outside(omega_m, w)) }
}

fn outside(omega_m: f64, w: f64) -> Error {
    Error::simulation_failed(format!("no flat universe has omega_m = {omega_m} and w = {w}"))
        .remedy("keep omega_m within [0, 1] and w such that (1 + z)^(3 + 3w) is a finite number")
}

/// Legendre polynomials P₀ … P₁₆ at t.
fn legendre(t: f64) -> [f64; NODES + 1] {
    let mut p = [1.0; NODES + 1];
    p[1] = t;
    for k in 1..NODES {
        let n = k as f64;
        p[k + 1] = ((2.0 * n + 1.0) * t * p[k] - n * p[k - 1]) / (n + 1.0);
    }
    p
}

/// Nodes on (−1, 1) and weights of the Gauss–Legendre rule, by Newton's method on the last polynomial.
fn gauss_legendre() -> ([f64; NODES], [f64; NODES]) {
    let n = NODES as f64;
    let (mut nodes, mut weights) = ([0.0; NODES], [0.0; NODES]);
    for k in 0..NODES {
        let mut t = -(std::f64::consts::PI * (k as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..8 {
            let p = legendre(t);
            slope = n * (t * p[NODES] - p[NODES - 1]) / (t * t - 1.0);
            t -= p[NODES] / slope;
        }
        nodes[k] = t;
        weights[k] = 2.0 / ((1.0 - t * t) * slope * slope);
    }
    (nodes, weights)
}

/// Weights of ∫₋₁ˢ for the polynomial through the values at the nodes, by its Legendre series.
fn partial_weights(s: f64, nodes: &[f64; NODES], weights: &[f64; NODES]) -> [f64; NODES] {
    let at_end = legendre(s);
    std::array::from_fn(|j| {
        let at_node = legendre(nodes[j]);
        // ∫₋₁ˢ P_k = (P_{k+1}(s) − P_{k−1}(s)) / (2k + 1), and the factor 2k + 1 of the series cancels.
        let series = (1..NODES).map(|k| at_node[k] * (at_end[k + 1] - at_end[k - 1])).sum::<f64>();
        0.5 * weights[j] * (s + 1.0 + series)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5/ln 10: relative errors of a distance into magnitudes.
    const MAG: f64 = 2.171472409516259;

    fn redshifts() -> Vec<f64> {
        // Not in order, from the nearest supernovae to beyond the farthest.
        vec![2.3, 0.001, 0.014, 1.6123, 0.2, 0.0194, 0.5, 1.2336, 0.9, 0.7, 0.05, 0.11]
    }

    fn integrals(z: &[f64], omega_m: f64, w: f64) -> Vec<f64> {
        let mut out = vec![0.0; z.len()];
        Distances::new(z).integrals(omega_m, w, &mut out).expect("regular");
        out
    }

    /// Composite Simpson's rule in z itself, another variable than the one under test.
    fn simpson(z: f64, omega_m: f64, w: f64) -> f64 {
        let f =
            |z: f64| (omega_m * (1.0 + z).powi(3) + (1.0 - omega_m) * (1.0 + z).powf(3.0 * (1.0 + w))).sqrt().recip();
        let n = 20_000;
        let h = z / n as f64;
        let inner: f64 = (1..n).map(|k| if k % 2 == 1 { 4.0 } else { 2.0 } * f(k as f64 * h)).sum();
        h / 3.0 * (f(0.0) + inner + f(z))
    }

    #[test]
    fn the_error_is_below_1e_8_mag_against_simpsons_rule() {
        let z = redshifts();
        for omega_m in [0.0, 0.001, 0.05, 0.3, 0.7, 0.99, 1.0] {
            for w in [-5.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 1.0] {
                for (z, value) in z.iter().zip(integrals(&z, omega_m, w)) {
                    let error = MAG * (value / simpson(*z, omega_m, w) - 1.0).abs();
                    assert!(error < 1e-8, "{error:e} mag at z = {z}, omega_m = {omega_m}, w = {w}");
                }
            }
        }
    }

    #[test]
    fn known_universes_have_their_closed_forms() {
        let z = redshifts();
        // Einstein–de Sitter: 2 (1 − (1 + z)^-½). Empty of matter with w = −1/3: ln(1 + z). De Sitter: z.
        // Matter and w = −1/3: E² = (1 + z)² (1 + Ω_m z), whose integral is the logarithm below.
        for (k, z_k) in z.iter().enumerate() {
            let r = |z: f64| ((1.0 + 0.4 * z).sqrt() - 0.6_f64.sqrt()) / ((1.0 + 0.4 * z).sqrt() + 0.6_f64.sqrt());
            let mixed = (r(*z_k) / r(0.0)).ln() / 0.6_f64.sqrt();
            for (omega_m, w, exact) in [
                (1.0, -1.0, 2.0 * (1.0 - 1.0 / (1.0 + z_k).sqrt())),
                (0.0, -1.0 / 3.0, z_k.ln_1p()),
                (0.0, -1.0, *z_k),
                (0.4, -1.0 / 3.0, mixed),
            ] {
                let value = integrals(&z, omega_m, w)[k];
                assert!((value / exact - 1.0).abs() < 1e-11, "{value} not {exact} at z = {z_k}, {omega_m}, {w}");
            }
        }
    }

    #[test]
    fn derivatives_under_the_integral_match_differences() {
        let z = redshifts();
        let distances = Distances::new(&z);
        let [mut value, mut by_omega_m, mut by_w] = [(); 3].map(|()| vec![0.0; z.len()]);
        for (omega_m, w) in [(0.3, -1.0), (0.1, -2.0), (0.8, -0.4)] {
            let outcome = distances.integrals_with_derivative(omega_m, w, &mut value, &mut by_omega_m, &mut by_w);
            outcome.expect("regular");
            let h = 1e-5;
            let at = |o: f64, w: f64| integrals(&z, o, w);
            for i in 0..z.len() {
                let slope_o = (at(omega_m + h, w)[i] - at(omega_m - h, w)[i]) / (2.0 * h);
                let slope_w = (at(omega_m, w + h)[i] - at(omega_m, w - h)[i]) / (2.0 * h);
                assert!((slope_o - by_omega_m[i]).abs() < 1e-7 * value[i], "{slope_o} {}", by_omega_m[i]);
                assert!((slope_w - by_w[i]).abs() < 1e-7 * value[i], "{slope_w} {}", by_w[i]);
            }
        }
    }

    #[test]
    fn impossible_universes_fail() {
        let distances = Distances::new(&[0.5, 1.0]);
        for (omega_m, w) in [(-0.01, -1.0), (1.01, -1.0), (f64::NAN, -1.0), (0.3, f64::NAN), (0.3, 1e3), (0.0, -1e3)] {
            let error = distances.integrals(omega_m, w, &mut [0.0; 2]).expect_err("impossible");
            assert!(error.is_simulation_failed() && error.to_string().contains("within [0, 1]"), "{error}");
        }
    }
}
