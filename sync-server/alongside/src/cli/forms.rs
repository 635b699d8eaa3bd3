//! `alongside forms`: one module for each of its commands.

use clap::Subcommand;

mod check;
mod convert;
mod eval;
mod line;
mod r#try;

/// What to do with a form.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with a form; ends with 1 where it cannot be used.
    Check(check::Check),
    /// Write a form as an ODK XForm, which other tools read.
    Convert(convert::Convert),
    /// Say what a form asks: every variable with its words, rules and codes.
    Codebook(convert::Book),
    /// Compute an expression.
    Eval(eval::Eval),
    /// Run a form in the terminal, question by question.
    Try(r#try::Try),
}

pub(super) fn run(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Check(check) => check::run(check),
        Command::Convert(convert) => convert::convert(convert),
        Command::Codebook(book) => convert::book(book),
        Command::Eval(eval) => eval::run(eval),
        Command::Try(r#try) => r#try::run(r#try),
    }
}
