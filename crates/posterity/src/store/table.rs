//! A table of simulations on disk: a Zarr v3 group of arrays with a row for each, filled chunk by chunk.
//!
//! docs/store.md describes the files. A chunk is written in this order: values, theta, seed index, how rows failed, all
//! lasting before the status of the rows is; what the status does not tell of is not there. Each file is whole or not
//! there, under a checksum. Rows depend on their number alone, so that whoever writes a row writes the same bits, and
//! chunks that two processes write at once come out as one that holds the rows of both.
//!
//! Limits: 2³² rows; processes on several machines need shards of their own ([`Shard`](super::Shard)) where file locks
//! do not reach from one machine to the other.

use super::chunk::{Chunk, Status};
use super::folder::{self, Lock, PUT, Put};
use super::layout::Layout;
use super::metadata::{Column, Columns, check_rows, group_text, read_group};
use super::quarantine;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use zarrs::array::{convert_from_bytes_slice, transmute_to_bytes};

/// An open table: a folder that is a Zarr v3 group.
pub struct Table {
    pub(super) folder: PathBuf,
    pub(super) quarantine: PathBuf,
    pub(super) layout: Layout,
    pub(super) n_rows: u64,
    pub(super) columns: Columns,
    pub(super) put: Put,
}

impl Table {
    /// Opens the table in `folder`, or makes it, and extends it to `n_rows` where it is shorter; a longer one stays as
    /// it is, and so does the number of rows to a chunk of one that is there.
    ///
    /// # Errors
    /// Invalid input, where the folder holds something else, or simulations with other parameters, arrays or
    /// provenance, with what differs; corrupt file, where the description is damaged; io.
    pub fn open_or_create(folder: &Path, layout: &Layout, n_rows: u64) -> Result<Self> {
        layout.check().and_then(|()| check_rows(n_rows))?;
        if let Some(table) = Self::find(folder)? {
            table.layout.check_same(layout).map_err(|error| error.in_file(folder))?;
            if table.n_rows >= n_rows && table.arrays_are_described(true)? {
                return Ok(table);
            }
        }
        let parent = quarantine::folder(folder)?;
        fs::create_dir_all(folder).map_err(|error| folder::refused(folder, &error))?;
        let lock = Lock::take(&folder.join("zarr.json"))?;
        let (layout, n_rows) = match Self::find(folder)? {
            Some(table) => {
                table.layout.check_same(layout).map_err(|error| error.in_file(folder))?;
                (table.layout, n_rows.max(table.n_rows))
            }
            None => {
                nothing_else(folder, layout)?;
                (layout.clone(), n_rows)
            }
        };
        let columns = Columns::new(&layout, n_rows)?;
        let table = Self { folder: folder.to_path_buf(), quarantine: parent, layout, n_rows, columns, put: PUT };
        table.describe()?;
        drop(lock);
        Ok(table)
    }

    /// Opens the table in `folder`.
    ///
    /// # Errors
    /// Io, where there is none; invalid input, where it is something else; corrupt file.
    pub fn open(folder: &Path) -> Result<Self> {
        let table = Self::find(folder)?.ok_or_else(|| {
            let absent = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no table of simulations here");
            Error::io(folder, &absent).remedy("name the folder that `posterity simulate` filled")
        })?;
        table.arrays_are_described(false)?;
        Ok(table)
    }

    /// Opens the table in `folder`, if its parameters, arrays and provenance are these.
    ///
    /// # Errors
    /// As [`Table::open`]; invalid input, with what differs.
    pub fn open_as(folder: &Path, layout: &Layout) -> Result<Self> {
        let table = Self::open(folder)?;
        table.layout.check_same(layout).map_err(|error| error.in_file(folder))?;
        Ok(table)
    }

    /// The table, as far as the group's description is there.
    fn find(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("zarr.json");
        let Some(text) = read_if_there(&path, None)? else { return Ok(None) };
        let (layout, n_rows, columns) = read_group(&text).map_err(|error| error.in_file(&path))?;
        let quarantine = quarantine::folder(folder)?;
        Ok(Some(Self { folder: folder.to_path_buf(), quarantine, layout, n_rows, columns, put: PUT }))
    }

    /// True if the description of each array is there and as long as that of the group; one that is neither right nor
    /// shorter nor longer is damaged, and so is one that is not there, where `mended` is not what follows.
    fn arrays_are_described(&self, mended: bool) -> Result<bool> {
        let mut all = true;
        for column in self.columns.all() {
            let path = self.folder.join(&column.name).join("zarr.json");
            let damaged = |what: String| {
                Error::corrupt_file(format!("the description of `{}` is damaged ({what})", column.name))
                    .remedy("take this file away and run `posterity simulate` again, which writes it anew")
                    .in_file(&path)
            };
            match read_if_there(&path, None)? {
                Some(text) => {
                    column.check(&text).map_err(damaged)?;
                    all &= column.has_rows(&text);
                }
                None if mended => all = false,
                None => return Err(damaged("it is missing".into())),
            }
        }
        Ok(all)
    }

    /// Reads all descriptions again, as they must be when nobody is extending the table.
    pub(super) fn check_described(&self) -> Result<()> {
        let strict = || Self::open(&self.folder).and_then(|table| table.arrays_are_described(false));
        if strict()? {
            return Ok(());
        }
        let _lock = Lock::take(&self.folder.join("zarr.json"))?;
        if strict()? {
            return Ok(());
        }
        Err(Error::corrupt_file("the arrays are not as long as the table's description says")
            .remedy("run `posterity simulate` again, which mends it")
            .in_file(&self.folder))
    }

    /// Writes all descriptions, that of the group, by which everything is known, last.
    fn describe(&self) -> Result<()> {
        for column in self.columns.all() {
            let folder = self.folder.join(&column.name);
            fs::create_dir_all(&folder).map_err(|error| folder::refused(&folder, &error))?;
            folder::write_all(&[(folder.join("zarr.json"), column.text().as_bytes())], self.put)?;
            folder::sync_folder(&folder)?;
        }
        folder::sync_folder(&self.folder)?;
        let text = group_text(&self.layout, self.n_rows, &self.columns)?;
        folder::write_all(&[(self.folder.join("zarr.json"), text.as_bytes())], self.put)?;
        folder::sync_folder(&self.folder)
    }

    /// Takes away what is in `folder`, if that is a table of other simulations than those of `layout`, or a damaged one.
    ///
    /// # Errors
    /// Io; invalid input, where it is something else.
    pub fn remove_others(folder: &Path, layout: &Layout) -> Result<()> {
        let remove = |path: &Path| match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &error)),
            _ => Ok(()),
        };
        match Self::find(folder) {
            Ok(None) => return Ok(()),
            Ok(Some(table)) if table.layout.check_same(layout).is_ok() => return Ok(()),
            Err(error) if !error.is_corrupt_file() => return Err(error),
            Ok(Some(_)) | Err(_) => {}
        }
        remove(folder)?;
        remove(&quarantine::folder(folder)?)
    }

    /// Appends rows, up to `n_rows` in all, where there are fewer; the chunks stay as they are.
    ///
    /// # Errors
    /// As [`Table::open_or_create`].
    pub fn extend(&mut self, n_rows: u64) -> Result<()> {
        let extended = Self::open_or_create(&self.folder, &self.layout, n_rows)?;
        *self = Self { put: self.put, ..extended };
        Ok(())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the rows hold and where they come from.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of rows, simulated or not.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Rows to a chunk; the last chunk may end beyond the table.
    pub fn chunk_rows(&self) -> u64 {
        self.layout.chunk_rows
    }

    /// Number of chunks.
    pub fn n_chunks(&self) -> u64 {
        self.n_rows.div_ceil(self.layout.chunk_rows)
    }

    /// The rows of a chunk, those of the table only.
    pub fn rows_of(&self, chunk: u64) -> Range<u64> {
        let first = chunk.saturating_mul(self.layout.chunk_rows).min(self.n_rows);
        first..first.saturating_add(self.layout.chunk_rows).min(self.n_rows)
    }

    /// Reads a chunk; one that is not there has all rows missing.
    ///
    /// # Errors
    /// Corrupt file, naming it, the chunk and its rows; io.
    pub fn read_chunk(&self, chunk: u64) -> Result<Chunk> {
        self.settled(chunk, || self.read_chunk_once(chunk))
    }

    /// Reads again where a chunk seems damaged, but was being exchanged.
    pub(super) fn settled<T>(&self, chunk: u64, read: impl Fn() -> Result<T>) -> Result<T> {
        let mut before = self.read_status(chunk)?;
        for _ in 0..8 {
            match read() {
                Err(error) if error.is_corrupt_file() => {
                    let after = self.read_status(chunk)?;
                    if after == before {
                        return Err(error);
                    }
                    before = after;
                }
                outcome => return outcome,
            }
        }
        read()
    }

    pub(super) fn read_chunk_once(&self, chunk: u64) -> Result<Chunk> {
        let mut read = Chunk::missing(&self.layout, chunk)?;
        let Some(status) = self.read_status(chunk)? else { return Ok(read) };
        read.status = status;
        for (values, column) in read.values.iter_mut().zip(&self.columns.values) {
            *values = self.read_there(column, chunk)?;
        }
        read.theta = self.read_there(&self.columns.theta, chunk)?;
        read.seed_index = self.read_there(&self.columns.seed_index, chunk)?;
        if read.status.iter().any(|status| status.is_failed()) {
            for entry in self.read_quarantine(chunk)? {
                let row = entry.row - chunk * self.layout.chunk_rows;
                read.failures.insert(usize::try_from(row).unwrap_or(usize::MAX), entry.failure);
            }
        }
        read.blank();
        match read.fault(&self.layout) {
            Some(fault) => Err(self.corrupt(&self.columns.status, chunk, &fault)),
            None => Ok(read),
        }
    }

    /// Writes a chunk: the rows that it has, beside those that are on the disk already.
    ///
    /// # Errors
    /// Invalid input, where its lengths are not the table's, or its status is not that of its rows; corrupt file, where
    /// rows on the disk cannot be kept; io: what is on the disk stays.
    pub fn write_chunk(&self, chunk: &Chunk) -> Result<()> {
        if let Some(fault) = chunk.fault(&self.layout).or_else(|| {
            (chunk.index >= self.n_chunks()).then(|| format!("a table of {} chunks has no such chunk", self.n_chunks()))
        }) {
            return Err(Error::invalid_input(format!("chunk {}: {fault}", chunk.index)).in_file(&self.folder));
        }
        let _lock = self.lock_chunk(chunk.index)?;
        let Some(there) = self.read_status(chunk.index)? else { return self.put_chunk(chunk) };
        let keep = |(there, mine): (&Status, &Status)| {
            *there != Status::Missing && *mine == Status::Missing || *there == Status::Done && mine.is_failed()
        };
        let mut merged;
        let chunk = if there.iter().zip(&chunk.status).any(keep) {
            merged = chunk.clone();
            merged.take_from(&self.read_chunk(chunk.index)?);
            &merged
        } else {
            chunk
        };
        // A row that has failed and is done now, or has failed otherwise, is neither while its files are exchanged.
        let undone = |(there, now): (&Status, &Status)| if there == now { *there } else { Status::Missing };
        let between: Vec<Status> = there.iter().zip(&chunk.status).map(undone).collect();
        if between != there {
            self.put_status(chunk.index, &between)?;
            self.sync_status()?;
        }
        self.put_chunk(chunk)
    }

    fn put_chunk(&self, chunk: &Chunk) -> Result<()> {
        let mut files = Vec::with_capacity(self.columns.values.len() + 3);
        for (column, values) in self.columns.values.iter().zip(&chunk.values) {
            files.push((column.path(&self.folder, chunk.index), column.encode(transmute_to_bytes(values))?));
        }
        let (theta, seed_index) = (&self.columns.theta, &self.columns.seed_index);
        files.push((theta.path(&self.folder, chunk.index), theta.encode(transmute_to_bytes(&chunk.theta))?));
        files.push((
            seed_index.path(&self.folder, chunk.index),
            seed_index.encode(transmute_to_bytes(&chunk.seed_index))?,
        ));
        let path = self.quarantine_of(chunk.index);
        if chunk.failures.is_empty() {
            folder::remove(&path)?;
        } else {
            fs::create_dir_all(&self.quarantine).map_err(|error| folder::refused(&self.quarantine, &error))?;
            let first = chunk.index * self.layout.chunk_rows;
            let entries = chunk.records().map(|(row, record)| quarantine::Entry::new(first + row as u64, record));
            files.push((path, quarantine::encode(entries.collect())?));
        }
        let files: Vec<(PathBuf, &[u8])> = files.iter().map(|(path, bytes)| (path.clone(), &bytes[..])).collect();
        folder::write_all(&files, self.put)?;
        folder::sync_folders(&files)?;
        self.put_status(chunk.index, &chunk.status)
    }

    fn put_status(&self, chunk: u64, status: &[Status]) -> Result<()> {
        let codes: Vec<u8> = status.iter().map(|status| status.code()).collect();
        let column = &self.columns.status;
        folder::write_all(&[(column.path(&self.folder, chunk), &column.encode(&codes)?)], self.put)
    }

    /// Makes the status of all that was written lasting.
    pub(super) fn sync_status(&self) -> Result<()> {
        folder::sync_folder(&self.folder.join(&self.columns.status.name))
    }

    /// Takes a chunk's files away, so that its rows are missing.
    ///
    /// # Errors
    /// Io.
    pub fn discard(&self, chunk: u64) -> Result<()> {
        let _lock = self.lock_chunk(chunk)?;
        self.take_away(chunk)
    }

    /// As [`Table::discard`], by who holds the lock.
    pub(super) fn take_away(&self, chunk: u64) -> Result<()> {
        folder::remove(&self.columns.status.path(&self.folder, chunk))?;
        self.sync_status()?;
        self.columns.all().try_for_each(|column| folder::remove(&column.path(&self.folder, chunk)))?;
        folder::remove(&self.quarantine_of(chunk))
    }

    /// Removes temporary files of processes that are dead.
    ///
    /// # Errors
    /// Io.
    pub fn sweep(&self) -> Result<()> {
        folder::sweep(&self.folder)?;
        self.columns.all().try_for_each(|column| folder::sweep(&self.folder.join(&column.name)))?;
        folder::sweep(&self.quarantine)
    }

    pub(super) fn lock_chunk(&self, chunk: u64) -> Result<Lock> {
        Lock::take(&self.columns.status.path(&self.folder, chunk))
    }

    pub(super) fn quarantine_of(&self, chunk: u64) -> PathBuf {
        self.quarantine.join(format!("{chunk}.json"))
    }

    /// The status of all rows of a chunk, if it is there.
    pub(super) fn read_status(&self, chunk: u64) -> Result<Option<Vec<Status>>> {
        let column = &self.columns.status;
        let Some(codes) = self.read_column(column, chunk)? else { return Ok(None) };
        let status: Option<Vec<Status>> = codes.iter().map(|code| Status::from_code(*code)).collect();
        status.map(Some).ok_or_else(|| self.corrupt(column, chunk, "it holds codes that there are not"))
    }

    /// A chunk of an array that must be there since its status is.
    fn read_there<T: Element>(&self, column: &Column, chunk: u64) -> Result<Vec<T>> {
        self.read_bytes_there(column, chunk).map(T::from_bytes)
    }

    /// As [`Table::read_there`], the bytes of the elements.
    pub(super) fn read_bytes_there(&self, column: &Column, chunk: u64) -> Result<Vec<u8>> {
        self.read_column(column, chunk)?.ok_or_else(|| self.corrupt(column, chunk, "the file is missing"))
    }

    fn read_column(&self, column: &Column, chunk: u64) -> Result<Option<Vec<u8>>> {
        let path = column.path(&self.folder, chunk);
        let size = column.file_size();
        let Some(bytes) = read_if_there(&path, Some(size))? else { return Ok(None) };
        if bytes.len() as u64 != size {
            return Err(self.corrupt(
                column,
                chunk,
                &format!("the file has {} bytes, not {size}", there(&path, &bytes)),
            ));
        }
        column.decode(bytes).map(Some).map_err(|fault| self.corrupt(column, chunk, &fault))
    }

    /// How the rows failed that the quarantine of a chunk tells of, each within the chunk.
    pub(super) fn read_quarantine(&self, chunk: u64) -> Result<Vec<quarantine::Entry>> {
        let path = self.quarantine_of(chunk);
        let rows = self.rows_of(chunk);
        let faulty = |fault: &str| self.corrupt_at(path.clone(), "how they failed", chunk, fault);
        let bytes = read_if_there(&path, None)?.ok_or_else(|| faulty("the file is missing"))?;
        let entries = quarantine::decode(&bytes).map_err(|fault| faulty(&fault))?;
        let first = chunk * self.layout.chunk_rows;
        if entries.iter().any(|entry| !(first..first + self.layout.chunk_rows).contains(&entry.row)) {
            return Err(faulty(&format!("it tells of rows that are not {} to {}", rows.start, rows.end)));
        }
        Ok(entries)
    }

    /// A damaged chunk, by its file, number and rows.
    pub(super) fn corrupt(&self, column: &Column, chunk: u64, fault: &str) -> Error {
        self.corrupt_at(column.path(&self.folder, chunk), &format!("`{}`", column.name), chunk, fault)
    }

    fn corrupt_at(&self, path: PathBuf, what: &str, chunk: u64, fault: &str) -> Error {
        let rows = self.rows_of(chunk);
        let last = rows.end.saturating_sub(1);
        Error::corrupt_file(format!("chunk {chunk} (rows {} to {last}) is damaged: {what}: {fault}", rows.start))
            .remedy("`posterity simulate --repair` simulates these rows again")
            .in_file(&path)
    }
}

/// Elements of an array.
pub(super) trait Element: Sized {
    fn from_bytes(bytes: Vec<u8>) -> Vec<Self>;
}

impl Element for f64 {
    fn from_bytes(bytes: Vec<u8>) -> Vec<Self> {
        convert_from_bytes_slice(&bytes)
    }
}

impl Element for u64 {
    fn from_bytes(bytes: Vec<u8>) -> Vec<Self> {
        convert_from_bytes_slice(&bytes)
    }
}

/// The content of a file; no more than that, or one byte of it, where it is longer than `most`.
fn read_if_there(path: &Path, most: Option<u64>) -> Result<Option<Vec<u8>>> {
    let io = |error: std::io::Error| Error::io(path, &error);
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(io)?,
    };
    let mut bytes = Vec::new();
    // Asked before anything is allocated: a damaged description can claim any size.
    let size = file.metadata().map_err(io)?.len();
    let most = most.map_or(u64::MAX, |most| most.saturating_add(1));
    bytes
        .try_reserve_exact(usize::try_from(size.min(most)).unwrap_or(usize::MAX))
        .map_err(|_| Error::invalid_input(format!("there is no memory for {size} bytes")).in_file(path))?;
    file.take(most).read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}

/// Bytes in a file of which these have been read.
fn there(path: &Path, bytes: &[u8]) -> u64 {
    fs::metadata(path).map_or(bytes.len() as u64, |metadata| metadata.len())
}

/// Refuses a folder that holds anything but the beginnings of such a table.
fn nothing_else(folder: &Path, layout: &Layout) -> Result<()> {
    let ours =
        |name: &str| ["theta", "seed_index", "status"].contains(&name) || layout.values.iter().any(|v| v.name == name);
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let begun = |path: &Path| -> Result<bool> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let empty = |inner: &PathBuf| hidden(inner) || inner.file_name().is_some_and(|name| name == "zarr.json");
        Ok(hidden(path) || ours(&name) && path.is_dir() && folder::names(path)?.iter().all(empty))
    };
    for path in folder::names(folder)? {
        if !begun(&path)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Error::invalid_input(format!("this folder holds something else than simulations ({name})"))
                .remedy("choose another output folder, or take this one away")
                .in_file(folder));
        }
    }
    Ok(())
}
