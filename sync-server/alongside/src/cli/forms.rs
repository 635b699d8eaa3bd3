//! Forms: what one computes, and how it runs.

use clap::Subcommand;

mod eval;
mod r#try;

/// What to do with a form.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compute an expression.
    Eval(eval::Eval),
    /// Run a form in the terminal, question by question.
    Try(r#try::Try),
}

pub(super) fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Eval(eval) => eval::run(&eval),
        Command::Try(r#try) => r#try::run(&r#try),
    }
}
