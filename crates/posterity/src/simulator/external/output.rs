//! Data from the file that a program leaves: numpy's `.npy`, or one array of an `.npz`.

use super::settings::Format;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Reads an array of this shape into `data`; f32 becomes f64, NaN and infinity stay. What is wrong comes as a sentence.
///
/// Of an archive, `array` names the array; without a name there must be one alone.
pub(super) fn read_output(
    path: &Path,
    format: Format,
    array: Option<&str>,
    shape: &[usize],
    data: &mut [f64],
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "the program wrote no output file".to_owned(),
        _ => format!("the output file cannot be read: {error}"),
    })?;
    match format {
        Format::Npy => {
            let no_array = |error| format!("the output is no array in numpy's format ({error})");
            read_array(npyz::NpyFile::new(BufReader::new(file)).map_err(no_array)?, shape, data)
        }
        Format::Npz => {
            let no_archive = |error: std::io::Error| format!("the output is no archive in numpy's format ({error})");
            let mut archive = npyz::npz::NpzArchive::new(BufReader::new(file)).map_err(no_archive)?;
            let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
            let name = match (array, names.as_slice()) {
                (Some(name), _) => name,
                (None, [only]) => only,
                (None, _) => return Err(format!("the output has {} arrays and none is chosen", names.len())),
            };
            let found = archive.by_name(name).map_err(no_archive)?;
            let absent = || format!("the output has no array `{name}`, but {}", names.join(", "));
            read_array(found.ok_or_else(absent)?, shape, data)
        }
    }
}

fn read_array<R: Read>(npy: npyz::NpyFile<R>, shape: &[usize], data: &mut [f64]) -> Result<(), String> {
    let found = npy.shape().to_vec();
    if found != shape.iter().map(|n| *n as u64).collect::<Vec<_>>() {
        return Err(format!("the output has the shape {found:?}, not {shape:?}"));
    }
    if shape.len() > 1 && npy.order() == npyz::Order::Fortran {
        return Err("the output is in Fortran order; write numpy.ascontiguousarray(array)".into());
    }
    let descr = npy.dtype().descr();
    let real = match npy.dtype() {
        npyz::DType::Plain(plain) if plain.type_char() == npyz::TypeChar::Float => plain.size_field(),
        _ => 0,
    };
    let ended = |error: std::io::Error| format!("the output ends early ({error})");
    match real {
        8 => fill(npy.data::<f64>().map_err(|error| error.to_string())?, data).map_err(ended),
        4 => fill(npy.data::<f32>().map_err(|error| error.to_string())?.map(|x| x.map(f64::from)), data).map_err(ended),
        _ => Err(format!("the elements of the output are of type {descr}, not f4 or f8")),
    }
}

fn fill(numbers: impl Iterator<Item = std::io::Result<f64>>, data: &mut [f64]) -> std::io::Result<()> {
    let mut numbers = numbers;
    for d in data {
        *d = numbers.next().ok_or(std::io::ErrorKind::UnexpectedEof)??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::WriterBuilder;
    use std::path::PathBuf;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("posterity-output-{}-{name}", std::process::id()))
    }

    fn npy<T: npyz::AutoSerialize + Copy>(values: &[T], shape: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().expect("begun");
        writer.extend(values.iter().copied()).expect("written");
        writer.finish().expect("finished");
        bytes
    }

    fn outcome(bytes: &[u8], name: &str) -> Result<Vec<f64>, String> {
        let path = file(name);
        std::fs::write(&path, bytes).expect("written");
        let mut data = [0.0; 6];
        let outcome = read_output(&path, Format::Npy, None, &[2, 3], &mut data);
        std::fs::remove_file(path).expect("removed");
        outcome.map(|()| data.to_vec())
    }

    #[test]
    fn arrays_are_read_and_faults_are_said() {
        let numbers = [1.0, 2.5, -3.0, 4.0, f64::INFINITY, 6.0];
        assert_eq!(outcome(&npy(&numbers, &[2, 3]), "a.npy").expect("read"), numbers);
        assert_eq!(outcome(&npy(&numbers.map(|x| x as f32), &[2, 3]), "b.npy").expect("read"), numbers);
        let cut = &npy(&numbers, &[2, 3])[..150];
        for (bytes, part) in [
            (b"hello".to_vec(), "no array in numpy's format"),
            (npy(&numbers, &[6]), "has the shape [6], not [2, 3]"),
            (npy(&numbers, &[3, 2]), "has the shape [3, 2]"),
            (npy(&[1_i64; 6], &[2, 3]), "of type '<i8', not f4 or f8"),
            (cut.to_vec(), "ends early"),
        ] {
            let error = outcome(&bytes, "c.npy").expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let mut none = [0.0; 6];
        let error = read_output(Path::new("absent.npy"), Format::Npy, None, &[6], &mut none).expect_err("absent");
        assert_eq!(error, "the program wrote no output file");
    }

    #[test]
    fn an_archive_gives_the_array_that_is_named() {
        let path = file("d.npz");
        let mut archive = npyz::npz::NpzWriter::create(&path).expect("made");
        for (name, numbers) in [("data", [1.0, 2.0]), ("other", [3.0, 4.0])] {
            let writer = archive.array(name, Default::default()).expect("begun").default_dtype().shape(&[2]);
            let mut writer = writer.begin_nd().expect("begun");
            writer.extend(numbers).expect("written");
            writer.finish().expect("finished");
        }
        drop(archive);
        let mut data = [0.0; 2];
        let mut read = |array| read_output(&path, Format::Npz, array, &[2], &mut data).map(|()| data);
        assert_eq!(read(Some("other")), Ok([3.0, 4.0]));
        assert_eq!(read(None), Err("the output has 2 arrays and none is chosen".to_owned()));
        assert!(read(Some("none")).expect_err("absent").starts_with("the output has no array `none`, but "));
        std::fs::write(&path, b"PK no archive").expect("written");
        assert!(read(None).expect_err("garbage").contains("no archive in numpy's format"));
        std::fs::remove_file(path).expect("removed");
    }
}
