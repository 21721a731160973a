//! The shape of an array against the axes that are expected, with errors that name the axis.

use super::Axis;
use crate::error::{Error, Result};

/// Invalid input unless the shape has these axes, none of them empty.
pub(crate) fn check(shape: &[usize], axes: &[Axis]) -> Result<()> {
    let name = |axis: &Axis| axis.0.split(':').next().unwrap_or_default().to_owned();
    let along = |axis: &Axis| axis.0.split_once(':').map(|(_, along)| format!(":{along}")).unwrap_or_default();
    let expected: Vec<String> = axes.iter().map(|a| a.1.map_or_else(|| name(a), |n| n.to_string())).collect();
    let refused = |what: String| {
        let message = format!("{what} (the shape is {}, expected {})", tuple(shape), in_brackets(&expected));
        Err(Error::invalid_input(message).remedy(remedy(shape, axes)))
    };
    if shape.len() != axes.len() {
        let names: Vec<String> = axes.iter().map(name).collect();
        let (n, of) = (shape.len(), axes.last().map(along).unwrap_or_default());
        let plural = if n == 1 { "axis" } else { "axes" };
        return refused(format!("the array has {n} {plural}, expected {}: {}{of}", axes.len(), names.join(", ")));
    }
    for (k, (axis, n)) in axes.iter().zip(shape).enumerate() {
        match axis.1 {
            Some(length) if *n != length => {
                return refused(format!("axis {k} ({}) has length {n}, expected {length}{}", name(axis), along(axis)));
            }
            _ if *n == 0 => return refused(format!("axis {k} ({}) is empty", name(axis))),
            _ => {}
        }
    }
    Ok(())
}

/// How to write an array of this shape with the axes expected, where one step of numpy's does it.
fn remedy(shape: &[usize], axes: &[Axis]) -> String {
    let fits = |shape: &[usize]| {
        let fits = |(n, axis): (&usize, &Axis)| *n > 0 && axis.1.is_none_or(|length| length == *n);
        shape.len() == axes.len() && shape.iter().zip(axes).all(fits)
    };
    let without = |k: usize| [&shape[..k], &shape[k + 1..]].concat();
    if let Some(k) = (0..shape.len()).rev().find(|k| shape[*k] == 1 && fits(&without(*k))) {
        return format!("leave out the axis of length 1: write numpy.squeeze(array, {k})");
    }
    if axes.first().is_some_and(|axis| axis.1.is_none()) && fits(&[&[1], shape].concat()) {
        return "write array[None], if this is one simulation".to_owned();
    }
    let moved = |(from, to): &(usize, usize)| {
        let mut moved = without(*from);
        moved.insert(*to, shape[*from]);
        fits(&moved)
    };
    let last = shape.len().saturating_sub(1);
    let moves = (0..=last).rev().flat_map(|from| (0..=last).map(move |to| (from, to))).filter(|(from, to)| from != to);
    if let Some((from, to)) = moves.into_iter().find(|m| shape.len() == axes.len() && moved(m)) {
        return format!("if its axes are in another order, write numpy.moveaxis(array, {from}, {to}).copy()");
    }
    let size = |n: usize| (n > 0).then_some(n);
    let there = shape.iter().try_fold(1_usize, |n, length| n.checked_mul(*length)).and_then(size);
    let wanted = axes.iter().filter_map(|axis| axis.1).try_fold(1_usize, |n, length| n.checked_mul(length));
    let open = axes.iter().filter(|axis| axis.1.is_none()).count();
    let is_whole = there.zip(wanted.and_then(size)).is_some_and(|(n, of)| n % of == 0 && (open == 1 || n == of));
    if shape.len() != axes.len() && open < 2 && is_whole {
        let lengths: Vec<String> = axes.iter().map(|a| a.1.map_or_else(|| "-1".into(), |n| n.to_string())).collect();
        let reshape = format!("array.reshape({})", lengths.join(", "));
        // Which of the two is right cannot be told where this one has more axes, or the other has empty ones.
        return if shape.len() > axes.len() || axes.iter().any(|axis| axis.1 == Some(1)) {
            format!("write all arrays with the same axes: the others as this one, or {reshape} here")
        } else {
            format!("write {reshape}, if this is its order")
        };
    }
    let first = if axes.first().is_some_and(|axis| axis.1.is_none()) { ", simulations along the first" } else { "" };
    format!("write the array with these axes{first}, the last one fastest")
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
    in_brackets(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn in_brackets(parts: &[String]) -> String {
    format!("({}{})", parts.join(", "), if parts.len() == 1 { "," } else { "" })
}
