//! Axes: ranges, ticks at round numbers, and the panel that maps values to the page.

use super::label::{Span, Style};
use super::svg::{Anchor, INK, LARGE, PALE, SMALL, Svg, stroke};

/// One direction of a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// Between two values, widened where they coincide.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let least = 1e-9 * low.abs().max(high.abs()).max(1e-300);
        if high - low > least {
            return Self { low, high, log: false };
        }
        let half = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
        Self { low: low - half, high: low + half, log: false }
    }

    /// About all finite values, with a margin; `keep` must be inside.
    pub(super) fn about(values: impl Iterator<Item = f64>, keep: Option<f64>) -> Self {
        let (low, high) = range(values.chain(keep));
        let margin = 0.06 * (high - low);
        Self::linear(low - margin, high + margin)
    }

    /// Logarithmic, about all positive values.
    pub(super) fn log_about(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values.filter(|v| *v > 0.0));
        let (low, high) = if low > 0.0 && high.is_finite() { (low, high) } else { (0.1, 10.0) };
        let factor = if high < 1.2 * low { 1.5 } else { (high / low).powf(0.05).max(1.05) };
        Self { low: (low / factor).clamp(1e-300, 1e299), high: (high * factor).min(1e300), log: true }
    }

    /// The low end.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// The high end.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Fraction of the way from low to high; not finite where a logarithm has none.
    pub(super) fn at(&self, x: f64) -> f64 {
        if self.log {
            (x.max(0.0).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (x - self.low) / (self.high - self.low)
        }
    }

    /// Round values inside, at most `n` or few more, each with its label.
    pub(super) fn ticks(&self, n: usize) -> Vec<(f64, Vec<Span>)> {
        if self.log { self.log_ticks(n) } else { self.linear_ticks(n) }
    }

    fn linear_ticks(&self, n: usize) -> Vec<(f64, Vec<Span>)> {
        let step = round_step((self.high - self.low) / n.max(1) as f64);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        // A range that the step cannot resolve in double precision has no ticks.
        let count = (last - first).clamp(-1.0, 100.0) as i64;
        let largest = self.low.abs().max(self.high.abs());
        let power = if !(1e-3..1e5).contains(&largest) { largest.log10().floor() as i32 } else { 0 };
        let decimals = (-(step.log10() + 1e-9).floor() as i32 + power).clamp(0, 15) as usize;
        (0..=count)
            .map(|i| {
                let value = (first + i as f64) * step;
                (value, number(value / 10f64.powi(power), decimals, power))
            })
            .collect()
    }

    fn log_ticks(&self, n: usize) -> Vec<(f64, Vec<Span>)> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let inside = |x: &f64| (self.low..=self.high).contains(x);
        let within = (high.floor() - low.ceil()) as i32 + 1;
        let stride = ((within - 1) / n.max(1) as i32 + 1).max(1);
        let powers: Vec<i32> =
            (low.floor() as i32..=high.ceil() as i32).filter(|p| p.rem_euclid(stride) == 0).collect();
        let with = |multiples: &[f64]| -> Vec<(i32, f64)> {
            let of = |&p: &i32| multiples.iter().map(|m| (p, m * 10f64.powi(p))).collect::<Vec<_>>();
            powers.iter().flat_map(of).filter(|(_, v)| inside(v)).collect()
        };
        // Decades alone where there are three of them; else what lies between, as far as there is room.
        let choices = [with(&[1.0]), with(&[1.0, 3.0]), with(&[1.0, 2.0, 5.0]), with(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0])];
        let enough = |ticks: &&Vec<(i32, f64)>| ticks.len() >= 3.min(n);
        let values = choices.iter().find(enough).unwrap_or(&choices[3]).clone();
        let plain = low >= -3.0 && high <= 4.0;
        values
            .into_iter()
            .map(|(p, v)| {
                let mantissa = v / 10f64.powi(p);
                let extra = usize::from((mantissa - mantissa.round()).abs() > 0.1);
                let decimals = (extra as i32 - p).max(0) as usize;
                (v, if plain { number(v, decimals, 0) } else { number(mantissa, extra, p) })
            })
            .collect()
    }
}

/// Least and largest finite value; (∞, −∞) where there is none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
}

fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let lead = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|lead| lead * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    // A quarter needs a digit more than a reader wants, unless the numbers are large.
    if lead == 2.5 && power < 10.0 { 5.0 * power } else { lead * power }
}

/// A number with a true minus sign and, where wanted, a power of ten.
fn number(mantissa: f64, decimals: usize, power: i32) -> Vec<Span> {
    let span = |text: String, level| Span { text, style: Style::Words, level };
    let digits = format!("{mantissa:.decimals$}").replace('-', "\u{2212}");
    if power == 0 || mantissa == 0.0 {
        return vec![span(digits, 0)];
    }
    let base = if mantissa == 1.0 && decimals == 0 { "10".to_string() } else { format!("{digits}×10") };
    vec![span(base, 0), span(power.to_string().replace('-', "\u{2212}"), 1)]
}

/// Width of a label on the page, about.
pub(super) fn width(label: &[Span], size: f64) -> f64 {
    label.iter().map(|s| s.text.chars().count() as f64 * size * if s.level == 0 { 0.56 } else { 0.42 }).sum()
}

/// A frame on the page with two axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Panel {
    /// Where a pair of values stands on the page.
    pub(super) fn point(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + self.width * self.x.at(x), self.top + self.height * (1.0 - self.y.at(y)))
    }

    /// Left, top, width and height.
    pub(super) fn rectangle(&self) -> [f64; 4] {
        [self.left, self.top, self.width, self.height]
    }

    /// The lower edge.
    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Horizontal line across at a value.
    pub(super) fn level(&self, y: f64) -> [(f64, f64); 2] {
        let at = self.point(0.0, y).1;
        [(self.left, at), (self.left + self.width, at)]
    }

    /// Vertical line through at a value.
    pub(super) fn upright(&self, x: f64) -> [(f64, f64); 2] {
        let at = self.left + self.width * self.x.at(x);
        [(at, self.top), (at, self.bottom())]
    }

    /// Ticks below whose labels neither touch each other nor stand out of the panel.
    fn x_ticks(&self) -> Vec<(f64, Vec<Span>)> {
        for n in (2..=8).rev() {
            let mut ticks = self.x.ticks(n);
            let wide = ticks.iter().map(|(_, label)| width(label, SMALL)).fold(0.0, f64::max);
            ticks.retain(|(x, _)| {
                let at = self.width * self.x.at(*x);
                at > 0.3 * wide && at < self.width - 0.3 * wide
            });
            let places: Vec<f64> = ticks.iter().map(|(x, _)| self.width * self.x.at(*x)).collect();
            if places.windows(2).all(|pair| pair[1] - pair[0] > wide + 14.0) {
                return ticks;
            }
        }
        Vec::new()
    }

    /// Pale lines at the ticks of the ordinate.
    pub(super) fn grid(&self, svg: &mut Svg) {
        for (y, _) in self.y.ticks(self.n_y_ticks()) {
            let [from, to] = self.level(y);
            svg.line(from, to, stroke(PALE, 1.0));
        }
    }

    fn n_y_ticks(&self) -> usize {
        (self.height / 45.0).clamp(2.0, 7.0) as usize
    }

    /// The frame, with tick marks; numbers where asked for.
    pub(super) fn frame(&self, svg: &mut Svg, x_numbers: bool, y_numbers: bool) {
        svg.frame(self.left, self.top, self.width, self.height);
        for (x, label) in self.x_ticks() {
            let at = self.left + self.width * self.x.at(x);
            svg.line((at, self.bottom()), (at, self.bottom() - 5.0), stroke(INK, 1.2));
            if x_numbers {
                svg.text((at, self.bottom() + 21.0), Anchor::Middle, SMALL, INK, &label);
            }
        }
        if y_numbers {
            self.y_numbers(svg, self.n_y_ticks());
        }
    }

    /// About `n` tick marks and numbers of the ordinate.
    pub(super) fn y_numbers(&self, svg: &mut Svg, n: usize) {
        for (y, label) in self.y.ticks(n) {
            let at = self.point(0.0, y).1;
            if at < self.top + 4.0 || at > self.bottom() - 4.0 {
                continue;
            }
            svg.line((self.left, at), (self.left + 5.0, at), stroke(INK, 1.2));
            svg.text((self.left - 8.0, at + 5.0), Anchor::End, SMALL, INK, &label);
        }
    }

    /// The name of the abscissa, below the numbers.
    pub(super) fn x_name(&self, svg: &mut Svg, label: &[Span]) {
        svg.text((self.left + self.width / 2.0, self.bottom() + 48.0), Anchor::Middle, LARGE, INK, label);
    }

    /// The name of the ordinate, reading upwards, `distance` left of the panel.
    pub(super) fn y_name(&self, svg: &mut Svg, label: &[Span], distance: f64) {
        let at = (self.left - distance, self.top + self.height / 2.0);
        svg.text_turned(at, Anchor::Middle, LARGE, INK, label, true);
    }
}

#[cfg(test)]
mod tests {
    use super::super::label;
    use super::*;

    fn labels(axis: Axis, n: usize) -> Vec<String> {
        axis.ticks(n).iter().map(|(_, l)| label::text(l)).collect()
    }

    #[test]
    fn ticks_are_round_and_labelled_to_their_step() {
        assert_eq!(labels(Axis::linear(0.13, 0.47), 4), ["0.2", "0.3", "0.4"]);
        assert_eq!(labels(Axis::linear(-1.3, -0.7), 4), ["−1.2", "−1.0", "−0.8"]);
        assert_eq!(labels(Axis::linear(0.0, 2e6), 4), ["0.0", "0.5×10^6", "1.0×10^6", "1.5×10^6", "2.0×10^6"]);
        let decades = Axis { low: 0.01, high: 200.0, log: true };
        assert_eq!(labels(decades, 5), ["0.01", "0.1", "1", "10", "100"]);
        let wide = Axis { low: 1.0, high: 2e6, log: true };
        assert_eq!(labels(wide, 7), ["1", "10^1", "10^2", "10^3", "10^4", "10^5", "10^6"]);
    }

    #[test]
    fn degenerate_ranges_have_finite_axes() {
        for axis in [
            Axis::linear(2.0, 2.0),
            Axis::linear(f64::NAN, 1.0),
            Axis::linear(0.0, 0.0),
            Axis::linear(1e300, 1e300),
            Axis::linear(1.0, 1.0 + 1e-15),
            Axis::about(std::iter::empty(), None),
            Axis::log_about([0.0, -1.0].into_iter()),
            Axis::log_about([3.0].into_iter()),
            Axis::log_about([1e-300, 1e300].into_iter()),
            Axis::log_about([1.7e308].into_iter()),
        ] {
            assert!(axis.high > axis.low && axis.at(axis.high).is_finite(), "{axis:?}");
            assert!(axis.ticks(5).len() < 110, "{axis:?}");
        }
    }
}
