//! The answers of a session as an ODK submission, which other tools read.

use std::sync::Arc;

use super::{Kind, Session, Slot};
use crate::form::{
    QuestionKind,
    expr::{Expr, Scalar, Surroundings},
    xform::element::Element,
};

impl Session {
    /// The answers as the primary instance of the form's XForm (`form::xform`). `instance_id` is the id of
    /// the record, such as `uuid:...`. What is not asked is not there; nor are answers without a place.
    #[must_use]
    pub fn submission(&self, instance_id: &str, around: &Surroundings) -> String {
        let form = Arc::clone(&self.form);
        let mut root = self.submitted(0, around);
        root.rename(form.root.clone());
        root.set("id", form.id.clone());
        if !form.version.is_empty() {
            root.set("version", form.version.clone());
        }
        let mut meta = Element::new("meta").child(Element::new("instanceID").text(instance_id));
        let name = form.instance_name.as_deref().and_then(|text| Expr::compile(text).ok());
        if let Some(name) = name
            && let Ok(name) = name.text(self, super::SessionNode::Record(0), around)
        {
            meta.push(Element::new("instanceName").text(name));
        }
        root.push(meta);
        root.document()
    }

    fn submitted(&self, at: u32, around: &Surroundings) -> Element {
        let here = &self.nodes[at as usize];
        let template = &self.form.templates[here.template];
        let element = Element::new(template.name.clone());
        if let Kind::Question(question) = &template.kind {
            let text = match &*self.value_at_the_end(at, around) {
                Scalar::Empty => return element,
                // A tick is `OK`, as other tools write it.
                Scalar::Boolean(true) if question.kind == QuestionKind::Acknowledge => "OK".to_owned(),
                value => value.text(&around.zone),
            };
            return element.text(text);
        }
        let mut element = element;
        let below = here.slots.iter().flat_map(Slot::nodes);
        for child in below.filter(|child| self.nodes[*child as usize].relevant) {
            let kind = &self.form.templates[self.nodes[child as usize].template].kind;
            let is_kept_apart = matches!(kind, Kind::Question(question)
                if matches!(&question.kind, QuestionKind::Standard(kind)
                    if matches!(kind.as_str(), "audit" | "xml-external" | "csv-external")));
            if !is_kept_apart {
                element.push(self.submitted(child, around));
            }
        }
        element
    }
}
