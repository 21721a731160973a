//! Anything at all as the lines of a worker, however it is cut into pieces: read or refused, and never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use posterity::simulator::external::replay;

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (n_data, chunk, bytes) = input;
    let (n_data, chunk) = (usize::from(n_data % 8), usize::from(chunk));
    let greeted = [b"{\"protocol\": 1}\n", bytes.as_slice()].concat();
    let in_pieces = replay(&greeted, n_data, chunk);
    assert_eq!(in_pieces, replay(&greeted, n_data, greeted.len()), "the pieces matter");
    replay(&bytes, n_data, chunk);
});
