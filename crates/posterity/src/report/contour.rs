//! Contours of a tabulated density: the levels that enclose given masses, and their rings by marching squares.

/// A density of two parameters on a grid; any normalisation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Surface {
    /// Nodes of the first parameter, ascending.
    pub x: Vec<f64>,
    /// Nodes of the second parameter, ascending.
    pub y: Vec<f64>,
    /// Density, `density[j * x.len() + i]` at `(x[i], y[j])`.
    pub density: Vec<f64>,
}

impl Surface {
    /// True if there are at least 2 × 2 nodes and a value for each.
    pub(super) fn is_whole(&self) -> bool {
        self.x.len() > 1 && self.y.len() > 1 && self.density.len() == self.x.len() * self.y.len()
    }

    /// The densities above which lie these fractions of the mass (0.683: the smallest region with 68.3 % of it).
    pub fn levels(&self, masses: &[f64]) -> Vec<f64> {
        let (wx, wy) = (spacings(&self.x), spacings(&self.y));
        let mut cells: Vec<(f64, f64)> = self
            .density
            .iter()
            .enumerate()
            .filter(|(_, d)| **d > 0.0)
            .map(|(k, &d)| (d, d * wx[k % wx.len()] * wy[k / wx.len()]))
            .collect();
        cells.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = cells.iter().map(|cell| cell.1).sum();
        let level = |&mass: &f64| {
            let mut above = 0.0;
            let found = cells.iter().find(|cell| {
                above += cell.1;
                above - 0.5 * cell.1 >= mass * total
            });
            found.or(cells.last()).map_or(f64::INFINITY, |cell| cell.0)
        };
        masses.iter().map(level).collect()
    }

    /// The closed curves on which the density is `level`; beyond the grid it counts as zero, so that they do close.
    pub fn rings(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        if !self.is_whole() {
            return Vec::new();
        }
        let (nx, ny) = (self.x.len() + 2, self.y.len() + 2);
        // A rim of zeros at the place of the outermost nodes.
        let value = |i: usize, j: usize| {
            let rim = i == 0 || j == 0 || i == nx - 1 || j == ny - 1;
            if rim { 0.0 } else { self.density[(j - 1) * self.x.len() + i - 1] }
        };
        let place = |nodes: &[f64], i: usize| nodes[i.saturating_sub(1).min(nodes.len() - 1)];
        // Edge 2k runs right from node k, edge 2k + 1 up; the curve crosses it where one end is above.
        let crossing = |edge: usize| {
            let (i, j) = (edge / 2 % nx, edge / 2 / nx);
            let (i2, j2) = if edge.is_multiple_of(2) { (i + 1, j) } else { (i, j + 1) };
            let (a, b) = (value(i, j), value(i2, j2));
            let f = if a == b { 0.5 } else { ((level - a) / (b - a)).clamp(0.0, 1.0) };
            let mix = |from: f64, to: f64| from + f * (to - from);
            (mix(place(&self.x, i), place(&self.x, i2)), mix(place(&self.y, j), place(&self.y, j2)))
        };
        // From each crossed edge to the next, with what is above on the left.
        let mut next = vec![usize::MAX; 2 * nx * ny];
        for j in 0..ny - 1 {
            for i in 0..nx - 1 {
                let node = j * nx + i;
                let [bottom, right, top, left] = [2 * node, 2 * (node + 1) + 1, 2 * (node + nx), 2 * node + 1];
                let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)].map(|(i, j)| value(i, j));
                let above = corners.map(|v| v > level);
                let case = above.iter().enumerate().fold(0, |bits, (k, up)| bits | usize::from(*up) << k);
                let joined = corners.iter().sum::<f64>() > 4.0 * level;
                let steps: &[(usize, usize)] = match case {
                    1 => &[(bottom, left)],
                    2 => &[(right, bottom)],
                    3 => &[(right, left)],
                    4 => &[(top, right)],
                    5 if joined => &[(bottom, right), (top, left)],
                    5 => &[(bottom, left), (top, right)],
                    6 => &[(top, bottom)],
                    7 => &[(top, left)],
                    8 => &[(left, top)],
                    9 => &[(bottom, top)],
                    10 if joined => &[(left, bottom), (right, top)],
                    10 => &[(right, bottom), (left, top)],
                    11 => &[(right, top)],
                    12 => &[(left, right)],
                    13 => &[(bottom, right)],
                    14 => &[(left, bottom)],
                    _ => &[],
                };
                steps.iter().for_each(|&(from, to)| next[from] = to);
            }
        }
        let mut rings = Vec::new();
        for start in 0..next.len() {
            let (mut ring, mut edge) = (Vec::new(), start);
            while next[edge] != usize::MAX {
                ring.push(crossing(edge));
                edge = std::mem::replace(&mut next[edge], usize::MAX);
            }
            if ring.len() > 2 {
                rings.push(ring);
            }
        }
        rings
    }
}

/// The length that belongs to each node.
fn spacings(nodes: &[f64]) -> Vec<f64> {
    let at = |i: usize| nodes[i.min(nodes.len() - 1)];
    (0..nodes.len()).map(|i| 0.5 * (at(i + 1) - at(i.saturating_sub(1)))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::density::density_2d;
    use super::*;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    fn surface(n: usize, of: impl Fn(f64, f64) -> f64) -> Surface {
        let nodes: Vec<f64> = (0..n).map(|i| -5.0 + 10.0 * i as f64 / (n - 1) as f64).collect();
        let density = nodes.iter().flat_map(|&y| nodes.iter().map(|&x| of(x, y)).collect::<Vec<_>>()).collect();
        Surface { x: nodes.clone(), y: nodes, density }
    }

    fn area(ring: &[(f64, f64)]) -> f64 {
        let next = ring.iter().cycle().skip(1);
        ring.iter().zip(next).map(|(a, b)| 0.5 * (a.0 * b.1 - a.1 * b.0)).sum()
    }

    #[test]
    fn the_levels_of_a_gaussian_are_known() {
        let s = surface(201, |x, y| (-0.5 * (x * x + y * y)).exp());
        for (mass, level) in [0.683, 0.954].into_iter().zip(s.levels(&[0.683, 0.954])) {
            assert!((level - (1.0 - mass)).abs() < 0.003, "{mass}: {level}");
            let rings = s.rings(level);
            let radius = (-2.0 * (1.0f64 - mass).ln()).sqrt();
            assert_eq!(rings.len(), 1);
            assert!(rings[0].iter().all(|(x, y)| (x.hypot(*y) - radius).abs() < 0.02));
            assert!((area(&rings[0]) / (std::f64::consts::PI * radius * radius) - 1.0).abs() < 0.01);
        }
    }

    /// The kernel estimate of 20 000 correlated draws: area of the region within 4 % (draws' own error 1 %).
    #[test]
    fn the_levels_of_draws_enclose_their_mass() {
        let mut stream = Seed::new(4).stream(0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let (x, y): (Vec<f64>, Vec<f64>) = (0..20_000)
            .map(|_| {
                let (a, b) = (normal(), normal());
                (a, 0.95 * a + (1.0 - 0.95f64 * 0.95).sqrt() * b)
            })
            .unzip();
        let free = (f64::NEG_INFINITY, f64::INFINITY);
        let s = density_2d([&x, &y], &vec![1.0; x.len()], [free; 2]).expect("spread");
        for (mass, level) in [0.683f64, 0.954].into_iter().zip(s.levels(&[0.683, 0.954])) {
            let found: f64 = s.rings(level).iter().map(|ring| area(ring)).sum();
            let truth = -2.0 * (1.0 - mass).ln() * std::f64::consts::PI * (1.0 - 0.95f64 * 0.95).sqrt();
            assert!((found / truth - 1.0).abs() < 0.04, "{mass}: {found} {truth}");
        }
    }

    #[test]
    fn rings_close_at_the_edge_turn_about_holes_and_part_at_saddles() {
        let plane = surface(11, |x, _| x + 5.0);
        assert!((plane.rings(5.0).iter().map(|r| area(r)).sum::<f64>() - 50.0).abs() < 1e-9);
        let annulus = surface(101, |x, y| (-(x.hypot(y) - 3.0).powi(2)).exp());
        let mut areas: Vec<f64> = annulus.rings(0.5).iter().map(|r| area(r)).collect();
        areas.sort_by(f64::total_cmp);
        assert!(areas.len() == 2 && areas[0] < 0.0 && areas[1] > 0.0, "{areas:?}");
        let checks = surface(4, |x, y| if x * y > 0.0 { 1.0 } else { 0.0 });
        assert!(checks.rings(0.4).iter().all(|r| area(r) > 0.0));
        assert!(surface(5, |_, _| 0.0).rings(0.1).is_empty());
        assert!(surface(5, |_, _| 1.0).levels(&[0.5])[0] <= 1.0);
        assert!(Surface { x: vec![], y: vec![], density: vec![] }.rings(1.0).is_empty());
    }
}
