//! What somebody probably meant, and how their text is quoted back to them.

/// Longest word that a suggestion is looked for, in bytes.
const LONGEST_WORD: usize = 64;
/// Most known words that are compared with a misspelt one.
const MOST_COMPARED: usize = 2_000;
/// Longest piece of a text that is quoted, in characters.
const LONGEST_QUOTE: usize = 60;

/// The known word that is nearest to this one, if any is near enough to be a slip of the hand:
/// about one letter in three, at most three, whatever the case.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, known, (word.chars().count() / 3).min(3))
}

/// The known word within this many slips of the hand.
pub(crate) fn nearest_within<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    limit: usize,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST_WORD {
        return None;
    }
    let wanted = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 4 * limit)
        .take(MOST_COMPARED)
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "Did you mean ...?" where a known word is near, and otherwise this sentence.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match nearest(word, known) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}

/// The text between backticks, on one line and shortened.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST_QUOTE) {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    if characters.next().is_some() {
        out.push('…');
    }
    out.push('`');
    out
}

/// Words between backticks with commas, the last after "or".
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("intger", ["text", "integer"]), Some("integer"));
        assert_eq!(nearest("Integer", ["text", "integer"]), Some("integer"));
        assert_eq!(nearest("banana", ["text", "integer"]), None);
        assert_eq!(nearest("", ["text"]), None);
    }

    #[test]
    fn a_quote_stays_on_one_line_and_short() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
    }
}
