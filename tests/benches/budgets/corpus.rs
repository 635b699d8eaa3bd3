//! Generated work: the corpus that packs are measured on. Its devices, names and sentences are others
//! than those that the dictionary was trained with.

#[path = "../../../core/domain/examples/pack_corpus/corpus.rs"]
mod generator;

use anyhow::Result;

pub(crate) use generator::{Case, Device, Generator, MEASURED, Written, in_order_of_receipt, line, patch};

/// Size of JSON lines, zstd -19.
pub(crate) fn json_bytes<'a>(lines: impl IntoIterator<Item = &'a serde_json::Value>) -> Result<f64> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(zstd::bulk::compress(&text, 19)?.len() as f64)
}
