//! Arrays come back as they were written, mapped or not, from files and archives; every fault is named.

use super::*;
use crate::digest;
use std::path::PathBuf;

/// A file of its own, removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("posterity-npy-{name}-{}.npy", std::process::id()));
        std::fs::write(&path, bytes).expect("written");
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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

fn of(x: &[f64]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A stored zip of these members, as the format's definition lays them out; `pad` bytes before the first.
fn zip(members: &[(&str, &[u8])], extra: usize) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let name = format!("{name}.npy");
        let mut crc = !0_u32;
        for byte in *content {
            crc ^= u32::from(*byte);
            (0..8).for_each(|_| crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()));
        }
        let size = (content.len() as u32).to_le_bytes();
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 33, 0][..], &(!crc).to_le_bytes(), &size, &size].concat();
        let length = (name.len() as u16).to_le_bytes();
        let offset = (zip.len() as u32).to_le_bytes();
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &about, &length, &[0; 12], &offset, name.as_bytes()].concat());
        let extra_length = (extra as u16).to_le_bytes();
        zip.extend([&b"PK\x03\x04"[..], &about, &length, &extra_length, name.as_bytes(), &vec![0; extra]].concat());
        zip.extend_from_slice(content);
    }
    let n = (members.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (zip.len() as u32).to_le_bytes());
    [&zip[..], &directory, b"PK\x05\x06\0\0\0\0", &n, &n, &size, &start, &[0, 0]].concat()
}

const AXES: [Axis; 2] = [("n_s", None), ("parameter: a, b", Some(2))];

#[test]
fn what_is_written_is_read_and_mapped() {
    let file = Temporary::new("round", b"");
    let data: Vec<f64> = (0..24).map(|i| (f64::from(i) * 0.37).sin() * 1e-300).collect();
    write(&file.0, &[2, 3, 4], &data).expect("written");
    let axes = [("a", None), ("b", Some(3)), ("c", Some(4))];
    assert_eq!(read(&file.0, &axes).expect("read"), Array { shape: vec![2, 3, 4], data: data.clone() });
    assert_eq!(shape(&file.0, None).expect("read"), [2, 3, 4]);
    let mut rows = map(&file.0, None, &axes).expect("mapped").rows;
    assert!(rows.is_on_disk() && rows.as_slice() == Some(&data[..]));
    let part = rows.slice(4..12).slice(2..100);
    assert!(part.is_on_disk() && part.as_slice() == Some(&data[6..12]), "{part:?}");
    assert_eq!(rows.slice(30..40).len(), 0);
    rows.to_mut().expect("read")[0] = 7.0;
    let now = rows.as_slice().expect("in memory");
    assert!(!rows.is_on_disk() && now[0] == 7.0 && now[1..] == data[1..]);
    assert_eq!(part.into_vec().expect("read"), data[6..12]);
    assert!(write(&file.0, &[2, 2], &[0.0; 5]).expect_err("shape").is_invalid_input());
    assert!(write(Path::new("/nowhere/at/all.npy"), &[1], &[0.0]).expect_err("folder").is_io());
}

#[test]
fn rows_are_shared_until_they_are_written_to() {
    let mut rows = Rows::from(vec![1.0, 2.0, 3.0, 4.0]);
    let at = |rows: &Rows| rows.as_slice().map(<[f64]>::as_ptr);
    let all = |rows: &Rows| rows.all().expect("in memory").into_owned();
    let place = at(&rows);
    rows.to_mut().expect("in memory")[3] = 5.0;
    assert_eq!(at(&rows), place, "nobody shares it: written in place");
    let (clone, mut part) = (rows.clone(), rows.slice(1..3));
    assert_eq!((at(&clone), at(&part)), (place, place.map(|place| place.wrapping_add(1))));
    part.become_room(3);
    rows.to_mut().expect("in memory")[0] = 9.0;
    assert_eq!((part.len(), all(&clone), all(&rows)), (3, vec![1.0, 2.0, 3.0, 5.0], vec![9.0, 2.0, 3.0, 5.0]));
    let place = at(&rows);
    rows.become_room(2);
    assert_eq!((at(&rows), rows.len()), (place, 2), "nobody shares it: its memory is used again");
}

#[test]
fn single_precision_and_the_other_byte_order_are_read() {
    let numbers = [1.5_f32, -2.25, 3.0, 1e-3];
    let little: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let data: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
    let big: Vec<u8> = data.iter().flat_map(|x| x.to_be_bytes()).collect();
    for (descr, elements) in [("<f4", little), (">f8", big)] {
        let file = bytes(descr, "False", "(2, 2)", &elements);
        assert_eq!(from_bytes(&file, None, &AXES).expect("read").data, data);
        let mapped = map(&Temporary::new(&descr[1..], &file).0, None, &AXES).expect("read").rows;
        assert!(mapped.is_on_disk() && mapped.as_slice().is_none() && *mapped.all().expect("read") == data[..]);
        assert_eq!(mapped.reader().read(1..3).expect("read"), &data[1..3]);
    }
}

#[test]
fn archives_are_read_by_name_and_mapped_where_they_can_be() {
    let (a, b) = (bytes("<f8", "False", "(1, 2)", &of(&[1.0, 2.0])), bytes("<f8", "False", "(1, 2)", &of(&[3.0, 4.0])));
    let both = zip(&[("a", &a), ("b", &b)], 0);
    assert_eq!(from_bytes(&both, Some("b"), &AXES).expect("read").data, [3.0, 4.0]);
    let text = |name| from_bytes(&both, name, &AXES).expect_err("refused").to_string();
    assert_eq!(text(None), "the archive holds 2 arrays, and none is named; the arrays there are: a, b");
    assert_eq!(text(Some("c")), "there is no array `c`; the arrays there are: a, b");
    // 30 bytes and the name `a.npy` before the array: 5 more make a multiple of 8.
    for (extra, is_aligned) in [(0, false), (5, true)] {
        let file = Temporary::new(&format!("zip-{extra}"), &zip(&[("a", &a)], extra));
        let rows = map(&file.0, None, &AXES).expect("read").rows;
        assert!(rows.is_on_disk() && rows.as_slice().is_some() == is_aligned);
        assert_eq!(*rows.all().expect("read"), [1.0, 2.0]);
        assert_eq!(names(&file.0).expect("read"), ["a"]);
    }
    let nan = zip(&[("a", &bytes("<f8", "False", "(2,)", &of(&[f64::NAN, 2.0])))], 0);
    let mut data = [0.0; 2];
    simulation(&nan, None, &[2], &mut data).expect("NaN is for others to judge");
    assert!(data[0].is_nan() && data[1] == 2.0);
    let error = simulation(&nan, Some("a"), &[3], &mut data).expect_err("shape").to_string();
    assert!(error.starts_with("axis 0 (data) has length 2, expected 3 (the shape is (2,), expected (3,))"), "{error}");
    let error = simulation(&a, Some("a"), &[1, 2], &mut data).expect_err("no archive").to_string();
    assert!(error.starts_with("this is no archive that could hold an array `a`"), "{error}");
    for damage in 0..both.len() {
        let mut damaged = both.clone();
        damaged.truncate(damage);
        from_bytes(&damaged, Some("b"), &AXES).expect_err("cut short");
    }
}

/// What numpy writes: deflated, and text in four bytes a letter.
#[test]
fn deflated_arrays_and_words_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/npy/tests/deflated.npz");
    assert_eq!(names(&path).expect("read"), ["names", "x"]);
    assert_eq!(words(&path, Some("names")).expect("read"), ["omega_m", "σ8"]);
    let x = map(&path, Some("x"), &[("n", Some(1000))]).expect("read").rows;
    let numbers = x.all().expect("read");
    assert!(!x.is_on_disk() && numbers.iter().enumerate().all(|(i, x)| *x == (i / 100) as f64));
    // A size that cannot be is not believed: no memory is taken for it.
    let mut lie = std::fs::read(&path).expect("there");
    let entries: Vec<usize> = (0..lie.len() - 4).filter(|i| lie[*i..].starts_with(b"PK\x01\x02")).collect();
    entries.iter().for_each(|entry| lie[entry + 24..entry + 28].copy_from_slice(&[0xf0, 0xff, 0xff, 0x7f]));
    let error = from_bytes(&lie, Some("x"), &[("n", None)]).expect_err("a lie").to_string();
    assert!(error.contains("cannot have been packed so small"), "{error}");
    let error = words(&path, Some("x")).expect_err("numbers").to_string();
    assert!(error.contains("of type '<f8', expected text"), "{error}");
}

#[test]
fn faults_are_named() {
    let good = of(&[1.0, 2.0, 3.0, 4.0]);
    let file = |descr, fortran, shape| bytes(descr, fortran, shape, &good);
    for (bytes, corrupt, message) in [
        (file("<c8", "False", "(2, 2)"), false, "of type '<c8', not f4 or f8; write real and imaginary part"),
        (file("<f8", "False", "(2, 1, 2)"), false, "leave out the axis of length 1: write numpy.squeeze(array, 1)"),
        (file("<f8", "False", "(4,)"), false, "write array.reshape(-1, 2), if this is its order"),
        (file("<f8", "False", "(2,)"), false, "write array[None], if this is one simulation"),
        (
            file("<f8", "False", "(3, 3)"),
            false,
            "write the array with these axes, simulations along the first, the last",
        ),
        (b"not numpy".to_vec(), true, "no array in numpy's format"),
        (b"PK\x03\x04 not numpy".to_vec(), true, "no whole archive of numpy's"),
        (vec![], true, "no array in numpy's format"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(), true, "its header is too long"),
        (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), true, "ends within its header"),
        (b"\x93NUMPY\x07\x00\x01\x00{".to_vec(), true, "its version is unknown"),
        (file("<i8", "False", "(2, 2)"), false, "of type '<i8', not f4 or f8"),
        (file("<f8", "True", "(2, 2)"), false, "in Fortran order; write numpy.ascontiguousarray"),
        (
            file("<f8", "False", "(1, 4)"),
            false,
            "axis 1 (parameter) has length 4, expected 2: a, b (the shape is (1, 4), expected (n_s, 2))",
        ),
        (
            file("<f8", "False", "(4,)"),
            false,
            "the array has 1 axis, expected 2: n_s, parameter: a, b (the shape is (4,)",
        ),
        (bytes("<f8", "False", "(0, 2)", &[]), false, "axis 0 (n_s) is empty"),
        (file("<f8", "False", "(-1, 2)"), true, "its shape is not of whole numbers"),
        (bytes("<f8", "False", "(2, 2)", &good[..31]), true, "the file ends before an array of shape (2, 2) does"),
        (bytes("<f8", "False", "(1, 2)", &good), true, "32 bytes of elements, where 2 of 8 are expected"),
        (file("<f8", "False", "(900000000000, 2)"), true, "the file ends before an array of shape"),
        (file("<f8", "False", "(9223372036854775807, 2)"), true, "the file ends before an array of shape"),
        (bytes("<f8", "False", "(2, 2)", &of(&[1.0, 2.0, f64::NAN, 4.0])), false, "element (1, 0) is NaN"),
    ] {
        let file = Temporary::new("fault", &bytes);
        for error in
            [map(&file.0, None, &AXES).expect_err(message), from_bytes(&bytes, None, &AXES).expect_err(message)]
        {
            assert!(error.is_corrupt_file() == corrupt && error.is_invalid_input() != corrupt, "{error}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }
    assert!(read(Path::new("absent.npy"), &AXES).expect_err("absent").is_io());
    assert!(read(&std::env::temp_dir(), &AXES).expect_err("a folder").is_invalid_input());
}

/// The first NaN is told, whatever chunk it is in.
#[test]
fn the_first_of_many_nan_is_told() {
    let mut data = vec![0.0; 3 * CHUNK];
    for k in [2 * CHUNK + 5, CHUNK + 17, 3 * CHUNK - 1] {
        data[k] = f64::INFINITY;
    }
    let error = check_finite(&data, 0, &[3, CHUNK], "mend it").expect_err("there").to_string();
    assert!(error.contains("element (1, 17) is inf"), "{error}");
}

/// Rows whose numbers are 0, 1, 2, …, read where they are wanted, up to the first that cannot be read.
struct Counted(usize, usize);

impl Numbers for Counted {
    fn n(&self) -> usize {
        self.0
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(Counted(self.0, self.1))
    }
}

impl Cursor for Counted {
    fn read(&mut self, range: std::ops::Range<usize>, out: &mut Vec<f64>) -> Result<()> {
        if range.end > self.1 {
            return Err(Error::corrupt_file("no more"));
        }
        out.extend(range.map(|i| i as f64));
        Ok(())
    }
}

/// Whatever their source, rows come in blocks as they come at once, with their digest.
#[test]
fn passes_in_blocks_are_those_at_once() {
    let numbers: Vec<f64> = (0..120).map(f64::from).collect();
    let file = Temporary::new("blocks", b"");
    write(&file.0, &[120], &numbers).expect("written");
    let mapped = map(&file.0, None, &[("n", None)]).expect("mapped").rows;
    let (even, odd): (Vec<f64>, Vec<f64>) = numbers.iter().partition(|x| (**x as usize / 3).is_multiple_of(2));
    let parts = |rows: &[&Rows]| rows.iter().map(|rows| (*rows).clone()).collect::<Vec<Rows>>();
    let sources = [
        Rows::from(numbers.clone()),
        mapped.clone(),
        Rows::elsewhere(Counted(120, 120)),
        interleaved(vec![Rows::from(even), Rows::from(odd)], 3),
        one_after_another(parts(&[&mapped.slice(0..50), &Rows::from(numbers[50..].to_vec())])),
        one_after_another(parts(&[&Rows::from(numbers[..7].to_vec()), &Rows::from(numbers[7..].to_vec())])),
    ];
    for rows in &sources {
        assert!(*rows == sources[0] && rows.digest().expect("read") == digest::of_numbers(&numbers));
        for (n, range) in [(1, 0..20), (7, 3..20), (100, 0..20), (4, 5..5)] {
            let (mut seen, mut first) = (Vec::new(), range.start);
            in_blocks(&[(rows, 6), (&sources[0], 2)], range.clone(), n, |block, parts| {
                assert!(block.start == first && block.len() <= n && parts[1].len() == 2 * block.len());
                first = block.end;
                seen.extend_from_slice(parts[0]);
                Ok(())
            })
            .expect("read");
            assert_eq!(seen, numbers[range.start * 6..range.end * 6]);
        }
    }
}

#[test]
fn a_pass_ends_at_the_first_error_of_either_side() {
    let rows = Rows::elsewhere(Counted(100, 50));
    let mut n = 0;
    let mut count = |most: usize| {
        n = 0;
        in_blocks(&[(&rows, 1)], 0..100, 10, |_, _| {
            n += 1;
            if n == most { Err(Error::numerical("enough")) } else { Ok(()) }
        })
        .map_err(|error| (error.is_corrupt_file(), n))
    };
    assert_eq!(count(3), Err((false, 3)));
    assert_eq!(count(99), Err((true, 5)));
}
