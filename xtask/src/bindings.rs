//! The other languages' side of the bindings, written by the generator of `bindings/examples`.

use std::{
    env::{self, consts},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail};

/// A language that the bindings are written for.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Language {
    Python,
    Kotlin,
    Swift,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
        }
    }
}

/// Builds the library and writes its bindings for this language.
pub(crate) fn generate(language: Language, out: &Path) -> Result<()> {
    let package = ["--locked", "-p", "alongside-ffi", "--example", "uniffi-bindgen"];
    cargo(Command::new("cargo").arg("build").args(package).arg("--lib"))?;
    // This program stands beside what it builds.
    let program = env::current_exe().context("where this program is")?;
    let folder = program.parent().context("the folder of this program")?;
    let library = folder.join(format!("{}alongside_ffi{}", consts::DLL_PREFIX, consts::DLL_SUFFIX));
    let names = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/languages.toml");
    let mut generator = Command::new("cargo");
    generator.args(["run", "--quiet"]).args(package).args(["--", "generate", "--no-format"]);
    generator.args(["--language", language.name(), "--config"]).arg(names);
    cargo(generator.arg("--out-dir").arg(out).arg(&library))?;
    if let (Language::Python, Some(name)) = (language, library.file_name()) {
        fs::copy(&library, out.join(name)).with_context(|| format!("{}", library.display()))?;
    }
    Ok(())
}

fn cargo(command: &mut Command) -> Result<()> {
    let status = command.status().context("cargo could not be started")?;
    if !status.success() {
        bail!("cargo ended with {status}");
    }
    Ok(())
}
