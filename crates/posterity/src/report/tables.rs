//! Tables of results as HTML and plain text, numbers rounded by their error.

use super::Method;
use super::label::{self, escape};

/// The numbers of one parameter from one method.
struct Row {
    parameter: usize,
    method: String,
    mean_sd: String,
    median: String,
    interval_68: String,
    interval_95: String,
}

fn rows(methods: &[Method]) -> Vec<Row> {
    let Some(first) = methods.first() else { return Vec::new() };
    let mut rows = Vec::new();
    for (parameter, p) in first.samples.parameters.iter().enumerate() {
        for method in methods {
            let samples = &method.samples;
            let Some(column) = samples.parameters.iter().position(|q| q.name == p.name) else { continue };
            let (mean, sd) = (samples.mean()[column], samples.sd()[column]);
            let q = samples.quantiles(column, &[0.025, 0.16, 0.5, 0.84, 0.975]);
            let style = Rounding::by_error(mean, sd);
            let interval =
                |low: f64, high: f64| style.wrap(&format!("[{}, {}]", style.digits(low), style.digits(high)));
            rows.push(Row {
                parameter,
                method: method.name.clone(),
                mean_sd: style.wrap(&format!("{} ± {}", style.digits(mean), style.digits(sd))),
                median: style.wrap(&style.digits(q[2])),
                interval_68: interval(q[1], q[3]),
                interval_95: interval(q[0], q[4]),
            });
        }
    }
    rows
}

/// Number of decimals, after a common power of ten is taken out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rounding {
    power: i32,
    decimals: usize,
}

impl Rounding {
    /// Two significant digits of the error, or four of the value where there is no error.
    fn by_error(value: f64, error: f64) -> Self {
        let exponent = |x: f64| if x != 0.0 && x.is_finite() { x.abs().log10().floor() as i32 } else { 0 };
        let has_error = error > 0.0 && error.is_finite();
        // 0.0996 has its second digit where 0.10 has it.
        let rounded =
            if has_error { exponent(format!("{error:.1e}").parse().unwrap_or(error)) - 1 } else { exponent(value) - 3 };
        let largest = exponent(value).max(if has_error { exponent(error) } else { i32::MIN });
        let power = if (-3..5).contains(&largest) && rounded > -8 { 0 } else { largest };
        Self { power, decimals: (power - rounded).clamp(0, 12) as usize }
    }

    fn digits(self, x: f64) -> String {
        let text = format!("{:.*}", self.decimals, x / 10f64.powi(self.power));
        let is_zero = text.chars().all(|c| "-0.".contains(c));
        if is_zero { text.replace('-', "") } else { text.replace('-', "\u{2212}") }
    }

    fn wrap(self, text: &str) -> String {
        if self.power == 0 {
            return text.to_string();
        }
        const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
        let power: String =
            self.power.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect();
        let text = if text.starts_with('[') { text.to_string() } else { format!("({text})") };
        format!("{text}\u{2009}×\u{2009}10{power}")
    }
}

/// `value ± error`, rounded by the error.
pub(super) fn with_error(value: f64, error: f64) -> String {
    let style = Rounding::by_error(value, error);
    style.wrap(&format!("{} ± {}", style.digits(value), style.digits(error)))
}

/// A fraction in percent: `98.4 %`, and more digits for small ones.
pub(super) fn percent(fraction: f64) -> String {
    let x = 100.0 * fraction;
    let decimals = if x < 1.0 { 2 } else { 1 };
    format!("{x:.decimals$}\u{a0}%")
}

/// So many significant digits, without a power of ten where it is not needed.
pub(super) fn significant(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        return "unknown".to_string();
    }
    if x == 0.0 {
        return "0".to_string();
    }
    let (exponent, last) = (x.abs().log10().floor() as i32, digits as i32 - 1);
    if (-4..5).contains(&exponent) {
        format!("{x:.*}", (last - exponent).max(0) as usize)
    } else {
        format!("{x:.*e}", last as usize)
    }
}

/// Whole numbers in groups of three.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// The table of results as HTML.
pub(super) fn results_html(methods: &[Method]) -> String {
    let mut body = String::new();
    let rows = rows(methods);
    for (i, row) in rows.iter().enumerate() {
        let is_first = i == 0 || rows[i - 1].parameter != row.parameter;
        let name = if is_first {
            let span = rows.iter().filter(|r| r.parameter == row.parameter).count();
            let p = &methods[0].samples.parameters[row.parameter];
            format!("<th rowspan=\"{span}\">{}</th>", label::html(&label::latex(&p.latex)))
        } else {
            String::new()
        };
        let class = if is_first { " class=\"first\"" } else { "" };
        body.push_str(&format!(
            "<tr{class}>{name}<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>\n",
            escape(&row.method),
            row.mean_sd,
            row.median,
            row.interval_68,
            row.interval_95
        ));
    }
    format!(
        "<table>\n<thead><tr><th></th><th>method</th><th>mean ± sd</th><th>median</th><th>68 % interval</th>\
         <th>95 % interval</th></tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
    )
}

/// What each method cost and how many draws it gave, as HTML.
pub(super) fn methods_html(methods: &[Method]) -> String {
    let row = |m: &Method| {
        let s = &m.samples;
        format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td>{}</td></tr>\n",
            escape(&m.name),
            count(s.n_simulations),
            count(s.n_samples() as u64),
            count(s.ess().round() as u64),
            s.epsilon.map_or("–".to_string(), |e| significant(e, 3).replace('-', "\u{2212}")),
            escape(&m.note)
        )
    };
    format!(
        "<table>\n<thead><tr><th>method</th><th>simulations</th><th>draws</th><th>effective draws</th>\
         <th><i class=\"f\">ε</i></th><th></th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        methods.iter().map(row).collect::<String>()
    )
}

/// The table of results as plain text, columns aligned.
pub(super) fn results_text(methods: &[Method]) -> String {
    let head = ["parameter", "method", "mean ± sd", "68 % interval", "95 % interval"].map(String::from);
    let mut table = vec![head.to_vec()];
    for row in rows(methods) {
        let name = methods[0].samples.parameters[row.parameter].name.clone();
        table.push(vec![name, row.method, row.mean_sd, row.interval_68, row.interval_95]);
    }
    aligned(&table)
}

/// Rows of cells as lines of text, columns aligned.
pub(super) fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| table.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &w)| format!("{cell:w$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    table.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_by_their_error() {
        let cases = [
            (0.29815, 0.0224, "0.298 ± 0.022"),
            (-1.0311, 0.0996, "−1.03 ± 0.10"),
            (-0.0001, 0.0224, "0.000 ± 0.022"),
            (123.4, 5.67, "123.4 ± 5.7"),
            (1234.0, 230.0, "1234 ± 230"),
            (2.5e12, 3.1e10, "(2.500 ± 0.031)\u{2009}×\u{2009}10¹²"),
            (3.2e-5, 1.0e-6, "(3.20 ± 0.10)\u{2009}×\u{2009}10⁻⁵"),
            (1.0, 0.0, "1.000 ± 0.000"),
            (0.0, 0.0, "0.000 ± 0.000"),
        ];
        for (value, error, text) in cases {
            assert_eq!(with_error(value, error), text);
        }
        assert_eq!(count(1234567), "1\u{202f}234\u{202f}567");
        let cases =
            [(0.00123456, "0.00123"), (12.3456, "12.3"), (12345.6, "12346"), (1.23456e-7, "1.23e-7"), (0.0, "0")];
        for (x, text) in cases {
            assert_eq!(significant(x, 3), text);
        }
    }
}
