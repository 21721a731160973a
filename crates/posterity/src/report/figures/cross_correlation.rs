//! How far the sampled initial fields are the true one, by scale.

use super::super::Figure;
use super::super::axis::{Axis, Panel, range};
use super::super::extension::CrossCorrelation;
use super::super::label;
use super::super::svg::{BLUE, GREY, Svg, VERMILLION, dashed};
use super::band::{OPACITY, bands};
use super::{LEFT, Mark, RIGHT, WIDTH, across, curve, legend, solid};

/// One panel. `None` if shapes do not fit.
pub(in super::super) fn cross_correlation(r: &CrossCorrelation) -> Option<Figure> {
    let CrossCorrelation { k, posterior, posterior_mean, truth_name } = r;
    let fits = posterior.fits(k.len()) && (posterior_mean.is_empty() || posterior_mean.len() == k.len());
    if !fits {
        return None;
    }
    let (low, _) = range(posterior.q025.iter().chain(posterior_mean).copied());
    let low = if low < 0.0 { (low - 0.05).max(-1.05) } else { -0.02 };
    let panel = Panel {
        x: Axis::log_about(k.iter().copied()),
        y: Axis::linear(low, 1.04),
        left: LEFT,
        top: 44.0,
        width: WIDTH - LEFT - RIGHT,
        height: 360.0,
    };
    let mut svg = Svg::new("cross_correlation", "Cross-correlation with the true initial field", WIDTH, 466.0);
    panel.grid(&mut svg);
    bands(&mut svg, &panel, k, posterior, BLUE, true);
    for level in [0.0, 1.0] {
        across(&mut svg, &panel, level, dashed(GREY, 1.2, "2 4"));
    }
    let mean = dashed(VERMILLION, 2.4, "8 5");
    curve(&mut svg, &panel, k, posterior_mean, mean);
    panel.frame(&mut svg, true, true);
    panel.x_name(&mut svg, &label::mixed("$k$ [$h$/Mpc]"));
    panel.y_name(&mut svg, &label::mixed("cross-correlation $r(k)$"), 66.0);
    let mut entries = vec![
        (Mark::Line(solid(BLUE)), "samples".to_string()),
        (Mark::Block(BLUE, 0.49), "68 %".to_string()),
        (Mark::Block(BLUE, OPACITY[0]), "95 %".to_string()),
    ];
    if !posterior_mean.is_empty() {
        entries.push((Mark::Line(mean), "mean of the samples".to_string()));
    }
    legend(&mut svg, LEFT, 24.0, &entries);
    let truth = if truth_name.is_empty() { "the true initial field" } else { truth_name };
    Some(Figure {
        name: "cross_correlation",
        title: "Cross-correlation with the true initial field",
        caption: format!(
            "Correlation of Fourier modes with those of {truth}: 1 where the samples are the truth, 0 where the catalogue \
             says nothing of it. The mean of the samples is the better estimate; the samples hold what is not known."
        ),
        svg: svg.finish(),
    })
}
