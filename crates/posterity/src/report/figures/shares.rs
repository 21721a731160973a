//! Bars: of the information of the data about each parameter, and about all, how much the summaries have.

use super::super::axis::{Axis, Panel};
use super::super::information::Information;
use super::super::label;
use super::super::svg::{Anchor, GREY, INK, LARGE, PALE, SMALL, Stroke, Svg, dashed, stroke};
use super::across;

/// Fraction of a group's width that its bars take.
const FILLED: f64 = 0.7;
/// Numbers of the ordinate, about.
const N_TICKS: usize = 5;

/// A group of bars for each parameter, F_αα over that of the data, and one for (det F)^½; in the rectangle.
pub(super) fn shares(svg: &mut Svg, information: &Information, lines: &[Stroke], [left, top, width, height]: [f64; 4]) {
    let shares = information.shares();
    let most = shares.iter().flatten().copied().fold(1.0, f64::max);
    let n_groups = information.parameters.len() + 1;
    let panel =
        Panel { x: Axis::linear(0.0, n_groups as f64), y: Axis::linear(0.0, 108.0 * most), left, top, width, height };
    for (y, _) in panel.y.ticks(N_TICKS) {
        across(svg, &panel, y, stroke(PALE, 1.0));
    }
    let wide = FILLED / shares.len() as f64;
    for (k, (shares, line)) in shares.iter().zip(lines).enumerate() {
        for (group, share) in shares.iter().enumerate() {
            let (x, y) = panel.point(group as f64 + 0.5 * (1.0 - FILLED) + k as f64 * wide, 100.0 * share);
            let bar = width / n_groups as f64 * wide;
            svg.block(x, y, bar, panel.bottom() - y, line.colour, 0.6);
            let text = label::words(&format!("{:.1$}", 100.0 * share, usize::from(*share < 0.1)));
            // Within a high bar, where the line at 100 does not cross it.
            let place = if *share > 0.2 { y + SMALL + 4.0 } else { y - 5.0 };
            svg.text((x + 0.5 * bar, place), Anchor::Middle, SMALL, INK, &text);
        }
    }
    across(svg, &panel, 100.0, dashed(GREY, 1.6, "2 4"));
    svg.frame(left, top, width, height);
    panel.y_numbers(svg, N_TICKS);
    for group in 0..n_groups {
        let name = match information.parameters.get(group) {
            Some(parameter) => label::latex(&format!(r"F_{{{0}{0}}}", parameter.latex)),
            None => label::latex(r"\sqrt{\det F}"),
        };
        let x = panel.point(group as f64 + 0.5, 0.0).0;
        svg.text((x, panel.bottom() + 26.0), Anchor::Middle, LARGE, INK, &name);
    }
    panel.y_name(svg, &label::words("% of the exact"), 50.0);
}
