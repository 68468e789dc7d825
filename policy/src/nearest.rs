//! Suggestions for unknown words.

/// The longest text that is compared, in bytes.
const MAX_LEN: usize = 128;

/// The known word that is most similar to a text, if at most a third of the word is different. Case
/// does not matter, and `-` equals `_`. Numbers are not taken for misspelled words.
pub fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > MAX_LEN || text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let text = text.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|word| {
            (strsim::osa_distance(&text, &word.to_ascii_lowercase().replace('-', "_")), word)
        })
        .filter(|(distance, word)| *distance <= word.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
