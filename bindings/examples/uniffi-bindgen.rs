//! Writes the other languages' side of the bindings: `cargo xtask bindings` calls it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
