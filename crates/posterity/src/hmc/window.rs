//! What a window of the warm-up has seen of a block: moments of draws and gradients, and rows within a bound of memory.

/// Values of draws that are kept, and as many of gradients.
const MAX_VALUES: usize = 1 << 21;
/// Rows that are kept in any case.
const MIN_ROWS: usize = 32;

/// Means and variances of positions and gradients, updated draw by draw (Welford 1962), and the rows themselves where
/// they are wanted.
///
/// At most max(32, 2²¹/dim) rows are kept: when there are more, every second is dropped, and from then on only every
/// second, every fourth, … is taken. Memory: 4 dim numbers, and 2 dim for each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    pub(super) n: u64,
    pub(super) stride: u64,
    pub(super) keeps_rows: bool,
    /// Means and sums of squared deviations of draws, then of gradients.
    pub(super) moments: [Vec<f64>; 4],
    pub(super) draws: Vec<f64>,
    pub(super) gradients: Vec<f64>,
}

impl Window {
    /// Nothing seen yet.
    pub fn new(dim: usize, keeps_rows: bool) -> Self {
        let moments = std::array::from_fn(|_| vec![0.0; dim]);
        Self { n: 0, stride: 1, keeps_rows, moments, draws: vec![], gradients: vec![] }
    }

    /// Takes one draw.
    pub fn push(&mut self, position: &[f64], gradient: &[f64]) {
        let taken = self.n.is_multiple_of(self.stride);
        self.n += 1;
        let n = self.n as f64;
        let [mean_x, sum_x, mean_g, sum_g] = &mut self.moments;
        for (mean, sum, row) in [(mean_x, sum_x, position), (mean_g, sum_g, gradient)] {
            for ((mean, sum), x) in mean.iter_mut().zip(sum).zip(row) {
                let delta = x - *mean;
                *mean += delta / n;
                *sum += delta * (x - *mean);
            }
        }
        if !self.keeps_rows || !taken {
            return;
        }
        self.draws.extend_from_slice(position);
        self.gradients.extend_from_slice(gradient);
        let dim = self.dim().max(1);
        if self.n_rows() > MIN_ROWS.max(MAX_VALUES / dim) {
            for rows in [&mut self.draws, &mut self.gradients] {
                let kept = (rows.len() / dim).div_ceil(2);
                (1..kept).for_each(|k| rows.copy_within(2 * k * dim..(2 * k + 1) * dim, k * dim));
                rows.truncate(kept * dim);
            }
            self.stride *= 2;
        }
    }

    /// Forgets all, for the next window.
    pub fn clear(&mut self) {
        *self = Self::new(self.dim(), self.keeps_rows);
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.moments[0].len()
    }

    /// Number of draws seen.
    pub fn len(&self) -> usize {
        self.n as usize
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Number of rows kept.
    pub fn n_rows(&self) -> usize {
        self.draws.len() / self.dim().max(1)
    }

    /// The draws kept, `n_rows` rows of `dim` values, in order.
    pub fn draws(&self) -> &[f64] {
        &self.draws
    }

    /// The gradients at the draws kept.
    pub fn gradients(&self) -> &[f64] {
        &self.gradients
    }

    /// Mean of all draws.
    pub fn mean(&self) -> &[f64] {
        &self.moments[0]
    }

    /// Mean of all gradients: near zero where the window has mixed.
    pub fn gradient_mean(&self) -> &[f64] {
        &self.moments[2]
    }

    /// Variances of the draws, with 1/(n − 1).
    pub fn variances(&self) -> Vec<f64> {
        self.over_n(1)
    }

    /// Variances of the gradients.
    pub fn gradient_variances(&self) -> Vec<f64> {
        self.over_n(3)
    }

    fn over_n(&self, k: usize) -> Vec<f64> {
        let n = (self.n.max(2) - 1) as f64;
        self.moments[k].iter().map(|sum| sum / n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_all_draws_and_rows_stay_within_the_bound() {
        let dim = 1 << 17;
        let mut window = Window::new(dim, true);
        for k in 0..100 {
            window.push(&vec![f64::from(k); dim], &vec![-2.0 * f64::from(k); dim]);
            assert!(window.n_rows() <= MIN_ROWS);
        }
        assert_eq!((window.len(), window.mean()[7]), (100, 49.5));
        let variance = (100.0 * 100.0 - 1.0) / 12.0 * 100.0 / 99.0;
        assert!((window.variances()[5] - variance).abs() < 1e-9);
        assert!((window.gradient_variances()[5] - 4.0 * variance).abs() < 1e-8);
        let rows: Vec<f64> = window.draws().chunks_exact(dim).map(|row| row[3]).collect();
        assert!(rows.iter().enumerate().all(|(i, &x)| x == 4.0 * i as f64), "{rows:?}");
        window.clear();
        assert!(window.is_empty() && window.n_rows() == 0 && window.stride == 1);
    }
}
