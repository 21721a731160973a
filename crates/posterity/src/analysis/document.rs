//! The text of an analysis with its overrides, as one tree in which every value still knows where it was written.
//!
//! Spans below the length of the file's text lie in the file; each override has a range of its own beyond that, so a
//! span alone tells whether to blame a line or a `--set`.

use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Where an analysis comes from: its file's text and the overrides, padded with spaces to their own range of spans.
pub(super) struct Source {
    file: PathBuf,
    text: String,
    overrides: Vec<Override>,
}

/// One `key=value`.
struct Override {
    text: String,
    /// The TOML line `key=0`, padded.
    key: String,
    /// The TOML line `x=value`, padded.
    value: String,
    span: Range<usize>,
}

/// A parsed analysis with its overrides in place.
pub(super) struct Document<'a> {
    source: &'a Source,
    root: DeTable<'a>,
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Source {
    /// Reads the file and takes each `key=value` apart.
    pub(super) fn read(file: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|source| unreadable(file, &source))?;
        Self::new(file, text, overrides)
    }

    /// As [`Source::read`], from a text already in memory.
    pub(super) fn new(file: &Path, text: String, overrides: &[String]) -> Result<Self> {
        let mut start = text.len() + 1;
        let mut parts = Vec::new();
        for text in overrides {
            let part = Override::new(text, start)?;
            start = part.span.end;
            parts.push(part);
        }
        Ok(Self { file: file.to_path_buf(), text, overrides: parts })
    }

    /// Parses the file, then puts each override in its place, later ones over earlier ones.
    pub(super) fn parse(&self) -> Result<Document<'_>> {
        let root = DeTable::parse(&self.text).map_err(|error| {
            Error::invalid_input(format!("the text is not TOML: {}", error.message()))
                .remedy("mend the line; `posterity init` writes an example")
                .in_file(&self.file)
                .at_line(error.span().map_or(1, |span| line_of(&self.text, span.start)))
        })?;
        let mut document = Document { source: self, root: root.into_inner() };
        for part in &self.overrides {
            document.assign(part)?;
        }
        match too_long(&document.root, "") {
            Some((key, number, span)) => {
                let error = Error::invalid_input(format!("the whole number {number} is beyond 64 bits"));
                let remedy = format!("give a number from {} to {}", i64::MIN, i64::MAX);
                Err(document.at(error.remedy(remedy).at_key(key), &span))
            }
            None => Ok(document),
        }
    }
}

impl Override {
    fn new(text: &str, start: usize) -> Result<Self> {
        let no_pair = || blame_override(text, "this is no key=value", "write --set section.key=value");
        let (key, value) = text.split_once('=').ok_or_else(no_pair)?;
        let at_value = start + key.len() + 3;
        let pad = |width: usize, line: String| format!("{:width$}{line}", "");
        let key = pad(start, format!("{key}=0"));
        leaf(&key, usize::MAX).ok_or_else(no_pair)?;
        let mut toml = pad(at_value, format!("x={value}"));
        if leaf(&toml, 1).is_none() {
            toml = pad(at_value, format!("x=\"{value}\""));
            if !is_bare_word(value) {
                return Err(blame_override(
                    text,
                    "the value is not TOML",
                    "quote strings, within lists too: --set 'key=[\"a\", \"b\"]'",
                ));
            }
        }
        let span = start..at_value + value.len() + 5;
        Ok(Self { text: text.to_owned(), key, value: toml, span })
    }
}

impl<'a> Document<'a> {
    /// The whole tree.
    pub(super) fn root(&self) -> &DeTable<'a> {
        &self.root
    }

    /// Puts one override in its place: dotted keys make the sections that are missing, the value replaces what stood
    /// there, a bare word that is no TOML value counts as a string (`--set compressor.activation=silu`).
    fn assign(&mut self, part: &'a Override) -> Result<()> {
        let (Some((path, _)), Some((_, value))) = (leaf(&part.key, usize::MAX), leaf(&part.value, 1)) else {
            return Ok(()); // Both were parsed when the override was taken apart.
        };
        let Some((last, sections)) = path.split_last() else {
            return Ok(());
        };
        let mut table = &mut self.root;
        for name in sections {
            if !table.contains_key(&**name.get_ref()) {
                table.insert(name.clone(), Spanned::new(name.span(), DeValue::Table(DeTable::new())));
            }
            table = match table.get_mut(&**name.get_ref()).map(Spanned::get_mut) {
                Some(DeValue::Table(table)) => table,
                _ => {
                    let message = format!("`{}` is a value, no section", name.get_ref());
                    return Err(blame_override(&part.text, &message, "set the key itself"));
                }
            };
        }
        // The map keeps an old key when its value is replaced, and with it the old place.
        table.remove(&**last.get_ref());
        table.insert(last.clone(), value);
        Ok(())
    }

    /// Names the place of a span in an error: a line of the file, or the override.
    pub(super) fn at(&self, error: Error, span: &Range<usize>) -> Error {
        if error.file().is_some() {
            return error;
        }
        match self.source.overrides.iter().find(|o| o.span.contains(&span.start)) {
            Some(o) => error.in_file(Path::new(&format!("--set {}", o.text))),
            None => error.in_file(&self.source.file).at_line(line_of(&self.source.text, span.start)),
        }
    }

    /// Names key and place in an error that concerns a dotted key; where the key was left out, its section's place.
    pub(super) fn blame(&self, key: &str, error: Error) -> Error {
        let error = error.at_key(key);
        let span = self.overriding(key).or_else(|| self.find(key).0);
        match span {
            Some(span) => self.at(error, &span),
            None if error.file().is_some() => error,
            None => error.in_file(&self.source.file),
        }
    }

    /// Of keys that contradict each other, the one to blame: the first that an override changed, or else the first
    /// that is there at all.
    pub(super) fn culprit<'k>(&self, keys: &[&'k str]) -> &'k str {
        let overridden = keys.iter().find(|key| self.overriding(key).is_some());
        let there = || keys.iter().find(|key| self.find(key).1.is_some());
        overridden.or_else(there).or(keys.first()).copied().unwrap_or_default()
    }

    /// Invalid input at a dotted key unless the condition holds.
    pub(super) fn demand(&self, holds: bool, key: &str, message: impl Into<String>, remedy: &str) -> Result<()> {
        if holds { Ok(()) } else { Err(self.blame(key, Error::invalid_input(message).remedy(remedy))) }
    }

    /// True if a dotted key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).1.is_some()
    }

    /// The span of the deepest part of a dotted key that is there, and the value if all of it is.
    fn find(&self, key: &str) -> (Option<Range<usize>>, Option<&DeValue<'a>>) {
        let (mut table, mut span, mut found) = (Some(&self.root), None, None);
        for name in key.split('.') {
            let Some((name, value)) = table.and_then(|table| table.get_key_value(name)) else {
                return (span, None);
            };
            span = Some(name.span());
            found = Some(value.get_ref());
            table = value.get_ref().as_table();
        }
        (span, found)
    }

    /// The span of the override that set this key, or one within where it is a section.
    fn overriding(&self, key: &str) -> Option<Range<usize>> {
        let (span, value) = self.find(key);
        let within = value?.as_table().into_iter().flat_map(|table| table.keys().map(Spanned::span));
        span.into_iter().chain(within).find(|span| span.start > self.source.text.len())
    }
}

/// The path of the one key in a line of TOML, at most so deep, and its value.
fn leaf(line: &str, depth: usize) -> Option<(Vec<Key<'_>>, Value<'_>)> {
    let mut table = DeTable::parse(line).ok()?.into_inner();
    let mut path = Vec::new();
    loop {
        if table.len() != 1 {
            return None;
        }
        let (key, value) = table.into_iter().next()?;
        path.push(key);
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(inner) if path.len() < depth => table = inner,
            value => return Some((path, Spanned::new(span, value))),
        }
    }
}

/// The first whole number within a table, in the order of the text, that TOML's 64 bits do not hold, with its dotted key.
/// The parser takes it as digits, and what would be said of it elsewhere names no key.
fn too_long(table: &DeTable<'_>, path: &str) -> Option<(String, String, Range<usize>)> {
    fn within(value: &Value<'_>, key: String) -> Option<(String, String, Range<usize>)> {
        match value.get_ref() {
            DeValue::Integer(digits) if i64::from_str_radix(digits.as_str(), digits.radix()).is_err() => {
                Some((key, digits.to_string(), value.span()))
            }
            DeValue::Array(values) => values.iter().find_map(|value| within(value, key.clone())),
            DeValue::Table(table) => too_long(table, &key),
            _ => None,
        }
    }
    let dotted = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let found = table.iter().filter_map(|(name, value)| within(value, dotted(name.get_ref())));
    found.min_by_key(|(_, _, span)| span.start)
}

fn blame_override(text: &str, message: &str, remedy: &str) -> Error {
    Error::invalid_input(message).remedy(remedy).in_file(Path::new(&format!("--set {text}")))
}

fn is_bare_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || "_-+./~:".contains(c))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count()
}

fn unreadable(file: &Path, source: &std::io::Error) -> Error {
    let error = match source.kind() {
        ErrorKind::NotFound => Error::invalid_input("there is no such file")
            .remedy("name an analysis file, or let `posterity init` write one"),
        ErrorKind::IsADirectory => {
            Error::invalid_input("this is a folder").remedy("name the analysis file in it, such as analysis.toml")
        }
        ErrorKind::InvalidData => Error::invalid_input("the text is not UTF-8").remedy("save it as UTF-8"),
        _ => Error::invalid_input(format!("the file cannot be read: {source}")).remedy("see to its permissions"),
    };
    error.in_file(file)
}
