//! The shape of an array against the axes that are expected, with errors that name the axis.

use super::Axis;
use crate::error::{Error, Result};

/// Invalid input unless the shape has these axes, none of them empty.
pub(super) fn check(shape: &[usize], axes: &[Axis]) -> Result<()> {
    let name = |axis: &Axis| axis.0.split(':').next().unwrap_or_default().to_owned();
    let expected: Vec<String> = axes.iter().map(|a| a.1.map_or_else(|| name(a), |n| n.to_string())).collect();
    let refused = |what: String| {
        let message = format!("{what} (the shape is {}, expected ({}))", tuple(shape), expected.join(", "));
        Err(Error::invalid_input(message).remedy("write the array with these axes, the last one fastest"))
    };
    if shape.len() != axes.len() {
        let names: Vec<String> = axes.iter().map(name).collect();
        return refused(format!("the array has {} axes, expected {}: {}", shape.len(), axes.len(), names.join(", ")));
    }
    for (k, (axis, n)) in axes.iter().zip(shape).enumerate() {
        let along = axis.0.split_once(':').map(|(_, along)| format!(":{along}")).unwrap_or_default();
        match axis.1 {
            Some(length) if *n != length => {
                return refused(format!("axis {k} ({}) has length {n}, expected {length}{along}", name(axis)));
            }
            _ if *n == 0 => return refused(format!("axis {k} ({}) is empty", name(axis))),
            _ => {}
        }
    }
    Ok(())
}

/// The indices of element k.
pub(super) fn position(mut k: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for (index, n) in indices.iter_mut().zip(shape).rev() {
        *index = k % n;
        k /= n;
    }
    indices
}

/// As Python writes it.
pub(super) fn tuple(numbers: &[usize]) -> String {
    let comma = if numbers.len() == 1 { "," } else { "" };
    format!("({}{comma})", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}
