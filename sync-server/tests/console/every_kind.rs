//! A programme with a form that asks in every way there is, answered by link, named and unnamed.

use alongside_domain::programme::{Programme, builtin, package};

const SURVEYS: &str = r#"
[[survey]]
code = "ALL"
title = "Everything"
form = "everything"
about = "Every kind of question."
minutes = 5
answered_as = "LA_LINK"
run_by = ["COORDINATOR"]
read_by = ["COORDINATOR"]
days = 28
remind_after = [7, 14]

[[survey]]
code = "HIDDEN"
title = "Everything, unnamed"
form = "everything"
about = "Nobody is told who wrote it."
minutes = 5
answered_as = "LA_LINK"
run_by = ["COORDINATOR"]
read_by = ["COORDINATOR"]
anonymous = true
least = 2
days = 28
"#;

/// The built-in programme with a form of every kind of question.
pub(crate) fn programme() -> Programme {
    let mut files = builtin::independent_support_files();
    files.insert("forms/everything.md".to_owned(), include_bytes!("everything.md").to_vec());
    files.entry("model.toml".to_owned()).or_default().extend_from_slice(
        b"\n[records.everything]\ngroup = \"survey\"\ncount = \"many\"\nretention = \"evaluation\"\n",
    );
    let had = files.remove("surveys.toml").unwrap_or_default();
    files.insert("surveys.toml".to_owned(), [had.as_slice(), SURVEYS.as_bytes()].concat());
    package::read(&files).map(|(programme, _)| programme).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}
