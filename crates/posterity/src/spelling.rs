//! Which known word a misspelt one was meant to be.

/// The known word that differs least, if it differs by few letters only.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, nearest) = known.iter().map(|name| (edits(word, name), *name)).min_by_key(|pair| pair.0)?;
    (distance <= (word.chars().count() / 3).max(1)).then_some(nearest)
}

/// What to say of a word that is none of the known ones.
pub(crate) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "none is known here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// Letters to insert, remove or replace (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_find_their_like() {
        let known = ["n_s", "n_d", "learning_rate", "lambda"];
        assert_eq!(nearest("learnign_rate", &known), Some("learning_rate"));
        assert_eq!(nearest("lamda", &known), Some("lambda"));
        assert_eq!(nearest("batch_size", &known), None);
        assert_eq!(suggest("batch", &["low", "high"]), "known here: low, high");
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
