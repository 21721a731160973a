//! Suites of fields that other programs wrote: what fits is read, what does not is explained.

use super::*;
use crate::npy;
use crate::simulator::Derivatives;
use crate::store::{Known, StoredSet};
use std::sync::Arc;
use zarrs::array::codec::{GzipCodec, ZstdCodec};
use zarrs::array::{ArrayBuilder, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::GroupBuilder;

const KNOWN: Known = Known { parameters: &["a", "b"], theta_fid: &[1.0, 0.5], delta: Some(&[0.1, 0.1]) };
const PAIRS: [&str; 4] = ["a_minus", "a_plus", "b_minus", "b_plus"];

/// Numbers that differ from array to array.
fn numbers(n: usize, of: usize) -> Vec<f64> {
    (0..n).map(|k| (k * 7 % 101) as f64 + 1000.0 * of as f64).collect()
}

/// A folder of fields of 4 × 6 cells, 20 of them, 10 pairs; these arrays have another shape.
fn suite(name: &str, others: &[(&str, &[usize])]) -> Folder {
    let folder = Folder::new(&format!("suite-{name}"));
    for (of, array) in ["fiducial"].iter().chain(&PAIRS).enumerate() {
        let shape = if of == 0 { &[20, 4, 6] } else { &[10, 4, 6] };
        let shape = others.iter().find(|other| other.0 == *array).map_or(&shape[..], |other| other.1);
        let path = folder.0.join(format!("{array}.npy"));
        npy::write(&path, shape, &numbers(shape.iter().product(), of)).expect("written");
    }
    folder
}

/// File at fault, what is expected, what came, and the remedy.
#[test]
fn wrong_shapes_are_explained() {
    let set = StoredSet::read_with(&suite("right", &[]).0, &KNOWN).expect("a suite");
    assert_eq!((&set.simulations.shape[..], set.simulations.n_s(), set.simulations.n_d()), (&[4, 6][..], 20, 10));
    let as_fiducial = "data: as in fiducial.npy, (n_s, 4, 6) (the shape is";
    type Case<'a> = (&'a str, &'a [(&'a str, &'a [usize])], &'a [&'a str]);
    let cases: [Case; 12] = [
        ("flat", &[("b_plus", &[10, 24])], &["b_plus.npy", as_fiducial, "(10, 24)", "write array.reshape(10, 4, 6)"]),
        ("last", &[("b_plus", &[4, 6, 10])], &["b_plus.npy", "(4, 6, 10)", "numpy.moveaxis(array, 2, 0)"]),
        (
            "swapped",
            &[("a_plus", &[10, 6, 4])],
            &["a_plus.npy", "has length 6, expected 4", "numpy.moveaxis(array, 2, 1)"],
        ),
        ("channel", &[("a_minus", &[10, 4, 6, 1])], &["a_minus.npy", as_fiducial, "numpy.squeeze(array, 3)"]),
        ("one", &[("a_minus", &[4, 6])], &["a_minus.npy", "(4, 6)", "write array[None], if this is one simulation"]),
        (
            "flat_fiducial",
            &[("fiducial", &[20, 24])],
            &["a_minus.npy", "as in fiducial.npy, (n_s, 24)", "or array.reshape(-1, 24)"],
        ),
        (
            "channel_fiducial",
            &[("fiducial", &[20, 4, 6, 1])],
            &["a_minus.npy", "as in fiducial.npy, (n_s, 4, 6, 1)", "all arrays with the same axes: the others as this"],
        ),
        (
            "fewer",
            &[("b_minus", &[9, 4, 6])],
            &["b_minus.npy", "axis 0 (n_d) has length 9, expected 10: as many as a_minus"],
        ),
        (
            "fiducial",
            &[("fiducial", &[4, 6, 20])],
            &["a_minus.npy", "has length 4, expected 6: as in fiducial.npy, (n_s, 6, 20)"],
        ),
        (
            "list",
            &[("fiducial", &[480])],
            &["fiducial.npy", "the array has 1 axis, of length 480", "fields as (n_s, n, n)"],
        ),
        (
            "size",
            &[("b_plus", &[10, 4, 5])],
            &["b_plus.npy", "axis 2 (data) has length 5, expected 6: as in fiducial.npy"],
        ),
        ("empty", &[("b_plus", &[0, 4, 6])], &["b_plus.npy", "axis 0 (n_d) has length 0, expected 10"]),
    ];
    for (name, others, parts) in cases {
        let error = StoredSet::read_with(&suite(name, others).0, &KNOWN).expect_err(name);
        let text = error.to_string();
        assert!(error.is_invalid_input() && parts.iter().all(|part| text.contains(part)), "{name}: {text}");
    }
}

#[test]
fn what_is_missing_or_twice_there_is_named() {
    let folder = suite("missing", &[]);
    std::fs::rename(folder.0.join("b_plus.npy"), folder.0.join("c_plus.npy")).expect("renamed");
    let text = StoredSet::read_with(&folder.0, &KNOWN).expect_err("missing").to_string();
    let there = "there is no b_plus.npy beside the other arrays: a_minus.npy, a_plus.npy, b_minus.npy, c_plus.npy";
    assert!(text.contains(there), "{text}");
    std::fs::copy(folder.0.join("b_minus.npy"), folder.0.join("b_plus.npy")).expect("copied");
    let text = StoredSet::read_with(&folder.0, &KNOWN).expect_err("the same").to_string();
    assert!(text.contains("b_minus.npy and b_plus.npy hold the same numbers"), "{text}");
    let text = StoredSet::read_with(&folder.0.join("fiducial.npy"), &KNOWN).expect_err("one array").to_string();
    assert!(text.contains("one array is no set of simulations; name the folder"), "{text}");
}

/// A group of version 3: f32 and f64, compressed by either codec or not, sharded or not.
#[test]
fn a_zarr_group_is_read_as_the_folder() {
    let (folder, group) = (suite("folder", &[]), Folder::new("suite-group"));
    let store = Arc::new(FilesystemStore::new(&group.0).expect("a store"));
    GroupBuilder::new().build(store.clone(), "/").expect("a group").store_metadata().expect("written");
    for (of, array) in ["fiducial"].iter().chain(&PAIRS).enumerate() {
        let n = if of == 0 { 20 } else { 10 };
        let (shape, values) = (vec![n, 4, 6], numbers(n as usize * 24, of));
        let mut builder = match of % 2 {
            0 => ArrayBuilder::new(shape, vec![4, 4, 2], data_type::float32(), 0.0_f32),
            _ => ArrayBuilder::new(shape, vec![4, 4, 6], data_type::float64(), 0.0_f64),
        };
        match of {
            1 => builder.bytes_to_bytes_codecs(vec![Arc::new(GzipCodec::new(5).expect("a level"))]),
            2 => builder.bytes_to_bytes_codecs(vec![Arc::new(ZstdCodec::new(3, false))]),
            3 => builder.subchunk_shape(vec![2, 4, 3]),
            _ => &mut builder,
        };
        let array = builder.build(store.clone(), &format!("/{array}")).expect("an array");
        array.store_metadata().expect("written");
        match of % 2 {
            0 => array.store_array_subset(&array.subset_all(), values.iter().map(|v| *v as f32).collect::<Vec<_>>()),
            _ => array.store_array_subset(&array.subset_all(), values),
        }
        .expect("written");
    }
    let set = StoredSet::read_with(&folder.0, &KNOWN).expect("a folder");
    assert_eq!(StoredSet::read_with(&group.0, &KNOWN).expect("a group"), set);
    std::fs::rename(group.0.join("b_plus/c/0/0/1"), group.0.join("chunk")).expect("taken away");
    let error = StoredSet::read_with(&group.0, &KNOWN).expect_err("a chunk less");
    assert!(error.is_invalid_input() && error.to_string().contains("the chunk c/0/0/1 is not there"), "{error}");
    std::fs::rename(group.0.join("chunk"), group.0.join("b_plus/c/0/0/1")).expect("brought back");
    let path = group.0.join("zarr.json");
    let text = std::fs::read_to_string(&path).expect("there");
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    json["attributes"] = json!({ "parameters": ["a", "b"], "theta_fid": [1.0, 0.5], "delta": [0.1, 0.1], "by": "me" });
    std::fs::write(&path, json.to_string()).expect("written");
    assert_eq!(StoredSet::read(&group.0).expect("all is said"), set);
    std::fs::write(group.0.join("b_plus/zarr.json"), "{}").expect("written");
    let error = StoredSet::read(&group.0).expect_err("no array");
    assert!(error.to_string().contains("the Zarr array cannot be opened"), "{error}");
}

/// A group of version 2, as its description lays it out, and codecs that are not there.
#[test]
fn version_2_is_read_and_blosc_is_refused() {
    let group = Folder::new("suite-version-2");
    let write = |file: &str, bytes: &[u8]| {
        let path = group.0.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    };
    let array = |name: &str, n: usize, of: usize, compressor: Value| {
        let json = json!({ "zarr_format": 2, "shape": [n, 4, 6], "chunks": [n, 4, 6], "dtype": "<f8", "order": "C",
            "compressor": compressor, "fill_value": 0.0, "filters": null });
        write(&format!("{name}/.zarray"), json.to_string().as_bytes());
        let bytes: Vec<u8> = numbers(24 * n, of).iter().flat_map(|x| x.to_le_bytes()).collect();
        write(&format!("{name}/0.0.0"), &bytes);
    };
    write(".zgroup", br#"{ "zarr_format": 2 }"#);
    ["fiducial"].iter().chain(&PAIRS).enumerate().for_each(|(of, name)| {
        array(name, if of == 0 { 20 } else { 10 }, of, Value::Null);
    });
    let set = StoredSet::read_with(&suite("version-2-folder", &[]).0, &KNOWN).expect("a folder");
    assert_eq!(StoredSet::read_with(&group.0, &KNOWN).expect("a group"), set);
    array("b_plus", 10, 4, json!({ "id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0 }));
    let error = StoredSet::read_with(&group.0, &KNOWN).expect_err("no such codec");
    assert!(error.is_invalid_input() && error.to_string().contains("blosc"), "{error}");
}

/// The tables of `posterity simulate`: both without the streams that failed.
#[test]
fn tables_of_simulations_are_a_set() {
    let folder = Folder::new("suite-tables");
    let make = |name: &str, n_rows: u64, provenance: Value| {
        let Value::Object(provenance) = provenance else { unreachable!() };
        let layout = Layout {
            parameters: vec!["a".into(), "b".into()],
            values: vec![Values::new("data", &[3])],
            chunk_rows: 5,
            provenance,
        };
        Table::open_or_create(&folder.0.join(name), &layout, n_rows).expect("made")
    };
    let said = json!({ "seed": 7, "simulator": {}, "theta_fid": [1.0, 0.5], "delta": [0.1, 0.2] });
    let row = |row: u64, to: RowMut<'_>| -> Result<(u64, Option<Failure>)> {
        to.theta.fill(0.0);
        to.values.into_iter().for_each(|values| values.fill(row as f64));
        Ok((row, fails(row).then(|| Failure::new(Cause::Exit, "exit status 3"))))
    };
    let (fiducial, pairs) = (make("fiducial.zarr", 10, said.clone()), make("differences.zarr", 24, said.clone()));
    crate::store::fill(&fiducial, &how(&Quiet), &row).expect("filled");
    let error = StoredSet::read(&folder.0).expect_err("half of it");
    assert!(error.to_string().contains("24 of 24 simulations are not there yet"), "{error}");
    crate::store::fill(&pairs, &how(&Quiet), &row).expect("filled");
    let set = StoredSet::read(&folder.0).expect("a set");
    // Row 5 of the first table failed, and of the second rows 5 and 16: streams 5, 1 and 4.
    let simulations = &set.simulations;
    let streams: Vec<f64> = simulations.fiducial.all().expect("read").chunks_exact(3).map(|row| row[0]).collect();
    assert_eq!(streams, [0.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]);
    let Derivatives::Differences { delta, pairs } = &simulations.derivative else { panic!("differences") };
    assert_eq!((&delta[..], pairs.len(), pairs.all().expect("read")[12]), (&[0.1, 0.2][..], 3 * 4 * 3, 8.0));
    let error = StoredSet::read_with(&folder.0, &KNOWN).expect_err("delta from both");
    assert_eq!(error.key(), Some("delta"));
    make("derivative.zarr", 1, said.clone());
    let error = StoredSet::read(&folder.0).expect_err("two kinds");
    assert!(error.to_string().contains("both derivative.zarr and differences.zarr; take away the one"), "{error}");
    std::fs::remove_dir_all(folder.0.join("derivative.zarr")).expect("gone");
    for (key, other) in [
        ("seed", json!(8)),
        ("simulator", json!({ "sigma": 2.0 })),
        ("theta_fid", json!([1.0, 0.25])),
        ("nuisance", json!({ "c": { "kind": "uniform" } })),
        ("label", json!("held_out")),
    ] {
        std::fs::remove_dir_all(folder.0.join("differences.zarr")).expect("gone");
        let mut changed = said.clone();
        changed[key] = other;
        make("differences.zarr", 24, changed);
        let error = StoredSet::read(&folder.0).expect_err(key);
        assert!(error.to_string().contains("of different simulations"), "{key}: {error}");
    }
}
