//! What an expression cannot say: functions that give a record an attribute.

use std::collections::BTreeSet;

/// A function that makes an attribute of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// The letter that belongs at the start of a unique pupil number.
    UpnLetter,
    /// How a name sounds.
    Soundex,
    /// The severity of the rule that the field names.
    RuleSeverity,
}

impl Function {
    /// Every function by its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("upn_letter", Self::UpnLetter), ("soundex", Self::Soundex), ("rule_severity", Self::RuleSeverity)];
}

/// The check letter of a unique pupil number, from its characters 2 to 13 (domain.md 2.6, V12): each is
/// multiplied by its place, and the sum modulo 23 picks the letter. The last character of a temporary
/// number is a letter, which counts by its place among the letters. Empty where these are no such
/// characters.
#[must_use]
pub fn upn_letter(upn: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRTUVWXYZ";
    let characters = upn.as_bytes();
    if characters.len() != 13 || !characters[1..12].iter().all(u8::is_ascii_digit) {
        return String::new();
    }
    let mut sum = 0;
    for (place, character) in (2_usize..).zip(&characters[1..]) {
        let value = if character.is_ascii_digit() {
            usize::from(character - b'0')
        } else if let Some(value) = LETTERS.iter().position(|letter| letter == character) {
            value
        } else {
            return String::new();
        };
        sum += value * place;
    }
    LETTERS.get(sum % LETTERS.len()).map(|letter| char::from(*letter).to_string()).unwrap_or_default()
}

/// How a name sounds, by the American Soundex of the United States National Archives: its first letter and
/// three digits. Letters with marks count as their plain letters; empty where there is no letter.
#[must_use]
pub fn soundex(name: &str) -> String {
    let mut code = String::new();
    let mut last = None;
    for letter in name.chars().filter_map(plain) {
        let digit = match letter {
            'B' | 'F' | 'P' | 'V' => Some('1'),
            'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
            'D' | 'T' => Some('3'),
            'L' => Some('4'),
            'M' | 'N' => Some('5'),
            'R' => Some('6'),
            _ => None,
        };
        if code.is_empty() {
            code.push(letter);
            last = digit;
            continue;
        }
        // H and W do not part two letters of one sound; a vowel does.
        if matches!(letter, 'H' | 'W') {
            continue;
        }
        if let Some(digit) = digit.filter(|digit| last != Some(*digit)) {
            code.push(digit);
            if code.len() == 4 {
                return code;
            }
        }
        last = digit;
    }
    if !code.is_empty() {
        while code.len() < 4 {
            code.push('0');
        }
    }
    code
}

/// The plain capital of a letter, without its marks, for the letters of European names.
fn plain(letter: char) -> Option<char> {
    if letter.is_ascii_alphabetic() {
        return Some(letter.to_ascii_uppercase());
    }
    Some(match letter.to_lowercase().next()? {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'æ' => 'A',
        'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => 'C',
        'ď' | 'đ' | 'ð' => 'D',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'E',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'G',
        'ĥ' | 'ħ' => 'H',
        'ì'..='ï' | 'ĩ' | 'ī' | 'į' | 'ı' => 'I',
        'ĵ' => 'J',
        'ķ' => 'K',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'L',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'N',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'œ' => 'O',
        'ŕ' | 'ŗ' | 'ř' => 'R',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ß' => 'S',
        'ţ' | 'ť' | 'ț' | 'ŧ' => 'T',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'U',
        'ŵ' => 'W',
        'ý' | 'ÿ' | 'ŷ' => 'Y',
        'ź' | 'ż' | 'ž' => 'Z',
        _ => return None,
    })
}

/// The codes that stand more than once among these.
#[must_use]
pub fn has_doubles(codes: &[&str]) -> bool {
    let mut seen = BTreeSet::new();
    codes.iter().any(|code| !seen.insert(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_of_the_specification() {
        for (upn, letter) in [("A950000178301", "A"), ("H243278544154", "H")] {
            assert_eq!(upn_letter(upn), letter, "{upn}");
        }
        assert_ne!(upn_letter("R247962919251"), "R");
        // A temporary number ends in a letter.
        assert_eq!(upn_letter("X80120000100A").len(), 1);
        for wrong in ["", "A95000017830", "A9500001783011", "A95000O178301", "A95000017830I", "Ä950000178301"]
        {
            assert_eq!(upn_letter(wrong), "", "{wrong}");
        }
    }

    #[test]
    fn names_that_sound_alike() {
        for (name, code) in [
            ("Washington", "W252"),
            ("Lee", "L000"),
            ("Gutierrez", "G362"),
            ("Pfister", "P236"),
            ("Jackson", "J250"),
            ("Tymczak", "T522"),
            ("VanDeusen", "V532"),
            ("Ashcraft", "A261"),
            ("O'Brien", "O165"),
            ("Müller", "M460"),
            ("Muller", "M460"),
            ("", ""),
            ("李", ""),
        ] {
            assert_eq!(soundex(name), code, "{name}");
        }
    }

    #[test]
    fn doubles_are_seen() {
        assert!(has_doubles(&["A", "B", "A"]) && !has_doubles(&["A", "B"]) && !has_doubles(&[]));
    }
}
