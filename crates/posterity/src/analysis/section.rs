//! One table of an analysis on its way into a struct: what is taken from it by hand, what is left, whom to blame.

use super::document::Document;
use super::keys::{keys_of, suggest};
use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::prior::Marginal;
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};
use toml::{Spanned, de};

/// A table with its dotted key; empty for the whole analysis.
pub(super) struct Section<'a> {
    /// The analysis it belongs to.
    pub(super) document: &'a Document<'a>,
    /// Its dotted key.
    pub(super) path: String,
    table: DeTable<'a>,
}

impl<'a> Section<'a> {
    /// The whole analysis.
    pub(super) fn root(document: &'a Document<'a>) -> Self {
        Self { document, path: String::new(), table: document.root().clone() }
    }

    /// A table that was left out.
    pub(super) fn empty(document: &'a Document<'a>, path: &str) -> Self {
        Self { document, path: path.to_owned(), table: DeTable::new() }
    }

    /// The dotted key of a name in this table.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// True if a name stands in this table.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The names in this table, in the order in which they are written; those of overrides last.
    pub(super) fn names(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        keys.into_iter().map(|key| key.get_ref().to_string()).collect()
    }

    /// Takes a table out of this one, if it is there.
    pub(super) fn section(&mut self, name: &str) -> Result<Option<Section<'a>>> {
        let path = self.key(name);
        match self.table.remove(name).map(Spanned::into_inner) {
            None => Ok(None),
            Some(DeValue::Table(table)) => Ok(Some(Section { document: self.document, path, table })),
            Some(other) => {
                let message = format!("a value ({}) cannot stand here", other.type_str());
                let remedy = format!("begin a section with [{path}] or write {name} = {{ … }}");
                Err(self.document.blame(&path, Error::invalid_input(message).remedy(remedy)))
            }
        }
    }

    /// Takes a table that must be there.
    pub(super) fn required_section(&mut self, name: &str) -> Result<Section<'a>> {
        let path = self.key(name);
        self.section(name)?.ok_or_else(|| {
            let remedy = format!("add a section [{path}]; `posterity init` writes an example");
            self.document.blame(&path, Error::invalid_input("missing section").remedy(remedy))
        })
    }

    /// Takes one value, if it is there.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.table.remove(name) else {
            return Ok(None);
        };
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.unfit(&self.key(name), &error, &span)),
        }
    }

    /// Takes one value that must be there.
    pub(super) fn require<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        self.take(name)?.ok_or_else(|| self.missing(name, &format!("add {name} = … to the section")))
    }

    /// Takes the `kind`, which must be one of these.
    pub(super) fn kind<'k>(&mut self, kinds: &[&'k str]) -> Result<&'k str> {
        let remedy = format!("add kind = \"…\", one of: {}", kinds.join(", "));
        let kind: String = self.take("kind")?.ok_or_else(|| self.missing("kind", &remedy))?;
        self.one_of("kind", &kind, kinds)
    }

    /// The known word that equals a value, or invalid input.
    pub(super) fn one_of<'k>(&self, name: &str, word: &str, known: &[&'k str]) -> Result<&'k str> {
        known.iter().find(|k| **k == word).copied().ok_or_else(|| {
            let error = Error::invalid_input(format!("unknown word `{word}`")).remedy(suggest(word, known));
            self.document.blame(&self.key(name), error)
        })
    }

    /// Turns what is left into a struct that knows all of its keys; `taken` names those taken before.
    pub(super) fn rest<T: DeserializeOwned>(self, taken: &[&str]) -> Result<T> {
        self.only(&[taken, keys_of::<T>()].concat())?;
        let spans: Vec<(String, Range<usize>)> =
            self.table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect();
        let (document, path) = (self.document, self.path.clone());
        let named = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        T::deserialize(Deserializer::from(Spanned::new(0..0, self.table))).map_err(|error| {
            let missing = error.message().strip_prefix("missing field ").map(|name| name.trim_matches('`'));
            if let Some(name) = missing.filter(|name| keys_of::<T>().contains(name)) {
                let error = Error::invalid_input("missing key").remedy(format!("add {name} = … to the section"));
                return document.blame(&named(name), error);
            }
            let span = error.span().unwrap_or(0..0);
            let owner = spans.iter().find(|(_, value)| value.start <= span.start && span.end <= value.end);
            let key = owner.map_or_else(|| path.clone(), |(name, _)| named(name));
            // Not one of the section's own: it belongs into a table within a value.
            if let Some(name) = missing {
                let error = Error::invalid_input(format!("the key `{name}` is missing within"));
                return document.blame(&key, error.remedy(format!("add {name} = … there")));
            }
            unfit(document, &key, &error, &span)
        })
    }

    /// Invalid input if a key is left that is none of these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let mut unknown: Vec<_> = self.table.keys().filter(|key| !known.contains(&&**key.get_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        let Some(key) = unknown.first() else {
            return Ok(());
        };
        let error = Error::invalid_input("unknown key").remedy(suggest(key.get_ref(), known));
        Err(self.document.at(error.at_key(self.key(key.get_ref())), &key.span()))
    }

    /// Invalid input if a nuisance parameter is given a value that nothing would use.
    pub(super) fn without_nuisance(self, parameters: &[Parameter], nuisance: &[Option<Marginal>]) -> Result<Self> {
        for (parameter, _) in parameters.iter().zip(nuisance).filter(|(_, prior)| prior.is_some()) {
            let name = &parameter.name;
            let message = format!("{name} is a nuisance parameter: each simulation draws it from its prior");
            self.demand(!self.table.contains_key(name.as_str()), name, message, "leave it out here")?;
        }
        Ok(self)
    }

    /// Numbers by parameter, each finite and every parameter there, in the order of the parameters.
    pub(super) fn by_parameter(mut self, names: &[&str]) -> Result<Vec<f64>> {
        self.only(names)?;
        let mut values = Vec::new();
        for name in names {
            let remedy = format!("give a value to every parameter: {}", names.join(", "));
            let value: f64 = self.take(name)?.ok_or_else(|| self.missing(name, &remedy))?;
            self.demand(value.is_finite(), name, format!("{value} is no finite number"), "give a finite number")?;
            values.push(value);
        }
        Ok(values)
    }

    /// Invalid input at a name of this section unless the condition holds.
    pub(super) fn demand(&self, holds: bool, name: &str, message: impl Into<String>, remedy: &str) -> Result<()> {
        self.document.demand(holds, &self.key(name), message, remedy)
    }

    /// That a key is missing.
    fn missing(&self, name: &str, remedy: &str) -> Error {
        self.document.blame(&self.key(name), Error::invalid_input("missing key").remedy(remedy))
    }

    fn unfit(&self, key: &str, error: &de::Error, span: &Range<usize>) -> Error {
        unfit(self.document, key, error, &error.span().unwrap_or_else(|| span.clone()))
    }
}

/// That a value is of the wrong type, in words for people who write analyses rather than programs.
fn unfit(document: &Document<'_>, key: &str, error: &de::Error, span: &Range<usize>) -> Error {
    let message = error.message();
    let plain = if let Some(text) = message.strip_prefix("unknown field ") {
        let (name, known) = quoted(text);
        let remedy = if known.is_empty() { "take it out".to_owned() } else { suggest(name, &known) };
        Error::invalid_input(format!("unknown key `{name}` within")).remedy(remedy)
    } else if let Some(text) = message.strip_prefix("unknown variant ") {
        let (word, known) = quoted(text);
        Error::invalid_input(format!("unknown word `{word}`")).remedy(suggest(word, &known))
    } else if let Some((found, wanted)) = message.split_once(", expected ") {
        let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
        Error::invalid_input(format!("{} cannot stand here", found.replace('`', "")))
            .remedy(format!("give {}", in_words(wanted)))
    } else if let Some(wanted) = message.strip_prefix("wanted ") {
        Error::invalid_input("this cannot stand here").remedy(format!("give {}", in_words(wanted)))
    } else {
        Error::invalid_input(message)
    };
    document.at(plain.at_key(key), span)
}

/// The first word in backticks, which is unknown, and the others, which are known.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    let mut words = text.split('`').skip(1).step_by(2);
    (words.next().unwrap_or_default(), words.collect())
}

fn in_words(wanted: &str) -> &str {
    match wanted {
        "usize" | "u64" | "u32" => "a whole number, 0 or more, without point or exponent (1_000_000)",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a string in quotes",
        "a sequence" => "a list in square brackets",
        "string or table" => "a word in quotes",
        other => other,
    }
}
