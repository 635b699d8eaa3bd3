//! What the core promises, asked for from the other side: the generated Python, the real library, a real
//! server process. The tests themselves are in `tests/python`.
//!
//! Needs Python 3.9 or newer, without any package, and the binary `alongside`; says so and skips itself
//! where one is missing. `BINDINGS_TESTS=required` makes it fail there, `BINDINGS_TESTS=skip` skips it;
//! `SERVER_BINARY` and `PYTHON` name other programs.

use std::{
    env::{self, consts},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use uniffi::{GenerateOptions, TargetLanguage};

/// What the test needs, or what is missing.
fn tools() -> Result<(String, PathBuf), String> {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let is_new = "import sys; sys.exit(sys.version_info < (3, 9))";
    let version = Command::new(&python).args(["-c", is_new]).status();
    if !version.is_ok_and(|status| status.success()) {
        return Err(format!("`{python}` of version 3.9 or newer"));
    }
    let server = env::var_os("SERVER_BINARY")
        .map_or_else(|| built().join("..").join(format!("alongside{}", consts::EXE_SUFFIX)), PathBuf::from);
    match server.canonicalize() {
        Ok(server) => Ok((python, server)),
        Err(_) => Err("the binary `alongside` (`cargo build -p alongside`)".to_owned()),
    }
}

/// The folder in which this test, and the library under test, were built.
fn built() -> PathBuf {
    let test = env::current_exe().expect("where this test is");
    test.parent().expect("the folder of this test").to_owned()
}

fn generate(out: &Path) {
    let name = format!("{}alongside_ffi{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
    let library = built().join(&name);
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let options = GenerateOptions {
        languages: vec![TargetLanguage::Python],
        source: text(&library).into(),
        out_dir: text(out).into(),
        config_override: None,
        format: false,
        crate_filter: None,
        metadata_no_deps: true,
    };
    uniffi::generate(options).expect("the bindings for Python");
    fs::copy(&library, out.join(name)).expect("the library beside them");
}

#[test]
fn the_contract_holds_in_python() {
    let wanted = env::var("BINDINGS_TESTS").unwrap_or_default();
    if wanted == "skip" {
        println!("skipped: BINDINGS_TESTS=skip");
        return;
    }
    let (python, server) = match tools() {
        Ok(tools) => tools,
        Err(missing) if wanted == "required" => panic!("missing: {missing}"),
        Err(missing) => {
            println!("skipped, for want of {missing}");
            return;
        }
    };
    let generated = tempfile::tempdir().expect("a folder");
    generate(generated.path());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let ran = Command::new(python)
        .args(["-m", "unittest", "discover", "--verbose", "--start-directory"])
        .arg(&tests)
        .env("PYTHONPATH", generated.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SERVER_BINARY", server)
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}\n{said}", String::from_utf8_lossy(&ran.stdout));
    let count = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok());
    assert!(count.is_some_and(|count: u32| count > 30), "the tests were not found:\n{said}");
}
