//! A digest of 64 bits over numbers and bytes: tells one data set from another, and a damaged file from a whole one.
//!
//! h ← m(h ⊕ w), m(y) = z ⊕ z/2³² with z = K y mod 2⁶⁴, word after word. Each step is a bijection of the state for any
//! word and of the word for any state, so that one changed word always changes the digest; otherwise two inputs agree
//! by chance once in 2⁶⁴. No defence against those who try.

use rayon::prelude::*;

/// Values that one task digests.
pub(crate) const CHUNK: usize = 1 << 16;
/// The digest of nothing.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// Of words.
pub(crate) fn of_words(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(START, step)
}

fn step(hash: u64, word: u64) -> u64 {
    let z = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z ^ (z >> 32)
}

/// Of numbers, by their bits, and how many they are; on all threads.
pub(crate) fn of_numbers(values: &[f64]) -> u64 {
    of_parts(values.len(), of_chunks(values))
}

/// Digests of the chunks of numbers, of which there are a multiple of [`CHUNK`] where more follow.
pub(crate) fn of_chunks(values: &[f64]) -> Vec<u64> {
    values.par_chunks(CHUNK).map(of_chunk).collect()
}

/// That of `n` numbers from the digests of all chunks, in order: the same as [`of_numbers`].
pub(crate) fn of_parts(n: usize, chunks: Vec<u64>) -> u64 {
    of_words(std::iter::once(n as u64).chain(chunks))
}

/// In four digests side by side: one alone would wait for each product.
fn of_chunk(values: &[f64]) -> u64 {
    let mut four = [START; 4];
    let rows = values.chunks_exact(4);
    let rest = rows.remainder().iter().map(|x| x.to_bits());
    for row in rows {
        four.iter_mut().zip(row).for_each(|(hash, x)| *hash = step(*hash, x.to_bits()));
    }
    of_words(four.into_iter().chain(rest))
}

/// Of bytes, and how many they are.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| chunk.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    of_words(std::iter::once(bytes.len() as u64).chain(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_change_and_pairs_of_signs_are_seen_on_any_number_of_threads() {
        let mut values: Vec<f64> = (0..CHUNK + 9).map(|i| (i as f64).sin()).collect();
        let whole = of_numbers(&values);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            assert_eq!(pool.install(|| of_numbers(&values)), whole);
        }
        assert_ne!(of_numbers(&values[..CHUNK]), whole);
        for k in [0, 1, 77, CHUNK - 1, CHUNK, CHUNK + 8] {
            values[k] = -values[k] - 0.0;
            assert_ne!(of_numbers(&values), whole, "{k}");
            // Signs are top bits, which a product alone would leave there to cancel.
            values[5] = -values[5];
            assert_ne!(of_numbers(&values), whole, "{k} and 5");
            values[5] = -values[5];
            values[k] = -values[k];
        }
        values.swap(3, 4);
        assert_ne!(of_numbers(&values), whole);
    }

    #[test]
    fn bytes_are_told_apart_to_the_last() {
        let all = [&b"abcdefgh"[..], b"abcdefgi", b"abcdefgh\0", b"abcdefg", b"", b"\0"].map(of_bytes);
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "{i}");
        }
    }
}
