//! Where the simulations of a method come from: threads or ranks, and the disk, so that none is lost.

use super::super::{Analysis, Method, simulations};
use super::{COMPRESSOR, SAVE_EVERY};
use crate::digest;
use crate::error::{Error, Result};
use crate::lfi::{ESTIMATE, Estimates, Journal, Kept, Limited, Local};
use crate::store::{Layout, Values};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Folder of the journals in the output folder, there until all that a method found is.
const JOURNAL: &str = "journal";
/// Rows of a journal that are written at a time.
const JOURNAL_ROWS: u64 = 1 << 14;

/// A method with its simulations.
pub(super) struct Source<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) out_dir: &'a Path,
    pub(super) method: Method,
    pub(super) local: Local<'a>,
}

impl Source<'_> {
    /// Runs the method on simulations that are kept, or written down as estimates until it is done.
    pub(super) fn run<T>(&self, method: impl FnOnce(&dyn Estimates) -> Result<T>) -> Result<T> {
        let most = self.analysis.max_failed_fraction;
        let planned = simulations::planned(self.analysis).into_iter().find(|table| table.set == self.method.name());
        if let Some(planned) = planned {
            // Made by the stage before, apart from it perhaps.
            planned.open(self.analysis, self.out_dir)?;
            let folder = planned.folder(self.out_dir);
            return method(&Limited::new(&self.kept(&planned.layout(self.analysis), &|_| folder.clone()), most));
        }
        #[cfg(feature = "mpi")]
        {
            let world = super::ranks::waiting();
            let ranks = super::ranks::ready(&world, self.analysis, self.out_dir, self.method, self.local)?;
            if let Some(ranks) = ranks {
                return self.with_journal(&ranks, |estimates| method(&Limited::new(estimates, most)));
            }
        }
        if self.analysis.keeps_simulations() {
            let identity = self.identity()?;
            let digest = digest::of_bytes(Value::from(identity.clone()).to_string().as_bytes());
            // Proposals follow from all of the identity: those of another one lie apart, and stay.
            let folder = simulations::folder(self.out_dir).join(format!("{}-{digest:016x}", self.method.name()));
            let simulator = self.local.forward.simulator;
            let layout = self.layout(Values::new("data", simulator.shape()), identity, simulations::SLOW_ROWS);
            let table = |label: &str| folder.join(format!("{}.zarr", label.replace('/', "_")));
            return method(&Limited::new(&self.kept(&layout, &table), most));
        }
        self.with_journal(&self.local, |estimates| method(&Limited::new(estimates, most)))
    }

    fn kept<'b>(&'b self, layout: &'b Layout, folder: &'b (dyn Fn(&str) -> PathBuf + Sync)) -> Kept<'b> {
        let Local { forward, seed, progress } = self.local;
        Kept { forward, seed, layout, folder, save_every: SAVE_EVERY, progress }
    }

    /// Runs it with a journal, which is saved however it ends: [`remove_journal`] takes it away.
    fn with_journal<T>(&self, inner: &dyn Estimates, method: impl FnOnce(&dyn Estimates) -> Result<T>) -> Result<T> {
        if self.method != Method::Pmc {
            // Draws of the prior are made again as fast as a journal is read.
            return method(inner);
        }
        let n_params = self.analysis.prior.n_params();
        let layout = self.layout(Values::new(ESTIMATE, &[n_params]), self.identity()?, JOURNAL_ROWS);
        let folder = self.out_dir.join(JOURNAL);
        let journal = Journal::new(inner, &layout, &folder, SAVE_EVERY);
        let outcome = method(&journal);
        journal.save()?;
        outcome
    }

    fn layout(&self, values: Values, provenance: Map<String, Value>, chunk_rows: u64) -> Layout {
        let parameters = self.analysis.prior.parameters.iter().map(|p| p.name.clone()).collect();
        let chunk_rows = self.analysis.store.chunk_rows.unwrap_or(chunk_rows);
        Layout { parameters, values: vec![values], chunk_rows, provenance }
    }

    /// All that the simulations of an adaptive method depend on.
    fn identity(&self) -> Result<Map<String, Value>> {
        let path = self.out_dir.join(COMPRESSOR);
        let compressor = std::fs::read(&path).map_err(|error| Error::io(&path, &error))?;
        let name = self.method.name();
        let mut identity = simulations::origin(self.analysis, name);
        let others = [
            ("prior", self.analysis.settings["prior"].clone()),
            ("infer", self.analysis.settings["infer"][name].clone()),
            ("observed", json!(format!("{:016x}", digest::of_numbers(&self.analysis.observed)))),
            ("compressor", json!(format!("{:016x}", digest::of_bytes(&compressor)))),
        ];
        identity.extend(others.map(|(key, value)| (key.to_owned(), value)));
        Ok(identity)
    }
}

/// Takes the journal of a method away, once what it found is on disk.
pub(super) fn remove_journal(out_dir: &Path) -> Result<()> {
    Journal::remove(&out_dir.join(JOURNAL))
}
