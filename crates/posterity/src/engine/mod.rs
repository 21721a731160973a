//! The neural physical engine: ψ = softplus(w ⋆ ln(1 + δ + ε) + b), a field of the density and its surroundings.
//!
//! The kernel w is a [multipole] kernel. ℓ = 0 is linear in ln(1 + δ + ε). A degree ℓ > 0 has 2ℓ + 1 outputs F_ℓm,
//! which turn with the field; they enter by their power, which does not:
//!
//! ψ = softplus(w₀ ⋆ ln(1 + δ + ε) + b + Σ_ℓ a_ℓ Σ_m F_ℓm²), F_ℓm = K_ℓm ⋆ ln(1 + δ + ε),
//!
//! with a_ℓ of either sign and the innermost weight of K_ℓm fixed at 1, since scale and a_ℓ would say the same twice. So
//! ψ is one field whatever the degrees, and commutes with translations and with the symmetries of the cube.
//!
//! ε ([`Settings::floor`]) makes the logarithm of empty voxels finite and smooth: its slope is 1/(1 + δ + ε), at most
//! 1/ε. Weights, in this order: `kernel_r2_0`, `kernel_r2_1`, … (ascending |d|²), `kernel_bias`; then for each degree ℓ
//! `kernel_l{ℓ}_power` (a_ℓ) and `kernel_l{ℓ}_r2_…` from the second radius on. The default, 3³ with ℓ = 0, has 5.
//!
//! Limits: periodic boundaries; a density of −1 − ε or below has no logarithm: ψ is NaN around it.
//!
//! Reference: Charnock et al. 2019, arXiv:1909.06379.

mod convolution;
mod features;
pub mod multipole;
mod spectral;
#[cfg(test)]
mod tests;

pub use features::Features;
pub use multipole::MAX_DEGREE;

use crate::error::{Error, Result};
use crate::math::vectorised;
use convolution::{Isotropic, Stencil};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Values in one task of a loop over voxels.
const CHUNK: usize = 2048;

/// Floors ε that leave ln(1 + δ + ε) finite where the density is 0, and following the density where it is not: beyond the
/// largest it hardly varies, below the smallest empty voxels are all that it tells apart.
const FLOORS: std::ops::RangeInclusive<f64> = 1e-6..=10.0;

/// What an engine is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Voxels of the kernel along each axis, odd; 1 on the first axis for a field of two dimensions.
    pub kernel_size: [usize; 3],
    /// Degrees ℓ, ascending, from 0.
    pub degrees: Vec<usize>,
    /// ε in ln(1 + δ + ε), from 1e-6 to 10.
    pub floor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { kernel_size: [3; 3], degrees: vec![0], floor: 0.01 }
    }
}

impl Settings {
    /// That there is an engine of these settings for fields of `grid` voxels; takes no memory for them.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn check(&self, grid: [usize; 3]) -> Result<()> {
        check(grid, self)
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> Vec<String> {
        let half = self.half();
        let mut names: Vec<String> = multipole::squares(half, false).iter().map(|s| format!("kernel_r2_{s}")).collect();
        names.push("kernel_bias".into());
        for degree in self.directed() {
            names.push(format!("kernel_l{degree}_power"));
            names.extend(multipole::squares(half, true).iter().skip(1).map(|s| format!("kernel_l{degree}_r2_{s}")));
        }
        names
    }

    /// Bytes that an [`Engine`] takes for each voxel, about: 32 are of the transforms of a large kernel on a cube, once for
    /// degree 0 and once for all others.
    pub fn bytes_per_voxel(&self) -> f64 {
        let taps: usize = self.kernel_size.iter().product();
        let transforms = [taps >= spectral::EVEN_TAPS, taps >= spectral::TAPS && self.directed().next().is_some()];
        let n_transforms = transforms.iter().filter(|is_large| **is_large).count() as f64;
        8.0 * (4.0 + 4.0 * n_transforms + self.directed().map(|l| 2.0 * l as f64 + 2.0).sum::<f64>())
    }

    /// Bytes that [`Features`] take for each voxel, about.
    pub fn bytes_per_voxel_of_features(&self) -> f64 {
        let half = self.half();
        let radii = multipole::squares(half, true).len() as f64;
        let directed: f64 = self.directed().map(|l| (2.0 * l as f64 + 1.0) * radii).sum();
        8.0 * (multipole::squares(half, false).len() as f64 + directed + 1.0)
    }

    fn half(&self) -> [usize; 3] {
        self.kernel_size.map(|k| k / 2)
    }

    fn directed(&self) -> impl Iterator<Item = usize> {
        self.degrees.iter().copied().filter(|degree| *degree > 0)
    }
}

/// The engine on a grid, with its scratch memory: about (4 + Σ_{ℓ>0}(2ℓ + 2)) × 8 bytes for each voxel, and with large
/// kernels what [`Settings::bytes_per_voxel`] says.
pub struct Engine {
    settings: Settings,
    n_voxels: usize,
    isotropic: Isotropic,
    n_isotropic: usize,
    directed: Vec<Degree>,
    stencil: Option<Stencil>,
    log_density: Vec<f64>,
    log_slope: Vec<f64>,
    slope: Vec<f64>,
    gradient: Vec<f64>,
    sums: Vec<f64>,
}

/// One degree ℓ > 0.
struct Degree {
    squares: Vec<usize>,
    /// For each offset, which radius; none at the centre.
    radius: Vec<Option<usize>>,
    directions: Vec<Vec<f64>>,
    kernel: Vec<f64>,
    d_kernel: Vec<f64>,
    outputs: Vec<Vec<f64>>,
    cotangent: Vec<f64>,
}

impl Engine {
    /// An engine for fields of `grid` voxels in C order (`[1, n, n]` in two dimensions).
    ///
    /// # Errors
    /// Invalid input, for a kernel whose size is even or larger than the grid, degrees that do not ascend from 0 or go
    /// beyond [`MAX_DEGREE`], or a floor that is not from 1e-6 to 10.
    pub fn new(grid: [usize; 3], settings: &Settings) -> Result<Self> {
        check(grid, settings)?;
        let half = settings.half();
        let squares = multipole::squares(half, false);
        let n_voxels = grid.iter().product();
        let directed: Vec<Degree> = settings.degrees[1..].iter().map(|l| Degree::new(*l, half, n_voxels)).collect();
        Ok(Self {
            settings: settings.clone(),
            n_voxels,
            isotropic: Isotropic::new(grid, half, &squares),
            n_isotropic: squares.len(),
            stencil: (!directed.is_empty()).then(|| Stencil::new(grid, half)),
            directed,
            log_density: vec![0.0; n_voxels],
            log_slope: vec![0.0; n_voxels],
            slope: vec![0.0; n_voxels],
            gradient: vec![0.0; n_voxels],
            sums: vec![0.0; n_voxels.div_ceil(CHUNK)],
        })
    }

    /// Number of weights.
    pub fn n_weights(&self) -> usize {
        self.n_isotropic + 1 + self.directed.iter().map(|d| d.squares.len()).sum::<usize>()
    }

    /// Number of voxels.
    pub fn n_voxels(&self) -> usize {
        self.n_voxels
    }

    /// What the engine was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Names of the weights, in order.
    pub fn names(&self) -> Vec<String> {
        self.settings.names()
    }

    /// Which weight is the bias b.
    pub fn bias(&self) -> usize {
        self.n_isotropic
    }

    /// Which weights are the powers a_ℓ.
    pub fn powers(&self) -> impl Iterator<Item = usize> {
        let first = self.n_isotropic + 1;
        self.directed.iter().scan(first, |next, degree| {
            let power = *next;
            *next += degree.squares.len();
            Some(power)
        })
    }

    /// `psi` of `density` (δ), all of `n_voxels` values.
    ///
    /// # Panics
    /// If a length is another.
    pub fn forward(&mut self, density: &[f64], weights: &[f64], psi: &mut [f64]) {
        assert_eq!((density.len(), weights.len(), psi.len()), (self.n_voxels, self.n_weights(), self.n_voxels));
        self.take_logarithm(density);
        let Self { isotropic, directed, stencil, log_density, slope, n_isotropic, .. } = self;
        isotropic.forward(log_density, &weights[..*n_isotropic], psi);
        let mut rest = &weights[*n_isotropic + 1..];
        for degree in directed {
            let (own, others) = rest.split_at(degree.squares.len());
            rest = others;
            let Some(stencil) = stencil else { continue };
            for m in 0..degree.directions.len() {
                degree.set_kernel(m, own);
                stencil.forward(log_density, &degree.kernel, &mut degree.outputs[m]);
                let output = degree.outputs[m].par_chunks(CHUNK);
                psi.par_chunks_mut(CHUNK).zip(output).for_each(|(psi, f)| {
                    psi.iter_mut().zip(f).for_each(|(p, f)| *p += own[0] * f * f);
                });
            }
        }
        let bias = weights[*n_isotropic];
        psi.par_chunks_mut(CHUNK).zip(slope.par_chunks_mut(CHUNK)).for_each(|(psi, slope)| {
            Arch::new().dispatch(Softplus { bias, psi, slope });
        });
    }

    /// After [`Engine::forward`] with these weights: turns the cotangent of ψ into that of δ (written, where wanted) and
    /// of the weights (added).
    ///
    /// # Panics
    /// If a length is another.
    pub fn vjp(&mut self, weights: &[f64], d_psi: &[f64], mut d_density: Option<&mut [f64]>, d_weights: &mut [f64]) {
        assert_eq!((weights.len(), d_psi.len(), d_weights.len()), (self.n_weights(), self.n_voxels, self.n_weights()));
        let Self { isotropic, directed, stencil, log_density, log_slope, slope, gradient, sums, n_isotropic, .. } =
            self;
        let n = *n_isotropic;
        let inputs = d_psi.par_chunks(CHUNK).zip(slope.par_chunks(CHUNK));
        gradient.par_chunks_mut(CHUNK).zip(inputs).zip(sums.par_iter_mut()).for_each(|((g, (d, s)), sum)| {
            *sum = Arch::new().dispatch(Product { out: g, a: d, b: s });
        });
        d_weights[n] += sums.iter().sum::<f64>();
        isotropic.vjp(log_density, &weights[..n], gradient, d_density.as_deref_mut(), &mut d_weights[..n]);
        let (mut rest, mut d_rest) = (&weights[n + 1..], &mut d_weights[n + 1..]);
        for degree in directed {
            let (own, others) = rest.split_at(degree.squares.len());
            let (d_own, d_others) = d_rest.split_at_mut(degree.squares.len());
            (rest, d_rest) = (others, d_others);
            if let Some(stencil) = stencil {
                degree.vjp(stencil, log_density, own, gradient, sums, d_density.as_deref_mut(), d_own);
            }
        }
        let Some(d_density) = d_density else { return };
        d_density.par_chunks_mut(CHUNK).zip(log_slope.par_chunks(CHUNK)).for_each(|(d, s)| {
            Arch::new().dispatch(|| d.iter_mut().zip(s).for_each(|(d, s)| *d *= s));
        });
    }

    fn take_logarithm(&mut self, density: &[f64]) {
        let floor = self.settings.floor;
        let outputs = self.log_density.par_chunks_mut(CHUNK).zip(self.log_slope.par_chunks_mut(CHUNK));
        outputs.zip(density.par_chunks(CHUNK)).for_each(|((log, slope), density)| {
            Arch::new().dispatch(Logarithm { floor, density, log, slope });
        });
    }
}

fn check(grid: [usize; 3], settings: &Settings) -> Result<()> {
    // First of all: what is as many as the degree is made next.
    if let Some(degree) = settings.degrees.iter().find(|degree| **degree > MAX_DEGREE) {
        return Err(Error::invalid_input(format!("harmonics of degree {degree} are too fine for any kernel"))
            .at_key("degrees")
            .remedy(format!("give degrees up to {MAX_DEGREE}")));
    }
    let size = settings.kernel_size;
    if size.iter().any(|k| k % 2 == 0) {
        return Err(Error::invalid_input(format!("a kernel of {size:?} voxels has no centre"))
            .at_key("kernel_size")
            .remedy("give odd sizes"));
    }
    if size.iter().zip(grid).any(|(k, n)| *k > n) {
        return Err(Error::invalid_input(format!("a kernel of {size:?} voxels does not fit in a grid of {grid:?}"))
            .at_key("kernel_size")
            .remedy("choose a smaller kernel"));
    }
    if settings.degrees.first() != Some(&0) || settings.degrees.windows(2).any(|w| w[0] >= w[1]) {
        return Err(Error::invalid_input(format!("degrees {:?} do not ascend from 0", settings.degrees))
            .at_key("degrees")
            .remedy("begin with 0 and name each degree once"));
    }
    if settings.degrees.len() > 1 && size == [1; 3] {
        return Err(Error::invalid_input("a kernel of one voxel has no directions, so degree 0 alone")
            .at_key("degrees")
            .remedy("give [0], or a larger kernel"));
    }
    // Written so that NaN is refused too.
    if !FLOORS.contains(&settings.floor) {
        let floor = settings.floor;
        let floor =
            if floor == 0.0 || (1e-4..1e4).contains(&floor.abs()) { floor.to_string() } else { format!("{floor:e}") };
        let (least, most) = (FLOORS.start(), FLOORS.end());
        return Err(Error::invalid_input(format!("{floor} is no floor of a density whose mean is 1"))
            .at_key("floor")
            .remedy(format!("give a number from {least:e} to {most}, such as 0.01")));
    }
    Ok(())
}

impl Degree {
    fn new(degree: usize, half: [usize; 3], n_voxels: usize) -> Self {
        let squares = multipole::squares(half, true);
        let radius: Vec<Option<usize>> =
            multipole::offsets(half).map(|d| squares.iter().position(|s| *s == multipole::square(d))).collect();
        let directions = multipole::directions(half, degree);
        let outputs = vec![vec![0.0; n_voxels]; directions.len()];
        let (kernel, d_kernel) = (vec![0.0; radius.len()], vec![0.0; radius.len()]);
        Self { squares, radius, directions, kernel, d_kernel, outputs, cotangent: vec![0.0; n_voxels] }
    }

    fn set_kernel(&mut self, m: usize, own: &[f64]) {
        for ((k, radius), direction) in self.kernel.iter_mut().zip(&self.radius).zip(&self.directions[m]) {
            *k = radius.map_or(0.0, |r| direction * if r == 0 { 1.0 } else { own[r] });
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn vjp(
        &mut self,
        stencil: &mut Stencil,
        log_density: &[f64],
        own: &[f64],
        gradient: &[f64],
        sums: &mut [f64],
        mut d_field: Option<&mut [f64]>,
        d_own: &mut [f64],
    ) {
        for m in 0..self.directions.len() {
            self.set_kernel(m, own);
            let inputs = gradient.par_chunks(CHUNK).zip(self.outputs[m].par_chunks(CHUNK));
            let tasks = self.cotangent.par_chunks_mut(CHUNK).zip(inputs).zip(sums.par_iter_mut());
            tasks.for_each(|((c, (g, f)), sum)| {
                c.iter_mut().zip(g.iter().zip(f)).for_each(|(c, (g, f))| *c = 2.0 * own[0] * g * f);
                *sum = g.iter().zip(f).map(|(g, f)| g * f * f).sum();
            });
            d_own[0] += sums.iter().sum::<f64>();
            self.d_kernel.fill(0.0);
            let d_field = d_field.as_deref_mut();
            stencil.vjp(log_density, &self.kernel, &self.cotangent, d_field, &mut self.d_kernel);
            for ((d, radius), direction) in self.d_kernel.iter().zip(&self.radius).zip(&self.directions[m]) {
                if let Some(r) = radius.filter(|r| *r > 0) {
                    d_own[r] += d * direction;
                }
            }
        }
    }
}

struct Logarithm<'a> {
    floor: f64,
    density: &'a [f64],
    log: &'a mut [f64],
    slope: &'a mut [f64],
}

impl WithSimd for Logarithm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((log, slope), density) in self.log.iter_mut().zip(self.slope).zip(self.density) {
            let sum = 1.0 + density + self.floor;
            *log = vectorised::ln::<S>(sum);
            *slope = 1.0 / sum;
        }
    }
}

struct Softplus<'a> {
    bias: f64,
    psi: &'a mut [f64],
    slope: &'a mut [f64],
}

impl WithSimd for Softplus<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (psi, slope) in self.psi.iter_mut().zip(self.slope) {
            (*psi, *slope) = vectorised::softplus::<S>(*psi + self.bias);
        }
    }
}

/// `out` = a b, and its sum.
struct Product<'a> {
    out: &'a mut [f64],
    a: &'a [f64],
    b: &'a [f64],
}

impl WithSimd for Product<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0; 8];
        let (out, out_rest) = self.out.as_chunks_mut::<8>();
        let (a, a_rest) = self.a.as_chunks::<8>();
        let (b, b_rest) = self.b.as_chunks::<8>();
        for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
            *out = std::array::from_fn(|l| a[l] * b[l]);
            lanes = std::array::from_fn(|l| lanes[l] + out[l]);
        }
        out_rest.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(out, (a, b))| *out = a * b);
        lanes.iter().chain(&*out_rest).sum()
    }
}
