//! Another programme is another folder: a befriending service through the binary, the phone's core and the
//! pages, with none of Independent Support in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod browser;
mod check;
mod phone;
#[path = "../ops/process.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod process;
mod story;

use std::path::{Path, PathBuf};

fn programmes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programmes")
}

fn package() -> PathBuf {
    programmes().join("befriending")
}
