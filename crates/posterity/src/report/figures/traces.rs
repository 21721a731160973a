//! The chains of the weights: for each the marginal density of every chain, and its way.

use super::super::Figure;
use super::super::axis::{Axis, Panel, range};
use super::super::chains::{LEAST_ESS, worst};
use super::super::density::{Curve, density};
use super::super::extension::Traces;
use super::super::label;
use super::super::svg::{Anchor, GREY, INK, LARGE, PALE, PALETTE, SMALL, Stroke, Svg, VERMILLION, stroke};
use super::{Mark, WIDTH, curve, legend, solid};
use crate::diagnostics::MOST_R_HAT;

/// Weights that are shown; of more, those of the largest R-hat.
const MOST_WEIGHTS: usize = 40;
/// Draws of a chain that are shown, evenly spaced.
const MOST_DRAWS: usize = 300;
/// Numbers on the axis of a weight, about.
const Y_TICKS: usize = 4;
const PRIOR: Stroke = Stroke { colour: GREY, width: 1.6, dash: "2 4" };
const TRUTH: Stroke = Stroke { colour: INK, width: 1.4, dash: "7 5" };

/// Rows of two weights, each with a density that lies on its side and the trace beside it on the same axis. `None` where
/// there are no draws, or if shapes do not fit.
pub(in super::super) fn traces(traces: &Traces) -> Option<Figure> {
    let n = traces.parameters.len();
    let n_draws = traces.chains.first()?.first()?.len();
    let fits = |len: usize| len == n;
    let whole = traces.chains.iter().all(|chain| fits(chain.len()) && chain.iter().all(|draws| !draws.is_empty()));
    let truth_fits = traces.truth.as_ref().is_none_or(|t| fits(t.len()));
    if n == 0 || n_draws == 0 || !whole || !truth_fits || !(traces.prior_sd.is_empty() || fits(traces.prior_sd.len())) {
        return None;
    }
    let mut shown: Vec<usize> = worst(traces).into_iter().take(MOST_WEIGHTS).collect();
    shown.sort_unstable();
    let rows = shown.len().div_ceil(2);
    let (left, gap, pitch, top) = (70.0, 84.0, 128.0, 74.0);
    let half = 0.5 * (WIDTH - left - gap - 20.0);
    let aside = 104.0;
    let bottom = top + pitch * rows as f64;
    let mut svg = Svg::new("traces", "Traces and marginal densities of the weights", WIDTH, bottom + 36.0);
    for (place, &p) in shown.iter().enumerate() {
        let at = (left + (half + gap) * (place % 2) as f64, top + pitch * (place / 2) as f64);
        let y = axis(traces, p);
        let is_last = place + 2 >= shown.len();
        let longest = traces.chains.iter().map(|chain| chain[p].len()).max().unwrap_or(1);
        let last = longest.max(2) as f64 - 1.0;
        let aside_panel = Panel { x: Axis::linear(0.0, 1.08), y, left: at.0, top: at.1, width: aside, height: 86.0 };
        let panel =
            Panel { x: Axis::linear(0.0, last), left: at.0 + aside + 8.0, width: half - aside - 8.0, ..aside_panel };
        draw_densities(&mut svg, &aside_panel, traces, p);
        for (value, _) in y.ticks(Y_TICKS) {
            let [from, to] = panel.level(value);
            svg.line(from, to, stroke(PALE, 1.0));
        }
        for (chain, colour) in traces.chains.iter().zip(PALETTE.iter().cycle()) {
            let stride = longest.div_ceil(MOST_DRAWS);
            let x: Vec<f64> = (0..chain[p].len()).step_by(stride).map(|i| i as f64).collect();
            let y: Vec<f64> = chain[p].iter().copied().step_by(stride).collect();
            curve(&mut svg, &panel, &x, &y, stroke(colour, 1.0));
        }
        mark_truth(&mut svg, &[aside_panel, panel], traces, p);
        svg.frame(aside_panel.left, aside_panel.top, aside_panel.width, aside_panel.height);
        aside_panel.y_numbers(&mut svg, Y_TICKS);
        panel.frame(&mut svg, is_last, false);
        if is_last {
            svg.text(
                (panel.left + panel.width / 2.0, panel.bottom() + 46.0),
                Anchor::Middle,
                LARGE,
                INK,
                &label::words("draw"),
            );
            svg.text((at.0 + aside / 2.0, panel.bottom() + 21.0), Anchor::Middle, SMALL, INK, &label::words("density"));
        }
        svg.text((at.0, at.1 - 8.0), Anchor::Start, LARGE, INK, &label::latex(&traces.parameters[p].latex));
        verdict(&mut svg, (at.0 + half, at.1 - 8.0), traces, p);
    }
    let mut entries: Vec<(Mark, String)> = (0..traces.chains.len().min(PALETTE.len()))
        .map(|c| (Mark::Line(solid(PALETTE[c])), format!("chain {}", c + 1)))
        .collect();
    if !traces.prior_sd.is_empty() {
        entries.push((Mark::Line(PRIOR), "prior".to_string()));
    }
    if traces.truth.is_some() {
        entries.push((Mark::Line(TRUTH), "truth".to_string()));
    }
    legend(&mut svg, left, 24.0, &entries);
    let some = if shown.len() < n {
        format!(" Of {n} weights, the {} of the largest R-hat are shown.", shown.len())
    } else {
        String::new()
    };
    Some(Figure {
        name: "traces",
        title: "Weights",
        caption: format!(
            "For each weight of the bias model: left its marginal density, one line a chain, on the axis of the trace \
             right of it; at most {MOST_DRAWS} draws of a chain are drawn, evenly spaced.{some}"
        ),
        svg: svg.finish(),
    })
}

/// About nearly all draws, and the truth where it is not far off.
fn axis(traces: &Traces, p: usize) -> Axis {
    let (low, high) = range(traces.chains.iter().flat_map(|chain| chain[p].iter().copied()));
    let truth = traces.truth.as_ref().map(|t| t[p]).filter(|t| *t > 2.0 * low - high && *t < 2.0 * high - low);
    Axis::about([low, high].into_iter(), truth)
}

fn draw_densities(svg: &mut Svg, panel: &Panel, traces: &Traces, p: usize) {
    let unbounded = (f64::NEG_INFINITY, f64::INFINITY);
    let of = |draws: &Vec<f64>| {
        let finite: Vec<f64> = draws.iter().copied().filter(|d| d.is_finite()).collect();
        density(&finite, &vec![1.0; finite.len()], unbounded)
    };
    let curves: Vec<Option<Curve>> = traces.chains.iter().map(|chain| of(&chain[p])).collect();
    let peak = curves.iter().flatten().flat_map(|c| c.density.iter().copied()).fold(0.0, f64::max);
    svg.clipped(panel.rectangle(), |svg| {
        for (curve, colour) in curves.iter().zip(PALETTE.iter().cycle()) {
            let Some(curve) = curve else { continue };
            let on_side = curve.x.iter().zip(&curve.density).step_by(2).map(|(x, d)| panel.point(d / peak, *x));
            svg.polyline(&on_side.collect::<Vec<_>>(), stroke(colour, 1.8));
        }
        // In the same units as the chains': a wide prior is a line near the edge.
        if let Some(sd) = traces.prior_sd.get(p).filter(|sd| **sd > 0.0 && peak > 0.0) {
            let at = |f: f64| panel.y.low() + f * (panel.y.high() - panel.y.low());
            let prior = |x: f64| (-0.5 * (x / sd).powi(2)).exp() / (sd * (2.0 * std::f64::consts::PI).sqrt());
            let points: Vec<_> =
                (0..=60).map(|i| at(f64::from(i) / 60.0)).map(|x| panel.point(prior(x) / peak, x)).collect();
            svg.polyline(&points, PRIOR);
        }
    });
}

fn mark_truth(svg: &mut Svg, panels: &[Panel], traces: &Traces, p: usize) {
    if let Some(truth) = traces.truth.as_ref().map(|t| t[p]).filter(|t| t.is_finite()) {
        for panel in panels {
            let [from, to] = panel.level(truth);
            svg.clipped(panel.rectangle(), |svg| svg.line(from, to, TRUTH));
        }
    }
}

/// R-hat and the smaller effective sample size, in a warning's colour where they are not good enough.
fn verdict(svg: &mut Svg, at: (f64, f64), traces: &Traces, p: usize) {
    let (Some(&r_hat), Some(&bulk), Some(&tail)) =
        (traces.r_hat.get(p), traces.ess_bulk.get(p), traces.ess_tail.get(p))
    else {
        return;
    };
    let ess = bulk.min(tail);
    let is_good = r_hat < MOST_R_HAT && bulk >= LEAST_ESS && tail >= LEAST_ESS;
    let r_hat = if r_hat.is_finite() { format!("{r_hat:.3}") } else { "unknown".to_string() };
    let ess = if ess.is_finite() { format!("{ess:.0}") } else { "unknown".to_string() };
    let colour = if is_good { GREY } else { VERMILLION };
    svg.text(at, Anchor::End, SMALL, colour, &label::words(&format!("R-hat {r_hat}, ESS {ess}")));
}
