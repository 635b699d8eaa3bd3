//! Functions that leave something to chance. All of it comes from the seed of the surroundings.

use sha2::{Digest as _, Sha256};

use super::{Atom, Evaluation, Frame, Outcome, call::index_of};
use crate::form::expr::{ast::Node, context::Context};

impl<'e, C: Context> Evaluation<'e, C> {
    /// A number from 0 up to but without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub(super) fn random(&self) -> f64 {
        let bytes = self.around.draw();
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A random identifier, or a random text of a length.
    pub(super) fn uuid(
        &self,
        length: Option<&'e Node>,
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<String> {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let Some(length) = length else {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&self.around.draw()[..16]);
            return Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string());
        };
        let number = self.numeric(length, frame)?;
        let Some(wanted) = index_of(number) else {
            return Err(self.mismatch(
                length,
                "The length is no whole number.",
                "Write how many characters.",
            ));
        };
        self.bounded_text(wanted, at)?;
        let mut out = String::with_capacity(wanted);
        while out.len() < wanted {
            for byte in self.around.draw().iter().take(wanted - out.len()) {
                out.push(char::from(LETTERS[usize::from(*byte % 64)]));
            }
        }
        Ok(out)
    }

    /// The nodes in another order: that of the seed, or of chance.
    pub(super) fn randomize(
        &self,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Vec<C::Node>> {
        let nodes = self.nodes(&arguments[0], frame)?;
        self.step(nodes.len(), at)?;
        let seed = match arguments.get(1) {
            Some(argument) => {
                let value = self.evaluate(argument, frame)?;
                self.seed(&self.atom(&value))
            }
            None => {
                let mut first = [0; 8];
                first.copy_from_slice(&self.around.draw()[..8]);
                i64::from_le_bytes(first)
            }
        };
        Ok(shuffled(nodes, seed))
    }

    /// The seed that a value is: a number as it is, a text by its SHA-256, as JavaRosa has it.
    #[expect(clippy::cast_possible_truncation, reason = "as in Java, what is too great is the greatest")]
    fn seed(&self, value: &Atom<'_>) -> i64 {
        let number = value.number(&self.around.zone);
        if !number.is_nan() {
            return number as i64;
        }
        match value {
            Atom::Text(text) if !text.is_empty() => {
                let digest = Sha256::digest(text.as_bytes());
                let mut first = [0; 8];
                first.copy_from_slice(&digest[..8]);
                i64::from_be_bytes(first)
            }
            _ => 0,
        }
    }
}

/// The inside-out shuffle of Fisher and Yates with the generator of Park and Miller, which the standard
/// prescribes so that every client shows one order for one seed.
pub(crate) fn shuffled<N: Copy>(nodes: Vec<N>, seed: i64) -> Vec<N> {
    const MODULUS: i64 = 2_147_483_647;
    const FACTOR: i64 = 16_807;
    let mut state = seed % MODULUS;
    if state <= 0 {
        state += MODULUS - 1;
    }
    let mut out: Vec<N> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        // A seed of -(MODULUS - 1) leaves 0, which the generator never leaves again: as in the original.
        state = state * FACTOR % MODULUS;
        let part = part_of(state - 1, MODULUS - 1);
        let at = scaled(part, index + 1).min(index);
        if at == index {
            out.push(node);
        } else {
            let moved = out[at];
            out.push(moved);
            out[at] = node;
        }
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "both fit 31 bits")]
fn part_of(number: i64, whole: i64) -> f64 {
    number as f64 / whole as f64
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a small whole; a negative one is 0"
)]
fn scaled(part: f64, size: usize) -> usize {
    (part * size as f64).floor() as usize
}
