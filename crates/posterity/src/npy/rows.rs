//! Rows of numbers in memory, in a mapped file, or wherever else they are read from part by part: clones and slices share
//! them, whoever writes has a copy of his own.

use super::blocks::in_blocks;
use super::header::Item;
use super::mapping::Mapping;
use crate::digest;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Numbers that are digested at once.
const DIGEST_BLOCK: usize = 32 * digest::CHUNK;

/// Numbers that are neither in memory nor in one mapped file.
pub trait Numbers: Send + Sync {
    /// How many there are.
    fn n(&self) -> usize;

    /// Something to read them with, from the first to the last: it may keep what it has read for the next call.
    fn cursor(&self) -> Box<dyn Cursor + '_>;
}

/// Reads parts of [`Numbers`].
pub trait Cursor {
    /// Appends the numbers of this range, which are there.
    ///
    /// # Errors
    /// Io; corrupt file.
    fn read(&mut self, range: Range<usize>, out: &mut Vec<f64>) -> Result<()>;
}

/// Rows of f64, laid one after another.
#[derive(Clone)]
pub struct Rows {
    source: Source,
    /// Which of the source's numbers.
    range: Range<usize>,
}

#[derive(Clone)]
enum Source {
    Memory(Arc<Vec<f64>>),
    /// A file, the byte at which its numbers begin, and how they are laid out.
    Mapped(Mapping, usize, Item),
    Elsewhere(Arc<dyn Numbers>),
}

impl Rows {
    /// The `n` numbers that begin at byte `first`.
    pub(super) fn mapped(mapping: Mapping, first: usize, n: usize, item: Item) -> Result<Self> {
        let end = n.checked_mul(item.size()).and_then(|length| first.checked_add(length));
        if end.is_none_or(|end| end > mapping.bytes().len()) {
            let error = Error::corrupt_file(format!("the file ends before its {n} numbers do"));
            return Err(error.remedy("copy or write it again"));
        }
        Ok(Self { source: Source::Mapped(mapping, first, item), range: 0..n })
    }

    /// Numbers that are read part by part.
    pub fn elsewhere(numbers: impl Numbers + 'static) -> Self {
        Self { range: 0..numbers.n(), source: Source::Elsewhere(Arc::new(numbers)) }
    }

    /// Number of numbers.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// True where the numbers are not in memory, but in a file.
    pub fn is_on_disk(&self) -> bool {
        !matches!(self.source, Source::Memory(_))
    }

    /// All numbers, where they can be had without copying them: in memory, or mapped as this machine lays them out.
    pub fn as_slice(&self) -> Option<&[f64]> {
        match &self.source {
            Source::Memory(numbers) => Some(&numbers[self.range.clone()]),
            Source::Mapped(mapping, first, item) => {
                mapping.numbers(first + self.range.start * item.size(), self.len(), *item)
            }
            Source::Elsewhere(_) => None,
        }
    }

    /// All numbers, read into memory where they are not there.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn all(&self) -> Result<Cow<'_, [f64]>> {
        match self.as_slice() {
            Some(numbers) => Ok(Cow::Borrowed(numbers)),
            None => self.reader().read_owned(0..self.len()).map(Cow::Owned),
        }
    }

    /// The digest of all numbers, wherever they lie.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub(crate) fn digest(&self) -> Result<u64> {
        let mut chunks = Vec::new();
        in_blocks(&[(self, 1)], 0..self.len(), DIGEST_BLOCK, |_, parts| {
            chunks.extend(digest::of_chunks(parts[0]));
            Ok(())
        })?;
        Ok(digest::of_parts(self.len(), chunks))
    }

    /// Something to read parts with.
    pub fn reader(&self) -> Reader<'_> {
        let cursor = if let Source::Elsewhere(numbers) = &self.source { Some(numbers.cursor()) } else { None };
        Reader { rows: self, cursor, buffer: Vec::new() }
    }

    /// The numbers of this range, shared and not copied; the range is cut to those there.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let begin = range.start.min(end);
        Self { range: self.range.start + begin..self.range.start + end, source: self.source.clone() }
    }

    /// The numbers to be written to: copied before, if they are shared or in a file.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn to_mut(&mut self) -> Result<&mut [f64]> {
        if !matches!(&self.source, Source::Memory(numbers) if self.range == (0..numbers.len())) {
            *self = Self::from(self.all()?.into_owned());
        }
        match &mut self.source {
            Source::Memory(numbers) => Ok(Arc::<Vec<f64>>::make_mut(numbers)),
            _ => Ok(&mut []), // They have just been brought into memory.
        }
    }

    /// Becomes room for so many numbers in memory, with anything in it.
    pub fn become_room(&mut self, n: usize) {
        let alone = if let Source::Memory(numbers) = &mut self.source { Arc::get_mut(numbers) } else { None };
        match alone {
            Some(numbers) => {
                numbers.resize(n, 0.0);
                self.range = 0..n;
            }
            None => *self = Self::from(vec![0.0; n]),
        }
    }

    /// The numbers, copied only if they are shared or in a file.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn into_vec(mut self) -> Result<Vec<f64>> {
        self.to_mut()?;
        match self.source {
            Source::Memory(numbers) => Ok(Arc::try_unwrap(numbers).unwrap_or_else(|shared| shared.to_vec())),
            _ => Ok(Vec::new()), // They have just been brought into memory.
        }
    }
}

/// Reads parts of rows; best in order.
pub struct Reader<'a> {
    rows: &'a Rows,
    cursor: Option<Box<dyn Cursor + 'a>>,
    buffer: Vec<f64>,
}

impl Reader<'_> {
    /// The numbers of this range, which is cut to those there.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn read(&mut self, range: Range<usize>) -> Result<&[f64]> {
        let range = self.cut(range);
        if let Some(numbers) = self.rows.as_slice() {
            return Ok(&numbers[range]);
        }
        self.fill(range)?;
        Ok(&self.buffer)
    }

    /// As [`Reader::read`], to be kept.
    ///
    /// # Errors
    /// Io; corrupt file.
    pub fn read_owned(&mut self, range: Range<usize>) -> Result<Vec<f64>> {
        let range = self.cut(range);
        if let Some(numbers) = self.rows.as_slice() {
            return Ok(numbers[range].to_vec());
        }
        self.fill(range)?;
        Ok(std::mem::take(&mut self.buffer))
    }

    fn cut(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.rows.len());
        range.start.min(end)..end
    }

    fn fill(&mut self, range: Range<usize>) -> Result<()> {
        let first = self.rows.range.start;
        self.buffer.clear();
        self.buffer.reserve_exact(range.len());
        match (&self.rows.source, &mut self.cursor) {
            (Source::Mapped(mapping, begin, item), _) => {
                let begin = begin + (first + range.start) * item.size();
                let bytes = mapping.bytes().get(begin..begin + range.len() * item.size()).unwrap_or_default();
                item.convert(bytes, &mut self.buffer);
            }
            (_, Some(cursor)) => cursor.read(first + range.start..first + range.end, &mut self.buffer)?,
            _ => {}
        }
        Ok(())
    }
}

impl From<Vec<f64>> for Rows {
    fn from(numbers: Vec<f64>) -> Self {
        Self { range: 0..numbers.len(), source: Source::Memory(Arc::new(numbers)) }
    }
}

/// Rows with the same numbers are equal, wherever these are; what cannot be read is equal to nothing.
impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && matches!((self.all(), other.all()), (Ok(a), Ok(b)) if a == b)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.is_on_disk() { "a file" } else { "memory" };
        write!(f, "{} numbers in {place}", self.len())
    }
}
