//! Maps of a field with their colour bars.

use super::super::axis::{Axis, Panel, range, width};
use super::super::label::{self, Span};
use super::super::raster::{Colours, data_uri};
use super::super::svg::{Anchor, INK, LARGE, SMALL, Svg, stroke};

/// How values become colours: low end, high end, and where the scale turns from linear to logarithmic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    soft: Option<f64>,
    pub(super) colours: Colours,
}

impl Scale {
    /// Linear, from the least value to the largest but for a thousandth of them.
    pub(super) fn linear(values: impl Iterator<Item = f64>, colours: Colours) -> Self {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let high = values.get(last - last / 1000).copied().unwrap_or(1.0);
        Self::between(values.first().copied().unwrap_or(0.0), high, None, colours)
    }

    /// Linear between all values but for a thousandth at either end.
    pub(super) fn inner(values: impl Iterator<Item = f64>, colours: Colours) -> Self {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (last, cut) = (values.len().saturating_sub(1), values.len() / 1000);
        let at = |i: usize, otherwise: f64| values.get(i).copied().unwrap_or(otherwise);
        Self::between(at(cut, 0.0), at(last - cut, 1.0), None, colours)
    }

    /// asinh(x / 0.1), for densities in units of the mean: logarithmic, and finite where there is nothing.
    pub(super) fn density(values: impl Iterator<Item = f64>, colours: Colours) -> Self {
        let (low, high) = range(values);
        Self::between(low, high, Some(0.1), colours)
    }

    fn between(low: f64, high: f64, soft: Option<f64>, colours: Colours) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        Self { low, high, soft, colours }
    }

    fn stretch(&self, x: f64) -> f64 {
        self.soft.map_or(x, |soft| (x / soft).asinh())
    }

    /// Where a value is between both ends, 0 to 1.
    pub(super) fn fraction(&self, x: f64) -> f64 {
        let (low, high) = (self.stretch(self.low), self.stretch(self.high));
        (self.stretch(x) - low) / (high - low)
    }

    /// Round values whose labels do not touch on a bar of this length.
    fn ticks(&self, length: f64) -> Vec<(f64, Vec<Span>)> {
        if self.soft.is_none() {
            return Axis::linear(self.low, self.high).ticks((length / 90.0).clamp(2.0, 6.0) as usize);
        }
        // Decades before what lies between them.
        let decades = (-1..=9).map(|p| 10f64.powi(p));
        let between = [0.3, 3.0, 30.0, 300.0, 3000.0, 30_000.0];
        let mut ticks: Vec<(f64, Vec<Span>)> = Vec::new();
        for value in [0.0].into_iter().chain(decades).chain(between) {
            let label = label::words(&format!("{value}"));
            let wide = |other: &[Span]| 0.5 * (width(&label, SMALL) + width(other, SMALL)) + 12.0;
            let far =
                |(v, other): &(f64, Vec<Span>)| length * (self.fraction(*v) - self.fraction(value)).abs() > wide(other);
            if (0.0..=1.0).contains(&self.fraction(value)) && ticks.iter().all(far) {
                ticks.push((value, label));
            }
        }
        ticks
    }
}

/// A square map with its frame and axes in Mpc/h, and its name above. Cell i is centred at i L/n, so that the map goes from
/// half a cell below 0 to half a cell below L.
pub(super) struct Map<'a> {
    pub(super) name: &'a str,
    pub(super) n: usize,
    pub(super) box_length: f64,
    /// \[i * n + j\], i to the right, j upwards.
    pub(super) values: &'a [f64],
}

impl Map<'_> {
    /// Whether there is a picture of it.
    pub(super) fn is_whole(&self) -> bool {
        self.n > 0 && self.n.checked_mul(self.n) == Some(self.values.len()) && self.box_length > 0.0
    }

    /// From half a cell below 0 on.
    fn low(&self) -> f64 {
        -0.5 * self.box_length / self.n as f64
    }

    /// Where a position from 0 to the side of the periodic box is on the map, along either axis.
    pub(super) fn wrapped(&self, x: f64) -> f64 {
        if x < self.low() + self.box_length { x } else { x - self.box_length }
    }

    /// The panel in which it stands; numbers of the ordinate where asked for.
    pub(super) fn draw(&self, svg: &mut Svg, at: (f64, f64), side: f64, scale: &Scale, y_numbers: bool) -> Panel {
        let axis = Axis::linear(self.low(), self.low() + self.box_length);
        let panel = Panel { x: axis, y: axis, left: at.0, top: at.1, width: side, height: side };
        let n = self.n;
        let pixels: Vec<f64> = (0..n * n).map(|k| scale.fraction(self.values[(k % n) * n + n - 1 - k / n])).collect();
        if let Some(uri) = data_uri(&pixels, n, scale.colours) {
            svg.image(panel.rectangle(), &uri);
        }
        panel.frame(svg, true, false);
        if y_numbers {
            panel.y_numbers(svg, 7);
        }
        svg.text((at.0 + side / 2.0, at.1 - 10.0), Anchor::Middle, LARGE, INK, &label::mixed(self.name));
        panel
    }
}

/// A colour bar lying from `left` on, numbers and name below it.
pub(super) fn colour_bar(svg: &mut Svg, (left, top): (f64, f64), width: f64, scale: &Scale, name: &str) {
    const HEIGHT: f64 = 16.0;
    let ramp: Vec<f64> = (0..255).map(|i| f64::from(i) / 254.0).collect();
    if let Some(uri) = data_uri(&ramp, 255, scale.colours) {
        svg.image([left, top, width, HEIGHT], &uri);
    }
    svg.frame(left, top, width, HEIGHT);
    for (value, label) in scale.ticks(width) {
        let x = left + width * scale.fraction(value);
        if (left - 1.0..=left + width + 1.0).contains(&x) {
            svg.line((x, top + HEIGHT), (x, top + HEIGHT + 5.0), stroke(INK, 1.2));
            svg.text((x, top + HEIGHT + 21.0), Anchor::Middle, SMALL, INK, &label);
        }
    }
    svg.text((left + width / 2.0, top + HEIGHT + 45.0), Anchor::Middle, LARGE, INK, &label::mixed(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture's cell i is centred at i L/n, where the axes have that place too.
    #[test]
    fn halos_lie_in_the_pictures_cells() {
        let map = Map { name: "", n: 4, box_length: 100.0, values: &[0.0; 16] };
        let scale = Scale::linear(map.values.iter().copied(), Colours::Field);
        let panel = map.draw(&mut Svg::new("", "", 400.0, 400.0), (0.0, 0.0), 400.0, &scale, true);
        for (position, cell) in [(0.0, 0), (12.4, 0), (12.6, 1), (25.0, 1), (75.0, 3), (87.4, 3), (87.6, 0), (99.9, 0)]
        {
            let (x, y) = panel.point(map.wrapped(position), map.wrapped(position));
            assert_eq!(((x / 100.0) as usize, ((400.0 - y) / 100.0) as usize), (cell, cell), "{position}");
        }
        let (x, y) = panel.point(map.wrapped(50.0), map.wrapped(0.0));
        assert!((x - 250.0).abs() < 1e-9 && (y - 350.0).abs() < 1e-9, "{x}, {y}");
    }
}
