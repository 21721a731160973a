//! Arrays of real numbers in numpy's `.npy` files: f32 or f64, C order, every number finite.

use crate::error::{Error, Result};
use crate::whole_file::write_whole;
use npyz::WriterBuilder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// An array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements, last axis fastest.
    pub data: Vec<f64>,
}

/// What is known of an axis before the file is read: its name, and its length where that is fixed.
pub type Axis<'a> = (&'a str, Option<usize>);

/// Reads an array of the given axes; f32 becomes f64.
///
/// # Errors
/// Io; corrupt file, where it is not in numpy's format or ends early; invalid input, where the elements are not f32 or
/// f64, the order is Fortran's, the shape is another, or a number is not finite.
pub fn read(path: &Path, axes: &[Axis]) -> Result<Array> {
    read_here(path, axes).map_err(|error| error.in_file(path))
}

fn read_here(path: &Path, axes: &[Axis]) -> Result<Array> {
    let file = File::open(path).map_err(|error| Error::io(path, &error))?;
    let size = file.metadata().map_err(|error| Error::io(path, &error))?.len();
    let npy = npyz::NpyFile::new(BufReader::new(file)).map_err(|error| {
        Error::corrupt_file(format!("this is no array in numpy's format ({error})")).remedy("write it with numpy.save")
    })?;
    let item_size = item_size(&npy)?;
    let shape: Vec<usize> = npy.shape().iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).collect();
    check_shape(&shape, axes)?;
    if shape.len() > 1 && npy.order() == npyz::Order::Fortran {
        return Err(Error::invalid_input("the array is in Fortran order")
            .remedy("write numpy.ascontiguousarray(array) with numpy.save"));
    }
    // Asked before anything is allocated: a damaged header can claim any size.
    let n = shape.iter().try_fold(1_usize, |n, length| n.checked_mul(*length));
    let n = n.filter(|n| n.checked_mul(item_size).is_some_and(|bytes| bytes as u64 <= size));
    let n = n.ok_or_else(|| {
        Error::corrupt_file(format!("the file ends before an array of shape {} does", tuple(&shape)))
            .remedy("copy or write it again")
    })?;
    let data = elements(npy, item_size, n)?;
    if let Some(k) = data.iter().position(|x| !x.is_finite()) {
        return Err(Error::invalid_input(format!("element {} is {}", tuple(&position(k, &shape)), data[k]))
            .remedy("take out simulations that failed"));
    }
    Ok(Array { shape, data })
}

fn item_size<R: Read>(npy: &npyz::NpyFile<R>) -> Result<usize> {
    let npyz::DType::Plain(plain) = npy.dtype() else {
        return Err(not_real(&npy.dtype()));
    };
    match (plain.type_char(), plain.size_field()) {
        (npyz::TypeChar::Float, 8) => Ok(8),
        (npyz::TypeChar::Float, 4) => Ok(4),
        _ => Err(not_real(&npy.dtype())),
    }
}

fn not_real(dtype: &npyz::DType) -> Error {
    Error::invalid_input(format!("the elements are of type {}, not f4 or f8", dtype.descr()))
        .remedy("write array.astype(float) with numpy.save")
}

/// The `n` elements, and no byte after them.
fn elements<R: Read>(npy: npyz::NpyFile<R>, item_size: usize, n: usize) -> Result<Vec<f64>> {
    let damaged = |message: String| Error::corrupt_file(message).remedy("copy or write it again");
    let header = npy.header().clone();
    let mut reader = npy.into_inner();
    let mut raw = Vec::with_capacity(n * item_size);
    let ended = |error: std::io::Error| damaged(format!("the file ends early ({error})"));
    reader.read_to_end(&mut raw).map_err(ended)?;
    if raw.len() != n * item_size {
        return Err(damaged(format!("{} bytes of elements, where {n} of {item_size} are wanted", raw.len())));
    }
    let file = npyz::NpyFile::with_header(header, raw.as_slice());
    if item_size == 8 {
        file.into_vec::<f64>().map_err(ended)
    } else {
        Ok(file.into_vec::<f32>().map_err(ended)?.into_iter().map(f64::from).collect())
    }
}

fn check_shape(shape: &[usize], axes: &[Axis]) -> Result<()> {
    let wanted: Vec<String> =
        axes.iter().map(|(name, length)| length.map_or((*name).to_string(), |n| n.to_string())).collect();
    let wanted = format!("({})", wanted.join(", "));
    let refused = |what: String| {
        Err(Error::invalid_input(format!("{what}: the shape is {}, where {wanted} is wanted", tuple(shape)))
            .remedy("write the array with these axes, the last one fastest"))
    };
    if shape.len() != axes.len() {
        return refused(format!("{} axes, not {}", shape.len(), axes.len()));
    }
    for (k, ((name, length), n)) in axes.iter().zip(shape).enumerate() {
        match length {
            Some(length) if n != length => return refused(format!("axis {k} ({name}) has length {n}, not {length}")),
            _ if *n == 0 => return refused(format!("axis {k} ({name}) is empty")),
            _ => {}
        }
    }
    Ok(())
}

/// The indices of element k.
fn position(mut k: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for (index, n) in indices.iter_mut().zip(shape).rev() {
        *index = k % n;
        k /= n;
    }
    indices
}

fn tuple(numbers: &[usize]) -> String {
    format!("({})", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// Writes an array of f64, under a temporary name that becomes `path` when it is complete.
///
/// # Errors
/// Io; invalid input, if there are not as many elements as the shape says.
pub fn write(path: &Path, shape: &[usize], data: &[f64]) -> Result<()> {
    if shape.iter().product::<usize>() != data.len() {
        return Err(Error::invalid_input(format!("{} elements do not have the shape {}", data.len(), tuple(shape))));
    }
    let shape: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    write_whole(path, |file| {
        let write = || -> std::io::Result<()> {
            let mut npy = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            npy.extend(data.iter().copied())?;
            npy.finish()
        };
        write().map_err(|error| Error::io(path, &error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("posterity-npy-{name}-{}.npy", std::process::id()))
    }

    /// The bytes of a version 1 file, as the format's definition lays them out.
    fn bytes(descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).expect("short").to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), elements].concat()
    }

    const AXES: [Axis; 2] = [("n_s", None), ("n_data", Some(2))];

    fn outcome(name: &str, bytes: &[u8]) -> Result<Array> {
        let path = file(name);
        std::fs::write(&path, bytes).expect("written");
        let outcome = read(&path, &AXES);
        std::fs::remove_file(&path).expect("removed");
        outcome
    }

    #[test]
    fn what_is_written_is_read() {
        let path = file("round");
        let data: Vec<f64> = (0..24).map(|i| (f64::from(i) * 0.37).sin() * 1e-300).collect();
        write(&path, &[2, 3, 4], &data).expect("written");
        let array = read(&path, &[("a", None), ("b", Some(3)), ("c", Some(4))]).expect("read");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(array, Array { shape: vec![2, 3, 4], data });
        assert!(write(&path, &[2, 2], &[0.0; 5]).expect_err("shape").is_invalid_input());
        assert!(write(Path::new("/nowhere/at/all.npy"), &[1], &[0.0]).expect_err("folder").is_io());
    }

    #[test]
    fn single_precision_and_the_other_byte_order_are_read() {
        let numbers = [1.5_f32, -2.25, 3.0, 1e-3];
        let little: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let data: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
        assert_eq!(outcome("f4", &bytes("<f4", "False", "(2, 2)", &little)).expect("read").data, data);
        let big: Vec<u8> = data.iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(outcome("big", &bytes(">f8", "False", "(2, 2)", &big)).expect("read").data, data);
    }

    #[test]
    fn faults_are_named() {
        let of = |x: [f64; 4]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let good = of([1.0, 2.0, 3.0, 4.0]);
        let file = |descr, fortran, shape| bytes(descr, fortran, shape, &good);
        for (name, bytes, corrupt, message) in [
            ("garbage", b"PK\x03\x04 not numpy".to_vec(), true, "no array in numpy's format"),
            ("empty", vec![], true, "no array in numpy's format"),
            ("integers", file("<i8", "False", "(2, 2)"), false, "of type '<i8', not f4 or f8"),
            ("fortran", file("<f8", "True", "(2, 2)"), false, "in Fortran order; write numpy.ascontiguousarray"),
            (
                "length",
                file("<f8", "False", "(1, 4)"),
                false,
                "axis 1 (n_data) has length 4, not 2: the shape is (1, 4)",
            ),
            ("axes", file("<f8", "False", "(4,)"), false, "1 axes, not 2: the shape is (4), where (n_s, 2) is wanted"),
            ("none", bytes("<f8", "False", "(0, 2)", &[]), false, "axis 0 (n_s) is empty"),
            ("short", bytes("<f8", "False", "(2, 2)", &good[..31]), true, "31 bytes of elements"),
            ("long", bytes("<f8", "False", "(1, 2)", &good), true, "32 bytes of elements, where 2 of 8 are wanted"),
            ("huge", file("<f8", "False", "(900000000000, 2)"), true, "the file ends before an array of shape"),
            ("nan", bytes("<f8", "False", "(2, 2)", &of([1.0, 2.0, f64::NAN, 4.0])), false, "element (1, 0) is NaN"),
        ] {
            let error = outcome(name, &bytes).expect_err(name);
            assert!(error.is_corrupt_file() == corrupt && error.is_invalid_input() != corrupt, "{error}");
            assert!(error.to_string().contains(message) && error.to_string().contains(".npy: "), "{error}");
        }
        assert!(read(Path::new("absent.npy"), &AXES).expect_err("absent").is_io());
    }
}
