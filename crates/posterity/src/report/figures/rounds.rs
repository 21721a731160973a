//! How population Monte Carlo closed in: ε and the acceptance of each round.

use super::super::axis::{Axis, Panel};
use super::super::label;
use super::super::svg::{BLUE, Svg, VERMILLION};
use super::super::{Figure, Round};
use super::{LEFT, RIGHT, WIDTH, curve, solid};

/// Two panels beside each other over the rounds, both logarithmic.
pub(in super::super) fn rounds(rounds: &[Round]) -> Option<Figure> {
    if rounds.is_empty() {
        return None;
    }
    let x: Vec<f64> = (1..=rounds.len()).map(|i| i as f64).collect();
    let width = 0.5 * (WIDTH - 2.0 * LEFT - RIGHT);
    let mut svg = Svg::new("rounds", "Rounds of population Monte Carlo", WIDTH, 362.0);
    let columns = [
        (rounds.iter().map(|r| r.epsilon).collect::<Vec<_>>(), label::latex(r"\varepsilon"), BLUE),
        (rounds.iter().map(|r| r.acceptance).collect(), label::words("accepted / drawn"), VERMILLION),
    ];
    for (i, (values, name, colour)) in columns.into_iter().enumerate() {
        let panel = Panel {
            x: Axis::linear(0.5, rounds.len() as f64 + 0.5),
            y: Axis::log_about(values.iter().copied()),
            left: LEFT + (width + LEFT) * i as f64,
            top: 16.0,
            width,
            height: 284.0,
        };
        panel.grid(&mut svg);
        curve(&mut svg, &panel, &x, &values, solid(colour));
        for (x, y) in x.iter().zip(&values) {
            svg.dot(panel.point(*x, *y), 5.0, colour);
        }
        panel.frame(&mut svg, true, true);
        panel.x_name(&mut svg, &label::words("round"));
        panel.y_name(&mut svg, &name, 62.0);
    }
    let total: u64 = rounds.iter().map(|r| r.n_simulations).sum();
    Some(Figure {
        name: "rounds",
        title: "Rounds of population Monte Carlo",
        caption: format!(
            "The distance within which all particles lie after each round, and the fraction of draws that were accepted; \
             {} simulations in complete rounds.",
            super::super::tables::count(total)
        ),
        svg: svg.finish(),
    })
}
