//! Power spectra, given and measured.

use super::super::*;
use super::{PLANCK, noise};
