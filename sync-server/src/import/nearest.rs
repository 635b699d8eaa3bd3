//! What somebody probably meant.

use super::tidy;

/// The known text nearest to this one, where it is near enough to be a slip: about one letter in
/// three, at most three.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = tidy::folded(word);
    let letters = word.chars().count();
    let limit = (letters / 3).min(3);
    // A text of this length is no misspelt word, and comparing it would take long.
    if letters > 100 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &tidy::folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "Did you mean ...?" where a known text is near; otherwise the known ones, if they are few, or
/// this sentence.
pub(crate) fn help<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if !known.is_empty() && known.len() <= 12 => {
            let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("Choose one of {}.", known.join(", "))
        }
        None => otherwise.to_owned(),
    }
}
