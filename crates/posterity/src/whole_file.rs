//! Writes a file whole or not at all: under a temporary name beside it, then renamed.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Lets `fill` write `path`; a file of that name stays as it was until the new one is complete.
///
/// # Errors
/// Io, if the folder cannot be written; whatever `fill` returns.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let io = |source: std::io::Error| Error::io(path, &source);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let written = File::create(&partial).map_err(io).and_then(|file| {
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
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
        assert!(write_text(&dir.join("no/such/folder"), "x").expect_err("refused").is_io());
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
