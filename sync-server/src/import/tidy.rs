//! Tidying of what people typed: blanks, quotes, invisible characters, names, postcodes.

/// A text without what nobody meant to type: no blanks around it, no invisible characters, plain
/// quotes and blanks, plain line breaks.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // Blanks of other widths, and the one that web pages put between words.
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\t' => out.push(' '),
            '\r' => {
                if characters.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => out.push('\n'),
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' | '`' => out.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201f}' | '\u{2033}' => out.push('"'),
            '\u{2010}' | '\u{2011}' => out.push('-'),
            // Zero-width characters, soft hyphens, marks of writing direction, byte order marks.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {}
            '\n' => out.push('\n'),
            character if character.is_control() => {}
            character => out.push(character),
        }
    }
    let out = out.trim();
    // The apostrophe by which spreadsheets (and our own file of refused rows) mark a text that
    // begins like a formula.
    let mut marked = out.chars();
    match (marked.next(), marked.next()) {
        (Some('\''), Some('=' | '+' | '-' | '@')) => out[1..].to_owned(),
        _ => out.to_owned(),
    }
}

/// The same on one line, with one blank between words.
pub(crate) fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What two texts are compared by: one line, no matter of capitals.
pub(crate) fn folded(text: &str) -> String {
    one_line(text).to_lowercase()
}

/// A full British postcode in capitals with its blank (`SW1A 1AA`); `None` where it is none.
///
/// The shapes are those of the Royal Mail's postcode address file: A9, A99, AA9, AA99, A9A, AA9A
/// before 9AA, and the single `GIR 0AA`.
pub(crate) fn postcode(text: &str) -> Option<String> {
    let letters: String = clean(text).chars().filter(|character| !character.is_whitespace()).collect();
    let letters = letters.to_ascii_uppercase();
    if !letters.is_ascii() || !(5..=7).contains(&letters.len()) {
        return None;
    }
    let (outward, inward) = letters.split_at(letters.len() - 3);
    let shape = |text: &str| -> String {
        text.chars()
            .map(|character| match character {
                'A'..='Z' => 'A',
                '0'..='9' => '9',
                other => other,
            })
            .collect()
    };
    let whole = matches!(shape(outward).as_str(), "A9" | "A99" | "AA9" | "AA99" | "A9A" | "AA9A")
        && shape(inward) == "9AA";
    (whole || letters == "GIR0AA").then(|| format!("{outward} {inward}"))
}

/// Whether a cell says that there is nothing to say. `Na` is a name, so it is not among these.
pub(crate) fn says_nothing(folded: &str) -> bool {
    matches!(folded, "" | "-" | "--" | "---" | "\u{2013}" | "\u{2014}" | "." | "/" | "n/a" | "n.a." | "n/a.")
}

/// Whether a cell says that nobody knows.
pub(crate) fn says_unknown(folded: &str) -> bool {
    matches!(
        folded,
        "?" | "??"
            | "???"
            | "unknown"
            | "not known"
            | "n/k"
            | "n.k."
            | "don't know"
            | "dont know"
            | "tbc"
            | "tba"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_meant_to_type_is_gone() {
        assert_eq!(
            clean("\u{feff}\u{a0} O\u{2019}Brien\u{200b}\r\nHill \u{201c}Top\u{201d} "),
            "O'Brien\nHill \"Top\""
        );
        assert_eq!(one_line("  Mary \n  Ann\u{a0}\u{a0}Lee"), "Mary Ann Lee");
        assert_eq!(clean("'+44 191 498 0123"), "+44 191 498 0123");
        assert_eq!(clean("'Eua"), "'Eua");
    }

    #[test]
    fn postcodes_come_out_in_one_form() {
        for (typed, tidied) in [
            ("sw1a1aa", "SW1A 1AA"),
            ("DH1 5UL", "DH1 5UL"),
            (" m1  1ae", "M1 1AE"),
            ("b33-8th", ""),
            ("DH1", ""),
            ("DH1 5U", ""),
            ("Durham", ""),
            ("cr2\u{a0}6xh", "CR2 6XH"),
            ("gir0aa", "GIR 0AA"),
            ("ß1 1AA", ""),
        ] {
            assert_eq!(postcode(typed).unwrap_or_default(), tidied, "{typed}");
        }
    }
}
