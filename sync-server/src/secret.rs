//! Secrets that the server gives out once and keeps only as hashes.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A token of 32 random bytes, in text that goes into a URL, a header or a cookie as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The secret of a console session: the value of the session's cookie.
pub type SessionSecret = Secret;

impl Secret {
    /// Mints a new one.
    #[must_use]
    pub fn mint() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// Takes one that somebody showed.
    #[must_use]
    pub fn shown(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The secret itself. For the one it belongs to, never for a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up: looking up a hash tells nothing about how near a guess was.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Crockford's base 32: no I, L, O, U, so that a code is read aloud and typed without mistakes.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time code that a person types: 16 digits of base 32 (80 bits) in four groups.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(String);

impl TypedCode {
    /// Mints a new one.
    #[must_use]
    pub fn mint() -> Self {
        Self(
            rand::random::<[u8; 16]>()
                .iter()
                .map(|byte| char::from(DIGITS[usize::from(byte & 31)]))
                .collect(),
        )
    }

    /// Reads what was typed: case, blanks and hyphens do not matter, O is 0, I and L are 1. `None`
    /// where it cannot be a code.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let mut code = String::with_capacity(16);
        for typed in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = match typed.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if code.len() == 16 || !u8::try_from(digit).is_ok_and(|digit| DIGITS.contains(&digit)) {
                return None;
            }
            code.push(digit);
        }
        (code.len() == 16).then_some(Self(code))
    }

    /// The code as it is shown: `7Q2M-K0XA-93TR-VB5D`.
    #[must_use]
    pub fn reveal(&self) -> String {
        let groups: Vec<&str> = (0..16).step_by(4).map(|at| &self.0[at..at + 4]).collect();
        groups.join("-")
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_recognised_however_it_is_typed() {
        let code = TypedCode::mint();
        let sloppy = code.reveal().to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(TypedCode::typed(&sloppy), Some(code));
        assert_eq!(TypedCode::typed("7Q2M-K0XA"), None);
        assert_eq!(TypedCode::typed("7Q2M-K0XA-93TR-VB5D-1"), None);
        assert_eq!(TypedCode::typed("7Q2M-K0XA-93TR-VB5U"), None);
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let secret = Secret::mint();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(Secret::shown(secret.reveal()).hash(), secret.hash());
        assert_ne!(Secret::mint(), secret);
    }
}
