//! The references of what ran: once each, in the order of their authors.

use super::label::escape;
use crate::reference::Reference;

/// Sorted by authors, title and source, repetitions removed.
pub fn sorted_references(references: &[Reference]) -> Vec<Reference> {
    let mut references = references.to_vec();
    references.sort_unstable();
    references.dedup();
    references
}

/// A list as HTML.
pub(super) fn html(references: &[Reference]) -> String {
    let item = |r: Reference| {
        format!(
            "<li>{}, <em>{}</em>, <a href=\"{}\">{}</a>.</li>\n",
            escape(r.authors),
            escape(r.title),
            escape(r.url),
            escape(r.source)
        )
    };
    format!(
        "<ul class=\"references\">\n{}</ul>\n",
        sorted_references(references).into_iter().map(item).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reference_stands_once_in_the_order_of_authors() {
        let of = |authors, url| Reference { authors, title: "a < b", source: "s", url };
        let list = [of("B", "u"), of("A", "u"), of("B", "u")];
        assert_eq!(sorted_references(&list), [of("A", "u"), of("B", "u")]);
        assert_eq!(html(&list).matches("a &lt; b").count(), 2);
    }
}
