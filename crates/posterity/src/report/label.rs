//! LaTeX labels as Unicode with sub- and superscripts, for SVG, HTML and plain text.
//!
//! Understood: Greek letters, the operators that labels use, `_`, `^`, groups, `\mathrm` and its kin, accents, `\frac`
//! and `\sqrt` in line. A command that is not known is written as its name.

/// A piece of a label in one style.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
    /// −1 below, 0 on, 1 above the line.
    pub(super) level: i8,
}

/// How a piece is set: words in the figure's face, symbols of formulas in a serif one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Words,
    Upright,
    Italic,
}

/// Words as they are.
pub(super) fn words(text: &str) -> Vec<Span> {
    vec![Span { text: text.to_string(), style: Style::Words, level: 0 }]
}

/// A formula, without or with its dollars.
pub(super) fn latex(formula: &str) -> Vec<Span> {
    let mut reader = Reader { rest: formula.chars().filter(|&c| c != '$').collect(), at: 0, spans: Vec::new() };
    while reader.at < reader.rest.len() {
        reader.one(false, 0, 0);
    }
    reader.spans
}

/// Words with formulas between dollars, as a journal's caption.
pub(super) fn mixed(text: &str) -> Vec<Span> {
    text.split('$').enumerate().flat_map(|(i, part)| if i % 2 == 0 { words(part) } else { latex(part) }).collect()
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    spans: Vec<Span>,
}

/// Deeper groups than any label has are read as text, so that no input exhausts the stack.
const DEEPEST: usize = 20;

impl Reader {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.get(self.at).copied();
        self.at += 1;
        c
    }

    fn push(&mut self, text: &str, style: Style, level: i8) {
        match self.spans.last_mut() {
            Some(last) if last.style == style && last.level == level => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_string(), style, level }),
        }
    }

    /// One character, command or group.
    fn one(&mut self, upright: bool, level: i8, depth: usize) {
        let Some(c) = self.next() else { return };
        if depth > DEEPEST {
            return self.push(&c.to_string(), Style::Upright, level);
        }
        match c {
            '\\' => self.command(upright, level, depth),
            '{' => self.group(upright, level, depth),
            '_' => self.one(upright, -1, depth + 1),
            '^' => self.one(upright, 1, depth + 1),
            '}' => {}
            ' ' if !upright => {}
            '~' => self.push("\u{a0}", Style::Upright, level),
            '-' => self.push("\u{2212}", Style::Upright, level),
            '\'' => self.push("′", Style::Upright, level),
            _ if c.is_alphabetic() && !upright => self.push(&c.to_string(), Style::Italic, level),
            _ => self.push(&c.to_string(), Style::Upright, level),
        }
    }

    fn group(&mut self, mut upright: bool, level: i8, depth: usize) {
        while self.rest.get(self.at).is_some_and(|&c| c != '}') {
            if self.rest[self.at..].starts_with(&['\\', 'r', 'm']) {
                upright = true;
                self.at += 3;
                if self.rest.get(self.at) == Some(&' ') {
                    self.at += 1;
                }
            } else {
                self.one(upright, level, depth + 1);
            }
        }
        self.at += 1;
    }

    fn command(&mut self, upright: bool, level: i8, depth: usize) {
        let start = self.at;
        while self.rest.get(self.at).is_some_and(char::is_ascii_alphabetic) {
            self.at += 1;
        }
        let name: String = self.rest[start.min(self.rest.len())..self.at.min(self.rest.len())].iter().collect();
        let style = if upright { Style::Upright } else { Style::Italic };
        if name.is_empty() {
            match self.next() {
                Some('!') | None => {}
                Some(c) if ",;: ".contains(c) => self.push("\u{2009}", Style::Upright, level),
                Some(c) => self.push(&c.to_string(), Style::Upright, level),
            }
        } else if let Some(letter) = greek(&name) {
            let style = if letter.is_lowercase() { style } else { Style::Upright };
            self.push(&letter.to_string(), style, level);
        } else if let Some(symbol) = symbol(&name) {
            self.push(symbol, Style::Upright, level);
        } else if let Some(accent) = accent(&name) {
            self.one(upright, level, depth + 1);
            if let Some(last) = self.spans.last_mut() {
                last.text.push(accent);
            }
        } else {
            match name.as_str() {
                "mathrm" | "rm" | "text" | "textrm" | "mathsf" | "operatorname" | "mathbf" | "bf" => {
                    self.one(true, level, depth + 1);
                }
                "mathit" | "mathcal" | "left" | "right" | "big" | "Big" | "displaystyle" => {}
                "frac" => {
                    self.one(upright, level, depth + 1);
                    self.push("/", Style::Upright, level);
                    self.one(upright, level, depth + 1);
                }
                "sqrt" => {
                    self.push("√", Style::Upright, level);
                    self.one(upright, level, depth + 1);
                }
                _ => self.push(&name, Style::Upright, level),
            }
        }
    }
}

fn greek(name: &str) -> Option<char> {
    const LETTERS: [(&str, char); 37] = [
        ("alpha", 'α'),
        ("beta", 'β'),
        ("gamma", 'γ'),
        ("delta", 'δ'),
        ("epsilon", 'ϵ'),
        ("varepsilon", 'ε'),
        ("zeta", 'ζ'),
        ("eta", 'η'),
        ("theta", 'θ'),
        ("iota", 'ι'),
        ("kappa", 'κ'),
        ("lambda", 'λ'),
        ("mu", 'μ'),
        ("nu", 'ν'),
        ("xi", 'ξ'),
        ("pi", 'π'),
        ("rho", 'ρ'),
        ("sigma", 'σ'),
        ("tau", 'τ'),
        ("upsilon", 'υ'),
        ("phi", 'φ'),
        ("varphi", 'φ'),
        ("chi", 'χ'),
        ("psi", 'ψ'),
        ("omega", 'ω'),
        ("ell", 'ℓ'),
        ("Gamma", 'Γ'),
        ("Delta", 'Δ'),
        ("Theta", 'Θ'),
        ("Lambda", 'Λ'),
        ("Xi", 'Ξ'),
        ("Pi", 'Π'),
        ("Sigma", 'Σ'),
        ("Phi", 'Φ'),
        ("Psi", 'Ψ'),
        ("Omega", 'Ω'),
        ("Upsilon", 'Υ'),
    ];
    LETTERS.iter().find(|(n, _)| *n == name).map(|(_, letter)| *letter)
}

fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "times" => "×",
        "cdot" => "·",
        "pm" => "±",
        "infty" => "∞",
        "odot" => "⊙",
        "star" => "⋆",
        "prime" => "′",
        "partial" => "∂",
        "nabla" => "∇",
        "sum" => "∑",
        "int" => "∫",
        "propto" => "∝",
        "approx" => "≈",
        "leq" | "le" => "≤",
        "geq" | "ge" => "≥",
        "equiv" => "≡",
        "langle" => "⟨",
        "rangle" => "⟩",
        "Vert" | "|" => "‖",
        "vert" | "mid" => "|",
        "quad" => "\u{2003}",
        "ln" => "ln\u{2009}",
        "log" => "log\u{2009}",
        "exp" => "exp\u{2009}",
        "det" => "det\u{2009}",
        "hbar" => "ħ",
        _ => return None,
    })
}

fn accent(name: &str) -> Option<char> {
    Some(match name {
        "hat" | "widehat" => '\u{302}',
        "tilde" | "widetilde" => '\u{303}',
        "bar" | "overline" => '\u{304}',
        "dot" => '\u{307}',
        "vec" => '\u{20d7}',
        _ => return None,
    })
}

/// With the characters that XML reserves, and those it forbids, replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\r' => {}
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// As HTML, with `<sub>`, `<sup>` and the class `f` for formulas.
pub(super) fn html(label: &[Span]) -> String {
    let one = |span: &Span| {
        let text = escape(&span.text);
        let text = match span.style {
            Style::Words => text,
            Style::Upright => format!("<span class=\"f\">{text}</span>"),
            Style::Italic => format!("<i class=\"f\">{text}</i>"),
        };
        match span.level {
            -1 => format!("<sub>{text}</sub>"),
            1 => format!("<sup>{text}</sup>"),
            _ => text,
        }
    };
    label.iter().map(one).collect()
}

/// As plain text: `Ω_m`, `r^2`.
pub(super) fn text(label: &[Span]) -> String {
    let one = |span: &Span| match span.level {
        -1 => format!("_{}", span.text),
        1 => format!("^{}", span.text),
        _ => span.text.clone(),
    };
    label.iter().map(one).collect()
}

/// As the inside of an SVG `<text>` of this size.
pub(super) fn svg(label: &[Span], size: f64) -> String {
    const SMALL: f64 = 0.72;
    let lift = |level: i8| match level {
        -1 => 0.22 * size,
        1 => -0.38 * size,
        _ => 0.0,
    };
    let mut out = String::new();
    let mut at = 0.0;
    for span in label {
        let serif = if span.style == Style::Words { "" } else { " font-family=\"@serif\"" };
        let serif = serif.replace("@serif", SERIF);
        let italic = if span.style == Style::Italic { " font-style=\"italic\"" } else { "" };
        let scale = if span.style == Style::Words { 1.0 } else { 1.08 };
        let size = size * if span.level == 0 { scale } else { SMALL * scale };
        let dy = lift(span.level) - at;
        at = lift(span.level);
        let dy = if dy == 0.0 { String::new() } else { format!(" dy=\"{dy:.1}\"") };
        out.push_str(&format!("<tspan{dy} font-size=\"{size:.1}\"{serif}{italic}>{}</tspan>", escape(&span.text)));
    }
    out
}

/// Faces for formulas.
pub(super) const SERIF: &str = "STIX Two Text, Cambria, Times New Roman, Liberation Serif, DejaVu Serif, serif";

/// Keeps a number and its percent sign on one line.
pub(super) fn nbsp(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_field_read_as_they_should() {
        let cases = [
            (r"\Omega_m", "Ω_m"),
            (r"\Omega_{\rm m}h^2", "Ω_mh^2"),
            (r"\sigma_8", "σ_8"),
            (r"w_0", "w_0"),
            (r"\ln(10^{10}A_\mathrm{s})", "ln\u{2009}(10^10A_s)"),
            (r"\Delta M\,[\mathrm{mag}]", "ΔM\u{2009}[mag]"),
            (r"\hat\theta", "θ\u{302}"),
            (r"\frac{a}{b}", "a/b"),
            (r"\unknown", "unknown"),
            (r"50\%", "50%"),
        ];
        for (formula, expected) in cases {
            assert_eq!(text(&latex(formula)), expected, "{formula}");
        }
        assert_eq!(html(&latex(r"\Omega_m")), "<span class=\"f\">Ω</span><sub><i class=\"f\">m</i></sub>");
    }

    #[test]
    fn broken_latex_does_no_harm() {
        for formula in ["\\", "{", "}", "_", "a^", "\\frac", "\\hat", "\\sqrt{", &"{".repeat(100_000), "\\mathrm"] {
            let _ = svg(&latex(formula), 12.0);
        }
    }

    #[test]
    fn reserved_and_forbidden_characters_are_replaced() {
        assert_eq!(escape("<a & \"b\">\u{0}"), "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}");
    }
}
