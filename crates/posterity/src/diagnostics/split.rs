//! Chains cut in halves, and values turned into normal scores of their ranks.

use crate::math::normal_quantile;

/// Fewest draws of a chain that can be judged.
const MIN_DRAWS: usize = 4;

/// Whether the chains can be judged at all: one or more, of one length of at least four, without NaN.
pub(super) fn are_valid<C: AsRef<[f64]>>(chains: &[C]) -> bool {
    let Some(first) = chains.first() else { return false };
    let n = first.as_ref().len();
    n >= MIN_DRAWS && chains.iter().all(|c| c.as_ref().len() == n && !c.as_ref().iter().any(|x| x.is_nan()))
}

/// First and last halves of each chain; the middle draw of an odd number is left out.
pub(super) fn halves<C: AsRef<[f64]>>(chains: &[C]) -> Vec<Vec<f64>> {
    let mut split = Vec::with_capacity(2 * chains.len());
    for chain in chains {
        let chain = chain.as_ref();
        let half = chain.len() / 2;
        split.push(chain[..half].to_vec());
        split.push(chain[chain.len() - half..].to_vec());
    }
    split
}

/// Normal scores Φ⁻¹((rank − 3/8)/(S + 1/4)) of ranks over all chains (from 1; tied values share their mean rank).
pub(super) fn normal_scores(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut order: Vec<(f64, usize, usize)> = Vec::new();
    for (c, chain) in chains.iter().enumerate() {
        order.extend(chain.iter().enumerate().map(|(i, &x)| (x, c, i)));
    }
    // Stable, and −0 is tied with 0 below.
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut scores: Vec<Vec<f64>> = chains.iter().map(|chain| vec![0.0; chain.len()]).collect();
    let size = order.len() as f64;
    let mut start = 0;
    while start < order.len() {
        let end = start + order[start..].iter().take_while(|entry| entry.0 == order[start].0).count();
        let rank = 0.5 * (start + 1 + end) as f64;
        let score = normal_quantile((rank - 0.375) / (size + 0.25));
        order[start..end].iter().for_each(|&(_, c, i)| scores[c][i] = score);
        start = end;
    }
    scores
}

/// All values of all chains in rising order.
pub(super) fn sorted<C: AsRef<[f64]>>(chains: &[C]) -> Vec<f64> {
    let mut all: Vec<f64> = chains.iter().flat_map(|chain| chain.as_ref().iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The quantile of sorted values by linear interpolation (type 7 of Hyndman and Fan).
pub(super) fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let n = sorted.len() as f64;
    let place = n * probability + (1.0 - probability);
    let k = place.clamp(1.0, (n - 1.0).max(1.0)).floor();
    let fraction = (place - k).clamp(0.0, 1.0);
    let low = sorted[k as usize - 1];
    let high = sorted.get(k as usize).copied().unwrap_or(low);
    // An infinite neighbour with weight zero must not make a NaN.
    if fraction == 0.0 { low } else { (1.0 - fraction) * low + fraction * high }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance with 1/(n − 1).
pub(super) fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
