//! `posterity init`: writes a commented analysis to begin with.

use crate::Failure;
use clap::Args;
use clap::builder::PossibleValuesParser;
use posterity::analysis::{kinds, template};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Write a commented analysis.toml to begin with, which shows every key
///
/// Never overwrites a file.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder to write it to, made where missing; or the file itself, if the name ends in .toml
    #[arg(value_name = "FOLDER", default_value = ".")]
    place: PathBuf,

    /// Which simulator it is for; halos for a model extension
    #[arg(long, value_name = "KIND", default_value = "gaussian", value_parser = PossibleValuesParser::new(kinds()))]
    simulator: String,
}

impl Arguments {
    /// Does it.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let text = template(&self.simulator)?;
        let is_file = self.place.extension().is_some_and(|extension| extension == "toml");
        let file = if is_file { self.place.clone() } else { self.place.join("analysis.toml") };
        let fail = |source: std::io::Error| match source.kind() {
            ErrorKind::AlreadyExists => {
                Failure::input(format!("{}: there is an analysis already; name another folder", file.display()))
            }
            _ => Failure::input(format!("{}: {source}; name another folder", file.display())),
        };
        if let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        let mut open = File::create_new(&file).map_err(fail)?;
        open.write_all(text.as_bytes()).map_err(fail)?;
        crate::say(&format!("wrote {0}; next: posterity check {0}", file.display()));
        Ok(())
    }
}
