//! A form as somebody may have written it.

#![no_main]

use alongside_domain::form::xlsform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(problems) = xlsform::read("form.md", text) {
        assert!(!problems.is_empty(), "a form that is not taken says why");
    }
});
