//! The tables of `docs/form-coverage.md`, written of the corpus and of the table of expressions.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use alongside_domain::form::expr::FUNCTIONS;
use serde::Deserialize;

use super::{
    corpus::{Clause, Corpus, Heading, corpora},
    expressions::{self, COMPARED, Kind, Need},
};

/// How far a heading is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Shown,
    InPart,
    Hole,
    NotApplicable,
}

fn standing(clause: &Clause) -> Standing {
    match (clause.not_applicable.is_empty(), clause.hole.is_empty(), clause.case.is_empty()) {
        (false, ..) => Standing::NotApplicable,
        (_, true, _) => Standing::Shown,
        (_, false, false) => Standing::InPart,
        (_, false, true) => Standing::Hole,
    }
}

/// Everything that is shown, and everything that is not.
fn written() -> String {
    let corpora = corpora();
    let mut out = String::new();
    summary(&corpora, &mut out);
    for corpus in &corpora {
        clauses(corpus, &mut out);
    }
    functions(&mut out);
    coercions(&mut out);
    errors(&corpora, &mut out);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// The clauses of a specification in the order of its headings.
fn all(corpus: &Corpus) -> impl Iterator<Item = (&Heading, &Clause)> {
    corpus.headings.iter().map(|heading| (heading, &corpus.clauses[&heading.id]))
}

fn summary(corpora: &[Corpus], out: &mut String) {
    line(
        out,
        "\n| specification | clauses | shown | in part | holes | do not apply | forms |\n|---|---|---|---|---|---|---|",
    );
    for corpus in corpora {
        let count = |wanted| all(corpus).filter(|(_, clause)| standing(clause) == wanted).count();
        let forms: usize = all(corpus).map(|(_, clause)| clause.case.len()).sum();
        let counts = [Standing::Shown, Standing::InPart, Standing::Hole, Standing::NotApplicable].map(count);
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        let title = corpus.specification.title;
        let _ = writeln!(out, "| {title} | {} | {} | {forms} |", corpus.headings.len(), counts.join(" | "));
    }
}

fn clauses(corpus: &Corpus, out: &mut String) {
    let _ = writeln!(
        out,
        "\n## {}\n\n| clause | forms | compared | not shown |\n|---|---|---|---|",
        corpus.specification.title
    );
    for (heading, clause) in all(corpus) {
        let indent = "· ".repeat(heading.depth - 2);
        let mut compared: Vec<&str> = clause.case.iter().flat_map(super::corpus::Case::shows).collect();
        compared.sort_unstable();
        compared.dedup();
        let remark = match standing(clause) {
            Standing::Shown => String::new(),
            Standing::NotApplicable => format!("does not apply: {}", clause.not_applicable),
            Standing::InPart => format!("**In part.** {}", clause.hole),
            Standing::Hole => format!("**Hole.** {}", clause.hole),
        };
        let forms = if clause.case.is_empty() { String::new() } else { clause.case.len().to_string() };
        let _ = writeln!(
            out,
            "| {indent}[{}]({}) | {forms} | {} | {} |",
            heading.title,
            heading.address(corpus.specification),
            compared.join(", "),
            remark.trim()
        );
    }
}

fn functions(out: &mut String) {
    let named = expressions::functions();
    let calls = expressions::calls();
    line(
        out,
        "\n## Functions\n\n| function | XPath 1.0 | ODK XForms | rows | not shown |\n|---|---|---|---|---|",
    );
    let mut names: Vec<&str> = Vec::new();
    let ours = FUNCTIONS.iter().map(|known| known.name);
    let theirs = named.odk.iter().chain(&named.later).chain(&named.xpath).map(String::as_str);
    for name in theirs.chain(ours) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let has = |list: &[String], name: &str| if list.iter().any(|known| known == name) { "yes" } else { "" };
    for name in names {
        let odk = if has(&named.later, name).is_empty() { has(&named.odk, name) } else { "later" };
        let rows = calls.get(name).copied().unwrap_or_default();
        let remark = match named.missing.get(name) {
            Some(why) => format!("**Hole.** {why}"),
            None if rows == 0 => "**Hole.** No row.".to_owned(),
            None => String::new(),
        };
        let rows = if named.missing.contains_key(name) { String::new() } else { rows.to_string() };
        let _ = writeln!(out, "| `{name}` | {} | {odk} | {rows} | {remark} |", has(&named.xpath, name));
    }
}

/// A number of rows, or that there is none.
fn rows(count: Option<&usize>) -> String {
    count.map_or_else(|| "**0**".to_owned(), ToString::to_string)
}

fn coercions(out: &mut String) {
    let counts = expressions::coercions();
    line(
        out,
        "\n## How values become each other\n\nRows in which what stands on the left is needed as what stands above.\n",
    );
    let titles: Vec<&str> = Need::ALL.into_iter().map(Need::title).collect();
    let _ = writeln!(out, "| | {} |\n|---|{}", titles.join(" | "), "---|".repeat(titles.len()));
    for kind in Kind::ALL {
        let cells = Need::ALL.map(|need| rows(counts.become_.get(&(kind, need))));
        let _ = writeln!(out, "| {} | {} |", kind.title(), cells.join(" | "));
    }
    for (title, pairs) in [
        ("Rows in which two values are compared by `=` or `!=`.", &counts.equal),
        ("Rows in which two values are compared by `<`, `<=`, `>` or `>=`.", &counts.order),
    ] {
        let titles: Vec<&str> = COMPARED.into_iter().map(Kind::title).collect();
        let _ =
            writeln!(out, "\n{title}\n\n| | {} |\n|---|{}", titles.join(" | "), "---|".repeat(titles.len()));
        for one in COMPARED {
            let cells = COMPARED
                .map(|other| if one < other { String::new() } else { rows(pairs.get(&(other, one))) });
            let _ = writeln!(out, "| {} | {} |", one.title(), cells.join(" | "));
        }
    }
}

fn errors(corpora: &[Corpus], out: &mut String) {
    line(out, "\n## Errors of expressions\n\n| code | rows | forms | not shown |\n|---|---|---|---|");
    let forms = forms_with_errors(corpora);
    for (code, rows) in expressions::failures() {
        let forms = forms.get(code).copied().unwrap_or_default();
        let remark = if rows + forms == 0 { "**Hole.**" } else { "" };
        let _ = writeln!(out, "| `{code}` | {rows} | {forms} | {remark} |");
    }
}

/// The forms in which an expression has each error: those of the clauses, and those of the mistakes.
fn forms_with_errors(corpora: &[Corpus]) -> BTreeMap<String, usize> {
    #[derive(Deserialize)]
    struct Catalogue {
        case: Vec<Mistake>,
    }
    #[derive(Deserialize)]
    struct Mistake {
        ours: Vec<String>,
    }
    let mistakes: Catalogue =
        toml::from_str(include_str!("../problems/cases.toml")).expect("the mistakes can be read");
    let clauses = corpora.iter().flat_map(|corpus| corpus.clauses.values());
    let cases = clauses.flat_map(|clause| &clause.case).map(|case| &case.problems);
    let mut counts = BTreeMap::new();
    for problems in cases.chain(mistakes.case.iter().map(|mistake| &mistake.ours)) {
        let mut codes: Vec<&str> = problems.iter().filter_map(|problem| problem.rsplit(' ').next()).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            *counts.entry(code.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn the_document_holds_these_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/form-coverage.md");
    let document = fs::read_to_string(&path).expect("the document");
    let (begin, end) = ("<!-- coverage: begin -->\n", "<!-- coverage: end -->");
    let (before, rest) = document.split_once(begin).expect("a mark where the tables begin");
    let (now, after) = rest.split_once(end).expect("a mark where they end");
    let wanted = format!("{}\n", written());
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{before}{begin}{wanted}{end}{after}"))
            .expect("the document can be written");
        return;
    }
    assert!(now == wanted, "run again with UPDATE_DOCUMENTS=1, and look at the difference");
}

/// A function that a specification names is there, or it is said why not; and the other way round.
#[test]
fn no_function_of_a_specification_is_forgotten() {
    let named = expressions::functions();
    let is_ours = |name: &str| FUNCTIONS.iter().any(|known| known.name == name);
    for name in named.xpath.iter().chain(&named.odk).chain(&named.later) {
        assert!(
            is_ours(name) != named.missing.contains_key(name),
            "{name} is either there, or its absence has a reason"
        );
    }
    for name in named.missing.keys() {
        let is_named = |list: &[String]| list.iter().any(|known| known == name);
        assert!(
            is_named(&named.xpath) || is_named(&named.odk) || is_named(&named.later),
            "no specification names {name}"
        );
    }
}

/// The rows are counted by what stands in them; what is compiled of them says the same.
#[test]
fn calls_are_counted_as_they_are_compiled() {
    use alongside_domain::form::expr::Expr;
    let mut compiled = 0;
    for row in super::rows::rows() {
        let Ok(expr) = Expr::compile(&row.expression) else { continue };
        compiled += 1;
        let mut seen = expressions::called(&row.expression);
        // Tests of nodes look like calls.
        for test in ["text", "node", "comment", "processing-instruction"] {
            seen.remove(test);
        }
        let read: std::collections::BTreeSet<String> =
            expr.reads().functions.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(seen, read, "line {}: {}", row.line, row.expression);
    }
    assert!(compiled > 600, "{compiled}");
}
