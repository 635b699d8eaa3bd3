//! `docs/expressions.md` lists every function, as the code has it.

use std::fmt::Write as _;

use alongside_domain::form::expr::{FUNCTIONS, Group};

const BEGIN: &str = "<!-- functions: begin -->\n";
const END: &str = "<!-- functions: end -->\n";

fn listed() -> String {
    let mut out = String::new();
    for group in Group::ALL {
        writeln!(out, "\n### {}\n\n| function | gives | |\n|---|---|---|", group.title())
            .expect("a text takes any line");
        for known in FUNCTIONS.iter().filter(|known| known.group == group) {
            writeln!(out, "| `{}({})` | {} | {} |", known.name, known.takes, known.returns, known.what)
                .expect("a text takes any line");
        }
    }
    out.push('\n');
    out
}

#[test]
fn the_document_lists_every_function_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/expressions.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (list, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", listed())).unwrap();
        return;
    }
    assert_eq!(list, listed(), "run this test with UPDATE_DOCS=1 and look at the difference");
}
