//! Coordinates of the weights in which their posterior is nearly round.
//!
//! The weights say the same in many ways: kernel and bias times a factor, and the mixture's slopes through the factor,
//! change ψ and little else; so does a shift of ψ with the mixture's biases. The posterior is a thin curved ridge along
//! both, which no constant metric straightens. In coordinates x of the same number it is nearly straight: with κ = sinh x₀
//! the kernel's weight at the centre and c = √(1 + κ²) = cosh x₀,
//!
//! - the other weights of the kernel of ℓ = 0, its bias b, and the powers a_ℓ are c x; but where there is one component,
//!   b = 0.2 c sinh x: −b/c is the ln(1 + δ + ε) below which ψ is nearly 0, known to a few hundredths while many voxels are
//!   about that empty, and hardly at all beyond. (With more components ψ falls with the density in the mode that holds the
//!   posterior of weights alone, and b is about 0 within its width, which sinh would bend.)
//! - slope and bias of each of the mixture's lines are given by two values of the line, at ψ₁ = s(b) and
//!   ψ₂ = ψ₁ + √(d² + 0.3²), d = s(b + c) − s(b), s the softplus: what the kernel's centre makes of ln(1 + δ + ε) = 0 and 1,
//!   but that they stay apart where ψ is nearly 0 everywhere and slopes mean nothing,
//! - where there is but one component, amplitude and slope of its mass function stand for α and μ at both ([`tail`]),
//! - what is left is as it is.
//!
//! It is made for κ > 0; for κ < 0 it is as valid, and straightens less.
//!
//! The map is smooth and one to one on all of ℝⁿ, and its volume element, c^(1 + n_c) (ψ₂ − ψ₁)^−n_l with n_c weights that
//! go with c and n_l lines, times 0.2 cosh x where sinh x is, times those of [`tail`], is part of the density: the posterior
//! of the weights is the same.

mod tail;

use crate::engine::Engine;
use tail::Tail;

/// Where in the vector of weights each kind is.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates {
    /// Those that go with the scale of the kernel, its centre (weight 0) aside; the bias is one of them.
    scaled: Vec<usize>,
    bias: usize,
    /// First weight of the mixture: pairs of slope and bias from there on.
    mixture: usize,
    dim: usize,
}

/// How far apart the two ψ at which lines are given stay.
const LEAST_GAP: f64 = 0.3;

/// b/c up to which the bias is taken to be known to a constant width, and beyond which in proportion to itself.
const BEND: f64 = 0.2;

/// The first ψ at which lines are given, how far the other is, and the slopes of both numbers by b and c.
struct Ends {
    psi: f64,
    gap: f64,
    psi_by_bias: f64,
    gap_by_bias: f64,
    gap_by_scale: f64,
}

impl Ends {
    fn new(bias: f64, scale: f64) -> Self {
        let [low, high] = [bias, bias + scale].map(softplus);
        let difference = high.0 - low.0;
        let gap = difference.hypot(LEAST_GAP);
        let slope = difference / gap;
        let (gap_by_bias, gap_by_scale) = (slope * (high.1 - low.1), slope * high.1);
        Self { psi: low.0, gap, psi_by_bias: low.1, gap_by_bias, gap_by_scale }
    }
}

impl Coordinates {
    /// Which map this is: chains whose positions are kept in another do not go on. To be counted up with each change of it.
    pub const FORM: u32 = 1;

    /// Of the weights of an engine, followed by `n_mixture` of a mixture.
    pub fn new(engine: &Engine, n_mixture: usize) -> Self {
        let bias = engine.bias();
        let scaled = (1..=bias).chain(engine.powers()).collect();
        Self { scaled, bias, mixture: engine.n_weights(), dim: engine.n_weights() + n_mixture }
    }

    /// Number of weights.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Writes the weights at x; ln of the volume element there.
    ///
    /// # Panics
    /// If a length is another.
    pub fn weights(&self, x: &[f64], weights: &mut [f64]) -> f64 {
        weights.copy_from_slice(x);
        let scale = x[0].cosh();
        weights[0] = x[0].sinh();
        if self.is_single() {
            weights[self.bias] = BEND * x[self.bias].sinh();
        }
        self.scaled.iter().for_each(|i| weights[*i] *= scale);
        let ends = Ends::new(weights[self.bias], scale);
        let mut log_volume = (1.0 + self.scaled.len() as f64) * scale.ln() - self.n_lines() * ends.gap.ln();
        if self.is_single() {
            log_volume += (BEND * x[self.bias].cosh()).ln();
        }
        for at in self.tails() {
            let tail = Tail::new(at.map(|i| x[i]));
            at.into_iter().zip(tail.line_values()).for_each(|(i, value)| weights[i] = value);
            log_volume += tail.log_volume();
        }
        for line in weights[self.mixture..].chunks_exact_mut(2) {
            let slope = (line[1] - line[0]) / ends.gap;
            (line[0], line[1]) = (slope, line[0] - slope * ends.psi);
        }
        log_volume
    }

    /// Writes the coordinates of weights.
    ///
    /// # Panics
    /// If a length is another.
    pub fn of(&self, weights: &[f64], x: &mut [f64]) {
        x.copy_from_slice(weights);
        let scale = weights[0].hypot(1.0);
        x[0] = weights[0].asinh();
        self.scaled.iter().for_each(|i| x[*i] /= scale);
        if self.is_single() {
            x[self.bias] = (x[self.bias] / BEND).asinh();
        }
        let ends = Ends::new(weights[self.bias], scale);
        for line in x[self.mixture..].chunks_exact_mut(2) {
            let first = line[0] * ends.psi + line[1];
            (line[0], line[1]) = (first, first + line[0] * ends.gap);
        }
        for at in self.tails() {
            let values = Tail::coordinates(at.map(|i| x[i]));
            at.into_iter().zip(values).for_each(|(i, value)| x[i] = value);
        }
    }

    /// Turns the gradient of a function of the weights into that, by x, of the function plus ln of the volume element.
    pub(super) fn pull_back(&self, x: &[f64], weights: &[f64], d_weights: &mut [f64], d_x: &mut [f64]) {
        let scale = x[0].cosh();
        let ends = Ends::new(weights[self.bias], scale);
        let gap = ends.gap;
        let (mut d_first, mut d_gap) = (0.0, -self.n_lines() / gap);
        d_x.copy_from_slice(d_weights);
        for (line, d) in weights[self.mixture..].chunks_exact(2).zip(d_x[self.mixture..].chunks_exact_mut(2)) {
            let by_slope = d[0] - d[1] * ends.psi;
            d_first -= line[0] * d[1];
            d_gap -= line[0] * by_slope / gap;
            (d[0], d[1]) = (d[1] - by_slope / gap, by_slope / gap);
        }
        for at in self.tails() {
            let tail = Tail::new(at.map(|i| x[i])).pull_back(at.map(|i| d_x[i]));
            at.into_iter().zip(tail).for_each(|(i, value)| d_x[i] = value);
        }
        d_weights[self.bias] += d_first * ends.psi_by_bias + d_gap * ends.gap_by_bias;
        let mut d_scale = (1.0 + self.scaled.len() as f64) / scale + d_gap * ends.gap_by_scale;
        for i in &self.scaled {
            d_x[*i] = d_weights[*i] * scale;
            // The bias is not c x where sinh x is.
            d_scale += if self.is_single() { d_weights[*i] * weights[*i] / scale } else { d_weights[*i] * x[*i] };
        }
        if self.is_single() {
            d_x[self.bias] = d_x[self.bias] * BEND * x[self.bias].cosh() + x[self.bias].tanh();
        }
        d_x[0] = d_weights[0] * scale + d_scale * x[0].sinh();
    }

    fn n_lines(&self) -> f64 {
        0.5 * (self.dim - self.mixture) as f64
    }

    /// Whether the mixture has one component.
    fn is_single(&self) -> bool {
        self.dim - self.mixture == 6
    }

    /// Where α, μ and σ are at either end, of a mixture of one component. With more, the means of the others count from
    /// the first: its slope is no coordinate then.
    fn tails(&self) -> impl Iterator<Item = [usize; 3]> {
        let first = self.mixture;
        (0..2).filter(|_| self.is_single()).map(move |end| [0, 2, 4].map(|line| first + line + end))
    }
}

fn softplus(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let slope = if x > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (x.max(0.0) + small.ln_1p(), slope)
}
