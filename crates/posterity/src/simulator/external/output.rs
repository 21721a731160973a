//! Data from the file that a program leaves: numpy's `.npy`, or one array of an `.npz`.

use crate::npy;
use std::path::Path;

/// Reads an array of this shape into `data`; f32 becomes f64, NaN and infinity stay. What is wrong comes as a sentence.
///
/// Of an archive, `array` names the array; without a name there must be one alone.
pub(super) fn read_output(path: &Path, array: Option<&str>, shape: &[usize], data: &mut [f64]) -> Result<(), String> {
    // Read and not mapped: the program may write it again.
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "the program wrote no output file".to_owned(),
        _ => format!("the output file cannot be read: {error}"),
    })?;
    npy::simulation(&bytes, array, shape, data).map_err(|error| format!("the output file: {error}"))
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
        let outcome = read_output(&path, None, &[2, 3], &mut data);
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
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(), "its header is too long"),
            (npy(&numbers, &[6]), "(the shape is (6,), expected (2, 3)); write array.reshape(2, 3)"),
            (npy(&numbers, &[3, 2]), "has length 3, expected 2"),
            (npy(&[1_i64; 6], &[2, 3]), "of type '<i8', not f4 or f8"),
            (cut.to_vec(), "the file ends before an array of shape (2, 3) does"),
        ] {
            let error = outcome(&bytes, "c.npy").expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let mut none = [0.0; 6];
        let error = read_output(Path::new("absent.npy"), None, &[6], &mut none).expect_err("absent");
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
        let mut read = |array| read_output(&path, array, &[2], &mut data).map(|()| data);
        assert_eq!(read(Some("other")), Ok([3.0, 4.0]));
        let error = read(None).expect_err("two");
        assert_eq!(
            error,
            "the output file: the archive holds 2 arrays, and none is named; the arrays there are: data, other"
        );
        assert!(read(Some("none")).expect_err("absent").starts_with("the output file: there is no array `none`; "));
        std::fs::write(&path, b"PK no archive").expect("written");
        assert!(read(None).expect_err("garbage").contains("no whole archive of numpy's"));
        std::fs::remove_file(path).expect("removed");
    }
}
