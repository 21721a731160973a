//! That the halos fill the box that they are said to be of: a length or a unit that is wrong leaves a part of it empty.

use super::Catalogue;
use crate::error::{Error, Result};

/// Fewer halos may leave a part of the box empty by chance.
const MANY: usize = 100;
/// The part of the box that they must reach over along each axis. Halos that are independent reach over less with a
/// probability below 100 · 0.8⁹⁹ = 3·10⁻⁸; clustered ones more often, but not in a box of many correlation lengths.
const REACH: f64 = 0.8;
/// How near the ratio of two lengths must be to h.
const NEAR: f64 = 0.03;

impl Catalogue {
    /// That 100 halos or more reach over 0.8 of the box along each axis; `hubble` is h = H₀/(100 km/s/Mpc), NaN where it
    /// is not known.
    ///
    /// # Errors
    /// Invalid input: how far they reach along which axis, and what that looks like.
    pub fn check_spread(&self, hubble: f64) -> Result<()> {
        let length = self.box_length;
        let (low, high) = self.positions.iter().fold(([f64::INFINITY; 3], [0.0; 3]), |(low, high), x| {
            (std::array::from_fn(|i| x[i].min(low[i])), std::array::from_fn(|i| x[i].max(high[i])))
        });
        let reach = |i: &usize| high[*i] - low[*i];
        let Some(axis) = (0..3).min_by(|a, b| reach(a).total_cmp(&reach(b))) else { return Ok(()) };
        if self.n_halos() < MANY || reach(&axis) > REACH * length {
            return Ok(());
        }
        let farthest = high.into_iter().fold(0.0, f64::max);
        let message = format!(
            "{} halos lie between {} = {:.6} and {:.6} Mpc/h, which is {:.3} of the box of {length} Mpc/h",
            self.n_halos(),
            ["x", "y", "z"][axis],
            low[axis],
            high[axis],
            reach(&axis) / length
        );
        let (suspicion, remedy) = if farthest <= 1.0 && length > 2.0 {
            (": the positions look as if in units of the box", "multiply them by box_length".to_owned())
        } else if (farthest / (length * hubble) - 1.0).abs() < NEAR {
            let remedy = format!("give box_length = {:.6} [Mpc/h], or positions [Mpc/h]", length * hubble);
            (", and h is that much: box_length looks as if in Mpc, or the positions as if multiplied by h", remedy)
        } else {
            let remedy = "give the right box_length [Mpc/h], positions [Mpc/h], and the halos of the whole box";
            ("", remedy.to_owned())
        };
        Err(Error::invalid_input(format!("{message}{suspicion}")).remedy(remedy))
    }
}
