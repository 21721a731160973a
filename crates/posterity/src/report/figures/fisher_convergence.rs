//! Whether there were simulations enough: three estimates of ln det F against their number.

use super::super::axis::{Axis, Panel};
use super::super::label;
use super::super::svg::{BLUE, GREEN, GREY, INK, Stroke, Svg, VERMILLION, dashed};
use super::super::{Convergence, Figure};
use super::{LEFT, Mark, RIGHT, WIDTH, across, curve, legend, solid};

/// The value at infinitely many simulations.
const LIMIT: Stroke = Stroke { colour: INK, width: 1.6, dash: "12 4 3 4" };
/// Opacity of the band of its standard deviation.
const BAND: f64 = 0.25;

/// One panel, number of simulations logarithmic.
pub(in super::super) fn fisher_convergence(convergence: &Convergence) -> Option<Figure> {
    let x: Vec<f64> = convergence.n_simulations.iter().map(|n| *n as f64).collect();
    if x.is_empty() {
        return None;
    }
    let is_alone = convergence.combined.is_empty();
    let estimates = [
        (
            if is_alone { "estimate" } else { "standard (biased high)" },
            &convergence.standard,
            dashed(VERMILLION, 2.4, "9 5"),
        ),
        ("combined", &convergence.combined, solid(BLUE)),
        ("compressed (biased low)", &convergence.compressed, dashed(GREEN, 2.4, "3 5")),
    ];
    let values = estimates.iter().flat_map(|(_, values, _)| values.iter().copied());
    let limit = convergence.limit.filter(|(value, sd)| value.is_finite() && sd.is_finite());
    let ends = limit.map(|(value, sd)| [value - sd, value + sd]);
    let panel = Panel {
        x: Axis::log_about(x.iter().copied()),
        y: Axis::about(values.chain(ends.into_iter().flatten()), convergence.known_ln_det),
        left: LEFT,
        top: 40.0,
        width: WIDTH - LEFT - RIGHT,
        height: 340.0,
    };
    let mut svg = Svg::new("fisher", "Fisher information against number of simulations", WIDTH, 442.0);
    panel.grid(&mut svg);
    let mut entries = Vec::new();
    if let Some(level) = convergence.known_ln_det {
        across(&mut svg, &panel, level, dashed(GREY, 1.6, "2 4"));
    }
    if let (Some((value, _)), Some([low, high])) = (limit, ends) {
        let [x, width] = [panel.left, panel.width];
        let [top, bottom] = [high, low].map(|y| panel.level(y)[0].1);
        svg.clipped(panel.rectangle(), |svg| svg.block(x, top, width, bottom - top, GREY, BAND));
        across(&mut svg, &panel, value, LIMIT);
    }
    for (name, values, line) in estimates.into_iter().filter(|(_, values, _)| !values.is_empty()) {
        curve(&mut svg, &panel, &x, values, line);
        for (x, y) in x.iter().zip(values) {
            svg.dot(panel.point(*x, *y), 5.0, line.colour);
        }
        entries.push((Mark::Line(line), name.to_string()));
    }
    if convergence.known_ln_det.is_some() {
        entries.push((Mark::Line(dashed(GREY, 1.6, "2 4")), "known".to_string()));
    }
    if limit.is_some() {
        entries.push((Mark::Line(LIMIT), "extrapolated".to_string()));
    }
    panel.frame(&mut svg, true, true);
    panel.x_name(&mut svg, &label::words("number of simulations"));
    panel.y_name(&mut svg, &label::latex(r"\ln\det F"), 66.0);
    legend(&mut svg, LEFT, 24.0, &entries);
    Some(Figure {
        name: "fisher_convergence",
        title: "Fisher information",
        caption: format!(
            "{}{}{}",
            if is_alone {
                "Noise in the derivatives makes the estimate too high; where it stays at the extrapolated value, there are \
                 simulations enough. As many summaries as parameters have no other estimate."
            } else {
                "Noise in the derivatives makes the standard estimate too high and the compressed one too low; where they \
                 meet, there are simulations enough (Coulton & Wandelt 2023)."
            },
            if convergence.advice.is_empty() { "" } else { " " },
            convergence.advice
        ),
        svg: svg.finish(),
    })
}
