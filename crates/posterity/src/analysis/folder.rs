//! Where a run's output goes, and whether it can.

use super::{Analysis, extension, simulations, stage};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// What an analysis is called: the name of its file, or of its folder where the file is just `analysis.toml`.
pub(super) fn name(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if stem != "analysis" && !stem.is_empty() {
        return stem;
    }
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let folder = whole.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    folder.unwrap_or_else(|| "analysis".into())
}

/// The output folder of a run that names none: `runs/` and the analysis' name, in the current folder.
///
/// `examples/pantheon/analysis.toml` goes to `runs/pantheon`, `models/tight.toml` to `runs/tight`.
pub fn default_out_dir(file: &Path) -> PathBuf {
    Path::new("runs").join(name(file))
}

/// Checks, without writing, that an output folder can be there.
///
/// # Errors
/// Invalid input, if a file stands in its way or the folder is read-only.
pub fn check_out_dir(out_dir: &Path) -> Result<()> {
    let remedy = "name another folder with --out";
    for ancestor in out_dir.ancestors() {
        let ancestor = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        let Ok(metadata) = std::fs::metadata(ancestor) else {
            continue;
        };
        if !metadata.is_dir() {
            let itself = ancestor == out_dir;
            let message =
                if itself { "this is a file, no output folder" } else { "a file stands in the way of the output" };
            return Err(Error::invalid_input(message).remedy(remedy).in_file(ancestor));
        }
        if metadata.permissions().readonly() {
            return Err(Error::invalid_input("this folder is read-only").remedy(remedy).in_file(ancestor));
        }
        return Ok(());
    }
    Ok(())
}

impl Analysis {
    /// That the output folder, which may not be there yet, holds no model extension, whose files have the same names.
    ///
    /// # Errors
    /// Invalid input, where it does.
    pub fn check_folder(&self, out_dir: &Path) -> Result<()> {
        if extension::is_extension(out_dir) {
            return Err(Error::invalid_input("this folder holds the results of a model extension")
                .remedy("name another folder with --out")
                .in_file(out_dir));
        }
        Ok(())
    }
}

/// Whether a folder holds what a likelihood-free analysis leaves before it has results.
pub(super) fn is_begun(out_dir: &Path) -> bool {
    simulations::folder(out_dir).is_dir() || out_dir.join(stage::COMPRESSOR).is_file()
}

/// Makes the output folder and sees that files can be written there, before any work.
///
/// # Errors
/// As [`check_out_dir`], and invalid input where the operating system refuses.
pub fn prepare_out_dir(out_dir: &Path) -> Result<()> {
    check_out_dir(out_dir)?;
    // A name of this process alone: others may look at the same moment.
    let probe = out_dir.join(format!(".posterity_can_write_{}", std::process::id()));
    std::fs::create_dir_all(out_dir)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|source| {
            Error::invalid_input(format!("the output folder cannot be written to: {source}"))
                .remedy("name another folder with --out")
                .in_file(out_dir)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_has_the_name_of_the_analysis() {
        assert_eq!(default_out_dir(Path::new("examples/pantheon/analysis.toml")), Path::new("runs/pantheon"));
        assert_eq!(default_out_dir(Path::new("models/tight.toml")), Path::new("runs/tight"));
        let here = std::env::current_dir().expect("a folder");
        let name = here.file_name().expect("a name");
        assert_eq!(default_out_dir(Path::new("analysis.toml")), Path::new("runs").join(name));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = std::env::temp_dir().join(format!("posterity_folder_{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        let file = folder.join("file");
        std::fs::write(&file, "").expect("written");
        let text = |out: &Path| check_out_dir(out).expect_err("in the way").to_string();
        let file_name = file.display();
        assert_eq!(
            text(&file),
            format!("{file_name}: this is a file, no output folder; name another folder with --out")
        );
        assert_eq!(
            text(&file.join("run")),
            format!("{file_name}: a file stands in the way of the output; name another folder with --out")
        );
        let out = folder.join("a").join("b");
        prepare_out_dir(&out).expect("made");
        assert_eq!(std::fs::read_dir(&out).expect("there").count(), 0);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
