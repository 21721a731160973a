//! Writes a file whole or not at all: under a temporary name beside it, then renamed.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Ending of a file that is not complete yet.
const PARTIAL: &str = ".partial";

/// Lets `fill` write `path`; a file of that name stays as it was until the new one is complete.
///
/// # Errors
/// Io, if the folder cannot be written; whatever `fill` returns.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let io = |source: std::io::Error| Error::io(path, &source);
    sweep(path);
    let (partial, file) = begin(path).map_err(io)?;
    let mut out = BufWriter::new(file);
    let written = fill(&mut out).and_then(|()| {
        out.flush().map_err(io)?;
        out.get_ref().sync_all().map_err(io)
    });
    let renamed = written.and_then(|()| std::fs::rename(&partial, path).map_err(io));
    if renamed.is_err() {
        // The error in hand says what went wrong; a left-over partial file is harmless.
        let _ = std::fs::remove_file(&partial);
    }
    renamed
}

/// A partial file of this process beside `path`, under a lock that tells others that somebody is writing it.
fn begin(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{PARTIAL}", std::process::id()));
    let partial = path.with_file_name(name);
    let mut file = File::create(&partial)?;
    // Where the file system has no locks nobody sweeps either.
    if file.try_lock().is_ok() && !partial.exists() {
        // Swept between the two lines above.
        file = File::create(&partial)?;
        let _ = file.try_lock();
    }
    Ok((partial, file))
}

/// Removes partial files of `path` that processes left which were killed: their locks are free.
fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let begin = format!("{}.", name.to_string_lossy());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(&begin) && other.ends_with(PARTIAL) {
            let free = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if free {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// As [`write_whole`], for a text at hand.
///
/// # Errors
/// Io, if the folder cannot be written.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |out| out.write_all(text.as_bytes()).map_err(|source| Error::io(path, &source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("posterity-write-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let path = dir.join("a.txt");
        write_text(&path, "old").expect("written");
        assert!(write_whole(&path, |_| Err(Error::numerical("stop"))).is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "old");
        assert_eq!(std::fs::read_dir(&dir).expect("folder").count(), 1);
        // What a killed process left is swept, what one at work has is not.
        let (left, at_work) = (dir.join("a.txt.1.partial"), dir.join("a.txt.2.partial"));
        std::fs::write(&left, "le").expect("written");
        let file = File::create(&at_work).expect("made");
        file.lock().expect("locked");
        write_text(&path, "new").expect("written");
        assert!(!left.exists() && at_work.exists());
        drop(file);
        write_text(&path, "newer").expect("written");
        assert_eq!(std::fs::read_dir(&dir).expect("folder").count(), 1);
        assert!(write_text(&dir.join("no/such/folder"), "x").expect_err("refused").is_io());
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
