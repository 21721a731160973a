//! What the report shows of observed fields: maps beside predictions, and the power spectrum of both.

use crate::compressor::Statistic;
use crate::report::{Predictive, PredictiveMaps};

/// Cells along a side of a map at the most; larger fields are averaged over blocks.
const MOST_CELLS: usize = 512;

/// Maps of the observed field and of two draws; of three axes the mean along the first. `None` where the data are no
/// field.
pub(super) fn maps(shape: &[usize], observed: &[f64], draws: &[f64], label: &str) -> Option<PredictiveMaps> {
    let (depth, [n_x, n_y]) = match shape {
        [x, y] => (1, [*x, *y]),
        [depth, x, y] => (*depth, [*x, *y]),
        _ => return None,
    };
    if n_x < 4 || n_y < 4 || observed.len() != depth * n_x * n_y || draws.len() < observed.len() {
        return None;
    }
    let block = n_x.max(n_y).div_ceil(MOST_CELLS);
    let size = [n_x / block, n_y / block];
    let map = |field: &[f64]| {
        let mut map = vec![0.0; size[0] * size[1]];
        for (k, value) in field.iter().enumerate() {
            let (i, j) = (k / n_y % n_x / block, k % n_y / block);
            if i < size[0] && j < size[1] {
                map[i * size[1] + j] += value / (depth * block * block) as f64;
            }
        }
        map
    };
    let mut note = String::new();
    if depth > 1 {
        note = format!("Shown is the mean along the first axis, of {depth} cells.");
    }
    if block > 1 {
        note = [note, format!("One pixel is the mean of {block} × {block} cells.")].join(" ").trim().to_owned();
    }
    // Draws follow the order of the samples: the first, and one from the middle.
    let n_draws = draws.len() / observed.len();
    let chosen = if n_draws > 1 { vec![0, n_draws / 2] } else { vec![0] };
    let chosen = chosen.into_iter().flat_map(|i| map(&draws[i * observed.len()..(i + 1) * observed.len()]));
    Some(PredictiveMaps { size, observed: map(observed), draws: chosen.collect(), label: label.into(), note })
}

/// The power spectrum of the observed field and of the draws, in the place of their values. `None` where the field has
/// none: its axes differ in length.
pub(super) fn spectrum(shape: &[usize], observed: &[f64], draws: &[f64], note: String) -> Option<Predictive> {
    let statistic = Statistic::PowerSpectrum { n_bins: None };
    let (n_shells, n_shown) = (statistic.n_values(shape).ok()?, shape[0] / 2);
    // Shells beyond the Nyquist frequency are corners of few modes.
    let power = |rows: &[f64]| -> Option<Vec<f64>> {
        let shells = statistic.of_rows(shape, rows).ok()?;
        Some(shells.chunks_exact(n_shells).flat_map(|row| row[..n_shown].iter().map(|p| p.log10())).collect())
    };
    let data = power(observed)?;
    let note = [note, "Each is the mean over a shell one mode wide, up to the Nyquist frequency.".into()].join(" ");
    Some(Predictive {
        abscissa: Some((1..=data.len()).map(|m| m as f64).collect()),
        log_abscissa: true,
        abscissa_label: "waves along a side $n k/2\\pi$".into(),
        data_label: "power spectrum $\\log_{10} P$".into(),
        draws: power(draws)?,
        data,
        errors: Vec::new(),
        note: note.trim().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_keep_their_cells_and_average_what_is_deep_or_large() {
        let field: Vec<f64> = (0..20).map(f64::from).collect();
        let draws = [&field[..], &field[..], &[1.0; 20]].concat();
        let found = maps(&[4, 5], &field, &draws, "d").expect("a field");
        assert_eq!((found.size, &found.observed, found.draws.len()), ([4, 5], &field, 40));
        let cube: Vec<f64> = (0..64).map(|k| f64::from(k / 16)).collect();
        let found = maps(&[4, 4, 4], &cube, &cube, "d").expect("a field");
        assert_eq!((found.observed, found.draws.len()), (vec![1.5; 16], 16));
        assert!(found.note.contains("mean along the first axis"), "{}", found.note);
        let large: Vec<f64> = (0..1024 * 1024).map(|k| f64::from(k % 1024 % 2)).collect();
        let found = maps(&[1024, 1024], &large, &large, "d").expect("a field");
        assert_eq!((found.size, &found.observed[..3]), ([512, 512], &[0.5; 3][..]));
        assert!(maps(&[64], &[0.0; 64], &[0.0; 64], "d").is_none());
        assert!(maps(&[4, 4], &[0.0; 16], &[], "d").is_none());
    }

    #[test]
    fn spectra_are_of_square_fields_alone() {
        // One wave along the second axis, of amplitude 1: |δ(m)|²/n² = n²/4 in the two modes of the first shell's four.
        let wave: Vec<f64> = (0..64).map(|k| (2.0 * std::f64::consts::PI * f64::from(k % 8) / 8.0).cos()).collect();
        let found = spectrum(&[8, 8], &wave, &wave, String::new()).expect("a spectrum");
        assert!((10_f64.powf(found.data[0]) - 16.0 * 2.0 / 8.0).abs() < 1e-9, "{:?}", found.data);
        assert_eq!((found.data.len(), found.draws.len()), (4, 4));
        assert!(spectrum(&[4, 16], &wave, &wave, String::new()).is_none());
    }
}
