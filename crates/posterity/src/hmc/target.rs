//! What the samplers sample: a log density with its gradient.

/// An unnormalised log density over the reals, with its gradient.
///
/// The exclusive reference is for scratch memory, so that an evaluation need not allocate: what is returned must follow
/// from the position alone (and from what the density was conditioned on), not from earlier calls, to the bit. Each
/// chain has a density of its own.
pub trait LogDensity {
    /// Number of coordinates.
    fn dim(&self) -> usize;

    /// The natural logarithm of the density at `position` (`dim` values), up to a constant; writes its gradient (`dim`
    /// values). A value that is not finite says that the position is impossible: a trajectory that comes there is
    /// rejected and counted as divergent, and the gradient is not looked at.
    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64;
}

impl<D: LogDensity + ?Sized> LogDensity for &mut D {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn value_and_gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        (**self).value_and_gradient(position, gradient)
    }
}
