//! Any bytes as a `.npy` or `.npz` file: read, or refused, with memory in proportion to them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posterity::npy::{self, Axis};
use std::path::Path;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let name = [None, Some("a"), Some("fiducial")][usize::from(choice % 3)];
    let axes: [&[Axis]; 3] = [&[("n", None)], &[("n", None), ("data: a, b", Some(2))], &[("n", None), ("data", None)]];
    let axes = axes[usize::from(choice / 3 % 3)];
    // An array packs at most 1032 bytes in one, and f4 becomes f8.
    let most = 4096 + 1032 * 2 * bytes.len();
    if let Ok(array) = npy::from_bytes(bytes, name, axes) {
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
        assert!(array.shape.len() == axes.len() && 8 * array.data.len() <= most);
        assert!(array.data.iter().all(|x| x.is_finite()));
    }
    let mut data = [0.0; 4];
    let _ = npy::simulation(bytes, name, &[2, 2], &mut data);
    // The readers of files see the same bytes now and then: a file costs more than the reading of it.
    if choice % 16 == 0 {
        let path = std::env::temp_dir().join(format!("posterity-fuzz-npy-{}", std::process::id()));
        if std::fs::write(&path, bytes).is_ok() {
            both_ways(&path, bytes, name, axes);
        }
        let _ = std::fs::remove_file(&path);
    }
});

/// A mapped array is that of the bytes.
fn both_ways(path: &Path, bytes: &[u8], name: Option<&str>, axes: &[Axis]) {
    let (mapped, read) = (npy::map(path, name, axes), npy::from_bytes(bytes, name, axes));
    match (mapped, read) {
        (Ok(mapped), Ok(read)) => assert!(mapped.shape == read.shape && *mapped.rows == read.data[..]),
        (Err(_), Err(_)) => {}
        (mapped, read) => panic!("mapped {mapped:?}, read {read:?}"),
    }
    let _ = (npy::names(path), npy::shape(path, name), npy::words(path, name));
}
