//! How the network learned: ln det F while training and held out, and below it the regularisation.

use super::super::axis::{Axis, Panel, range};
use super::super::label;
use super::super::svg::{BLUE, GREEN, GREY, ORANGE, PURPLE, Stroke, Svg, dashed};
use super::super::{Figure, Training};
use super::{LEFT, Mark, RIGHT, WIDTH, across, curve, legend, solid};

const BEST: Stroke = Stroke { colour: GREY, width: 1.6, dash: "7 5" };

/// Two panels over the same iterations.
pub(in super::super) fn training(training: &Training) -> Option<Figure> {
    let x: Vec<f64> = training.iterations.iter().map(|i| *i as f64).collect();
    if x.is_empty() {
        return None;
    }
    let (first, last) = range(x.iter().copied());
    let across_x = Axis::linear(first, last);
    let ln_det = || training.ln_det_held_out.iter().copied();
    // The first iterations may lie far below; the axis is for where the training ended up.
    let late = training.ln_det_train.len() / 20;
    let values = training.ln_det_train.iter().skip(late).copied().chain(ln_det().skip(late));
    let size = |values: &[f64]| values.iter().copied().filter(|v| *v > 0.0).collect::<Vec<_>>();
    let lower: Vec<f64> = [size(&training.covariance_distance), size(&training.regularisation)].concat();
    let panel = |y, top, height| Panel { x: across_x, y, left: LEFT, top, width: WIDTH - LEFT - RIGHT, height };
    let above = panel(Axis::about(values, training.known_ln_det), 40.0, 310.0);
    let below = panel(Axis::log_about(lower.into_iter()), 400.0, 180.0);
    let mut svg = Svg::new("training", "Training of the network", WIDTH, 642.0);
    let (held_out, train) = (solid(BLUE), solid(ORANGE));
    let (distance, strength) = (solid(GREEN), dashed(PURPLE, 2.4, "8 5"));
    let known = dashed(GREY, 1.6, "2 4");
    let mut entries = vec![(Mark::Line(train), "training".to_string()), (Mark::Line(held_out), "held out".to_string())];
    for p in [&above, &below] {
        p.grid(&mut svg);
    }
    if let Some(level) = training.known_ln_det {
        across(&mut svg, &above, level, known);
        entries.push((Mark::Line(known), "known".to_string()));
    }
    curve(&mut svg, &above, &x, &training.ln_det_train, train);
    curve(&mut svg, &above, &x, &training.ln_det_held_out, held_out);
    curve(&mut svg, &below, &x, &training.covariance_distance, distance);
    curve(&mut svg, &below, &x, &training.regularisation, strength);
    if let Some(best) = training.best.and_then(|i| x.get(i)) {
        for p in [&above, &below] {
            let [from, to] = p.upright(*best);
            svg.clipped(p.rectangle(), |svg| svg.line(from, to, BEST));
        }
        entries.push((Mark::Line(BEST), format!("kept (iteration {best:.0})")));
    }
    above.frame(&mut svg, false, true);
    below.frame(&mut svg, true, true);
    above.y_name(&mut svg, &label::latex(r"\ln\det F"), 66.0);
    below.x_name(&mut svg, &label::words("iteration"));
    legend(&mut svg, LEFT, 24.0, &entries);
    let names = [(Mark::Line(distance), r"$\Vert C - 1\Vert$".into()), (Mark::Line(strength), "$r$".into())];
    let names = names.map(|(mark, name): (Mark, String)| (mark, name));
    legend(&mut svg, LEFT, 388.0, &names);
    Some(Figure {
        name: "training",
        title: "Training",
        caption: "Above: information of the summaries, on the simulations trained on and on held-out ones; a gap that \
                  opens between them is overfitting. Below: distance of the summaries' covariance from one, and the \
                  strength r of the term that holds it there."
            .to_string(),
        svg: svg.finish(),
    })
}
