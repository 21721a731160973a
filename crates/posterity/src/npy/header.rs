//! The header of an array in numpy's format: magic bytes, version, then a Python dictionary with element type, order and
//! shape; and the elements behind it.
//!
//! The dictionary is read by its own few rules and not as Python in general: a damaged or hostile header costs neither
//! memory nor time nor depth of the stack. Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use super::{Axis, shape};
use crate::error::{Error, Result};

/// How an element is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    size: usize,
    big_endian: bool,
}

impl Item {
    /// f64 as this machine has it in memory.
    pub(super) const NATIVE_F64: Self = Self { size: 8, big_endian: cfg!(target_endian = "big") };
    /// What is not a real number that can be read.
    const OTHER: Self = Self { size: 0, big_endian: false };

    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        self.size
    }

    /// Appends the elements of these bytes.
    pub(super) fn convert(self, bytes: &[u8], out: &mut Vec<f64>) {
        let eight = bytes.as_chunks::<8>().0.iter();
        let four = bytes.as_chunks::<4>().0.iter();
        match (self.size, self.big_endian) {
            (8, false) => out.extend(eight.map(|x| f64::from_le_bytes(*x))),
            (8, true) => out.extend(eight.map(|x| f64::from_be_bytes(*x))),
            (_, false) => out.extend(four.map(|x| f64::from(f32::from_le_bytes(*x)))),
            (_, true) => out.extend(four.map(|x| f64::from(f32::from_be_bytes(*x)))),
        }
    }
}

/// A header, and where it ends.
#[derive(Debug)]
pub(super) struct Header {
    /// Length of each axis.
    pub(super) shape: Vec<usize>,
    /// Layout of an element.
    pub(super) item: Item,
    /// Where the elements begin.
    pub(super) end: usize,
    /// The element type as it is written there.
    descr: String,
    fortran: bool,
}

/// A header longer than this is none: numpy's own have 128 bytes.
const LONGEST: usize = 1 << 16;

impl Header {
    /// Reads the header at the beginning of the bytes of an array.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: &str| {
            let error = Error::corrupt_file(format!("this is no array in numpy's format ({what})"));
            error.remedy("write it with numpy.save")
        };
        let version = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| damaged("it does not begin as one"))?;
        let (begin, length) = match version {
            [1, 0, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
            [2 | 3, 0, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            [1..=3, 0, ..] | [] | [_] => return Err(damaged("it ends within its header")),
            _ => return Err(damaged("its version is unknown")),
        };
        if length > LONGEST {
            return Err(damaged("its header is too long"));
        }
        let end = begin + length;
        let text = bytes.get(begin..end).ok_or_else(|| damaged("it ends within its header"))?;
        let text = std::str::from_utf8(text).map_err(|_| damaged("its header is no text"))?.trim();
        let entries = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let entries = split(entries.ok_or_else(|| damaged("its header is no dictionary"))?);
        let value = |key: &str| {
            let of = |entry: &&str| -> Option<String> {
                let (name, value) = entry.split_once(':')?;
                (name.trim().trim_matches(['\'', '"']) == key).then(|| value.trim().to_owned())
            };
            entries.iter().find_map(of).ok_or_else(|| damaged(&format!("its header has no {key}")))
        };
        let descr = value("descr")?;
        let fortran = match value("fortran_order")?.as_str() {
            "True" => true,
            "False" => false,
            _ => return Err(damaged("its header has no fortran_order")),
        };
        let lengths = value("shape")?;
        let inner = lengths.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let lengths = split(inner.ok_or_else(|| damaged("its shape is no tuple"))?);
        let length = |text: &&str| text.trim().trim_end_matches('L').parse::<usize>().ok();
        let shape: Option<Vec<usize>> = lengths.iter().map(length).collect();
        let shape = shape.ok_or_else(|| damaged("its shape is not of whole numbers"))?;
        let item = match descr.trim_matches(['\'', '"']) {
            "<f8" => Item { size: 8, big_endian: false },
            "<f4" => Item { size: 4, big_endian: false },
            ">f8" => Item { size: 8, big_endian: true },
            ">f4" => Item { size: 4, big_endian: true },
            _ => Item::OTHER,
        };
        Ok(Self { shape, item, end, descr, fortran })
    }

    /// Number of elements, if they are real numbers in C order with these axes.
    pub(super) fn real(&self, axes: &[Axis]) -> Result<usize> {
        if self.item == Item::OTHER {
            let remedy = match self.descr.trim_matches(['\'', '"']) {
                "<c8" | "<c16" | ">c8" | ">c16" => {
                    "write real and imaginary part as numbers of their own, or one of them"
                }
                _ => "write array.astype(float) with numpy.save",
            };
            let message = format!("the elements are of type {}, not f4 or f8", self.descr);
            return Err(Error::invalid_input(message).remedy(remedy));
        }
        shape::check(&self.shape, axes)?;
        if self.shape.len() > 1 && self.fortran {
            return Err(Error::invalid_input("the array is in Fortran order")
                .remedy("write numpy.ascontiguousarray(array) with numpy.save"));
        }
        Ok(self.shape.iter().copied().fold(1, usize::saturating_mul))
    }

    /// The bytes of the elements: as many as shape and element type say.
    pub(super) fn raw<'a>(&self, bytes: &'a [u8], size: usize) -> Result<&'a [u8]> {
        let raw = bytes.get(self.end..).unwrap_or_default();
        let damaged = |message: String| Error::corrupt_file(message).remedy("copy or write it again");
        let n = self.shape.iter().try_fold(1_usize, |n, length| n.checked_mul(*length));
        match n.and_then(|n| n.checked_mul(size)) {
            Some(length) if length == raw.len() => Ok(raw),
            Some(length) if length < raw.len() => Err(damaged(format!(
                "{} bytes of elements, where {} of {size} are expected",
                raw.len(),
                length / size.max(1)
            ))),
            _ => Err(damaged(format!("the file ends before an array of shape {} does", shape::tuple(&self.shape)))),
        }
    }

    /// The elements, converted.
    pub(super) fn elements(&self, bytes: &[u8]) -> Result<Vec<f64>> {
        let raw = self.raw(bytes, self.item.size)?;
        let mut elements = Vec::with_capacity(raw.len() / self.item.size);
        self.item.convert(raw, &mut elements);
        Ok(elements)
    }

    /// The words of a one-dimensional array of text (`<U7` or `|S7`: so many letters, padded with zeros).
    pub(super) fn words(&self, bytes: &[u8]) -> Result<Vec<String>> {
        let no_text = || {
            Error::invalid_input(format!("the elements are of type {}, expected text", self.descr))
                .remedy("write numpy.array([\"omega_m\", \"sigma_8\"])")
        };
        shape::check(&self.shape, &[("word", None)])?;
        let descr = self.descr.trim_matches(['\'', '"']);
        let letters = |kind: &str| descr.strip_prefix(kind).and_then(|n| n.parse::<usize>().ok()).filter(|n| *n > 0);
        if let Some(n) = letters("|S") {
            let raw = self.raw(bytes, n)?;
            let word =
                |word: &[u8]| String::from_utf8(word.to_vec()).map(|word| word.trim_end_matches('\0').to_owned());
            return raw.chunks_exact(n).map(|bytes| word(bytes).map_err(|_| no_text())).collect();
        }
        let (n, from): (usize, fn([u8; 4]) -> u32) = match (letters("<U"), letters(">U")) {
            (Some(n), _) => (n, u32::from_le_bytes),
            (_, Some(n)) => (n, u32::from_be_bytes),
            _ => return Err(no_text()),
        };
        let size = n.checked_mul(4).ok_or_else(no_text)?;
        let word = |word: &[u8]| -> Option<String> {
            let letters = word.as_chunks::<4>().0.iter().map(|letter| char::from_u32(from(*letter)));
            letters.collect::<Option<String>>().map(|word| word.trim_end_matches('\0').to_owned())
        };
        self.raw(bytes, size)?.chunks_exact(size).map(|bytes| word(bytes).ok_or_else(no_text)).collect()
    }
}

/// Parts between commas that stand neither in quotes nor in brackets; nothing behind a last comma.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}
