//! Part k of n of a table, so that n processes fill it with no word between them.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Part k of n of the chunks (k from 1): chunk c belongs to part c mod n + 1.
///
/// ```
/// use posterity::store::Shard;
/// let shard: Shard = "3/16".parse()?;
/// assert!(shard.has(2) && shard.has(18) && !shard.has(3));
/// assert_eq!(shard.to_string(), "3/16");
/// # Ok::<(), posterity::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    k: u64,
    n: u64,
}

impl Shard {
    /// Part `k` of `n`.
    ///
    /// # Errors
    /// Invalid input, unless 1 ≤ k ≤ n.
    pub fn new(k: u64, n: u64) -> Result<Self> {
        if k == 0 || k > n {
            return Err(Error::invalid_input(format!("there is no part {k} of {n}")).remedy("count from 1/n to n/n"));
        }
        Ok(Self { k, n })
    }

    /// All of it.
    pub fn whole() -> Self {
        Self { k: 1, n: 1 }
    }

    /// True if the chunk belongs to this part.
    pub fn has(self, chunk: u64) -> bool {
        chunk % self.n + 1 == self.k
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (k, n) = numbers.ok_or_else(|| {
            Error::invalid_input(format!("{text:?} is no part of a table")).remedy("write k/n, as in 3/16")
        })?;
        Self::new(k, n)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chunk_belongs_to_one_part() {
        for n in [1, 2, 7] {
            let shards: Vec<Shard> = (1..=n).map(|k| Shard::new(k, n).expect("valid")).collect();
            assert!((0..50).all(|chunk| shards.iter().filter(|shard| shard.has(chunk)).count() == 1));
        }
        assert!((0..50).all(|chunk| Shard::whole().has(chunk)));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for (text, message) in [
            ("3", "\"3\" is no part of a table; write k/n, as in 3/16"),
            ("a/4", "write k/n"),
            ("-1/4", "write k/n"),
            ("1/4/2", "write k/n"),
            ("0/4", "there is no part 0 of 4; count from 1/n to n/n"),
            ("5/4", "no part 5 of 4"),
            ("0/0", "no part 0 of 0"),
        ] {
            let error = text.parse::<Shard>().expect_err(text).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
