//! A codebook as a page that stands alone: no script, nothing loaded.

use super::{Codebook, Variable};
use crate::form::{Translated, xform::element::Element};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 1rem;\
color:#1a1a1a;background:#fff}h2{font-size:1.1rem;margin:2rem 0 .25rem}code{overflow-wrap:anywhere}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{font-weight:600}\
dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse}th,td{border:1px solid #767676;\
padding:.25rem .5rem;text-align:start;vertical-align:top}section{border-top:1px solid #767676}\
@media(max-width:30rem){dl{grid-template-columns:1fr}}@media print{section{break-inside:avoid}}";

fn element(name: &'static str, text: &str) -> Element {
    Element::new(name).text(text)
}

pub(super) fn page(book: &Codebook) -> String {
    let title = format!("Codebook: {}", book.title);
    let head = Element::new("head")
        .child(Element::new("meta").with("charset", "utf-8"))
        .child(
            Element::new("meta")
                .with("name", "viewport")
                .with("content", "width=device-width,initial-scale=1"),
        )
        .child(element("title", &title))
        .child(element("style", STYLE));
    let mut body = Element::new("body").child(element("h1", &title));
    let version = if book.version.is_empty() { "none" } else { &book.version };
    let count = book.variables.len();
    body.push(element("p", &format!("Form {}, version {version}. {count} variables.", book.form)));
    for variable in &book.variables {
        body.push(section(variable, &book.languages));
    }
    let html = Element::new("html").with("lang", "en").child(head).child(body);
    format!("<!DOCTYPE html>\n{}", html.fragment())
}

fn section(variable: &Variable, languages: &[String]) -> Element {
    let mut list = Element::new("dl");
    let mut say = |term: &'static str, texts: &[String]| {
        if !texts.is_empty() {
            list.push(element("dt", term));
            list.extend(texts.iter().map(|text| element("dd", text)));
        }
    };
    say("Key", std::slice::from_ref(&variable.key));
    say("Type", std::slice::from_ref(&variable.kind));
    say("Question", &spoken(&variable.label, languages));
    say("Hint", &spoken(&variable.hint, languages));
    say("Section", &variable.sections);
    say("Needed", variable.required.as_slice());
    say("Asked if", &variable.relevant);
    say("Right if", variable.constraint.as_slice());
    say("Computed", variable.calculation.as_slice());
    say("Codes in", variable.codes_in.as_slice());
    let heading = if variable.label.text().is_empty() { &variable.key } else { variable.label.text() };
    let mut section = Element::new("section").child(element("h2", heading)).child(list);
    if !variable.codes.is_empty() {
        let head = Element::new("tr")
            .child(element("th", "Code").with("scope", "col"))
            .child(element("th", "Meaning").with("scope", "col"));
        let mut body = Element::new("tbody");
        for code in &variable.codes {
            let meaning = spoken(&code.label, languages).join(" / ");
            body.push(
                Element::new("tr")
                    .child(Element::new("td").child(element("code", &code.code)))
                    .child(element("td", &meaning)),
            );
        }
        let caption = element("caption", &format!("Codes of {}", variable.key));
        section
            .push(Element::new("table").child(caption).child(Element::new("thead").child(head)).child(body));
    }
    section
}

/// A text in each language that it has, with the language before it where there are several.
fn spoken(text: &Translated, languages: &[String]) -> Vec<String> {
    let named = text.0.iter().filter(|(language, text)| !language.is_empty() && !text.is_empty());
    let named: Vec<String> = match languages.len() {
        0 | 1 => Vec::new(),
        _ => named.map(|(language, text)| format!("{language}: {text}")).collect(),
    };
    let plain = Some(text.text().to_owned()).filter(|text| !text.is_empty());
    if named.is_empty() { plain.into_iter().collect() } else { named }
}
