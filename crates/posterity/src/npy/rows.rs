//! Rows of numbers in memory or in a mapped file: clones and slices share them, whoever writes has a copy of his own.

use crate::error::{Error, Result};
use memmap2::Mmap;
use pulp::bytemuck::try_cast_slice;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

/// A file in the address space of this process.
///
/// The file must not be changed while it is mapped: numbers would change under the reader, and where it was cut short
/// the operating system ends the process. Writing a new file under the same name is safe.
#[derive(Clone)]
pub(super) struct Mapping(Option<Arc<Mmap>>);

impl Mapping {
    /// Maps a whole file.
    #[allow(unsafe_code)]
    pub(super) fn open(path: &Path) -> Result<Self> {
        let fail = |error: std::io::Error| Error::io(path, &error);
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() {
            return Err(Error::invalid_input("this is no file").remedy("name a .npy or .npz file").in_file(path));
        }
        if metadata.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is read-only, and what is read from it is plain bytes, of which every value is valid. It is
        // assumed that nobody changes the file while it is mapped, as the documentation asks: the compiler may take two
        // reads of one place to be the same.
        let map = unsafe { Mmap::map(&file) }.map_err(fail)?;
        Ok(Self(Some(Arc::new(map))))
    }

    /// All bytes of the file.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |map| &map[..])
    }

    fn numbers(&self, range: &Range<usize>) -> &[f64] {
        // Alignment and length were checked when the rows were made.
        self.bytes().get(range.clone()).and_then(|bytes| try_cast_slice(bytes).ok()).unwrap_or_default()
    }
}

/// Rows of f64, laid one after another: `Deref` gives all of them as one slice.
#[derive(Clone)]
pub struct Rows {
    /// The numbers in memory; empty where they are mapped.
    owned: Arc<Vec<f64>>,
    mapped: Option<Mapping>,
    /// Which of the numbers in memory, or which bytes of the file.
    range: Range<usize>,
}

impl Rows {
    /// The `n` numbers that begin at byte `first`, in the byte order of this machine.
    pub(super) fn mapped(mapping: Mapping, first: usize, n: usize) -> Result<Self> {
        let end = n.checked_mul(8).and_then(|length| first.checked_add(length));
        let range = first..end.unwrap_or(usize::MAX);
        if mapping.numbers(&range).len() != n {
            let error = Error::corrupt_file(format!("the file ends before its {n} numbers do"));
            return Err(error.remedy("copy or write it again"));
        }
        Ok(Self { owned: Arc::default(), mapped: Some(mapping), range })
    }

    /// True where the numbers are still in their file.
    pub fn is_mapped(&self) -> bool {
        self.mapped.is_some()
    }

    /// The numbers of this range, shared and not copied; the range is cut to those there.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let (end, size) = (range.end.min(self.len()), if self.is_mapped() { 8 } else { 1 });
        let (begin, first) = (range.start.min(end), self.range.start);
        Self { range: first + begin * size..first + end * size, ..self.clone() }
    }

    /// The numbers to be written to: copied before, if they are shared or in a file.
    pub fn to_mut(&mut self) -> &mut [f64] {
        self.own();
        Arc::<Vec<f64>>::make_mut(&mut self.owned)
    }

    /// Makes room for so many numbers; new ones are 0.
    pub fn resize(&mut self, n: usize) {
        self.own();
        Arc::make_mut(&mut self.owned).resize(n, 0.0);
        self.range = 0..n;
    }

    /// The numbers, copied only if they are shared or in a file.
    pub fn into_vec(mut self) -> Vec<f64> {
        self.own();
        Arc::try_unwrap(self.owned).unwrap_or_else(|shared| shared.to_vec())
    }

    /// Brings a part, or what is in a file, into memory as a whole.
    fn own(&mut self) {
        if self.mapped.is_some() || self.range != (0..self.owned.len()) {
            *self = Self::from(self.to_vec());
        }
    }
}

impl Deref for Rows {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match &self.mapped {
            Some(mapping) => mapping.numbers(&self.range),
            None => &self.owned[self.range.clone()],
        }
    }
}

impl From<Vec<f64>> for Rows {
    fn from(numbers: Vec<f64>) -> Self {
        Self { range: 0..numbers.len(), owned: Arc::new(numbers), mapped: None }
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.is_mapped() { "a file" } else { "memory" };
        write!(f, "{} numbers in {place}", self.len())
    }
}
