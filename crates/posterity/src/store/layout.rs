//! What the rows of a table hold and where they come from; says in which points two tables differ.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Rows in a table at the most.
pub const MOST_ROWS: u64 = 1 << 32;
/// Bytes of values in a chunk at the most.
const MOST_CHUNK_BYTES: u64 = 1 << 40;
/// Names of the arrays that every table has.
const TAKEN: [&str; 3] = ["theta", "seed_index", "status"];

/// What each row holds and where the rows come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// The arrays beside theta, seed index and status.
    pub values: Vec<Values>,
    /// Rows that are written together; see [`chunk_rows`].
    pub chunk_rows: u64,
    /// Where the rows come from: simulator, settings, seed, label, … as the caller tells it.
    pub provenance: Map<String, Value>,
}

/// One array of real numbers, a part of it for each row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Its name: ASCII letters, digits and `_`.
    pub name: String,
    /// Shape of a row's part.
    pub shape: Vec<usize>,
}

impl Values {
    /// An array with its name and the shape of a row's part.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.to_vec() }
    }

    /// Numbers in a row.
    pub fn n(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Rows to a chunk: about 4 MiB of values and at most 16384 rows; with slow simulations (longer than about 10 ms each)
/// at least 64 chunks as well, so that there are shards enough.
pub fn chunk_rows(row_bytes: u64, n_rows: u64, slow: bool) -> u64 {
    let by_size = ((4 << 20) / row_bytes.max(1)).min(16384);
    let by_number = if slow { n_rows / 64 } else { n_rows };
    by_size.min(by_number).max(1)
}

impl Layout {
    /// Refuses what cannot be laid out.
    pub(super) fn check(&self) -> Result<()> {
        let refused = |key: &str, message: String| Err(Error::invalid_input(message).at_key(key));
        let numbered = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if self.parameters.is_empty() || self.parameters.len() > 1 << 20 {
            return refused("parameters", format!("a table cannot have {} parameters", self.parameters.len()));
        }
        if self.values.len() > 1 << 10 {
            return refused("values", format!("a table cannot have {} arrays", self.values.len()));
        }
        let mut bytes = 8 * self.parameters.len() as u64;
        for (i, Values { name, shape }) in self.values.iter().enumerate() {
            if !numbered(name) || TAKEN.contains(&name.as_str()) {
                return refused("values", format!("an array cannot have the name {name:?}"));
            }
            if self.values[..i].iter().any(|other| other.name == *name) {
                return refused("values", format!("two arrays have the name {name:?}"));
            }
            if shape.len() > 16 {
                return refused("values", format!("`{name}` has {} axes", shape.len()));
            }
            let n = shape.iter().try_fold(8_u64, |n, length| n.checked_mul(*length as u64).filter(|n| *n > 0));
            match n.and_then(|n| bytes.checked_add(n)).filter(|n| *n <= MOST_CHUNK_BYTES) {
                Some(sum) => bytes = sum,
                None => return refused("values", format!("`{name}` cannot have rows of shape {shape:?}")),
            }
        }
        match self.chunk_rows.checked_mul(bytes) {
            Some(1..=MOST_CHUNK_BYTES) => Ok(()),
            _ => refused("chunk_rows", format!("a chunk cannot have {} rows of {bytes} bytes", self.chunk_rows)),
        }
    }

    /// Refuses `wanted` where it is another in anything but the rows to a chunk.
    pub(super) fn check_same(&self, wanted: &Self) -> Result<()> {
        let mut found = Vec::new();
        differences("", &self.tree(), &wanted.tree(), &mut found);
        if found.is_empty() {
            return Ok(());
        }
        const SHOWN: usize = 12;
        let more = found.len().saturating_sub(SHOWN);
        let mut text = found[..found.len().min(SHOWN)].join(", ");
        if more > 0 {
            text += &format!(" and {more} more");
        }
        Err(Error::invalid_input(format!("the simulations in this folder are others: {text}"))
            .remedy("choose another output folder with --out, or take these away with --overwrite"))
    }

    fn tree(&self) -> Value {
        let values: Map<String, Value> = self.values.iter().map(|v| (v.name.clone(), json!(v.shape))).collect();
        let mut tree = Map::new();
        tree.insert("parameters".into(), json!(self.parameters));
        tree.insert("values".into(), Value::Object(values));
        tree.extend(self.provenance.iter().map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(tree)
    }
}

/// Each leaf that differs, `path (old there, new now)`.
fn differences(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(other) => differences(&below(key), value, other, found),
                    None => found.push(format!("{} ({} there, none now)", below(key), short(value))),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                found.push(format!("{} (none there, {} now)", below(key), short(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() && old.len() > 4 => {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                differences(&format!("{path}[{i}]"), old, new, found);
            }
        }
        _ if old != new => found.push(format!("{path} ({} there, {} now)", short(old), short(new))),
        _ => {}
    }
}

fn short(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).collect::<String>() + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let provenance = json!({"seed": 1, "simulator": {"name": "line", "sigma": 0.5}, "z": [1, 2, 3, 4, 5]});
        let Value::Object(provenance) = provenance else { unreachable!() };
        Layout {
            parameters: vec!["a".into(), "b".into()],
            values: vec![Values::new("data", &[40])],
            chunk_rows: 8,
            provenance,
        }
    }

    #[test]
    fn what_differs_is_said_with_its_path() {
        let old = layout();
        let mut new = Layout { chunk_rows: 9, ..layout() };
        old.check_same(&new).expect("rows to a chunk are no difference");
        new.parameters[1] = "c".into();
        new.values[0].shape = vec![41];
        new.provenance["simulator"]["sigma"] = json!(0.25);
        new.provenance["z"][3] = json!(7);
        new.provenance.remove("seed");
        new.provenance.insert("label".into(), json!("x"));
        let error = old.check_same(&new).expect_err("others");
        assert!(error.is_invalid_input());
        assert_eq!(
            error.to_string(),
            "the simulations in this folder are others: parameters ([\"a\",\"b\"] there, [\"a\",\"c\"] now), \
             values.data ([40] there, [41] now), seed (1 there, none now), simulator.sigma (0.5 there, 0.25 now), \
             z[3] (4 there, 7 now), label (none there, \"x\" now); \
             choose another output folder with --out, or take these away with --overwrite"
        );
        let many: Vec<u32> = (0..20).collect();
        let (mut old, mut new) = (layout(), layout());
        old.provenance.insert("many".into(), json!(many));
        new.provenance.insert("many".into(), json!(vec![99; 20]));
        assert!(old.check_same(&new).expect_err("others").to_string().contains("and 8 more; choose"));
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        layout().check().expect("valid");
        for (text, change) in [
            ("`parameters`: a table cannot have 0", (|l| l.parameters.clear()) as fn(&mut Layout)),
            ("the name \"../x\"", |l| l.values[0].name = "../x".into()),
            ("the name \"status\"", |l| l.values[0].name = "status".into()),
            ("two arrays", |l| l.values.push(Values::new("data", &[1]))),
            ("shape [3, 0]", |l| l.values[0].shape = vec![3, 0]),
            ("cannot have rows of shape", |l| l.values[0].shape = vec![usize::MAX, 8]),
            ("`chunk_rows`: a chunk cannot have 0 rows", |l| l.chunk_rows = 0),
            ("a chunk cannot have", |l| l.chunk_rows = u64::MAX),
        ] {
            let mut layout = layout();
            change(&mut layout);
            let error = layout.check().expect_err(text).to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn chunks_have_about_4_mib() {
        assert_eq!(chunk_rows(320, 1_000_000, false), 13107);
        assert_eq!(chunk_rows(80, 1_000_000, false), 16384);
        assert_eq!(chunk_rows(80, 100, false), 100);
        assert_eq!(chunk_rows(80, 6400, true), 100);
        assert_eq!(chunk_rows(80, 10, true), 1);
        assert_eq!(chunk_rows(1 << 30, 10, false), 1);
    }
}
