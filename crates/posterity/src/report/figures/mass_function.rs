//! Halo mass function by density: the catalogue against the posterior predictive distribution.

use super::super::Figure;
use super::super::axis::{Axis, Panel};
use super::super::extension::{MassFunction, MassFunctionBin};
use super::super::fields::mass_bins_outside;
use super::super::label;
use super::super::svg::{Anchor, BLUE, GREY, INK, MEDIUM, SMALL, Svg, dashed, stroke};
use super::super::tables::count;
use super::band::{OPACITY, bands};
use super::{LEFT, Mark, RIGHT, WIDTH, across, legend, solid};

/// Panels in rows of three, one a density bin, on the same axes, each with its residuals below. Bins whose shapes do not
/// fit, or that have no voxels, are left out.
pub(in super::super) fn mass_function(function: &MassFunction) -> Option<Figure> {
    let bins: Vec<&MassFunctionBin> = function.bins.iter().filter(|bin| bin.is_whole()).collect();
    if bins.is_empty() {
        return None;
    }
    let columns = bins.len().min(3);
    let gap = 18.0;
    let width = ((WIDTH - LEFT - RIGHT - gap * (columns as f64 - 1.0)) / columns as f64).min(560.0);
    let x = Axis::log_about(bins.iter().flat_map(|bin| bin.mass_edges.iter().copied()));
    let values = bins.iter().flat_map(|bin| {
        let data = (0..bin.counts.len()).map(|i| poisson(bin.counts[i]).map(|n| n * per_dex(bin, i))[1]);
        let band = bin.posterior.times(|i| per_dex(bin, i));
        // Where less than half a halo is expected a logarithm has no end.
        let least = (0..bin.counts.len()).map(|i| 0.3 * per_dex(bin, i)).fold(f64::INFINITY, f64::min);
        data.chain(band.q975).chain(band.q16).map(move |v| v.max(least)).collect::<Vec<_>>()
    });
    let y = Axis::log_about(values);
    let pitch = 400.0;
    let rows = bins.len().div_ceil(columns);
    let mut svg = Svg::new("mass_function", "Halo mass function by density", WIDTH, 36.0 + pitch * rows as f64);
    for (i, bin) in bins.iter().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let left = LEFT + (width + gap) * column as f64;
        let top = 68.0 + pitch * row as f64;
        let above = Panel { x, y, left, top, width, height: 230.0 };
        let below = Panel { x, y: Axis::linear(-3.95, 3.95), left, top: top + 236.0, width, height: 70.0 };
        draw(&mut svg, bin, &above, &below);
        above.frame(&mut svg, false, column == 0);
        below.frame(&mut svg, true, false);
        if column == 0 {
            below.y_numbers(&mut svg, 4);
        }
        let voxels = format!("{} voxels", count(bin.n_voxels));
        svg.text((left, top - 8.0), Anchor::Start, MEDIUM, INK, &label::mixed(&name(bin)));
        svg.text((left + width - 6.0, top + 18.0), Anchor::End, SMALL, GREY, &label::words(&voxels));
        below.x_name(&mut svg, &label::mixed("$M$ [$M_\\odot/h$]"));
        if column == 0 {
            above.y_name(&mut svg, &label::mixed("halos / voxel / dex"), 70.0);
            below.y_name(&mut svg, &label::mixed("residual"), 70.0);
        }
    }
    let entries = [
        (Mark::Dot(INK), "catalogue".to_string()),
        (Mark::Line(solid(BLUE)), "posterior predictive median".to_string()),
        (Mark::Block(BLUE, 0.49), "68 %".to_string()),
        (Mark::Block(BLUE, OPACITY[0]), "95 %".to_string()),
    ];
    legend(&mut svg, LEFT, 24.0, &entries);
    let (outside, seen, expected) = mass_bins_outside(function);
    Some(Figure {
        name: "mass_function",
        title: "Halo mass function by density",
        caption: format!(
            "Halos for each voxel and factor ten in mass, in voxels of like density; bars are 68 % Poisson intervals \
             (Gehrels 1986), an arrow is the upper end where there is no halo. Below each: catalogue less median, in units of half \
             the 68 % band. {outside} of {seen} mass bins lie outside the 95 % band, at most {expected:.1} \
             are expected of Poisson numbers. Where the field is sampled, the catalogue's counts are means over draws, each \
             binned by its own density."
        ),
        svg: svg.finish(),
    })
}

/// What a number of halos is divided by, as a factor: voxels and decades of mass.
fn per_dex(bin: &MassFunctionBin, i: usize) -> f64 {
    1.0 / (bin.n_voxels as f64 * (bin.mass_edges[i + 1] / bin.mass_edges[i]).log10())
}

/// Central 68 % interval of a Poisson mean: the approximations of Gehrels 1986, doi:10.1086/164079.
fn poisson(count: u64) -> [f64; 2] {
    let n = count as f64;
    let high = n + (n + 0.75).sqrt() + 1.0;
    let low = if count == 0 { 0.0 } else { n * (1.0 - 1.0 / (9.0 * n) - 1.0 / (3.0 * n.sqrt())).powi(3) };
    [low, high]
}

fn name(bin: &MassFunctionBin) -> String {
    let digits = |x: f64| {
        let text = if x.abs() >= 10.0 { format!("{x:.0}") } else { format!("{x:.2}") };
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    };
    let (low, high) = (digits(bin.density_low), digits(bin.density_high));
    match (bin.density_low > 0.0, bin.density_high.is_finite()) {
        (true, true) => format!("${low}\\,\\leq\\,1+\\delta\\,<\\,{high}$"),
        (false, true) => format!("$1+\\delta\\,<\\,{high}$"),
        (true, false) => format!("$1+\\delta\\,\\geq\\,{low}$"),
        (false, false) => "all voxels".to_string(),
    }
}

fn draw(svg: &mut Svg, bin: &MassFunctionBin, above: &Panel, below: &Panel) {
    let mass: Vec<f64> = bin.mass_edges.windows(2).map(|e| (e[0] * e[1]).sqrt()).collect();
    above.grid(svg);
    let band = bin.posterior.times(|i| per_dex(bin, i));
    bands(svg, above, &mass, &band, BLUE, true);
    for level in [-2.0, 0.0, 2.0] {
        across(svg, below, level, dashed(GREY, 1.2, "2 4"));
    }
    svg.clipped(above.rectangle(), |svg| {
        for (i, &m) in mass.iter().enumerate() {
            let [low, high] = poisson(bin.counts[i]).map(|v| v * per_dex(bin, i));
            let top = above.point(m, high);
            if bin.counts[i] == 0 {
                let tip = (top.0, top.1 + 16.0);
                svg.line(top, tip, stroke(INK, 1.4));
                svg.polyline(&[(tip.0 - 4.0, tip.1 - 5.0), tip, (tip.0 + 4.0, tip.1 - 5.0)], stroke(INK, 1.4));
                svg.line((top.0 - 5.0, top.1), (top.0 + 5.0, top.1), stroke(INK, 1.4));
            } else {
                svg.line(above.point(m, low.max(above.y.low())), top, stroke(INK, 1.4));
                svg.dot(above.point(m, bin.counts[i] as f64 * per_dex(bin, i)), 4.0, INK);
            }
        }
    });
    svg.clipped(below.rectangle(), |svg| {
        let q = &bin.posterior;
        for (i, &m) in mass.iter().enumerate() {
            let half = 0.5 * (q.q84[i] - q.q16[i]);
            if half > 0.0 {
                let residual = (bin.counts[i] as f64 - q.q50[i]) / half;
                // One that is farther off stands at the edge.
                svg.dot(below.point(m, residual.clamp(-3.6, 3.6)), 4.0, INK);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_intervals_are_those_in_print() {
        // Gehrels 1986, tables 1 and 2.
        for (n, low, high) in [(0, 0.0, 1.841), (1, 0.173, 3.300), (5, 2.840, 8.382), (50, 42.95, 58.12)] {
            let [l, h] = poisson(n);
            assert!((l - low).abs() < 0.06 && (h - high).abs() < 0.06, "{n}: {l} {h}");
        }
    }
}
