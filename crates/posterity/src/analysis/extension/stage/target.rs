//! What the chains of an analysis sample: one of three densities.

use super::super::{Extension, What};
use crate::error::Result;
use crate::field::whitening;
use crate::halo::{FieldGivenWeights, Joint, Model, Region, Straightened, WeightsGivenDensity};
use crate::hmc::{Blocks, LogDensity, Metric, Single, Window};

/// Of tracers such as these the bias that the Wiener filter begins with; the warm-up finds what is right.
const BIAS: f64 = 1.2;

/// One of the three.
pub(super) enum Target {
    /// Field and weights.
    Joint(Box<Joint>),
    /// The field.
    Field(Box<FieldGivenWeights>),
    /// The weights.
    Weights(Box<Single<Straightened>>),
}

impl Target {
    /// The target of an analysis; the field in the coordinates of `amplitude`, conditioned on `weights` to begin with.
    /// Chains are of the field's coordinates u, and of the weights' coordinates x; where both are sampled, centre and factor
    /// of the weights are those of [`Joint`].
    pub(super) fn new(
        extension: &Extension,
        weights: &[f64],
        amplitude: Vec<f64>,
        (centre, factor): (Vec<f64>, Metric),
    ) -> Result<Self> {
        let field = || -> Result<FieldGivenWeights> {
            let Extension { field, halos, engine, .. } = extension;
            let (n, box_length) = (field.grid.n(), field.grid.box_length());
            let region = Region::whole(field.grid.n_cells());
            let model = Model::new(n, box_length, &engine.settings, halos.threshold, &region, &halos.cells)?;
            let adapts = extension.sampling.is_whitened;
            let least = self::amplitude(extension);
            FieldGivenWeights::new(field.gravity()?, model, weights.to_vec(), amplitude, least, adapts)
        };
        Ok(match extension.sampling.what {
            What::Joint => {
                let homogeneous = vec![0.0; extension.field.grid.n_cells()];
                let weights = given(extension, &homogeneous)?;
                Self::Joint(Box::new(Joint::new(field()?, weights, centre, factor)?))
            }
            What::Field => Self::Field(Box::new(field()?)),
            What::Weights => Self::Weights(Box::new(Single(given(extension, extension.known_density()?)?))),
        })
    }

    /// The field's part, where it is sampled.
    pub(super) fn field(&mut self) -> Option<&mut FieldGivenWeights> {
        match self {
            Self::Joint(joint) => Some(joint.field()),
            Self::Field(field) => Some(field),
            Self::Weights(_) => None,
        }
    }

    /// The weights at coordinates x, where they are sampled, and ln of the volume element there.
    pub(super) fn weights(&mut self, x: &[f64]) -> Option<(&[f64], f64)> {
        match self {
            Self::Joint(joint) => Some(joint.weights().weights(x)),
            Self::Weights(weights) => Some(weights.0.weights(x)),
            Self::Field(_) => None,
        }
    }

    /// Centre and factor of the weights, where field and weights move together.
    pub(super) fn coordinates(&self) -> Option<(&[f64], &Metric)> {
        match self {
            Self::Joint(joint) => Some(joint.coordinates()),
            _ => None,
        }
    }

    fn inner(&mut self) -> &mut dyn Blocks {
        match self {
            Self::Joint(joint) => &mut **joint,
            Self::Field(field) => &mut **field,
            Self::Weights(weights) => &mut **weights,
        }
    }
}

/// The weights' density, given a density contrast.
pub(super) fn given(extension: &Extension, density: &[f64]) -> Result<Straightened> {
    of_halos(extension, &extension.halos.cells, density)
}

/// The weights' density of these halos, as voxels and masses, given a density contrast.
pub(super) fn of_halos(extension: &Extension, cells: &[(usize, f64)], density: &[f64]) -> Result<Straightened> {
    let Extension { field, halos, engine, .. } = extension;
    let (n, box_length) = (field.grid.n(), field.grid.box_length());
    let region = Region::whole(field.grid.n_cells());
    let threshold = halos.threshold;
    WeightsGivenDensity::new(n, box_length, &engine.settings, threshold, &region, cells, density).map(Straightened::new)
}

/// The amplitudes of the modes that a chain begins with, `(n, n, n/2 + 1)`.
pub(super) fn amplitude(extension: &Extension) -> Vec<f64> {
    let field = &extension.field;
    let n = field.grid.n();
    if extension.sampling.is_whitened {
        let density = extension.halos.catalogue.n_halos() as f64 / field.grid.volume();
        whitening::wiener(&field.grid, &field.power, &field.growth, BIAS, density)
    } else {
        vec![1.0; n * n * (n / 2 + 1)]
    }
}

impl Blocks for Target {
    fn n_blocks(&self) -> usize {
        match self {
            Self::Joint(joint) => joint.n_blocks(),
            Self::Field(_) | Self::Weights(_) => 1,
        }
    }

    fn block(&mut self, i: usize) -> &mut dyn LogDensity {
        match self {
            Self::Joint(joint) => joint.block(i),
            Self::Field(field) => &mut **field,
            Self::Weights(weights) => weights.block(i),
        }
    }

    fn set(&mut self, i: usize, position: &[f64]) {
        self.inner().set(i, position);
    }

    fn align(&mut self, i: usize, position: &mut [f64]) {
        self.inner().align(i, position);
    }

    fn adapt(&mut self, i: usize, window: &Window, position: &mut Vec<f64>) -> bool {
        self.inner().adapt(i, window, position)
    }

    fn wants_rows(&self, i: usize) -> bool {
        match self {
            Self::Joint(joint) => joint.wants_rows(i),
            Self::Field(field) => field.wants_rows(i),
            Self::Weights(_) => false,
        }
    }
}
