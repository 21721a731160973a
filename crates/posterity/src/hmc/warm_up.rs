//! The windows of the warm-up: when metrics are taken, when step sizes and lengths settle.
//!
//! As in Stan: a fast part in which only step size and length adapt while the chain finds the bulk, then slow windows,
//! each twice as long as the one before, at whose ends metrics (and the owner's coordinates) are chosen from what the
//! window has seen, then a fast part in which step sizes settle to the last metric. 75, 25, 50, 100, … and 50 sweeps, or
//! 15 of 100 where that is more; all scaled where the warm-up is shorter than 150. After the warm-up nothing changes any more.
//!
//! Stan Development Team, *Stan Reference Manual*, chapter on HMC algorithm parameters.

use std::ops::Range;

const FIRST: u64 = 75;
const LAST: u64 = 50;
const BASE: u64 = 25;

/// The slow windows of a warm-up of so many sweeps.
pub(super) fn windows(warm_up: u64) -> Vec<Range<u64>> {
    let (first, last, base) = if warm_up >= FIRST + LAST + BASE {
        (FIRST, LAST.max(warm_up * 15 / 100), BASE)
    } else {
        let (first, last) = (warm_up * 15 / 100, (warm_up / 10).max(u64::from(warm_up > 1)));
        (first, last, warm_up - first - last)
    };
    let end = warm_up - last;
    let (mut windows, mut begin, mut length) = (vec![], first, base);
    while begin < end {
        // What is left over goes to the last window, which so is the longest.
        let stop = if begin + 3 * length > end { end } else { begin + length };
        windows.push(begin..stop);
        (begin, length) = (stop, 2 * length);
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one window it is")]
    fn windows_double_and_fill_the_warm_up() {
        assert_eq!(windows(1000), [75..100, 100..150, 150..250, 250..450, 450..850]);
        assert_eq!(windows(100), [15..90]);
        assert_eq!(windows(150), [75..100]);
        assert_eq!(windows(1), [0..1]);
        assert!(windows(0).is_empty());
        for n in 0..2000 {
            let windows = windows(n);
            assert!(windows.iter().all(|w| w.start < w.end && w.end <= n));
            assert!(windows.windows(2).all(|w| w[0].end == w[1].start));
        }
    }
}
