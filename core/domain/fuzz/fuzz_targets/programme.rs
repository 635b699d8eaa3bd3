//! A programme package of which one file is the fuzzer's.

#![no_main]

use std::sync::LazyLock;

use alongside_domain::programme::{builtin, package};
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<package::Files> = LazyLock::new(builtin::independent_support_files);

fuzz_target!(|input: (u8, Vec<u8>)| {
    let mut files = FILES.clone();
    let names: Vec<String> = files.keys().cloned().collect();
    files.insert(names[usize::from(input.0) % names.len()].clone(), input.1);
    if let Err(problems) = package::read(&files) {
        assert!(!problems.is_empty(), "a package that is not taken says why");
    }
});
