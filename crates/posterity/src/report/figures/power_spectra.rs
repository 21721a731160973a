//! Power of the sampled initial fields: whether they are still the prior's.

use super::super::Figure;
use super::super::axis::{Axis, Panel, range};
use super::super::extension::PowerSpectra;
use super::super::label;
use super::super::svg::{BLUE, GREY, INK, Stroke, Svg, VERMILLION, dashed};
use super::band::{OPACITY, bands};
use super::{LEFT, Mark, RIGHT, WIDTH, across, curve, legend, solid};

const LINEAR: Stroke = Stroke { colour: INK, width: 1.6, dash: "7 5" };
const TRUTH: Stroke = Stroke { colour: VERMILLION, width: 2.4, dash: "" };

/// Two panels over the same wave numbers, below all divided by the linear power. `None` if shapes do not fit.
pub(in super::super) fn power_spectra(spectra: &PowerSpectra) -> Option<Figure> {
    let PowerSpectra { k, linear_power, prior, posterior, truth } = spectra;
    let n = k.len();
    let fits = prior.fits(n) && posterior.fits(n) && linear_power.len() == n;
    if !fits || truth.as_ref().is_some_and(|t| t.len() != n) {
        return None;
    }
    let over = |i: usize| 1.0 / linear_power[i];
    let ratios = [prior.times(over), posterior.times(over)];
    let truth_ratio = truth.as_ref().map(|t| (0..n).map(|i| t[i] * over(i)).collect::<Vec<_>>());
    let x = Axis::log_about(k.iter().copied());
    let panel = |y, top, height| Panel { x, y, left: LEFT, top, width: WIDTH - LEFT - RIGHT, height };
    let ends = |band: &super::super::extension::Band| [band.q025.clone(), band.q975.clone()].concat();
    let powers = [prior, posterior].into_iter().flat_map(ends).chain(linear_power.iter().copied());
    let (low, high) = range(ratios.iter().flat_map(ends).chain(truth_ratio.iter().flatten().copied()));
    let above = panel(Axis::log_about(powers.chain(truth.iter().flatten().copied())), 66.0, 330.0);
    // A truth far off leaves the panel rather than make the bands small.
    let below = panel(Axis::linear((low - 0.05).clamp(0.0, 0.9), (high + 0.05).clamp(1.1, 4.0)), 416.0, 200.0);
    let mut svg = Svg::new("power_spectra", "Power spectra of the sampled initial fields", WIDTH, 678.0);
    for (p, [prior, posterior], truth) in
        [(&above, [prior, posterior], truth), (&below, [&ratios[0], &ratios[1]], &truth_ratio)]
    {
        p.grid(&mut svg);
        bands(&mut svg, p, k, prior, GREY, false);
        bands(&mut svg, p, k, posterior, BLUE, true);
        if let Some(truth) = truth {
            curve(&mut svg, p, k, truth, TRUTH);
        }
    }
    curve(&mut svg, &above, k, linear_power, LINEAR);
    across(&mut svg, &below, 1.0, LINEAR);
    above.frame(&mut svg, false, true);
    below.frame(&mut svg, true, true);
    above.y_name(&mut svg, &label::mixed("$P(k)$ [(Mpc/$h$)$^3$]"), 68.0);
    below.y_name(&mut svg, &label::mixed("$P / P_{\\rm linear}$"), 68.0);
    below.x_name(&mut svg, &label::mixed("$k$ [$h$/Mpc]"));
    let mut entries = vec![
        (Mark::Line(solid(BLUE)), "sampled initial fields".to_string()),
        (Mark::Block(BLUE, 0.49), "68 %".to_string()),
        (Mark::Block(BLUE, OPACITY[0]), "95 %".to_string()),
        (Mark::Block(GREY, 0.49), "prior 68 %".to_string()),
        (Mark::Block(GREY, OPACITY[0]), "prior 95 %".to_string()),
        (Mark::Line(dashed(INK, 1.6, "7 5")), "linear power".to_string()),
    ];
    entries.extend(truth.as_ref().map(|_| (Mark::Line(TRUTH), "true initial field".to_string())));
    legend(&mut svg, LEFT, 24.0, &entries);
    let (outside, seen) = prior.outside(&posterior.q50);
    Some(Figure {
        name: "power_spectra",
        title: "Power spectra of the initial fields",
        caption: format!(
            "Power of the sampled initial fields against that of fields drawn from the prior, and below the same over the \
             linear power. The median sample is outside the prior's 95 % band in {outside} of {seen} bins."
        ),
        svg: svg.finish(),
    })
}
