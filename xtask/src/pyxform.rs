//! The XForms that we write beside those of pyxform, the standard's own converter.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::run_program;

/// The version that the differences were looked through for.
const VERSION: &str = "4.5.0";

/// Installs pyxform into the target folder where it is not there, and compares the corpus.
pub(crate) fn compare() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // This program stands beside what is built.
    let program = env::current_exe().context("where this program is")?;
    let target = program.ancestors().nth(2).context("the target folder")?.join("pyxform");
    let python = installed(&target.join(VERSION))?;

    // As the lane `test` builds it: what that built is used.
    run_program(Command::new("cargo").args(["test", "--quiet", "--locked", "--workspace", "--no-run"]))?;
    let alongside = program.with_file_name(format!("alongside{}", env::consts::EXE_SUFFIX));

    let corpus = root.join("core/domain/tests/xform/forms");
    let mut forms = Vec::new();
    for entry in fs::read_dir(&corpus).with_context(|| corpus.display().to_string())? {
        forms.push(entry?.path());
    }
    forms.sort();
    let ours = target.join("ours");
    fs::create_dir_all(&ours).with_context(|| ours.display().to_string())?;
    for form in &forms {
        let stem = form.file_stem().context("a form has a name")?;
        let out = ours.join(stem).with_extension("xml");
        let mut convert = Command::new(&alongside);
        convert.args(["forms", "convert"]);
        run_program(convert.arg(form).arg("--out").arg(&out))?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pyxform/compare.py");
    run_program(Command::new(&python).arg(script).arg(&ours).args(&forms))
}

/// The Python that has pyxform.
fn installed(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    // Written last: an installation that was broken off is made again.
    let mark = folder.join("installed");
    if !mark.exists() {
        let _ = fs::remove_dir_all(folder);
        run_program(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let wanted = format!("pyxform=={VERSION}");
        run_program(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &wanted,
        ]))?;
        fs::write(&mark, VERSION).with_context(|| mark.display().to_string())?;
    }
    Ok(python)
}
