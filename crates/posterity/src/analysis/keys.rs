//! Which keys a settings struct knows.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use std::fmt;

pub(super) use crate::spelling::suggest;

/// The keys of a struct, in the order of its fields, asked of its own deserialisation; none for other types.
pub(super) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    T::deserialize(Ask).err().map_or(&[], |caught| caught.0)
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
}
