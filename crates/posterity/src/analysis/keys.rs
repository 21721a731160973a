//! Which keys a settings struct knows, and which of them a misspelt one was meant to be.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use std::fmt;

/// The keys of a struct, in the order of its fields, asked of its own deserialisation; none for other types.
pub(super) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    T::deserialize(Ask).err().map_or(&[], |caught| caught.0)
}

/// The known key that differs least, if it differs by few letters only.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, nearest) = known.iter().map(|name| (edits(word, name), *name)).min_by_key(|pair| pair.0)?;
    (distance <= (word.chars().count() / 3).max(1)).then_some(nearest)
}

/// What to say of a word that is none of the known ones.
pub(super) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// Letters to insert, remove or replace (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A deserialiser without content: it notes which fields are asked for and gives up.
struct Ask;

/// The fields asked for, in the guise of an error.
#[derive(Debug)]
struct Caught(&'static [&'static str]);

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no content")
    }
}

impl std::error::Error for Caught {}

impl serde::de::Error for Caught {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Ask {
    type Error = Caught;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Caught> {
        Err(Caught(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Caught> {
        Err(Caught(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_tells_its_keys() {
        let keys = keys_of::<crate::compressor::imnn::Settings>();
        assert!(keys.contains(&"hidden") && keys.contains(&"epsilon") && keys[0] == "hidden", "{keys:?}");
        assert!(keys_of::<f64>().is_empty());
    }

    #[test]
    fn misspelt_words_find_their_like() {
        let known = ["n_s", "n_d", "learning_rate", "lambda"];
        assert_eq!(nearest("learnign_rate", &known), Some("learning_rate"));
        assert_eq!(nearest("lamda", &known), Some("lambda"));
        assert_eq!(nearest("batch_size", &known), None);
        assert_eq!(suggest("batch", &["low", "high"]), "known here: low, high");
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
