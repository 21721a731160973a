//! The lines between this process and a worker: greeting, request, answer, and how bytes become lines.
//!
//! Described for those who write workers in docs/external.md.

use super::settings::decimal;
use crate::parameter::Parameter;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::Write;

/// The version of the protocol.
const PROTOCOL: u64 = 1;

/// Bytes that a line of `n_data` numbers may have.
pub(super) fn longest_line(n_data: usize) -> usize {
    n_data.saturating_mul(32).saturating_add(4096)
}

/// Writes the request for one simulation.
pub(super) fn write_request(line: &mut Vec<u8>, id: u64, seed: u64, parameters: &[Parameter], theta: &[f64]) {
    line.clear();
    // Writing to memory cannot fail.
    let _ = write!(line, "{{\"id\": {id}, \"seed\": {seed}, \"theta\": {{");
    for (i, (parameter, x)) in parameters.iter().zip(theta).enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let _ = write!(line, "{comma}\"{}\": {}", parameter.name, decimal(*x));
    }
    line.extend_from_slice(b"}}\n");
}

/// What a worker answers to a request, beside the data themselves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The data were in the line.
    Data,
    /// The data are in this file.
    Output(String),
    /// There are no data at these parameters.
    Refused(String),
}

/// The first line of a worker: `{"protocol": 1}`.
pub(super) fn read_greeting(line: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Greeting {
        protocol: u64,
    }
    match serde_json::from_slice::<Greeting>(line) {
        Ok(Greeting { protocol: PROTOCOL }) => Ok(()),
        Ok(Greeting { protocol }) => Err(format!("the worker speaks protocol {protocol}, not {PROTOCOL}")),
        Err(_) => Err(format!("the worker's first line is not {{\"protocol\": {PROTOCOL}}} but `{}`", excerpt(line))),
    }
}

/// Reads an answer: the request's number, and what is said; data go into `data`, NaN among them.
pub(super) fn read_answer(line: &[u8], data: &mut [f64]) -> Result<(u64, Answer), String> {
    let parse = |line: &[u8], data: &mut [f64]| {
        let mut json = serde_json::Deserializer::from_slice(line);
        let answer = Message { data }.deserialize(&mut json)?;
        json.end().map(|()| answer)
    };
    parse(line, data)
        .or_else(|error| without_names_of_numbers(line).map_or(Err(error), |line| parse(&line, data)))
        .map_err(|error| format!("this is no answer ({error}): `{}`", excerpt(line)))
}

/// The line with `NaN` and `Infinity`, which Python writes though JSON has no such numbers, as null.
fn without_names_of_numbers(line: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.contains("NaN") || text.contains("Infinity"))?;
    Some(text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null").into_bytes())
}

/// The first characters of what should have been something else.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const MOST: usize = 200;
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MOST)]);
    start.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Reads the object of an answer.
struct Message<'a> {
    data: &'a mut [f64],
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = (u64, Answer);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = (u64, Answer);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with id and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut answer) = (None, None);
        while let Some(key) = map.next_key::<Key>()? {
            let again = match key {
                Key::Id => id.replace(map.next_value()?).is_some(),
                Key::Data => {
                    map.next_value_seed(Numbers(&mut *self.data))?;
                    answer.replace(Answer::Data).is_some()
                }
                Key::Output => answer.replace(Answer::Output(map.next_value()?)).is_some(),
                Key::Error => answer.replace(Answer::Refused(map.next_value()?)).is_some(),
            };
            if again {
                return Err(A::Error::custom("one id and one of data, output, error are wanted"));
            }
        }
        match (id, answer) {
            (Some(id), Some(answer)) => Ok((id, answer)),
            (None, _) => Err(A::Error::missing_field("id")),
            (_, None) => Err(A::Error::missing_field("data")),
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Id,
    Data,
    Output,
    Error,
}

/// Reads exactly as many numbers as there is room for; null is NaN.
struct Numbers<'a>(&'a mut [f64]);

impl<'de> DeserializeSeed<'de> for Numbers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Numbers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a flat list of {} numbers", self.0.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        for (i, d) in self.0.iter_mut().enumerate() {
            let number: Option<Option<f64>> = numbers.next_element()?;
            *d = number.ok_or_else(|| A::Error::custom(format!("the data end after {i} numbers")))?.unwrap_or(f64::NAN);
        }
        match numbers.next_element::<Option<f64>>()? {
            Some(_) => Err(A::Error::custom(format!("there are more than {} data", self.0.len()))),
            None => Ok(()),
        }
    }
}

/// Bytes on their way to lines.
#[derive(Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Bytes received and not yet taken.
    filled: usize,
    /// Of these, known to hold no line's end.
    searched: usize,
}

impl Lines {
    /// Room for more bytes; tell how many came with [`Lines::received`].
    pub(super) fn room(&mut self) -> &mut [u8] {
        const LEAST: usize = 1 << 16;
        if self.buffer.len() - self.filled < LEAST {
            self.buffer.resize((2 * self.buffer.len()).max(2 * LEAST), 0);
        }
        &mut self.buffer[self.filled..]
    }

    /// So many bytes came.
    pub(super) fn received(&mut self, n: usize) {
        self.filled = (self.filled + n).min(self.buffer.len());
    }

    /// The length of the first line without its end, if all of it is there; an error once it is longer than `longest`.
    pub(super) fn line(&mut self, longest: usize) -> Result<Option<usize>, String> {
        let fresh = &self.buffer[self.searched..self.filled];
        // The end of a line is nearly always the last byte received.
        let at = match fresh.split_last() {
            Some((b'\n', before)) if !before.contains(&b'\n') => Some(before.len()),
            _ => fresh.iter().position(|byte| *byte == b'\n'),
        };
        let length = at.map(|at| self.searched + at);
        self.searched = length.unwrap_or(self.filled);
        if length.unwrap_or(self.filled) > longest {
            return Err(format!("a line of more than {longest} bytes: `{}`", excerpt(&self.buffer[..self.filled])));
        }
        Ok(length)
    }

    /// The bytes received so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Takes away a line of this length with its end.
    pub(super) fn take(&mut self, length: usize) {
        let end = (length + 1).min(self.filled);
        self.buffer.copy_within(end..self.filled, 0);
        self.filled -= end;
        self.searched = 0;
    }
}

/// Reads bytes as a worker's greeting and answers, in pieces of `chunk` bytes, and returns how many lines were right:
/// for tests that feed it with anything.
pub fn replay(bytes: &[u8], n_data: usize, chunk: usize) -> usize {
    let (mut lines, mut data, mut n_right) = (Lines::default(), vec![0.0; n_data], 0);
    for piece in bytes.chunks(chunk.max(1)) {
        lines.room()[..piece.len()].copy_from_slice(piece);
        lines.received(piece.len());
        loop {
            let Ok(found) = lines.line(longest_line(n_data)) else { return n_right };
            let Some(length) = found else { break };
            let line = &lines.bytes()[..length];
            let right = if n_right == 0 { read_greeting(line).is_ok() } else { read_answer(line, &mut data).is_ok() };
            if !right {
                return n_right;
            }
            n_right += 1;
            lines.take(length);
        }
    }
    n_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_of_json() {
        let (mut line, parameters) = (b"old".to_vec(), [Parameter::new("a", ""), Parameter::new("b", "")]);
        write_request(&mut line, 17, 123, &parameters, &[0.3, 1e-7]);
        assert_eq!(
            String::from_utf8_lossy(&line),
            "{\"id\": 17, \"seed\": 123, \"theta\": {\"a\": 0.3, \"b\": 1e-7}}\n"
        );
    }

    #[test]
    fn greetings() {
        assert_eq!(read_greeting(b"{\"protocol\": 1, \"name\": \"mine\"}"), Ok(()));
        let wrong = |line: &[u8]| read_greeting(line).expect_err("wrong");
        assert_eq!(wrong(b"{\"protocol\": 2}"), "the worker speaks protocol 2, not 1");
        assert_eq!(wrong(b"hello\x07"), "the worker's first line is not {\"protocol\": 1} but `hello `");
    }

    #[test]
    fn answers() {
        let read = |line: &str| {
            let mut data = [0.0; 3];
            read_answer(line.as_bytes(), &mut data).map(|answer| (answer, data.map(|d| d.to_string()).join(" ")))
        };
        let some = |id, answer, data: &str| Ok(((id, answer), data.to_owned()));
        assert_eq!(read(r#"{"id": 7, "data": [1, -2.5e0, 3]}"#), some(7, Answer::Data, "1 -2.5 3"));
        assert_eq!(read(r#"{"data":[0.1,2,3],"id":0}"#), some(0, Answer::Data, "0.1 2 3"));
        assert_eq!(read(r#"{"id": 7, "data": [NaN, null, -Infinity]}"#), some(7, Answer::Data, "NaN NaN NaN"));
        assert_eq!(read(r#"{"id": 7, "output": "x.npy"}"#), some(7, Answer::Output("x.npy".into()), "0 0 0"));
        assert_eq!(read(r#"{"id": 7, "error": "NaN é"}"#), some(7, Answer::Refused("NaN é".into()), "0 0 0"));
        for (line, part) in [
            ("", "this is no answer (EOF"),
            ("hello", "expected value at line 1 column 1): `hello`"),
            ("[1, 2, 3]", "expected an object with id and data"),
            (r#"{"id": 7, "data": [1, 2]}"#, "the data end after 2 numbers"),
            (r#"{"id": 7, "data": [1, 2, 3, 4]}"#, "there are more than 3 data"),
            (r#"{"id": 7, "data": [[1, 2, 3]]}"#, "expected f64"),
            (r#"{"id": 7, "data": 5}"#, "expected a flat list of 3 numbers"),
            (r#"{"id": 7, "data": [1, 2, 3]} x"#, "trailing characters"),
            (r#"{"id": 7}"#, "missing field `data`"),
            (r#"{"data": [1, 2, 3]}"#, "missing field `id`"),
            (r#"{"id": -7, "data": [1, 2, 3]}"#, "expected u64"),
            (r#"{"id": 7, "id": 7, "data": [1, 2, 3]}"#, "one id and one of data"),
            (r#"{"id": 7, "data": [1, 2, 3], "error": "x"}"#, "one id and one of data"),
            (r#"{"id": 7, "dta": [1, 2, 3]}"#, "unknown field `dta`"),
            (r#"{"id": 7, "data": [1e999, 2, 3]}"#, "number out of range"),
        ] {
            let error = read(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
        let long = read(&"é".repeat(1000)).expect_err("long");
        assert!(long.ends_with(&format!("`{}`", "é".repeat(200))), "{long}");
    }

    #[test]
    fn lines_come_out_whole_however_the_bytes_come_in() {
        let stream = b"{\"protocol\": 1}\n{\"id\": 0, \"data\": [1, 2]}\n{\"id\": 1, \"error\": \"no\"}\n{\"id\"";
        for chunk in 1..stream.len() {
            assert_eq!(replay(stream, 2, chunk), 3, "{chunk}");
            assert_eq!(replay(stream, 3, chunk), 1, "{chunk}");
        }
        let mut lines = Lines::default();
        lines.room()[..4].copy_from_slice(b"a\nbc");
        lines.received(4);
        assert_eq!(lines.line(10), Ok(Some(1)));
        lines.take(1);
        assert_eq!((lines.line(10), lines.bytes()), (Ok(None), &b"bc"[..]));
        assert_eq!(lines.line(1), Err("a line of more than 1 bytes: `bc`".to_owned()));
        let huge = vec![b'x'; 1 << 20];
        assert_eq!(replay(&huge, 1, 1000), 0);
    }
}
