//! Fields as images: colour maps of even lightness, and PNG files inside a page.
//!
//! A colour map is a path of few control points in OKLab, a space in which equal distances look equally far apart
//! (Ottosson 2020, "A perceptual color space for image processing"). Lightness grows evenly along it, so that a
//! step of the field looks the same everywhere, also in grey and to the colour-blind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A path through colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// Violet, blue, green, yellow: densities and what comes of them.
    Field,
    /// Black, purple, orange, cream: standard deviations.
    Spread,
}

/// Colours of a map; the last of the 256 is that of values that are not numbers.
const LEVELS: usize = 255;
/// Colour of values that are not numbers.
const UNKNOWN: [u8; 3] = [190, 190, 190];

impl Colours {
    /// First and last lightness, and the other two coordinates at even distances between.
    fn path(self) -> ([f64; 2], [[f64; 2]; 5]) {
        match self {
            Self::Field => {
                ([0.25, 0.92], [[0.085, -0.09], [0.0, -0.11], [-0.065, -0.02], [-0.12, 0.09], [-0.03, 0.17]])
            }
            Self::Spread => ([0.16, 0.96], [[0.02, -0.05], [0.10, -0.05], [0.14, 0.05], [0.06, 0.13], [-0.015, 0.07]]),
        }
    }

    /// In OKLab, t from 0 to 1.
    fn at(self, t: f64) -> [f64; 3] {
        let ([first, last], points) = self.path();
        let u = t * (points.len() - 1) as f64;
        let k = (u as usize).min(points.len() - 2);
        let f = u - k as f64;
        let mix = |c: usize| points[k][c] * (1.0 - f) + points[k + 1][c] * f;
        [first + (last - first) * t, mix(0), mix(1)]
    }

    /// The levels as sRGB, then the colour of what is not a number.
    fn table(self) -> [[u8; 3]; LEVELS + 1] {
        let mut table = [UNKNOWN; LEVELS + 1];
        for (i, colour) in table.iter_mut().take(LEVELS).enumerate() {
            *colour = srgb(self.at(i as f64 / (LEVELS - 1) as f64));
        }
        table
    }
}

fn srgb([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ];
    linear.map(|x| {
        let x = x.clamp(0.0, 1.0);
        let encoded = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        (255.0 * encoded).round() as u8
    })
}

/// A PNG of `width` columns as a data URI; `fractions` row after row from the top, 0 to 1, clipped there. `None` if that is
/// no picture.
pub(super) fn data_uri(fractions: &[f64], width: usize, colours: Colours) -> Option<String> {
    if width == 0 || fractions.is_empty() || !fractions.len().is_multiple_of(width) {
        return None;
    }
    let level = |f: &f64| if f.is_nan() { LEVELS as u8 } else { (f.clamp(0.0, 1.0) * 254.0).round() as u8 };
    let pixels: Vec<u8> = fractions.iter().map(level).collect();
    let (columns, rows) = (u32::try_from(width).ok()?, u32::try_from(fractions.len() / width).ok()?);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, columns, rows);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(colours.table().concat());
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_maps_are_inside_srgb_and_their_grey_grows() {
        for colours in [Colours::Field, Colours::Spread] {
            let grey = |c: &[u8; 3]| 0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2]);
            let table = colours.table();
            let greys: Vec<f64> = table[..LEVELS].iter().map(grey).collect();
            assert!(greys.windows(2).all(|w| w[1] > w[0] - 1.5), "{colours:?}");
            assert!(greys[0] < 40.0 && greys[LEVELS - 1] > 210.0, "{colours:?}");
            assert!(table[..LEVELS].windows(2).all(|w| (0..3).all(|c| w[0][c].abs_diff(w[1][c]) < 9)), "{colours:?}");
        }
        assert_eq!(srgb([1.0, 0.0, 0.0]), [255; 3]);
        assert_eq!(srgb([0.0, 0.0, 0.0]), [0; 3]);
    }

    #[test]
    fn a_picture_is_read_back_as_it_was() {
        let uri = data_uri(&[0.0, 1.0, f64::NAN, 2.0, -1.0, 0.5], 3, Colours::Field).expect("a picture");
        let file = STANDARD.decode(uri.strip_prefix("data:image/png;base64,").expect("a PNG")).expect("base64");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a header");
        let mut pixels = vec![0; 6];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(pixels, [0, 254, 255, 254, 0, 127]);
        assert_eq!(data_uri(&[], 0, Colours::Field), None);
        assert_eq!(data_uri(&[1.0; 5], 2, Colours::Field), None);
    }
}
