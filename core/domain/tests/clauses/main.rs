//! Every clause of the XLSForm reference and of the ODK XForms specification, with forms that show it.
//!
//! `xlsform.txt` and `xforms.txt` list the headings, the folders beside them hold a file for each chapter:
//! of every heading, forms with what is expected of them, or what is not done, or why it does not apply.
//! The tables of `docs/form-coverage.md` are written of these, and of the table of expressions
//! (`UPDATE_DOCUMENTS=1 cargo test -p alongside-domain --test clauses`).

mod corpus;
mod document;
mod expressions;
mod order;
mod pieces;
#[path = "../expr/rows.rs"]
#[expect(dead_code, reason = "the sections are for the tests of the table")]
mod rows;
mod run;
mod script;
#[path = "../expr/world.rs"]
#[expect(dead_code, reason = "values are written for the tests of the table")]
mod world;
#[path = "../xform/xml.rs"]
#[expect(dead_code, reason = "more of a document is looked for by the tests of XForms")]
mod xml;

use std::fmt::Write as _;

#[test]
fn every_clause_is_as_its_forms_show_it() {
    let mut wrong = String::new();
    for corpus in corpus::corpora() {
        for heading in &corpus.headings {
            for case in &corpus.clauses[&heading.id].case {
                for fault in run::faults(case) {
                    let _ = writeln!(
                        wrong,
                        "{} {}, {}:\n    {fault}",
                        corpus.specification.folder, heading.id, case.what
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
