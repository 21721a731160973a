//! A file in the address space of this process.

use super::header::Item;
use crate::error::{Error, Result};
use memmap2::Mmap;
use pulp::bytemuck::try_cast_slice;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A mapped file.
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

    /// The `n` numbers from byte `first` on, where they lie there as this machine has them in memory.
    pub(super) fn numbers(&self, first: usize, n: usize, item: Item) -> Option<&[f64]> {
        let bytes = self.bytes().get(first..first + 8 * n).filter(|_| item == Item::NATIVE_F64)?;
        try_cast_slice(bytes).ok()
    }
}
