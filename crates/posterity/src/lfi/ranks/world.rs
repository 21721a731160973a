//! All ranks of an MPI run, and messages between them: a header as JSON, then bytes.

use crate::error::{Error, Result};
use mpi::topology::{Communicator, SimpleCommunicator};
use mpi::traits::{Destination, Equivalence, Source};
use mpi::{Rank, Threading};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::rc::Rc;
use std::time::Duration;

/// All ranks of an MPI run. Belongs to the thread that started it; MPI ends with the last copy.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    communicator: SimpleCommunicator,
    /// Ends MPI when dropped, which waits for all ranks.
    _universe: mpi::environment::Universe,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The others would wait for ever.
            self.communicator.abort(101);
        }
    }
}

/// What a message belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Tag {
    /// From rank 0, within a method.
    Order = 1,
    /// To rank 0.
    Answer = 2,
    /// From rank 0, between methods.
    Stage = 3,
}

impl World {
    /// Starts MPI: all ranks that `mpirun` or `srun` has started, or this process alone where it was started by itself.
    ///
    /// # Errors
    /// Invalid input, if MPI runs already or cannot live with threads.
    pub fn start() -> Result<Self> {
        let started = mpi::initialize_with_threading(Threading::Funneled);
        let Some((universe, threading)) = started else {
            return Err(Error::invalid_input("MPI was started before").remedy("start it once in a process"));
        };
        if threading < Threading::Funneled {
            return Err(
                Error::invalid_input("this MPI library does not allow threads").remedy("use another build of it")
            );
        }
        Ok(Self(Rc::new(Inner { communicator: universe.world(), _universe: universe })))
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        self.0.communicator.rank() as usize
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.0.communicator.size() as usize
    }

    /// Sends a message. To a rank that waits for it, so that nobody waits for long.
    pub(crate) fn send(&self, rank: usize, tag: Tag, header: &impl Serialize, payload: &[u8]) {
        let bytes = message(header, payload);
        self.0.communicator.process_at_rank(rank as Rank).send_with_tag(&bytes[..], tag as i32);
    }

    /// The next message of a rank; sleeps until it comes.
    ///
    /// # Errors
    /// Corrupt file, if it has another form: the ranks run different programs.
    pub(crate) fn receive<T: DeserializeOwned>(&self, from: usize, tag: Tag) -> Result<(T, Vec<u8>)> {
        let mut pause = Pause::default();
        loop {
            if let Some((_, header, payload)) = self.try_receive(Some(from), tag) {
                return header.map(|header| (header, payload));
            }
            pause.rest();
        }
    }

    /// The next message of a rank, or of any, if one has come: who sent it, header, payload.
    pub(crate) fn try_receive<T: DeserializeOwned>(
        &self,
        from: Option<usize>,
        tag: Tag,
    ) -> Option<(usize, Result<T>, Vec<u8>)> {
        let communicator = &self.0.communicator;
        let (message, status) = match from {
            Some(rank) => communicator.process_at_rank(rank as Rank).immediate_matched_probe_with_tag(tag as i32),
            None => communicator.any_process().immediate_matched_probe_with_tag(tag as i32),
        }?;
        let mut bytes = vec![0u8; status.count(u8::equivalent_datatype()) as usize];
        message.matched_receive_into(&mut bytes[..]);
        let rank = status.source_rank() as usize;
        let (header, payload) = parts(&bytes);
        let header = serde_json::from_slice(header).map_err(|error| {
            Error::corrupt_file(format!("a message of rank {rank} cannot be read: {error}"))
                .remedy("start the same program on all ranks")
        });
        Some((rank, header, payload.to_vec()))
    }
}

/// Length of the header as eight bytes, little-endian; header; payload.
fn message(header: &impl Serialize, payload: &[u8]) -> Vec<u8> {
    // Without a header it is read as a message of another program, and told.
    let header = serde_json::to_vec(header).unwrap_or_default();
    [&(header.len() as u64).to_le_bytes(), &header[..], payload].concat()
}

fn parts(message: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = message.split_first_chunk::<8>() else { return (&[], &[]) };
    rest.split_at_checked(u64::from_le_bytes(*length) as usize).unwrap_or((&[], &[]))
}

/// Waits between two looks for a message: shortly at first, a millisecond in the end.
#[derive(Default)]
pub(crate) struct Pause(u32);

impl Pause {
    /// Looks that cost no sleep: a batch of quick simulations is there in no time.
    const AWAKE: u32 = 20;

    pub(crate) fn rest(&mut self) {
        self.0 = (self.0 + 1).min(Self::AWAKE + 100);
        // On a thread of a pool, its work comes first.
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            return;
        }
        match self.0.saturating_sub(Self::AWAKE) {
            0 => std::thread::yield_now(),
            n => std::thread::sleep(Duration::from_micros(u64::from(10 * n))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_two_parts_and_a_torn_one_none() {
        let whole = message(&("theta", 7), &[1, 2, 3]);
        assert_eq!(parts(&whole), (&br#"["theta",7]"#[..], &[1, 2, 3][..]));
        for n in 0..8 + 11 {
            assert_eq!(parts(&whole[..n]), (&[][..], &[][..]), "{n}");
        }
        assert_eq!(parts(&[255; 16]), (&[][..], &[][..]));
    }
}
