//! Compiles the built-in programme package in: lists its files for `programme::builtin`.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

const PACKAGE: &str = "../programmes/independent-support";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={PACKAGE}");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(PACKAGE);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What editors and file managers leave behind is no part of the package.
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside: Vec<_> =
                    path.strip_prefix(&root)?.iter().map(|part| part.to_string_lossy()).collect();
                files.push((inside.join("/"), path.to_string_lossy().into_owned()));
            }
        }
    }
    files.sort();
    let mut code = String::from("&[\n");
    for (inside, path) in files {
        writeln!(code, "    ({inside:?}, include_bytes!({path:?})),")?;
    }
    code.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("independent_support.rs"), code)?;
    Ok(())
}
