//! What is read is what was written; each fault has its own error, with place and remedy.

use super::*;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{DoubleType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::path::PathBuf;
use std::sync::Arc;

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("posterity-catalogue-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn rows() -> Vec<[f64; 4]> {
    vec![[1.0, 2.5, 100.0, 3e12], [0.0, 99.5, 50.0, 2e12]]
}

#[test]
fn all_three_formats_are_read_alike() {
    let expected = Catalogue::new(&rows(), 100.0).expect("valid");
    assert_eq!(expected.positions[0], [1.0, 2.5, 0.0]);
    let text = file("a.csv", b"mass, x, n, y, z\n3e12, 1, 7, 2.5, 100\n2e12, 0, 8, 99.5, 50\n");
    assert_eq!(Catalogue::read(&text, &Columns::default(), 100.0).expect("read"), expected);

    let numpy = file("a.npy", b"");
    crate::npy::write(&numpy, &[2, 4], &rows().concat()).expect("written");
    assert_eq!(Catalogue::read(&numpy, &Columns::default(), 100.0).expect("read"), expected);

    let table = file("a.parquet", &parquet_file(&rows(), None));
    let columns = Columns { mass: "m".into(), ..Columns::default() };
    assert_eq!(Catalogue::read(&table, &columns, 100.0).expect("read"), expected);
}

/// What integers stand for, by either of the annotations that files have.
#[derive(Clone, Copy)]
enum Integers {
    Old(ConvertedType),
    New(fn() -> LogicalType),
}

/// y in f32, the others in f64; or masses as integers.
fn parquet_file(rows: &[[f64; 4]], masses: Option<Integers>) -> Vec<u8> {
    let kind = if masses.is_some() { Physical::INT64 } else { Physical::DOUBLE };
    let names = [("x", Physical::DOUBLE), ("y", Physical::FLOAT), ("z", Physical::DOUBLE), ("m", kind)];
    let fields = names.map(|(name, kind)| {
        let mut field = Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED);
        match masses.filter(|_| name == "m") {
            Some(Integers::Old(ConvertedType::DECIMAL)) => {
                field = field.with_converted_type(ConvertedType::DECIMAL).with_precision(18).with_scale(2);
            }
            Some(Integers::Old(kind)) => field = field.with_converted_type(kind),
            Some(Integers::New(kind)) => field = field.with_logical_type(Some(kind())),
            None => {}
        }
        Arc::new(field.build().expect("field"))
    });
    let schema = Type::group_type_builder("halos").with_fields(fields.to_vec()).build().expect("schema");
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).expect("file");
    let mut group = file.next_row_group().expect("group");
    for c in 0..4 {
        let mut writer = group.next_column().expect("column").expect("column");
        if c == 1 {
            let values: Vec<f32> = rows.iter().map(|r| r[c] as f32).collect();
            writer.typed::<FloatType>().write_batch(&values, None, None).expect("written");
        } else if c == 3 && masses.is_some() {
            let values: Vec<i64> = rows.iter().map(|r| r[c] as i64).collect();
            writer.typed::<Int64Type>().write_batch(&values, None, None).expect("written");
        } else {
            let values: Vec<f64> = rows.iter().map(|r| r[c]).collect();
            writer.typed::<DoubleType>().write_batch(&values, None, None).expect("written");
        }
        writer.close().expect("closed");
    }
    group.close().expect("closed");
    file.into_inner().expect("bytes")
}

#[test]
fn integers_are_read_where_they_are_signed_and_stand_for_themselves() {
    let columns = Columns { mass: "m".into(), ..Columns::default() };
    let expected = Catalogue::new(&rows(), 100.0).expect("valid");
    for (kind, is_read) in [
        (Integers::Old(ConvertedType::NONE), true),
        (Integers::Old(ConvertedType::INT_64), true),
        (Integers::New(|| LogicalType::integer(64, true)), true),
        (Integers::Old(ConvertedType::UINT_64), false),
        (Integers::New(|| LogicalType::integer(64, false)), false),
        (Integers::Old(ConvertedType::DECIMAL), false),
        (Integers::Old(ConvertedType::TIMESTAMP_MILLIS), false),
    ] {
        let path = file("integers.parquet", &parquet_file(&rows(), Some(kind)));
        match Catalogue::read(&path, &columns, 100.0) {
            Ok(found) => assert!(is_read && found == expected),
            Err(error) => {
                let text = error.to_string();
                assert!(!is_read && text.contains("integers.parquet: ") && text.contains("column `m`"), "{text}");
                assert!(text.contains("store floats"), "{text}");
            }
        }
    }
}

#[test]
fn each_fault_is_told_with_place_and_remedy() {
    let told = |name: &str, bytes: &[u8]| {
        let path = file(name, bytes);
        Catalogue::read(&path, &Columns::default(), 100.0).expect_err("refused").to_string()
    };
    let cases: [(&str, &str, &[&str]); 16] = [
        ("b.csv", "x,y,z,M\n1,2,3,4e12\n", &["no column `mass`", "x, y, z, M"]),
        ("c.csv", "x,y,z,mass\n1,2,3,4e12\n1,2,NaN,4e12\n", &["c.csv:3:", "z is NaN"]),
        ("d.csv", "x,y,z,mass\n1,2,3,4e12\n1,2,three,4e12\n", &["d.csv:3:", "`z` is `three`"]),
        ("e.csv", "x,y,z,mass\n1,2,101,4e12\n", &["e.csv:2:", "outside the box of 100 Mpc/h"]),
        ("f.csv", "x,y,z,mass\n1000,2000,99000,4e12\n", &["kpc/h", "divide them by 1000"]),
        (
            "f2.csv",
            "x,y,z,mass\n1,2,3,4e12\n1,2,180,4e12\n",
            &["f2.csv:3:", "1 of 2 in all; give the right box_length"],
        ),
        ("f3.csv", "x,y,z,mass\n1,2,-0.1,4e12\n", &["f3.csv:2:", "wrap positions into the periodic box"]),
        ("f4.csv", "x,y,z,mass\n1000,2000,9000,4e12\n", &["give the right box_length"]),
        ("g2.csv", "x,y,z,mass\n1,2,3,12.3\n1,2,3,13.1\n", &["13.1 Msun/h", "logarithms", "10^M"]),
        ("g.csv", "x,y,z,mass\n1,2,3,-4e12\n", &["g.csv:2:", "a mass of -4"]),
        ("g3.csv", "x,y,z,mass\n1,2,3,4e12\n1,2,3,0\n", &["g3.csv:3:", "a mass of 0, as 1 of 2", "`below = \"cut\"`"]),
        ("f5.csv", "x,y,z,mass\n1,2,147,4e12\n", &["multiply positions in Mpc by h"]),
        (
            "m.csv",
            "x,y,z,mass\n1,2,3,4e12\n2,2,3,4e12\n3,2,3,4e12\n3,2,3,4e12\n2,2,3,4e12\n1,2,3,4e12\n4,2,3,4e12\n",
            &["m.csv:5:", "the halo at (3, 2, 3) with 4.000000e12 Msun/h stands there before, as do 3 of 7 in all"],
        ),
        ("h.csv", "x,y,z,mass\n", &["no halos"]),
        ("i.csv", "x,y,z,mass\n1,2,3\n", &["i.csv:2:", "not a readable CSV"]),
        ("j.txt", "", &[".csv, .parquet or .npy"]),
    ];
    for (name, text, parts) in cases {
        let error = told(name, text.as_bytes());
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let whole = parquet_file(&rows(), None);
    assert!(told("k.parquet", &whole[..whole.len() / 2]).contains("not a readable Parquet file"));
    assert!(told("l.parquet", &whole).contains("no column `mass`"));
    assert!(Catalogue::read(Path::new("there/is/none.csv"), &Columns::default(), 1.0).expect_err("none").is_io());
}

#[test]
fn thresholds_and_units_are_checked() {
    let rows: Vec<[f64; 4]> = (0..200).map(|i| [1.0, 2.0, 3.0, 2e12 * (1.0 + 0.01 * f64::from(i))]).collect();
    let mut catalogue = Catalogue::new(&rows, 100.0).expect("valid");
    let h = 0.6766;
    catalogue.check_threshold(2e12, h).expect("begins at the threshold");
    let told = |c: &Catalogue, threshold: f64| c.check_threshold(threshold, h).expect_err("refused").to_string();
    assert!(told(&catalogue, 2.5e12).contains("25 of 200 halos are under the threshold of 2.5000e12"));
    assert!(told(&catalogue, 2e12 / h).contains("is it in Msun, not Msun/h?"));
    assert!(told(&catalogue, 2e12 * h).contains("look as if in Msun, not Msun/h"));
    assert!(told(&catalogue, 1e12).contains("does not begin at the threshold"));
    assert_eq!(catalogue.cut(2.5e12), 25);
    assert_eq!((catalogue.n_halos(), catalogue.positions.len()), (175, 175));
    catalogue.check_threshold(2.5e12, h).expect("cut");
}

#[test]
fn halos_go_to_the_nearest_centre_and_wrap() {
    let rows = [[0.0, 0.0, 24.9, 1e12], [99.0, 12.4, 12.6, 1e12], [100.0, 99.5, 87.4, 1e12]];
    let voxels: Vec<usize> = Catalogue::new(&rows, 100.0).expect("valid").voxels(4).iter().map(|v| v.0).collect();
    assert_eq!(voxels, [1, 1, 3]);
}

#[test]
fn halos_of_equal_mass_in_one_cell_are_no_doubles() {
    // All in two cells: many masses there, some of them equal.
    let rows: Vec<[f64; 4]> = (0..40_i32).map(|i| [f64::from(i % 2), 2.0, 3.0, 1e12 * f64::from(1 + i % 15)]).collect();
    assert_eq!(Catalogue::new(&rows, 100.0).expect("taken").n_halos(), 40);
    // Two of them may be chance.
    let twice = [rows[0], rows[1], rows[0], rows[1]];
    assert_eq!(Catalogue::new(&twice, 100.0).expect("taken").n_halos(), 4);
}

#[test]
fn halos_without_mass_are_left_out_where_that_is_asked_for() {
    let path = file("massless.csv", b"x,y,z,mass\n1,2,3,4e12\n1,2,3,0\n4,5,6,0.0\n7,8,9,5e12\n");
    assert!(Catalogue::read(&path, &Columns::default(), 100.0).is_err());
    let (catalogue, n) = Catalogue::read_massive(&path, &Columns::default(), 100.0).expect("taken");
    assert_eq!((catalogue.masses, n), (vec![4e12, 5e12], 2));
    let path = file("none.csv", b"x,y,z,mass\n1,2,3,0\n");
    let error = Catalogue::read_massive(&path, &Columns::default(), 100.0).expect_err("no halo").to_string();
    assert!(error.contains("none.csv: the mass of all 1 halos is 0; name the right column"), "{error}");
}

#[test]
fn halos_that_leave_a_part_of_the_box_empty_are_suspected() {
    let h = 0.6766;
    // Of a box of 100 Mpc/h, scaled.
    let of = |n: u32, scale: f64, box_length: f64| {
        let x = |i: u32, step: u32| f64::from(i * step % 997) / 997.0 * 100.0 * scale;
        let rows: Vec<[f64; 4]> = (1..=n).map(|i| [x(i, 131), x(i, 577), x(i, 811), 1e12]).collect();
        Catalogue::new(&rows, box_length).expect("inside")
    };
    let told = |catalogue: Catalogue| catalogue.check_spread(h).expect_err("refused").to_string();
    of(300, 1.0, 100.0).check_spread(h).expect("fills it");
    of(300, 0.9, 100.0).check_spread(h).expect("nearly fills it");
    of(99, 0.5, 100.0).check_spread(h).expect("too few to tell");
    let text = told(of(300, 0.5, 100.0));
    assert!(
        text.contains("300 halos lie between ") && text.contains(" of the box of 100 Mpc/h; give the right"),
        "{text}"
    );
    let text = told(of(300, 0.01, 100.0));
    assert!(text.contains("in units of the box; multiply them by box_length"), "{text}");
    let text = told(of(300, 1.0, 100.0 / h));
    assert!(text.contains("box_length looks as if in Mpc") && text.contains("give box_length = 100.000000"), "{text}");
    assert!(of(300, 1.0, 100.0 / h).check_spread(f64::NAN).expect_err("refused").to_string().contains("the right box"));
}
