//! A form as ODK XForm XML, which other tools read.
//!
//! What the XLSForm standard says of each column is written as the ODK XForms specification has it: the
//! model with the primary instance, lists and files, texts, binds and actions; then the body. Names
//! (`${name}`) become paths. What cannot be said in an XForm is named in [`Converted::notes`].

use super::Form;
use element::Element;
pub(in crate::form) use kinds::is_shown;
use plan::Plan;

mod body;
pub(crate) mod element;
mod entities;
mod kinds;
mod model;
mod plan;
mod refer;
mod texts;

/// A form as XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The XForm.
    pub xml: String,
    /// What of the form the XForm does not say, each in a sentence.
    pub notes: Vec<String>,
}

/// Writes a form as an XForm. It is meant for a form without errors; of one that has some it says what
/// it can.
#[must_use]
pub fn convert(form: &Form) -> Converted {
    let plan = Plan::new(form);
    let mut notes = plan.entities.notes.clone();
    let mut html = Element::new("h:html")
        .with("xmlns", "http://www.w3.org/2002/xforms")
        .with("xmlns:h", "http://www.w3.org/1999/xhtml")
        .with("xmlns:ev", "http://www.w3.org/2001/xml-events")
        .with("xmlns:xsd", "http://www.w3.org/2001/XMLSchema")
        .with("xmlns:jr", "http://openrosa.org/javarosa")
        .with("xmlns:orx", "http://openrosa.org/xforms")
        .with("xmlns:odk", "http://www.opendatakit.org/xforms");
    for (prefix, address) in namespaces(form) {
        html.set(format!("xmlns:{prefix}"), address);
    }
    let title = if form.title.is_empty() { &form.id } else { &form.title };
    let head = Element::new("h:head")
        .child(Element::new("h:title").text(title.clone()))
        .child(plan.model(&mut notes));
    let xml = html.child(head).child(plan.body()).document();
    Converted { xml, notes }
}

/// The namespaces that the settings add, `prefix="address"` with blanks between.
fn namespaces(form: &Form) -> impl Iterator<Item = (&str, String)> {
    let saves =
        !form.entities.is_empty() || form.questions().any(|question| question.extra.contains_key("save_to"));
    let ours = saves.then(|| ("entities", "http://www.opendatakit.org/xforms/entities".to_owned()));
    let written = form.setting("namespaces").unwrap_or_default().split_whitespace();
    let theirs = written.filter_map(|pair| {
        let (prefix, address) = pair.split_once('=')?;
        let is_known = ["h", "ev", "xsd", "jr", "orx", "odk"].contains(&prefix);
        let is_name = super::xlsform::is_xml_name(prefix) && !prefix.contains(':');
        (is_name && !is_known).then(|| (prefix, address.replace(['"', '\''], "")))
    });
    ours.into_iter().chain(theirs)
}
