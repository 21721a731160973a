//! Files that are whole or not there: temporary names under advisory locks, renamed; and what dead processes left.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes all bytes to a file; tests put failing ones in its place.
pub(super) type Put = fn(&mut File, &[u8]) -> io::Result<()>;

/// How bytes are written.
pub(super) const PUT: Put = |file, bytes| io::Write::write_all(file, bytes);

/// The operating system refused to write, with what to do about it.
pub(super) fn refused(path: &Path, error: &io::Error) -> Error {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let first = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "make room",
        ReadOnlyFilesystem | PermissionDenied => "make the folder writable",
        _ => "see to the disk",
    };
    Error::io(path, error).remedy(format!("{first} and run the same command again; what is done is kept"))
}

/// Writes files under temporary names, each whole on the disk before any of them takes its own name. The names last
/// once [`sync_folders`] has returned.
///
/// # Errors
/// Io, naming the file; a file that was there stays as it was, or is the new one.
pub(super) fn write_all(files: &[(PathBuf, &[u8])], put: Put) -> Result<()> {
    let mut partial = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        partial.push(Partial::write(path, bytes, put).map_err(|error| refused(path, &error))?);
    }
    for ((path, _), partial) in files.iter().zip(&partial) {
        partial.file.sync_all().map_err(|error| refused(path, &error))?;
    }
    for ((path, bytes), partial) in files.iter().zip(partial) {
        let renamed = match partial.take_name() {
            // Where locks do not reach from one machine to the next, the sweep of another may have taken it for dead.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let again = Partial::write(path, bytes, put);
                again.and_then(|again| again.file.sync_all().and_then(|()| again.take_name()))
            }
            outcome => outcome,
        };
        renamed.map_err(|error| refused(path, &error))?;
    }
    Ok(())
}

/// Makes the names of files that were written lasting.
pub(super) fn sync_folders(files: &[(PathBuf, &[u8])]) -> Result<()> {
    let mut folders: Vec<&Path> = files.iter().filter_map(|(path, _)| path.parent()).collect();
    folders.dedup();
    folders.into_iter().try_for_each(sync_folder)
}

/// Makes renames and removals in a folder lasting.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| refused(folder, &error))?;
    }
    Ok(())
}

/// Removes a file, which need not be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(path, &error)),
        _ => Ok(()),
    }
}

/// A file under its temporary name, locked; removed unless it takes its own name.
struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    fn write(target: &Path, bytes: &[u8], put: Put) -> io::Result<Self> {
        let mut partial = Self::create(target)?;
        put(&mut partial.file, bytes)?;
        Ok(partial)
    }

    fn create(target: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = target.with_file_name(format!(".{name}.{}-{number}.partial", std::process::id()));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                // A process of the same number, dead or on another machine, has this name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // Between its making and its lock the file looks dead: a sweep may have it already.
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !is_at(&file, &path)? {
                continue;
            }
            return Ok(Self { file, path, target: target.to_path_buf() });
        }
    }

    fn take_name(mut self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.path != Path::new("") {
            // The error that led here is the one to be told of; a sweep takes what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A lock that processes on one machine share by name; its file is there only while somebody holds or awaits it.
///
/// On file systems without locks nobody waits.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits for the lock named after `path`.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = path.with_file_name(format!(".{name}.lock"));
        let taken = || -> io::Result<File> {
            loop {
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock)?;
                match file.lock() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    _ => {}
                }
                // Whoever had it before takes the file away.
                if is_at(&file, &lock)? {
                    return Ok(file);
                }
            }
        };
        let file = taken().map_err(|error| refused(&lock, &error))?;
        Ok(Self { path: lock, _file: file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// True if `path` is this very file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let here = file.metadata()?;
        Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, there);
        Ok(true)
    }
}

/// Removes the temporary files and locks in a folder whose processes are dead.
pub(super) fn sweep(folder: &Path) -> Result<()> {
    for path in names(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with('.') && (name.ends_with(".partial") || name.ends_with(".lock"))) {
            continue;
        }
        // What cannot be opened any more has got its name, or another sweep was here.
        let Ok(file) = OpenOptions::new().write(true).open(&path) else { continue };
        if file.try_lock().is_ok() && is_at(&file, &path).map_err(|error| refused(&path, &error))? {
            remove(&path)?;
        }
    }
    Ok(())
}

/// All that is in a folder; nothing, if there is none.
pub(super) fn names(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(|error| Error::io(folder, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("posterity-folder-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        folder
    }

    #[test]
    fn a_sweep_takes_what_the_dead_left_and_nothing_of_the_living() {
        let folder = folder("sweep");
        let living = Partial::create(&folder.join("c.0")).expect("made");
        let lock = Lock::take(&folder.join("c.1")).expect("taken");
        for dead in [".c.2.7-0.partial", ".c.3.lock"] {
            fs::write(folder.join(dead), "x").expect("written");
        }
        fs::write(folder.join("c.4"), "x").expect("written");
        sweep(&folder).expect("swept");
        let mut left: Vec<_> = names(&folder).expect("read").iter().map(|p| p.display().to_string()).collect();
        left.sort();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left[0].ends_with(".partial") && left[1].ends_with(".c.1.lock") && left[2].ends_with("c.4"));
        living.take_name().expect("renamed");
        drop(lock);
        assert_eq!(names(&folder).expect("read").len(), 2);
        sweep(&folder.join("absent")).expect("nothing to sweep");
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time_and_leaves_no_file() {
        let folder = folder("lock");
        let inside = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let lock = Lock::take(&folder.join("c.0")).expect("taken");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        sweep(&folder).expect("swept");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(names(&folder).expect("read").is_empty());
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn writers_and_sweeps_do_not_disturb_each_other() {
        let folder = folder("race");
        std::thread::scope(|scope| {
            for k in 0..3 {
                let folder = &folder;
                scope.spawn(move || {
                    for i in 0..100_u8 {
                        write_all(&[(folder.join(format!("c.{k}")), &[i; 100])], PUT).expect("written");
                        sweep(folder).expect("swept");
                    }
                });
            }
        });
        assert_eq!(names(&folder).expect("read").len(), 3);
        assert_eq!(fs::read(folder.join("c.1")).expect("there"), [99; 100]);
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_failed_write_leaves_what_was_there_and_says_what_to_do() {
        let folder = folder("full");
        let path = folder.join("c.0");
        write_all(&[(path.clone(), b"old")], PUT).expect("written");
        for (kind, remedy) in
            [(io::ErrorKind::StorageFull, "make room and run"), (io::ErrorKind::ReadOnlyFilesystem, "writable and run")]
        {
            let text = refused(&path, &kind.into()).to_string();
            assert!(text.contains(remedy) && text.contains("c.0: "), "{text}");
        }
        let full: Put = |_, _| Err(io::ErrorKind::StorageFull.into());
        let error = write_all(&[(path.clone(), b"new")], full).expect_err("full");
        assert!(error.is_io() && error.to_string().ends_with("what is done is kept"), "{error}");
        assert_eq!(fs::read(&path).expect("there"), b"old");
        assert_eq!(names(&folder).expect("read").len(), 1);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
