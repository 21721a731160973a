//! What the network of a compressor must fulfil: layers that fit the data and each other, summaries that can be
//! independent, and a size that memory holds.

use super::Check;
use crate::compressor::imnn;
use crate::error::{Error, Result};

/// Memory that no network of summaries is given [GiB].
const MOST_NETWORK_GIB: f64 = 64.0;

impl Check<'_> {
    /// The network, layer by layer.
    pub(super) fn network(&self, s: &imnn::Settings, shape: &[usize], n_summaries: usize) -> Result<()> {
        let is_listed = self.document.has("compressor.layers");
        let message = "a list without layers makes no network";
        let remedy = "name a layer, or leave it out for one of `hidden` layers";
        self.demand(!(is_listed && s.layers.is_empty()), &["layers"], message, remedy)?;
        if s.layers.is_empty() {
            self.hidden(s, n_summaries)?
        } else {
            self.layers(s, shape, n_summaries)?
        }
        let (key, remedy) =
            if is_listed { ("layers", "give fewer channels") } else { ("hidden", "give smaller widths, or `layers`") };
        let network = s.network(shape, n_summaries).map_err(|error| {
            let error = if is_listed { error } else { error.remedy(remedy) };
            self.document.blame(&format!("compressor.{key}"), error)
        })?;
        let gib = network.bytes_of_training() / f64::from(1 << 30);
        let message = format!("training {} weights would take {gib:.0} GiB of memory", network.n_weights());
        self.demand(gib <= MOST_NETWORK_GIB, &[key], message, remedy)
    }

    /// The hidden layers of a perceptron.
    fn hidden(&self, s: &imnn::Settings, n_summaries: usize) -> Result<()> {
        let message = "there is no hidden layer";
        let last = s.hidden.last().copied();
        self.demand(last.is_some(), &["hidden"], message, "give widths such as [128, 128]")?;
        let open = !s.hidden.contains(&0);
        self.demand(open, &["hidden"], "a layer of width 0 lets nothing through", "give widths above 0")?;
        // Summaries are linear in the values of the last layer.
        let width = last.unwrap_or(0);
        self.demand(
            width >= n_summaries,
            &["hidden", "n_summaries"],
            format!("a last layer of width {width} has no {n_summaries} independent summaries"),
            &format!("let it be {n_summaries} or wider"),
        )
    }

    /// The layers of a network that sees the shape of the data.
    fn layers(&self, s: &imnn::Settings, shape: &[usize], n_summaries: usize) -> Result<()> {
        for key in ["hidden", "activation"] {
            let is_given = self.document.has(&format!("compressor.{key}"));
            let message = "nothing uses it where `layers` makes the network";
            self.demand(!is_given, &[key], message, "leave it out, or leave out `layers`")?;
        }
        let at_layers = |error: Error| self.document.blame("compressor.layers", error);
        s.network(shape, n_summaries).map_err(at_layers)?;
        let n_features = s.n_features(shape).map_err(at_layers)?;
        let message =
            format!("{n_features} values come out of the layers, too few for {n_summaries} summaries of them");
        self.demand(n_features >= n_summaries, &["layers"], message, "give the last layers more channels")
    }
}
