//! The drawing layer of the figures: shapes and labels as SVG text.
//!
//! Written here and not drawn with plotters, because its SVG back end sets a label as one run of characters (no sub- or
//! superscripts), and has no dashes, no clipping and no even-odd fill, all of which contours of posteriors need.

use super::label::{self, Span};
use std::fmt::Write as _;

/// Faces for words and numbers.
pub(super) const SANS: &str = "Inter, Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif";
/// Ink of axes and words.
pub(super) const INK: &str = "#222222";
/// Ink of grids and things in the background.
pub(super) const PALE: &str = "#d9d9d9";
/// Ink of second rank: truth, best iteration, exact curves' neighbours.
pub(super) const GREY: &str = "#6b6b6b";
/// Colours that the colour-blind can tell apart (Okabe & Ito 2008).
pub(super) const BLUE: &str = "#0072B2";
/// As [`BLUE`].
pub(super) const VERMILLION: &str = "#D55E00";
/// As [`BLUE`].
pub(super) const GREEN: &str = "#009E73";
/// As [`BLUE`].
pub(super) const PURPLE: &str = "#CC79A7";
/// As [`BLUE`].
pub(super) const ORANGE: &str = "#E69F00";
/// In the order in which methods take them.
pub(super) const PALETTE: [&str; 6] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, "#56B4E9"];
/// Size of numbers on axes, in user units (pixels at the page's width).
pub(super) const SMALL: f64 = 15.0;
/// Size of words.
pub(super) const MEDIUM: f64 = 16.0;
/// Size of the names of axes.
pub(super) const LARGE: f64 = 19.0;

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    pub(super) width: f64,
    /// SVG dash pattern, empty for a full line.
    pub(super) dash: &'static str,
}

/// A full line.
pub(super) fn stroke(colour: &'static str, width: f64) -> Stroke {
    Stroke { colour, width, dash: "" }
}

/// A dashed line.
pub(super) fn dashed(colour: &'static str, width: f64, dash: &'static str) -> Stroke {
    Stroke { colour, width, dash }
}

impl Stroke {
    fn attributes(&self) -> String {
        let dash = if self.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", self.dash) };
        format!(
            "stroke=\"{}\" stroke-width=\"{}\"{dash} stroke-linejoin=\"round\" stroke-linecap=\"round\"",
            self.colour, self.width
        )
    }
}

/// Where a label stands about its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A figure in the making.
pub(super) struct Svg {
    id: String,
    title: String,
    width: f64,
    height: f64,
    body: String,
    n_clips: usize,
}

// Writing to a String cannot fail, so the results of write! below are let go.
impl Svg {
    /// Empty; `id` tells its clip paths from other figures' on the same page, `title` is read aloud.
    pub(super) fn new(id: &str, title: &str, width: f64, height: f64) -> Self {
        Self { id: id.into(), title: title.into(), width, height, body: String::new(), n_clips: 0 }
    }

    /// Broken where a point is not finite.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], line: Stroke) {
        let mut path = String::new();
        for run in points.split(|p| !(p.0.is_finite() && p.1.is_finite())).filter(|run| !run.is_empty()) {
            path.push_str(&path_of(run));
        }
        if !path.is_empty() {
            let _ = writeln!(self.body, "<path d=\"{path}\" fill=\"none\" {}/>", line.attributes());
        }
    }

    /// Closed curves, filled by the even-odd rule and outlined.
    pub(super) fn rings(&mut self, rings: &[Vec<(f64, f64)>], fill: Option<(&str, f64)>, line: Option<Stroke>) {
        let path: String = rings.iter().filter(|r| r.len() > 1).map(|ring| path_of(ring) + "Z").collect();
        if path.is_empty() {
            return;
        }
        let fill = fill.map_or("fill=\"none\"".to_string(), |(colour, opacity)| {
            format!("fill=\"{colour}\" fill-opacity=\"{opacity}\" fill-rule=\"evenodd\"")
        });
        let line = line.map_or("stroke=\"none\"".to_string(), |line| line.attributes());
        let _ = writeln!(self.body, "<path d=\"{path}\" {fill} {line}/>");
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), line: Stroke) {
        self.polyline(&[from, to], line);
    }

    /// A rectangle with an outline.
    pub(super) fn frame(&mut self, left: f64, top: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"none\" {}/>",
            stroke(INK, 1.2).attributes()
        );
    }

    /// A filled rectangle.
    pub(super) fn block(&mut self, left: f64, top: f64, width: f64, height: f64, colour: &str, opacity: f64) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" \
             fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A picture stretched over the rectangle, its pixels as squares.
    pub(super) fn image(&mut self, [left, top, width, height]: [f64; 4], uri: &str) {
        let _ = writeln!(
            self.body,
            "<image x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             preserveAspectRatio=\"none\" style=\"image-rendering:optimizeSpeed;image-rendering:pixelated\" \
             href=\"{uri}\"/>"
        );
    }

    /// A filled disc with a white rim.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str) {
        if x.is_finite() && y.is_finite() {
            let _ = writeln!(
                self.body,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"white\" \
                 stroke-width=\"1\"/>"
            );
        }
    }

    /// A label with its baseline at (x, y).
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, size: f64, colour: &str, label: &[Span]) {
        self.text_turned((x, y), anchor, size, colour, label, false);
    }

    /// A label, where wanted turned to read upwards.
    pub(super) fn text_turned(
        &mut self,
        (x, y): (f64, f64),
        anchor: Anchor,
        size: f64,
        colour: &str,
        label: &[Span],
        upwards: bool,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if upwards { format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"") } else { String::new() };
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\"{turn}>{}\
             </text>",
            label::svg(label, size)
        );
    }

    /// What is drawn by `draw` shows inside the rectangle only.
    pub(super) fn clipped(&mut self, rectangle: [f64; 4], draw: impl FnOnce(&mut Self)) {
        let [left, top, width, height] = rectangle;
        let id = format!("{}-{}", self.id, self.n_clips);
        self.n_clips += 1;
        let _ = writeln!(
            self.body,
            "<clipPath id=\"{id}\"><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\
             </clipPath>\n<g clip-path=\"url(#{id})\">"
        );
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// The whole figure.
    pub(super) fn finish(self) -> String {
        let Self { title, width, height, body, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"{SANS}\" role=\"img\">\n<title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n",
            label::escape(&title)
        )
    }
}

fn path_of(points: &[(f64, f64)]) -> String {
    // Beyond this the picture is clipped anyway, and renderers differ on larger numbers.
    let clamp = |v: f64| v.clamp(-1e5, 1e5);
    let mut path = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, clamp(x), clamp(y));
    }
    path
}
