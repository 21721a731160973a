//! Holds the import table of ARCHITECTURE.md against the sources: which room of the library uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Table = BTreeMap<String, BTreeSet<String>>;

/// A use of a room by a file: line (from 1) and room.
type Use = (usize, String);

#[test]
fn the_sources_keep_to_the_import_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = parse_table(&read(&root.join("../../ARCHITECTURE.md")));
    let src = root.join("src");
    let flat = reexports(&read(&src.join("lib.rs")));
    let (mut wrong, mut used) = (Vec::new(), Table::new());
    let mut files = Vec::new();
    collect(&src, &mut files);
    for file in files {
        let relative = file.strip_prefix(&src).expect("below src");
        let module = module_path(relative);
        let uses = uses(&non_test_code(&read(&file)), module.len(), &flat);
        wrong.extend(violations(&table, &module[0], &uses).iter().map(|text| format!("{}:{text}", relative.display())));
        used.entry(module[0].clone()).or_default().extend(uses.into_iter().map(|(_, room)| room));
    }
    wrong.extend(in_vain(&table, &used));
    assert!(wrong.is_empty(), "against the table in ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

/// The checker sees what it should see, in every form an import can have.
#[test]
fn planted_imports_are_found() {
    let table = parse_table("| room | may use |\n|---|---|\n| error | |\n| math | error |\n| prior | error math |\n");
    assert_eq!(table.keys().collect::<Vec<_>>(), ["error", "math", "prior"]);
    let flat = reexports("pub mod nn;\npub use prior::{Prior, Marginal};\npub use error::Error;\n");
    let found = |text: &str, depth: usize| violations(&table, "math", &uses(&non_test_code(text), depth, &flat));
    assert_eq!(found("use crate::error::Error;\nuse super::matrix;\nuse std::fmt;\nuse crate::Error;", 2), [""; 0]);
    let planted = [
        ("use crate::prior::Prior;", "1: math uses prior"),
        ("\nuse crate::{error::Error, prior};", "2: math uses prior"),
        ("use crate::{\n    error::{self, Error},\n    nn::Layer,\n};", "3: math uses nn"),
        ("use crate::Marginal;", "1: math uses prior"),
        ("fn f() -> crate::prior::Prior {}", "1: math uses prior"),
        ("use super::super::prior::Prior;", "1: math uses prior"),
        ("#[cfg(test)]\nmod tests {\n    use crate::nn;\n}\nuse crate::prior;", "5: math uses prior"),
        ("use crate::nowhere;", "1: math uses nowhere"),
    ];
    for (text, expected) in planted {
        assert_eq!(found(text, 2), [expected], "{text}");
    }
    for harmless in [
        "// use crate::prior;",
        "/// [`crate::prior`]",
        "#[cfg(test)]\nmod tests {\n    use crate::prior;\n}",
        "#[cfg(test)]\nuse crate::prior;",
        "use super::super::math::Matrix;",
        "use super::prior;",
    ] {
        assert_eq!(found(harmless, 2), [""; 0], "{harmless}");
    }
    assert_eq!(found("use super::prior;", 1), ["1: math uses prior"], "super of a room is the root");
    let none = violations(&table, "attic", &[]);
    assert_eq!(none, ["1: the room attic is not in the table"]);
    let used = Table::from([("prior".to_owned(), BTreeSet::from(["math".to_owned()]))]);
    assert_eq!(in_vain(&table, &used), ["math may use error in vain", "prior may use error in vain"]);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Source files below a folder, less lib.rs (which only re-exports) and files of tests.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "tests" || stem == "lib" {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// `prior/normal.rs` is `prior::normal`, `prior/mod.rs` is `prior`.
fn module_path(relative: &Path) -> Vec<String> {
    let names = relative.with_extension("");
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

/// Rows of the form `| room | room room … |`.
fn parse_table(markdown: &str) -> Table {
    let rows = markdown.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let may_use = cells.get(1).map_or("", |cell| cell).split_whitespace().map(str::to_owned).collect();
            (cells[0].to_owned(), may_use)
        })
        .collect()
}

/// The room behind each name that lib.rs re-exports (`pub use seed::{Seed, Stream};`).
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("pub use ")) {
        let (room, names) = line.trim_end_matches(';').split_once("::").expect("a path");
        for name in names.trim_matches(['{', '}']).split(',') {
            let name = name.trim().rsplit("::").next().unwrap_or_default();
            flat.insert(name.to_owned(), room.to_owned());
        }
    }
    flat
}

/// The text without comments and without items behind `#[cfg(test)]`, its lines kept in number.
fn non_test_code(text: &str) -> String {
    let mut code = String::new();
    let mut in_test = false;
    for line in text.lines() {
        let bare = line.split("//").next().unwrap_or_default();
        if bare.starts_with("#[cfg(test)]") {
            in_test = true;
        } else if in_test {
            // In formatted sources an item at the left margin ends with `}` there, or with `;` on one line.
            in_test = !(bare.starts_with('}') || (!bare.starts_with(' ') && bare.ends_with(';')));
        } else {
            code.push_str(bare);
        }
        code.push('\n');
    }
    code
}

/// The rooms that a file uses, where `depth` is the number of names in its module path.
fn uses(code: &str, depth: usize, flat: &BTreeMap<String, String>) -> Vec<Use> {
    let to_root = ["crate::".to_owned(), "super::".repeat(depth)];
    let mut found = BTreeSet::new();
    for root in to_root {
        for (at, _) in code.match_indices(&root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for (offset, name) in names_at(&code[at + root.len()..]) {
                let line = 1 + code[..at + root.len() + offset].matches('\n').count();
                let room = flat.get(name).map_or(name, String::as_str);
                found.insert((line, room.to_owned()));
            }
        }
    }
    found.into_iter().collect()
}

/// The first name of a path, or those of a group in braces, with their offsets.
fn names_at(path: &str) -> Vec<(usize, &str)> {
    let name = |start: usize| {
        let rest = &path[start..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (start, &rest[..end])
    };
    if !path.starts_with('{') {
        return vec![name(0)];
    }
    let mut names = Vec::new();
    let (mut level, mut fresh) = (0, false);
    for (i, c) in path.char_indices() {
        match c {
            '{' => level += 1,
            '}' => level -= 1,
            _ => {}
        }
        if level == 0 {
            break;
        }
        if level == 1 && (c == '{' || c == ',') {
            fresh = true;
        } else if fresh && !c.is_whitespace() {
            names.push(name(i));
            fresh = false;
        }
    }
    names
}

/// What the table does not allow, as `line: text`.
fn violations(table: &Table, room: &str, uses: &[Use]) -> Vec<String> {
    let Some(may_use) = table.get(room) else {
        return vec![format!("1: the room {room} is not in the table")];
    };
    let forbidden = uses.iter().filter(|(_, used)| used != room && !may_use.contains(used));
    forbidden.map(|(line, used)| format!("{line}: {room} uses {used}")).collect()
}

/// What the table allows and no file uses.
fn in_vain(table: &Table, used: &Table) -> Vec<String> {
    let granted = table.iter().flat_map(|(room, may_use)| may_use.iter().map(move |other| (room, other)));
    let is_in_vain = |(room, other): &(&String, &String)| !used.get(*room).is_some_and(|used| used.contains(*other));
    granted.filter(is_in_vain).map(|(room, other)| format!("{room} may use {other} in vain")).collect()
}
