//! Functions over texts.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Atom, Evaluation, Frame, Outcome, call::index_of};
use crate::{
    form::expr::{
        ast::{Call, Node},
        context::Context,
        error::{ErrorKind, ExprError},
        functions::Function,
        pattern::Pattern,
    },
    problem::suggest::did_you_mean,
};

/// The algorithms of `digest`.
pub(in crate::form::expr) const ALGORITHMS: [&str; 5] = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];
/// The encodings of `digest`.
pub(in crate::form::expr) const ENCODINGS: [&str; 2] = ["base64", "hex"];

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn text_function(
        &self,
        function: Function,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Cow<'e, str>> {
        if function == Function::Concat {
            return self.joined("", arguments, at, frame).map(Cow::Owned);
        }
        if function == Function::Join {
            let separator = self.string(&arguments[0], frame)?;
            return self.joined(&separator, &arguments[1..], at, frame).map(Cow::Owned);
        }
        let text = self.optional_string(arguments.first(), frame)?;
        self.bounded_text(text.len(), at)?;
        Ok(match function {
            Function::Substr => {
                let length = text.chars().count();
                let start = self.numeric(&arguments[1], frame)?;
                let end = match arguments.get(2) {
                    Some(end) => self.numeric(end, frame)?,
                    None => f64::INFINITY,
                };
                let (start, end) = (from_end(start, length), from_end(end, length));
                Cow::Owned(text.chars().skip(start).take(end.saturating_sub(start)).collect())
            }
            Function::Substring => {
                let start = half_up(self.numeric(&arguments[1], frame)?);
                let end = match arguments.get(2) {
                    Some(length) => start + half_up(self.numeric(length, frame)?),
                    None => f64::INFINITY,
                };
                let mut place = 0.0;
                let is_inside = |_: &char| {
                    place += 1.0;
                    place >= start && place < end
                };
                Cow::Owned(text.chars().filter(is_inside).collect())
            }
            Function::SubstringBefore => {
                let part = self.string(&arguments[1], frame)?;
                Cow::Owned(text.split_once(&*part).map_or("", |(before, _)| before).to_owned())
            }
            Function::SubstringAfter => {
                let part = self.string(&arguments[1], frame)?;
                Cow::Owned(text.split_once(&*part).map_or("", |(_, after)| after).to_owned())
            }
            Function::Translate => {
                let (from, to) = (self.string(&arguments[1], frame)?, self.string(&arguments[2], frame)?);
                let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
                self.step(from.len().saturating_mul(text.len()) / 16, at)?;
                let replaced: String = text
                    .chars()
                    .filter_map(|letter| match from.iter().position(|known| *known == letter) {
                        Some(place) => to.get(place).copied(),
                        None => Some(letter),
                    })
                    .collect();
                self.bounded_text(replaced.len(), at)?;
                Cow::Owned(replaced)
            }
            Function::NormalizeSpace => {
                let words: Vec<&str> = text.split_whitespace().collect();
                Cow::Owned(words.join(" "))
            }
            Function::Digest => Cow::Owned(self.digest(&text, arguments, frame)?),
            Function::Base64Encode => {
                let encoded = STANDARD.encode(text.as_bytes());
                self.bounded_text(encoded.len(), at)?;
                Cow::Owned(encoded)
            }
            Function::Base64Decode => {
                let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
                Cow::Owned(String::from_utf8(bytes).unwrap_or_default())
            }
            _ => text,
        })
    }

    fn joined(
        &self,
        separator: &str,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<String> {
        let mut out = String::new();
        for (index, part) in self.spread(arguments, frame)?.into_iter().enumerate() {
            if index > 0 {
                out.push_str(separator);
            }
            out.push_str(&part.text(&self.around.zone));
            if out.len() > self.around.limits.text {
                break;
            }
        }
        self.bounded_text(out.len(), at)?;
        Ok(out)
    }

    fn digest(&self, text: &str, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<String> {
        let algorithm = self.string(&arguments[1], frame)?;
        let encoding = match arguments.get(2) {
            Some(encoding) => self.string(encoding, frame)?,
            None => Cow::Borrowed("base64"),
        };
        let bytes = text.as_bytes();
        let digest: Vec<u8> = match algorithm.to_ascii_uppercase().as_str() {
            "MD5" => Md5::digest(bytes).to_vec(),
            "SHA-1" => Sha1::digest(bytes).to_vec(),
            "SHA-256" => Sha256::digest(bytes).to_vec(),
            "SHA-384" => Sha384::digest(bytes).to_vec(),
            "SHA-512" => Sha512::digest(bytes).to_vec(),
            _ => return Err(unknown_word(&arguments[1], "algorithm", &algorithm, &ALGORITHMS)),
        };
        match encoding.to_ascii_lowercase().as_str() {
            "base64" => Ok(STANDARD.encode(digest)),
            "hex" => Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
            _ => {
                let at = arguments.get(2).unwrap_or(&arguments[1]);
                Err(unknown_word(at, "encoding", &encoding, &ENCODINGS))
            }
        }
    }

    pub(super) fn regex(&self, call: &'e Call, at: &'e Node, frame: Frame<C::Node>) -> Outcome<bool> {
        let text = self.string(&call.arguments[0], frame)?;
        self.bounded_text(text.len() * 16, at)?;
        let refuse = |why: String| bad_pattern(&call.arguments[1], &why);
        match &call.pattern {
            Some(pattern) => pattern.matches(&text).map_err(refuse),
            None => {
                let pattern = self.string(&call.arguments[1], frame)?;
                // To compile a pattern costs more than most evaluations.
                self.step(1_000 + pattern.len() * 10, at)?;
                Pattern::new(&pattern).map_err(refuse)?.matches(&text).map_err(refuse)
            }
        }
    }

    /// A list of values as its texts.
    pub(super) fn texts(&self, values: Vec<Atom<'e>>) -> Vec<Cow<'e, str>> {
        values.into_iter().map(|value| value.text(&self.around.zone)).collect()
    }
}

/// A position of `substr`: negative ones count from the end.
fn from_end(position: f64, length: usize) -> usize {
    if position < 0.0 {
        length.saturating_sub(index_of(-position).unwrap_or(length))
    } else {
        index_of(position).unwrap_or(if position.is_nan() { 0 } else { length }).min(length)
    }
}

/// A number rounded as XPath rounds: halves upwards.
pub(super) fn half_up(number: f64) -> f64 {
    let below = number.floor();
    if number - below >= 0.5 { below + 1.0 } else { below }
}

pub(in crate::form::expr) fn bad_pattern(at: &Node, why: &str) -> ExprError {
    ExprError::new(
        ErrorKind::BadPattern,
        at.span(),
        format!("The regular expression cannot be used: {why}."),
        "Write it as in Java or JavaScript, without marks around it: `regex(., '[0-9]{5}')`.",
    )
}

pub(in crate::form::expr) fn unknown_word(
    at: &Node,
    what: &str,
    word: &str,
    known: &[&'static str],
) -> ExprError {
    ExprError::new(
        ErrorKind::WrongArgument,
        at.span(),
        format!("There is no such {what} of `digest`."),
        did_you_mean(
            word,
            known.iter().copied(),
            &format!("Write one of {}.", crate::problem::suggest::one_of(known.iter().copied())),
        ),
    )
}
