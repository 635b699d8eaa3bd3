//! `alongside forms convert` and `codebook`: a form, written for other tools and other people.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use alongside_domain::form::{Form, codebook::Codebook, xform, xlsform::Dialect};
use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::check;

/// Write a form as an ODK XForm.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// A workbook (.xlsx, .xls, .ods), a Markdown or CSV file, or a folder of CSV files.
    file: PathBuf,
    /// The file to write; without it, the XForm is printed.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Say what a form asks: every variable with its words, rules and codes.
#[derive(Debug, Args)]
pub(crate) struct Book {
    /// A workbook (.xlsx, .xls, .ods), a Markdown or CSV file, or a folder of CSV files.
    file: PathBuf,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Written::Csv)]
    format: Written,
    /// The file to write; without it, the codebook is printed.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a codebook is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// A row for each variable and code.
    Csv,
    /// One object.
    Json,
    /// A page that stands alone.
    Html,
}

pub(super) fn convert(command: &Convert) -> anyhow::Result<bool> {
    let converted = xform::convert(&form(&command.file)?);
    for note in &converted.notes {
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
    write(command.out.as_deref(), &converted.xml)?;
    Ok(true)
}

pub(super) fn book(command: &Book) -> anyhow::Result<bool> {
    let book = Codebook::new(&form(&command.file)?, &BTreeMap::new());
    let text = match command.format {
        Written::Csv => book.csv()?,
        Written::Json => format!("{}\n", book.json()?),
        Written::Html => book.page(),
    };
    write(command.out.as_deref(), &text)?;
    Ok(true)
}

/// A form without errors.
fn form(file: &Path) -> anyhow::Result<Form> {
    let opened = check::read(file, Dialect::Standard)?;
    if opened.has_error {
        let all: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
        anyhow::bail!("the form has problems:\n{}", all.join("\n"));
    }
    Ok(opened.form)
}

fn write(out: Option<&Path>, text: &str) -> anyhow::Result<()> {
    match out {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        // Whoever closed the pipe, as `head` does, has read enough.
        None => {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
    }
    Ok(())
}
