//! Which program is run and how: the settings, what they must fulfil, and the argument list with its placeholders.

use crate::error::{Error, Result};
use crate::parameter::Parameter;
use crate::spelling::suggest;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the program is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is run once per simulation and writes a file.
    Command,
    /// It stays and answers one line per simulation.
    Worker,
}

/// The form of the file that a program run once per simulation writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One array, as `numpy.save` writes it.
    #[default]
    Npy,
    /// An archive of arrays, as `numpy.savez` writes it.
    Npz,
}

impl Format {
    /// The end of the file's name.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
        }
    }
}

/// Settings of an external program, as the analysis has them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Program and arguments; for [`Kind::Command`] with the placeholders `{seed}`, `{output}`, `{theta.NAME}`.
    pub command: Vec<String>,
    /// Names of the parameters in their order.
    pub parameters: Vec<String>,
    /// Shape of one simulation.
    pub shape: Vec<usize>,
    /// Form of the output of [`Kind::Command`]; npy where left out.
    #[serde(default)]
    pub output: Option<Format>,
    /// Which array of an archive; the only one where left out.
    #[serde(default)]
    pub array: Option<String>,
    /// Seconds that one simulation, or the start of a worker, may take.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// How often a failed simulation is tried again, with the same seed.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// How many programs run at once; as many as cores where left out.
    #[serde(default)]
    pub n_workers: Option<usize>,
}

fn default_timeout_s() -> f64 {
    600.0
}

fn default_retries() -> u32 {
    1
}

/// Values of one simulation at the most: 800 MB.
const MOST_DATA: usize = 100_000_000;
/// Programs at once at the most.
const MOST_WORKERS: usize = 4096;
/// Longest time-out: ten years.
const LONGEST_S: f64 = 3.2e8;

/// A program that is there, with all that a simulation needs to know of it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<Vec<Piece>>,
    /// The folder that it runs in.
    pub(super) folder: PathBuf,
    pub(super) parameters: Vec<Parameter>,
    pub(super) shape: Vec<usize>,
    pub(super) format: Format,
    pub(super) array: Option<String>,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) n_workers: usize,
}

impl Program {
    /// Checks the settings and finds the program; relative names count from `folder`, in which it will run.
    pub(super) fn new(kind: Kind, settings: Settings, folder: &Path) -> Result<Self> {
        check(kind, &settings)?;
        let arguments = arguments(kind, &settings.command, &settings.parameters)?;
        let n_workers = settings.n_workers.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
            cores.min(MOST_WORKERS)
        });
        Ok(Self {
            kind,
            path: find(&settings.command[0], folder)?,
            arguments,
            folder: std::path::absolute(Path::new(".").join(folder)).map_err(|error| Error::io(folder, &error))?,
            parameters: settings.parameters.iter().map(|name| Parameter::new(name, label(name))).collect(),
            shape: settings.shape,
            format: settings.output.unwrap_or_default(),
            array: settings.array,
            timeout: Duration::from_secs_f64(settings.timeout_s),
            retries: settings.retries,
            n_workers,
        })
    }

    /// The arguments of one simulation.
    pub(super) fn arguments(&self, seed: u64, theta: &[f64], output: &Path) -> Vec<OsString> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => OsString::from(text),
            Piece::Seed => OsString::from(seed.to_string()),
            Piece::Theta(i) => OsString::from(decimal(theta[*i])),
            Piece::Output => output.as_os_str().to_owned(),
        };
        self.arguments.iter().map(|pieces| pieces.iter().map(piece).collect()).collect()
    }
}

/// The shortest decimal that is read back as the same number: `0.3`, `1e-7`.
pub(super) fn decimal(x: f64) -> String {
    format!("{x:?}")
}

/// Part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Seed,
    Theta(usize),
    Output,
}

fn refuse(key: &str, message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::invalid_input(message).at_key(key).remedy(remedy)
}

fn check(kind: Kind, s: &Settings) -> Result<()> {
    let demand = |holds: bool, key: &str, message: String, remedy: &str| {
        if holds { Ok(()) } else { Err(refuse(key, message, remedy)) }
    };
    let named = s.command.first().is_some_and(|program| !program.is_empty());
    demand(named, "command", "no program is named".into(), "give the program and its arguments as a list of strings")?;
    demand(!s.parameters.is_empty(), "parameters", "no parameter is named".into(), "name one or more")?;
    for (i, name) in s.parameters.iter().enumerate() {
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let word = word && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let remedy = "use letters, digits and _, a letter first; labels go into [prior.NAME] latex";
        demand(word, "parameters", format!("`{name}` is no name"), remedy)?;
        let first = !s.parameters[..i].contains(name);
        demand(first, "parameters", format!("`{name}` is named twice"), "name each parameter once")?;
    }
    let open = !s.shape.is_empty() && !s.shape.contains(&0);
    let remedy = "give the length of each axis, such as [40]";
    demand(open, "shape", format!("a simulation of shape {:?} holds nothing", s.shape), remedy)?;
    let n_data = s.shape.iter().try_fold(1_usize, |n, length| n.checked_mul(*length)).unwrap_or(usize::MAX);
    let message = format!("a simulation of shape {:?} is more than can be held", s.shape);
    demand(n_data <= MOST_DATA, "shape", message, &format!("give {MOST_DATA} values at the most"))?;
    let n_params = s.parameters.len();
    let message = format!("{n_data} values are too few to infer {n_params} parameters");
    demand(n_data >= n_params, "shape", message, &format!("give {n_params} or more"))?;
    let in_time = s.timeout_s > 0.0 && s.timeout_s <= LONGEST_S;
    let message = format!("no simulation can be given {} seconds", s.timeout_s);
    demand(in_time, "timeout_s", message, "give a number of seconds above 0, up to ten years")?;
    let n = s.n_workers.unwrap_or(1);
    let message = format!("{n} programs cannot run at once");
    demand((1..=MOST_WORKERS).contains(&n), "n_workers", message, &format!("give 1 to {MOST_WORKERS}"))?;
    let written = kind == Kind::Command;
    let remedy = "leave it out, or take kind = \"command\"";
    demand(written || s.output.is_none(), "output", "a worker answers on its standard output".into(), remedy)?;
    demand(written || s.array.is_none(), "array", "a worker answers on its standard output".into(), remedy)?;
    let archive = s.array.is_none() || s.output == Some(Format::Npz);
    demand(
        archive,
        "array",
        "only an archive has arrays to choose from".into(),
        "give output = \"npz\", or leave it out",
    )
}

/// The arguments taken apart; each placeholder that a simulation needs must be there.
fn arguments(kind: Kind, command: &[String], parameters: &[String]) -> Result<Vec<Vec<Piece>>> {
    let mut known = vec!["{seed}".to_owned(), "{output}".to_owned()];
    known.extend(parameters.iter().map(|name| format!("{{theta.{name}}}")));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let arguments: Vec<Vec<Piece>> =
        command[1..].iter().map(|text| pieces(text, &known)).collect::<Result<Vec<_>>>()?;
    let used = |wanted: &Piece| arguments.iter().flatten().any(|piece| piece == wanted);
    let placeholders =
        std::iter::once(Piece::Output).chain([Piece::Seed]).chain((0..parameters.len()).map(Piece::Theta));
    for piece in placeholders {
        let name = match piece {
            Piece::Seed | Piece::Text(_) => known[0],
            Piece::Output => known[1],
            Piece::Theta(i) => known[2 + i],
        };
        if kind == Kind::Command && !used(&piece) {
            return Err(refuse("command", format!("the program is not given {name}"), "put it into an argument"));
        }
        if kind == Kind::Worker && used(&piece) {
            let message = format!("a worker has no argument {name}: it is told by line for each simulation");
            return Err(refuse("command", message, "take it out, or take kind = \"command\""));
        }
    }
    Ok(arguments)
}

/// One argument: text and placeholders; `{{` and `}}` are braces.
fn pieces(argument: &str, known: &[&str]) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at..];
        if rest[1..].starts_with(brace) {
            text.push_str(brace);
            rest = &rest[2..];
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{").ok_or_else(|| {
            let message = format!("a brace in `{argument}` has no partner");
            refuse("command", message, "write {{ and }} for braces that are text")
        })?;
        let (name, after) = rest.split_at(end + 1);
        let piece = match known.iter().position(|word| *word == name) {
            Some(0) => Piece::Seed,
            Some(1) => Piece::Output,
            Some(i) => Piece::Theta(i - 2),
            None => {
                let message = format!("unknown placeholder {name}");
                return Err(refuse(
                    "command",
                    message,
                    format!("{}; write {{{{ and }}}} for braces", suggest(name, known)),
                ));
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece);
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// The program's file: a name with a slash counts from `folder`, another is looked up in PATH.
fn find(name: &str, folder: &Path) -> Result<PathBuf> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::io(path, &error));
    if name.contains(std::path::is_separator) {
        let path = absolute(&folder.join(name))?;
        if !path.is_file() {
            let remedy = "names with a slash count from the folder of the analysis";
            return Err(refuse("command", format!("there is no program {}", path.display()), remedy));
        }
        if !is_executable(&path) {
            let remedy =
                "make it executable (chmod +x), or name what runs it first, as in [\"python3\", \"simulate.py\"]";
            return Err(refuse("command", format!("{} is not executable", path.display()), remedy));
        }
        return Ok(path);
    }
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join(OsStr::new(name)));
    let found = found.into_iter().find(|path| path.is_file() && is_executable(path));
    let message = format!("there is no program `{name}` in PATH");
    let remedy = format!("install it, or give its path; ./{name} counts from the folder of the analysis");
    absolute(&found.ok_or_else(|| refuse("command", message, remedy))?)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// A label where none is given: words upright, what follows the first `_` below the line.
fn label(name: &str) -> String {
    let word = |word: &str| if word.len() == 1 { word.to_owned() } else { format!("\\mathrm{{{word}}}") };
    match name.trim_matches('_').split_once('_') {
        Some((head, below)) => format!("{}_{}", word(head), word(&below.replace('_', ","))),
        None => word(name.trim_matches('_')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_text_and_placeholders() {
        let known = ["{seed}", "{output}", "{theta.a}", "{theta.b}"];
        let text = |text: &str| Piece::Text(text.into());
        for (argument, expected) in [
            ("", vec![]),
            ("--n", vec![text("--n")]),
            ("{seed}", vec![Piece::Seed]),
            ("--b={theta.b},{theta.a}!", vec![text("--b="), Piece::Theta(1), text(","), Piece::Theta(0), text("!")]),
            ("{{\"s\": {seed}}}", vec![text("{\"s\": "), Piece::Seed, text("}")]),
            ("{{}}{{{output}}}é", vec![text("{}{"), Piece::Output, text("}é")]),
        ] {
            assert_eq!(pieces(argument, &known).expect(argument), expected, "{argument}");
        }
        for (argument, part) in [
            ("{sed}", "unknown placeholder {sed}; did you mean `{seed}`?"),
            ("{theta.c}", "did you mean `{theta.a}`?"),
            ("{", "a brace in `{` has no partner"),
            ("}", "has no partner"),
            ("a}b{seed}", "has no partner"),
            ("{}", "unknown placeholder {}"),
        ] {
            let error = pieces(argument, &known).expect_err(argument).to_string();
            assert!(error.contains(part), "{argument}: {error}");
        }
    }

    #[test]
    fn numbers_are_short_and_exact() {
        for (x, expected) in [(0.3, "0.3"), (-1.0, "-1.0"), (1e300, "1e300"), (5e-324, "5e-324")] {
            assert_eq!(decimal(x), expected);
        }
        let x = 0.1 + 0.2;
        assert_eq!(decimal(x).parse::<f64>().map(f64::to_bits), Ok(x.to_bits()));
    }

    #[test]
    fn names_make_labels() {
        let labels = ["m", "omega_m", "sigma_8", "rate", "a_b_c", "_x"].map(label);
        let expected = ["m", "\\mathrm{omega}_m", "\\mathrm{sigma}_8", "\\mathrm{rate}", "a_\\mathrm{b,c}", "x"];
        assert_eq!(labels, expected);
    }
}
